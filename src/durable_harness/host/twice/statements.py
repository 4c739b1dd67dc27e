"""What a statement did to a database, and whether it may be sent again."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from durable_harness.host.twice.effects import note

DATABASE = "database"
WRITES = re.compile(
    r"(?:with\b.*?\b(?<!for ))?"
    r"(insert|update|delete|replace|merge|upsert|call|exec|execute|create|drop|alter|truncate)\b"
    r"(?:\s+or\s+\w+)?(?:\s+(?:into|from|table|view|index|only))?\s*([\w.\"`\[\]]*)",
    re.IGNORECASE | re.DOTALL,
)
SETS = re.compile(r"([\w.\"`\[\]]+)\s*=\s*([^,]*)")
REPEATABLE = re.compile(r"\bon\s+conflict\b|\bon\s+duplicate\s+key\b|\bor\s+(?:replace|ignore)\b", re.IGNORECASE)
REPEATABLE_VERBS = frozenset({"update", "delete", "replace", "merge", "upsert", "create", "drop"})


def note_statement(statement: object, parameters: object, rows: int) -> None:
    """Note a statement that has written; `rows` is how many it changed, below 0 if that is not known."""
    with contextlib.suppress(Exception):  # such as parameters that cannot be shown: the statement has been carried out
        _note(_text(statement), parameters, rows)


def _note(text: str, parameters: object, rows: int) -> None:
    found = WRITES.match(text)
    if found is not None and rows != 0:
        verb, table = found[1].lower(), found[2]
        shown = f"{verb.upper()} {table}".strip()
        note(DATABASE, shown, text, repr(parameters), is_repeatable=_is_repeatable(verb, text))


def note_call(
    cursor: object, arguments: tuple[object, ...], named: Mapping[str, object], result: object = None
) -> None:
    """Note what a cursor was given to execute."""
    statement: object = arguments[0] if arguments else next(iter(named.values()), "")
    with contextlib.suppress(Exception):  # what psycopg's and psycopg2's module `sql` composes
        as_string = getattr(statement, "as_string", None)
        statement = statement if as_string is None else as_string(cursor)
    note_statement(statement, (*arguments[1:], *named.values()), _count(cursor, result))


def _text(statement: object) -> str:
    text = statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)
    return " ".join(text.split())


def _is_repeatable(verb: str, statement: str) -> bool:
    """Whether the same statement with the same values leaves what it left before: it sets values, and adds nothing."""
    if verb not in REPEATABLE_VERBS and not REPEATABLE.search(statement):
        return False
    _, _, sets = statement.lower().partition(" set ")
    assigned = SETS.findall(sets.partition(" where ")[0])
    names = ((name.rpartition(".")[2].strip('"`[]'), value) for name, value in assigned)
    return not any(re.search(rf"\b{re.escape(name)}\b", value) for name, value in names)


def _count(cursor: object, result: object) -> int:
    """Return how many rows were changed: by the cursor, or by a status such as `INSERT 0 1`; below 0 if unknown."""
    if isinstance(result, str) and result.rpartition(" ")[2].isdecimal():
        return int(result.rpartition(" ")[2])
    rows = getattr(cursor, "rowcount", -1)
    return rows if isinstance(rows, int) else -1
