"""The limits of names, tags and payloads: clients are refused, what workers answer fails its work only."""

import pytest

from durable_harness.protocol import MAX_JSON_DEPTH, RpcError, RpcStatus, pb
from durable_harness.scheduler.limits.checks import MAX_NAME_CHARS, MAX_TAG_VALUE_CHARS, MAX_TAGS
from hub_bench import child, complete, scenario, schedule

LONG = "x" * (MAX_NAME_CHARS + 1)
FITS = "x" * MAX_NAME_CHARS
DEEP = "[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1)
TEXT = {"value": LONG}
REFUSED = {
    "name": ("start_instance", pb.CreateInstanceRequest(instanceId="j", name=LONG)),
    "NUL": ("start_instance", pb.CreateInstanceRequest(instanceId="j", name="a\0b")),
    "version": ("start_instance", pb.CreateInstanceRequest(instanceId="j", name="o", version=TEXT)),
    "tags": (
        "start_instance",
        pb.CreateInstanceRequest(instanceId="j", name="o", tags={str(n): "" for n in range(MAX_TAGS + 1)}),
    ),
    "tag": ("start_instance", pb.CreateInstanceRequest(instanceId="j", name="o", tags={LONG: ""})),
    "tag value": (
        "start_instance",
        pb.CreateInstanceRequest(instanceId="j", name="o", tags={"a": "x" * (MAX_TAG_VALUE_CHARS + 1)}),
    ),
    "deep input": ("start_instance", pb.CreateInstanceRequest(instanceId="j", name="o", input={"value": DEEP})),
    "event": ("raise_event", pb.RaiseEventRequest(instanceId="i", name=LONG)),
    "deep event": ("raise_event", pb.RaiseEventRequest(instanceId="i", name="e", input={"value": DEEP})),
    "operation": ("signal_entity", pb.SignalEntityRequest(instanceId="@e@k", name=LONG)),
    "deep signal": ("signal_entity", pb.SignalEntityRequest(instanceId="@e@k", name="o", input={"value": DEEP})),
    "deep output": ("terminate_instance", pb.TerminateRequest(instanceId="i", output={"value": DEEP})),
    "deep reason": ("suspend_instance", pb.SuspendRequest(instanceId="i", reason={"value": DEEP})),
}
ENTITY = {"value": "@e@k"}
FAILING = {
    "activity": schedule(0, LONG),
    "activity version": pb.OrchestratorAction(scheduleTask={"name": "a", "version": TEXT}),
    "activity tag": pb.OrchestratorAction(scheduleTask={"name": "a", "tags": {LONG: ""}}),
    "activity input": schedule(0, "a", DEEP),
    "event": pb.OrchestratorAction(sendEvent={"instance": {"instanceId": "j"}, "name": LONG}),
    "operation": pb.OrchestratorAction(
        sendEntityMessage={"entityOperationCalled": {"operation": LONG, "targetInstanceId": ENTITY}}
    ),
    "output": complete(DEEP),
    "new version": pb.OrchestratorAction(
        completeOrchestration={
            "orchestrationStatus": pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
            "newVersion": TEXT,
        }
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_client_is_refused_what_is_beyond_a_limit(what):
    """A request with a name, tag or payload beyond its limit is INVALID_ARGUMENT and changes nothing."""
    method, request = REFUSED[what]

    @scenario
    async def refused(bench):
        bench.connect()
        await bench.start()
        await bench.turn()
        with pytest.raises(RpcError) as error:
            await getattr(bench.hub, method)(request)
        assert error.value.status is RpcStatus.INVALID_ARGUMENT
        assert await bench.no_item()
        assert await bench.status() == "RUNNING"

    refused(where="memory")


@pytest.mark.parametrize("what", FAILING)
def test_a_request_beyond_a_limit_fails_its_orchestration(what):
    """An action with a name, tag or payload beyond its limit fails the orchestration with a text, and nothing else."""

    @scenario
    async def fails(bench):
        bench.connect()
        await bench.start()
        await bench.turn(FAILING[what])
        assert await bench.status() == "FAILED"
        assert len((await bench.state()).failureDetails.errorMessage) < 500
        await bench.start("other")
        await bench.turn(complete('"done"'))
        assert await bench.status("other") == "COMPLETED"

    fails(where="memory")


@scenario
async def test_a_child_whose_name_is_too_long_fails_its_call(bench):
    """A sub-orchestration that cannot be started is a failure of the call; its caller continues."""
    bench.connect()
    await bench.start()
    action = child(0, "kid")
    action.createSubOrchestration.name = LONG
    await bench.turn(action)
    assert "subOrchestrationInstanceFailed" in await bench.turn(complete())


@scenario
async def test_an_activity_whose_result_is_too_deep_fails(bench):
    """A result that no parser takes fails the activity, and its orchestration hears why."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    await bench.activity(result=DEEP)
    assert "taskFailed" in await bench.turn(complete())


@scenario
async def test_names_at_the_limit_are_taken(bench):
    """The limits themselves are within them."""
    bench.connect()
    await bench.start(name=FITS, version={"value": FITS}, tags={FITS: "x" * MAX_TAG_VALUE_CHARS})
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name=FITS))
    await bench.turn(schedule(0, FITS))
    assert (await bench.activity()).name == FITS
