"""A service that is no durable app: started, followed, redirected and ended as its description specifies."""

import json

import pytest

from durable_harness.operations import (
    FixedPolling,
    HttpResponse,
    Operation,
    OperationPlan,
    OperationState,
    ServiceDescription,
    StartDescription,
    StatusDescription,
    TerminateDescription,
    UrlSource,
    durable_webhooks,
)
from durable_harness.operations.description import at_pointer, fill, is_pointer
from durable_harness.operations.polling import PollStrategy

BASE = "https://reports.example"
HEADER = UrlSource.parse("header:Location")


def service(start=None, terminate=None, **status):
    """Describe a service of reports whose states are queued, processing, done and error."""
    described = {
        "state": "/state",
        "not_begun": frozenset({"queued"}),
        "succeeded": frozenset({"done"}),
        "failed": frozenset({"error"}),
        **status,
    }
    return ServiceDescription(
        "reports", StartDescription("/reports", **(start or {})), StatusDescription(**described), terminate
    )


def accepted(described=None, answer=None, **plan):
    """Make an operation of a service that was accepted at 100.0."""
    defaults = {"polling": FixedPolling(1.0), "timeout_s": 60.0, "base_url": BASE, "intended": 99.0}
    described = described or service()
    made = Operation(OperationPlan("token", f"{BASE}/reports", {}, service=described, **{**defaults, **plan}))
    made.sent(99.5)
    made.start_answered(answer or HttpResponse(202, {"location": "/reports/7"}, b'{"id": 7}'), 100.0)
    return made


def response(status, headers=None, **body):
    """Make an answer with a JSON body."""
    return HttpResponse(status, headers or {}, json.dumps(body).encode())


@pytest.mark.parametrize("code", [500, 502, 503])
def test_an_end_that_comes_with_an_error_is_a_failed_poll(code):
    """A broken service's answer ends nothing, whatever state its body still has: it is asked again."""
    op = accepted(service(failed_codes=frozenset({500})))
    assert op.poll_answered(response(code, state="done"), 101.0).startswith(f"{code} ")
    assert (op.record.state, op.record.failed_polls) == (OperationState.IN_FLIGHT, 1)
    op.poll_answered(response(200, state="done"), 102.0)
    assert op.record.state is OperationState.COMPLETED


def test_an_end_that_comes_with_a_refusal_does_not_complete():
    """A refused poll ends its operation as one that cannot be read, not by its body's state."""
    op = accepted()
    op.poll_answered(response(400, state="done"), 101.0)
    assert op.record.state is OperationState.FAILED
    assert op.record.error.startswith("status cannot be read: 400 ")


def test_described_error_codes_are_failures():
    """The codes of failed operations are named; without their name the reason states which key names them."""
    op = accepted(service(failed_codes=frozenset({500})))
    assert op.poll_answered(response(500, state="error"), 101.0) is None
    assert (op.record.state, op.record.error) == (OperationState.FAILED, "operation error")
    undescribed = accepted()
    assert "status.failed_codes" in undescribed.poll_answered(response(500, state="error"), 101.0)
    assert undescribed.record.state is OperationState.IN_FLIGHT


def test_a_service_that_answers_200_all_along():
    """The state in the body counts, not the code: 200 with a state that ends nothing means 'not yet'."""
    op = accepted()
    assert (op.status_url, op.record.instance_id) == (f"{BASE}/reports/7", "7")
    op.poll_answered(response(200, state="queued"), 101.0)
    assert (op.record.state, op.record.first_running) == (OperationState.IN_FLIGHT, None)
    op.poll_answered(response(200, state="processing"), 102.0)
    assert op.record.first_running == 102.0
    op.poll_answered(response(200, state="done", pages=3), 103.0)
    assert (op.record.state, op.record.seen) == (OperationState.COMPLETED, 103.0)


def test_303_leads_to_the_result():
    """303 means that it is done: seen is then, the result is fetched at once from its Location, and checked."""
    checked = []
    op = accepted(check_output=lambda sent, output: checked.append(output))
    op.poll_answered(response(303, {"location": "../results/7"}), 101.0)
    assert (op.record.seen, op.next_poll, op.status_url) == (101.0, 101.0, f"{BASE}/results/7")
    assert op.record.state is OperationState.IN_FLIGHT
    op.poll_answered(response(200, pages=3), 101.2)
    assert (op.record.state, op.record.seen, op.record.ended) == (OperationState.COMPLETED, 101.0, 101.2)
    assert checked == [{"pages": 3}]


def test_a_result_that_cannot_be_had_is_a_failure():
    """Done, but its result is not there: the operation failed, and says what was answered."""
    op = accepted()
    op.poll_answered(response(303, {"location": "/results/7"}), 101.0)
    op.poll_answered(HttpResponse(404, {}, b"gone"), 101.2)
    assert (op.record.state, op.record.error) == (
        OperationState.FAILED,
        "status cannot be read: result: 404 gone",
    )


def test_a_busy_result_is_asked_for_again():
    """A result resource that is busy is asked again as a status would be."""
    op = accepted()
    op.poll_answered(response(303, {"location": "/results/7"}), 101.0)
    op.poll_answered(HttpResponse(503, {}, b""), 101.2)
    assert op.next_poll == pytest.approx(102.2)
    op.poll_answered(response(200), 102.3)
    assert op.record.state is OperationState.COMPLETED


def test_a_moved_status_is_followed():
    """Other redirects mean that the status is elsewhere: it is asked there at once, and from then on."""
    op = accepted()
    op.poll_answered(response(307, {"location": "https://other.example/s/7"}), 101.0)
    assert (op.next_poll, op.status_url) == (101.0, "https://other.example/s/7")
    op.poll_answered(response(200, state="processing"), 101.1)
    assert (op.next_poll, op.status_url) == (102.1, "https://other.example/s/7")


def test_redirects_in_circles_end():
    """A status that only ever redirects is unreadable in the end."""
    op = accepted()
    for _ in range(6):
        op.poll_answered(response(302, {"location": "/reports/7"}), 101.0)
    assert (op.record.state, op.record.error) == (
        OperationState.FAILED,
        "status cannot be read: 6 redirects in a row",
    )


def test_a_redirect_to_nowhere_is_unreadable():
    """A redirect without Location changes nothing."""
    op = accepted()
    op.poll_answered(response(303), 101.0)
    assert op.record.error == "status cannot be read: 303 without Location"


def test_302_may_mean_done():
    """A service that sends its clients to the result with 302 is described by that code."""
    op = accepted(service(result=frozenset({302})))
    op.poll_answered(response(302, {"location": "/results/7"}), 101.0)
    assert op.record.seen == 101.0


def test_the_code_alone_may_decide():
    """Without a state in the body 202 means 'not yet' and 200 is the end, its body the output, even if it is text."""
    outputs = []
    op = accepted(
        service(state=None, not_begun=frozenset(), succeeded=frozenset(), failed=frozenset()),
        check_output=lambda sent, output: outputs.append(output),
    )
    op.poll_answered(HttpResponse(202, {}, b"wait"), 101.0)
    assert (op.record.state, op.record.first_running) == (OperationState.IN_FLIGHT, None)
    op.poll_answered(HttpResponse(200, {}, b"the report"), 102.0)
    assert (op.record.state, outputs) == (OperationState.COMPLETED, ["the report"])


def test_a_state_may_be_a_flag_or_a_number():
    """Services that say done: true, or a number, are described by those words."""
    flag = accepted(service(state="/done", succeeded=frozenset({"true"})))
    flag.poll_answered(response(200, done=False), 101.0)
    assert flag.record.state is OperationState.IN_FLIGHT
    flag.poll_answered(response(200, done=True), 102.0)
    number = accepted(service(state="/progress/code", succeeded=frozenset({"3"})))
    number.poll_answered(response(200, progress={"code": 3}), 101.0)
    assert (flag.record.state, number.record.state) == (OperationState.COMPLETED, OperationState.COMPLETED)


def test_a_failure_has_the_services_own_word():
    """A state that ends it badly is the reason, with the output where that is a text."""
    op = accepted(service(output="/why"))
    op.poll_answered(response(200, state="error", why="no paper"), 101.0)
    assert (op.record.state, op.record.error) == (OperationState.FAILED, "operation error: no paper")


def test_the_body_of_a_refusal_is_no_status():
    """An error page that happens to have the state's member is not 'not yet': asking again would never end."""
    op = accepted()
    op.poll_answered(response(401, state="who are you"), 101.0)
    assert op.record.error.startswith("status cannot be read: 401")


def test_the_token_must_come_back_where_it_is_described():
    """With a place for the token an output without it is a wrong output."""
    described = service(token="/echo/token", output="/result")
    right, wrong = accepted(described), accepted(described)
    right.poll_answered(response(200, state="done", result={"echo": {"token": "token"}}), 101.0)
    wrong.poll_answered(response(200, state="done", result={"echo": {"token": "other"}}), 101.0)
    assert right.record.state is OperationState.COMPLETED
    assert wrong.record.error == "wrong output: the start's token is not at '/echo/token'"


def test_times_are_read_where_they_are_described():
    """Created, begun and finished come from the named places; the first end with fractions of a second counts."""
    described = service(created="/at/made", begun="/at/begun", finished=("/at/changed", "/at/ended"))
    op = accepted(described)
    times = {
        "made": "2026-01-02T03:04:05Z",
        "begun": "2026-01-02T03:04:06Z",
        "changed": "2026-01-02T03:04:09Z",
        "ended": "2026-01-02T03:04:08.5Z",
    }
    op.poll_answered(response(200, state="done", at=times), 101.0)
    created = op.record.server_created_epoch_s
    assert op.record.server_running_epoch_s - created == 1
    assert (op.record.server_updated_epoch_s - created, op.record.server_update_is_coarse) == (3.5, False)


@pytest.mark.parametrize(
    ("source", "answer", "url"),
    [
        ("header:Operation-Location", HttpResponse(202, {"operation-location": "/ops/1"}, b""), f"{BASE}/ops/1"),
        ("body:/links/0/href", HttpResponse(202, {}, b'{"links": [{"href": "ops/1"}]}'), f"{BASE}/ops/1"),
        ("path:/ops/{id}", HttpResponse(202, {}, b'{"id": "a/b"}'), f"{BASE}/base/ops/a%2Fb"),
    ],
)
def test_the_status_url_may_be_anywhere(source, answer, url):
    """A header, a place in the body, or a path of the service with the id in it; relative ones are made absolute."""
    op = accepted(service(start={"status_url": (UrlSource.parse(source),)}), answer, base_url=f"{BASE}/base")
    assert op.status_url == url


def test_the_first_source_that_is_there_counts():
    """Sources are tried in their order; if none is there the start was accepted without a place to poll."""
    sources = (UrlSource.parse("body:/statusUrl"), HEADER)
    described = service(start={"status_url": sources})
    assert accepted(described, HttpResponse(202, {"location": "/l"}, b'{"statusUrl": "/b"}')).status_url == f"{BASE}/b"
    assert accepted(described, HttpResponse(202, {"location": "/l"}, b"")).status_url == f"{BASE}/l"
    assert (
        accepted(described, HttpResponse(202, {}, b"")).record.error
        == "start refused: POST /reports answered 202 without statusUrl or Location: the answer is empty"
    )


def test_only_described_codes_accept():
    """A service that answers 201 is described by that; another one that does has refused."""
    described = service(start={"accepted": frozenset({201})})
    assert accepted(described, HttpResponse(201, {"location": "/l"}, b"")).record.state is OperationState.IN_FLIGHT
    assert accepted(answer=HttpResponse(201, {"location": "/l"}, b"")).record.state is OperationState.REFUSED


def test_a_start_is_sent_as_described():
    """Method, headers and key go with the start, and its payload is JSON."""
    described = service(start={"method": "PUT", "headers": {"X-Tenant": "load"}})
    plan = OperationPlan(
        "token", f"{BASE}/reports", {"a": 1}, FixedPolling(1), 60, service=described, key_headers={"x-key": "k"}
    )
    request = plan.start_request()
    assert (request.method, request.url, request.body) == ("PUT", f"{BASE}/reports", b'{"a": 1}')
    assert request.headers == {"Content-Type": "application/json", "X-Tenant": "load", "x-key": "k"}


def test_headers_of_polls_stay_with_the_service():
    """Polls carry the described headers, the key only on the service's own path, and another origin gets none."""
    keyed = {"key_headers": {"x-key": "k"}}
    own = service(start={"status_url": (UrlSource.parse("path:/s/{id}"),)}, headers={"Accept": "x"})
    assert accepted(own, **keyed).poll_headers == {"Accept": "x", "x-key": "k"}
    given = accepted(service(headers={"Accept": "x"}), **keyed)
    assert given.poll_headers == {"Accept": "x"}
    given.poll_answered(response(302, {"location": "https://other.example/x"}), 101.0)
    assert given.poll_headers == {}


def test_terminating_is_an_end_that_was_asked_for():
    """After the request to end it, being terminated is no failure, and no completion either."""
    described = service(
        terminate=TerminateDescription(UrlSource.parse("status"), "DELETE"), terminated=frozenset({"cancelled"})
    )
    op = accepted(described)
    request = op.terminate_request("enough")
    assert (request.method, request.url) == ("DELETE", f"{BASE}/reports/7")
    op.poll_answered(response(200, state="cancelled"), 101.0)
    assert (op.record.state, op.record.error) == (OperationState.TERMINATED, None)
    assert op.terminate_request("again") is None


def test_terminated_unasked_is_a_failure():
    """An operation that another client ended has failed."""
    op = accepted(service(terminated=frozenset({"cancelled"})))
    op.poll_answered(response(200, state="cancelled"), 101.0)
    assert (op.record.state, op.record.error) == (OperationState.FAILED, "operation cancelled")


def test_completing_before_a_termination_is_a_completion():
    """The request may come too late: completing is still an end that is well."""
    op = accepted(service(terminate=TerminateDescription(UrlSource.parse("status"))))
    assert op.terminate_request("late") is not None
    op.poll_answered(response(200, state="done"), 101.0)
    assert op.record.state is OperationState.COMPLETED


def test_a_durable_operation_is_terminated_by_the_url_it_gave():
    """The durable webhook's terminatePostUri is used with the reason in it."""
    body = {"id": "a", "statusQueryGetUri": "/s", "terminatePostUri": "/t?reason={text}&code=k"}
    op = accepted(durable_webhooks(), response(202, **body))
    assert op.terminate_request("load test").url == f"{BASE}/t?reason=load%20test&code=k"


def test_a_service_that_cannot_terminate_is_not_asked():
    """Without a description of how, there is no request."""
    assert accepted().terminate_request("enough") is None


class Learner(PollStrategy):
    """Remembers what it is taught."""

    def __init__(self):
        self.learned = []

    def delay_s(self, polls_done, retry_after_s, elapsed_s=0.0, late_s=0.0, phase=1.0):
        return 1.0

    def learn(self, *, after_s, by_s, finished_s):
        self.learned.append((after_s, by_s, finished_s))


def test_a_strategy_learns_from_operations_that_ended_well():
    """It learns between which polls the end was, in seconds since the acceptance; failures teach nothing."""
    learner = Learner()
    for last in ("done", "error"):
        op = accepted(polling=learner)
        op.poll_answered(response(200, state="processing"), 101.0)
        op.poll_answered(response(200, state=last), 102.5)
        op.teach()
    assert learner.learned == [(1.0, 2.5, None)]


def test_a_strategy_learns_the_end_by_the_best_known_clock():
    """Times that come after the end was seen, from the scheduler, are what the strategy learns."""
    learner = Learner()
    op = accepted(polling=learner)
    op.poll_answered(response(200, state="processing"), 101.0)
    op.poll_answered(response(200, state="done"), 102.5)
    op.record.server_updated_epoch_s = op.record.epoch_s(101.75)
    op.teach()
    assert learner.learned == [(1.0, 2.5, pytest.approx(1.75, abs=1e-5))]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", {"a/b": [1, {"~": 2}]}),
        ("/a~1b/0", 1),
        ("/a~1b/1/~0", 2),
        ("/a~1b/9", None),
        ("/c", None),
        ("/a~1b/x", None),
    ],
)
def test_places_are_json_pointers(pointer, found):
    """A place is a JSON pointer; where nothing is, there is None."""
    assert at_pointer({"a/b": [1, {"~": 2}]}, pointer) == found
    assert is_pointer(pointer)
    assert not is_pointer("a")


def test_a_body_is_filled():
    """A text that is a name alone becomes the value with its type, a name within a text becomes text."""
    values = {"token": "t", "duration": 0.5}
    assert fill({"a": ["{duration}", "for {token}", "{other}", 1], "b": None}, values) == {
        "a": [0.5, "for t", "{other}", 1],
        "b": None,
    }
