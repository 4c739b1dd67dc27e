"""What durabletask builds on top of orchestrations and entities: scheduled tasks."""

from datetime import UTC, datetime, timedelta

import pytest
from dts_helpers import until
from durabletask.scheduled import ScheduleCreationOptions, ScheduledTaskClient, ScheduleStatus, ScheduleUpdateOptions

MINUTE = timedelta(minutes=1)


@pytest.fixture
def schedules(hub):
    """Return a client of scheduled tasks; its worker counts the runs of the orchestrator `tick`."""
    hub.ticks = []

    def tick(_ctx, value):
        hub.ticks.append(value)

    worker = hub.work(orchestrators=tick, start=False)
    worker.configure_scheduled_tasks()
    worker.start()
    return ScheduledTaskClient(hub.client, operation_timeout=20)


def test_a_schedule_runs_its_orchestration_again_and_again(hub, schedules):
    """A schedule starts its orchestration once in its interval."""
    options = ScheduleCreationOptions("s", "tick", timedelta(seconds=1), orchestration_input="x")
    schedules.create_schedule(options)
    until(lambda: len(hub.ticks) >= 2)
    schedules.get_schedule_client("s").delete()
    assert set(hub.ticks) == {"x"}


def test_a_schedule_is_described(schedules):
    """What a schedule is can be read, and it is active."""
    schedules.create_schedule(ScheduleCreationOptions("s", "tick", MINUTE))
    described = schedules.get_schedule("s")
    assert (described.orchestration_name, described.interval, described.status) == (
        "tick",
        MINUTE,
        ScheduleStatus.ACTIVE,
    )


def test_a_schedule_is_paused_changed_resumed_and_deleted(schedules):
    """A schedule can be paused, changed, resumed and deleted."""
    client = schedules.create_schedule(ScheduleCreationOptions("s", "tick", MINUTE))
    client.pause()
    assert client.describe().status is ScheduleStatus.PAUSED
    client.update(ScheduleUpdateOptions(interval=2 * MINUTE))
    client.resume()
    described = client.describe()
    assert (described.interval, described.status) == (2 * MINUTE, ScheduleStatus.ACTIVE)
    client.delete()
    assert schedules.get_schedule("s") is None


def test_a_schedule_waits_for_its_time(hub, schedules):
    """A schedule that begins tomorrow runs tomorrow and not before."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    client = schedules.create_schedule(ScheduleCreationOptions("s", "tick", MINUTE, start_at=tomorrow))
    assert until(lambda: client.describe().next_run_at) >= tomorrow
    assert hub.ticks == []


def test_schedules_are_listed(schedules):
    """All schedules are listed, over several pages."""
    for name in ("a", "b", "c"):
        schedules.create_schedule(ScheduleCreationOptions(name, "tick", MINUTE))
    assert sorted(each.schedule_id for each in schedules.list_schedules()) == ["a", "b", "c"]
