"""Shows our own modules Windows or macOS: the standard library without what it lacks there, and with its own ways.

Python imports this at its start where this folder is in PYTHONPATH. Other packages see the platform that it really is.
"""

# Modules are imported when they are asked for: gevent patches some of them first, and each process of a test pays.
# ruff: noqa: PLC0415, A002, C901, PTH100, PTH115, PTH206, PTH208

import builtins
import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import types

WANTED = json.loads(os.environ["AS_WINDOWS"])
OWN = tuple(WANTED["own"])
"""Where our own modules are."""
CONTROLLED = tuple(WANTED["controlled"])
"""Folders in which files have the rules of Windows."""
BREAK = signal.SIGUSR1
"""Stands for Ctrl-Break."""
GROUP = 0x200
NOT_IN_POPEN = {"start_new_session", "preexec_fn", "pass_fds", "process_group", "umask"}
NO_NAME = set('<>:"|?*\\')
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


class View(types.ModuleType):
    """A module as it is on Windows."""

    def __init__(self, real, **changed):
        vars(self).update(vars(types.ModuleType(real.__name__, real.__doc__)))
        absent = frozenset(WANTED["absent"].get(real.__name__, ())) - changed.keys()
        vars(self).update(_real=real, _absent=absent, **changed)

    def __getattr__(self, name):
        if name in self._absent:
            raise AttributeError(f"{WANTED['platform']} has no {self._real.__name__}.{name}")
        return getattr(self._real, name)

    def __setattr__(self, name, value):
        setattr(self._real, name, value)

    def __delattr__(self, name):
        delattr(self._real, name)


def kill(pid, number):
    """Terminate a process, whatever the signal; the events of consoles are for groups."""
    if number == BREAK:
        raise OSError(87, "The parameter is incorrect")
    os.kill(pid, signal.SIGKILL)


def handle(number, handler):
    """Set the handler of a signal that there is."""
    if number not in {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGABRT,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        BREAK,
    }:
        raise ValueError("signal number out of range")
    return signal.signal(number, handler)


def clock_info(name):
    """Report that the monotonic clock moves in large steps, as it does before Python 3.13."""
    import time

    info = time.get_clock_info(name)
    return types.SimpleNamespace(**{**vars(info), "resolution": 0.015625}) if name == "monotonic" else info


def make_subprocess():
    """Return processes that are ended the hard way, but for Ctrl-Break to a group."""
    import subprocess

    class Popen(subprocess.Popen):
        def __init__(self, *words, creationflags=0, **options):
            if refused := NOT_IN_POPEN & options.keys():
                raise ValueError(f"{refused} is not supported on Windows platforms")
            self.is_group = bool(creationflags & GROUP)
            super().__init__(*words, start_new_session=self.is_group, **options)

        def send_signal(self, number):
            if number == signal.SIGTERM:
                self.kill()
            elif number != BREAK:
                raise ValueError(f"Unsupported signal: {number}")
            elif not self.is_group:
                raise OSError(87, "The parameter is incorrect")
            elif self.poll() is None:
                os.killpg(self.pid, BREAK)

        def terminate(self):
            self.kill()

        def kill(self):
            if self.poll() is None:
                os.kill(self.pid, signal.SIGKILL)

    return View(subprocess, Popen=Popen, CREATE_NEW_PROCESS_GROUP=GROUP)


def make_asyncio():
    """Return event loops that can neither handle signals nor watch descriptors."""
    import asyncio

    class ProactorEventLoop(asyncio.SelectorEventLoop):
        def __init__(self):
            super().__init__()
            if threading.current_thread() is threading.main_thread():
                signal.set_wakeup_fd(self._csock.fileno())

        def _cannot(self, *_):
            raise NotImplementedError

        add_reader = add_writer = remove_reader = remove_writer = _cannot
        add_signal_handler = remove_signal_handler = _cannot

    return View(asyncio, ProactorEventLoop=ProactorEventLoop, new_event_loop=ProactorEventLoop)


def make_socket():
    """Return sockets whose ports are exclusive by an option of another name."""
    import socket

    refused = {111: "No connection could be made because the target machine actively refused it"}
    return View(socket, SO_EXCLUSIVEADDRUSE=socket.SO_REUSEADDR, errorTab=refused)


def make_msvcrt():
    """Return locks on bytes, of an open file and not of a process."""
    import fcntl
    import struct

    module = types.ModuleType("msvcrt")
    module.LK_NBLCK = 2

    def locking(descriptor, mode, count):
        assert mode == module.LK_NBLCK
        where = os.lseek(descriptor, 0, os.SEEK_CUR)
        wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, where, count, 0)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)

    module.locking = locking
    return module


def make_ctypes():
    """Return the library of timers."""
    return View(ctypes, WinDLL=lambda _name: types.SimpleNamespace(timeBeginPeriod=lambda _ms: 0))


MADE = {
    "sys": lambda: View(sys, platform="win32"),
    "os": lambda: View(os, name="nt", kill=kill, getppid=lambda: 4),  # that of a launcher
    "signal": lambda: View(signal, signal=handle, SIGBREAK=BREAK, CTRL_BREAK_EVENT=BREAK),
    "time": lambda: View(real_import("time"), get_clock_info=clock_info),
    "subprocess": make_subprocess,
    "asyncio": make_asyncio,
    "socket": make_socket,
    "msvcrt": make_msvcrt,
    "ctypes": make_ctypes,
    **{name: lambda name=name: View(real_import(name)) for name in ("select", "errno")},
}
if WANTED["platform"] == "darwin":
    names = ("os", "signal", "socket", "select", "time", "asyncio", "subprocess", "errno")
    MADE = {name: lambda name=name: View(real_import(name)) for name in names}
    MADE["sys"] = lambda: View(sys, platform="darwin")
views = {}
real_import = builtins.__import__


def as_windows(name, globals=None, locals=None, fromlist=(), level=0):
    """Import as ever, but show Windows to our own modules."""
    if level or not globals or not str(globals.get("__file__", "")).startswith(OWN):
        return real_import(name, globals, locals, fromlist, level)
    top = name.partition(".")[0]
    if top in WANTED["blocked"]:
        raise ModuleNotFoundError(f"No module named {top!r} (as on {WANTED['platform']})", name=top)
    if name not in MADE:
        return real_import(name, globals, locals, fromlist, level)
    if name not in views:
        views[name] = MADE[name]()
    return views[name]


builtins.__import__ = as_windows


def controlled(path):
    """Return the absolute path of a file that has the rules of Windows, empty for any other."""
    if isinstance(path, int) or path is None:
        return ""
    full = os.path.abspath(os.fsdecode(path))
    return full if full.startswith(CONTROLLED) else ""


def check_name(path):
    """Refuse a name that no file can have."""
    for part in path.split(os.sep)[1:]:
        if NO_NAME & set(part) or part.endswith((" ", ".")) or part.partition(".")[0].lower() in DEVICES:
            raise OSError(22, "The filename, directory name, or volume label syntax is incorrect", path)


def check_closed(path):
    """Refuse what is done to a file that a process has open."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        if path in opened_by(process):
            raise PermissionError(13, "The process cannot access the file because it is being used", path)


def opened_by(process):
    """Yield the paths of the files that a process has open."""
    folder = f"/proc/{process}/fd"
    with contextlib.suppress(OSError):
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(f"{folder}/{number}")


def heard(event, arguments):
    """Check what is about to be done to a file."""
    check = CHECKED.get(event)
    if check is not None:
        check(*arguments)


def named(path, *_):
    """Check the name of a file or a folder that is opened or made."""
    if full := controlled(path):
        check_name(full)


def removed(path, folder):
    """Check a file that is removed."""
    if folder == -1 and (full := controlled(path)):
        check_closed(full)


def renamed(source, target, *_):
    """Check both ends of a move."""
    for path in filter(None, map(controlled, (source, target))):
        check_name(path)
        check_closed(path)


CHECKED = {"open": named, "os.mkdir": named, "os.remove": removed, "os.rename": renamed}
sys.addaudithook(heard)
