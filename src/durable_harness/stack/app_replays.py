"""Replaying the history of an instance against the app as it is on the disk now, in a process of its own.

The code that this process has loaded is that of its start, and a replay beside running work would disturb it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from durable_harness.protocol.replays import ReplayReport, ReplayResult

TIME_LIMIT_S = 60.0
"""For the import of the app, and for the replay."""
MOST_BYTES = 16 * 1024 * 1024
MOST_CHARS = 4_000
EXIT_CODES = frozenset({0, 7})
"""The exit codes of `durable-harness replay` with which it has a result."""


class Replays:
    """Replays histories against the app in a folder, one at a time: each loads the app."""

    def __init__(self, app_dir: Path, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._app_dir = app_dir
        self._time_limit_s = time_limit_s
        self._going_on = asyncio.Lock()

    async def replay(self, document: Mapping[str, Any]) -> ReplayReport:
        """Return the result of replaying a history, a document as history files have it."""
        async with self._going_on:
            with tempfile.TemporaryDirectory(prefix="durable-harness-replay-", ignore_cleanup_errors=True) as folder:
                return await self._replay(Path(folder), document)

    async def _replay(self, folder: Path, document: Mapping[str, Any]) -> ReplayReport:
        history, output, errors = (folder / name for name in ("history.json", "output", "errors"))
        history.write_text(json.dumps(document), "utf-8")
        limit_s = self._time_limit_s
        words = ["-m", "durable_harness", "replay", str(history), "--app", str(self._app_dir), "--json"]
        with output.open("wb") as to_output, errors.open("wb") as to_errors:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, *words, "--timeout", f"{limit_s:g}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=to_output,
                stderr=to_errors,
                cwd=folder,  # and not the app's: no module of the app may be taken for one of the command
            )
            try:
                async with asyncio.timeout(2 * limit_s + 10):
                    code = await child.wait()
            except TimeoutError:
                return ReplayReport(ReplayResult.IMPOSSIBLE, reason=f"It was not over after {2 * limit_s + 10:g} s.")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
        found = _result_in(_text(output)) if code in EXIT_CODES else None
        if found is None:
            reason = _text(errors)[-MOST_CHARS:].strip() or f"`durable-harness replay` ended with exit code {code}."
            return ReplayReport(ReplayResult.IMPOSSIBLE, reason=reason)
        return _report(found)


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES).decode("utf-8", "replace")


def _result_in(output: str) -> dict[str, Any] | None:
    """Return the result of the only history in what the command printed; the app may have printed before and after."""
    begins = [at for at in range(len(output)) if output[at] == "{" and (at == 0 or output[at - 1] == "\n")]
    for begin in reversed(begins):
        with contextlib.suppress(ValueError, RecursionError):
            document, _ = json.JSONDecoder().raw_decode(output, begin)
            if "counts" in document and len(document.get("histories", ())) == 1:
                return dict(document["histories"][0])
    return None


def _report(found: Mapping[str, Any]) -> ReplayReport:
    result = {"ok": ReplayResult.SAME, "different": ReplayResult.DIFFERENT}.get(
        found["result"], ReplayResult.IMPOSSIBLE
    )
    difference = {name: value for name, value in (found.get("difference") or {}).items() if value is not None}
    return ReplayReport(
        result,
        events=found.get("events", 0),
        reason=found.get("reason", ""),
        lacks=tuple(found.get("lacks", ())),
        **difference,
    )
