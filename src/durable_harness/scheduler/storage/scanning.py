"""Reading the rows of a damaged table: all that can be reached, and where the others would be.

A read ends at the first damaged page. So a table is read from both ends, and then what lies between is divided until
the rows around the damaged pages are read: a page costs only the rows on it. Whatever could not be read is a gap.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from durable_harness.scheduler.storage.column_types import Row

LARGEST_KEY = 1 << 53
"""Keys count up from 1. A larger one was read from a damaged page."""
SMALLEST_INTEGER, LARGEST_INTEGER = -(1 << 63), (1 << 63) - 1
MOST_FAILURES = 20_000
"""How many reads of a table may fail. Its largest gaps are divided first: what is left then are ruins, or nothing."""
REACH = 1 << 20
"""How far beyond the last row that was read rows are looked for if the end of a table cannot be read."""


@dataclass(frozen=True)
class Gap:
    """Keys whose rows, as far as there were any, could not be read. `last` is None if the end is not known."""

    first: int
    last: int | None

    def __str__(self) -> str:
        if self.last is None:
            return f"from number {self.first} on"
        return f"number {self.first}" if self.first == self.last else f"numbers {self.first} to {self.last}"

    def __contains__(self, key: int) -> bool:
        return self.first <= key and (self.last is None or key <= self.last)


class Scan:
    """One reading of a table with an integer key, which is the first of `columns`. Each key is read once.

    `gaps` says afterwards what could not be read, in order. `highest_known` is a key that the table has by what else
    was read.
    """

    def __init__(self, source: sqlite3.Connection, table: str, key: str, columns: str, highest_known: int = 0) -> None:
        self._source = source
        self._query = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key} "
        self._highest_known = highest_known
        self._seen: set[int] = set()
        self._failures = 0
        self._lost: list[Gap] = []

    @property
    def gaps(self) -> list[Gap]:
        """Return the gaps, those that touch each other as one."""
        merged: list[Gap] = []
        for gap in sorted(self._lost, key=lambda gap: gap.first):
            if merged and merged[-1].last is not None and gap.first <= merged[-1].last + 1:
                merged[-1] = Gap(merged[-1].first, gap.last)
            else:
                merged.append(gap)
        return merged

    def rows(self) -> Iterator[Row]:
        is_whole = yield from self._read(SMALLEST_INTEGER, LARGEST_INTEGER, "ASC")
        if is_whole:
            return
        low = max(self._sane(), default=0)
        from_below = set(self._seen)
        yield from self._read(SMALLEST_INTEGER, LARGEST_INTEGER, "DESC")
        high = min(self._sane() - from_below, default=None)
        if high is None:
            high = max(low + REACH, self._highest_known + 1)
            self._lost.append(Gap(high, None))
        yield from self._divide(low + 1, high - 1)

    def _sane(self) -> set[int]:
        return {key for key in self._seen if 0 < key <= LARGEST_KEY}

    def _divide(self, first: int, last: int) -> Iterator[Row]:
        """Read what can be read of a range, the widest unread part of it first."""
        parts = [(first - last, first, last)]
        while parts and self._failures < MOST_FAILURES:
            _, first, last = heapq.heappop(parts)
            if first == last:
                yield from self._read_one(first)
                continue
            middle = (first + last + 1) // 2
            for low, high, order in ((middle, last, "ASC"), (first, middle - 1, "DESC")):
                unread = yield from self._read_part(low, high, order)
                if unread is not None:
                    heapq.heappush(parts, (unread[0] - unread[1], *unread))
        self._lost += [Gap(first, last) for _, first, last in parts if first <= last]

    def _read_one(self, key: int) -> Iterator[Row]:
        if not (yield from self._read(key, key, "ASC")):
            self._lost.append(Gap(key, key))

    def _read_part(self, low: int, high: int, order: str) -> Generator[Row, None, tuple[int, int] | None]:
        """Read a part from one side; return what is left of it, None if that is nothing."""
        is_whole = False
        for row in (reading := _Returning(self._read(low, high, order))):
            if order == "ASC":
                low = row[0] + 1
            else:
                high = row[0] - 1
            yield row
        is_whole = reading.returned
        return None if is_whole or low > high else (low, high)

    def _read(self, low: int, high: int, order: str) -> Generator[Row, None, bool]:
        """Read the rows of a range until one cannot be read; return whether all were."""
        try:
            for row in self._source.execute(self._query + order, (low, high)):
                if isinstance(row[0], int) and row[0] not in self._seen:
                    self._seen.add(row[0])
                    yield row
        except sqlite3.Error:
            self._failures += 1
            return False
        return True


class _Returning:
    """Iterates over a generator and keeps what it returns."""

    def __init__(self, generator: Generator[Row, None, bool]) -> None:
        self._generator = generator
        self.returned = False

    def __iter__(self) -> Iterator[Row]:
        self.returned = yield from self._generator
