"""`durable-harness why`: which endpoint it asks, and its message if there is no answer."""

import json
from types import SimpleNamespace

import pytest

from durable_harness.cli import main
from durable_harness.cli.why import TIMINGS_PATH
from durable_harness.errors import UnreachableError, UsageError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.testing import requesting

TIMINGS = {"instanceId": "i", "events": []}


@pytest.fixture
def why(monkeypatch, capsys):
    """Return why(timings, status, *words): what the command prints if a host answers so, with its code if not 0."""

    def run(timings, status=None, *words):
        def request(_self, _method, url, *_args, **_options):
            asked.append(url)
            return timings if url.startswith(TIMINGS_PATH) else status

        monkeypatch.setattr(requesting.HttpClient, "request", request)
        monkeypatch.setattr(
            "durable_harness.why.explain",
            lambda document: SimpleNamespace(as_json=lambda: {"of": document["instanceId"]}),
        )
        monkeypatch.setattr(
            "durable_harness.why.text.as_lines", lambda explained: [f"as of {explained.as_json()['of']}"]
        )
        code = main(["why", "a/b", "--host", "http://127.0.0.1:1", *words])
        printed = capsys.readouterr()
        return printed.out if code == 0 else (code, printed.err)

    asked = []
    run.asked = asked
    return run


def answer(status, body=None):
    """Return an answer with a JSON body."""
    return HttpResponse(status, {}, b"" if body is None else json.dumps(body).encode())


def test_a_host_of_ours_is_asked_once(why):
    """Its timings are all that is needed; the id is quoted in the URL."""
    assert why(answer(200, TIMINGS)) == "as of i\n"
    assert why.asked == [f"{TIMINGS_PATH}?instance=a%2Fb"]


def test_json_is_printed_on_demand(why):
    """--json prints the explanation as a document."""
    assert json.loads(why(answer(200, TIMINGS), None, "--json")) == {"of": "i"}


@pytest.mark.parametrize("timings", [answer(404), answer(200, {"other": 1}), answer(200)])
def test_another_host_is_asked_by_its_webhooks(why, monkeypatch, timings):
    """Where the timings are unknown, or no document of ours, the status of the instance is explained."""
    monkeypatch.setattr(
        "durable_harness.why.webhook_document.document_of", lambda name, _status, _history: {"instanceId": name}
    )
    assert why(timings, answer(200, {"runtimeStatus": "Completed", "historyEvents": []})) == "as of a/b\n"
    assert len(why.asked) == 2


@pytest.mark.parametrize(
    ("timings", "status", "words"),
    [
        (answer(401), None, f"refuses this key for {TIMINGS_PATH} (401). Give its master key"),
        (answer(403), None, f"refuses this key for {TIMINGS_PATH} (403). Give its master key"),
        (answer(404), answer(401), "refuses this key (401). Give its system key"),
        (answer(404), answer(404), "has no orchestration instance 'a/b'. It may have been purged"),
    ],
)
def test_each_refusal_says_what_to_give(why, timings, status, words):
    """A refused key names the key that is needed; an unknown instance is no matter of keys."""
    code, message = why(timings, status)
    assert code == UsageError.exit_code
    assert words in message


def test_a_host_that_is_not_there(why):
    """The message has the reason and how to start the app."""
    code, message = why(NoResponse("Connection refused"))
    assert code == UnreachableError.exit_code
    assert "does not answer: Connection refused" in message
    assert "Start the app (durable-harness serve)" in message
