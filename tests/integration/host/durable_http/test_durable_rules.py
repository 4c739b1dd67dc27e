"""Small rules of the Durable extension that hold whatever the storage: custom statuses, call_http, purges, restarts."""

import json

import pytest

import rooms
from durable_harness.stack import embedded_stack

CODE = r"""
import gzip
import math

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
ANSWERS = {
    "png": (b"\x89PNG\r\n\x00\xff", {"Content-Type": "image/png"}),
    "gzip": (gzip.compress(b"packed"), {"Content-Encoding": "gzip"}),
    "liar": (b"not packed", {"Content-Encoding": "gzip"}),
    "strange": ("Zürich".encode(), {"Content-Type": "text/plain; charset=klingon"}),
}

@app.route(route="answers/{name}")
def answers(req: func.HttpRequest) -> func.HttpResponse:
    body, headers = ANSWERS[req.route_params["name"]]
    asked = req.headers.get("Accept-Encoding", "for no encoding")
    return func.HttpResponse(body, headers={**headers, "X-Asked": asked})

@app.orchestration_trigger(context_name="context")
def fetch(context):
    answer = yield context.call_http("GET", context.get_input())
    return [answer["statusCode"], answer["content"], answer["headers"]["X-Asked"]]

@app.orchestration_trigger(context_name="context")
def sets_status(context):
    given = context.get_input()
    context.set_custom_status(given["text"] * given["times"])
    yield context.call_activity("nothing", "")
    return "set"

@app.activity_trigger(input_name="x")
def nothing(x):
    return {"mean": math.nan, "most": math.inf, "least": [-math.inf]}

@app.orchestration_trigger(context_name="context")
def waits(context):
    context.set_custom_status([math.nan])
    yield context.wait_for_external_event("go")
    return {"version": context.version, "input": context.get_input()}

@app.orchestration_trigger(context_name="context")
def measures(context):
    return (yield context.call_activity("nothing", ""))
"""
WEBHOOKS = "/runtime/webhooks/durabletask"
WAIT = "timeout=20&pollingInterval=1"


@pytest.fixture(scope="module")
def base_url(tmp_path_factory):
    """Yield the URL of an app that is on no Durable Task Scheduler: the rules are the extension's."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text('{"version": "2.0"}')
    with embedded_stack(folder) as stack:
        yield stack.base_url


@pytest.fixture
def durable(base_url, http):
    """Return a function that sends a request to the webhooks."""
    return lambda method, path, **options: http.request(method, f"{base_url}{WEBHOOKS}/{path}", **options)


@pytest.mark.parametrize(
    ("text", "times", "fits"),
    [
        ("x", 8190, True),
        ("x", 8191, False),
        ("ž", 8190, True),
        ("ž", 8191, False),
        ("\U0001f600", 4095, True),
        ("\U0001f600", 4096, False),
        ("x", 40_000, False),
        ([1], 4095, True),
        ([1], 4096, False),
    ],
)
def test_a_custom_status_has_16_kb_of_utf_16(durable, text, times, fits):
    """A status of more than 16 KB, as Azure writes it, fails the orchestration; one that fits is kept."""
    given = {"text": text, "times": times}
    ended = durable("POST", f"orchestrators/sets_status?{WAIT}", json=given).json()
    if fits:
        assert ended == "set"
    else:
        assert ended["runtimeStatus"] == "Failed"
        assert "must not exceed 16 KB of UTF-16 text" in ended["output"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("png", "\ufffdPNG\r\n\x00\ufffd"),
        ("gzip", "\x1f\ufffd"),
        ("liar", "not packed"),
        ("strange", "Zürich"),
    ],
)
@pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1)
def test_call_http_takes_any_body(durable, base_url, name, content):
    """An answer whose body is no text, or differs from its headers, is an answer anyway."""
    ended = durable("POST", f"orchestrators/fetch?{WAIT}", json=f"{base_url}/api/answers/{name}").json()
    status, text, asked = ended
    assert (status, asked) == (200, "for no encoding")
    assert text.startswith(content)


def test_numbers_that_json_has_not_are_written_as_text(durable):
    """NaN and infinities are strings in every document: status, list and history."""

    def strictly(response):
        return json.loads(response.text, parse_constant=lambda word: pytest.fail(f"not JSON: {word}"))

    numbers = {"mean": "NaN", "most": "Infinity", "least": ["-Infinity"]}
    assert strictly(durable("POST", f"orchestrators/measures/numbers?{WAIT}")) == numbers
    status = strictly(durable("GET", "instances/numbers?showHistory=true&showHistoryOutput=true"))
    assert status["output"] == status["historyEvents"][-1]["Result"] == numbers
    listed = strictly(durable("GET", "instances?instanceIdPrefix=numbers"))
    assert [found["output"] for found in listed] == [numbers]


@pytest.mark.parametrize("state", ["Running", "Suspended"])
def test_an_instance_that_has_not_ended_is_not_purged(durable, wait_until, state):
    """Purging a running one is an error that says so, and leaves it as it is; once it has ended it can be purged."""
    name = f"purge-{state}"
    durable("POST", f"orchestrators/waits/{name}")
    wait_until(lambda: durable("GET", f"instances/{name}").json()["customStatus"], "the first turn")
    if state == "Suspended":
        durable("POST", f"instances/{name}/suspend")
        wait_until(lambda: durable("GET", f"instances/{name}").json()["runtimeStatus"] == state, "the suspension")
    refused = durable("DELETE", f"instances/{name}")
    assert (refused.status_code, state in refused.json()["Message"]) == (409, True)
    assert durable("GET", f"instances/{name}").json()["runtimeStatus"] == state
    durable("POST", f"instances/{name}/terminate")
    wait_until(lambda: durable("GET", f"instances/{name}").status_code == 200, "its end")
    assert durable("DELETE", f"instances/{name}").json() == {"instancesDeleted": 1}


@pytest.mark.parametrize(("given", "version"), [("&version=2.5", "2.5"), ("", "1.0")])
def test_a_restart_with_options(durable, wait_until, given, version):
    """restartWithOptions starts the same orchestrator with the same input, under the given id and version."""
    first, second = f"first-{version}", f"second-{version}"
    durable("POST", f"orchestrators/waits/{first}?version=1.0", json=[7])
    answer = durable("POST", f"instances/{first}/restartWithOptions?newInstanceId={second}{given}")
    assert (answer.status_code, answer.json()["id"]) == (202, second)
    durable("POST", f"instances/{second}/raiseEvent/go", json=1)
    wait_until(lambda: durable("GET", f"instances/{second}").status_code == 200, "its end")
    assert durable("GET", f"instances/{second}").json()["output"] == {"version": version, "input": [7]}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("instances/first/restartWithOptions", 400, "newInstanceId"),
        ("instances/first/restartWithOptions?newInstanceId=%40x", 400, "@"),
        ("instances/first/restartWithOptions?newInstanceId=first", 409, "first"),
        ("instances/nobody/restartWithOptions?newInstanceId=x", 400, "nobody"),
    ],
)
def test_a_restart_that_cannot_be(durable, path, status, message):
    """A restart without an id, under one that is none or is taken by a living instance, or of nothing, is refused."""
    durable("POST", "orchestrators/waits/first")
    refused = durable("POST", path)
    assert refused.status_code == status
    assert message in refused.text
