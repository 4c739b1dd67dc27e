"""The bare protocol, for tests that must decide themselves what a client or a worker sends, and when."""

import functools

import grpc
import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import empty_pb2

DEADLINE_S = 15.0
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
]


def refused(call, *arguments, **options):
    """Call, expect a refusal, and return its status code."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value.code()


class Wire:
    """The generated stub for one task hub, with a deadline on every call."""

    def __init__(self, address, hub="default"):
        self.address, self.hub = address, hub
        self._channel = grpc.insecure_channel(address, CHANNEL_OPTIONS)
        self._stub = TaskHubSidecarServiceStub(self._channel)

    def __getattr__(self, method):
        return functools.partial(getattr(self._stub, method), metadata=[("taskhub", self.hub)], timeout=DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def close(self):
        self._channel.close()

    def hello(self):
        """Return when the scheduler answers."""
        self.Hello(empty_pb2.Empty(), wait_for_ready=True)

    def start(self, instance_id="i", name="o", **fields):
        return self.StartInstance(pb.CreateInstanceRequest(instanceId=instance_id, name=name, **fields))

    def state(self, instance_id="i"):
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        return self.GetInstance(request).orchestrationState

    def history(self, instance_id="i"):
        chunks = self.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId=instance_id))
        return [event for chunk in chunks for event in chunk.events]

    def raise_event(self, name, instance_id="i", **fields):
        return self.RaiseEvent(pb.RaiseEventRequest(instanceId=instance_id, name=name, **fields))

    def signal(self, operation, entity_id="@e@k", **fields):
        return self.SignalEntity(pb.SignalEntityRequest(instanceId=entity_id, name=operation, **fields))

    def entity(self, entity_id="@e@k"):
        return self.GetEntity(pb.GetEntityRequest(instanceId=entity_id, includeState=True)).entity

    def work(self, **request):
        """Open a worker's stream. Keep it: without a reference it is closed, and its work given back."""
        return WorkStream(self.GetWorkItems(pb.GetWorkItemsRequest(**request)))

    def answer(self, item, *actions, **fields):
        """Complete a turn with these actions."""
        return self.CompleteOrchestratorTask(turn_answer(item, *actions, **fields))

    def turn(self, stream, *actions, **fields):
        """Take the next turn of a stream and complete it; return its new events without their beginning."""
        item = stream.next("orchestratorRequest")
        self.answer(item, *actions, **fields)
        return new_events(item)

    def batch(self, stream, state=None, **fields):
        """Take the next batch of a stream's entity operations and complete it; return their names."""
        item = stream.next("entityRequestV2")
        self.CompleteEntityTask(batch_answer(item, state, **fields))
        events = item.entityRequestV2.operationRequests
        return [getattr(event, event.WhichOneof("eventType")).operation for event in events]


class WorkStream:
    """A worker's stream, read item by item, past health pings."""

    def __init__(self, call):
        self._call = call

    def next(self, kind=None):
        """Return the next work item; one of another kind than the one expected fails the test."""
        item = next(item for item in self._call if not item.HasField("healthPing"))
        assert kind in {None, item.WhichOneof("request")}, item
        return item

    def cancel(self):
        self._call.cancel()


def new_events(item):
    return list(item.orchestratorRequest.newEvents)[1:]


def turn_answer(item, *actions, **fields):
    request = item.orchestratorRequest
    return pb.OrchestratorResponse(
        instanceId=request.instanceId, completionToken=item.completionToken, actions=actions, **fields
    )


def activity_answer(item, result=None):
    request = item.activityRequest
    return pb.ActivityResponse(
        instanceId=request.orchestrationInstance.instanceId,
        taskId=request.taskId,
        completionToken=item.completionToken,
        result=None if result is None else {"value": result},
    )


def batch_answer(item, state=None, **fields):
    results = [pb.OperationResult(success={})] * len(item.entityRequestV2.operationRequests)
    return pb.EntityBatchResult(
        completionToken=item.completionToken,
        results=results,
        entityState=None if state is None else {"value": state},
        **fields,
    )


def ended(result=None, status=pb.ORCHESTRATION_STATUS_COMPLETED, **fields):
    """Return the action that ends an orchestration."""
    ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=status, result=None if result is None else {"value": result}, **fields
    )
    return pb.OrchestratorAction(id=-1, completeOrchestration=ending)


def task(task_id, name="a", **fields):
    """Return the action that calls an activity."""
    return pb.OrchestratorAction(id=task_id, scheduleTask=pb.ScheduleTaskAction(name=name, **fields))
