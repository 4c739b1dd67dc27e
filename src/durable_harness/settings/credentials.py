"""The credentials within an app's settings, which errors repeat with the connection string that they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LEAST_CHARS = 16
"""A shorter one, such as the password of a test's database, may be a word that people read in every other line."""
_CREDENTIAL = re.compile(
    r"(?:^|[;?&])\s*(?:AccountKey|SharedAccessKey|AccessKey|Password|Pwd|ClientSecret|sig)\s*=\s*([^;&]+)",
    re.IGNORECASE,
)


def credentials_in(values: Iterable[str]) -> Iterator[str]:
    """Yield the keys, passwords and signatures in connection strings and URLs."""
    for value in values:
        yield from (found for found in _CREDENTIAL.findall(value) if len(found) >= LEAST_CHARS)
