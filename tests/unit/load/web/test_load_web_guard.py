"""The web UI's guard: who may ask, what a form may set, and what no page shows."""

import json
from html import escape
from types import SimpleNamespace
from urllib.parse import quote

import flask
import pytest

from durable_harness.errors import UsageError

KEY = 'a "secret" + key/=='
OWN = {"Host": "127.0.0.1:8089"}


@pytest.fixture
def client(monkeypatch, import_unpatched):
    """Return a client of a guarded app; Locust is imported without patching the standard library of the tests."""
    monkeypatch.delenv("DURABLE_HARNESS_ALLOWED_HOSTS", raising=False)
    app = flask.Flask("ui")
    app.add_url_rule("/base/swarm", "swarm", lambda: flask.jsonify({"success": True}), methods=["POST"])
    app.add_url_rule("/base/user", "user", lambda: flask.jsonify({}), methods=["POST"])
    app.add_url_rule(
        "/base/", "index", lambda: flask.Response(flask.request.args.get("show", ""), mimetype="text/html")
    )
    web = import_unpatched("durable_harness.load.web")
    environment = SimpleNamespace(
        parsed_options=import_unpatched("locust.argument_parser").get_parser().parse_args([]),
        host="http://mine",
        user_classes=[],
        available_user_classes={},
        available_shape_classes={},
        shape_class=None,
    )
    web.Guard("/base", web.StartForm(environment, check_run), lambda: ["", "ab", KEY]).watch(app)
    return app.test_client()


def check_run(options, _user_classes):
    """Allow one host."""
    if options.host != "http://mine":
        raise UsageError(f"{options.host} is another host")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8089"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "localhost:8089"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example:8089"}, 403),
    ],
)
def test_who_may_ask(client, headers, status):
    """Programs and the UI's own pages may; pages of other sites, and names that are anybody's, may not."""
    form = {"user_count": "1", "spawn_rate": "1"}
    assert client.post("/base/swarm", data=form, headers={**OWN, **headers}).status_code == status
    assert client.get("/base/", headers={**OWN, **headers}).status_code == status


def test_a_host_can_be_allowed(client, monkeypatch):
    """A name that is the user's own is allowed by the environment."""
    monkeypatch.setenv("DURABLE_HARNESS_ALLOWED_HOSTS", "load.example")
    assert client.get("/base/", headers={"Host": "load.example"}).status_code == 200


TIMES = "a time above 0, like 30, 90s, 10m or 1h30m"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("host", "http://mine", None),
        ("run_time", "10s", None),
        ("run_time", "", None),
        ("run_time", "soon", f"run time: got 'soon', expected {TIMES}"),
        (
            "run_time",
            "0",
            f"run time: got '0', expected {TIMES}; leave it empty for a run without an end",
        ),
        ("user_count", "2.5", "users: got '2.5', expected a whole number, 0 or more"),
        ("user_count", "-1", "users: got '-1', expected a whole number, 0 or more"),
        ("spawn_rate", "nan", "ramp up: got 'nan', expected users per second, above 0"),
        ("spawn_rate", "0", "ramp up: got '0', expected users per second, above 0"),
        ("user_classes", "Nobody", "user class: got 'Nobody', expected one of "),
        ("shape_class", "Nobody", "shape class: got 'Nobody', expected one of Default"),
        ("host", "http://other", "http://other is another host"),
        ("report_dir", "/home", "Only the command line sets report_dir: start Locust again."),
        ("csv_prefix", "/home/x", "Only the command line sets csv_prefix: start Locust again."),
        ("a\x1b[2J", "", "Only the command line sets a\\x1b[2J: start Locust again."),
    ],
)
def test_what_a_form_may_set(client, field, value, message):
    """What Locust's form shows may be set, anything else is refused by name, and so is a host that gets no key."""
    answer = client.post("/base/swarm", data={"user_count": "1", "spawn_rate": "1", field: value}, headers=OWN).json
    assert answer == ({"success": True} if message is None else {"success": False, "message": message})


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"user_class_name": "Quick", "weight": 2, "host": None}, 200),
        ({"user_class_name": "Quick", "host": "http://mine"}, 200),
        ({"user_class_name": "Quick", "host": "http://other"}, 400),
        ({"user_class_name": "Quick", "host": ["x"]}, 400),
        ({"user_class_name": "Quick", "weight": "many"}, 400),
        ({"user_class_name": "Quick", "fixed_count": -1}, 400),
        ({"user_class_name": "Quick", "fixed_count": True}, 400),
        ({"user_class_name": "Quick", "start_path": "@other/"}, 400),
        (["Quick"], 400),
    ],
)
def test_what_of_a_user_class_may_be_set(client, settings, status):
    """Weight, number and tasks may be edited, and no other attribute of a class."""
    assert client.post("/base/user", json=settings, headers=OWN).status_code == status


@pytest.mark.parametrize("form", [KEY, json.dumps(KEY)[1:-1], escape(KEY), quote(KEY), quote(KEY, safe="")])
def test_no_page_shows_the_key(client, form):
    """A secret is blanked in whatever form a page has it; what is too short to be one stays."""
    assert client.get("/base/", query_string={"show": f"cab {form}."}, headers=OWN).text == "cab …."
