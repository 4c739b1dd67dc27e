"""Queries over many instances, the list of ended ids, and histories."""

import itertools
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from dts_helpers import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    call_broken,
    call_double,
    double,
    kinds,
    refused,
    until,
    wait_for_go,
)
from durabletask import task
from durabletask.client import OrchestrationQuery
from durabletask.history import EventRaisedEvent, TaskCompletedEvent, TaskScheduledEvent, to_dict
from durabletask.internal import orchestrator_service_pb2 as pb

MANY = 2_147_483_647


@pytest.fixture
def population(hub):
    """Return a hub with five completed instances, one failed and one waiting, created in this order."""
    hub.work(orchestrators=[call_double, call_broken, wait_for_go], activities=double)
    for number in range(5):
        hub.run(call_double, input=number, instance_id=f"done-{number}")
    hub.run(call_broken, instance_id="failed-0")
    hub.start(wait_for_go, instance_id="waiting-0")
    until(lambda: hub.status("waiting-0") is RUNNING)
    return hub


EVERYBODY = [*(f"done-{number}" for number in range(5)), "failed-0", "waiting-0"]


def ids_of(hub, **query):
    return [state.instance_id for state in hub.client.get_all_orchestration_states(OrchestrationQuery(**query))]


def test_a_query_without_conditions_lists_all_in_order(population):
    """Without a query all instances come once each, in the order of their creation."""
    states = population.client.get_all_orchestration_states()
    assert [state.instance_id for state in states] == EVERYBODY


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, MANY])
def test_pages_of_any_size_list_each_instance_once(population, size):
    """Whatever the size of a page, following the pages lists each instance once."""
    assert ids_of(population, max_instance_count=size) == EVERYBODY


def test_a_query_by_status(population):
    """Only instances in one of the statuses are listed, over all pages."""
    assert ids_of(population, runtime_status=[FAILED, RUNNING], max_instance_count=1) == ["failed-0", "waiting-0"]


def test_a_query_by_prefix(population):
    """Only instances whose id begins so are listed; the prefix is no pattern."""
    assert ids_of(population, instance_id_prefix="done-") == EVERYBODY[:5]
    assert ids_of(population, instance_id_prefix="done%") == []
    assert ids_of(population, instance_id_prefix="DONE-") == []


def test_a_query_by_time_of_creation(hub):
    """Only instances created in between are listed."""
    hub.start(wait_for_go, instance_id="before")
    begin = datetime.now(UTC)
    hub.start(wait_for_go, instance_id="between")
    end = datetime.now(UTC)
    hub.start(wait_for_go, instance_id="after")
    assert ids_of(hub, created_time_from=begin, created_time_to=end) == ["between"]
    assert ids_of(hub, created_time_from=begin) == ["between", "after"]
    assert ids_of(hub, created_time_to=end) == ["before", "between"]


def test_a_query_up_to_the_time_that_a_client_knows(hub):
    """The time of creation that a client gets finds the instance from both sides."""
    created_at = hub.state(hub.start(wait_for_go, instance_id="i")).created_at.replace(tzinfo=UTC)
    assert ids_of(hub, created_time_from=created_at, created_time_to=created_at) == ["i"]


def test_conditions_add_up(population):
    """Status, prefix and time must all be met."""
    found = ids_of(
        population,
        runtime_status=[COMPLETED, PENDING],
        instance_id_prefix="done-3",
        created_time_to=datetime.now(UTC),
    )
    assert found == ["done-3"]


@pytest.mark.parametrize("name", ["a b", "a'b\"c", "100%_*?", "a/b:c|d", "~", " ", "{}", "-- x"])
def test_ids_of_any_characters(hub, name):
    """Ids with spaces, quotes and signs of any kind are kept, found and deleted as they are."""
    hub.work(orchestrators=call_double, activities=double)
    assert hub.run(call_double, input=1, instance_id=name).instance_id == name
    assert ids_of(hub, instance_id_prefix=name) == hub.client.list_instance_ids().items == [name]
    assert kinds(hub.history(name))[-1] == "ExecutionCompleted"
    assert hub.client.purge_orchestration(name).deleted_instance_count == 1


@pytest.mark.parametrize("fetch", [True, False])
def test_a_query_brings_payloads_if_asked(population, fetch):
    """Inputs and outputs are there if the query asks for them, and not otherwise."""
    query = OrchestrationQuery(instance_id_prefix="done-3", fetch_inputs_and_outputs=fetch)
    (state,) = population.client.get_all_orchestration_states(query)
    assert (state.get_input(), state.get_output()) == ((3, 6) if fetch else (None, None))


def test_a_query_shows_failures(population):
    """The failure of an instance is part of its listed state."""
    (state,) = population.client.get_all_orchestration_states(OrchestrationQuery(runtime_status=[FAILED]))
    assert state.failure_details.error_type


def test_a_query_of_an_empty_hub(hub):
    """A hub without instances lists none, and its ids neither."""
    assert hub.client.get_all_orchestration_states() == []
    page = hub.client.list_instance_ids()
    assert (page.items, page.continuation_token) == ([], None)


def test_new_instances_do_not_disturb_the_pages(population):
    """Instances that are created between pages neither repeat nor hide what was there."""
    raw = population.raw()
    seen, token = [], ""
    for number in itertools.count():
        query = pb.InstanceQuery(maxInstanceCount=2, continuationToken={"value": token})
        page = raw.QueryInstances(pb.QueryInstancesRequest(query=query))
        seen += [state.instanceId for state in page.orchestrationState]
        token = page.continuationToken.value
        if not token:
            break
        if number < 2:
            raw.start(instance_id=f"new-{number}")
    assert seen == [*EVERYBODY, "new-0", "new-1"]


def test_purged_instances_do_not_disturb_the_pages(population):
    """Instances that are purged between pages do not make others be skipped."""
    raw = population.raw()
    first = raw.QueryInstances(pb.QueryInstancesRequest(query=pb.InstanceQuery(maxInstanceCount=3)))
    for state in first.orchestrationState:
        population.client.purge_orchestration(state.instanceId)
    query = pb.InstanceQuery(maxInstanceCount=100, continuationToken=first.continuationToken)
    rest = raw.QueryInstances(pb.QueryInstancesRequest(query=query))
    assert [state.instanceId for state in rest.orchestrationState] == EVERYBODY[3:]


def test_a_strange_continuation_token_is_refused(hub):
    """A token that no page came with is INVALID_ARGUMENT, for queries and for lists of ids."""
    assert "token" in refused(grpc.StatusCode.INVALID_ARGUMENT, hub.client.list_instance_ids, continuation_token="x")
    query = pb.InstanceQuery(continuationToken={"value": "x"})
    request = pb.QueryInstancesRequest(query=query)
    assert "token" in refused(grpc.StatusCode.INVALID_ARGUMENT, hub.raw().QueryInstances, request)


def ids_page_by_page(client, **options):
    """Follow the pages of list_instance_ids to the last; return what each had."""
    pages, token = [], None
    while True:
        page = client.list_instance_ids(continuation_token=token, **options)
        pages.append(page.items)
        token = page.continuation_token
        if not token:
            return pages


@pytest.mark.parametrize("size", [1, 4, 6, 100])
def test_ended_ids_come_page_by_page(population, size):
    """The ids of ended instances come by the time of their end, in pages of the size asked for."""
    pages = ids_page_by_page(population.client, page_size=size)
    assert list(itertools.chain.from_iterable(pages)) == EVERYBODY[:6]
    assert all(len(page) <= size for page in pages)


def test_ended_ids_without_a_page_size(population):
    """Without a size all six ids fit on one page."""
    assert ids_page_by_page(population.client) == [EVERYBODY[:6]]


def test_ended_ids_by_status(population):
    """Only ids of instances that ended in one of the statuses are listed."""
    assert ids_page_by_page(population.client, runtime_status=[FAILED]) == [["failed-0"]]


def test_ended_ids_come_in_the_order_of_their_ends(hub):
    """Who ends first is listed first, whoever was created first."""
    hub.work(orchestrators=wait_for_go)
    for name in ("a", "b", "c"):
        hub.start(wait_for_go, instance_id=name)
    for name in ("c", "a", "b"):
        hub.client.raise_orchestration_event(name, "go")
        hub.wait(name)
    assert ids_page_by_page(hub.client, page_size=2) == [["c", "a"], ["b"]]


def test_ended_ids_by_time_of_their_end(hub):
    """Only instances that ended in between are listed."""
    hub.work(orchestrators=call_double, activities=double)
    hub.run(call_double, input=1, instance_id="before")
    begin = datetime.now(UTC)
    hub.run(call_double, input=1, instance_id="between")
    end = datetime.now(UTC)
    hub.run(call_double, input=1, instance_id="after")
    assert hub.client.list_instance_ids(completed_time_from=begin, completed_time_to=end).items == ["between"]


def test_five_hundred_instances_in_pages(hub):
    """Pages over five hundred instances list each once; the default page of ids does too."""
    raw = hub.raw()
    for number in range(500):
        raw.start(instance_id=f"{number:03}")
    names = [f"{number:03}" for number in range(500)]
    assert ids_of(hub, max_instance_count=120) == names
    assert ids_of(hub) == names


def test_a_history_has_the_steps_in_order(hub):
    """The history has the events of each turn in order, with the ids that tie results to calls."""
    hub.work(orchestrators=call_double, activities=double)
    events = hub.history(hub.run(call_double, input=3).instance_id)
    assert kinds(events) == [
        "OrchestratorStarted",
        "ExecutionStarted",
        "TaskScheduled",
        "OrchestratorStarted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    call, result = events[2], events[4]
    assert isinstance(call, TaskScheduledEvent)
    assert isinstance(result, TaskCompletedEvent)
    assert (call.name, call.input, result.result) == ("double", "3", "6")
    assert result.task_scheduled_id == call.event_id


def test_the_times_of_a_history_are_in_order(hub):
    """Turns follow each other in time, no event came after its turn had ended, and all times are of now."""
    hub.work(orchestrators=call_double, activities=double)
    began = datetime.now(UTC)
    events = hub.history(hub.run(call_double, input=3).instance_id)
    turns = [e.timestamp for e in events if kinds([e])[0] in {"OrchestratorStarted", "ExecutionCompleted"}]
    assert turns == sorted(turns)
    assert all(event.timestamp <= turns[-1] for event in events)
    assert all(began - timedelta(seconds=1) <= event.timestamp <= datetime.now(UTC) for event in events)


def test_the_history_of_a_running_instance(hub):
    """The history of an instance that runs is what has happened so far."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: kinds(hub.history(instance_id))[-1:] == ["ExecutionStarted"])
    hub.client.raise_orchestration_event(instance_id, "go", data=5)
    hub.wait(instance_id)
    (raised,) = [event for event in hub.history(instance_id) if isinstance(event, EventRaisedEvent)]
    assert (raised.name, raised.input) == ("go", "5")


def test_a_history_of_two_thousand_events(hub):
    """A history that needs several chunks comes whole, once, in order, and can be exported."""

    def long(ctx, count):
        yield task.when_all([ctx.call_activity(double, input=number) for number in range(count)])

    hub.work(orchestrators=long, activities=double)
    events = hub.history(hub.run(long, input=1000).instance_id)
    scheduled_ids = [event.event_id for event in events if isinstance(event, TaskScheduledEvent)]
    completed_ids = [event.task_scheduled_id for event in events if isinstance(event, TaskCompletedEvent)]
    assert scheduled_ids == list(range(1, 1001))
    assert sorted(completed_ids) == scheduled_ids
    assert (kinds(events)[1], kinds(events)[-1]) == ("ExecutionStarted", "ExecutionCompleted")
    assert len([to_dict(event) for event in events]) == len(events) > 2000


def test_the_history_of_an_unknown_instance_is_refused(hub):
    """The history of an unknown instance is NOT_FOUND with its id."""
    assert "nobody" in refused(grpc.StatusCode.NOT_FOUND, hub.history, "nobody")
