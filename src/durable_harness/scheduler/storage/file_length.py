"""How long a file must be: its header counts its pages, and a write-ahead log may hold the last of them."""

from __future__ import annotations

import struct
from pathlib import Path

# Sizes and places of https://www.sqlite.org/fileformat.html, sections 1.3 and 4.1.
MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
PAGES_AT = 28
LOG_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
LARGEST_PAGE_BYTES = 65536


def log_of(path: Path) -> Path:
    """Return the path of a file's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def bytes_due(path: Path) -> int:
    """Return how long a file is by its header; 0 if it has none."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC) or header[24:28] != header[92:96]:
        return 0  # the number of pages holds only for the change that it was written with
    return _page_bytes(header) * int.from_bytes(header[28:32], "big")


def is_cut_off(path: Path) -> bool:
    """Whether a file lacks a part of its end that its log does not have either, as it has amid a checkpoint."""
    due, there = bytes_due(path), path.stat().st_size
    if there >= due:
        return False
    with path.open("rb") as file:
        page_bytes = _page_bytes(file.read(HEADER_BYTES))
    missing = range(there // page_bytes + 1, due // page_bytes + 1)
    return not _pages_in_log(log_of(path), page_bytes).issuperset(missing)


def is_too_long(path: Path) -> bool:
    """Whether a file has more pages than its header counts."""
    due = bytes_due(path)
    return 0 < due < path.stat().st_size


def recount_pages(path: Path) -> None:
    """Fill the last page of a file up with zeros: to SQLite a file with a part of a page is damaged."""
    with path.open("r+b") as file:
        page_bytes = _page_bytes(file.read(HEADER_BYTES))
        pages = -(-path.stat().st_size // page_bytes)
        file.truncate(pages * page_bytes)
        file.seek(PAGES_AT)
        file.write(pages.to_bytes(4, "big"))


def _page_bytes(header: bytes) -> int:
    size = int.from_bytes(header[16:18], "big")
    return LARGEST_PAGE_BYTES if size == 1 else size


def _pages_in_log(log: Path, page_bytes: int) -> set[int]:
    """Return the numbers of the pages that a log holds, up to its last commit."""
    committed: set[int] = set()
    if not log.exists():
        return committed
    since_commit: set[int] = set()
    with log.open("rb") as file:
        salts = file.read(LOG_HEADER_BYTES)[16:24]
        while len(frame := file.read(FRAME_HEADER_BYTES + page_bytes)) == FRAME_HEADER_BYTES + page_bytes:
            if frame[8:16] != salts:
                break  # left over from before the log began again
            number, pages_after_commit = struct.unpack(">II", frame[:8])
            since_commit.add(number)
            if pages_after_commit:
                committed |= since_commit
                since_commit.clear()
    return committed
