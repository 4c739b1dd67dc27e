"""The options of a load run, as `load --help` and the completion of shells show them: ours, and those of Locust."""

from __future__ import annotations

import argparse
from collections.abc import Container
from typing import cast

from durable_harness.extras import require
from durable_harness.load.options.declared_option import twins_text
from durable_harness.load.options.shared_options import START_PATH

TITLE = "load run options"


def load_parser() -> argparse.ArgumentParser:
    """Return Locust's parser with the options of load runs, which are its first group."""
    require("load", "load")
    from locust.argument_parser import (  # noqa: PLC0415 - heavy, and not always there
        get_empty_argument_parser,
        get_parser,
        setup_parser_arguments,
    )

    from durable_harness.load import ArrivalUser  # noqa: F401, PLC0415 - its import adds the options of load runs

    locusts_own = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(locusts_own)
    parser = cast("argparse.ArgumentParser", get_parser([]))
    _set_apart(parser, {option for action in locusts_own._actions for option in action.option_strings})  # noqa: SLF001
    return parser


def _set_apart(parser: argparse.ArgumentParser, others: Container[str]) -> None:
    """Move the options that are ours to a group that comes first; argparse has no public way to move one."""
    common, group = parser._optionals, parser.add_argument_group(TITLE, twins_text(START_PATH))  # noqa: SLF001
    for action in list(common._group_actions):  # noqa: SLF001
        if not any(option in others for option in action.option_strings):
            common._group_actions.remove(action)  # noqa: SLF001
            group._group_actions.append(action)  # noqa: SLF001
    parser._action_groups.remove(group)  # noqa: SLF001
    parser._action_groups.insert(0, group)  # noqa: SLF001
