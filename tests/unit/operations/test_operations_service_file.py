"""Services described in TOML: what a file means, and how one that is wrong is refused."""

import re

import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.operations import (
    ServiceDescription,
    StartDescription,
    StatusDescription,
    TerminateDescription,
    UrlSource,
    load_service,
    service_file,
)
from durable_harness.operations.description import UrlKind

STATUS = '[status]\nstate = "/state"\nsucceeded = ["done"]\n'
START = '[start]\npath = "/reports"\n'


@pytest.fixture
def load(tmp_path):
    """Return load(text): the description in a file of that text."""

    def write_and_load(text):
        path = tmp_path / "reports.toml"
        path.write_text(text)
        return load_service(path)

    return write_and_load


def test_little_is_needed(load):
    """A path to start, where the state is and which one is good: the rest is as in the general pattern."""
    assert load(START + STATUS) == ServiceDescription(
        "reports", StartDescription("/reports"), StatusDescription(state="/state", succeeded=frozenset({"done"}))
    )


def test_the_example_of_the_documentation_is_understood(load, monkeypatch):
    """The file that the module's documentation shows, with every key, can be read."""
    monkeypatch.setenv("REPORTS_TOKEN", "Bearer secret")
    described = load(service_file.__doc__.partition("\n\n")[2])
    assert described.start.headers == {"Authorization": "Bearer secret"}
    assert described.start.body == {"kind": "pdf", "token": "{token}", "seconds": "{duration}"}
    assert described.start.status_url == (UrlSource(UrlKind.HEADER, "location"),)
    assert described.status.terminal == {"done", "error", "cancelled"}
    assert (described.status.started_at, described.status.finished_at) == ("/startedAt", ("/finishedAt",))
    assert described.terminate == TerminateDescription(UrlSource(UrlKind.STATUS), "DELETE")


def test_the_former_names_of_times_are_understood(load):
    """Files with begun and finished mean started_at and finished_at, as does Python code."""
    described = load(START + STATUS + 'begun = "/b"\nfinished = "/f"\n').status
    assert (described.started_at, described.finished_at) == ("/b", ("/f",))
    assert described == StatusDescription(state="/state", succeeded=frozenset({"done"}), begun="/b", finished=("/f",))


def test_a_service_may_need_no_state(load):
    """A file without [status] describes a service whose codes decide alone."""
    assert load(START).status == StatusDescription()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "start.path: is missing"),
        ("path = 1", "path: is not understood\n  Expected one of name, start, status, terminate, event."),
        ("[start]\n" + STATUS, "start.path: is missing"),
        (START + "metod = 'PUT'\n", "start.metod: is not understood\n  Did you mean method?"),
        ("[start]\npath = 'reports'\n", "start.path: got 'reports', expected a path that begins with a slash"),
        (START + "method = 'FETCH'\n", "start.method: got 'FETCH', expected one of POST, PUT"),
        (START + "accepted = [20]\n", "start.accepted: got [20], expected HTTP codes like [200, 202]"),
        (START + "accepted = [true]\n", "start.accepted: got [True], expected HTTP codes"),
        (START + "id = 'id'\n", "start.id: got 'id', expected a JSON pointer"),
        (
            START + "status_url = ['location']\n",
            "start.status_url: got ['location'], expected header:NAME, body:/POINTER",
        ),
        (
            START + "status_url = 'status'\n",
            "start.status_url: got 'status', but it has to name where the status URL is\n  header:NAME, ",
        ),
        (START + "status_url = []\n", "start.status_url: got [], expected at least one place"),
        (START + "headers = { a = 1 }\n", 'got a table, expected texts like { Accept = "application/json" }'),
        (START + "headers = { a = 'env:NOT_THERE' }\n", "expected NOT_THERE to be set in the environment"),
        (
            START + STATUS + "begun = '/b'\nstarted_at = '/s'\n",
            "status.begun: is a former name of started_at, which is there too\n  Keep one of them.",
        ),
        (
            START + "[status]\nstate = '/s'\n",
            "succeeded: is missing\n  Name the states in which an operation has ended well, or the redirect for it, ",
        ),
        (
            START + "[status]\nsucceeded = ['x']\n",
            "status.state: is missing\n  Name the place of the state in the body, like state = '/state'.",
        ),
        (START + "accepted = [99]\n", "start.accepted: got [99], expected HTTP codes"),
        (START + "accepted = [600]\n", "start.accepted: got [600], expected HTTP codes"),
        (START + STATUS + "failed = ['done']\n", "status: 'done' is in more than one of succeeded"),
        (START + STATUS + "failed = 'error'\n", "status.failed: got 'error', expected texts like"),
        (START + STATUS + "fixed_url = 1\n", "status.fixed_url: got 1, expected true or false"),
        (START + "[terminate]\nmethod = 'DELETE'\n", "terminate.url: is missing"),
        ("start = 1", "start: got a value, expected a table\n  Write [start] and its keys below it."),
        (
            START + "[status]\nstates = 'x'\n",
            "status.states: is not understood\n  Did you mean state? Expected one of ",
        ),
        (START + "zebra = 1\n", "start.zebra: is not understood\n  Expected one of path, method, "),
        ("[start]\nmethod = 'PUT'\n", "start.path: is missing\n  Write it below [start]."),
        ("name = 7\n" + START, "name: got 7, expected a text"),
        ("[start", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_names_the_key(load, text, message):
    """A file that is not understood is refused with its name, the key, what came and what is allowed."""
    with pytest.raises(ConfigurationError, match=re.escape(message)) as error:
        load(text)
    assert "reports.toml" in str(error.value)


def test_codes_from_100_to_599_are_codes(load):
    """Both ends are allowed, and one code needs no list."""
    described = load(START + "accepted = [100, 599]\n" + STATUS + "pending = 102\n")
    assert (described.start.accepted, described.status.pending) == (frozenset({100, 599}), frozenset({102}))


def test_requests_about_an_operation_are_read(load):
    """Terminating and raising an event are described alike, and both may be left out."""
    table = 'url = "status"\nmethod = "PUT"\naccepted = [201]\ntoo_late = [423]\n'
    described = load(START + STATUS + "[terminate]\n" + table + "[event]\n" + table)
    for request in (described.terminate, described.event):
        assert (request.url, request.method) == (UrlSource(UrlKind.STATUS), "PUT")
        assert (request.accepted, request.too_late) == (frozenset({201}), frozenset({423}))
    assert load(START + STATUS).event is None


def test_a_result_may_be_the_only_way_to_end(load):
    """Without states that are good, a redirect has to be one."""
    assert load(START + '[status]\nstate = "/s"\nresult = [303]\n').status.result == frozenset({303})


def test_what_cannot_be_read_is_named(tmp_path):
    """A folder is no file, and a file that is no TOML has the place of its mistake."""
    with pytest.raises(ConfigurationError, match=re.escape(f"{tmp_path}: cannot be read (Is a directory)")):
        load_service(tmp_path)
    path = tmp_path / "wrong.toml"
    path.write_text("[start")
    with pytest.raises(ConfigurationError, match=rf"{re.escape(str(path))}: is not TOML \(Expected '\]'"):
        load_service(path)


def test_a_missing_file_is_named(tmp_path):
    """A file that is not there is a configuration error."""
    with pytest.raises(ConfigurationError, match=r"absent\.toml: there is no such service file"):
        load_service(tmp_path / "absent.toml")


@pytest.mark.parametrize("text", ["header:Location", "body:/a/b", "path:/jobs/{id}", "status"])
def test_sources_are_written_as_they_are_read(text):
    """A source of a URL has one written form."""
    assert str(UrlSource.parse(text)).lower() == text.lower()


def test_every_field_has_a_key():
    """Everything that a description can have, a file can have."""
    assert set(service_file.START_KEYS) == set(StartDescription.__dataclass_fields__)
    assert set(service_file.STATUS_KEYS) == set(StatusDescription.__dataclass_fields__)
    assert set(service_file.REQUEST_KEYS) == set(TerminateDescription.__dataclass_fields__)
