"""The sample app at the root of the repository: the Async HTTP API pattern, from the first POST to the last URL."""

import json

import pytest

START = "/api/async_http_api"
MANAGEMENT = (
    "statusQueryGetUri",
    "sendEventPostUri",
    "terminatePostUri",
    "rewindPostUri",
    "purgeHistoryDeleteUri",
    "restartPostUri",
    "suspendPostUri",
    "resumePostUri",
)
LONGEST_DAY_S = 24 * 60 * 60


def start(sample, body):
    answer = sample.post(START, data=json.dumps(body))
    assert answer.status_code == 202, answer.text
    return answer


@pytest.fixture
def running(sample):
    """Yield the management payload of an operation that runs until it is terminated."""
    payload = start(sample, {"duration": LONGEST_DAY_S}).json()
    sample.wait_for(payload["id"], "Running")
    yield payload
    sample.operate(payload["id"], "terminate")


def test_start_is_accepted(sample):
    """A start answers 202 with every management URL, Location and Retry-After."""
    answer = start(sample, {"duration": 0})
    assert set(answer.json()) == {"id", *MANAGEMENT}
    assert answer.headers["Location"] == answer.json()["statusQueryGetUri"]
    assert answer.headers["Retry-After"] == "10"


def test_an_operation_is_polled_to_its_output(sample, wait_until):
    """Polls of Location answer 202 while the operation runs and 200 with the exact output when it has ended."""
    data = {"order": 7, "note": "žito 🐎"}
    location = start(sample, {"operation_type": "data_processing", "duration": 0.3, "data": data}).headers["Location"]
    polls = [sample.get(location)]

    def ended():
        polls.append(sample.get(location))
        return polls[-1].status_code != 202

    wait_until(ended, "the operation to end")
    assert polls[0].status_code == 202
    assert polls[0].json()["output"] is None
    assert polls[-1].status_code == 200
    output = polls[-1].json()["output"]
    assert output["startedAt"] < output["finishedAt"]
    assert {key: output[key] for key in ("task", "result", "duration", "data")} == {
        "task": "data_processing",
        "result": "Success",
        "duration": 0.3,
        "data": data,
    }
    assert set(output) == {"task", "result", "duration", "data", "startedAt", "finishedAt"}


@pytest.mark.parametrize(
    "body", [b"{}", b"", b"  ", b'{"unknown": 1}'], ids=["object", "nothing", "blanks", "unknown key"]
)
def test_defaults(sample, sdk_generation, body):
    """A start without a body means ProcessData for 30 s without data."""
    instance_id = sample.post(START, data=body).json()["id"]
    status = sample.wait_for(instance_id, "Running")
    given = json.loads(status["input"]) if sdk_generation == 1 else status["input"]
    assert given == {"operation_type": "ProcessData", "duration": 30.0, "data": None}
    sample.operate(instance_id, "terminate")


def test_custom_status_shows_progress(sample, running, wait_until):
    """The custom status is processing while the activity runs and done afterwards."""
    assert wait_until(lambda: sample.status(running["id"])["customStatus"], "progress")["stage"] == "processing"
    ended = sample.wait_terminal(start(sample, {"duration": 0, "operation_type": "quick"}).json()["id"])
    assert ended["customStatus"] == {"stage": "done", "operation_type": "quick"}


def test_many_operations_keep_their_data_apart(sample):
    """Fifty operations at once each answer with their own echo."""
    started = {n: start(sample, {"duration": 0.05, "data": {"n": n}}).json()["id"] for n in range(50)}
    assert {n: sample.wait_terminal(id_)["output"]["data"]["n"] for n, id_ in started.items()} == {
        n: n for n in started
    }


def test_status_of_a_running_operation(sample, running):
    """GET status/{instanceId} answers 202 while it runs, with where to look and when to look again."""
    answer = sample.get(f"/api/status/{running['id']}")
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.url
    assert int(answer.headers["Retry-After"]) > 0
    body = answer.json()
    assert (body["instanceId"], body["runtimeStatus"], body["output"]) == (running["id"], "Running", None)
    assert body["createdTime"] <= body["lastUpdatedTime"]
    assert body["managementUrls"] == running


def test_status_of_an_ended_operation(sample):
    """GET status/{instanceId} answers 200 when it has ended, with the output and nothing to look for."""
    instance_id = start(sample, {"duration": 0}).json()["id"]
    sample.wait_terminal(instance_id)
    answer = sample.get(f"/api/status/{instance_id}")
    assert answer.status_code == 200
    assert not {"Location", "Retry-After"} & set(answer.headers)
    assert answer.json()["output"]["result"] == "Success"


def test_status_of_an_unknown_operation(sample, key):
    """GET status/{instanceId} answers 404 with a JSON error that names the id."""
    answer = sample.get(f"/api/status/{key}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "NotFound"
    assert key in answer.json()["message"]


NOT_A_DURATION = [
    '"5"',
    "true",
    "-1",
    "-0.001",
    "1e999",
    str(LONGEST_DAY_S + 1),
    "null",
    "[1]",
    "{}",
]
NOT_A_TYPE = ["5", '""', "null", "[]", "{}", "true", json.dumps("x" * 257)]
NOT_AN_OBJECT = ["hello", "{", "[]", "5", '"text"', "null", "true", "{} {}", "[" * 100_000]
BAD = [
    *[("duration", f'{{"duration": {value}}}') for value in NOT_A_DURATION],
    *[("operation_type", f'{{"operation_type": {value}}}') for value in NOT_A_TYPE],
    *[("body", text) for text in NOT_AN_OBJECT],
    ("body", b'{"operation_type": "\xff"}'),
    ("data", json.dumps({"data": "x" * (256 * 1024)})),
    ("body", json.dumps({"data": "x" * (1024 * 1024)})),
]


@pytest.mark.parametrize(("field", "body"), BAD, ids=[f"{field}-{body[:40]!r}" for field, body in BAD])
def test_bad_input_is_refused_and_nothing_starts(sample, field, body):
    """A bad start gets 400 and JSON that names the field, what came and what is allowed; no instance appears."""
    before = {status["instanceId"] for status in sample.statuses()}
    answer = sample.post(START, data=body if isinstance(body, bytes) else body.encode())
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json()
    assert (error["error"], error["field"]) == ("InvalidOperation", field)
    assert error["got"]
    assert error["allowed"]
    assert error["got"] in error["message"]
    assert error["allowed"] in error["message"]
    assert {status["instanceId"] for status in sample.statuses()} == before


@pytest.mark.parametrize(
    "body", ['{"duration": NaN}', '{"duration": Infinity}', '{"data": [NaN]}', '{"data": -Infinity}']
)
def test_what_only_python_calls_json_is_refused(sample, body):
    """NaN and the infinities are no JSON: accepted, they would make every answer about the operation unreadable."""
    answer = sample.post(START, data=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "InvalidOperation"


def test_only_the_listed_methods(sample):
    """The start takes POST only and the status GET only; other methods find nothing."""
    assert sample.get(START).status_code == 404
    assert sample.post("/api/status/x").status_code == 404


def test_every_management_url_works(sample, running):
    """Each URL of a start's answer does what its name promises, filled in as the templates ask."""
    urls = {name: url.format(eventName="hello", text="because") for name, url in running.items()}
    assert sample.get(urls["statusQueryGetUri"]).json()["runtimeStatus"] == "Running"
    assert sample.post(urls["sendEventPostUri"], json={"a": 1}).status_code == 202
    assert sample.post(urls["suspendPostUri"]).status_code == 202
    sample.wait_for(running["id"], "Suspended")
    assert sample.post(urls["resumePostUri"]).status_code == 202
    sample.wait_for(running["id"], "Running")
    assert sample.post(urls["rewindPostUri"]).status_code == 500
    assert sample.post(urls["terminatePostUri"]).status_code == 202
    assert sample.wait_terminal(running["id"])["output"] == "because"
    assert sample.post(urls["rewindPostUri"]).status_code == 410
    again = sample.post(urls["restartPostUri"])
    assert again.status_code == 202
    sample.operate(again.json()["id"], "terminate")
    assert sample.delete(urls["purgeHistoryDeleteUri"]).json() == {"instancesDeleted": 1}
    assert sample.get(urls["statusQueryGetUri"]).status_code == 404
