"""Task hubs that do not see each other, and several schedulers on one machine."""

import grpc
import pytest
from dts_helpers import PENDING, RawStub, call_double, double, refused, until, wait_for_go
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb

from durable_harness.stack import scheduler_process


@pytest.fixture
def pair(new_hub):
    """Return two hubs of one scheduler."""
    return new_hub(), new_hub()


def test_instances_of_hubs_are_different(pair):
    """One id is two instances in two hubs, each with its own state."""
    one, two = pair
    for hub, number in ((one, 1), (two, 10)):
        hub.work(orchestrators=call_double, activities=double)
        assert hub.output_of(call_double, input=number, instance_id="same") == 2 * number
    assert [hub.state("same").get_output() for hub in pair] == [2, 20]


def test_a_worker_works_for_its_own_hub(pair):
    """Work of one hub is not given to a worker of another."""
    one, two = pair
    one.work(orchestrators=call_double, activities=double)
    two.start(call_double, input=1, instance_id="i")
    assert one.output_of(call_double, input=1) == 2
    assert two.status("i") is PENDING


def test_lists_purges_and_histories_stay_in_their_hub(pair):
    """Queries, ids, histories and purges of a hub do not see the other."""
    one, two = pair
    one.work(orchestrators=call_double, activities=double)
    one.run(call_double, input=1, instance_id="i")
    assert two.client.get_all_orchestration_states() == []
    assert two.client.list_instance_ids().items == []
    refused(grpc.StatusCode.NOT_FOUND, two.history, "i")
    assert two.client.purge_orchestrations_by().deleted_instance_count == 0
    assert one.state("i") is not None


def test_events_stay_in_their_hub(pair):
    """An event for an instance of another hub is NOT_FOUND."""
    one, two = pair
    one.start(wait_for_go, instance_id="i")
    refused(grpc.StatusCode.NOT_FOUND, two.client.raise_orchestration_event, "i", "go")


def test_entities_stay_in_their_hub(pair):
    """One entity id is two entities in two hubs."""
    one, two = pair

    def keeper(ctx, value):
        ctx.set_state(value)

    entity = EntityInstanceId("keeper", "k")
    for hub in pair:
        hub.work(entities=keeper)
    one.client.signal_entity(entity, "set", input=1)
    assert until(lambda: one.client.get_entity(entity)).get_typed_state() == 1
    assert two.client.get_entity(entity) is None
    assert two.client.get_all_entities() == []


def test_names_of_hubs_differ_by_case(new_hub):
    """Hubs whose names differ in case are two hubs."""
    name = "CasedHub"
    lower, upper = new_hub(name.lower()), new_hub(name)
    lower.start(wait_for_go, instance_id="i")
    assert upper.state("i") is None


def test_two_schedulers_do_not_know_each_other(scheduler, new_hub):
    """Two schedulers on one machine run side by side with hubs of the same name."""
    with scheduler_process(args=["--dynamic-task-hubs"]) as other:
        assert other.grpc_address != scheduler.grpc_address
        one = new_hub()
        two = new_hub(one.name, on=other)
        for hub, number in ((one, 1), (two, 10)):
            hub.work(orchestrators=call_double, activities=double)
            assert hub.output_of(call_double, input=number, instance_id="same") == 2 * number
        two.close()


def test_without_the_name_of_a_hub_it_is_the_default_one(scheduler):
    """A call that names no hub is a call on the hub default."""
    with grpc.insecure_channel(scheduler.grpc_address) as channel:
        nameless, default = RawStub(channel, []), RawStub(channel, [("taskhub", "default")])
        nameless.start(instance_id="from nobody")
        assert default.state("from nobody").name == "o"
        nameless.PurgeInstances(pb.PurgeInstancesRequest(instanceId="from nobody"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", ["empty", "TaskHub"]),
        (
            "nobody",
            [
                "--task-hubs default,nobody",
                "DTS_TASK_HUB_NAMES=default,nobody",
                "--dynamic-task-hubs",
                "DTS_USE_DYNAMIC_TASK_HUBS=true",
            ],
        ),
    ],
)
def test_an_unknown_hub_is_not_found(name, words):
    """Where hubs are not made on use, clients and workers of another hub get NOT_FOUND, its name and the ways out."""
    with scheduler_process() as running, grpc.insecure_channel(running.grpc_address) as channel:
        stub = RawStub(channel, [("taskhub", name)])
        calls = [
            lambda: stub.Hello(pb.google_dot_protobuf_dot_empty__pb2.Empty()),
            stub.start,
            lambda: list(stub.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(instanceId="i"))),
            lambda: next(stub.work()),
        ]
        details = {refused(grpc.StatusCode.NOT_FOUND, call) for call in calls}
        (detail,) = details
        assert detail.startswith(f"Task hub not found: {name}")
        assert all(word in detail for word in words)
