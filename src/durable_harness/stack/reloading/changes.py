"""The files of an app, and their changes."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from durable_harness.errors import UsageError
from durable_harness.extras import importing
from durable_harness.wording.foreign_text import shown

if TYPE_CHECKING:
    from watchfiles import DefaultFilter

OF_AN_APP = ("*.py", "host.json", "local.settings.json", "function.json")
"""Not every file: an app that writes into its own folder would restart forever."""
LOOK_INTERVAL_MS = 200
"""The longest look at the files before the process of the app is checked."""


def changed_files(folders: Sequence[Path], patterns: Sequence[str]) -> Iterator[list[str]]:
    """Yield forever the files that have changed since the last look, by the names that people use; mostly none.

    Raises UsageError if files cannot be watched here.
    """
    with importing("reload", "--reload"):
        from watchfiles import watch  # noqa: PLC0415 - an extra
    watched = watch(
        *folders,
        watch_filter=_filter((*OF_AN_APP, *patterns)),
        rust_timeout=LOOK_INTERVAL_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        for changes in watched:
            yield sorted({_short(path, folders) for _, path in changes})
    except OSError as error:
        raise UsageError(
            f"--reload: the files cannot be watched: {shown(str(error))}. Set WATCHFILES_FORCE_POLLING=true to look at"
            " them again and again instead."
        ) from error


def _filter(patterns: Sequence[str]) -> DefaultFilter:
    from watchfiles import Change, DefaultFilter  # noqa: PLC0415 - same

    class OfApp(DefaultFilter):
        """Files of these patterns, outside folders such as .venv and .git."""

        def __call__(self, change: Change, path: str) -> bool:
            name = os.path.basename(path)  # noqa: PTH119 - called for each change of any file
            return any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and super().__call__(change, path)

    return OfApp()


def _short(path: str, folders: Sequence[Path]) -> str:
    inside = next((folder for folder in folders if Path(path).is_relative_to(folder)), None)
    return str(Path(path).relative_to(inside)) if inside else path
