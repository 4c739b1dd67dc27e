"""Reading all rows of a damaged table that can be reached, and saying where the others would be."""

import sqlite3

import pytest

from durable_harness.scheduler.storage.scanning import LARGEST_KEY, MOST_FAILURES, Scan


class DamagedTable:
    """A table, in place of a connection to it: a read ends with an error at the first key on a damaged page."""

    def __init__(self, keys, damaged=()):
        self._keys, self._damaged = sorted(keys), damaged
        self.reads = 0

    def execute(self, query, limits):
        self.reads += 1
        low, high = limits
        last = self._keys[-1]
        keys = [key for key in self._keys if low <= key <= high]
        if high > last:
            keys.append(last if last in self._damaged else None)  # what is beyond all keys belongs to the last page
        for key in reversed(keys) if query.endswith("DESC") else keys:
            if key in self._damaged:
                raise sqlite3.DatabaseError("database disk image is malformed")
            if key is not None:
                yield (key,)


def scanned(table, **settings):
    """Return the keys that were read, in the order of reading, and the gaps as text."""
    scan = Scan(table, "operations", "number", "number", **settings)
    return [row[0] for row in scan.rows()], [str(gap) for gap in scan.gaps]


def test_a_whole_table_is_read_once_in_order():
    """Without damage there is one read and no gap."""
    table = DamagedTable(range(1, 1000))
    assert scanned(table) == (list(range(1, 1000)), [])
    assert table.reads == 1


@pytest.mark.parametrize(
    ("damaged", "gaps"),
    [
        (range(1, 9), ["numbers 1 to 8"]),
        (range(500, 508), ["numbers 500 to 507"]),
        ([*range(100, 140), 700, *range(800, 803)], ["numbers 100 to 139", "number 700", "numbers 800 to 802"]),
    ],
)
def test_only_the_rows_on_damaged_pages_are_missing(damaged, gaps):
    """Rows between damaged pages are read, each once, and the gaps name exactly what lies on these pages."""
    keys, found = scanned(DamagedTable(range(1, 1000), damaged))
    assert sorted(keys) == [key for key in range(1, 1000) if key not in damaged]
    assert found == gaps


def test_where_the_last_page_cannot_be_read_the_gap_has_no_end():
    """How many rows there were after the last one that was read is not known, and is not made up."""
    keys, gaps = scanned(DamagedTable(range(1, 1000), range(990, 1000)))
    assert sorted(keys) == list(range(1, 990))
    assert gaps == ["from number 990 on"]


def test_rows_between_damaged_beginning_and_end_are_found():
    """A table that can be read from neither end is probed up to the highest key that is known from elsewhere."""
    damaged = {*range(1, 20), *range(5_000, 5_020)}
    keys, _ = scanned(DamagedTable(range(1, 5_020), damaged), highest_known=5_019)
    assert sorted(keys) == list(range(20, 5_000))


def test_a_table_that_cannot_be_read_at_all_is_given_up_in_time():
    """The number of reads that fail is limited however large the keys are, and one gap names them all."""
    table = DamagedTable([1], [1])
    table.execute = lambda *_: (_ for _ in ()).throw(sqlite3.DatabaseError("no such table"))
    scan = Scan(table, "operations", "number", "number", highest_known=LARGEST_KEY)
    assert list(scan.rows()) == []
    assert [str(gap) for gap in scan.gaps] == ["from number 1 on"]
    assert scan._failures <= MOST_FAILURES + 2


def test_a_key_that_no_row_can_have_hides_no_other():
    """A wild number from a damaged page is no end of the table."""
    keys, gaps = scanned(DamagedTable([*range(1, 100), LARGEST_KEY + 5], range(50, 60)))
    assert set(range(60, 100)) <= set(keys)
    assert gaps == ["numbers 50 to 59"]
