"""The report on work that was delivered twice: a JSON document, put together from several and shown as text.

`{"functions": [...]}` has for each function its `kind`, its `name` and how often it was `delivered` twice; how often
the second answer was the `same`, the same but for `times`, an `other` one, or failed (`failedSecond`, `failedFirst`,
`failedBoth`); some `details` of those; `twice`, what it did twice, and `again`, what it repeated without harm, as
objects from what was done to how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from durable_harness.wording.foreign_text import shown

OUTCOMES = {
    "same": "same answer",
    "times": "same answer but for times",
    "other": "other answer",
    "failedSecond": "failed the second time",
    "failedFirst": "failed the first time only",
    "failedBoth": "failed both times",
}
REPORTED = ("times", "other", "failedSecond", "failedFirst", "failedBoth")
MOST_DETAILS = 3
MOST_EFFECTS = 20
OTHERS = "others"
MOST_SHOWN = 5
MOST_CHARS = 300


def merged(documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return one document for all that these have."""
    functions: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        for one in document["functions"]:
            known = functions.setdefault((one["kind"], one["name"].lower()), _empty(one))
            _add(known, one)
    return {"functions": list(functions.values())}


def acts_twice(document: dict[str, Any], name: str) -> dict[str, int]:
    """Return what a function, or an entity by whichever operation, did twice."""
    wanted = name.lower()
    found = (one for one in document["functions"] if wanted in {one["name"].lower(), _owner(one)})
    return {text: count for one in found for text, count in one["twice"].items()}


def was_delivered(document: dict[str, Any], name: str) -> bool:
    """Return whether a function, or an entity by whichever operation, was delivered twice."""
    wanted = name.lower()
    return any(wanted in {one["name"].lower(), _owner(one)} and one["delivered"] for one in document["functions"])


def is_empty(document: dict[str, Any]) -> bool:
    return not document["functions"]


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """Yield the report as text, what needs a look first."""
    for one in sorted(document["functions"], key=_rank):
        yield from _function_lines(one)
    if watched := document.get("watched"):
        seen = ", ".join([*watched["http"], *watched["databases"], "files, processes, connections, output bindings"])
        yield f"watched: {seen}"
        yield f"not seen: {watched['unseen']}"


def _empty(one: dict[str, Any]) -> dict[str, Any]:
    counts = dict.fromkeys(OUTCOMES, 0)
    return {"kind": one["kind"], "name": one["name"], "delivered": 0, **counts, "details": [], "twice": {}, "again": {}}


def _add(known: dict[str, Any], one: dict[str, Any]) -> None:
    for count in ("delivered", *OUTCOMES):
        known[count] += one[count]
    fresh = [detail for detail in one["details"] if detail not in known["details"]]
    known["details"] = [*known["details"], *fresh][:MOST_DETAILS]
    for effects in ("twice", "again"):
        for text, count in one[effects].items():
            into = known[effects]
            key = text if text in into or len(into) < MOST_EFFECTS else OTHERS
            into[key] = into.get(key, 0) + count


def _owner(one: dict[str, Any]) -> str:
    """Return the entity whose operation this is; nothing for an activity."""
    return str(one["name"]).partition(".")[0].lower() if one["kind"] == "entity" else ""


def _rank(one: dict[str, Any]) -> tuple[bool, bool, str]:
    is_troubled = any(one[outcome] for outcome in REPORTED if outcome != "times")
    return not one["twice"], not is_troubled, str(one["name"])


def _function_lines(one: dict[str, Any]) -> Iterator[str]:
    outcomes = [f"{text} {_times(one[key])}" for key, text in OUTCOMES.items() if one[key]]
    yield f"{shown(one['name'])} ({one['kind']}), delivered twice {_times(one['delivered'])}: {', '.join(outcomes)}"
    yield from (f"    {shown(detail, MOST_CHARS)}" for detail in one["details"])
    yield from _effect_lines("did twice", one["twice"])
    yield from _effect_lines("repeated without harm", one["again"])


def _effect_lines(what: str, effects: dict[str, int]) -> Iterator[str]:
    for text, count in list(effects.items())[:MOST_SHOWN]:
        yield f"    {what}: {shown(text, MOST_CHARS)}{f' ({count} times)' if count > 1 else ''}"
    if len(effects) > MOST_SHOWN:
        yield f"    {what}: {len(effects) - MOST_SHOWN} more"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
