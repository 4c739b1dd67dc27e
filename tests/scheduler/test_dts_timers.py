"""Timers of any length and scheduled starts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from dts_helpers import COMPLETED, PENDING, RUNNING, TERMINATED, call_double, double, kinds, until, wait_for_go
from durabletask import task
from durabletask.internal import orchestrator_service_pb2 as pb


def test_a_timer_fires_when_it_is_due(hub):
    """The orchestrator continues at the due time or after it, never before."""

    def sleepy(ctx, _input):
        began = ctx.current_utc_datetime
        yield ctx.create_timer(timedelta(seconds=0.2))
        return (ctx.current_utc_datetime - began).total_seconds()

    hub.work(orchestrators=sleepy)
    assert 0.2 <= hub.output_of(sleepy) < 5


def test_a_timer_in_the_past_fires_at_once(hub):
    """A timer whose time is over does not wait."""

    def sleepy(ctx, _input):
        yield ctx.create_timer(ctx.current_utc_datetime - timedelta(days=1))
        yield ctx.create_timer(timedelta(0))
        return "awake"

    hub.work(orchestrators=sleepy)
    assert hub.output_of(sleepy) == "awake"


def test_a_timer_may_be_a_moment_with_a_zone(hub):
    """A timer may be given as a moment with a time zone."""

    def sleepy(ctx, _input):
        now = ctx.current_utc_datetime.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
        yield ctx.create_timer(now + timedelta(milliseconds=50))
        return "awake"

    hub.work(orchestrators=sleepy)
    assert hub.output_of(sleepy) == "awake"


@pytest.mark.parametrize("days", [4, 30, 3650, 2_000_000])
def test_a_very_long_timer_is_one_timer_that_waits(hub, days):
    """A timer of days up to millennia is one event in the history, not split, and does not fire early."""

    def sleepy(ctx, _input):
        yield ctx.create_timer(timedelta(days=days))

    hub.work(orchestrators=[sleepy, call_double], activities=double)
    instance_id = hub.start(sleepy)
    created = until(lambda: [event for event in hub.history(instance_id) if kinds([event]) == ["TimerCreated"]])
    assert [round((event.fire_at - event.timestamp) / timedelta(days=1)) for event in created] == [days]
    assert hub.output_of(call_double, input=2) == 4
    assert hub.status(instance_id) is RUNNING
    assert "TimerFired" not in kinds(hub.history(instance_id))


def test_timers_fire_in_the_order_of_their_times(hub):
    """Timers made in any order fire in the order in which they are due."""

    def sleepy(ctx, _input):
        waits = {number: ctx.create_timer(timedelta(seconds=0.06 * number)) for number in (3, 1, 2)}
        order = []
        while waits:
            yield task.when_any(list(waits.values()))
            for number in sorted(waits):
                if waits[number].is_complete:
                    order.append(number)
                    del waits[number]
        return order

    hub.work(orchestrators=sleepy)
    assert hub.output_of(sleepy) == [1, 2, 3]


def test_a_timeout_for_an_event(hub):
    """A race of a timer and an event goes the timer's way when the event does not come."""

    def impatient(ctx, _input):
        event, timer = ctx.wait_for_external_event("go"), ctx.create_timer(timedelta(seconds=0.1))
        winner = yield task.when_any([event, timer])
        return winner == timer

    hub.work(orchestrators=impatient)
    assert hub.output_of(impatient) is True


def test_a_cancelled_timer_holds_nothing_up(hub):
    """An orchestration that gave up a long timer ends without waiting for it."""

    def quick(ctx, _input):
        event, timer = ctx.wait_for_external_event("go"), ctx.create_timer(timedelta(days=1))
        yield task.when_any([event, timer])
        timer.cancel()
        return "done"

    hub.work(orchestrators=quick)
    instance_id = hub.start(quick)
    until(lambda: "TimerCreated" in kinds(hub.history(instance_id)))
    hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_output() == "done"


def test_a_thousand_timers_in_one_orchestration(hub):
    """A thousand timers due together all fire, and none twice."""

    def sleepy(ctx, count):
        yield task.when_all([ctx.create_timer(timedelta(seconds=0.3)) for _ in range(count)])

    hub.work(orchestrators=sleepy)
    instance_id = hub.run(sleepy, input=1000).instance_id
    fired = [event.timer_id for event in hub.history(instance_id) if kinds([event]) == ["TimerFired"]]
    assert sorted(fired) == list(range(1, 1001))


def test_a_scheduled_start_waits_for_its_time(hub):
    """An instance with a start time stays pending until then and begins after it."""

    def begin(ctx, _input):
        return ctx.current_utc_datetime.isoformat()

    hub.work(orchestrators=begin)
    start_at = datetime.now(UTC) + timedelta(seconds=0.4)
    instance_id = hub.start(begin, start_at=start_at)
    assert hub.status(instance_id) is PENDING
    began = datetime.fromisoformat(hub.wait(instance_id).get_output()).replace(tzinfo=UTC)
    assert began >= start_at


def test_a_start_scheduled_far_ahead_stays_pending(hub):
    """A start in a year is pending while others run; its time is in the history."""
    hub.work(orchestrators=[call_double, wait_for_go], activities=double)
    start_at = datetime.now(UTC) + timedelta(days=365)
    instance_id = hub.start(wait_for_go, start_at=start_at)
    assert hub.run(call_double, input=1).runtime_status is COMPLETED
    assert hub.status(instance_id) is PENDING
    state = hub.raw().state(instance_id)
    assert state.scheduledStartTimestamp.ToDatetime(UTC) == start_at


def test_a_start_scheduled_in_the_past_begins_at_once(hub):
    """A start time that is over does not hold the instance up."""
    hub.work(orchestrators=call_double, activities=double)
    assert hub.output_of(call_double, input=2, start_at=datetime.now(UTC) - timedelta(days=1)) == 4


def test_events_for_a_scheduled_start_are_kept(hub):
    """An event raised before the start time is there when the orchestration begins, and does not make it begin."""
    hub.work(orchestrators=wait_for_go)
    start_at = datetime.now(UTC) + timedelta(seconds=0.4)
    instance_id = hub.start(wait_for_go, start_at=start_at)
    hub.client.raise_orchestration_event(instance_id, "go", data="early")
    assert hub.status(instance_id) is PENDING
    assert hub.wait(instance_id).get_output() == "early"
    assert datetime.now(UTC) >= start_at


def test_a_scheduled_start_can_be_terminated_before(hub):
    """Terminating an instance that waits for its start time ends it now."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go, start_at=datetime.now(UTC) + timedelta(days=1))
    hub.client.terminate_orchestration(instance_id, output="no more")
    state = hub.wait(instance_id)
    assert (state.runtime_status, state.get_output()) == (TERMINATED, "no more")


def test_a_scheduled_start_that_was_replaced_does_not_begin(hub):
    """When the time of a replaced instance comes, the one in its place is left alone."""
    hub.work(orchestrators=[call_double, wait_for_go], activities=double)
    start_at = datetime.now(UTC) + timedelta(seconds=0.3)
    hub.start(call_double, input=1, instance_id="i", start_at=start_at)
    statuses = [pb.ORCHESTRATION_STATUS_PENDING, pb.ORCHESTRATION_STATUS_TERMINATED]
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)
    hub.start(wait_for_go, instance_id="i", reuse_id_policy=policy)
    until(lambda: datetime.now(UTC) > start_at)
    hub.output_of(call_double, input=1, instance_id="after the time")
    listed = [(state.instance_id, state.name) for state in hub.client.get_all_orchestration_states()]
    assert listed == [("i", "wait_for_go"), ("after the time", "call_double")]
    assert hub.status("i") is RUNNING


def test_a_scheduled_start_that_was_purged_stays_gone(hub):
    """When the time of an instance comes that was terminated and purged, it does not come back."""
    hub.work(orchestrators=call_double, activities=double)
    start_at = datetime.now(UTC) + timedelta(seconds=0.3)
    hub.start(call_double, input=1, instance_id="i", start_at=start_at)
    hub.client.terminate_orchestration("i")
    hub.wait("i")
    assert hub.client.purge_orchestration("i").deleted_instance_count == 1
    until(lambda: datetime.now(UTC) > start_at)
    hub.output_of(call_double, input=1, instance_id="after the time")
    assert hub.state("i") is None
    assert [state.instance_id for state in hub.client.get_all_orchestration_states()] == ["after the time"]
