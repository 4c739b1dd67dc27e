"""The evidence file: whole or not at all, each part of it without secrets, with a list of its parts."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.evidence.record_redaction import redacted_table
from durable_harness.evidence.redaction import Redactor
from durable_harness.wording.foreign_text import shown_lines

OPTION = "--evidence"
SUFFIX = ".zip"
MOST_TEXT_BYTES = 10_000_000
"""Of a longer text, such as a log, the end is kept."""
MOST_SECRET_BYTES = 4096
LIST_NAME = "evidence.json"


class AbsentError(Exception):
    """Raised by the maker of an item that has no content; the message says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file of an archive. `make` is called when it is written, and may raise whatever it likes."""

    name: str
    make: Callable[[Redactor], bytes]

    @classmethod
    def of_file(cls, name: str, path: Path) -> Item:
        """Make one of a text file."""
        return cls(name, lambda redactor: redactor.text(_tail(path)).encode("utf-8", "backslashreplace"))

    @classmethod
    def of_text(cls, name: str, text: Callable[[], str]) -> Item:
        return cls(name, lambda redactor: redactor.text(text()).encode("utf-8", "backslashreplace"))

    @classmethod
    def of_json(cls, name: str, document: Callable[[], Any]) -> Item:
        """Make one of a document whose secrets are known by their names, too."""
        return cls(name, lambda redactor: _json(redactor.value(document())))

    @classmethod
    def of_facts(cls, name: str, document: Callable[[], Any]) -> Item:
        """Make one of a document without secrets, whose long words are not secrets either."""
        return cls.of_text(name, lambda: json.dumps(document(), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def absent(cls, name: str, why: str) -> Item:
        """Make one that is named among the missing ones."""

        def make(_: Redactor) -> bytes:
            raise AbsentError(why)

        return cls(name, make)

    @classmethod
    def of_table(cls, name: str, path: Path) -> Item:
        """Make one of a Parquet file of records."""
        return cls(name, lambda redactor: redacted_table(path, redactor.text))


def check_path(path: Path) -> None:
    """Raise UsageError if no evidence file can be written there; remove that of an earlier run."""
    if path.suffix.lower() != SUFFIX:
        raise UsageError(
            f"{OPTION} {path}: expected the name of a file that ends in {SUFFIX}, such as evidence{SUFFIX}"
        )
    if path.is_dir():
        raise UsageError(f"{OPTION} {path}: it is a folder; name a file in it, such as {path / f'evidence{SUFFIX}'}")
    if not path.parent.is_dir():
        raise UsageError(f"{OPTION} {path}: the folder {path.parent} does not exist; make it first")
    if path.exists() and not zipfile.is_zipfile(path):
        raise UsageError(f"{OPTION} {path}: a file of this name is there that is no zip file; name another one")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{OPTION} {path}: the folder {path.parent} cannot be written ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evidence file has in it."""

    items: tuple[Item, ...]
    about: dict[str, Any]
    """What it is of: the command, how it ended."""

    def write(self, path: Path, secrets: Iterable[str], payload: Any = None) -> str:
        """Write it without secrets and the `payload` of starts; return why it is missing, empty if it is there.

        Never raises.
        """
        redactor = Redactor(secrets, payload)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        try:
            self._write(unfinished, redactor)
            unfinished.replace(path)
        except OSError as error:
            return f"evidence {path} is missing: it cannot be written ({error.strerror})"
        finally:
            unfinished.unlink(missing_ok=True)
        return ""

    def _write(self, path: Path, redactor: Redactor) -> None:
        missing: dict[str, str] = {}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for item in self.items:
                try:
                    content = item.make(redactor)
                except AbsentError as error:
                    missing[item.name] = redactor.text(str(error))
                except Exception as error:  # noqa: BLE001 - one part that cannot be made must not take the others along
                    missing[item.name] = redactor.text(f"{type(error).__name__}: {error}")
                else:
                    archive.writestr(item.name, content)
            known = {name: redactor.text(str(value)) for name, value in self.about.items()}
            about = {**known, "files": sorted(archive.namelist()), "missing": missing}
            archive.writestr(LIST_NAME, _json(about))


def _json(document: Any) -> bytes:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return (shown_lines(text) + "\n").encode("utf-8", "backslashreplace")


def _tail(path: Path) -> str:
    """Return the text of a file, of a long one its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - MOST_TEXT_BYTES))
        content = file.read(MOST_TEXT_BYTES)
    if size <= MOST_TEXT_BYTES:
        return content.decode("utf-8", "replace")
    # The rest of a line may begin with the rest of a secret.
    begin = content.find(b"\n", 0, MOST_SECRET_BYTES) + 1 or MOST_SECRET_BYTES
    left_out = f"(the first {size - MOST_TEXT_BYTES + begin:,} bytes are left out)\n"
    return left_out + content[begin:].decode("utf-8", "replace")
