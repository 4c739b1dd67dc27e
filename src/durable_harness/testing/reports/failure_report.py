"""The report of a failed assertion: everything that is needed to see why, in few lines, and all of it in a file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from durable_harness.operations import redact_keys
from durable_harness.operations.trace_page import page_in, trace_path
from durable_harness.platforms.files import plain_name
from durable_harness.stack import RunningStack
from durable_harness.testing.liveness import end_of, has_ended
from durable_harness.testing.reports.causes import Cause, cause_of
from durable_harness.testing.reports.instance_tables import history_table, tree_lines
from durable_harness.testing.reports.waiting_report import waiting_of
from durable_harness.testing.requesting import HttpClient
from durable_harness.testing.webhook_client import Instance, Webhook
from durable_harness.wording.foreign_text import middle_cut, shown_lines

MAX_BODY_LINES = 46
MAX_LINE_CHARS = 8_000
"""Longer lists of names and values have their middle left out."""
DETAIL_LINES = 8
TRACE_LINES = 12
WAITING_LINES = 4
"""The most lines beside the first one, which is in the headline."""
TREE_LINES = 9
HISTORY_ROWS = 14
LOG_LINES = 8
LOG_READ_BYTES = 64 * 1024
ANSWER_TIMEOUT_S = 1.0
PAGE_TIMEOUT_S = 5.0
"""A host's first page takes longer: only then does it import what makes pages."""
SECRETS = frozenset({"function_key", "control"})
"""The fields of a stack that reports leave out."""


class Explainer:
    """Writes reports about the instances of one stack, with the lines of its log since this object was made."""

    def __init__(self, stack: RunningStack, client: HttpClient, report_dir: Path) -> None:
        self._stack = stack
        self._client = client
        self._report_dir = report_dir
        self._log_begin = _size(stack.log_path)
        self.has_explained = False

    def explain(
        self, webhook: Webhook, instance_id: str, problem: str, details: tuple[str, ...] = (), first: str = ""
    ) -> str:
        """Return the report of a problem with an instance.

        Its first line begins with what happened and where: `first`, otherwise its error or what it waits for.
        """
        self.has_explained = True
        root = webhook.read_tree(instance_id, ANSWER_TIMEOUT_S)
        cause = cause_of(root) if root else None
        waiting = waiting_of(self._client, root, ANSWER_TIMEOUT_S) if root else []
        first = first or (str(cause) if cause else f"waits for {waiting[0]}" if waiting else "")
        headline = _one_line("; ".join(filter(None, [first, self._problem(root, problem), f"instance {instance_id}"])))
        file = self._write(instance_id, headline, root)
        body = [
            headline,
            *_few([f"  {line}" for detail in details for line in detail.splitlines()], DETAIL_LINES),
            *_few([f"  waits for {line}" for line in waiting[1:]], WAITING_LINES),
            *_few(_indented(cause), TRACE_LINES),
            *(_instances(root) if root else [f"no status of it can be read: {self._host_state()}"]),
            *self.log_tail().splitlines(),
        ]
        dashboard = [f"dashboard: {self._stack.dashboard_url}"] if self._stack.dashboard_url else []
        page = self._write_page(instance_id, file.with_suffix(".html"))
        pages = [f"everything as a page: {page}"] if page else []
        return "\n".join([*map(_shown, body[:MAX_BODY_LINES]), *dashboard, *pages, f"everything as JSON: {file}"])

    @staticmethod
    def _problem(root: Instance | None, problem: str) -> str:
        return f"the operation {problem}" if root is None else f"{root.status.get('name')} {problem} ({root.state})"

    def log_tail(self) -> str:
        """Return the last lines of the host's log since the operation was started, under a heading."""
        path = self._stack.log_path
        if path is None or not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(max(self._log_begin, _size(path) - LOG_READ_BYTES))
            written = shown_lines(redact_keys(log.read().decode(errors="replace"))).splitlines()
        lines = [f"  {line}" for line in written[-LOG_LINES:]] or ["  (nothing since the operation was started)"]
        return "\n".join([f"the host's log ends ({path}):", *lines])

    def _host_state(self) -> str:
        if end := end_of(self._stack):
            return end
        if has_ended(self._stack):
            return f"the host (process {self._stack.pid}) has ended"
        return f"{self._stack.base_url} does not report one"

    def _write(self, instance_id: str, problem: str, root: Instance | None) -> Path:
        stack = {name: value for name, value in vars(self._stack).items() if name not in SECRETS}
        content = {"problem": problem, "stack": stack, "instance": root.as_json() if root else None}
        file = self._new_file(instance_id)
        file.write_text(redact_keys(json.dumps(content, indent=2, default=str, ensure_ascii=False)), encoding="utf-8")
        return file

    def keep_page(self, instance_id: str) -> Path | None:
        """Keep the instance's page in a file and return its path; None if there is no page."""
        return self._write_page(instance_id, self._new_file(instance_id).with_suffix(".html"))

    def _write_page(self, instance_id: str, file: Path) -> Path | None:
        """Keep the instance's page, which needs no server; None if the host is not ours or does not answer."""
        page = page_in(self._client.request("GET", trace_path(instance_id), timeout_s=PAGE_TIMEOUT_S))
        if page is None:
            return None
        file.write_text(page, encoding="utf-8")
        return file

    def _new_file(self, instance_id: str) -> Path:
        """Return an unused file name: tests of one run may give their instances the same ID."""
        self._report_dir.mkdir(parents=True, exist_ok=True)
        name = plain_name(instance_id or "operation")
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        files = (self._report_dir / f"{name}.json" for name in names)
        return next(file for file in files if not (file.exists() or file.with_suffix(".html").exists()))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _indented(cause: Cause | None) -> list[str]:
    """Return where an error came from: the app's own frames, the innermost last."""
    return [f"  {line}" for line in cause.trace.splitlines()] if cause is not None else []


def _instances(root: Instance) -> Iterable[str]:
    """Return the tree if there is more than one, and the histories of the root and of the instance at fault."""
    if root.children:
        yield "instances:"
        yield from _few([f"  {line}" for line in tree_lines(root)], TREE_LINES)
    shown = [root] if (blamed := _blamed(root)) is root else [root, blamed]
    for instance in shown:
        yield f"history of {instance.instance_id}:"
        rows = [f"  {line}" for line in history_table(instance.history)]
        yield from _few(rows, HISTORY_ROWS // len(shown))


def _blamed(root: Instance) -> Instance:
    """Return the deepest instance that failed or has not ended, the root if there is none."""
    return [root, *(i for i in root.walk() if i.state != "Completed")][-1]


def _few(lines: list[str], limit: int) -> list[str]:
    """Return at most `limit` lines, which is 4 or more: the first two, how many were left out, the last ones."""
    if len(lines) <= limit:
        return lines
    kept = limit - 3
    return [*lines[:2], f"  … {len(lines) - 2 - kept} more lines are in the file …", *lines[-kept:]]


def _shown(line: str) -> str:
    return middle_cut(shown_lines(redact_keys(line)), MAX_LINE_CHARS)


def _size(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.exists() else 0
