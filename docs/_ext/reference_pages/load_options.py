"""The options that a load run adds to Locust's command line, as `durable_harness.load` declares them."""

import argparse
from typing import Any

from durable_harness.load.distributed.joining import RUN_TOKEN
from durable_harness.load.options.arguments import add_options
from reference_pages.commands import options_of
from reference_pages.markdown import directive, plain

PROGRAM = "durable-harness load"


class RecordingParser(argparse.ArgumentParser):
    """A parser that also takes what Locust's own parser takes: the environment twin, the place in the web form."""

    def add_argument(self, *names: str, **given: Any) -> argparse.Action:  # type: ignore[override]
        """Add an option; `env_var` and `include_in_web_ui` become attributes of its action."""
        variable, in_form = given.pop("env_var", ""), given.pop("include_in_web_ui", True)
        action = super().add_argument(*names, **given)
        action.env_var, action.in_form = variable, in_form  # type: ignore[attr-defined]
        return action


def load_options() -> list[argparse.Action]:
    """Return the options, each with `env_var` and `in_form`."""
    parser = RecordingParser(add_help=False)
    add_options(parser, None)
    RUN_TOKEN.add_to_locust(parser)
    return sorted(options_of(parser), key=lambda action: action.option_strings[0])


def write() -> str:
    """Return an entry for each option."""
    return "\n\n".join([directive("program", PROGRAM, ""), *map(_entry, load_options())])


def _entry(action: argparse.Action) -> str:
    value = str(action.metavar or "").strip("<>").upper() if action.nargs != 0 else ""
    value = "|".join(map(str, action.choices)) if action.choices else value
    facts = [
        f"Environment: `{action.env_var}`.",  # type: ignore[attr-defined]
        "" if action.in_form else "Not in the web form.",  # type: ignore[attr-defined]
    ]
    spelling = ", ".join(f"{name} {value}".rstrip() for name in action.option_strings)
    return directive("option", spelling, f"{plain(action.help or '')}\n\n{' '.join(filter(None, facts))}")
