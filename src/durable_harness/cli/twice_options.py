"""Options of a host that does work twice, to show what is not safe to be done again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from durable_harness.errors import UsageError

if TYPE_CHECKING:
    from durable_harness.stack.twice_calls import TwiceOptions

COUNTS = ("second", "first")


def add_twice_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument(
        "--twice",
        action="store_true",
        help="run every activity and entity operation twice, as a service may, and report what that changes",
    )
    parser.add_argument(
        "--twice-answer",
        choices=COUNTS,
        help="which of the two answers counts: second, the first one is lost (default); first, it comes late",
    )
    parser.add_argument("--twice-on-request", action="store_true", help=argparse.SUPPRESS)


def twice_options(options: argparse.Namespace) -> TwiceOptions:
    """Return the options as a value."""
    from durable_harness.stack.twice_calls import TwiceOptions  # noqa: PLC0415 - other commands do not pay for it

    if options.twice_answer is not None and not options.twice:
        raise UsageError("--twice-answer is for --twice: add it.")
    counts = (options.twice_answer or COUNTS[0]) if options.twice else None
    return TwiceOptions(counts, on_request=options.twice_on_request)
