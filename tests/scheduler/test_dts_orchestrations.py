"""Orchestrations and activities as the public worker runs them: fans, races, retries, failures, status, values."""

import itertools
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from dts_helpers import COMPLETED, FAILED, broken, call_broken, call_double, double, echo, kinds, until, wait_for_go
from durabletask import task
from durabletask.exception_properties import ExceptionPropertiesProvider

LONG = timedelta(days=30)
SHORT = timedelta(milliseconds=20)


def test_the_state_has_name_input_output_and_times(hub):
    """A finished instance has its name, input, output and times that are in order."""
    hub.work(orchestrators=call_double, activities=double)
    state = hub.run(call_double, input=21)
    assert (state.name, state.get_input(), state.get_output(), state.runtime_status) == (
        "call_double",
        21,
        42,
        COMPLETED,
    )
    assert state.created_at <= state.last_updated_at


def test_an_orchestrator_without_tasks_ends_in_one_turn(hub):
    """A plain function is an orchestrator too; its history has one turn."""

    def plain(_ctx, value):
        return value

    hub.work(orchestrators=plain)
    state = hub.run(plain, input="x")
    assert state.get_output() == "x"
    assert kinds(hub.history(state.instance_id)) == [
        "OrchestratorStarted",
        "ExecutionStarted",
        "ExecutionCompleted",
    ]


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}, {"a": [1, {"b": None}]}, "ü 𝄞 \u0000", 1.5])
def test_values_arrive_as_they_were_sent(hub, value):
    """Inputs and results survive the way through client, orchestration and activity, the falsy ones too."""

    def relay(ctx, given):
        return [given, (yield ctx.call_activity(echo, input=given))]

    hub.work(orchestrators=relay, activities=echo)
    assert hub.output_of(relay, input=value) == [value, value]


def test_typed_values_are_rebuilt(hub):
    """A dataclass sent as an input arrives as one where the function says so."""

    @dataclass
    class Order:
        name: str
        amount: int

    def price(_ctx, order: Order) -> int:
        return len(order.name) * order.amount

    def shop(ctx, order: Order):
        return (yield ctx.call_activity(price, input=order))

    hub.work(orchestrators=shop, activities=price)
    assert hub.output_of(shop, input=Order("abc", 5)) == 15


def test_activities_know_where_they_belong(hub):
    """An activity gets the id of its orchestration and its own number."""

    def who(ctx, _input):
        return [ctx.orchestration_id, ctx.task_id]

    def ask(ctx, _input):
        first = yield ctx.call_activity(who)
        second = yield ctx.call_activity(who)
        return [first, second]

    hub.work(orchestrators=ask, activities=who)
    assert hub.output_of(ask, instance_id="asked") == [["asked", 1], ["asked", 2]]


def test_a_fan_gathers_results_in_order(hub):
    """when_all over two hundred activities gives their results in the order of the calls."""

    def fan(ctx, count):
        return (yield task.when_all([ctx.call_activity(double, input=number) for number in range(count)]))

    hub.work(orchestrators=fan, activities=double)
    assert hub.output_of(fan, input=200) == [2 * number for number in range(200)]


def test_activities_of_a_fan_run_side_by_side(hub):
    """Five activities that each wait for the others all end: none is held back for another."""
    inside = []

    def meet(_ctx, number):
        inside.append(number)
        until(lambda: len(inside) == 5)
        return number

    def fan(ctx, _input):
        return (yield task.when_all([ctx.call_activity(meet, input=number) for number in range(5)]))

    hub.work(orchestrators=fan, activities=meet)
    assert hub.output_of(fan) == [0, 1, 2, 3, 4]


def test_a_fan_with_a_failure_fails_with_its_error(hub):
    """when_all raises the failure of one of its activities, which the orchestrator can catch."""

    def fan(ctx, _input):
        try:
            yield task.when_all([ctx.call_activity(double, input=1), ctx.call_activity(broken)])
        except task.TaskFailedError as error:
            return error.details.message

    hub.work(orchestrators=fan, activities=[double, broken])
    assert "broken" in hub.output_of(fan)


def test_a_race_continues_with_the_first(hub, release):
    """when_any continues with the activity that ends first, while the other is still running."""

    def stuck(_ctx, _input):
        release.wait()

    def race(ctx, _input):
        fast, slow = ctx.call_activity(double, input=4), ctx.call_activity(stuck)
        winner = yield task.when_any([slow, fast])
        return [winner == fast, winner.get_result()]

    hub.work(orchestrators=race, activities=[double, stuck])
    assert hub.output_of(race) == [True, 8]


def test_a_late_loser_of_a_race_does_no_harm(hub, release):
    """The result of an activity that is no longer awaited comes in later and the orchestration ends as it should."""

    def slow(_ctx, _input):
        release.wait()
        return "slow"

    def race(ctx, _input):
        loser = ctx.call_activity(slow)
        yield task.when_any([loser, ctx.call_activity(double, input=1)])
        yield ctx.wait_for_external_event("go")
        return (yield loser)

    hub.work(orchestrators=race, activities=[slow, double])
    instance_id = hub.start(race)
    until(lambda: "TaskCompleted" in kinds(hub.history(instance_id)))
    release.set()
    hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_output() == "slow"


def test_a_thousand_turns(hub):
    """Tasks one after the other, each in a turn of its own, replay to the same end."""

    def loop(ctx, count):
        total = 0
        for number in range(count):
            total += yield ctx.call_activity(double, input=number)
        return total

    hub.work(orchestrators=loop, activities=double)
    assert hub.output_of(loop, input=60) == 60 * 59


def test_many_at_once(hub):
    """A hundred orchestrations started at once all end, each with its own result."""
    hub.work(orchestrators=call_double, activities=double)
    ids = [hub.start(call_double, input=number) for number in range(100)]
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == [2 * number for number in range(100)]


def test_failure_details_have_the_whole_chain(hub):
    """A failed instance names type, message and stack of the activity's error and of its cause, level by level."""
    hub.work(orchestrators=call_broken, activities=broken)
    state = hub.run(call_broken)
    assert state.runtime_status is FAILED
    assert state.failure_details.error_type.endswith("TaskFailedError")
    activity = state.failure_details.inner_failure
    assert (activity.error_type, activity.message) == ("builtins.ValueError", "broken")
    assert "broken" in activity.stack_trace
    assert activity.inner_failure.is_caused_by(KeyError)
    assert activity.inner_failure.inner_failure is None


def test_the_failure_of_an_activity_is_in_the_history(hub):
    """The history keeps the failure of an activity with its cause, and the failure of the orchestration."""
    hub.work(orchestrators=call_broken, activities=broken)
    events = hub.history(hub.run(call_broken).instance_id)
    failed = next(event for event in events if kinds([event]) == ["TaskFailed"])
    assert failed.failure_details.inner_failure.error_type == "builtins.KeyError"
    assert events[-1].failure_details.inner_failure.message == "broken"


def test_properties_of_an_error_are_kept(hub):
    """What an exception properties provider adds to an error reaches the client."""

    class Provider(ExceptionPropertiesProvider):
        def get_exception_properties(self, exception):
            return {"code": 7, "tags": ["a", "b"]} if isinstance(exception, ValueError) else None

    hub.work(orchestrators=call_broken, activities=broken, exception_properties_provider=Provider())
    activity = hub.run(call_broken).failure_details.inner_failure
    assert activity.properties == {"code": 7, "tags": ["a", "b"]}
    assert activity.inner_failure.properties is None


def test_an_orchestrator_that_raises_fails(hub):
    """An error in the orchestrator itself is the failure of its instance."""

    def clumsy(ctx, _input):
        yield ctx.create_timer(SHORT)
        raise LookupError("lost it")

    hub.work(orchestrators=clumsy)
    details = hub.run(clumsy).failure_details
    assert (details.error_type, details.message) == ("builtins.LookupError", "lost it")


def test_what_no_worker_knows_fails_by_name(hub):
    """An orchestrator or an activity that the worker does not know fails the orchestration and is named."""

    def call_missing(ctx, _input):
        yield ctx.call_activity("missing_activity")

    hub.work(orchestrators=call_missing)
    assert "missing_activity" in hub.run(call_missing).failure_details.message
    assert "missing_orchestrator" in hub.run("missing_orchestrator").failure_details.message


def test_a_result_that_is_no_json_fails(hub):
    """An output that cannot be written as JSON fails the orchestration instead of hanging it."""

    def opaque(_ctx, _input):
        return object()

    hub.work(orchestrators=opaque)
    assert hub.run(opaque).runtime_status is FAILED


def test_a_changed_orchestrator_is_found_out(hub):
    """A worker whose orchestrator does not match the history fails the instance as non-deterministic."""

    def before(ctx, _input):
        yield ctx.call_activity(double, input=1)
        yield ctx.wait_for_external_event("go")

    def after(ctx, _input):
        yield ctx.create_timer(LONG)
        yield ctx.wait_for_external_event("go")

    before.__name__ = after.__name__ = "changing"
    old = hub.work(orchestrators=before, activities=double)
    instance_id = hub.start("changing")
    until(lambda: "TaskCompleted" in kinds(hub.history(instance_id)))
    hub.stop(old)
    hub.work(orchestrators=after, activities=double)
    hub.client.raise_orchestration_event(instance_id, "go")
    assert "NonDeterminism" in hub.wait(instance_id).failure_details.error_type


def flaky(successful_attempt):
    """Return an activity that fails until this attempt, and the times of its attempts."""
    attempts = []

    def unsteady(_ctx, _input):
        attempts.append(time.monotonic())
        if len(attempts) < successful_attempt:
            raise ValueError(f"attempt {len(attempts)}")
        return len(attempts)

    return unsteady, attempts


def test_a_retry_policy_repeats_until_success(hub):
    """A failing activity is called again after its interval until it succeeds."""
    unsteady, attempts = flaky(3)

    def patient(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=timedelta(seconds=0.1), max_number_of_attempts=5)
        return (yield ctx.call_activity(unsteady, retry_policy=policy))

    hub.work(orchestrators=patient, activities=unsteady)
    assert hub.output_of(patient) == 3
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(attempts))


def test_a_retry_policy_gives_up(hub):
    """After its last attempt the failure is raised, and it was tried exactly so often."""
    unsteady, attempts = flaky(99)

    def patient(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=SHORT, max_number_of_attempts=3)
        yield ctx.call_activity(unsteady, retry_policy=policy)

    hub.work(orchestrators=patient, activities=unsteady)
    assert "attempt 3" in hub.run(patient).failure_details.message
    assert len(attempts) == 3


def test_a_retry_policy_backs_off_up_to_its_limit(hub):
    """Intervals grow by the coefficient and stop growing at the longest one."""
    unsteady, attempts = flaky(5)

    def patient(ctx, _input):
        policy = task.RetryPolicy(
            first_retry_interval=timedelta(seconds=0.05),
            max_number_of_attempts=5,
            backoff_coefficient=3,
            max_retry_interval=timedelta(seconds=0.2),
        )
        return (yield ctx.call_activity(unsteady, retry_policy=policy))

    hub.work(orchestrators=patient, activities=unsteady)
    instance_id = hub.run(patient).instance_id
    assert intervals(hub.history(instance_id)) == [0.05, 0.15, 0.2, 0.2]
    assert attempts[-1] - attempts[0] >= 0.6


def intervals(events):
    """Return how long each timer of a history was to wait, seen from the turn that made it."""
    waits, now = [], None
    for event in events:
        if kinds([event]) == ["OrchestratorStarted"]:
            now = event.timestamp
        elif kinds([event]) == ["TimerCreated"]:
            waits.append((event.fire_at - now).total_seconds())
    return waits


def test_a_retry_policy_ends_with_its_timeout(hub):
    """No attempt is made after the retry timeout, however many are left."""
    unsteady, attempts = flaky(99)

    def patient(ctx, _input):
        policy = task.RetryPolicy(
            first_retry_interval=timedelta(seconds=0.1),
            max_number_of_attempts=99,
            retry_timeout=timedelta(seconds=0.25),
        )
        yield ctx.call_activity(unsteady, retry_policy=policy)

    hub.work(orchestrators=patient, activities=unsteady)
    assert hub.run(patient).runtime_status is FAILED
    assert len(attempts) <= 4


def test_retries_side_by_side(hub):
    """Retried activities in one when_all each get their own attempts."""
    attempts = {0: 0, 1: 0, 2: 0}

    def unsteady(_ctx, number):
        attempts[number] += 1
        if attempts[number] <= number:
            raise ValueError("not yet")
        return number

    def fan(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=SHORT, max_number_of_attempts=5)
        calls = [ctx.call_activity(unsteady, input=number, retry_policy=policy) for number in range(3)]
        return (yield task.when_all(calls))

    hub.work(orchestrators=fan, activities=unsteady)
    assert hub.output_of(fan) == [0, 1, 2]
    assert attempts == {0: 1, 1: 2, 2: 3}


def test_the_custom_status_is_seen_while_running(hub):
    """A custom status is there as soon as its turn is done, and the last one stays after the end."""

    def talking(ctx, _input):
        ctx.set_custom_status({"step": 1})
        yield ctx.wait_for_external_event("go")
        ctx.set_custom_status({"step": 2})
        return "done"

    hub.work(orchestrators=talking)
    instance_id = hub.start(talking)
    assert until(lambda: hub.state(instance_id).get_custom_status()) == {"step": 1}
    hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_custom_status() == {"step": 2}


def test_a_state_without_payloads(hub):
    """A client that asks for no payloads gets the status without input and output."""
    hub.work(orchestrators=call_double, activities=double)
    instance_id = hub.run(call_double, input=1).instance_id
    state = hub.client.get_orchestration_state(instance_id, fetch_payloads=False)
    assert (state.runtime_status, state.serialized_input, state.serialized_output) == (COMPLETED, None, None)


def test_the_clock_of_an_orchestrator_is_the_same_in_replay(hub):
    """current_utc_datetime and new_uuid give the same values each time the orchestrator is replayed."""
    seen = []

    def clockwork(ctx, _input):
        seen.append((ctx.current_utc_datetime, ctx.new_uuid()))
        yield ctx.call_activity(double, input=1)
        yield ctx.call_activity(double, input=2)

    hub.work(orchestrators=clockwork, activities=double)
    hub.output_of(clockwork)
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_is_replaying_is_false_once_for_each_step(hub):
    """Each line of an orchestrator runs exactly once when it is not a replay."""
    lines = []

    def logging(ctx, _input):
        for number in range(3):
            if not ctx.is_replaying:
                lines.append(number)
            yield ctx.call_activity(double, input=number)

    hub.work(orchestrators=logging, activities=double)
    hub.output_of(logging)
    assert lines == [0, 1, 2]


def test_an_instance_that_was_never_started_is_unknown(hub):
    """The state of an unknown instance is None, and so is the end of waiting for it."""
    assert hub.state("nobody") is None
    assert hub.wait("nobody") is None
    assert hub.client.wait_for_orchestration_start("nobody", timeout=5) is None


def test_the_start_can_be_waited_for(hub):
    """wait_for_orchestration_start ends when a worker has taken the instance up."""
    instance_id = hub.start(wait_for_go, input="x")
    hub.work(orchestrators=wait_for_go)
    state = hub.client.wait_for_orchestration_start(instance_id, fetch_payloads=True, timeout=10)
    assert (state.runtime_status.name, state.get_input()) == ("RUNNING", "x")
