"""What a list shows, read from its address: filters, order and place. The address has all of it."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from multidict import MultiMapping

from durable_harness.dashboard.texts import STATUSES_BY_WORD, status_label, status_word
from durable_harness.protocol.listing import (
    DEFAULT_PAGE_SIZE,
    DEFAULT_SORT,
    SORTS,
    InstanceFilter,
    InstanceListRequest,
    Place,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AGO = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FIRST_SORTED_DOWN = frozenset({"created", "updated", "duration"})
"""Columns whose largest value comes first, until one asks for the other order."""
MOST_VALUES = 50
LATEST_NS = 1 << 62

Pairs = list[tuple[str, str]]


def _span(word: str, value: str) -> str:
    return f"{word} {value} ago" if AGO.fullmatch(value) else f"{word} {value.replace('T', ' ').removesuffix('Z')} UTC"


NO_VERSION = "(none)"
"""How an address writes the version of instances without one: forms leave out what is empty."""

_LABELS: Mapping[str, Callable[[str], tuple[str, str]]] = {
    "id": lambda value: ("id contains", value),
    "status": lambda value: ("status", status_label(STATUSES_BY_WORD[value.lower()])),
    "name": lambda value: ("name", value),
    "version": lambda value: ("version", value),
    "tag": lambda value: ("tag", value),
    "since": lambda value: ("created", _span("from", value)),
    "until": lambda value: ("created", _span("until", value)),
    "children": lambda _value: ("children", "shown"),
}
"""The filters in the order in which they stand, with what is written on their chips."""


@dataclass(frozen=True)
class Chip:
    """A filter that is in force: what it says, and the list without it."""

    label: str
    value: str
    without: Pairs


@dataclass(frozen=True)
class Listed:
    """A list as its address describes it. `problems` are values that could not be taken; the list is without them."""

    pairs: tuple[tuple[str, str], ...]
    """The filters, as they stand in the address."""
    filter: InstanceFilter
    sort: str
    is_descending: bool
    place: Place | None
    is_backwards: bool
    now_ns: int
    problems: tuple[str, ...] = ()

    @property
    def request(self) -> InstanceListRequest:
        return InstanceListRequest(
            self.filter,
            self.sort,
            self.is_descending,
            DEFAULT_PAGE_SIZE,
            self.place,
            self.is_backwards,
            self.now_ns,
        )

    @property
    def order(self) -> Pairs:
        """The order as the address has it: nothing for the one that a list has by itself."""
        if (self.sort, self.is_descending) == (DEFAULT_SORT, True):
            return []
        word = self.sort if self.is_descending == (self.sort in FIRST_SORTED_DOWN) else f"-{self.sort}"
        return [("sort", word)]

    @property
    def query(self) -> Pairs:
        """The filters and the order, from the beginning of the list."""
        return [*self.pairs, *self.order]

    def sorted_by(self, column: str) -> Pairs:
        """Return the list sorted by a column; in the other order if it is that already."""
        is_same, falls_first = column == self.sort, column in FIRST_SORTED_DOWN
        is_descending = not self.is_descending if is_same else falls_first
        return dataclasses.replace(self, sort=column, is_descending=is_descending).query

    def direction(self, column: str) -> str:
        """Return a column's order in the words of ARIA."""
        if column != self.sort:
            return "none"
        return "descending" if self.is_descending else "ascending"

    def at(self, place: Place, *, is_backwards: bool) -> Pairs:
        """Return the page behind an instance, or the one in front of it."""
        return [*self.query, ("before" if is_backwards else "after", _token(place, self.now_ns))]

    @property
    def last(self) -> Pairs:
        return [*self.query, ("before", "")]

    def with_status(self, status: int) -> Pairs:
        """Return the list with a status added to its filters, or taken from them."""
        pair = ("status", status_word(status))
        kept = [one for one in self.pairs if one != pair]
        return [*kept, *self.order] if pair in self.pairs else [*self.pairs, pair, *self.order]

    @property
    def chips(self) -> Iterator[Chip]:
        for pair in self.pairs:
            without = [*(one for one in self.pairs if one != pair), *self.order]
            yield Chip(*_LABELS[pair[0]](pair[1]), without)

    def value(self, name: str) -> str:
        """Return the value of a filter that a list has once."""
        return next((value for key, value in self.pairs if key == name), "")


def read_listed(query: MultiMapping[str], now_ns: int) -> Listed:
    """Return the list that an address describes; `now_ns` is the present of the scheduler."""
    pairs = [pair for name in _LABELS for pair in dict.fromkeys((name, value.strip()) for value in _given(query, name))]
    reader = _AddressReader(now_ns)
    chosen = reader.filter(pairs)
    good = tuple(pair for pair in pairs if pair not in reader.refused)
    sort, is_descending = reader.order(query.get("sort", ""))
    is_backwards = "before" in query
    place, began_ns = reader.place(query.get("before" if is_backwards else "after", ""))
    problems = tuple(reader.problems)
    return Listed(good, chosen, sort, is_descending, place, is_backwards, began_ns or now_ns, problems)


def _given(query: MultiMapping[str], name: str) -> Sequence[str]:
    values = query.getall(name, [])[:MOST_VALUES]
    return values if name == "version" else [value for value in values if value.strip()]


class _AddressReader:
    """Reads the values of an address, and notes those that it cannot take."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self.problems: list[str] = []
        self.refused: set[tuple[str, str]] = set()

    def filter(self, pairs: Pairs) -> InstanceFilter:
        statuses = [status for pair in pairs if pair[0] == "status" and (status := self._status(pair)) is not None]
        times = {pair[0]: self._time(pair) for pair in pairs if pair[0] in {"since", "until"}}
        tags = [value.partition("=") for name, value in pairs if name == "tag"]
        return InstanceFilter(
            statuses=tuple(statuses),
            id_part=next((value for name, value in pairs if name == "id"), ""),
            names=tuple(value for name, value in pairs if name == "name"),
            versions=tuple("" if value == NO_VERSION else value for name, value in pairs if name == "version"),
            tags=tuple((name, value if equals else None) for name, equals, value in tags),
            since_ns=times.get("since"),
            until_ns=times.get("until"),
            with_children=("children", "yes") in pairs,
        )

    def order(self, word: str) -> tuple[str, bool]:
        column = word.removeprefix("-")
        if not word:
            return DEFAULT_SORT, True
        if column not in SORTS:
            self.problems.append(f"sort: got '{word}', expected one of {', '.join(SORTS)}, with a - for the reverse.")
            return DEFAULT_SORT, True
        return column, (column in FIRST_SORTED_DOWN) != word.startswith("-")

    def place(self, token: str) -> tuple[Place | None, int]:
        if not token:
            return None, 0
        try:
            place, now_ns = _read_token(token)
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error):
            self.problems.append("The place in the list cannot be read from the address: this is its beginning.")
            return None, 0
        return place, now_ns

    def _status(self, pair: tuple[str, str]) -> int | None:
        status = STATUSES_BY_WORD.get(pair[1].lower())
        if status is None:
            self._refuse(pair, f"one of {', '.join(STATUSES_BY_WORD)}")
        return status

    def _time(self, pair: tuple[str, str]) -> int | None:
        ago = AGO.fullmatch(pair[1])
        if ago is not None:
            return max(0, self._now_ns - int(ago[1]) * UNITS_S[ago[2]] * 1_000_000_000)
        try:
            at = datetime.fromisoformat(pair[1])
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
            whole_us = (at - EPOCH) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            self._refuse(pair, "a time in UTC such as 2026-01-31T08:00, or 15m, 2h or 1d for that long ago")
            return None
        return max(0, whole_us * 1000)

    def _refuse(self, pair: tuple[str, str], expected: str) -> None:
        self.refused.add(pair)
        self.problems.append(f"{pair[0]}: got '{pair[1][:60]}', expected {expected}.")


def _read_token(text: str) -> tuple[Place, int]:
    """Return the place in a token and the present of its list; raise the error of reading if it is not valid."""
    value, created_ns, instance_id, now_ns = json.loads(base64.urlsafe_b64decode(text.encode()))
    instance_id.encode()  # half of a surrogate pair, for which SQLite has no text, is a ValueError
    if isinstance(value, str):
        value.encode()
    else:
        value = _storable(value)
    return Place(value, _storable(created_ns), instance_id), _storable(now_ns)


def _storable(number: int) -> int:
    return min(max(int(number), 0), LATEST_NS)


def _token(place: Place, now_ns: int) -> str:
    document = [place.value, place.created_ns, place.instance_id, now_ns]
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()
