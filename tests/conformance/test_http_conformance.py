"""Every check of http-conformance.json against a running host.

The data has given, request and expect; this module is its interpreter. What the data has in prose is a function here,
keyed by the check's id, and a test fails when a check has prose without its function.
"""

import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

PROSE_KEYS = ("eventually", "then", "after")
DATA = json.loads(Path(__file__).with_name("http-conformance.json").read_text())
CHECKS = {check["id"]: check for feature in DATA["features"] for check in feature["checks"]}
WEBHOOKS = "/runtime/webhooks/durabletask"


def marks_of(check):
    """Return the mark of a check that holds for one generation of the SDK only."""
    return [getattr(pytest.mark, f"sdk{check['sdk']}")] if "sdk" in check else []


class World:
    """One check's own instances on a running host: ids made unique, states prepared, statuses remembered."""

    def __init__(self, client, wait_until):
        self.client, self.wait_until = client, wait_until
        self.mark = uuid.uuid4().hex[:8]
        self.prepared = {}

    def unique(self, written_id):
        """Make p-1 into p-<mark>-1, so that the prefix p- becomes p-<mark>-."""
        family, _, number = written_id.partition("-")
        return f"{family}-{self.mark}-{number}"

    def prepare(self, written_id, orchestrator, state, body=None):
        """Bring an instance into a state; its input shows later whether it is still the same instance."""
        instance_id = self.unique(written_id)
        made_by = {"check": self.mark} if body is None else body
        assert self.client.start(orchestrator, made_by, instance_id) == instance_id
        if state == "Suspended":
            self.client.wait_for(instance_id, "Running")
            assert self.client.operate(instance_id, "suspend").status_code == 202
        self.prepared[written_id] = self.client.wait_for(instance_id, state)

    def status(self, written_id):
        return self.client.status(self.unique(written_id))

    def ended(self, written_id):
        return self.client.wait_terminal(self.unique(written_id))


# ---- given


def given_nothing(world):
    """Ask nothing of the world: the fixture app provides what the line describes."""


def given_instance(world, written_id, orchestrator, state):
    world.prepare(written_id, orchestrator or "hello_seq", state)


def given_started_with_body(world, written_id, orchestrator, body):
    world.prepare(written_id, orchestrator, "Running", json.loads(body))


def given_many(world, line):
    for group in line.split(", "):
        ids, state = group.rsplit(" ", 1)
        for written_id in ids.split(" and "):
            world.prepare(written_id, {"Completed": "hello_seq", "Running": "wait_event"}[state], state)


STATE = "(Running|Completed|Failed|Suspended)"
GIVENS = {
    r"app running|no instance created after 2099": given_nothing,
    r"http function .+": given_nothing,
    r"def \(not async\) function sync_client .+": given_nothing,
    r"host\.json extensions\.http\.maxOutstandingRequests=1 .+ http function slow is in flight": given_nothing,
    rf"instance (\S+)(?: of (\w+))? is {STATE}": given_instance,
    r"instance (\S+) of (\w+) started over HTTP with body (.+)": given_started_with_body,
    rf"((?:\S+ (?:and \S+ )?{STATE.replace('(', '(?:')}(?:, )?)+)": given_many,
}


def arrange(world, lines):
    for line in lines:
        matches = [(step, found) for pattern, step in GIVENS.items() if (found := re.fullmatch(pattern, line))]
        assert len(matches) == 1, f"{len(matches)} steps understand the given line {line!r}"
        step, found = matches[0]
        step(world, *found.groups())


# ---- request


def expand(text):
    """Expand ${'x'*257}; nothing else is asked for by the data."""
    return re.sub(r"\$\{'(.)'\*(\d+)\}", lambda found: found[1] * int(found[2]), text)


def with_unique_ids(check, world):
    """Return the check's request and expectation with this world's ids in place of the written ones."""
    written = set(re.findall(r"\b[a-z]+-\d+\b", " ".join(check["given"])))
    written |= {check["expect"].get("json", {}).get("id", check["id"])}
    text = json.dumps({"request": check["request"], "expect": check["expect"]})
    for written_id in written:
        text = re.sub(rf"(?<![\w-]){re.escape(written_id)}(?![\w-])", world.unique(written_id), text)
        prefix = written_id.partition("-")[0] + "-"
        text = text.replace(f"instanceIdPrefix={prefix}&", f"instanceIdPrefix={world.unique(prefix)}&")
    return json.loads(text)


def send(world, request):
    body = request.get("body")
    return world.client.request(
        request["method"],
        expand(request["path"]),
        headers=request.get("headers"),
        data=None if body is None else body.encode(),
    )


# ---- expect: each key of the data is a predicate over the response, what is wanted, and the whole expectation


def header_value(response, wanted):
    """Resolve what a header should be: another part of the exchange, or the text itself."""
    if wanted == "=request.url":
        return response.request.url
    return response.json()[wanted.removeprefix("=json:")] if wanted.startswith("=json:") else wanted


def items_of(response, expect):
    return response.json()[expect["array_at"]]


def event_types(response, expect):
    return {item["EventType"] for item in items_of(response, expect)}


EXPECTATIONS = {
    "status": lambda r, wanted, _: r.status_code == wanted,
    "status_in": lambda r, wanted, _: r.status_code in wanted,
    "body": lambda r, wanted, _: wanted == "empty" and r.content == b"",
    "headers": lambda r, wanted, _: all(r.headers.get(k) == header_value(r, v) for k, v in wanted.items()),
    "headers_absent": lambda r, wanted, _: not any(name in r.headers for name in wanted),
    "header_nonempty": lambda r, wanted, _: all(r.headers.get(name) for name in wanted),
    "json": lambda r, wanted, _: r.json() == {**r.json(), **wanted},
    "json_equals": lambda r, wanted, _: r.json() == wanted,
    "json_type": lambda r, wanted, _: wanted == "string" and isinstance(r.json(), str),
    "json_keys": lambda r, wanted, _: set(wanted) <= r.json().keys(),
    "json_keys_absent": lambda r, wanted, _: not set(wanted) & r.json().keys(),
    "json_keys_in_order": lambda r, wanted, _: list(r.json()) == wanted,
    "json_match": lambda r, wanted, _: all(re.search(v, r.json()[k]) for k, v in wanted.items()),
    "json_contains_text": lambda r, wanted, _: all(v in r.json()[k] for k, v in wanted.items()),
    "array_length": lambda r, wanted, _: len(r.json()) == wanted,
    "array_at": lambda r, wanted, _: isinstance(r.json()[wanted], list) and r.json()[wanted],
    "ids_include": lambda r, wanted, _: set(wanted) <= {item["instanceId"] for item in r.json()},
    "each_has": lambda r, wanted, expect: all(set(wanted) <= item.keys() for item in items_of(r, expect)),
    "each_lacks": lambda r, wanted, expect: not any(set(wanted) & item.keys() for item in items_of(r, expect)),
    "event_types_absent": lambda r, wanted, expect: not set(wanted) & event_types(r, expect),
    "event_types_present": lambda r, wanted, expect: set(wanted) <= event_types(r, expect),
}


def verify(response, expect):
    for key, wanted in expect.items():
        if key not in PROSE_KEYS:
            assert EXPECTATIONS[key](response, wanted, expect), (
                f"{key}: wanted {wanted}, got {response.status_code} {dict(response.headers)} {response.text[:2000]}"
            )


# ---- prose: what a check wants before its request, and what it wants afterwards


def wait_for_the_next_second(world):
    """Created times are whole seconds: wait for the next one, so that a later time differs from the first."""
    second = int(time.time())
    world.wait_until(lambda: int(time.time()) > second + 1, "the next whole second")


@contextmanager
def slow_in_flight(client, wait_until, busy_file):
    """Keep one call of slow in flight; it must have been served well when the block ends."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get, "/api/slow", params={"busy_file": str(busy_file)})
        wait_until(busy_file.exists, "slow to be in flight")
        try:
            yield
        finally:
            busy_file.unlink()
        assert call.result().status_code == 200


def length_100_is_accepted(world, response):
    longest = world.mark.ljust(100, "x")
    assert world.client.start("hello_seq", instance_id=longest) == longest
    assert world.client.wait_terminal(longest)["runtimeStatus"] == "Completed"


def running_instance_is_untouched(world, response):
    before, after = world.prepared["dup-1"], world.status("dup-1")
    assert (after["runtimeStatus"], after["input"]) == ("Running", {"check": world.mark})
    assert after["createdTime"] == before["createdTime"]


def instance_is_a_new_one(world, response):
    before, after = world.prepared["re-1"], world.ended("re-1")
    assert (after["runtimeStatus"], after["input"]) == ("Completed", None)
    assert after["createdTime"] > before["createdTime"]


def pages_give_both(world, response):
    url, found = response.request.url, [item["instanceId"] for item in response.json()]
    while token := response.headers.get("x-ms-continuation-token"):
        response = world.client.get(url, headers={"x-ms-continuation-token": token})
        assert response.status_code == 200
        assert len(response.json()) <= 1
        found += [item["instanceId"] for item in response.json()]
    assert sorted(found) == [world.unique("p-1"), world.unique("p-2")]


def purged_is_unknown(world, response):
    assert world.client.get(f"{WEBHOOKS}/instances/{world.unique('pu-1')}").status_code == 404


def waiter_has_the_event(world, response):
    status = world.ended("ev-1")
    assert (status["runtimeStatus"], status["output"]) == ("Completed", {"ok": True})


def terminated_with_the_reason(world, response):
    status = world.ended("te-1")
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "stop now")
    assert world.client.get(f"{WEBHOOKS}/instances/{world.unique('te-1')}").status_code == 200


def input_and_output_are_the_value(world, response):
    ended = world.client.wait_terminal(response.json()["id"])
    assert (ended["input"], ended["output"]) == ({"a": 1}, {"a": 1})


def input_is_text_and_output_a_value(world, response):
    status = world.client.wait_terminal(response.json()["id"])
    assert (status["input"], status["output"]) == ('{"a": 1}', {"a": 1})


def the_body_ran(world, response):
    assert world.client.get("/api/sync_client_file").text.splitlines()[-1:] == ["called"]


def other_items_routes(world, response):
    assert world.client.get("/api/items/abc").status_code == 404
    assert world.client.get("/api/items/7").json() == {"params": {}, "route_params": {"id": "7"}}


BEFORE_REQUEST = {"start-09": wait_for_the_next_second}
FOLLOW_UPS = {
    "start-07": length_100_is_accepted,
    "start-08": running_instance_is_untouched,
    "start-09": instance_is_a_new_one,
    "list-01": pages_give_both,
    "purge-01": purged_is_unknown,
    "event-01": waiter_has_the_event,
    "term-01": terminated_with_the_reason,
    "sdk-02": input_is_text_and_output_a_value,
    "sdk-03": the_body_ran,
    "sdk-12": input_and_output_are_the_value,
    "sdk-13": the_body_ran,
    "http-05": other_items_routes,
}
NOTES_THAT_ASK_NOTHING = {"start-08", "status-01", "status-07", "list-01", "purge-01", "term-01", "http-06"}


@pytest.mark.parametrize(
    "check", [pytest.param(check, id=check["id"], marks=marks_of(check)) for check in CHECKS.values()]
)
def test_check(check, conformance, throttled_by_check, wait_until):
    """The host answers as this check of the data specifies, and leaves the world as its prose specifies."""
    world = World(throttled_by_check or conformance, wait_until)
    arrange(world, check["given"])
    BEFORE_REQUEST.get(check["id"], given_nothing)(world)
    exchange = with_unique_ids(check, world)
    response = send(world, exchange["request"])
    verify(response, exchange["expect"])
    FOLLOW_UPS.get(check["id"], lambda *_: None)(world, response)


@pytest.fixture
def throttled_by_check(request, check, wait_until, tmp_path):
    """Yield, for http-06 only, the client of the throttled app while one of its calls is in flight."""
    if check["id"] != "http-06":
        yield None
        return
    client = request.getfixturevalue("throttled")
    with slow_in_flight(client, wait_until, tmp_path / "busy"):
        yield client
    assert client.get("/api/slow").status_code == 200


def test_every_prose_is_implemented():
    """Each eventually, then, after and demanding note of the data has a follow-up, and no follow-up is stale."""
    with_prose = {id_ for id_, check in CHECKS.items() if set(PROSE_KEYS) & check["expect"].keys()}
    with_note = {id_ for id_, check in CHECKS.items() if "note" in check}
    assert with_note >= NOTES_THAT_ASK_NOTHING
    assert FOLLOW_UPS.keys() == with_prose | (with_note - NOTES_THAT_ASK_NOTHING)


def test_every_expectation_is_understood():
    """The interpreter knows every key that an expectation uses, and has no predicate that nothing uses."""
    used = {key for check in CHECKS.values() for key in check["expect"]}
    assert used - set(PROSE_KEYS) == EXPECTATIONS.keys()
