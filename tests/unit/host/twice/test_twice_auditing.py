"""Effects that audit events show: which files, processes and connections are noted of a delivery."""

import os
import sys

import pytest

from durable_harness.host.twice import auditing
from durable_harness.host.twice.effects import SCOPE, Scope, within_client


def heard(event, *arguments):
    """Report an audit event as the interpreter does."""
    auditing._heard(event, arguments)


def texts(scope):
    return [effect.text for effect in scope.effects]


def test_files_opened_for_writing_are_effects(scope, tmp_path):
    """Writing a file repeats itself, appending to it does not."""
    path = tmp_path.resolve() / "out.txt"
    heard("open", str(path), "w", os.O_WRONLY | os.O_CREAT)
    heard("open", path, "a", os.O_RDWR | os.O_APPEND)
    assert texts(scope) == [f"wrote file {path}", f"appended to file {path}"]
    assert [effect.is_repeatable for effect in scope.effects] == [True, False]


@pytest.mark.parametrize(
    ("path", "flags"),
    [("out.txt", os.O_RDONLY), (7, os.O_WRONLY), ("out.txt", None), ("/dev/null", os.O_RDWR), ("m.pyc", os.O_WRONLY)],
)
def test_other_opens_are_no_effects(scope, path, flags):
    """Reading, a file descriptor, devices and compiled modules are not noted."""
    heard("open", path, "x", flags)
    assert scope.effects == []


def test_a_file_that_must_be_new_and_is_not_is_no_effect(scope, tmp_path):
    """Opening with O_EXCL fails if the file is there, and is noted if it is not."""
    there = tmp_path / "there"
    there.touch()
    heard("open", there, "x", os.O_WRONLY | os.O_EXCL)
    assert scope.effects == []
    heard("open", tmp_path / "new", "x", os.O_WRONLY | os.O_EXCL)
    assert len(scope.effects) == 1


def test_a_renamed_file_is_written_at_its_target(scope, tmp_path):
    """The effect of a rename is the file that is there afterwards."""
    heard("os.rename", tmp_path / "a", tmp_path / "b", -1, -1)
    assert texts(scope) == [f"wrote file {(tmp_path / 'b').resolve()}"]


def test_a_process_is_noted_with_its_program_alone(scope):
    """Arguments may be secret: only that there are some is shown."""
    heard("subprocess.Popen", "curl", ["curl", "-H", "secret"], None, None)
    heard("subprocess.Popen", "true", None, None, None)
    heard("os.system", b"make all")
    assert texts(scope) == ["process curl …", "process true", "process make …"]


def test_a_spawn_of_popen_is_noted_once(scope):
    """Popen is audited before it spawns; a spawn by itself is an effect of its own."""
    heard("os.posix_spawn", "/bin/a", ["a"], {})
    heard("os.posix_spawn", "/bin/a", ["a"], {})
    assert texts(scope) == ["process a"]
    scope.effects.clear()
    heard("subprocess.Popen", "b", ["b"], None, None)
    heard("os.posix_spawn", "/bin/b", ["b"], {})
    assert texts(scope) == ["process b"]


def test_connections_to_the_internet_are_effects(scope):
    """An address with host and port is noted; a socket file is not."""
    heard("socket.connect", object(), ("::1", 80, 0, 0))
    heard("socket.connect", object(), "/run/service.sock")
    assert texts(scope) == ["connection to ::1:80"]


def test_a_client_notes_its_connections_itself(scope):
    """Connections and processes of a client that is watched are no effects of their own."""
    with within_client():
        heard("socket.connect", object(), ("::1", 80))
        heard("subprocess.Popen", "ssh", ["ssh"], None, None)
    assert scope.effects == []


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("out.txt", "w", os.O_WRONLY)),
        ("os.rename", ("a", "b")),
        ("os.system", (b"make",)),
        ("os.posix_spawn", ("/bin/a", ["a"], {})),
    ],
)
def test_code_of_the_host_has_no_effects(event, arguments):
    """Outside of a delivery an event is left alone."""
    closed = Scope(is_open=False)
    token = SCOPE.set(closed)
    try:
        heard(event, *arguments)
    finally:
        SCOPE.reset(token)
    assert closed.effects == []


def test_an_event_that_cannot_be_read_harms_nothing(scope):
    """Unexpected arguments of an event, or an unknown event, fail nothing that the app does."""
    heard("open", object(), "w", os.O_WRONLY)
    heard("os.system")
    heard("import", "x")
    assert scope.effects == []


def test_the_hook_is_added_once(monkeypatch):
    """A hook cannot be removed, so that a process must not add it twice."""
    added = []
    monkeypatch.setattr(sys, "addaudithook", added.append)
    monkeypatch.setattr(auditing, "_installed", [])
    auditing.install()
    auditing.install()
    assert added == [auditing._heard]
