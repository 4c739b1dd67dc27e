"""External events and continue_as_new."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from dts_helpers import (
    COMPLETED,
    RUNNING,
    call_double,
    double,
    kinds,
    refused,
    until,
    wait_for_go,
)
from durabletask import task


def test_an_event_while_it_is_waited_for(hub):
    """An event raised for an orchestration that waits brings its data."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.client.raise_orchestration_event(instance_id, "go", data={"n": [1, None]})
    assert hub.wait(instance_id).get_output() == {"n": [1, None]}


def test_an_event_before_the_wait_for_it(hub):
    """An event raised before the first turn is kept for the one who waits later."""
    instance_id = hub.start(wait_for_go)
    hub.client.raise_orchestration_event(instance_id, "go", data="early")
    hub.work(orchestrators=wait_for_go)
    assert hub.wait(instance_id).get_output() == "early"


def test_an_event_before_it_is_waited_for(hub):
    """An event raised while the orchestration waits for another is kept."""

    def two(ctx, _input):
        first = yield ctx.wait_for_external_event("first")
        second = yield ctx.wait_for_external_event("second")
        return [first, second]

    hub.work(orchestrators=two)
    instance_id = hub.start(two)
    hub.client.raise_orchestration_event(instance_id, "second", data=2)
    until(lambda: "EventRaised" in kinds(hub.history(instance_id)))
    hub.client.raise_orchestration_event(instance_id, "first", data=1)
    assert hub.wait(instance_id).get_output() == [1, 2]


def test_an_event_without_data(hub):
    """An event may have no data; it is None then."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    hub.client.raise_orchestration_event(instance_id, "go")
    state = hub.wait(instance_id)
    assert (state.runtime_status, state.get_output()) == (COMPLETED, None)


def collect(ctx, count):
    """Wait for as many events as the input specifies, one after the other."""
    seen = []
    for _ in range(count):
        seen.append((yield ctx.wait_for_external_event("item")))  # noqa: PERF401 - a comprehension cannot yield
    return seen


def test_events_of_one_name_come_in_order(hub):
    """Fifty events of one name are received in the order in which they were raised, each once."""

    hub.work(orchestrators=collect)
    instance_id = hub.start(collect, input=50)
    for number in range(50):
        hub.client.raise_orchestration_event(instance_id, "item", data=number)
    assert hub.wait(instance_id).get_output() == list(range(50))


def test_events_raised_at_once_all_arrive(hub):
    """Of a hundred events raised from eight threads none is lost and none comes twice."""

    hub.work(orchestrators=collect)
    instance_id = hub.start(collect, input=100)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: hub.client.raise_orchestration_event(instance_id, "item", data=n), range(100)))
    assert sorted(hub.wait(instance_id).get_output()) == list(range(100))


def test_several_waits_for_one_name(hub):
    """Two waits for one name are each satisfied by an event of their own."""

    def both(ctx, _input):
        return (yield task.when_all([ctx.wait_for_external_event("go") for _ in range(2)]))

    hub.work(orchestrators=both)
    instance_id = hub.start(both)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    hub.client.raise_orchestration_event(instance_id, "go", data=2)
    assert hub.wait(instance_id).get_output() == [1, 2]


def test_names_of_events_ignore_case(hub):
    """An event raised as GO satisfies a wait for go."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    hub.client.raise_orchestration_event(instance_id, "GO", data=1)
    assert hub.wait(instance_id).get_output() == 1


def test_an_event_without_a_wait_is_in_the_history(hub):
    """An event of another name is kept in the history and changes nothing."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    hub.client.raise_orchestration_event(instance_id, "other", data=1)
    until(lambda: "EventRaised" in kinds(hub.history(instance_id)))
    assert hub.status(instance_id) is RUNNING


def test_an_event_for_an_unknown_instance_is_refused(hub):
    """Raising an event for an unknown instance is NOT_FOUND with its id."""
    assert "nobody" in refused(grpc.StatusCode.NOT_FOUND, hub.client.raise_orchestration_event, "nobody", "go", data=1)


def test_an_event_for_what_has_ended_changes_nothing(hub):
    """An event for a finished instance is taken without an error and its history stays as it was."""
    hub.work(orchestrators=call_double, activities=double)
    instance_id = hub.run(call_double, input=1).instance_id
    before = hub.history(instance_id)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    assert hub.history(instance_id) == before
    assert hub.status(instance_id) is COMPLETED


def test_an_orchestration_sends_events_to_another(hub):
    """send_event reaches another instance; the sender's history records it."""

    def sender(ctx, target):
        ctx.send_event(target, "go", data="from me")
        yield ctx.create_timer(timedelta(0))

    hub.work(orchestrators=[sender, wait_for_go])
    receiver = hub.start(wait_for_go)
    sent = hub.run(sender, input=receiver)
    assert hub.wait(receiver).get_output() == "from me"
    assert "EventSent" in kinds(hub.history(sent.instance_id))


def test_an_event_sent_to_an_unknown_instance_is_no_failure(hub):
    """send_event to an unknown instance is lost without harm to the sender."""

    def sender(ctx, target):
        ctx.send_event(target, "go")
        yield ctx.create_timer(timedelta(0))
        return "went on"

    hub.work(orchestrators=sender)
    assert hub.output_of(sender, input="nobody") == "went on"


def test_continue_as_new_begins_again_with_a_new_input(hub):
    """Each execution has the next input and a history of its own; id and creation time stay."""

    def counting(ctx, count):
        yield ctx.create_timer(timedelta(0))
        if count < 20:
            ctx.continue_as_new(count + 1)
        return count

    hub.work(orchestrators=counting)
    instance_id = hub.start(counting, input=0)
    created = hub.state(instance_id).created_at
    state = hub.wait(instance_id)
    assert (state.get_output(), state.get_input(), state.created_at) == (20, 20, created)
    assert kinds(hub.history(instance_id)).count("ExecutionStarted") == 1


def test_each_execution_has_an_id_of_its_own(hub):
    """continue_as_new gives the instance a new execution id."""

    def twice(ctx, second):
        yield ctx.wait_for_external_event("go")
        if not second:
            ctx.continue_as_new(True)

    hub.work(orchestrators=twice)
    instance_id = hub.start(twice)
    first = hub.raw().state(instance_id).executionId.value
    hub.client.raise_orchestration_event(instance_id, "go")
    second = until(lambda: (i := hub.raw().state(instance_id).executionId.value) != first and i)
    hub.client.raise_orchestration_event(instance_id, "go")
    hub.wait(instance_id)
    assert first
    assert hub.raw().state(instance_id).executionId.value == second


def renewing(save_events):
    """Return an orchestrator that takes one event in each of three executions."""

    def take_one(ctx, taken):
        taken.append((yield ctx.wait_for_external_event("item")))
        if len(taken) == 3:
            return taken
        ctx.continue_as_new(taken, save_events=save_events)
        return None

    return take_one


def test_continue_as_new_carries_unread_events_over(hub):
    """With save_events, events that came too early are there in the next execution, in their order."""
    take_one = renewing(save_events=True)
    instance_id = hub.start(take_one, input=[])
    for number in range(3):
        hub.client.raise_orchestration_event(instance_id, "item", data=number)
    hub.work(orchestrators=take_one)
    assert hub.wait(instance_id).get_output() == [0, 1, 2]


def test_continue_as_new_drops_unread_events_unless_saved(hub):
    """Without save_events, events the execution was given and did not read are gone."""
    take_one = renewing(save_events=False)
    instance_id = hub.start(take_one, input=[])
    for number in range(3):
        hub.client.raise_orchestration_event(instance_id, "item", data=number)
    hub.work(orchestrators=take_one)
    until(lambda: hub.state(instance_id).get_input() == [0])
    hub.client.raise_orchestration_event(instance_id, "item", data="a")
    until(lambda: hub.state(instance_id).get_input() == [0, "a"])
    hub.client.raise_orchestration_event(instance_id, "item", data="b")
    assert hub.wait(instance_id).get_output() == [0, "a", "b"]


@pytest.mark.parametrize("save_events", [True, False])
def test_no_event_raised_during_renewals_is_lost(hub, save_events):
    """Events raised one by one while the orchestration renews itself again and again all arrive, in order."""

    def take_all(ctx, taken):
        taken.append((yield ctx.wait_for_external_event("item")))
        if len(taken) == 20:
            return taken
        ctx.continue_as_new(taken, save_events=save_events)
        return None

    hub.work(orchestrators=take_all)
    instance_id = hub.start(take_all, input=[])
    for number in range(20):
        until(lambda number=number: len(hub.state(instance_id).get_input()) >= number)
        hub.client.raise_orchestration_event(instance_id, "item", data=number)
    assert hub.wait(instance_id).get_output() == list(range(20))


def test_a_timer_of_an_earlier_execution_does_not_fire(hub):
    """A timer that was left behind by continue_as_new is not seen by the next execution."""

    def renewed(ctx, second):
        if not second:
            ctx.create_timer(timedelta(seconds=0.2))
            yield ctx.wait_for_external_event("go")
            ctx.continue_as_new(True)
            return None
        yield ctx.create_timer(timedelta(seconds=0.4))
        return "second"

    hub.work(orchestrators=renewed)
    instance_id = hub.start(renewed)
    hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_output() == "second"
    assert kinds(hub.history(instance_id)).count("TimerFired") == 1


def test_the_custom_status_lives_through_continue_as_new(hub):
    """A custom status set before continue_as_new is seen until the next execution sets its own."""

    def renewed(ctx, second):
        if not second:
            ctx.set_custom_status("first")
            ctx.continue_as_new(True)
            return
        yield ctx.wait_for_external_event("go")
        ctx.set_custom_status("second")

    hub.work(orchestrators=renewed)
    instance_id = hub.start(renewed)
    until(lambda: hub.state(instance_id).get_input() is True)
    assert hub.state(instance_id).get_custom_status() == "first"
    hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_custom_status() == "second"


def test_continue_as_new_can_change_the_version(hub):
    """The next execution sees the version it was given."""

    def renewed(ctx, second):
        if not second:
            ctx.continue_as_new(True, new_version="2.0")
        return ctx.version

    hub.work(orchestrators=renewed)
    instance_id = hub.start(renewed, version="1.0")
    assert hub.wait(instance_id).get_output() == "2.0"
    assert hub.raw().state(instance_id).version.value == "2.0"
