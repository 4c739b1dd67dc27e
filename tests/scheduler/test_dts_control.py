"""Suspending, resuming, terminating, purging, restarting instances, and using their ids again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import grpc
import pytest
from dts_helpers import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    SUSPENDED,
    TERMINATED,
    call_broken,
    call_double,
    double,
    ended,
    kinds,
    refused,
    until,
    wait_for_go,
)
from durabletask.internal import orchestrator_service_pb2 as pb

NOT_FOUND, FAILED_PRECONDITION = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS


def call_wait_for_go(ctx, _input):
    """Wait for a child that waits; both have ids that a test can name."""
    return (yield ctx.call_sub_orchestrator(wait_for_go, instance_id=f"{ctx.instance_id}-kid"))


@pytest.fixture
def suspended(hub):
    """Return the id of a suspended instance that waits for the event go."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.client.suspend_orchestration(instance_id, reason="for a while")
    until(lambda: hub.status(instance_id) is SUSPENDED)
    return instance_id


@pytest.fixture
def family(hub):
    """Return the ids of a running parent and its running child."""
    hub.work(orchestrators=[call_wait_for_go, wait_for_go])
    parent = hub.start(call_wait_for_go)
    until(lambda: (state := hub.state(f"{parent}-kid")) and state.runtime_status is RUNNING)
    return parent, f"{parent}-kid"


def test_a_suspended_instance_does_not_continue(hub, suspended):
    """Events for a suspended instance wait; it stays suspended."""
    hub.client.raise_orchestration_event(suspended, "go", data="late")
    with pytest.raises(TimeoutError):
        hub.wait(suspended, timeout=0.3)
    assert hub.status(suspended) is SUSPENDED


def test_a_resumed_instance_takes_what_came_meanwhile(hub, suspended):
    """Events raised during the suspension are there when it is over."""
    hub.client.raise_orchestration_event(suspended, "go", data="late")
    hub.client.resume_orchestration(suspended)
    assert hub.wait(suspended).get_output() == "late"


def test_a_resumed_instance_runs(hub, suspended):
    """A resumed instance is running again and takes events."""
    hub.client.resume_orchestration(suspended)
    until(lambda: hub.status(suspended) is RUNNING)
    hub.client.raise_orchestration_event(suspended, "go", data="now")
    assert hub.wait(suspended).get_output() == "now"


def test_the_history_has_the_reasons_of_suspensions(hub, suspended):
    """The reasons of suspension and resumption are in the history."""
    hub.client.resume_orchestration(suspended, reason="go on")
    until(lambda: hub.status(suspended) is RUNNING)
    reasons = {kinds([event])[0]: event.input for event in hub.history(suspended) if hasattr(event, "input")}
    assert (reasons["ExecutionSuspended"], reasons["ExecutionResumed"]) == ("for a while", "go on")


def new_events(item):
    """Return the kinds of the new events of a turn."""
    return [event.WhichOneof("eventType") for event in item.orchestratorRequest.newEvents]


def test_suspending_twice_is_suspending_once(hub):
    """A second suspension is not sent to the worker, which would loop forever over it; one resumption ends both."""
    raw = hub.raw()
    work = raw.work()
    raw.start(instance_id="i")
    raw.answer(next(work))
    for _ in range(2):
        hub.client.suspend_orchestration("i")
    item = next(work)
    assert new_events(item) == ["orchestratorStarted", "executionSuspended"]
    raw.answer(item)
    hub.client.suspend_orchestration("i")
    hub.client.raise_orchestration_event("i", "go")
    hub.client.resume_orchestration("i")
    assert sorted(new_events(next(work))) == ["eventRaised", "executionResumed", "orchestratorStarted"]


def test_resuming_what_is_not_suspended_changes_nothing(hub):
    """A resumption of a running instance is taken without an error and does it no harm."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.client.resume_orchestration(instance_id)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    state = hub.wait(instance_id)
    assert (state.runtime_status, state.get_output()) == (COMPLETED, 1)


def test_an_instance_suspended_before_its_first_turn(hub):
    """An instance suspended before any worker has seen it waits for its resumption."""
    instance_id = hub.start(wait_for_go)
    hub.client.suspend_orchestration(instance_id)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    hub.work(orchestrators=wait_for_go)
    until(lambda: hub.status(instance_id) is SUSPENDED)
    hub.client.resume_orchestration(instance_id)
    assert hub.wait(instance_id).get_output() == 1


def test_a_timer_that_falls_due_during_a_suspension(hub):
    """A timer due while the instance is suspended takes effect on resumption."""

    def sleepy(ctx, _input):
        yield ctx.create_timer(timedelta(seconds=0.2))
        return "awake"

    hub.work(orchestrators=sleepy)
    instance_id = hub.start(sleepy)
    hub.client.suspend_orchestration(instance_id)
    until(lambda: hub.status(instance_id) is SUSPENDED)
    with pytest.raises(TimeoutError):
        hub.wait(instance_id, timeout=0.4)
    hub.client.resume_orchestration(instance_id)
    assert hub.wait(instance_id).get_output() == "awake"


def test_an_activity_that_ends_during_a_suspension(hub, release):
    """The result of an activity that was running when the instance was suspended is kept for its resumption."""

    def slow(_ctx, _input):
        release.wait()
        return "done"

    def call_slow(ctx, _input):
        return (yield ctx.call_activity(slow))

    hub.work(orchestrators=call_slow, activities=slow)
    instance_id = hub.start(call_slow)
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.client.suspend_orchestration(instance_id)
    until(lambda: hub.status(instance_id) is SUSPENDED)
    release.set()
    with pytest.raises(TimeoutError):
        hub.wait(instance_id, timeout=0.2)
    hub.client.resume_orchestration(instance_id)
    assert hub.wait(instance_id).get_output() == "done"


def test_a_suspended_instance_can_be_terminated(hub, suspended):
    """Termination does not wait for a resumption."""
    hub.client.terminate_orchestration(suspended, output="over")
    state = hub.wait(suspended)
    assert (state.runtime_status, state.get_output()) == (TERMINATED, "over")


def test_a_terminated_instance_has_the_output_it_was_given(hub):
    """Termination ends an instance with the given output, which is in its history as well."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    hub.client.terminate_orchestration(instance_id, output={"why": "enough"})
    state = hub.wait(instance_id)
    assert (state.runtime_status, state.get_output()) == (TERMINATED, {"why": "enough"})
    assert "ExecutionTerminated" in kinds(hub.history(instance_id))


def test_a_terminated_instance_takes_no_more_events(hub):
    """What comes after the termination changes nothing."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    hub.client.terminate_orchestration(instance_id)
    hub.wait(instance_id)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    hub.client.suspend_orchestration(instance_id)
    assert hub.status(instance_id) is TERMINATED


def test_terminating_what_has_ended_changes_nothing(hub):
    """A finished instance keeps its status and output when it is terminated."""
    hub.work(orchestrators=call_double, activities=double)
    instance_id = hub.run(call_double, input=1).instance_id
    hub.client.terminate_orchestration(instance_id, output="late")
    state = hub.state(instance_id)
    assert (state.runtime_status, state.get_output()) == (COMPLETED, 2)


def test_an_activity_of_a_terminated_instance_is_harmless(hub, release):
    """The result of an activity that ends after the termination of its orchestration is dropped."""

    def slow(_ctx, _input):
        release.wait()

    def call_slow(ctx, _input):
        yield ctx.call_activity(slow)

    hub.work(orchestrators=[call_slow, call_double], activities=[slow, double])
    instance_id = hub.start(call_slow)
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.client.terminate_orchestration(instance_id)
    hub.wait(instance_id)
    release.set()
    assert hub.output_of(call_double, input=1) == 2
    assert hub.status(instance_id) is TERMINATED


def test_a_recursive_termination_takes_the_children_along(hub, family):
    """A recursive termination ends the parent and its running child."""
    parent, kid = family
    hub.client.terminate_orchestration(parent, output="all of you", recursive=True)
    assert hub.wait(parent).runtime_status is TERMINATED
    assert hub.wait(kid).runtime_status is TERMINATED


def test_a_recursive_termination_reaches_grandchildren(hub):
    """Termination goes down all generations."""

    def grandparent(ctx, _input):
        yield ctx.call_sub_orchestrator(call_wait_for_go, instance_id="parent")

    hub.work(orchestrators=[grandparent, call_wait_for_go, wait_for_go])
    instance_id = hub.start(grandparent)
    until(lambda: hub.state("parent-kid"))
    hub.client.terminate_orchestration(instance_id, recursive=True)
    assert [hub.wait(each).runtime_status for each in (instance_id, "parent", "parent-kid")] == [TERMINATED] * 3


def test_a_plain_termination_leaves_the_children(hub, family):
    """A termination that is not recursive ends the parent only; its child continues to its own end."""
    parent, kid = family
    hub.client.terminate_orchestration(parent, recursive=False)
    assert hub.wait(parent).runtime_status is TERMINATED
    hub.client.raise_orchestration_event(kid, "go", data="alone")
    assert hub.wait(kid).get_output() == "alone"


@pytest.mark.parametrize(
    "call", ["terminate_orchestration", "suspend_orchestration", "resume_orchestration", "rewind_orchestration"]
)
def test_operations_on_unknown_instances_are_refused(hub, call):
    """Operations on an unknown instance are NOT_FOUND with its id."""
    assert "nobody" in refused(NOT_FOUND, getattr(hub.client, call), "nobody")


def test_a_purged_instance_is_gone(hub):
    """Purging a finished instance deletes state and history, and counts one instance."""
    hub.work(orchestrators=call_double, activities=double)
    instance_id = hub.run(call_double, input=1).instance_id
    result = hub.client.purge_orchestration(instance_id)
    assert (result.deleted_instance_count, result.is_complete) == (1, True)
    assert hub.state(instance_id) is None
    refused(NOT_FOUND, hub.history, instance_id)


def test_purging_an_unknown_instance_deletes_nothing(hub):
    """Purging an unknown instance deletes none and is no error."""
    assert hub.client.purge_orchestration("nobody").deleted_instance_count == 0


def test_a_running_instance_is_not_purged(hub):
    """A running instance stays when it is purged."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: hub.status(instance_id) is RUNNING)
    assert hub.client.purge_orchestration(instance_id).deleted_instance_count == 0
    assert hub.status(instance_id) is RUNNING


@pytest.mark.parametrize(("recursive", "deleted"), [(True, 3), (False, 1)])
def test_a_purge_takes_children_along_if_asked(hub, recursive, deleted):
    """A recursive purge deletes all generations below, a plain one leaves them."""

    def kid(ctx, _input):
        yield ctx.call_sub_orchestrator(call_double, input=1, instance_id="grandkid")

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(kid, instance_id="kid")

    hub.work(orchestrators=[parent, kid, call_double], activities=double)
    hub.run(parent, instance_id="parent")
    assert hub.client.purge_orchestration("parent", recursive=recursive).deleted_instance_count == deleted
    assert (hub.state("grandkid") is None) is recursive


def test_a_purge_by_status(hub):
    """A purge by status deletes the instances that ended so, and no others."""
    hub.work(orchestrators=[call_double, call_broken, wait_for_go], activities=double)
    hub.run(call_double, input=1, instance_id="good")
    hub.run(call_broken, instance_id="bad")
    hub.start(wait_for_go, instance_id="waiting")
    assert hub.client.purge_orchestrations_by(runtime_status=[FAILED]).deleted_instance_count == 1
    assert [hub.state(each) is not None for each in ("good", "bad", "waiting")] == [True, False, True]


def test_a_purge_without_conditions_spares_what_runs(hub):
    """A purge without conditions deletes all that has ended and nothing else."""
    hub.work(orchestrators=[call_double, wait_for_go], activities=double)
    for number in range(5):
        hub.run(call_double, input=number)
    running = hub.start(wait_for_go)
    assert hub.client.purge_orchestrations_by().deleted_instance_count == 5
    assert hub.state(running) is not None


def test_a_purge_by_time_of_creation(hub):
    """A purge by creation time deletes what was created in between."""
    hub.work(orchestrators=call_double, activities=double)
    hub.run(call_double, input=1, instance_id="old")
    moment = datetime.now(UTC)
    hub.run(call_double, input=1, instance_id="new")
    assert hub.client.purge_orchestrations_by(created_time_to=moment).deleted_instance_count == 1
    assert [hub.state("old") is None, hub.state("new") is None] == [True, False]
    assert hub.client.purge_orchestrations_by(created_time_from=moment).deleted_instance_count == 1


def test_a_recursive_purge_by_status_takes_children_along(hub):
    """A recursive purge by filter deletes the children of what it finds."""

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(call_double, input=1, instance_id="kid")
        raise ValueError("parent fails")

    hub.work(orchestrators=[parent, call_double], activities=double)
    hub.run(parent, instance_id="parent")
    purged = hub.client.purge_orchestrations_by(runtime_status=[FAILED], recursive=True)
    assert purged.deleted_instance_count == 2
    assert hub.state("kid") is None


def test_a_restart_in_the_same_place(hub):
    """A restarted instance runs again under its id with its first input."""
    runs = []

    def counting(_ctx, value):
        runs.append(value)
        return len(runs)

    hub.work(orchestrators=counting)
    instance_id = hub.run(counting, input="x").instance_id
    assert hub.client.restart_orchestration(instance_id) == instance_id
    state = hub.wait(instance_id)
    assert (state.get_output(), runs) == (2, ["x", "x"])


def test_a_restart_under_a_new_id(hub):
    """A restart with a new id leaves the first instance as it is."""
    hub.work(orchestrators=call_double, activities=double)
    first = hub.run(call_double, input=3)
    other = hub.client.restart_orchestration(first.instance_id, restart_with_new_instance_id=True)
    assert other != first.instance_id
    assert hub.wait(other).get_output() == 6
    assert hub.state(first.instance_id) == first


def test_a_restart_keeps_version_and_tags(hub):
    """The restarted instance has the version and the tags of the first."""

    def versioned(ctx, _input):
        return ctx.version

    hub.work(orchestrators=versioned)
    first = hub.run(versioned, version="1.5", tags={"team": "blue"})
    other = hub.client.restart_orchestration(first.instance_id, restart_with_new_instance_id=True)
    assert hub.wait(other).get_output() == "1.5"
    assert dict(hub.raw().state(other).tags) == {"team": "blue"}


def test_a_restart_of_a_failed_and_of_a_terminated_instance(hub):
    """However an instance ended, it can be restarted."""
    hub.work(orchestrators=[call_broken, wait_for_go])
    failed = hub.run(call_broken).instance_id
    terminated = hub.start(wait_for_go)
    hub.client.terminate_orchestration(terminated)
    hub.wait(terminated)
    for instance_id in (failed, terminated):
        hub.client.restart_orchestration(instance_id)
    assert hub.wait(failed).runtime_status is FAILED
    hub.client.raise_orchestration_event(terminated, "go", data=1)
    assert hub.wait(terminated).get_output() == 1


def test_a_restart_of_what_runs_is_refused(hub):
    """A running instance cannot be restarted in its own place: FAILED_PRECONDITION."""
    instance_id = hub.start(wait_for_go)
    assert instance_id in refused(FAILED_PRECONDITION, hub.client.restart_orchestration, instance_id)


def test_a_restart_under_a_new_id_of_what_runs(hub):
    """A running instance can be restarted under a new id, and both continue."""
    hub.work(orchestrators=wait_for_go)
    first = hub.start(wait_for_go)
    until(lambda: hub.status(first) is RUNNING)
    other = hub.client.restart_orchestration(first, restart_with_new_instance_id=True)
    assert other != first
    for instance_id in (first, other):
        hub.client.raise_orchestration_event(instance_id, "go", data=instance_id)
    assert [hub.wait(each).get_output() for each in (first, other)] == [first, other]


def test_a_restart_of_an_unknown_instance_is_refused(hub):
    """An unknown instance cannot be restarted: NOT_FOUND."""
    assert "nobody" in refused(NOT_FOUND, hub.client.restart_orchestration, "nobody")


def only(*statuses):
    return pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)


def living():
    """A policy that replaces whatever lives, by which it is terminated."""
    statuses = ("PENDING", "RUNNING", "SUSPENDED", "TERMINATED")
    return only(*(pb.OrchestrationStatus.Value(f"ORCHESTRATION_STATUS_{status}") for status in statuses))


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "SUSPENDED"])
def test_a_policy_that_replaces_the_living_names_terminated_too(hub, status):
    """A policy with a living status and without Terminated is INVALID_ARGUMENT in the service's words."""
    policy = only(pb.OrchestrationStatus.Value(f"ORCHESTRATION_STATUS_{status}"), pb.ORCHESTRATION_STATUS_COMPLETED)
    hub.start(wait_for_go, instance_id="taken")
    for instance_id in ("taken", "free"):
        start = partial(hub.start, wait_for_go, instance_id=instance_id, reuse_id_policy=policy)
        assert refused(grpc.StatusCode.INVALID_ARGUMENT, start) == (
            "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of running instances"
        )


@pytest.mark.parametrize(
    "policy", [None, only(), only(pb.ORCHESTRATION_STATUS_FAILED, pb.ORCHESTRATION_STATUS_TERMINATED)]
)
def test_a_taken_id_is_refused(hub, policy):
    """An id that is taken is ALREADY_EXISTS unless the policy lists the status of the one who has it."""
    hub.work(orchestrators=call_double, activities=double)
    hub.run(call_double, input=1, instance_id="taken")
    detail = refused(ALREADY_EXISTS, hub.start, call_double, input=2, instance_id="taken", reuse_id_policy=policy)
    assert "taken" in detail
    assert hub.state("taken").get_output() == 2


def test_an_id_is_used_again_where_the_policy_allows(hub):
    """A policy that lists the status of the one who has the id lets it be replaced, history and all."""
    hub.work(orchestrators=call_double, activities=double)
    hub.run(call_double, input=1, instance_id="taken")
    policy = only(pb.ORCHESTRATION_STATUS_COMPLETED)
    assert hub.output_of(call_double, input=2, instance_id="taken", reuse_id_policy=policy) == 4
    assert kinds(hub.history("taken")).count("ExecutionStarted") == 1


def test_a_running_instance_can_be_replaced(hub, release):
    """A policy that lists RUNNING replaces a running instance; what its activity returns later is ignored."""

    def slow(_ctx, _input):
        release.wait()
        return "old"

    def call_slow(ctx, _input):
        yield ctx.call_activity(slow)
        return "old"

    hub.work(orchestrators=[call_slow, wait_for_go], activities=slow)
    hub.start(call_slow, instance_id="taken")
    until(lambda: hub.status("taken") is RUNNING)
    hub.start(wait_for_go, instance_id="taken", reuse_id_policy=living())
    release.set()
    hub.client.raise_orchestration_event("taken", "go", data="new")
    state = hub.wait("taken")
    assert (state.name, state.get_output()) == ("wait_for_go", "new")


def test_a_purged_id_is_free(hub):
    """An id can be used again after its instance is purged."""
    hub.work(orchestrators=call_double, activities=double)
    hub.run(call_double, input=1, instance_id="free")
    hub.client.purge_orchestration("free")
    assert hub.output_of(call_double, input=3, instance_id="free") == 6


def test_a_pending_instance_is_taken_too(hub):
    """An instance that has not begun holds its id."""
    hub.start(wait_for_go, instance_id="taken")
    assert hub.status("taken") is PENDING
    refused(ALREADY_EXISTS, hub.start, wait_for_go, instance_id="taken")


def test_of_many_starts_with_one_id_one_is_taken(hub):
    """Of twenty starts at once with the same id one is taken and the others are ALREADY_EXISTS."""

    def start(number):
        try:
            return hub.start(wait_for_go, input=number, instance_id="one")
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(start, range(20)))
    assert answers.count("one") == 1
    assert answers.count(ALREADY_EXISTS) == 19
    assert hub.state("one").get_input() == answers.index("one")


def test_a_turn_of_a_replaced_instance_is_not_heard(hub):
    """What a worker answers to a turn of an instance that was replaced meanwhile changes nothing."""
    raw = hub.raw()
    work = raw.work()
    raw.start(instance_id="i", name="old")
    old = next(work)
    raw.start(instance_id="i", name="new", orchestrationIdReusePolicy=living())
    raw.answer(old, ended("wrong"))
    state = raw.state("i")
    assert (state.name, state.orchestrationStatus) == ("new", pb.ORCHESTRATION_STATUS_PENDING)
    assert next(work).orchestratorRequest.newEvents[1].executionStarted.name == "new"
