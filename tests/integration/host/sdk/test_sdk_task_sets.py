"""Tasks together and timers: all, any, nested, yielded twice; and the ids each of them leads to."""

from datetime import UTC, datetime, timedelta

import pytest


def test_fan_out_of_50_keeps_the_order(features):
    """Fifty parallel activities give fifty results in the order of the calls."""
    assert features.output_of("fan_out", 50) == [2 * n for n in range(50)]


@pytest.mark.sdk1
def test_task_all_raises_at_the_first_failure(features):
    """A failed member fails task_all at once, though another member never completes."""
    assert "first failure" in features.output_of("all_fails_at_first_failure")["caught"]


@pytest.mark.sdk1
def test_task_all_of_nothing_completes_at_once(features):
    """An empty task_all does not wait; the SDK gives None for it."""
    assert features.output_of("all_of_nothing") == {"result": None}


@pytest.mark.parametrize(
    ("race", "winner", "result"),
    [
        pytest.param({"work_s": 0.01, "timer_s": 3600}, "work", "worked", id="work wins, timer cancelled"),
        pytest.param({"work_s": 1.0, "timer_s": 0.05}, "timer", None, id="timer wins"),
    ],
)
def test_work_races_a_timer(features, race, winner, result):
    """task_any gives whichever comes first; neither the loser nor a cancelled timer holds up or disturbs the rest."""
    assert features.output_of("race_with_timer", race) == {"winner": winner, "result": result, "after": "after"}


def test_task_sets_nest(features):
    """task_any inside task_all and task_all inside task_any give the results of their members."""
    assert features.output_of("nested") == ["quick", [1, 2], [4, 5]]


def test_a_task_yielded_twice_runs_once(features, sdk, key):
    """A completed task yielded again gives its result again; it ran once, and the next task is not shifted."""
    assert features.output_of("yielded_twice", key) == [1, 1, "after"]
    assert sdk.probe(key)["count"] == 1


def test_a_member_yielded_alone_before_its_task_any_runs_once(features, sdk, key):
    """A member of a built task_any that is yielded alone first is scheduled once, and is the winner later."""
    output = features.output_of("yielded_alone_then_in_any", key)
    assert output == {"alone": 1, "winner_is_task": True, "after": "after"}
    assert sdk.probe(key)["count"] == 1


@pytest.mark.sdk1
def test_a_task_never_yielded_never_runs(features, sdk, key):
    """A task that is only created is not scheduled and takes no id from the next one."""
    assert features.output_of("created_but_never_yielded", key) == "the only one"
    assert sdk.probe(key)["count"] == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0, -60])
def test_a_timer_fires_not_before_its_time(features, seconds):
    """The orchestrator's clock after a timer is at or past the time asked for; a time in the past fires at once."""
    times = features.output_of("sleep", seconds)
    assert datetime.fromisoformat(times["woke_at"]) >= datetime.fromisoformat(times["fire_at"])


def test_a_timer_takes_an_absolute_time(features):
    """A fire time that is not computed from the orchestrator's clock is honoured too."""
    moment = datetime.now(UTC) + timedelta(milliseconds=200)
    status = features.run("sleep_until", moment.isoformat())
    assert (status["runtimeStatus"], status["output"]) == ("Completed", "woke")
    assert datetime.now(UTC) >= moment


def test_timers_fire_in_the_order_of_their_times(features):
    """Of several timers the one with the earliest time wins, whatever the order of their creation."""
    assert features.output_of("first_timer", {"late": 60, "early": 0.05, "middle": 30}) == "early"
