"""Rows of text as aligned columns.

A column is as wide as a terminal shows it: a wide or combining character counts by its cells, not by its length.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

GAP = 2
"""Blanks between two columns."""
UNBROKEN = 100_000
"""A width in cells that no table reaches, so that rich neither wraps nor cuts a cell."""


def aligned(rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return one line for each row, without blanks at its end; the columns in `right` are aligned to the right."""
    from rich.console import Console  # noqa: PLC0415 - 40 ms, and most commands print no table
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = list(rows)
    if not rows:
        return []
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for column in range(max(map(len, rows))):
        table.add_column(justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    written = io.StringIO()
    Console(file=written, width=UNBROKEN, color_system=None, legacy_windows=False).print(table)
    return [line.rstrip() for line in written.getvalue().splitlines()]
