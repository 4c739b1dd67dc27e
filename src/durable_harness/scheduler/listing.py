"""Lists of instances for people, read from an index that is made a moment after the first list was asked for.

Until then operations do not pay for it, and lists are read from the table: making an index of 100,000 instances takes
three times as long as reading them once. It has the columns of all filters and orders, so that no row is read that is
not shown, and is itself in the usual order. For the other orders it is read whole: with an index for each of them
later pages would take 20 ms less, the first one 100 ms more, and every operation more. A page is found by what stood
at the end of the page before: far behind takes no longer than in front.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from durable_harness.protocol import pb
from durable_harness.protocol.listing import (
    BEGINNING_CHARS,
    DEFAULT_SORT,
    MOST_NAMES,
    InstanceChoices,
    InstanceFilter,
    InstanceListRequest,
    InstancePage,
    InstanceRow,
    Place,
)
from durable_harness.scheduler.storage.column_types import Row
from durable_harness.scheduler.storage.store import Store
from durable_harness.wording.foreign_text import beginning, looked_at

MOST_LOOKED_AT = 20_000
"""Of how many instances, the latest, the choices of filters are collected."""
INDEX = "instances_listed"
MAKE_INDEX = (
    f"CREATE INDEX IF NOT EXISTS {INDEX} ON instances"
    " (hub, created_ns DESC, id DESC, status, parent_key, name, version, tags, updated_ns, completed_ns)"
)
_IN_ORDER = "instances_created"
"""The index that is always there: it has the usual order and nothing of the filters."""
_STATUSES = tuple(pb.OrchestrationStatus.values())
_COLUMNS: Mapping[str, str] = {
    "created": "created_ns",
    "updated": "updated_ns",
    "name": "name",
    "id": "id",
    "version": "IFNULL(version, '')",
    "status": "status",
    "duration": "CASE WHEN completed_ns > 0 THEN completed_ns ELSE ? END - created_ns",
}
"""What lists are sorted by."""


def select_list(store: Store, hub: str, request: InstanceListRequest, *, has_index: bool) -> InstancePage:
    """Return one page of a list of instances, with the counts by status. `has_index`: whether INDEX is there."""
    found = _keys(store, hub, request, has_index=has_index)
    rows, counts = _rows(store, request.page_of(found)), _counts(store, hub, request.filter, has_index=has_index)
    return InstancePage(rows, counts, *request.has_around(found))


def select_choices(store: Store, hub: str, *, has_index: bool) -> InstanceChoices:
    """Return the names, versions and tags of the latest instances."""

    def common(column: str, more: str = "") -> list[tuple[str, int]]:
        statement = f"SELECT {column}, COUNT(*) FROM ({latest}){more} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_NAMES}"
        return [(str(name), count) for name, count in store.rows(statement, (hub,))]

    latest = (
        f"SELECT name, version, tags FROM instances {_from_index(has_index, _IN_ORDER)} WHERE hub = ?"
        f" ORDER BY created_ns DESC LIMIT {MOST_LOOKED_AT}"
    )
    tags = common("each.key || '=' || each.value", ", json_each(tags) AS each")
    return InstanceChoices(common("name"), common("IFNULL(version, '')"), tags)


def _keys(store: Store, hub: str, request: InstanceListRequest, *, has_index: bool) -> list[Row]:
    """Return the keys of a page's instances, and of one more, with the values that they are sorted by."""
    column = _COLUMNS[request.sort]
    now = [request.now_ns] if "?" in column else []
    where, values = _where(request.filter)
    order = "DESC" if request.reads_down else "ASC"
    place = request.place
    if place is not None:
        where += f" AND ({column}, created_ns, id) {'<' if request.reads_down else '>'} (?, ?, ?)"
        values += [*now, place.value, place.created_ns, place.instance_id]
    table = f"instances {_from_index(has_index, _IN_ORDER if request.sort == DEFAULT_SORT else None)}"
    ordered = f"ORDER BY 2 {order}, created_ns {order}, id {order}"
    statement = f"SELECT key, {column} FROM {table} WHERE hub = ?{where} {ordered} LIMIT ?"
    return list(store.rows(statement, [*now, hub, *values, request.size + 1]))


def _counts(store: Store, hub: str, chosen: InstanceFilter, *, has_index: bool) -> dict[int, int]:
    where, values = _where(chosen, but_statuses=True)
    each = ", ".join(f"COUNT(*) FILTER (WHERE status = {status})" for status in _STATUSES)  # a third less than GROUP BY
    statement = f"SELECT {each} FROM instances {_from_index(has_index, None)} WHERE hub = ?{where}"
    counts = next(store.rows(statement, [hub, *values]))
    return {status: count for status, count in zip(_STATUSES, counts, strict=True) if count}


def _from_index(has_index: bool, otherwise: str | None) -> str:  # noqa: FBT001 - private
    name = INDEX if has_index else otherwise
    return f"INDEXED BY {name}" if name else "NOT INDEXED"


def _where(chosen: InstanceFilter, *, but_statuses: bool = False) -> tuple[str, list[object]]:
    """Return the conditions of a filter, and their values."""
    parts: list[tuple[str, Sequence[object]]] = []
    for column, allowed in (
        ("status", () if but_statuses else chosen.statuses),
        ("name", chosen.names),
        ("IFNULL(version, '')", chosen.versions),
    ):
        if allowed:
            parts.append((f"{column} IN ({', '.join('?' * len(allowed))})", allowed))
    if chosen.id_part:
        # To LIKE a text ends at its first NUL, which no id has.
        like = ("id LIKE ? ESCAPE '\\'", [f"%{_literally(chosen.id_part)}%"])
        parts.append(like if "\0" not in chosen.id_part else ("0", ()))
    if chosen.since_ns is not None:
        parts.append(("created_ns >= ?", [chosen.since_ns]))
    if chosen.until_ns is not None:
        parts.append(("created_ns <= ?", [chosen.until_ns]))
    if not chosen.with_children:
        parts.append(("parent_key = 0", ()))
    parts += [_has_tag(name, value) for name, value in chosen.tags]
    return "".join(f" AND {part}" for part, _ in parts), [value for _, values in parts for value in values]


def _has_tag(name: str, value: str | None) -> tuple[str, Sequence[str]]:
    is_same = "" if value is None else " AND value = ?"
    condition = f"tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(tags) AS each WHERE each.key = ?{is_same})"
    return condition, [name] if value is None else [name, value]


def _literally(text: str) -> str:
    r"""Return a text as LIKE finds it itself: `%`, `_` and `\` are characters like others."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _rows(store: Store, keys: Sequence[Row]) -> list[InstanceRow]:
    # More than is shown: of a secret that was cut off within, the rest would not be known for one.
    begin = f"substr({{}}, 1, {looked_at(BEGINNING_CHARS)})".format
    statement = (
        "SELECT key, id, name, version, status, created_ns, updated_ns, completed_ns, parent_key > 0, children, tags,"
        f" {begin('input')}, {begin('output')}, {begin('custom_status')}, failure"
        " FROM instances WHERE key IN (SELECT value FROM json_each(?))"
    )
    wanted = json.dumps([key for key, _ in keys])
    found = {row[0]: row[1:] for row in store.rows(statement, (wanted,))}
    return [_row(found[key], value) for key, value in keys if key in found]


def _row(row: Row, sorted_by: int | str) -> InstanceRow:
    instance_id, name, version, status, created_ns, updated_ns, completed_ns, is_child, children, tags, *payloads = row
    *payloads, failure = payloads
    given, output, custom_status = (text and beginning(text, BEGINNING_CHARS) for text in payloads)
    return InstanceRow(
        instance_id,
        name,
        version or "",
        status,
        created_ns,
        updated_ns,
        completed_ns,
        bool(is_child),
        children,
        json.loads(tags) if tags else {},
        given,
        output,
        custom_status,
        None if failure is None else pb.TaskFailureDetails.FromString(failure),
        Place(sorted_by, created_ns, instance_id),
    )
