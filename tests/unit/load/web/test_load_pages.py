"""The pages beside Locust's own, and the form that starts a run."""

from importlib import import_module
from types import SimpleNamespace

import flask
import pytest

from durable_harness.errors import UsageError


@pytest.fixture
def pages(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.web.pages")


@pytest.fixture
def client(pages, monkeypatch):
    """Return a client of pages whose report is that of `client.reports`."""
    app, reports = flask.Flask("ui"), []
    app.add_url_rule("/base/", "index", lambda: "<html><head></head><body></body></html>")
    app.add_url_rule("/base/other", "other", lambda: "<html><head></head><body></body></html>")
    app.add_url_rule("/base", "text", lambda: flask.Response("</body>", mimetype="text/plain"))
    web_ui = SimpleNamespace(app=app, auth_required_if_enabled=lambda view: view)
    monkeypatch.setattr(pages, "state_of", lambda _run, pause: {"phase": "running"})
    pages.add_pages(web_ui, "/base", lambda: None, lambda: reports[-1] if reports else None, lambda: "<style>x</style>")
    made = app.test_client()
    made.reports = reports
    return made


def test_before_the_first_report_there_is_none(client, pages):
    """The page of the report says so, and the state too."""
    answer = client.get(f"/base{pages.PATH}/report")
    assert (answer.status_code, answer.text) == (404, "No run has ended yet.")
    assert client.get(f"/base{pages.PATH}/state").json == {"phase": "running", "has_report": False}


def test_the_report_of_the_last_run_is_shown(client, pages, tmp_path):
    """It is the file of the report as it is."""
    client.reports.append(tmp_path / "report.html")
    (tmp_path / "report.html").write_text("<p>é</p>", encoding="utf-8")
    answer = client.get(f"/base{pages.PATH}/report")
    assert (answer.text, answer.mimetype) == ("<p>é</p>", "text/html")
    assert client.get(f"/base{pages.PATH}/state").json["has_report"] is True


def test_the_live_page_has_a_policy(client, pages):
    """Its scripts and styles are its own alone."""
    answer = client.get(f"/base{pages.PATH}")
    assert "default-src" in answer.headers["Content-Security-Policy"]


def test_only_the_first_page_links_to_the_live_page(client, pages):
    """Other pages, and what is no page, stay as they are."""
    assert pages.LINK in client.get("/base/").text
    assert "<style>x</style></head>" in client.get("/base/").text
    assert pages.LINK not in client.get("/base/other").text
    assert client.get("/base").text == "</body>"


@pytest.fixture
def form(import_unpatched):
    """Return form(action, now): how a value of an option is read whose value is `now`."""
    module = import_unpatched("durable_harness.load.web.form")

    def read(action, now, *values):
        made = object.__new__(module.StartForm)
        made._actions = {"key": action}
        return made._value("key", list(values), now)

    return read


def action(**attributes):
    """Return an option as far as it is read."""
    return SimpleNamespace(**{"option_strings": ["--key"], "choices": None, "type": None, **attributes})


@pytest.mark.parametrize(
    ("now", "values", "expected"),
    [
        (True, ["true"], True),
        (True, ["on"], False),
        (3, ["4"], 4),
        (None, ["4"], "4"),
        (1.5, ["4"], 4.0),
        ([1], ["2,3"], [2, 3]),
        ([1], ["2", "3"], [2, 3]),
        ([], ["a,b"], ["a", "b"]),
    ],
)
def test_a_value_of_a_form_has_the_type_of_the_option(form, now, values, expected):
    """A list has one text with commas, or several."""
    found = form(action(), now, *values)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("given", "now", "value", "words"),
    [
        (action(choices=["a", "b"]), "a", "c", r"--key: got 'c', expected one of a, b"),
        (action(), 3, "many", r"--key: got 'many', expected"),
        (action(option_strings=[]), 3, "many", r"key: got 'many', expected"),
    ],
)
def test_a_value_that_the_option_has_not_is_refused(form, given, now, value, words):
    """The message has the option, the value and what is expected."""
    with pytest.raises(UsageError, match=words):
        form(given, now, value)


def test_the_message_of_an_option_is_kept(form):
    """What an option refuses in its own words is not replaced."""

    def refuse(_text):
        raise import_module("argparse").ArgumentTypeError("too short")

    with pytest.raises(UsageError, match="--key: too short"):
        form(action(type=refuse), "a", "b")
