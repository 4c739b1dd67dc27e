"""The audit's ledger: the records against what the server reports, operation by operation."""

import json

import pytest

from durable_harness.gate.audit import AuditProblem
from durable_harness.load.audit.histories import OperationHistory, count_actions, learned, read_history
from durable_harness.load.audit.ledger import FINDINGS_PER_PROBLEM, AtServer, Ledger, LedgerEntry
from durable_harness.load.audit.operation_urls import Addresses, OperationUrls
from durable_harness.operations import (
    HttpResponse,
    Operation,
    OperationPlan,
    OperationRecord,
    OperationState,
    ServiceDescription,
    StartDescription,
    StatusDescription,
    poll_strategy,
)
from durable_harness.operations.wire import Phase

SEEN_S = 1_000.0
DONE = AtServer("a", Phase.SUCCEEDED, "Completed", "orchestrator", "token-a", has_token_in_output=True)


def ledger(state=OperationState.COMPLETED, *, seen_s=SEEN_S, **fields):
    """Make the ledger of a run that recorded one operation, `a`."""
    return Ledger({"a": LedgerEntry("token-a", state, seen_s)}, **fields)


def at_server(**fields):
    """Make what the server reports of operation `a`."""
    values = {name: getattr(DONE, name) for name in DONE.__dataclass_fields__}
    return AtServer(**values | fields)


def problems_of(book, *found):
    """Note what the server reports, and return the problems by number."""
    for one in found:
        book.note(one)
    return dict(book.close("asked", 1.0).counts)


@pytest.mark.parametrize(
    ("state", "seen_s", "found"),
    [
        (OperationState.COMPLETED, SEEN_S, at_server()),
        (OperationState.FAILED, SEEN_S, at_server(phase=Phase.FAILED, word="Failed")),
        (OperationState.TERMINATED, SEEN_S, at_server(phase=Phase.TERMINATED, word="Terminated")),
        (OperationState.TIMED_OUT, None, at_server()),
        (OperationState.TIMED_OUT, None, at_server(phase=Phase.FAILED, word="Failed")),
        (OperationState.COMPLETED, SEEN_S, at_server(updated_s=SEEN_S + 1)),
        (OperationState.COMPLETED, SEEN_S, at_server(token=None, has_token_in_output=None)),
    ],
)
def test_what_agrees_is_confirmed(state, seen_s, found):
    """An operation that stands as it was seen to end, or that ended after the watch was over, is accounted for."""
    book = ledger(state, seen_s=seen_s)
    assert problems_of(book, found) == {}
    assert book.confirmed == 1
    assert book.missing() == []


@pytest.mark.parametrize(
    ("state", "seen_s", "found", "problem"),
    [
        (OperationState.TIMED_OUT, None, at_server(phase=Phase.RUNNING, word="Running"), AuditProblem.STUCK),
        (OperationState.COMPLETED, SEEN_S, at_server(phase=Phase.RUNNING, word="Running"), AuditProblem.CONTRADICTED),
        (OperationState.COMPLETED, SEEN_S, at_server(phase=Phase.FAILED, word="Failed"), AuditProblem.CONTRADICTED),
        (OperationState.FAILED, SEEN_S, at_server(), AuditProblem.CONTRADICTED),
        (OperationState.FAILED, None, at_server(), AuditProblem.CONTRADICTED),
        (OperationState.LOST, None, at_server(), AuditProblem.CONTRADICTED),
        (OperationState.COMPLETED, SEEN_S, at_server(updated_s=SEEN_S + 10), AuditProblem.CONTRADICTED),
        (OperationState.TIMED_OUT, None, at_server(has_token_in_output=False), AuditProblem.WRONG_OUTPUT),
    ],
)
def test_what_disagrees_is_named(state, seen_s, found, problem):
    """An operation that stands otherwise than it was seen to end has the problem that fits, and is not confirmed."""
    book = ledger(state, seen_s=seen_s)
    assert problems_of(book, found) == {problem: 1}
    assert book.confirmed == 0


def test_an_unseen_failure_is_contradicted_by_a_success():
    """A status that could not be read counts as failed: the audit says so of an operation that has completed."""
    book = ledger(OperationState.FAILED, seen_s=None)
    book.note(at_server())
    audit = book.close("asked", 1.0)
    assert "0 of 1 accepted operations ended once and as they were seen; 1 contradicted" in audit.sentence
    assert audit.findings[0].detail == "counted as failed since its status could not be read, but it is Completed"


def test_unseen_ends_are_not_called_seen():
    """Operations that timed out and ended later are confirmed, and counted apart from those whose end was seen."""
    seen, late = (
        LedgerEntry("token-a", OperationState.COMPLETED, SEEN_S),
        LedgerEntry("", OperationState.TIMED_OUT, None),
    )
    book = Ledger({"a": seen, "b": late})
    book.note(at_server())
    book.note(at_server(instance_id="b", token=None))
    audit = book.close("asked", 1.0)
    assert audit.is_clean
    assert audit.sentence.startswith("2 of 2 accepted operations ended once: 1 as they were seen, 1 unseen (asked")


def test_a_server_whose_clock_is_ahead_changed_nothing():
    """Times of a server with another clock are compared by its clock."""
    assert problems_of(ledger(clock_offset_s=9.0), at_server(updated_s=SEEN_S + 10)) == {}


def test_unreported_operations_are_missing_until_they_are_lost():
    """An accepted operation that the server has not reported is missing; asked for and unknown, it is lost."""
    book = ledger()
    assert book.missing() == ["a"]
    book.lost("a", "unknown")
    assert book.missing() == []
    assert book.close("asked", 1.0).count(AuditProblem.LOST) == 1


def test_one_token_is_one_operation():
    """A second operation with the token of an accepted one is a duplicate, in whatever order they are reported."""
    other = at_server(instance_id="0")
    for order in ([at_server(), other], [other, at_server()]):
        book = ledger()
        assert problems_of(book, *order) == {AuditProblem.DUPLICATED: 1}
        assert book.close("asked", 1.0).findings[0].instance_id == "0"


CHILD = at_server(instance_id="a:0000", name="child")


@pytest.mark.parametrize(
    "others",
    [
        [CHILD],
        [at_server(instance_id="a:0000")],
        [at_server(instance_id="own id", name="child")],
        [at_server(instance_id="own id", name="child"), at_server(instance_id="own id:0000")],
        [at_server(instance_id="own id", name="child"), at_server(instance_id="own id:0000", token=None)],
    ],
)
def test_children_with_their_parents_input_are_no_starts(others):
    """Sub-orchestrations have their parent's id in theirs, or another orchestrator than it: none is a duplicate."""
    for order in ([at_server(), *others], [*others, at_server()]):
        assert problems_of(ledger(), *order) == {}


@pytest.mark.parametrize(
    "others",
    [
        [at_server(instance_id="b"), CHILD],
        [at_server(instance_id="b"), at_server(instance_id="b:0000", name="child"), CHILD],
        [at_server(instance_id="b", name=None), CHILD],
    ],
)
def test_a_second_start_is_found_among_children(others):
    """A duplicate of an operation with children is one duplicate, whatever its own children are."""
    for order in ([at_server(), *others], [*others, at_server()]):
        assert problems_of(ledger(), *order) == {AuditProblem.DUPLICATED: 1}


def test_children_of_an_unrecorded_operation_are_not_counted():
    """A start that no record reports is unrecorded once; its children are neither duplicates nor unrecorded."""
    lost = [
        at_server(instance_id="b", token="token-b"),
        at_server(instance_id="b:0000", token="token-b", name="child"),
        at_server(instance_id="own id", token="token-b", name="child"),
    ]
    for order in (lost, lost[::-1]):
        assert problems_of(ledger(), at_server(), *order) == {AuditProblem.UNRECORDED: 1}


def test_a_child_alone_with_the_token_is_no_start():
    """Where the service shows the input of the child only, such as of a parent with a large one, nothing is amiss."""
    assert problems_of(ledger(), at_server(token=None), CHILD) == {}


def test_an_id_given_twice_is_a_duplicate():
    """Two starts that got one id are reported, since only one of them can have been done."""
    assert problems_of(ledger(given_twice=["a"]), at_server()) == {AuditProblem.DUPLICATED: 1}


def test_operations_of_the_run_without_a_record_are_found():
    """What has a token of the run and no record was started by a worker that died, or by a start without an answer."""
    book = ledger(not_accepted={"token-b": "unreachable"})
    found = [at_server(), at_server(instance_id="b", token="token-b"), at_server(instance_id="c", token="token-c")]
    assert problems_of(book, *found) == {AuditProblem.UNRECORDED: 2}
    assert "its start was unreachable" in book.close("asked", 1.0).findings[0].detail


def test_only_the_like_of_our_operations_are_unknown():
    """Entities, sub-orchestrations and other orchestrators' instances are not taken for unrequested starts."""
    stranger = {"token": None, "has_token_in_output": None}
    others = [
        at_server(instance_id="@entity@key", **stranger),
        at_server(instance_id="a:0", **stranger),
        at_server(instance_id="z", **stranger | {"name": "another orchestrator"}),
        at_server(instance_id="b", **stranger),
    ]
    assert problems_of(ledger(), at_server(), *others) == {AuditProblem.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("created_s", "clock_offset_s", "problems"),
    [
        (899.0, 0.0, {}),
        (900.0, 0.0, {AuditProblem.UNKNOWN: 1}),
        (900.4, 0.0, {}),
        (900.6, 0.0, {AuditProblem.UNKNOWN: 1}),
        (905.0, 9.0, {}),
        (None, 0.0, {AuditProblem.UNKNOWN: 1}),
    ],
)
def test_what_was_there_before_the_run_is_of_no_interest(created_s, clock_offset_s, problems):
    """The listing is of a longer time than the run; what an earlier run left in it is not unknown, nothing at all."""
    book = ledger(began_s=900.5, clock_offset_s=clock_offset_s)
    other = at_server(instance_id="b", token=None, has_token_in_output=None, created_s=created_s)
    assert problems_of(book, at_server(), other) == problems


def test_others_operations_are_not_alarming():
    """The audit's sentence states of unknown operations that they are probably other people's."""
    book = ledger()
    book.note(at_server())
    book.note(at_server(instance_id="b", token=None))
    audit = book.close("asked", 1.0)
    assert "; 1 unknown (no token of this run: probably started by others)" in audit.sentence
    assert audit.findings[0].detail == "Completed; not started by this run"


def test_a_page_may_repeat_itself():
    """An operation that is on two pages is one operation."""
    book = ledger()
    assert problems_of(book, at_server(), at_server()) == {}
    assert book.confirmed == 1


def test_findings_are_examples():
    """However many operations have a problem, all are counted and some are listed."""
    count = FINDINGS_PER_PROBLEM + 5
    book = Ledger({str(index): LedgerEntry("", OperationState.TIMED_OUT, None) for index in range(count)})
    for index in range(count):
        book.lost(str(index), "unknown")
    audit = book.close("asked", 1.0)
    assert (audit.count(AuditProblem.LOST), len(audit.findings)) == (count, FINDINGS_PER_PROBLEM)


BASE = "http://host/runtime/webhooks/durabletask/instances"


@pytest.mark.parametrize(
    ("status_url", "terminate_url", "listing"),
    [
        (f"{BASE}/a%20b?taskHub=h&code=k", None, f"{BASE}?taskHub=h&code=k&top=5"),
        ("http://host/api/status/a%20b", f"{BASE}/a%20b/terminate?reason=%7Btext%7D&code=k", f"{BASE}?code=k&top=5"),
        ("http://host/jobs/a%20b", None, None),
    ],
)
def test_the_listing_is_beside_the_instances(status_url, terminate_url, listing):
    """The paged query's URL comes from a durable webhook of a response, with its key and task hub; others have none."""
    assert OperationUrls("", "a b", status_url, terminate_url).listing_url(top="5") == listing


def test_status_urls_of_others_differ_by_their_id():
    """Another operation is asked for where this one was, by its own id; not where the URL does not show the id."""
    for own, id_, other, url in (
        ("http://host/jobs/a%20b?key=k", "a b", "c/d", "http://host/jobs/c%2Fd?key=k"),
        ("http://host:8001/v1/jobs/1", "1", "2", "http://host:8001/v1/jobs/2"),
        ("http://a/status?job=a&kind=a1", "a", "b", "http://a/status?job=b&kind=a1"),
        ("http://host/jobs('x:1')", "x:1", "x:2", "http://host/jobs('x:2')"),
        ("http://host/jobs/x.json", "x", "y", "http://host/jobs/y.json"),
    ):
        assert OperationUrls("", id_, own).status_url_of(other, other) == url
    assert OperationUrls("", "a b", "http://host/jobs/opaque").status_url_of("c", "c") is None


def accepted(token, url, instance_id=None):
    """Make an operation whose start was accepted."""
    start = StartDescription("/jobs")
    service = ServiceDescription("jobs", start, StatusDescription(headers={"X-Tenant": "t"}))
    polling = poll_strategy("fixed", 1.0, 3.0)
    plan = OperationPlan(token, "http://host/jobs", {}, polling, 9.0, service, scenario="S")
    operation = Operation(plan)
    operation.sent(0.0)
    body = b"" if instance_id is None else json.dumps({"id": instance_id}).encode()
    operation.start_answered(HttpResponse(202, {"location": url}, body), 1.0)
    return operation


def noted(*operations):
    """Return where operations of one scenario are."""
    addresses = Addresses()
    for operation in operations:
        addresses.note(operation)
    return addresses.all()


def test_only_urls_that_do_not_follow_from_ids_are_kept():
    """Of operations whose URLs differ by the id alone one is kept; the others' follow, and carry the headers home."""
    addresses = Addresses("w1")
    for number in ("1", "2", "3"):
        addresses.note(accepted(f"t{number}", f"/v1/jobs/{number}", number))
    addresses.note(accepted("t4", "/elsewhere/x", "4"))
    addresses.note(accepted("t5", "http://other/y"))
    (where,) = addresses.all()
    assert (where.scenario, where.worker, where.key) == ("S", "w1", "1")
    assert dict(where.urls) == {"4": "http://host/elsewhere/x", "t5": "http://other/y"}
    (elsewhere,) = noted(accepted("t6", "http://other/z"), accepted("t7", "/jobs/x"))
    assert dict(elsewhere.headers_for("http://host/jobs/x")) == {"X-Tenant": "t"}
    urls = [where.status_url_of(key, key) for key in ("2", "4", "t5")]
    assert urls == ["http://host/v1/jobs/2", "http://host/elsewhere/x", "http://other/y"]
    assert [dict(where.headers_for(url)) for url in urls] == [{"X-Tenant": "t"}, {"X-Tenant": "t"}, {}]
    assert OperationUrls(**where.to_wire()) == where
    assert [dict(sample.urls) for sample in addresses.samples()] == [{}]


def test_urls_are_kept_up_to_a_limit(monkeypatch):
    """What a process keeps of URLs has a bound; how many were too many is known."""
    monkeypatch.setattr("durable_harness.load.audit.operation_urls.MOST_KEPT_CHARS", 62)
    addresses = Addresses()
    for number in range(5):
        addresses.note(accepted(f"t{number}", f"/hidden/{number:010}"))
    (where,) = addresses.all()
    assert (len(where.urls), where.not_kept) == (2, 2)
    assert where.status_url_of("t4", None) is None


@pytest.mark.parametrize(
    ("kinds", "actions"),
    [
        (["TaskCompleted", "TaskFailed"], {"orchestration": 1, "activity": 2, "result": 2}),
        (["TimerFired", "EventRaised", "TimerCreated"], {"orchestration": 1, "timer": 1, "event": 1}),
        (
            ["ExecutionSuspended", "ExecutionResumed", "TaskScheduled"],
            {"orchestration": 1, "control": 2, "activity": 1},
        ),
        (["SubOrchestrationInstanceCompleted"], None),
        (["EventSent", "EventRaised"], None),
        (["SomethingNew"], None),
        (["ExecutionStarted"], None),
    ],
)
def test_actions_are_counted_from_a_complete_history(kinds, actions):
    """The end of an activity stands for its start too; children, entities and what is unknown make no count."""
    events = [{"EventType": kind} for kind in ("ExecutionStarted", "OrchestratorStarted", *kinds, "ExecutionCompleted")]
    assert count_actions(events) == actions
    assert count_actions(events[:-1]) is None


def history(  # noqa: PLR0913 - what a history has
    *, created=1000.0, started=1000.105, began=1000.12, ended=1000.5, seen=1000.51, scenario="Orders"
):
    """Make what was read of an operation that was sent at 1000.1 and accepted at 1000.11."""
    before = OperationRecord("t", 1000.1, 0.0, sent=1000.1, accepted=1000.11, seen=seen, server_update_is_coarse=True)
    return OperationHistory(scenario, before, created, started, began, ended, {"orchestration": 1})


def test_a_first_execution_shows_everything():
    """A history that starts before the 202 came gives the beginning, the end and the cost."""
    now = learned([history()])[0].now
    assert (now.queueing_ms, now.execution_ms) == (pytest.approx(15), pytest.approx(380))
    assert (now.finish_ms, now.actions) == (pytest.approx(400), {"orchestration": 1})


def test_a_later_execution_shows_the_end_alone():
    """An instance that continued as new has no beginning and no cost in its history, however fast it was."""
    now = learned([history(started=1000.3, began=1000.31)])[0].now
    assert (now.queueing_ms, now.execution_ms, now.server_completion_ms, now.actions) == (None, None, None, None)
    assert now.finish_ms == pytest.approx(400)


def test_a_scenario_that_continues_as_new_is_not_counted():
    """One operation that shows a later execution casts doubt on the others of its scenario, and of no other one."""
    late, doubtful, other = history(started=1002.0, ended=1003.0), history(), history(scenario="Others")
    actions = [one.now.actions for one in learned([late, doubtful, other])]
    assert actions == [None, None, {"orchestration": 1}]


def test_a_clock_that_is_ahead_hides_no_first_execution():
    """How far the server's clock is ahead follows from the end that was seen soonest, and counts for the 202 too."""
    ahead = {name: value + 7.0 for name, value in {"started": 1000.105, "began": 1000.12, "ended": 1000.5}.items()}
    found = learned([history(created=1007.0, **ahead), history(created=1007.0, **ahead, seen=1000.502)])
    assert [one.now.execution_ms for one in found] == pytest.approx([380, 380])


def test_the_first_to_wait_has_an_unknown_beginning():
    """An orchestrator whose first task comes after an event was waiting for it, since a moment that is not known."""
    events = [
        {"EventType": "ExecutionStarted", "Timestamp": "2026-01-01T00:00:00.1Z"},
        {"EventType": "EventRaised", "Timestamp": "2026-01-01T00:00:00.4Z"},
        {"EventType": "TaskCompleted", "ScheduledTime": "2026-01-01T00:00:00.5Z", "Timestamp": "2026-01-01T00:00:01Z"},
        {"EventType": "ExecutionCompleted", "Timestamp": "2026-01-01T00:00:01.25Z"},
    ]
    began_s, ended_s = read_history(events)
    assert (began_s, ended_s is None) == (None, False)
    events[1]["Timestamp"] = "2026-01-01T00:00:00.6Z"
    assert read_history(events)[0] is not None


def test_a_history_shows_when_work_began_and_ended():
    """An orchestration began when it first scheduled something and ended with its last end; otherwise it is unknown."""
    events = [
        {"EventType": "ExecutionStarted", "Timestamp": "2026-01-01T00:00:00.1Z"},
        {"EventType": "TaskCompleted", "ScheduledTime": "2026-01-01T00:00:00.5Z", "Timestamp": "2026-01-01T00:00:03Z"},
        {"EventType": "TimerCreated", "Timestamp": "2026-01-01T00:00:00.4Z", "FireAt": "2026-01-01T00:00:09Z"},
        {"EventType": "ExecutionCompleted", "Timestamp": "2026-01-01T00:00:04.25Z"},
    ]
    began_s, ended_s = read_history(events)
    assert ended_s - began_s == pytest.approx(3.85)
    assert read_history(events[:1]) == (None, None)
