"""The protocol at its edges, spoken by a bare stub: error codes, strange requests, actions the packages seldom send."""

import json

import grpc
import pytest
from dts_helpers import RawStub, ended, refused, scheduled
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import empty_pb2

from durable_harness.protocol.continuing import KEEPS_EXECUTIONS_HEADER, LONG_HISTORY_EVENTS, continuation_of
from durable_harness.protocol.costs import MEASURE_METHOD

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
RUNNING = pb.ORCHESTRATION_STATUS_RUNNING


@pytest.fixture
def raw(hub):
    """Return the bare stub of a hub."""
    return hub.raw()


@pytest.fixture
def work(raw):
    """Return a worker's stream."""
    return raw.work()


def new_kinds(item):
    return [event.WhichOneof("eventType") for event in item.orchestratorRequest.newEvents]


def test_hello_is_answered(raw):
    """Hello, which workers send first, is answered with nothing."""
    assert raw.Hello(empty_pb2.Empty()) == empty_pb2.Empty()


def test_strange_metadata_does_no_harm(hub):
    """Headers that the packages send, and others, are taken."""
    raw = hub.raw(**{"x-user-agent": "test/1", "workerid": "host:1:uuid", "authorization": "Bearer x", "other": "y"})
    assert raw.Hello(empty_pb2.Empty()) is not None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"instance_id": "@counter@k"}, "@"),
        ({"instance_id": "tab\there"}, "'\\t'"),
        ({"instance_id": "ünï"}, "'ü'"),
        ({"instance_id": "del\x7f"}, "'\\x7f'"),
        ({"instance_id": "x" * 101}, "101 characters; expected at most 100"),
        ({"name": ""}, "name"),
    ],
)
def test_a_start_that_cannot_be_is_refused(raw, fields, message):
    """Ids of entities, too long or not of printable ASCII, and no name, are INVALID_ARGUMENT with the reason."""
    assert message in refused(INVALID, raw.start, **fields)


@pytest.mark.parametrize("instance_id", [" ", "~", "x" * 100, "a@b", "".join(map(chr, range(0x20, 0x40)))])
def test_an_id_has_1_to_100_printable_ascii_characters(raw, instance_id):
    """Any 1 to 100 printable ASCII characters that do not start with @ are an id, kept as it is."""
    assert raw.start(instance_id=instance_id) == instance_id
    assert raw.state(instance_id).instanceId == instance_id


def test_a_child_of_a_long_id_has_an_id_that_may_be(raw):
    """The id that the scheduler makes for a child is its parent's and its task's, or short where that is too long."""
    work = raw.work()
    for parent, name in (("p" * 95, "first"), ("p" * 96, "second")):
        raw.start(instance_id=parent)
        child = pb.CreateSubOrchestrationAction(name=name)
        raw.answer(next(work), pb.OrchestratorAction(id=1, createSubOrchestration=child))
        made = next(work).orchestratorRequest.instanceId
        assert (made == f"{parent}:0001") is (len(parent) == 95)
        assert len(made) <= 100


def test_a_start_without_an_id_gets_one(raw):
    """A start without an id is answered with a new one, a different one each time."""
    ids = {raw.start(instance_id="") for _ in range(3)}
    assert len(ids) == 3
    assert all(raw.state(instance_id).name == "o" for instance_id in ids)


def test_an_unknown_instance_does_not_exist(raw):
    """States of and waits for unknown instances are answers that say so, not errors."""
    request = pb.GetInstanceRequest(instanceId="nobody")
    for call in (raw.GetInstance, raw.WaitForInstanceStart, raw.WaitForInstanceCompletion):
        assert call(request) == pb.GetInstanceResponse(exists=False)
    assert raw.GetEntity(pb.GetEntityRequest(instanceId="@e@k")) == pb.GetEntityResponse(exists=False)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("CompleteOrchestratorTask", pb.OrchestratorResponse),
        ("CompleteActivityTask", pb.ActivityResponse),
        ("CompleteEntityTask", pb.EntityBatchResult),
        ("AbandonTaskOrchestratorWorkItem", pb.AbandonOrchestrationTaskRequest),
        ("AbandonTaskActivityWorkItem", pb.AbandonActivityTaskRequest),
        ("AbandonTaskEntityWorkItem", pb.AbandonEntityTaskRequest),
    ],
)
@pytest.mark.parametrize("token", ["", "x", "0-1"])
def test_a_token_that_was_never_issued_is_refused(raw, method, message, token):
    """Tokens that were never given out complete and abandon nothing: NOT_FOUND."""
    refused(NOT_FOUND, getattr(raw, method), message(completionToken=token))


def test_bytes_that_are_no_message_are_refused(hub):
    """A body that is no request is INVALID_ARGUMENT, and the connection lives on."""
    with grpc.insecure_channel(hub.scheduler.grpc_address) as channel:
        call = channel.unary_unary("/TaskHubSidecarService/StartInstance")
        refused(INVALID, call, b"\xff\xff\xff", metadata=[("taskhub", hub.name)])
        assert RawStub(channel, [("taskhub", hub.name)]).start() == "i"


def test_measurements_are_asked_for_by_a_list_of_ids(hub, raw):
    """The method of our own that measures answers a JSON list of ids with what is known; another body is refused."""
    raw.start()
    with grpc.insecure_channel(hub.scheduler.grpc_address) as channel:
        call = channel.unary_unary(MEASURE_METHOD)
        metadata = [("taskhub", hub.name)]
        found = json.loads(call(b'["i", "nobody"]', metadata=metadata))
        assert {name: (one["begunNs"], one["costs"]) for name, one in found.items()} == {"i": (None, None)}
        for body in (b"", b"{}", b"[1]", b"\xff"):
            refused(INVALID, call, body, metadata=metadata)


def test_an_unknown_method_is_unimplemented(hub):
    """A method that the protocol does not have is UNIMPLEMENTED."""
    with grpc.insecure_channel(hub.scheduler.grpc_address) as channel:
        call = channel.unary_unary("/TaskHubSidecarService/Nonsense")
        refused(grpc.StatusCode.UNIMPLEMENTED, call, b"", metadata=[("taskhub", hub.name)])


def test_a_turn_that_cannot_be_carried_out_fails(raw, work):
    """An answer with an action of no kind that is known fails the orchestration, which would hang otherwise."""
    raw.start()
    raw.answer(next(work), pb.OrchestratorAction(id=1))
    state = raw.state("i")
    assert state.orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    assert "Action 1" in state.failureDetails.errorMessage


def test_a_turn_may_answer_with_nothing(raw, work):
    """A turn without actions is done; the instance runs and waits for its next event."""
    raw.start()
    raw.answer(next(work))
    assert raw.state("i").orchestrationStatus == RUNNING
    raw.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"))
    assert new_kinds(next(work)) == ["orchestratorStarted", "eventRaised"]


def test_actions_beside_the_end_are_carried_out(raw, work):
    """Events and entity messages sent in the turn that ends an orchestration are sent, wherever they stand in it."""
    raw.start(instance_id="receiver", name="r")
    raw.answer(next(work))
    raw.start()
    event = pb.SendEventAction(instance={"instanceId": "receiver"}, name="go", data={"value": "1"})
    raw.answer(next(work), ended(), pb.OrchestratorAction(id=1, sendEvent=event))
    item = next(work)
    assert (item.orchestratorRequest.instanceId, item.orchestratorRequest.newEvents[1].eventRaised.name) == (
        "receiver",
        "go",
    )


def test_a_failed_activity_keeps_all_its_details(raw, work):
    """Failure details of an activity come back as they were sent: causes, properties, the mark of no retry."""
    failure = pb.TaskFailureDetails(
        errorType="A",
        errorMessage="a",
        stackTrace={"value": "at a"},
        isNonRetriable=True,
        innerFailure=pb.TaskFailureDetails(errorType="B", errorMessage="b"),
    )
    failure.properties["code"].number_value = 7
    raw.start()
    raw.answer(next(work), scheduled(1))
    raw.CompleteActivityTask(pb.ActivityResponse(completionToken=next(work).completionToken, failureDetails=failure))
    assert next(work).orchestratorRequest.newEvents[1].taskFailed.failureDetails == failure


def test_an_orchestration_terminates_another(raw, work):
    """The action terminateOrchestration ends another instance."""
    raw.start(instance_id="victim", name="v")
    raw.answer(next(work))
    raw.start()
    action = pb.TerminateOrchestrationAction(instanceId="victim", reason={"value": "because"}, recurse=True)
    raw.answer(next(work), pb.OrchestratorAction(id=1, terminateOrchestration=action))
    terminated = next(work).orchestratorRequest.newEvents[1].executionTerminated
    assert (terminated.input.value, terminated.recurse) == ("because", True)


def test_an_orchestration_may_be_canceled(raw, work):
    """A worker may end an orchestration as canceled."""
    raw.start()
    raw.answer(next(work), ended(status=pb.ORCHESTRATION_STATUS_CANCELED))
    assert raw.state("i").orchestrationStatus == pb.ORCHESTRATION_STATUS_CANCELED
    assert raw.WaitForInstanceCompletion(pb.GetInstanceRequest(instanceId="i")).exists


def test_results_of_activities_of_one_turn_come_together(raw, work):
    """Results that arrive while no worker has room for a turn ride along in one."""
    raw.start()
    raw.answer(next(work), *(scheduled(number) for number in range(1, 6)))
    activities = [next(work) for _ in range(5)]
    work.cancel()
    late = raw.work(workItemFilters={"activities": [{"name": "a"}]})
    for _ in activities:
        raw.finish(next(late), "1")
    turns = raw.work()
    assert new_kinds(next(turns)) == ["orchestratorStarted", *["taskCompleted"] * 5]


def test_skipping_graceful_terminations(raw):
    """SkipGracefulOrchestrationTerminations ends instances without a worker and names those it could not end."""
    raw.start()
    request = pb.SkipGracefulOrchestrationTerminationsRequest(
        instanceBatch={"instanceIds": ["i", "nobody"]}, reason={"value": "now"}
    )
    answer = raw.SkipGracefulOrchestrationTerminations(request)
    assert list(answer.unterminatedInstanceIds) == ["nobody"]
    assert raw.state("i").orchestrationStatus == pb.ORCHESTRATION_STATUS_TERMINATED


def test_task_hubs_are_not_deleted_over_the_wire(raw):
    """CreateTaskHub is answered for a hub that is there; DeleteTaskHub is UNIMPLEMENTED."""
    assert raw.CreateTaskHub(pb.CreateTaskHubRequest()) == pb.CreateTaskHubResponse()
    refused(grpc.StatusCode.UNIMPLEMENTED, raw.DeleteTaskHub, pb.DeleteTaskHubRequest())


def test_a_batch_of_ids_is_purged(raw, work):
    """A purge by a batch of ids deletes those that have ended."""
    for name in ("a", "b"):
        raw.start(instance_id=name)
        raw.answer(next(work), ended())
    raw.start(instance_id="c")
    request = pb.PurgeInstancesRequest(instanceBatch={"instanceIds": ["a", "b", "c", "nobody"]})
    assert raw.PurgeInstances(request).deletedInstanceCount == 2


def test_a_message_to_an_entity_that_cannot_be_fails_its_sender(hub):
    """An orchestration that signals an entity with an endless key fails; it does not hang."""

    def shout(ctx, _input):
        ctx.signal_entity(EntityInstanceId("e", "k" * 2000), "op")
        yield ctx.wait_for_external_event("never")

    hub.work(orchestrators=shout)
    assert hub.wait(hub.start(shout), timeout=5).failure_details is not None


@pytest.mark.parametrize("instance_id", ["@counter@k", "x" * 2000])
def test_a_child_whose_id_cannot_be_fails_its_call(hub, instance_id):
    """A sub-orchestration with an id that a start would not be allowed fails in its parent."""

    def kid(_ctx, _input):
        return "ran"

    def parent(ctx, _input):
        return (yield ctx.call_sub_orchestrator(kid, instance_id=instance_id))

    hub.work(orchestrators=[parent, kid])
    assert hub.wait(hub.start(parent), timeout=5).failure_details is not None


@pytest.mark.parametrize(
    "action",
    [
        {"startNewOrchestration": {"instanceId": "@e@k", "name": "o"}},
        {"startNewOrchestration": {"instanceId": "new"}},
        {"sendSignal": {"instanceId": "nobody", "name": "op"}},
    ],
)
def test_an_impossible_request_of_an_entity_fails_its_caller(raw, work, action):
    """An operation that starts an instance with a wrong id or no name, or signals no entity, fails for its caller."""
    raw.start()
    call = pb.EntityOperationCalledEvent(
        requestId="r", operation="op", targetInstanceId={"value": "@e@k"}, parentInstanceId={"value": "i"}
    )
    message = pb.SendEntityMessageAction(entityOperationCalled=call)
    raw.answer(next(work), pb.OrchestratorAction(id=1, sendEntityMessage=message))
    result = pb.EntityBatchResult(
        completionToken=next(work).completionToken, results=[{"success": {}}], actions=[action]
    )
    raw.CompleteEntityTask(result)
    assert next(work).orchestratorRequest.newEvents[1].entityOperationFailed.failureDetails.errorType == "InvalidAction"


def test_abandoned_work_goes_to_another_worker(raw, work):
    """A turn that is given back comes to the other worker, each time."""
    raw.start()
    other = raw.work(workItemFilters={"orchestrations": [{"name": "o"}]})
    first = next(work)
    for stream in (other, work, other):
        raw.AbandonTaskOrchestratorWorkItem(pb.AbandonOrchestrationTaskRequest(completionToken=first.completionToken))
        first = next(stream)
    other.cancel()
    raw.answer(next(work), ended())
    assert raw.state("i").orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED


def test_a_stream_that_sends_nothing_is_open(raw, work):
    """A worker's stream without work stays open and is served when work comes."""
    assert work.is_active()
    raw.start()
    assert next(work).orchestratorRequest.instanceId == "i"


def turns_of_long_history(raw, work):
    """Run an instance whose first turn makes its history long; return its second and third turn, both answered."""
    raw.start()
    sent = [pb.OrchestratorAction(id=number, sendEvent={"name": "e"}) for number in range(LONG_HISTORY_EVENTS)]
    raw.answer(next(work), *sent)
    items = []
    for name in ("second", "third"):
        raw.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name=name))
        items.append(next(work))
        raw.answer(items[-1])
    return items


def test_a_worker_that_keeps_executions_is_sent_what_is_new(hub):
    """With the header that says so, a turn of a long history brings what came since the turn before."""
    raw = hub.raw(**{KEEPS_EXECUTIONS_HEADER: "true"})
    second, third = turns_of_long_history(raw, raw.work())
    assert len(second.orchestratorRequest.pastEvents) == LONG_HISTORY_EVENTS
    assert not third.orchestratorRequest.pastEvents
    continuation = continuation_of(third.orchestratorRequest)
    assert continuation == (second.completionToken, 2 + LONG_HISTORY_EVENTS + 2, LONG_HISTORY_EVENTS - 1)


def test_a_worker_without_the_header_is_sent_everything(raw, work):
    """Workers of others get the whole history with every turn, as the protocol specifies."""
    second, third = turns_of_long_history(raw, work)
    lengths = [len(item.orchestratorRequest.pastEvents) for item in (second, third)]
    assert lengths == [2 + LONG_HISTORY_EVENTS, 4 + LONG_HISTORY_EVENTS]
    assert continuation_of(third.orchestratorRequest) is None


def test_the_history_of_a_turn_is_streamed(raw, work):
    """The history for a turn is that of its execution; one of another execution is NOT_FOUND."""
    turns_of_long_history(raw, work)
    request = pb.StreamInstanceHistoryRequest(instanceId="i", forWorkItemProcessing=True)
    events = [event for chunk in raw.StreamInstanceHistory(request) for event in chunk.events]
    assert len(events) == 6 + LONG_HISTORY_EVENTS
    request.executionId.value = "another"
    assert "another" in refused(NOT_FOUND, lambda: list(raw.StreamInstanceHistory(request)))
