"""Restarting the host when a file changes, and what one process passes to the next.

The instances are in the scheduler's file, a temporary one unless --data names another. A process that ends leaves
all of them to the next; so does one that is killed because user code does not let it end.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from durable_harness.errors import AppLoadError, PortInUseError
from durable_harness.logs.lines import TEXT, announce
from durable_harness.stack.lifetime import watch_parent, write_ready_file
from durable_harness.stack.reloading.changes import changed_files
from durable_harness.stack.reloading.child import HostProcess
from durable_harness.wording.foreign_text import shown

MOST_NAMES = 3


@dataclass(frozen=True)
class ReloadOptions:
    """What `serve --reload` knows of the command that it runs. `arguments` are those of `serve` itself."""

    arguments: Sequence[str]
    app_dir: Path
    folders: Sequence[Path] = ()
    """Watched beside the app's."""
    patterns: Sequence[str] = ()
    """Names of files that count beside those which every app is made of."""
    keeps_instances: bool = False
    """Whether they are kept elsewhere: in a file that the user named, or by a scheduler of its own."""
    log_format: str = TEXT
    ready_file: Path | None = None
    parent_pid: int | None = None


def serve_reloading(options: ReloadOptions) -> int:
    """Serve until a signal; return the exit code of a host that cannot start whatever its files contain."""
    if options.parent_pid:
        threading.Thread(target=watch_parent, args=(options.parent_pid,), daemon=True, name="parent watch").start()
    with tempfile.TemporaryDirectory(prefix="durable-harness-reload-") as folder:
        here = Path(folder)
        data = None if options.keeps_instances else here / "instances.db"
        host = HostProcess(options.arguments, here / "ready.json", data)
        try:
            return _Reloading(options, host).run()
        finally:
            host.stop()


class _Reloading:
    """The host, and what is known of its present process."""

    def __init__(self, options: ReloadOptions, host: HostProcess) -> None:
        self._options = options
        self._host = host
        self._has_served = False
        self._is_waiting = False
        """Whether the process has ended by itself, so that only a change starts another."""

    def run(self) -> int:
        folders = [self._options.app_dir, *self._options.folders]
        self._host.start()
        for changed in changed_files(folders, self._options.patterns):
            if changed:
                self._start_again(changed)
            elif self._host.is_ready():
                self._note_ready()
            elif not self._is_waiting and (code := self._host.exit_code()) is not None:
                if not self._has_served and code != AppLoadError.exit_code:
                    return code
                self._note_end(code)
        raise AssertionError("files are watched forever")

    def _start_again(self, changed: Sequence[str]) -> None:
        self._say(f"{', '.join(_named(changed))} changed: the app starts again.")
        self._host.stop()
        self._is_waiting = False
        self._host.start()

    def _note_ready(self) -> None:
        self._has_served = True
        write_ready_file(self._options.ready_file, self._host.take_facts())

    def _note_end(self, code: int) -> None:
        # While no process had it, another one may have taken the port that the dashboard had by default.
        if code == PortInUseError.exit_code and self._host.give_up_dashboard_port():
            self._host.start()
            return
        self._is_waiting = True
        how = "does not load" if code == AppLoadError.exit_code else f"has ended, with exit code {code}"
        self._say(f"The app {how}. It starts again when a file changes.", logging.WARNING)

    def _say(self, text: str, level: int = logging.INFO) -> None:
        announce(shown(text), self._options.log_format, level)


def _named(changed: Sequence[str]) -> Iterator[str]:
    yield from changed[:MOST_NAMES]
    if len(changed) > MOST_NAMES:
        yield f"{len(changed) - MOST_NAMES} more"
