"""The limit on custom statuses, which Azure's Durable extension has whatever the storage."""

from __future__ import annotations

import json

MOST_BYTES = 16 * 1024
"""As UTF-16, in which each character of the Basic Multilingual Plane takes two."""

SMALL_STATUS_CHARS = MOST_BYTES // 4
"""A status, as JSON, of this length is near neither the limit nor its warning."""


class CustomStatusTooLargeError(Exception):
    """Raised in place of a custom status that Azure would not take."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"The custom status has {size_bytes} bytes. The size of the JSON-serialized payload must not exceed 16 KB"
            " of UTF-16 text. Keep large data elsewhere and set a reference to it."
        )


def size_of(status: str) -> int:
    """Return how many bytes of UTF-16 a JSON text has once it is written as in Azure, without spaces and escapes."""
    if len(status) <= SMALL_STATUS_CHARS:
        return 2 * len(status)
    shortest = json.dumps(json.loads(status), ensure_ascii=False, separators=(",", ":"))
    return len(shortest.encode("utf-16-le", "surrogatepass"))


def check_custom_status(status: str) -> None:
    """Raise CustomStatusTooLargeError for a status, as JSON, that is beyond the limit."""
    size_bytes = size_of(status)
    if size_bytes > MOST_BYTES:
        raise CustomStatusTooLargeError(size_bytes)
