"""The operation as a state machine: what each answer makes of it."""

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_harness.operations import (
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationState,
    Workload,
    check_echo,
    durable_status_route,
)
from durable_harness.operations.polling import FixedPolling, ServerDirectedPolling

STATUS_URL = "http://host/status/abc"
PAYLOAD = {"operation_type": "x", "duration": 1, "data": "token"}
OUTPUT = {"task": "x", "result": "Success", "duration": 1, "data": "token"}


def operation(**plan):
    """Make an operation that was sent at 100.0."""
    defaults = {"polling": FixedPolling(1.0), "timeout_s": 10.0, "check_output": check_echo, "intended": 99.0}
    made = Operation(OperationPlan("token", "http://host/api/start", PAYLOAD, **{**defaults, **plan}))
    made.sent(100.0)
    return made


def accepted(**plan):
    """Make an operation that was accepted at 100.5."""
    made = operation(**plan)
    made.start_answered(start_answer(), 100.5)
    return made


def start_answer(**headers):
    """Make the answer to a start that is accepted."""
    return HttpResponse(202, headers, json.dumps({"id": "abc", "statusQueryGetUri": STATUS_URL}).encode())


def status(state, http=None, output=None, headers=None, **body):
    """Make the answer to a poll."""
    code = http or (202 if state in {"Running", "Pending"} else 200)
    return HttpResponse(code, headers or {}, json.dumps({"runtimeStatus": state, "output": output, **body}).encode())


def test_the_way_to_completion():
    """Sent, accepted, polled twice, completed: each moment is kept, and the latencies follow from them."""
    op = accepted()
    assert (op.record.state, op.next_poll, op.status_url) == (OperationState.IN_FLIGHT, 101.5, STATUS_URL)
    assert op.poll_answered(status("Pending"), 101.6) is None
    assert op.record.first_running is None
    assert op.next_poll == pytest.approx(102.6)
    op.poll_answered(status("Running"), 102.7)
    ended_at = "2026-01-02T03:04:05.000001Z"
    op.poll_answered(status("Completed", output=OUTPUT, createdTime=ended_at, lastUpdatedTime=ended_at), 103.8)
    record = op.record
    assert (record.state, record.error, op.next_poll) == (OperationState.COMPLETED, None, None)
    assert (record.intended, record.sent, record.accepted, record.first_running) == (99.0, 100.0, 100.5, 102.7)
    assert record.seen == record.ended == 103.8
    assert (record.start_ms, record.completion_ms) == (pytest.approx(500), pytest.approx(3800))
    assert record.detection_lag_ms == pytest.approx((record.epoch_s(103.8) - record.server_updated_epoch_s) * 1000)
    assert (record.polls, record.failed_polls, record.instance_id) == (3, 0, "abc")
    assert record.bytes_received > 100


def test_the_last_answer_of_not_yet_is_kept():
    """The end lies between it and the poll that saw the end; before any poll it is the acceptance."""
    op = accepted(poll_phase=0.25)
    assert (op.record.last_pending, op.next_poll) == (100.5, 100.75)
    op.poll_answered(status("Running"), 102.0)
    op.poll_answered(NoResponse("reset"), 103.0)
    op.poll_answered(status("Completed", output=OUTPUT), 104.0)
    assert (op.record.last_pending, op.record.seen) == (102.0, 104.0)


@pytest.mark.parametrize(("workload", "finish_ms"), [(Workload.OPEN, 3000), (Workload.CLOSED, 2000)])
def test_finish_counts_to_the_end_at_the_server(workload, finish_ms):
    """It goes from where completion counts from until the server had ended the operation, whatever the polls saw."""
    op = accepted(workload=workload)
    op.poll_answered(status("Completed", output=OUTPUT), 105.0)
    assert op.record.finish_ms is None
    op.record.server_updated_epoch_s = op.record.epoch_s(102.0)
    assert op.record.finish_ms == pytest.approx(finish_ms)
    assert op.record.detection_lag_ms == pytest.approx(3000)


def test_whole_seconds_are_no_moment_of_an_end():
    """Where the service gives whole seconds only, neither finish nor detection lag is a figure."""
    op = accepted()
    op.poll_answered(status("Completed", output=OUTPUT, lastUpdatedTime="2026-01-02T03:04:05Z"), 105.0)
    record = op.record
    assert (record.server_update_is_coarse, record.server_clock) == (True, "service")
    assert record.detection_lag_ms is record.finish_ms is record.execution_ms is None


@pytest.mark.parametrize("state", ["Failed", "Terminated", "Canceled"])
def test_other_ends_are_failures(state):
    """An end that is not Completed fails with the server's word, and its output where that is a text."""
    op = accepted()
    op.poll_answered(status(state, output="the activity\nraised"), 101.5)
    assert (op.record.state, op.record.error) == (OperationState.FAILED, f"operation {state}: the activity raised")
    assert op.record.completion_ms == pytest.approx(1500)


def test_a_failed_orchestration_with_500_is_terminal():
    """With returnInternalServerErrorOnFailure a failure comes as 500; its body shows that it has ended."""
    op = accepted()
    assert op.poll_answered(status("Failed", http=500), 101.5) is None
    assert op.record.state is OperationState.FAILED
    op = accepted()
    assert op.poll_answered(status("Completed", http=500), 101.5) is not None
    assert op.record.state is OperationState.IN_FLIGHT


def test_a_poll_sent_late_does_not_make_the_next_one_late():
    """What held up a poll in the generator is no part of the time between polls; what the server took is."""
    op = accepted()
    op.poll_sent(101.625)
    op.poll_answered(status("Running"), 101.75)
    assert op.next_poll == pytest.approx(101.75 + 1.0 - 0.125)


def test_a_wrong_output_is_not_completed():
    """Completed with another operation's output is a wrong output."""
    op = accepted()
    op.poll_answered(status("Completed", output={**OUTPUT, "data": "another"}), 101.5)
    assert op.record.state is OperationState.WRONG_OUTPUT


def test_a_check_that_raises_ends_only_its_operation():
    """An output check with a bug makes the output wrong; the run continues."""
    op = accepted(check_output=lambda sent, output: output["missing"])
    op.poll_answered(status("Completed", output={}), 101.5)
    assert re.fullmatch(
        r"wrong output: the output check raised KeyError: 'missing' at test_operations_machine\.py:\d+", op.record.error
    )


def test_the_place_of_an_exception_is_in_the_checks_own_file():
    """A check that fails within a library says where it called that."""
    op = accepted(check_output=lambda sent, output: json.loads("no JSON"))
    op.poll_answered(status("Completed", output={}), 101.5)
    assert re.search(r"JSONDecodeError: Expecting value.* at test_operations_machine\.py:\d+$", op.record.error)
    other = accepted(check_output=lambda sent, output: {}[f"Steady-7-{'0f' * 16}"])
    other.poll_answered(status("Completed", output={}), 101.5)
    assert f"KeyError: 'Steady-7-{'0f' * 16}' at " in other.record.error


def test_404_after_acceptance_is_lost():
    """An accepted operation that the server does not know any longer is lost, at once."""
    op = accepted()
    op.poll_answered(HttpResponse(404, {}, b"{}"), 101.5)
    assert (op.record.state, op.next_poll, op.record.seen) == (OperationState.LOST, None, None)


@pytest.mark.parametrize(
    "busy", [HttpResponse(503, {}, b"busy"), HttpResponse(429, {}, b""), NoResponse("Connection refused")]
)
def test_a_busy_server_is_asked_again(busy):
    """A poll without a usable answer is counted as failed and repeated; the operation is still in flight."""
    op = accepted()
    assert op.poll_answered(busy, 101.5)
    assert (op.record.state, op.record.failed_polls, op.next_poll) == (OperationState.IN_FLIGHT, 1, 102.5)


@pytest.mark.parametrize(
    "refusal", [HttpResponse(401, {}, b""), HttpResponse(200, {}, b"<html>"), HttpResponse(400, {}, b"{}")]
)
def test_a_refused_poll_is_not_repeated(refusal):
    """Asking again does not help against a wrong key or a page that is no status: the operation failed."""
    op = accepted()
    assert op.poll_answered(refusal, 101.5)
    assert op.record.state is OperationState.FAILED
    assert op.record.error.startswith(f"status cannot be read: {refusal.status}")


def test_the_last_poll_is_at_the_deadline():
    """The deadline itself is polled once; if the operation is not terminal then, it timed out without being seen."""
    op = accepted(timeout_s=2.0)
    op.poll_answered(status("Running"), 101.7)
    assert op.next_poll == op.deadline == 102.0
    op.poll_answered(NoResponse("Connection refused"), 102.1)
    assert op.record.state is OperationState.TIMED_OUT
    assert op.record.error == "timed out: not terminal after 2 s; last poll: no answer: Connection refused"
    assert (op.record.completion_ms, op.record.elapsed_ms) == (None, pytest.approx(2100))


def test_retry_after_directs_the_polls():
    """A server-directed operation waits as each answer asks: first the start's, then every poll's."""
    op = operation(polling=ServerDirectedPolling(1.0), timeout_s=60.0)
    op.start_answered(start_answer(**{"retry-after": "10"}), 100.5)
    assert op.next_poll == 110.5
    op.poll_answered(status("Running", headers={"retry-after": "5"}), 111.0)
    assert op.next_poll == 116.0


def test_the_location_of_a_202_is_followed():
    """A poll's 202 may move where to poll from now on, relative to where it was polled; the app's own route stays."""
    op = accepted()
    op.poll_answered(status("Running", headers={"location": "../elsewhere/abc"}), 101.5)
    assert op.status_url == "http://host/elsewhere/abc"
    own = accepted(service=durable_status_route(status_path="/mine/{id}"), base_url="http://host")
    own.poll_answered(status("Running", headers={"location": "/elsewhere/abc"}), 101.5)
    assert own.status_url == "http://host/mine/abc"


@pytest.mark.parametrize("code", [202, 307])
def test_a_location_is_relative_to_what_gave_it(code):
    """An answer that came after redirects names its places as seen from where they led, for a start and a poll."""
    op = operation()
    op.start_answered(HttpResponse(202, {"location": "/good/st/abc"}, b"{}", "http://other/good/start"), 100.5)
    assert op.status_url == "http://other/good/st/abc"
    op.poll_answered(
        HttpResponse(code, {"location": "next"}, b'{"runtimeStatus": "Running"}', "http://third/a/b"), 101.5
    )
    assert (op.status_url, op.poll_headers) == ("http://third/a/next", {})


def test_a_refused_start_is_never_polled():
    """A start that is not accepted ends the operation with what was answered."""
    op = operation()
    op.start_answered(HttpResponse(400, {}, b'{"error": "InvalidOperation"}'), 100.5)
    assert (op.record.state, op.next_poll, op.record.accepted) == (OperationState.REFUSED, None, None)
    assert op.record.error == 'start refused: POST /api/start answered 400 {"error": "InvalidOperation"}'


def test_a_start_at_the_wrong_route_names_it():
    """A 404 for a start names the path, and what sets it."""
    op = operation()
    op.start_answered(HttpResponse(404, {}, b""), 100.5)
    assert op.record.error.startswith("start refused: POST /api/start answered 404; is that the route that starts it?")
    assert "start_path" in op.record.error


def test_an_unexpected_status_shape_is_one_reason_for_all():
    """A status without the state that is looked for names the place and the body's members, none of their values."""
    first, second = accepted(), accepted()
    for number, op in enumerate((first, second)):
        body = {"id": f"abc{number}", "state": "Done", "token": f"token{number}"}
        op.poll_answered(HttpResponse(200, {}, json.dumps(body).encode()), 101.5)
    assert first.record.error == (
        "status cannot be read: 200 without a state at '/runtimeStatus': the body has id, state, token; "
        "name the state's place in a file for --service"
    )
    assert second.record.error == first.record.error


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>Sign in</html>", "the answer is not JSON: <html>Sign in</html>"),
        (b'{"runtimeStatus": "Comp', 'the answer is not JSON: {"runtimeStatus": "Comp'),
        (b"[" * 100_000, "the answer is JSON that is nested too deeply to be read"),
        (b"", "the answer is empty"),
    ],
)
def test_an_answer_that_is_not_json_is_named_as_such(body, reason):
    """A body that cannot be parsed is the reason, for a status and for a start, and no hint looks for a place in it."""
    polled, started = accepted(), operation()
    polled.poll_answered(HttpResponse(200, {}, body), 101.5)
    started.start_answered(HttpResponse(202, {}, body), 100.5)
    assert polled.record.error == f"status cannot be read: 200, {reason}"
    assert started.record.error.endswith(f"202 without statusQueryGetUri or Location: {reason}")


def test_a_start_without_an_answer():
    """No answer is unreachable before the deadline; after it, the operation timed out: it may well be running."""
    early, late = operation(), operation()
    early.start_answered(NoResponse("Connection refused"), 101.0)
    late.start_answered(NoResponse("no answer in time"), 110.0)
    assert (early.record.state, early.record.error) == (
        OperationState.UNREACHABLE,
        "start got no answer: Connection refused",
    )
    assert (late.record.state, late.record.error) == (
        OperationState.TIMED_OUT,
        "timed out: start not answered after 10 s",
    )


def test_giving_up_changes_no_end():
    """Giving up closes an open record, and leaves one that has ended as it was."""
    op = accepted()
    op.give_up(105.0, "nobody waits")
    op.give_up(106.0, "another reason")
    assert (op.record.state, op.record.ended) == (OperationState.TIMED_OUT, 105.0)
    assert op.record.error == "timed out: nobody waits"


ANSWERS = st.one_of(
    st.builds(NoResponse, st.just("gone")),
    st.builds(HttpResponse, st.integers(100, 599), st.just({}), st.binary(max_size=20)),
    st.sampled_from(["Pending", "Running", "Suspended", "Completed", "Failed", "Odd", ""]).map(status),
)


@given(start=ANSWERS | st.just(start_answer()), polls=st.lists(ANSWERS, max_size=12))
def test_every_operation_ends_once_by_its_deadline(start, polls):
    """Whatever a server answers, an operation is polled until it has ended, and ends no later than its deadline."""
    op = operation(timeout_s=5.0)
    op.start_answered(start, 100.5)
    for answer in itertools.chain(polls, itertools.repeat(NoResponse("gone"))):
        if op.next_poll is None:
            break
        assert op.next_poll <= op.deadline
        op.poll_answered(answer, op.next_poll)
    assert op.record.state.has_ended
    assert op.record.ended <= op.deadline
    assert (op.record.error is None) == (op.record.state is OperationState.COMPLETED)


def test_a_failure_through_sub_orchestrations_keeps_its_cause():
    """The reason of an operation ends in the error that was raised, however many orchestrations it went through."""
    way = "Orchestrator function 'assemble' failed: Orchestrator function 'make_part' failed: "
    cause = "Activity function 'cut' failed: ValueError: saw broke on part 2"
    op = accepted()
    op.poll_answered(status("Failed", output=way + cause), 101.5)
    assert op.record.error == f"operation Failed: {way}{cause}"
