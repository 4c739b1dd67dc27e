"""Details of operations that reports and drivers rely on: events, waiting acts, parts of time, texts, limits."""

import json
import re
import time
from dataclasses import replace

import pytest

from durable_harness.operations import (
    ExponentialPolling,
    FixedPolling,
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationRecord,
    OperationState,
    PollStrategy,
    ServerDirectedPolling,
    Workload,
    durable_status_route,
    durable_webhooks,
)
from durable_harness.operations.completion_times import CompletionTimes
from durable_harness.operations.description import DURABLE_STATUS, UrlKind, UrlSource, fill_path
from durable_harness.operations.excerpts import EXCERPT_CHARS, FAILURE_CHARS, both_ends, excerpt_of_text
from durable_harness.operations.host_times import HostTimes, read_host_times
from durable_harness.operations.measurement import read_measurements, read_warnings
from durable_harness.operations.poll_plan import plan_polls
from durable_harness.operations.trace_page import page_in, trace_path
from durable_harness.operations.wire import (
    Phase,
    UnreadableAnswerError,
    carries_failure,
    output_of,
    read_retry_after_s,
    read_status,
)

BASE = "http://host"
URLS = {
    "id": "abc",
    "statusQueryGetUri": f"{BASE}/status/abc",
    "sendEventPostUri": f"{BASE}/raise/{{eventName}}?code=k",
    "terminatePostUri": f"{BASE}/terminate?reason={{text}}&code=k",
}


def json_answer(code, value, **headers):
    """Make an answer with a JSON body."""
    return HttpResponse(code, headers, json.dumps(value).encode())


def planned(**plan):
    """Make an operation that was sent at 100.0."""
    defaults = {"polling": FixedPolling(1.0), "timeout_s": 10.0, "intended": 99.0}
    made = Operation(OperationPlan("token", f"{BASE}/api/start", {}, **{**defaults, **plan}))
    made.sent(100.0)
    return made


def accepted(**plan):
    """Make an operation that was accepted at 100.5."""
    made = planned(**plan)
    made.start_answered(json_answer(202, URLS), 100.5)
    return made


def poll(state, code=200, **body):
    """Make the answer to a poll."""
    return json_answer(code, {"runtimeStatus": state, **body})


def test_an_event_is_raised_by_the_url_that_the_start_gave():
    """The name is a part of the path, written as one, and the data is JSON."""
    request = accepted().event_request("approve/me", {"ok": True})
    assert (request.method, request.url) == ("POST", f"{BASE}/raise/approve%2Fme?code=k")
    assert (dict(request.headers), request.body) == ({"Content-Type": "application/json"}, b'{"ok": true}')


def test_an_event_to_the_services_own_origin_has_its_headers():
    """Keys go with the request where the description's own route is asked, and nowhere else."""
    key = {"x-functions-key": "secret"}
    own = accepted(service=durable_status_route(), key_headers=key, base_url=BASE)
    assert own.event_request("go", 1).headers == {"Content-Type": "application/json", **key}
    assert own.terminate_request("why").headers == key
    away = json_answer(202, {**URLS, **{name: URLS[name].replace("host", "other") for name in URLS if "Post" in name}})
    elsewhere = planned(service=durable_status_route(), key_headers=key, base_url=BASE)
    elsewhere.start_answered(away, 100.5)
    assert elsewhere.event_request("go", 1).headers == {"Content-Type": "application/json"}
    assert elsewhere.terminate_request("why").headers == {}


def test_no_event_is_raised_before_the_start_or_after_the_end():
    """Without a URL, or once it has ended, there is nothing to send."""
    assert planned().event_request("go", None) is None
    assert planned().terminate_request("why") is None
    op = accepted()
    op.give_up(101.0, "enough")
    assert op.event_request("go", None) is None
    assert op.terminate_request("why") is None


def test_the_reason_of_a_termination_is_a_value_of_its_query():
    """Whatever the reason contains, it is one value."""
    assert accepted().terminate_request("a/b c&d").url == f"{BASE}/terminate?reason=a%2Fb%20c%26d&code=k"


def test_what_waits_for_the_acceptance_is_kept_in_order():
    """Acts wait for the acceptance, are handed out once, and are called at once by an operation that is accepted."""
    op, calls = planned(), []
    acts = [lambda found: calls.append((1, found)), lambda found: calls.append((2, found))]
    for act in acts:
        op.when_accepted(act)
    assert (calls, op.take_waiting(), op.take_waiting()) == ([], tuple(acts), ())
    op.start_answered(json_answer(202, URLS), 100.5)
    op.when_accepted(acts[1])
    assert (calls, op.take_waiting()) == ([(2, op)], ())


def test_nothing_waits_for_a_refused_operation():
    """It will never be accepted."""
    op = planned()
    op.start_answered(HttpResponse(500, {}, b"no"), 100.5)
    op.when_accepted(lambda _: None)
    assert op.take_waiting() == ()


def test_a_record_knows_its_plan():
    """Token, scenario, workload and trace are those of the plan; the offset turns moments into times of day."""
    record = planned(scenario="Steady", workload=Workload.OPEN, trace_id="ab" * 16).record
    assert (record.token, record.scenario, record.workload, record.trace_id) == (
        "token",
        "Steady",
        Workload.OPEN,
        "ab" * 16,
    )
    assert record.epoch_s(time.monotonic()) == pytest.approx(time.time(), abs=5)
    assert Operation(OperationPlan("t", BASE, {}, FixedPolling(1), 1)).record.intended <= time.monotonic()


def test_failed_polls_are_counted_and_honour_retry_after():
    """A poll without a usable answer is counted, whether it is repeated or ends the operation."""
    op = accepted(polling=ServerDirectedPolling(1.0))
    op.poll_answered(HttpResponse(503, {"retry-after": "4"}, b""), 101.0)
    assert op.next_poll == 105.0
    op.poll_answered(HttpResponse(429, {"retry-after": "2"}, b""), 105.0)
    assert op.next_poll == 107.0
    op.poll_answered(HttpResponse(401, {}, b""), 107.0)
    assert (op.record.polls, op.record.failed_polls, op.record.state) == (3, 3, OperationState.FAILED)
    assert op.record.error == "status cannot be read: 401"


def test_an_unknown_instance_is_lost_at_once():
    """404 on the status of an accepted operation ends it, with that as the reason."""
    op = accepted()
    op.poll_answered(HttpResponse(404, {}, b""), 101.5)
    record = op.record
    assert (record.state, record.ended, record.error) == (
        OperationState.LOST,
        101.5,
        "lost: accepted, then 404 on its status",
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (poll("Running", 202), "timed out: not terminal after 10 s"),
        (NoResponse("reset"), "timed out: not terminal after 10 s; last poll: no answer: reset"),
    ],
)
def test_a_timeout_names_the_last_problem(answer, error):
    """At the deadline the operation times out; if its last poll had a problem the reason names it."""
    op = accepted()
    op.poll_answered(answer, 110.0)
    assert (op.record.state, op.record.error, op.next_poll) == (OperationState.TIMED_OUT, error, None)


def test_a_strategy_gets_what_it_needs():
    """Polls, Retry-After, the time since the acceptance, lateness and phase reach the strategy."""
    calls = []

    class Noting(PollStrategy):
        def delay_s(self, *values):
            calls.append(values)
            return 1.0

    op = accepted(polling=Noting(), poll_phase=0.5)
    op.poll_sent(101.75)
    op.poll_answered(poll("Running", 202), 102.5)
    assert calls == [(0, None, 0.0, 0.0, 0.5), (1, None, 2.0, 0.25, 0.5)]


def test_as_many_redirects_as_allowed_are_followed():
    """Five in a row are followed, relative to where each came from; an answer between them starts the count again."""
    op = accepted()
    for _ in range(2):
        for step in range(5):
            op.poll_answered(HttpResponse(302, {"location": f"step{step}"}, b""), 101.0)
        assert op.status_url == f"{BASE}/status/step4"
        op.poll_answered(poll("Running", 202), 101.0)
    assert op.record.state is OperationState.IN_FLIGHT


def test_the_first_status_url_is_kept():
    """The URL of the start's answer stays known after the status has moved."""
    op = accepted()
    op.poll_answered(HttpResponse(302, {"location": "/moved"}, b""), 101.0)
    assert (op.first_status_url, op.status_url) == (f"{BASE}/status/abc", f"{BASE}/moved")


def test_a_start_without_an_answer_in_time_has_timed_out():
    """Its record is closed at that moment; before the deadline it was unreachable."""
    late, early = planned(), planned()
    late.start_answered(NoResponse("no answer in time"), 110.0)
    early.start_answered(NoResponse("Connection refused"), 101.0)
    assert (late.record.state, late.record.ended, late.record.error) == (
        OperationState.TIMED_OUT,
        110.0,
        "timed out: start not answered after 10 s",
    )
    assert (early.record.state, early.record.ended, early.record.error) == (
        OperationState.UNREACHABLE,
        101.0,
        "start got no answer: Connection refused",
    )


def test_a_result_may_have_moved():
    """A redirect of the resource with the output is followed too."""
    op = accepted()
    op.poll_answered(HttpResponse(303, {"location": "/result"}, b""), 101.0)
    op.poll_answered(HttpResponse(307, {"location": "/moved"}, b""), 101.5)
    assert (op.status_url, op.next_poll) == (f"{BASE}/moved", 101.5)
    op.poll_answered(json_answer(200, {"pages": 3}), 102.0)
    assert op.record.state is OperationState.COMPLETED


def raising(error):
    """Return an output check that raises."""

    def check(sent, output):
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError(), "wrong output: the output check raised ValueError at test_operations_details.py:"),
        (KeyError("pages"), "wrong output: the output check raised KeyError: 'pages' at test_operations_details.py:"),
    ],
)
def test_a_check_that_raises_is_a_wrong_output_with_the_place(error, words):
    """The user's check does not end the run: type, message and place are the reason."""
    op = accepted(check_output=raising(error))
    op.poll_answered(poll("Completed", output=1), 101.0)
    assert op.record.state is OperationState.WRONG_OUTPUT
    assert op.record.error.startswith(words)


def test_an_answer_that_raises_ends_only_its_operation():
    """An error of the code itself is the operation's reason; one that has ended keeps its own."""
    op = accepted()
    op.break_off(101.0, ValueError("odd"))
    assert (op.record.state, op.record.ended) == (OperationState.FAILED, 101.0)
    assert op.record.error == "its answer could not be read: ValueError: odd"
    op.break_off(102.0, ValueError("again"))
    assert op.record.ended == 101.0


def test_times_use_the_clock_of_a_service_that_gives_some():
    """A status without times leaves the clock open."""
    without, with_times = accepted(), accepted()
    without.poll_answered(poll("Completed", output=1), 101.0)
    with_times.poll_answered(poll("Completed", output=1, createdTime="2026-01-02T03:04:05Z"), 101.0)
    assert (without.record.server_clock, with_times.record.server_clock) == ("", "service")


def test_a_failure_has_the_word_of_the_service_cut_short():
    """A state of any length does not fill a report."""
    op = accepted()
    op.poll_answered(poll("Failed", 500, output="because"), 101.0)
    assert op.record.error == "operation Failed: because"
    word = "Failed" * 20
    status = replace(DURABLE_STATUS, failed=frozenset({word}))
    op = accepted(service=replace(durable_webhooks(), status=status))
    op.poll_answered(poll(word), 101.0)
    assert op.record.error == f"operation {word[:59]}…"


SPLIT = {
    "sent": 101.0,
    "accepted": 101.5,
    "seen": 106.0,
    "server_running_epoch_s": 1102.0,
    "server_updated_epoch_s": 1105.0,
}


def record(**fields):
    """Make the record of an operation that was intended at 100, on a clock 1,000 s behind."""
    return OperationRecord("token", 100.0, 1000.0, **{**SPLIT, "workload": Workload.OPEN, **fields})


@pytest.mark.parametrize(
    ("fields", "parts_ms"),
    [
        ({}, (1000, 500, 500, 3000, 1000)),
        ({"workload": Workload.CLOSED}, (0, 500, 500, 3000, 1000)),
        ({"sent": 99.0}, (0, 2500, 500, 3000, 1000)),
        ({"server_running_epoch_s": 1101.0}, (1000, 500, 0, 4000, 1000)),
        ({"server_updated_epoch_s": 1101.0}, (1000, 500, 500, 0, 5000)),
        ({"seen": 104.0}, (1000, 500, 500, 3000, 0)),
        ({"accepted": None}, None),
        ({"seen": None}, None),
        ({"server_running_epoch_s": None}, None),
        ({"server_updated_epoch_s": None}, None),
        ({"server_update_is_coarse": True}, None),
    ],
)
def test_a_completion_is_split_into_its_parts(fields, parts_ms):
    """Slip, start, queueing, execution and detection lag; a part is never below zero, and all moments are needed."""
    assert record(**fields).split_ms() == (None if parts_ms is None else pytest.approx(parts_ms))


def test_an_operation_bounds_the_clock_of_the_server():
    """It began after it was sent, and its end was seen after it had ended: the clock is ahead by something between."""
    assert record().clock_bounds_ms() == pytest.approx((-1000, 1000))
    assert record(seen=None).clock_bounds_ms() is None
    assert record(sent=None).clock_bounds_ms() is None
    assert record(server_running_epoch_s=None).clock_bounds_ms() is None


def test_a_status_route_is_described_with_its_times():
    """The pointers of an app's own times are those that are given; without them only the sample app has finer times."""
    described = durable_status_route("/api/mine", "/api/s/{id}", "/output/a", "/output/b")
    assert (described.name, described.status.fixed_url) == ("status route of a durable app", True)
    assert (described.status.started_at, described.status.finished_at) == (
        "/output/a",
        ("/lastUpdatedTime", "/output/b"),
    )
    assert described.start.status_url == (UrlSource(UrlKind.PATH, "/api/s/{id}"),)
    webhooks = durable_webhooks("/api/mine", started_at="/output/a")
    assert (webhooks.name, webhooks.status.started_at) == ("durable webhooks", "/output/a")
    assert webhooks.status.finished_at == ("/lastUpdatedTime",)
    sample = durable_webhooks().status
    assert (sample.started_at, sample.finished_at) == ("/output/startedAt", ("/lastUpdatedTime", "/output/finishedAt"))
    assert durable_webhooks(finished_at="/output/b").status.started_at is None


@pytest.mark.parametrize(
    ("path", "filled"),
    [
        ("/orders", "/orders"),
        ("/orders/{token}", "/orders/a%2Fb"),
        ("/orders/{number}/{other}", "/orders/7/{other}"),
    ],
)
def test_a_path_is_filled_with_values(path, filled):
    """A value is one part of the path whatever it contains; a name without a value stays."""
    assert fill_path(path, {"token": "a/b", "number": 7}) == filled


@pytest.mark.parametrize(
    ("code", "body", "carries"),
    [
        (500, {"runtimeStatus": "Failed"}, True),
        (500, {"runtimeStatus": "Completed"}, False),
        (500, {}, False),
        (503, {"runtimeStatus": "Failed"}, False),
    ],
)
def test_an_error_may_be_the_status_of_a_failed_operation(code, body, carries):
    """Only the described codes carry a failure, and only with a state that is one."""
    assert carries_failure(json_answer(code, body), DURABLE_STATUS) is carries


def test_the_word_of_a_status_without_a_state_is_its_code():
    """A pending answer, and a redirect that means done, have their code as the word."""
    plain = durable_webhooks().status
    pending = read_status(HttpResponse(202, {}, b""), plain)
    assert (pending.phase, pending.word) == (Phase.ACTIVE, "202")
    done = read_status(HttpResponse(303, {"location": "/r"}, b""), plain, f"{BASE}/s")
    assert (done.phase, done.word, done.result_url) == (Phase.SUCCEEDED, "303", f"{BASE}/r")


def test_times_of_work_are_read_from_the_end_alone():
    """A status that is not the last has no time of the end, and no output, whatever its body says."""
    described = durable_webhooks(started_at="/output/a").status
    output = {"output": {"a": "2026-01-02T03:04:05.5Z"}, "lastUpdatedTime": "2026-01-02T03:04:05.5Z"}
    running = read_status(poll("Running", 202, **output), described)
    assert (running.running_epoch_s, running.updated_epoch_s, running.output) == (None, None, None)
    ended = read_status(poll("Completed", **output), described)
    assert ended.running_epoch_s == ended.updated_epoch_s == pytest.approx(1767323045.5)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            poll("Failed", 502),
            '502 {"runtimeStatus": "Failed"}; if that is its end, name the code in status.failed_codes',
        ),
        (poll("Running", 502), '502 {"runtimeStatus": "Running"}'),
        (
            json_answer(200, []),
            "200 without a state at '/runtimeStatus': the body is []; name the state's place",
        ),
        (json_answer(200, {"a": 1}), "200 without a state at '/runtimeStatus': the body has a; name the state's place"),
        (json_answer(200, dict.fromkeys("abcdefgh")), ": the body has a, b, c, d, e, f, g, h; name"),
        (json_answer(200, dict.fromkeys("abcdefghi")), ": the body has a, b, c, d, e, f, g, h, …; name"),
        (json_answer(200, {"n" * 50: 1}), f": the body has {'n' * 29}…; name"),
        (HttpResponse(200, {}, b"<p>"), "200, the answer is not JSON: <p>"),
    ],
)
def test_an_unreadable_status_shows_what_came(answer, words):
    """The code, the shape of the body, and what to write in the service's description."""
    with pytest.raises(UnreadableAnswerError) as error:
        read_status(answer, DURABLE_STATUS)
    assert words in str(error.value)
    assert ("failed_codes" in str(error.value)) == (b"Failed" in answer.body)


@pytest.mark.parametrize(
    ("body", "output"), [(b"null", None), (b"7", 7), (b"caf\xe9", "caf\ufffd"), (b"", ""), (b"text", "text")]
)
def test_an_output_is_json_or_text(body, output):
    """A body that is not JSON is the text that it is, with a mark for bytes that are no text."""
    assert output_of(HttpResponse(200, {}, body)) == output


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:09 GMT", "date": "Fri, 02 Jan 2026 03:04:05 GMT"}, 4.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:05 GMT", "date": "Fri, 02 Jan 2026 03:04:09 GMT"}, 0.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:05 GMT"}, None),
    ],
)
def test_retry_after_counts_from_the_date_of_its_answer(headers, seconds):
    """A date is compared with the server's own clock; without that it is of no use."""
    assert read_retry_after_s(headers) == seconds


def test_texts_of_just_the_length_that_is_shown_are_whole():
    """One character more and the text is cut, with a mark; never is it longer than that."""
    whole = "a b" + "x" * (EXCERPT_CHARS - 3)
    assert excerpt_of_text(whole) == whole
    assert excerpt_of_text(whole + "y") == whole[: EXCERPT_CHARS - 1] + "…"
    identified = "a b" + " " + "0123456789abcdef" * 20
    assert excerpt_of_text("x " * 95 + identified).endswith("x a b …")
    at_its_end = "x" * (EXCERPT_CHARS - 34) + " " + "0123456789abcdef" * 2
    assert excerpt_of_text(at_its_end + " and more") == at_its_end + "…"
    failure = "f" * FAILURE_CHARS
    assert both_ends(failure) == failure
    cut = both_ends("a" * FAILURE_CHARS + "z")
    assert (cut.count("…"), cut[-1], len(cut) < FAILURE_CHARS) == (1, "z", True)
    assert both_ends("begin " + "-" * 100_000 + " end").endswith("- end")
    assert both_ends("begin " + "-" * 100_000 + " end").startswith("begin -")


def test_a_host_times_header_has_six_numbers_in_order():
    """A request that was answered in the nanosecond of its receipt is one; without a receipt it is not."""
    assert read_host_times("1,0,0,0,1,0") == HostTimes(1, 0, 0, 0, 1, 0)
    assert [read_host_times(text) for text in ("", "0,0,0,0,1,0", "2,0,0,0,1,0", "1,0,0,0,1")] == [None] * 4
    assert read_host_times(",".join(["9" * 22] * 6)) == HostTimes(*[int("9" * 22)] * 6)
    assert read_host_times(",".join(["9" * 23] * 6)) is None


def measured(**row):
    """Return what is read of one row of a host's answer."""
    return read_measurements(json_answer(200, {"operations": {"a": row}}))["a"]


def test_costs_of_nothing_are_known():
    """0 is a count. A kind of action has a name that reports can show, and there are not too many of them."""
    found = measured(costs={"actions": {"k" * 60: 0}, "replayedEvents": 0, "payloadBytes": 2**63 - 1})
    assert (found.replayed_events, found.payload_bytes) == (0, 2**63 - 1)
    assert list(found.actions) == ["k" * 49 + "…"]
    assert measured(costs={"payloadBytes": 2**63}).payload_bytes is None
    fifty, more = ({str(kind): 1 for kind in range(count)} for count in (50, 51))
    assert len(measured(costs={"actions": fifty}).actions) == 50
    assert measured(costs={"actions": more}).actions is None
    assert measured(costs={"actions": {"a": 2**31 - 2, "b": 1}}).actions == {"a": 2**31 - 2, "b": 1}
    assert measured(costs={"actions": {"a": 2**31 - 1, "b": 1}}).actions is None


def test_warnings_of_a_host_are_shown():
    """Texts are shown, cut to what a report has room for; anything else is left out."""
    answer = json_answer(200, {"warnings": ["first", 7, "w" * 700]})
    assert read_warnings(answer) == ["first", "w" * 599 + "…"]
    assert len(read_warnings(json_answer(200, {"warnings": ["again"] * 101}))) == 100
    assert read_warnings(json_answer(500, {"warnings": ["no"]})) == []
    assert read_warnings(json_answer(200, {"warnings": "no"})) == read_warnings(json_answer(200, [])) == []


def test_a_plan_polls_at_the_ends():
    """Two groups of ends get a poll each; a budget of one poll leaves the last alone."""
    ends = [(1.0, 0.5), (2.0, 0.5)]
    plan = plan_polls(ends, 1.5)
    assert (plan.moments_s, plan.following) == ((0.0, 1.0, 2.0), (1, 2, 2))
    assert (plan.expected_polls, plan.expected_lag_s) == pytest.approx((1.5, 0.0))
    assert [plan.next_poll_s(elapsed) for elapsed in (0.0, 0.9, 1.0, 1.5, 2.0, 4.0)] == [1.0, 1.0, 2.0, 2.0, 2.5, 5.0]
    last = plan_polls(ends, 1.0)
    assert (last.next_poll_s(0.0), last.expected_polls, last.expected_lag_s) == pytest.approx((2.0, 1.0, 0.5))
    assert plan_polls(ends, 0.1).next_poll_s(0.0) == 2.0


def test_few_operations_make_few_moments():
    """A moment stands for four ends at least, but an end that lies far behind the others has one of its own."""
    ends = [(1 + at / 1000, 0.125) for at in range(8)]
    assert len(plan_polls(ends, 8.0, count=8).moments_s) == 3
    assert len(plan_polls(ends, 8.0).moments_s) == 9
    far = [(1.0, 0.6), (1.1, 0.1), (1.4, 0.3)]
    assert plan_polls(far, 8.0, count=8).moments_s == (0.0, 1.0, 1.1, 1.4)
    near = [(1.0, 0.6), (1.05, 0.1), (1.4, 0.3)]
    assert plan_polls(near, 8.0, count=8).moments_s == (0.0, 1.0, 1.4)
    assert plan_polls([(1.0, 0.6), (1.05, 0.4)], 8.0, count=8).moments_s == (0.0, 1.0, 1.05)


def test_an_end_within_an_interval_is_spread_over_it():
    """An end that is known as an interval weighs as one operation, evenly over it if no other end is known."""
    times = CompletionTimes()
    times.add_between(1.0, 2.0)
    found = times.times_s()
    assert (times.count, len(found)) == (1, 16)
    assert times.effective_count == pytest.approx(1.0)
    assert found[0][0] == pytest.approx(1 + 1 / 16, rel=0.01)
    assert found[-1][0] == pytest.approx(2.0, rel=0.01)
    assert [weight for _, weight in found] == pytest.approx([1 / 16] * 16)


def test_an_end_within_an_interval_goes_where_others_ended():
    """Nine tenths of it go to ends that are known within the interval, its upper bound included; the rest is spread."""
    times = CompletionTimes()
    for time_s in (1.0, 2.0, 2.0, 2.0, 3.0):
        times.add(time_s)
    times.add_between(1.0, 2.0)
    found = {round(time_s, 1): weight for time_s, weight in times.times_s()}
    assert times.effective_count == pytest.approx(6, rel=0.01)
    assert found[2.0] * 6 == pytest.approx(3 + 0.9 + 0.1 / 16, rel=0.05)
    assert found[1.0] * 6 == pytest.approx(1, rel=0.05)


def test_exponential_polls_grow_to_a_ceiling():
    """Each delay is half as long again as the one before, up to twenty intervals, shortened by up to three tenths."""
    longest, shortest = (ExponentialPolling(2.0, uniform) for uniform in (lambda _, high: high, lambda low, _: low))
    assert [longest.delay_s(polls, None) for polls in (0, 1, 2, 8, 10_000)] == [2, 3, 4.5, 40, 40]
    assert shortest.delay_s(0, None) == pytest.approx(1.4)
    assert longest.delay_s(0, None, phase=0.5) == pytest.approx(2 * 1.5**-0.5)


def test_fixed_polls_catch_up_by_half_an_interval_at_most():
    """What was sent late is followed sooner, but never at once."""
    fixed = FixedPolling(1.0)
    assert [fixed.delay_s(1, None, late_s=late_s) for late_s in (0.0, 0.2, 5.0)] == [1.0, 0.8, 0.5]
    assert [fixed.delay_s(0, None, phase=phase) for phase in (0.25, 1.0)] == [0.25, 1.0]


@pytest.mark.parametrize("text", ["", "body:", "body:id", "path:id", "header:", "status:", "cookie:a", "status "])
def test_a_source_of_another_form_is_refused(text):
    """A pointer and a path begin with a slash, a header has a name, and `status` stands alone."""
    with pytest.raises(ValueError, match=re.escape(UrlSource.FORMS)):
        UrlSource.parse(text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "202 without an id, which the status route needs"),
        (b"<p>", "202 without an id, which the status route needs: the answer is not JSON: <p>"),
    ],
)
def test_a_start_without_an_id_names_why_it_is_needed(body, words):
    """A status route is made from the id; a body that cannot be read is the reason that there is none."""
    op = planned(service=durable_status_route())
    op.start_answered(HttpResponse(202, {}, body), 100.5)
    assert op.record.error == f"start refused: POST /api/start answered {words}"


def test_the_page_of_an_instance_is_asked_for_by_its_id():
    """Any id is one value of the query. Only a page is read from the answer, without the keys that it may have."""
    assert trace_path("a b/c&d") == "/admin/durable-harness/trace?instance=a%20b%2Fc%26d"
    page = b"<html><main><a href='/api?code=secret'>x</a></main>"
    assert page_in(HttpResponse(200, {}, page)) == "<html><main><a href='/api?code=…'>x</a></main>"
    others = (HttpResponse(404, {}, page), HttpResponse(200, {}, b"<html>"), NoResponse("reset"))
    assert [page_in(answer) for answer in others] == [None] * 3
