"""Who is to blame for an operation that did not complete: the party that answered, or did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from durable_harness.gate.who.parties import Party

UNANSWERED = "start not answered"
STATUS = re.compile(r"answered (\d{3})\b")
FRONT = frozenset({429, 502, 503, 504})
"""Statuses of proxies and hosts in front of the app's code, in any service."""
CLIENT_FULL = ("too many open files", "no file descriptors", "cannot assign requested address")
"""The errors of connecting when this machine has no more connections."""


class Blame(NamedTuple):
    """A party, and what it did."""

    party: Party
    what: str


class OperationFailure(NamedTuple):
    """How one operation ended."""

    state: str
    error: str
    ran_function: bool | None = None
    """Whether a function of the app answered its start; None if the host does not report it."""


def blame(failure: OperationFailure, *, is_ours: bool) -> Blame | None:
    """Return who is to blame for an operation, as far as its end shows; None if only its path can show it."""
    if failure.state == "timed out":
        return Blame(Party.UNKNOWN, "starts got no answer in time") if UNANSWERED in failure.error else None
    if failure.state == "refused":
        return _of_refused(failure, is_ours=is_ours)
    if failure.state in BY_ERROR:
        return BY_ERROR[failure.state](failure.error)
    return OF_OURS.get(failure.state, NOBODY) if is_ours else OF_OTHERS.get(failure.state, NOBODY)


def _of_failed(error: str) -> Blame:
    if error.startswith("its answer could not be read"):
        return Blame(Party.GENERATOR, "it could not read an answer")
    if error.startswith("status cannot be read"):
        return Blame(Party.HOST, "it answered polls with errors")
    if re.match(r"operation (terminated|cancell?ed)\b", error, re.IGNORECASE):
        return Blame(Party.UNKNOWN, "operations were ended from outside")
    return Blame(Party.APP, "its operations failed")


def _of_refused(failure: OperationFailure, *, is_ours: bool) -> Blame:
    found = STATUS.search(failure.error)
    status = int(found[1]) if found else 0
    if failure.ran_function:
        return Blame(
            Party.APP, f"its function answered starts with {status}" if status else "its function refused starts"
        )
    if failure.ran_function is False or status in FRONT or (is_ours and 400 <= status < 500):  # noqa: PLR2004 - 4xx
        return Blame(Party.HOST, f"it refused starts with {status}" if status else "it refused starts")
    return Blame(Party.UNKNOWN, f"starts were refused with {status}" if status else "starts were refused")


def _of_unreachable(error: str) -> Blame:
    lowered = error.lower()
    if any(words in lowered for words in CLIENT_FULL):
        return Blame(Party.GENERATOR, "it was out of connections")
    if "connection refused" in lowered:
        return Blame(Party.HOST, "nothing listened there")
    if "no answer in time" in lowered:
        return Blame(Party.UNKNOWN, "no answer came in time")
    return Blame(Party.NETWORK, "connections failed or broke")


BY_ERROR: Mapping[str, Callable[[str], Blame]] = {"failed": _of_failed, "unreachable": _of_unreachable}
"""By the state that operations ended in."""
NOBODY = Blame(Party.UNKNOWN, "it is not known who answered")
OF_OTHERS = {
    "wrong output": Blame(Party.APP, "its outputs are wrong"),
    "lost": Blame(Party.UNKNOWN, "the service no longer knew operations that it had accepted"),
}
OF_OURS = {**OF_OTHERS, "lost": Blame(Party.SCHEDULER, "it no longer knew operations that were accepted")}


def most_to_blame(blames: Counter[Blame]) -> Blame | None:
    """Return the blame that most operations have; of a tie the one that was counted first. None without blames."""
    return next((blamed for blamed, _ in blames.most_common(1)), None)


def blames_text(blames: Counter[Blame]) -> str:
    """Return what the parties to blame did, and for how many operations; the party of the first is named elsewhere."""
    texts = [f"{blamed.party}: {blamed.what} ({count:,})" for blamed, count in blames.most_common()]
    return "; ".join(texts).partition(": ")[2]
