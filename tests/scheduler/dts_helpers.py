"""What the tests of the scheduler share: patience, a bare stub, and orchestrators and activities that many need."""

import functools
import time

import grpc
import pytest
from durabletask.client import OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

DEADLINE_S = 20.0
POLL_S = 0.02
COMPLETED, FAILED = OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED
RUNNING, PENDING = OrchestrationStatus.RUNNING, OrchestrationStatus.PENDING
SUSPENDED, TERMINATED = OrchestrationStatus.SUSPENDED, OrchestrationStatus.TERMINATED


def as_list(one_or_more):
    return [one_or_more] if callable(one_or_more) else list(one_or_more)


def until(look, deadline_s=DEADLINE_S):
    """Return the first true value of a look; past the deadline, fail with what was seen last."""
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        if time.monotonic() > end:
            pytest.fail(f"it did not come within {deadline_s:g} s; the last look gave {seen!r}")
        time.sleep(POLL_S)
    return seen


def named(name, function):
    """Set the name under which a worker knows a function."""
    function.__name__ = name
    return function


def kinds(events):
    """Return the names of history events, without the word Event."""
    return [type(event).__name__.removesuffix("Event") for event in events]


def refused(status, call, *args, **options):
    """Call, expect this gRPC status, and return its detail."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*args, **options)
    assert caught.value.code() is status, caught.value
    return caught.value.details()


class RawStub:
    """The generated stub with the metadata of one task hub and a deadline on every call."""

    def __init__(self, channel, metadata):
        self._stub = TaskHubSidecarServiceStub(channel)
        self._metadata = metadata

    def __getattr__(self, method):
        return functools.partial(getattr(self._stub, method), metadata=self._metadata, timeout=DEADLINE_S)

    def later(self, method, request):
        """Call without waiting; return the future of the answer."""
        return getattr(self._stub, method).future(request, metadata=self._metadata, timeout=DEADLINE_S)

    def work(self, **request):
        """Open a stream of work items. Keep it: without a reference it is closed, and its work given back."""
        return WorkStream(self.GetWorkItems(pb.GetWorkItemsRequest(**request)))

    def state(self, instance_id):
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        return self.GetInstance(request).orchestrationState

    def start(self, name="o", instance_id="i", **fields):
        request = pb.CreateInstanceRequest(name=name, instanceId=instance_id, **fields)
        return self.StartInstance(request).instanceId

    def answer(self, item, *actions, **fields):
        """Complete a turn with these actions."""
        response = pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId,
            completionToken=item.completionToken,
            actions=[action for action in actions if action is not None],
            **fields,
        )
        self.CompleteOrchestratorTask(response)

    def finish(self, item, result=None):
        """Complete an activity."""
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
            result=None if result is None else {"value": result},
        )
        self.CompleteActivityTask(response)


class WorkStream:
    """A worker's stream, read item by item, past health pings."""

    def __init__(self, call):
        self._call = call

    def __next__(self):
        return next(item for item in self._call if not item.HasField("healthPing"))

    def __iter__(self):
        return self

    def is_active(self):
        return self._call.is_active()

    def cancel(self):
        self._call.cancel()


def ended(result=None, status=pb.ORCHESTRATION_STATUS_COMPLETED):
    """Return the action that ends an orchestration."""
    ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=status, result=None if result is None else {"value": result}
    )
    return pb.OrchestratorAction(id=-1, completeOrchestration=ending)


def scheduled(task_id, name="a", **fields):
    """Return the action that calls an activity."""
    return pb.OrchestratorAction(id=task_id, scheduleTask=pb.ScheduleTaskAction(name=name, **fields))


def double(_ctx, number: int):
    return 2 * number


def broken(_ctx, _input):
    raise ValueError("broken") from KeyError("inner")


def call_double(ctx, number: int):
    return (yield ctx.call_activity(double, input=number))


def call_broken(ctx, _input):
    return (yield ctx.call_activity(broken))


def wait_for_go(ctx, _input):
    return (yield ctx.wait_for_external_event("go"))


def echo(_ctx, value):
    return value
