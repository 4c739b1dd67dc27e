"""What an instance waits for as lines of text, shared by all that shows it: the terminal, tests, reports, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from durable_harness.why.facts import read_facts
from durable_harness.why.segments import Part
from durable_harness.why.waits import Wait, waits_of
from durable_harness.wording.lengths import readable


def waiting_for(document: Mapping[str, Any]) -> list[str]:
    """Return what the instance of a document waits for, the cause first: `external event 'paid': has not come …`.

    The list is empty if it has ended. What sub-orchestrations wait for takes the place of waiting for them.
    """
    return cause_lines(tuple(waits_of(read_facts(document))))


def cause_lines(waits: Sequence[Wait]) -> list[str]:
    """Return the lines of waits, the innermost first. What a sub-orchestration waits for takes its place."""
    explained = {wait.of for wait in waits}
    causes = [wait for wait in waits if wait.on not in explained]
    return wait_lines(sorted(causes, key=lambda wait: -wait.depth))


def wait_lines(waits: Iterable[Wait]) -> list[str]:
    """Return one line for each wait; what is alike is one line, with the oldest of its kind."""
    alike: dict[tuple[str, ...], list[Wait]] = {}
    for wait in waits:
        alike.setdefault((wait.what, wait.does, wait.line, wait.note, wait.owner), []).append(wait)
    return [_line(same) for same in alike.values()]


def _line(same: list[Wait]) -> str:
    wait, ages = same[0], [wait.age_ns for wait in same if wait.age_ns is not None]
    times = f"{len(same)} x " if len(same) > 1 else ""
    where = f" ({wait.line})" if wait.line else ""
    oldest = ", the oldest" if len(same) > 1 else ""
    # Of a timer it says more when it fires.
    age = f" (for {readable(max(ages))}{oldest})" if ages and wait.part is not Part.TIMER else ""
    note = f"; {wait.note}" if wait.note else ""
    owner = f" (in {wait.owner})" if wait.owner else ""
    return f"{times}{wait.what}{where}: {wait.does}{age}{note}{owner}"
