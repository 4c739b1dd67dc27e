"""One run of tests, made of one or many processes: what they share, and how nothing of it is left behind.

The process that controls the run names it and passes the name to its workers. Whoever needs the emulator first starts
it under a lock; the others read where it is. When the run ends, its controller removes the container and the files of
all workers, also of those that were killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from durable_harness.errors import StackUnavailableError
from durable_harness.platforms.files import put_in_place
from durable_harness.platforms.locks import lock
from durable_harness.stack.options import Emulator

LOCK, SHARED = "emulator.lock", "emulator.json"


@dataclass(frozen=True)
class PytestRun:
    """A run's name, the folder of what its processes share, and the process that controls it."""

    name: str
    folder: str
    controller_pid: int

    def emulator(self) -> Emulator:
        """Return the emulator of this run, starting it if no process has yet.

        Raises StackUnavailableError, in every process of the run alike, if it cannot run on this machine.
        """
        with self._lock():
            shared = Path(self.folder) / SHARED
            if not shared.exists():
                unfinished = shared.with_suffix(".tmp")
                unfinished.write_text(json.dumps(self._start_emulator()), encoding="utf-8")
                put_in_place(unfinished, shared)
            facts = json.loads(shared.read_text(encoding="utf-8"))
        if "unavailable" in facts:
            raise StackUnavailableError(facts["unavailable"])
        return Emulator(**facts)

    def _start_emulator(self) -> dict[str, str]:
        from durable_harness.stack.emulator import start_emulator  # noqa: PLC0415 - only the emulator's tests pay for it

        try:
            return dataclasses.asdict(start_emulator(self.name, self.controller_pid))
        except StackUnavailableError as error:
            return {"unavailable": str(error)}

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the run's lock; the system gives it back when its holder dies, however that was."""
        with self.scratch().joinpath(LOCK).open("ab") as file:
            lock(file)
            yield

    def scratch(self) -> Path:
        """Return the folder that is removed when the run ends."""
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def end(self) -> None:
        """Remove what the processes of the run have left; called by its controller, when its workers have ended."""
        folder = Path(self.folder)
        if (folder / LOCK).exists():
            from durable_harness.stack.emulator import remove_emulators  # noqa: PLC0415 - same

            remove_emulators(self.name)
        shutil.rmtree(folder, ignore_errors=True)
