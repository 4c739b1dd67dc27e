"""Options that belong to one scenario, declared beside it: on the command line, in the environment, in the config file.

SIZE = ScenarioOption("--burst-size", whole_number, "30", "Operations of a burst.")

class Burst(ArrivalUser):
    def arrivals(self):
        return Batches(SIZE.of(self), every_s=15)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import locust

from durable_harness.errors import UsageError
from durable_harness.load.options.values import checked

T = TypeVar("T")
ENVIRONMENT_PREFIX = "DURABLE_HARNESS_"


class ScenarioOption(Generic[T]):
    """An option of Locust's command line, with the environment twin that its name makes (DURABLE_HARNESS_BURST_SIZE).

    `read` turns its text into a value, or raises ArgumentTypeError or UsageError. Declare it at the top of the
    scenario's module. One that `names_file` is not in the web form: pages must not choose which file is read.
    """

    def __init__(
        self, name: str, read: Callable[[str], T], default: str, meaning: str, *, names_file: bool = False
    ) -> None:
        self.name = name
        self._is_in_form = not names_file
        self._key = name.removeprefix("--").replace("-", "_")
        self._read, self._default, self._meaning = read, default, meaning
        locust.events.init_command_line_parser.add_listener(self._add_to)

    def of(self, user: Any) -> T:
        """Return its value in the run of a user; raise UsageError for one that the web form let through."""
        try:
            return self._read(getattr(user.environment.parsed_options, self._key))
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{self.name}: {error}") from error

    def _check(self, text: str) -> None:
        try:
            self._read(text)
        except UsageError as error:  # of a file that it names
            raise argparse.ArgumentTypeError(str(error)) from error

    def _add_to(self, parser: Any, **_: Any) -> None:
        parser.add_argument(
            self.name,
            type=checked(self._check),
            metavar="<value>",
            env_var=ENVIRONMENT_PREFIX + self._key.upper(),
            default=self._default,
            include_in_web_ui=self._is_in_form,
            help=f"{self._meaning} Defaults to {self._default or 'none'}.",
        )
