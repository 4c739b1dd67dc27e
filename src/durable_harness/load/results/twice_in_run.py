"""The report on work that was delivered twice in a run with --twice."""

from __future__ import annotations

import json
from pathlib import Path

from durable_harness.gate.writing import WrittenReports
from durable_harness.load.http import Asker
from durable_harness.operations import HttpResponse
from durable_harness.twice_report import lines_of

TWICE_NAME = "twice.json"
PATH = "/admin/durable-harness/twice"
NOTE = f"every activity and entity operation ran twice (--twice), in all figures; what it showed is in {TWICE_NAME}"
TIMEOUT_S = 30.0
MOST_BYTES = 64 * 1024 * 1024


def with_twice_report(written: WrittenReports, base_url: str, folder: Path) -> tuple[str, WrittenReports]:
    """Return what second deliveries showed in a run as text, and its files with the one that has it as JSON."""
    text, file = _write(base_url, folder)
    return text, written if file is None else written._replace(paths=(*written.paths, file))


def _write(base_url: str, folder: Path) -> tuple[str, Path | None]:
    """Ask the host of a run for the results of second deliveries; return them as text, and their file of JSON."""
    with Asker(verify_tls=True, max_answer_bytes=MOST_BYTES) as asker:
        answer = asker.get(f"{base_url}{PATH}", {}, TIMEOUT_S)
    document = answer.json_object() if isinstance(answer, HttpResponse) and answer.is_success else None
    if document is None:
        return "\ndelivered twice: the host does not answer what became of it\n", None
    file = folder / TWICE_NAME
    try:
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        return f"\ndelivered twice: {file} cannot be written ({error.strerror})\n", None
    lines = "\n".join(f"  {line}" for line in lines_of(document))
    return f"\ndelivered twice:\n{lines}\n", file
