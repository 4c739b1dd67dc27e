"""Versions, the workers that take them, work-item filters, and tags."""

import pytest
from dts_helpers import (
    COMPLETED,
    FAILED,
    PENDING,
    call_double,
    double,
    kinds,
    named,
    scheduled,
    until,
)
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import (
    ActivityWorkItemFilter,
    EntityWorkItemFilter,
    OrchestrationWorkItemFilter,
    VersionFailureStrategy,
    VersioningOptions,
    VersionMatchStrategy,
    WorkItemFilters,
)

OF_ITS_FUNCTIONS = "of its functions"
FAIL, REJECT = VersionFailureStrategy.FAIL, VersionFailureStrategy.REJECT


def versioned(ctx, _input):
    return ctx.version


def matching(strategy, version="2.0", failure=FAIL):
    return VersioningOptions(version=version, match_strategy=strategy, failure_strategy=failure)


def test_an_orchestrator_sees_the_version_of_its_start(hub):
    """The version given at the start is the orchestrator's; without one it is None."""
    hub.work(orchestrators=versioned)
    assert [hub.output_of(versioned, version="1.2"), hub.output_of(versioned)] == ["1.2", None]


def test_a_client_has_a_default_version(hub):
    """A start without a version gets the client's default one, a version of its own goes before it."""
    hub.work(orchestrators=versioned)
    client = hub.new_client(default_version="3.0")
    ids = [client.schedule_new_orchestration(versioned, version=version) for version in (None, "4.0")]
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == ["3.0", "4.0"]


def test_the_state_has_the_version(hub):
    """The protocol's state and the history of an instance have its version."""
    hub.work(orchestrators=versioned)
    instance_id = hub.run(versioned, version="1.2").instance_id
    assert hub.raw().state(instance_id).version.value == "1.2"
    assert [e.version for e in hub.history(instance_id) if kinds([e]) == ["ExecutionStarted"]] == ["1.2"]


def test_children_get_the_workers_default_version(hub):
    """A sub-orchestration has the worker's default version unless its call names another."""

    def parent(ctx, _input):
        default = yield ctx.call_sub_orchestrator(versioned)
        own = yield ctx.call_sub_orchestrator(versioned, version="9.0")
        return [default, own]

    options = VersioningOptions(version="1.0", default_version="5.0", match_strategy=VersionMatchStrategy.NONE)
    hub.work(orchestrators=[parent, versioned], versioning=options)
    assert hub.output_of(parent, version="1.0") == ["5.0", "9.0"]


@pytest.mark.parametrize(
    ("strategy", "version", "status"),
    [
        (VersionMatchStrategy.NONE, "7.0", COMPLETED),
        (VersionMatchStrategy.STRICT, "2.0", COMPLETED),
        (VersionMatchStrategy.STRICT, "1.0", FAILED),
        (VersionMatchStrategy.STRICT, None, FAILED),
        (VersionMatchStrategy.CURRENT_OR_OLDER, "1.9", COMPLETED),
        (VersionMatchStrategy.CURRENT_OR_OLDER, "2.0.1", FAILED),
    ],
)
def test_a_worker_that_fails_other_versions(hub, strategy, version, status):
    """A worker of version 2.0 runs what its strategy accepts and fails the rest as a version mismatch."""
    hub.work(orchestrators=versioned, versioning=matching(strategy))
    state = hub.run(versioned, version=version)
    assert state.runtime_status is status
    if status is FAILED:
        assert state.failure_details.error_type == "VersionMismatch"


def test_what_one_worker_rejects_another_takes(hub):
    """An orchestration that a worker gives back because of its version is run by the worker of that version."""
    for version in ("1.0", "2.0"):
        hub.work(orchestrators=versioned, versioning=matching(VersionMatchStrategy.STRICT, version, REJECT))
    versions = ["1.0", "2.0"] * 5
    ids = [hub.start(versioned, version=version) for version in versions]
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == versions


def test_what_every_worker_rejects_waits_for_one_that_does_not(hub):
    """An orchestration of a version that no worker takes is not lost: it runs when its worker comes."""
    hub.work(orchestrators=versioned, versioning=matching(VersionMatchStrategy.STRICT, "1.0", REJECT))
    instance_id = hub.start(versioned, version="2.0")
    assert hub.output_of(versioned, version="1.0") == "1.0"
    assert hub.status(instance_id) is PENDING
    hub.work(orchestrators=versioned, versioning=matching(VersionMatchStrategy.STRICT, "2.0", REJECT))
    assert hub.wait(instance_id).get_output() == "2.0"


def test_two_workers_with_different_functions(hub):
    """With filters of their own functions, two workers share a hub: each gets only what it knows."""

    def call_other(ctx, number):
        return (yield ctx.call_activity("triple", input=number))

    def triple(_ctx, number):
        return 3 * number

    hub.work(orchestrators=call_double, activities=triple, filters=OF_ITS_FUNCTIONS)
    hub.work(orchestrators=call_other, activities=double, filters=OF_ITS_FUNCTIONS)
    ids = [hub.start(name, input=2) for name in ("call_double", "call_other") for _ in range(5)]
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == [4] * 5 + [6] * 5


def test_an_orchestration_that_no_filter_takes_waits(hub):
    """Work that no connected worker asked for stays until a worker comes that does."""
    hub.work(orchestrators=call_double, activities=double, filters=OF_ITS_FUNCTIONS)
    instance_id = hub.start(versioned, version="x")
    assert hub.output_of(call_double, input=1) == 2
    assert hub.status(instance_id) is PENDING
    hub.work(orchestrators=versioned, filters=OF_ITS_FUNCTIONS)
    assert hub.wait(instance_id).get_output() == "x"


def test_a_filter_of_orchestrations_only_gets_no_activities(hub):
    """A filter that lists no activity gets none, though its worker knows some."""

    def who(_ctx, _input):
        return "the one without filters"

    def call_who(ctx, _input):
        return (yield ctx.call_activity("who"))

    only = WorkItemFilters(orchestrations=[OrchestrationWorkItemFilter("call_who")])
    hub.work(orchestrators=call_who, activities=named("who", lambda _ctx, _input: "the filtered one"), filters=only)
    instance_id = hub.start(call_who)
    until(lambda: "TaskScheduled" in kinds(hub.history(instance_id)))
    hub.work(orchestrators=call_who, activities=who)
    assert hub.wait(instance_id).get_output() == "the one without filters"


def test_a_filter_by_version(hub):
    """A filter with versions gets those versions; a strict worker's own filter has its version."""
    one = WorkItemFilters(orchestrations=[OrchestrationWorkItemFilter("which", versions=["1.0", "1.1"])])
    hub.work(orchestrators=named("which", lambda _ctx, _input: "one"), filters=one)
    hub.work(
        orchestrators=named("which", lambda _ctx, _input: "two"),
        versioning=matching(VersionMatchStrategy.STRICT, "2.0"),
        filters=OF_ITS_FUNCTIONS,
    )
    versions = ["2.0", "1.0", "1.1", "2.0", "1.1"]
    ids = [hub.start("which", version=version) for version in versions]
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == ["two", "one", "one", "two", "one"]
    assert hub.status(hub.start("which", version="3.0")) is PENDING


def test_a_filter_by_activity_version(hub):
    """A filter of activities with versions gets the activities of those versions."""
    raw = hub.raw()
    turns = raw.work(workItemFilters={"orchestrations": [{"name": "o"}]})
    raw.start()
    raw.answer(next(turns), scheduled(1, version={"value": "2.0"}), scheduled(2, version={"value": "1.0"}))
    filtered = raw.work(workItemFilters={"activities": [{"name": "a", "versions": ["1.0"]}]})
    assert next(filtered).activityRequest.taskId == 2


def called(task_id, name="a", **fields):
    child = pb.CreateSubOrchestrationAction(name=name, **fields)
    return pb.OrchestratorAction(id=task_id, createSubOrchestration=child)


def test_calls_without_a_version_are_filtered_by_orchestration(hub):
    """A filter with versions gets the unversioned activities and children of orchestrations of those versions."""
    raw = hub.raw()
    both = [{"name": name, "versions": ["2.0"]} for name in ("o", "child", "grandchild")]
    work = raw.work(workItemFilters={"orchestrations": both, "activities": [{"name": "a", "versions": ["2.0"]}]})
    raw.start(instance_id="old", version={"value": "1.0"})
    raw.start(instance_id="new", version={"value": "2.0"})
    raw.answer(next(work), scheduled(1), called(2, "child"))
    items = {item.WhichOneof("request"): item for item in (next(work), next(work))}
    assert items["activityRequest"].activityRequest.orchestrationInstance.instanceId == "new"
    assert not items["activityRequest"].activityRequest.HasField("version")
    raw.answer(items["orchestratorRequest"], called(1, "grandchild"))
    grandchild = next(work).orchestratorRequest.newEvents[1].executionStarted
    assert (grandchild.name, grandchild.HasField("version")) == ("grandchild", False)
    assert raw.state("old").orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING


def test_a_version_of_its_own_goes_before_the_orchestrations(hub):
    """An activity with a version is filtered by that, whatever its orchestration's is."""
    raw = hub.raw()
    turns = raw.work(workItemFilters={"orchestrations": [{"name": "o"}]})
    raw.start(version={"value": "1.0"})
    raw.answer(next(turns), scheduled(1, version={"value": "2.0"}), scheduled(2))
    filtered = raw.work(workItemFilters={"activities": [{"name": "a", "versions": ["1.0"]}]})
    assert next(filtered).activityRequest.taskId == 2
    other = raw.work(workItemFilters={"activities": [{"name": "a", "versions": ["2.0"]}]})
    assert next(other).activityRequest.taskId == 1


def test_a_filter_of_entities(hub):
    """Entities go to the worker that lists them, whatever the case of the name."""

    def counter(ctx, amount):
        ctx.set_state([ctx.get_state(list, [0])[0] + amount, "filtered"])

    def other(ctx, _amount):
        ctx.set_state("wrong")

    hub.work(entities=named("other", other), filters=OF_ITS_FUNCTIONS)
    only = WorkItemFilters(entities=[EntityWorkItemFilter("Counter")])
    hub.work(entities=named("Counter", counter), filters=only)
    entity = EntityInstanceId("Counter", "k")
    hub.client.signal_entity(entity, "add", input=2)
    assert until(lambda: hub.client.get_entity(entity)).get_typed_state() == [2, "filtered"]


def test_without_filters_a_worker_gets_everything(hub):
    """A worker without filters gets work of every kind and name, beside workers with filters."""
    hub.work(orchestrators=call_double, filters=OF_ITS_FUNCTIONS)
    hub.work(orchestrators=call_double, activities=double)
    assert hub.output_of(call_double, input=1) == 2


def test_filters_that_were_cleared_are_none(hub):
    """A worker that asks for its functions and then for None has no filters."""
    worker = hub.work(orchestrators=call_double, activities=double, start=False)
    worker.use_work_item_filters()
    worker.use_work_item_filters(None)
    worker.start()
    assert hub.output_of(call_double, input=1) == 2


def test_an_activity_filter_lists_names(hub):
    """Two workers that know one orchestrator and list different activities divide them."""

    def both(ctx, _input):
        first = yield ctx.call_activity("first")
        second = yield ctx.call_activity("second")
        return [first, second]

    for name in ("first", "second"):
        known = [named(each, lambda _ctx, _input, name=name: f"by {name}") for each in ("first", "second")]
        only = WorkItemFilters(
            orchestrations=[OrchestrationWorkItemFilter("both")], activities=[ActivityWorkItemFilter(name)]
        )
        hub.work(orchestrators=both, activities=known, filters=only)
    assert hub.output_of(both) == ["by first", "by second"]


def test_tags_stay_with_the_instance(hub):
    """The tags of a start are in the instance's state and in its history."""
    hub.work(orchestrators=versioned)
    tags = {"team": "blue", "purpose": "test"}
    instance_id = hub.run(versioned, tags=tags).instance_id
    assert dict(hub.raw().state(instance_id).tags) == tags
    assert [e.tags for e in hub.history(instance_id) if kinds([e]) == ["ExecutionStarted"]] == [tags]


def test_tags_of_an_activity_reach_its_worker(hub):
    """The tags of a call are in the history and in the activity's work item."""

    def tagged(ctx, _input):
        yield ctx.call_activity("a", tags={"cost": "high"})

    hub.work(orchestrators=tagged, filters=OF_ITS_FUNCTIONS)
    raw = hub.raw()
    activities = raw.work(workItemFilters={"activities": [{"name": "a"}]})
    instance_id = hub.start(tagged)
    item = next(activities)
    assert dict(item.activityRequest.tags) == {"cost": "high"}
    raw.finish(item)
    hub.wait(instance_id)
    assert [e.tags for e in hub.history(instance_id) if kinds([e]) == ["TaskScheduled"]] == [{"cost": "high"}]


def test_tags_of_a_child_are_its_own(hub):
    """The tags that a call gives a sub-orchestration are the child's."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    child = pb.CreateSubOrchestrationAction(instanceId="kid", name="k", tags={"a": "b"})
    raw.answer(next(work), pb.OrchestratorAction(id=1, createSubOrchestration=child))
    assert dict(next(work).orchestratorRequest.newEvents[1].executionStarted.tags) == {"a": "b"}
    assert dict(raw.state("kid").tags) == {"a": "b"}
