"""What the columns of rows may hold. SQLite checks no types: bits that flip may turn a text into a number."""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from types import NoneType
from typing import Any

Row = tuple[Any, ...]  # type: ignore[explicit-any]  # which types its columns have, its statement alone knows
"""What a statement reads or writes. `check_types` checks what was read from a file."""
Kinds = Sequence[Collection[type]]

INTEGER, TEXT, BLOB = (int,), (str,), (bytes,)
TEXT_OR_NULL, BLOB_OR_NULL = (str, NoneType), (bytes, NoneType)

INSTANCE: Kinds = (
    INTEGER,  # key
    *(TEXT, TEXT, TEXT, TEXT_OR_NULL, TEXT_OR_NULL),  # hub, id, name, version, input
    *(INTEGER, INTEGER, INTEGER, INTEGER),  # the four times
    *(TEXT, INTEGER, TEXT_OR_NULL, TEXT_OR_NULL),  # execution_id, status, output, custom_status
    *(BLOB_OR_NULL, BLOB_OR_NULL, TEXT_OR_NULL, BLOB_OR_NULL),  # failure, parent, tags, trace
    *(INTEGER, INTEGER, INTEGER, INTEGER),  # begun_ns, modelled, parent_key, children
    *(BLOB_OR_NULL, INTEGER),  # costs, replay_due
)
ENTITY: Kinds = (TEXT, TEXT, INTEGER, TEXT_OR_NULL, TEXT_OR_NULL)  # hub, id, modified_ns, state, lock
OPERATION: Kinds = (INTEGER, TEXT, TEXT, INTEGER, BLOB)  # number, hub, entity, due_ns, event
LOCK_REQUEST: Kinds = (INTEGER, TEXT, TEXT)  # number, hub, request


def check_types(row: Sequence[object], kinds: Kinds) -> None:
    """Raise TypeError for a row that has a value of a type that its column does not take."""
    if not all(map(operator.contains, kinds, map(type, row))):
        raise TypeError("a column has a value of another type")
