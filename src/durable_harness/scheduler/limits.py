"""How long the names in requests and in workers' answers may be. docs/reference/limits.md lists all limits.

The service documents none of these. They are far above what people use, and keep a row of the store small.
"""

from __future__ import annotations

from collections.abc import Mapping

MAX_NAME_CHARS = 1000
MAX_TAGS = 100
MAX_TAG_VALUE_CHARS = 10_000
SHOWN_CHARS = 60
NUL = "\0"


def name_problem(kind: str, name: str, max_chars: int = MAX_NAME_CHARS) -> str | None:
    """Return what is wrong with the name of something, None if nothing is."""
    if len(name) > max_chars:
        return f"The {kind} '{name[:SHOWN_CHARS]}…' has {len(name)} characters; expected at most {max_chars}."
    if NUL in name:
        return f"The {kind} {name[:SHOWN_CHARS]!r} contains a NUL character."
    return None


def tags_problem(tags: Mapping[str, str]) -> str | None:
    """Return what is wrong with the tags of an orchestration or an activity, None if nothing is."""
    if not tags:
        return None
    if len(tags) > MAX_TAGS:
        return f"There are {len(tags)} tags; expected at most {MAX_TAGS}."
    for name, value in tags.items():
        problem = name_problem("tag", name) or name_problem(f"value of tag '{name}'", value, MAX_TAG_VALUE_CHARS)
        if problem:
            return problem
    return None
