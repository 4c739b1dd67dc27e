"""Rewinding failed orchestrations: what failed is done again, what succeeded is not."""

import collections
from datetime import timedelta

import grpc
import pytest
from dts_helpers import COMPLETED, FAILED, call_double, double, kinds, refused, until, wait_for_go
from durabletask import task
from durabletask.entities import EntityInstanceId


class Work:
    """An activity that counts its calls by input and fails for the inputs that are broken."""

    def __init__(self, *broken):
        self.broken = set(broken)
        self.calls = collections.Counter()

    def activity(self):
        def work(_ctx, part):
            self.calls[part] += 1
            if part in self.broken:
                raise ValueError(f"{part} is broken")
            return part

        return work


def in_turn(ctx, parts):
    """Do the parts one after the other."""
    done = []
    for part in parts:
        done.append((yield ctx.call_activity("work", input=part)))  # noqa: PERF401
    return done


def at_once(ctx, parts):
    """Do the parts side by side, and fail when all of them have ended."""
    calls = [ctx.call_activity("work", input=part) for part in parts]
    for call in calls:
        try:
            yield call
        except task.TaskFailedError:
            ctx.set_custom_status("something failed")
    return [call.get_result() for call in calls]


def rewound(hub, instance_id, reason="mended"):
    """Rewind a failed instance and return the state of its next end."""
    assert hub.wait(instance_id).runtime_status is FAILED
    hub.client.rewind_orchestration(instance_id, reason=reason)
    return hub.wait(instance_id)


def test_a_failed_activity_is_done_again(hub):
    """A rewound orchestration calls the activity that failed once more and continues to its end."""
    work = Work("b")
    hub.work(orchestrators=in_turn, activities=work.activity())
    instance_id = hub.start(in_turn, input=["a", "b", "c"])
    hub.wait(instance_id)
    work.broken.clear()
    state = rewound(hub, instance_id)
    assert (state.runtime_status, state.get_output(), state.failure_details) == (COMPLETED, ["a", "b", "c"], None)
    assert work.calls == {"a": 1, "b": 2, "c": 1}


def test_all_failed_activities_of_a_fan_are_done_again(hub):
    """Of a fan, the rewind repeats the failed activities and only these."""
    work = Work("b", "d")
    hub.work(orchestrators=at_once, activities=work.activity())
    instance_id = hub.start(at_once, input=["a", "b", "c", "d"])
    hub.wait(instance_id)
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == ["a", "b", "c", "d"]
    assert work.calls == {"a": 1, "b": 2, "c": 1, "d": 2}


def test_a_rewound_orchestration_may_fail_again(hub):
    """A rewind that does not help ends in the failure again, and can be repeated."""
    work = Work("a")
    hub.work(orchestrators=in_turn, activities=work.activity())
    instance_id = hub.start(in_turn, input=["a"])
    assert rewound(hub, instance_id).runtime_status is FAILED
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == ["a"]
    assert work.calls == {"a": 3}


def test_the_history_shows_the_rewind(hub):
    """The history has the rewind with its reason, and no failure any more."""
    work = Work("a")
    hub.work(orchestrators=in_turn, activities=work.activity())
    instance_id = hub.start(in_turn, input=["a"])
    hub.wait(instance_id)
    work.broken.clear()
    rewound(hub, instance_id, reason="it was the cable")
    events = hub.history(instance_id)
    assert [event.reason for event in events if kinds([event]) == ["ExecutionRewound"]] == ["it was the cable"]
    assert "TaskFailed" not in kinds(events)
    assert kinds(events).count("ExecutionCompleted") == 1


def test_a_failed_child_is_rewound_with_its_parent(hub):
    """Rewinding a parent rewinds the failed child, which keeps what it had done."""

    def parent(ctx, parts):
        return (yield ctx.call_sub_orchestrator(in_turn, input=parts, instance_id="kid"))

    work = Work("b")
    hub.work(orchestrators=[parent, in_turn], activities=work.activity())
    instance_id = hub.start(parent, input=["a", "b"])
    hub.wait(instance_id)
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == ["a", "b"]
    assert work.calls == {"a": 1, "b": 2}
    assert hub.status("kid") is COMPLETED


def test_a_rewind_goes_down_all_generations(hub):
    """A failure three generations down is mended by rewinding the top."""

    def generation(ctx, depth):
        if depth == 0:
            return (yield ctx.call_activity("work", input="deep"))
        return (yield ctx.call_sub_orchestrator("generation", input=depth - 1))

    work = Work("deep")
    hub.work(orchestrators=generation, activities=work.activity())
    instance_id = hub.start(generation, input=3)
    hub.wait(instance_id)
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == "deep"
    assert work.calls == {"deep": 2}


def test_of_several_children_only_the_failed_are_rewound(hub):
    """Children that had succeeded are not run again."""

    def parent(ctx, parts):
        calls = [ctx.call_sub_orchestrator(in_turn, input=[part]) for part in parts]
        for call in calls:
            try:
                yield call
            except task.TaskFailedError:
                ctx.set_custom_status("something failed")
        return [call.get_result() for call in calls]

    work = Work("b", "c")
    hub.work(orchestrators=[parent, in_turn], activities=work.activity())
    instance_id = hub.start(parent, input=["a", "b", "c"])
    hub.wait(instance_id)
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == [["a"], ["b"], ["c"]]
    assert work.calls == {"a": 1, "b": 2, "c": 2}


def test_a_purged_child_is_started_again(hub):
    """A failed child that was purged meanwhile begins from the start when its parent is rewound."""

    def parent(ctx, parts):
        return (yield ctx.call_sub_orchestrator(in_turn, input=parts, instance_id="kid"))

    work = Work("b")
    hub.work(orchestrators=[parent, in_turn], activities=work.activity())
    instance_id = hub.start(parent, input=["a", "b"])
    hub.wait(instance_id)
    hub.client.purge_orchestration("kid")
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == ["a", "b"]
    assert work.calls == {"a": 2, "b": 2}


def test_an_error_of_the_orchestrator_itself_is_mended(hub):
    """An orchestration that failed by its own code continues from there with a worker whose code is mended."""

    def clumsy(ctx, _input):
        yield ctx.call_activity("work", input="a")
        raise LookupError("a slip")

    def mended(ctx, _input):
        return (yield ctx.call_activity("work", input="a"))

    clumsy.__name__ = mended.__name__ = "job"
    work = Work()
    before = hub.work(orchestrators=clumsy, activities=work.activity())
    instance_id = hub.start("job")
    hub.wait(instance_id)
    hub.stop(before)
    hub.work(orchestrators=mended, activities=work.activity())
    assert rewound(hub, instance_id).get_output() == "a"
    assert work.calls == {"a": 1}


def fails_beside_a_child(ctx, _input):
    """Start a child that waits, fail by an activity, and after a rewind give the child's result."""
    child = ctx.call_sub_orchestrator(wait_for_go, instance_id="kid")
    yield ctx.call_activity("work", input="a")
    return (yield child)


@pytest.mark.parametrize("ends", ["before the rewind", "after the rewind"])
def test_a_child_that_was_running_is_heard_after_the_rewind(hub, ends):
    """A child that still ran when its parent failed hands over its result, whenever it ends."""
    work = Work("a")
    hub.work(orchestrators=[fails_beside_a_child, wait_for_go], activities=work.activity())
    instance_id = hub.start(fails_beside_a_child)
    assert hub.wait(instance_id).runtime_status is FAILED
    work.broken.clear()
    if ends == "before the rewind":
        hub.client.raise_orchestration_event("kid", "go", data="from the child")
        hub.wait("kid")
        hub.client.rewind_orchestration(instance_id)
    else:
        hub.client.rewind_orchestration(instance_id)
        until(lambda: "TaskCompleted" in kinds(hub.history(instance_id)))
        hub.client.raise_orchestration_event("kid", "go", data="from the child")
    assert hub.wait(instance_id, timeout=5).get_output() == "from the child"


@pytest.mark.parametrize("answers", ["before the rewind", "after the rewind"])
def test_an_entity_that_was_busy_is_heard_after_the_rewind(hub, release, answers):
    """The answer to a call that was under way when the orchestration failed is heard, whenever it comes."""

    def slow(_ctx, _input):
        release.wait()
        return "from the entity"

    def fails_beside_a_call(ctx, _input):
        answer = ctx.call_entity(EntityInstanceId("slow", "k"), "op")
        yield ctx.call_activity("work", input="a")
        return (yield answer)

    work = Work("a")
    hub.work(orchestrators=fails_beside_a_call, activities=work.activity(), entities=slow)
    instance_id = hub.start(fails_beside_a_call)
    assert hub.wait(instance_id).runtime_status is FAILED
    work.broken.clear()
    if answers == "before the rewind":
        release.set()
        until(lambda: "EntityOperationCompleted" in kinds(hub.history(instance_id)))
        hub.client.rewind_orchestration(instance_id)
    else:
        hub.client.rewind_orchestration(instance_id)
        until(lambda: "TaskCompleted" in kinds(hub.history(instance_id)))
        release.set()
    assert hub.wait(instance_id, timeout=5).get_output() == "from the entity"


def test_a_timer_that_was_waiting_fires_after_the_rewind(hub):
    """A timer that had not fired when the orchestration failed fires after the rewind."""

    def fails_beside_a_timer(ctx, _input):
        timer = ctx.create_timer(timedelta(seconds=0.3))
        yield ctx.call_activity("work", input="a")
        yield timer
        return "awake"

    work = Work("a")
    hub.work(orchestrators=fails_beside_a_timer, activities=work.activity())
    instance_id = hub.start(fails_beside_a_timer)
    assert hub.wait(instance_id).runtime_status is FAILED
    work.broken.clear()
    assert rewound(hub, instance_id).get_output() == "awake"


def test_a_rewound_orchestration_takes_events(hub):
    """Events are received after a rewind as before it."""

    def two_parts(ctx, _input):
        yield ctx.call_activity("work", input="a")
        return (yield ctx.wait_for_external_event("go"))

    work = Work("a")
    hub.work(orchestrators=two_parts, activities=work.activity())
    instance_id = hub.start(two_parts)
    hub.wait(instance_id)
    work.broken.clear()
    hub.client.rewind_orchestration(instance_id)
    until(lambda: "TaskCompleted" in kinds(hub.history(instance_id)))
    hub.client.raise_orchestration_event(instance_id, "go", data="heard")
    assert hub.wait(instance_id).get_output() == "heard"


@pytest.mark.parametrize("ended", [True, False])
def test_only_failed_orchestrations_are_rewound(hub, ended):
    """An orchestration that runs or has completed cannot be rewound: FAILED_PRECONDITION."""
    hub.work(orchestrators=[call_double, wait_for_go], activities=double)
    instance_id = hub.run(call_double, input=1).instance_id if ended else hub.start(wait_for_go)
    refused(grpc.StatusCode.FAILED_PRECONDITION, hub.client.rewind_orchestration, instance_id)
