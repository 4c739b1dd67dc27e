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
    """Give load(text): the description in a file of that text."""

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
    """Files that say begun and finished mean started_at and finished_at, as does Python code."""
    described = load(START + STATUS + 'begun = "/b"\nfinished = "/f"\n').status
    assert (described.started_at, described.finished_at) == ("/b", ("/f",))
    assert described == StatusDescription(state="/state", succeeded=frozenset({"done"}), begun="/b", finished=("/f",))


def test_a_service_may_need_no_state(load):
    """A file without [status] describes a service whose codes tell all."""
    assert load(START).status == StatusDescription()


@pytest.mark.parametrize(
    ("text", "told"),
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
        (START + "status_url = 'status'\n", "start.status_url: got 'status', which is what it has to tell"),
        (START + "status_url = []\n", "start.status_url: got [], expected at least one place"),
        (START + "headers = { a = 1 }\n", "start.headers: got a table, expected texts"),
        (START + "headers = { a = 'env:NOT_THERE' }\n", "expected NOT_THERE to be set in the environment"),
        (
            START + STATUS + "begun = '/b'\nstarted_at = '/s'\n",
            "status.begun: is a former name of started_at, which is there too\n  Keep one of them.",
        ),
        (START + "[status]\nstate = '/s'\n", "status.succeeded: is missing"),
        (START + "[status]\nsucceeded = ['x']\n", "status.state: is missing"),
        (START + STATUS + "failed = ['done']\n", "status: 'done' is in more than one of succeeded"),
        (START + STATUS + "failed = 'error'\n", "status.failed: got 'error', expected texts like"),
        (START + STATUS + "fixed_url = 1\n", "status.fixed_url: got 1, expected true or false"),
        (START + "[terminate]\nmethod = 'DELETE'\n", "terminate.url: is missing"),
        ("start = 1", "start: got a value, expected a table"),
        ("name = 7\n" + START, "name: got 7, expected a text"),
        ("[start", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_names_the_key(load, text, told):
    """A file that is not understood is refused with its name, the key, what came and what is allowed."""
    with pytest.raises(ConfigurationError, match=re.escape(told)) as error:
        load(text)
    assert "reports.toml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    """A file that is not there is a configuration error."""
    with pytest.raises(ConfigurationError, match="there is no such service file"):
        load_service(tmp_path / "absent.toml")


@pytest.mark.parametrize("text", ["header:Location", "body:/a/b", "path:/jobs/{id}", "status"])
def test_sources_are_written_as_they_are_read(text):
    """A source of a URL has one written form."""
    assert str(UrlSource.parse(text)).lower() == text.lower()


def test_every_field_has_a_key():
    """Whatever a description can say, a file can say."""
    assert set(service_file.START_KEYS) == set(StartDescription.__dataclass_fields__)
    assert set(service_file.STATUS_KEYS) == set(StatusDescription.__dataclass_fields__)
    assert set(service_file.REQUEST_KEYS) == set(TerminateDescription.__dataclass_fields__)
