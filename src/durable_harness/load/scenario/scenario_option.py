"""Options that belong to one scenario, declared beside it: on the command line, in the environment, in the config file.

SIZE = ScenarioOption("--burst-size", whole_number, "30", "operations of a burst")

class Burst(ArrivalUser):
    def arrivals(self):
        return Batches(SIZE.of(self), every_s=15)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Generic, TypeVar

import locust

from durable_harness.errors import UsageError
from durable_harness.load.options.declared_option import DeclaredOption

T = TypeVar("T")


class ScenarioOption(Generic[T]):
    """An option of one scenario: on Locust's command line, in the environment, in its config file and its web form.

    Declare it at the top of the scenario's module, so that it is known before Locust parses the command line:

        SIZE = ScenarioOption("--burst-size", whole_number, "30", "operations of a burst")

    Its twin in the environment follows from its name: `DURABLE_HARNESS_BURST_SIZE`.

    Args:
        name: its flag, with two hyphens.
        read: turns its text into a value. It raises `argparse.ArgumentTypeError` or `UsageError` for a text that it
            cannot read; that ends the command with code 2 before any load.
        default: the text that counts if the option is not given.
        meaning: what `--help` says of it. The default is added.
        names_file: leave the option out of the web form, since pages must not choose which file is read.
    """

    def __init__(
        self, name: str, read: Callable[[str], T], default: str, meaning: str, *, names_file: bool = False
    ) -> None:
        self.name = name
        self._option = DeclaredOption(
            name, read, default, meaning.rstrip("."), check=_check(read), in_web_form=not names_file
        )
        locust.events.init_command_line_parser.add_listener(self._add_to)

    def of(self, user: locust.User) -> T:
        """Return the option's value in the run of a user.

        Args:
            user: the scenario's user, such as `self` in its methods.

        Raises:
            UsageError: the web form accepted a value that `read` refuses. The message names the option.
        """
        try:
            return self._option.of(user.environment.parsed_options)
        except argparse.ArgumentTypeError as error:
            raise UsageError(str(error)) from error

    def _add_to(self, parser: argparse.ArgumentParser, **_: object) -> None:
        self._option.add_to_locust(parser)


def _check(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return the reader with the only error that argparse reports as a user's mistake."""

    def check(text: str) -> object:
        try:
            return read(text)
        except UsageError as error:  # of a file that it names
            raise argparse.ArgumentTypeError(str(error)) from error

    return check
