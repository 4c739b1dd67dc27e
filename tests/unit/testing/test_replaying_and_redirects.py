"""Histories that a test replays, functions of a test that fail often, and redirects that its client follows."""

import contextlib
from types import SimpleNamespace

import pytest

from durable_harness import replay
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.replay.replay_results import DIFFERENT, OK, FileResult
from durable_harness.testing import durable_replay, own_functions
from durable_harness.testing.own_functions import OwnFunctions
from durable_harness.testing.requesting import HttpClient
from durable_harness.testing.server_errors import MOST_LINES, WatchedClient


def replaying(monkeypatch, tmp_path, *results):
    """Return the fixture with replays that come to these results."""
    monkeypatch.setattr(replay, "replay_files", lambda _files, _app: list(results))
    app = SimpleNamespace(loaded=lambda: contextlib.nullcontext("app"))
    return durable_replay.HistoryReplayer(tmp_path, tmp_path, lambda _directory: app)


def test_a_pattern_without_files_fails(monkeypatch, tmp_path):
    """A misspelt pattern does not pass as a replay of nothing."""
    with pytest.raises(AssertionError, match=r"no recorded history matches 'x/\*\.json' in"):
        replaying(monkeypatch, tmp_path)("x/*.json")


def test_histories_that_replay_clean_are_returned(monkeypatch, tmp_path):
    """The results of all files are returned, also of another app."""
    (tmp_path / "a.json").touch()
    result = FileResult(str(tmp_path / "a.json"), OK, "o", 3)
    assert replaying(monkeypatch, tmp_path, result)("*.json") == [result]
    assert replaying(monkeypatch, tmp_path, result)("*.json", app_dir="other") == [result]


def test_histories_that_differ_are_listed_shortly(monkeypatch, tmp_path):
    """Files are named from the root if they are below it, and a long list is cut."""
    (tmp_path / "a.json").touch()
    results = [FileResult(str(tmp_path / "a.json"), DIFFERENT, reason="other"), FileResult("/else/b.json", DIFFERENT)]
    with pytest.raises(AssertionError, match="2 of 2 recorded histories do not replay clean") as failed:
        replaying(monkeypatch, tmp_path, *results)("*.json")
    assert str(tmp_path) not in str(failed.value)
    assert "/else/b.json" in str(failed.value)
    many = [FileResult(f"/else/{number}.json", DIFFERENT) for number in range(durable_replay.MAX_LINES + 5)]
    with pytest.raises(AssertionError, match="more lines; all: durable-harness replay"):
        replaying(monkeypatch, tmp_path, *many)("*.json")


def test_errors_of_a_tests_functions_are_bounded(monkeypatch):
    """A function that fails at every call does not fill the report; the same error is there once."""
    monkeypatch.setattr(own_functions, "MOST_ERRORS", 2)
    own = OwnFunctions()

    def fail(text):
        raise ValueError(text)

    for text in "aabc":
        with pytest.raises(ValueError, match=text):
            own.call("by", "test.py:7", lambda text=text: fail(text))
    assert len(own.errors) == 1
    assert own.wait(0) == own.running == []


def client(monkeypatch, *answers):
    """Return a client whose requests are answered in turn, and what it sends."""
    sent = []
    made = HttpClient("http://a")

    def send(method, url, _headers, body, _timeout_s):
        sent.append((method, url, body))
        return answers[min(len(sent), len(answers)) - 1]

    monkeypatch.setattr(made, "_send", send)
    return made, sent


@pytest.mark.parametrize(
    ("status", "second"), [(303, ("GET", "http://a/b", None)), (307, ("POST", "http://a/b", b"1"))]
)
def test_a_redirect_is_followed(monkeypatch, status, second):
    """303 is asked for by GET without the body, 307 as it was; a redirect without a place is the answer."""
    made, sent = client(monkeypatch, HttpResponse(status, {"location": "/b"}, b""), HttpResponse(200, {}, b"ok"))
    assert made.request("POST", "/a", 1).body == b"ok"
    assert sent[1] == second
    made, sent = client(monkeypatch, HttpResponse(status, {}, b""))
    assert (made.request("POST", "/a", 1).status, len(sent)) == (status, 1)


def test_redirects_without_end_are_no_answer(monkeypatch):
    """A client does not follow redirects forever."""
    made, _ = client(monkeypatch, HttpResponse(307, {"location": "/a"}, b""))
    assert made.request("GET", "/a").reason.startswith("more than ")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://a/"])
def test_only_urls_of_http_are_asked_for(url):
    """A URL that a server names is never a file of this machine."""
    answer = HttpClient("http://a").request("GET", url)
    assert isinstance(answer, NoResponse)
    assert answer.reason.startswith("cannot be asked for: ")


def watched(monkeypatch, log, text):
    """Return the report of a server error while which this was logged."""
    made = WatchedClient("http://a", None, 5, log)

    def send(*_):
        if log is not None:
            log.write_text(text)
        return HttpResponse(500, {}, b"")

    monkeypatch.setattr(made, "_send", send)
    made.request("GET", "/api/x?code=secret")
    return made.server_errors()


@pytest.mark.parametrize("text", ["", "[2026-01-01 00:00:00] INFO hello\n"])
def test_a_server_error_has_what_was_logged(monkeypatch, tmp_path, text):
    """The report has the lines of the log, or that there are none."""
    report = watched(monkeypatch, tmp_path / "log", text)
    assert "GET /api/x was answered with 500" in report
    assert ("INFO hello" in report) == bool(text)
    assert ("logged nothing meanwhile" in report) != bool(text)


def test_a_server_error_elsewhere_has_no_log(monkeypatch):
    """The log of a deployment is where it runs."""
    assert watched(monkeypatch, None, "").endswith("500. The host's log is where it runs.")


def test_a_long_log_is_cut_in_its_middle(monkeypatch, tmp_path):
    """Of a long traceback the beginning and the end are shown, of other lines none beside an error."""
    lines = [f"  line {number}" for number in range(MOST_LINES + 10)]
    text = "\n".join(["[2026-01-01 00:00:00] INFO before", "[2026-01-01 00:00:00] ERROR broken", *lines])
    report = watched(monkeypatch, tmp_path / "log", text)
    assert "INFO before" not in report
    assert "ERROR broken" in report
    assert "… 11 more lines …" in report
    assert f"  line {MOST_LINES + 9}" in report
