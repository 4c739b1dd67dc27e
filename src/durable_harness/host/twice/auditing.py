"""Effects that the interpreter's own audit events show: files opened for writing, processes, connections."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

from durable_harness.host.library_methods import Method
from durable_harness.host.twice.effects import FILE, IN_CLIENT, current_scope, note

Word = str | bytes | os.PathLike[str]
Command = Word | Sequence[Word]
"""Words, or what a shell is given."""
WRITING = os.O_WRONLY | os.O_RDWR
PROCESS, CONNECTION = "process", "connection"
MOST_PROGRAM_CHARS = 120
INTERNET = 2
"""An address of the internet has a host and a port at least."""
_installed: list[bool] = []


def install() -> None:
    """Watch from now on; a process cannot stop watching its audit events."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    handler = HANDLERS.get(event)
    if handler is not None:
        with contextlib.suppress(Exception):  # whatever is raised here fails what the app does
            handler(*arguments)


def _opened(path: Word | int, _mode: object, flags: int) -> None:
    if not isinstance(flags, int) or not flags & WRITING or isinstance(path, int) or current_scope() is None:
        return
    will_fail = flags & os.O_EXCL and os.path.lexists(path)
    if not will_fail:
        _note_file(path, appends=bool(flags & os.O_APPEND))


def _renamed(_source: object, target: Word, *_folders: object) -> None:
    if current_scope() is not None:
        _note_file(target, appends=False)


def _note_file(path: Word, *, appends: bool) -> None:
    where = os.path.realpath(os.fsdecode(path))
    if where.endswith(".pyc") or where.startswith(("/dev/", "/proc/")):
        return
    note(FILE, f"{'appended to' if appends else 'wrote'} file {where}", where, appends, is_repeatable=not appends)


def _started(executable: Word, arguments: Command | None, *_others: object) -> None:
    if not IN_CLIENT.get():
        note_command(arguments or [executable])


def _spawned(path: Word, arguments: Command, _environment: object) -> None:
    scope = current_scope()
    is_of_popen = scope is not None and bool(scope.effects) and scope.effects[-1].kind == PROCESS
    if not is_of_popen:  # which is audited before it spawns
        _started(path, arguments)


def note_command(command: Command) -> None:
    """Note a process that is started: words, or what a shell is given."""
    if current_scope() is None:
        return
    if isinstance(command, str | bytes | os.PathLike):
        words = os.fsdecode(command).split()
    else:
        words = [os.fsdecode(word) for word in command]
    # Only its program: arguments of commands carry passwords.
    note(PROCESS, f"process {words[0][:MOST_PROGRAM_CHARS]}{' …' if words[1:] else ''}", *words)


def note_connection(host: object, port: object) -> None:
    """Note a connection that is opened."""
    note(CONNECTION, f"connection to {host}:{port}", host, port)


def _connected(_socket: object, address: object) -> None:
    if isinstance(address, tuple) and len(address) >= INTERNET and not IN_CLIENT.get():
        note_connection(*address[:INTERNET])


HANDLERS: Mapping[str, Method] = {
    "open": _opened,
    "os.rename": _renamed,
    "subprocess.Popen": _started,
    "os.posix_spawn": _spawned,
    "os.system": note_command,
    "socket.connect": _connected,
}
