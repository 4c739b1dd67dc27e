"""Sub-orchestrations: results, parent links, failures, retries, ids, depth."""

from datetime import timedelta

from dts_helpers import (
    COMPLETED,
    RUNNING,
    TERMINATED,
    broken,
    call_broken,
    call_double,
    double,
    kinds,
    until,
    wait_for_go,
)
from durabletask import task


def test_a_child_hands_its_result_to_its_parent(hub):
    """A sub-orchestration gets its input and its output is the value of the call."""

    def parent(ctx, number):
        return (yield ctx.call_sub_orchestrator(call_double, input=number))

    hub.work(orchestrators=[parent, call_double], activities=double)
    assert hub.output_of(parent, input=4) == 8


def test_a_child_knows_its_parent(hub):
    """parent_instance_id is the parent's id in a child, and None at the top."""

    def kid(ctx, _input):
        return ctx.parent_instance_id

    def parent(ctx, _input):
        child = yield ctx.call_sub_orchestrator(kid)
        return [ctx.parent_instance_id, child]

    hub.work(orchestrators=[parent, kid])
    assert hub.output_of(parent, instance_id="mother") == [None, "mother"]


def test_the_history_of_a_child_names_its_parent(hub):
    """ExecutionStarted of a child carries the parent's name, version, ids and the number of the call."""

    def parent(ctx, _input):
        yield ctx.create_timer(timedelta(0))
        yield ctx.call_sub_orchestrator(call_double, input=1, instance_id="kid")

    hub.work(orchestrators=[parent, call_double], activities=double)
    hub.run(parent, instance_id="mother", version="1.2")
    started = next(event for event in hub.history("kid") if kinds([event]) == ["ExecutionStarted"])
    link = started.parent_instance
    assert (link.name, link.version, link.task_scheduled_id) == ("parent", "1.2", 2)
    mother = next(event for event in hub.history("mother") if kinds([event]) == ["ExecutionStarted"])
    assert link.orchestration_instance == mother.orchestration_instance


def test_the_state_of_a_child_names_its_parent(hub):
    """The protocol's state of a child has the parent's id."""

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(call_double, input=1, instance_id="kid")

    hub.work(orchestrators=[parent, call_double], activities=double)
    hub.run(parent, instance_id="mother")
    assert hub.raw().state("kid").parentInstanceId.value == "mother"
    assert not hub.raw().state("mother").HasField("parentInstanceId")


def test_a_child_without_an_id_gets_one_from_its_call(hub):
    """The id of a child is its parent's id and the number of the call, as the worker writes it."""

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(call_double, input=1)

    hub.work(orchestrators=[parent, call_double], activities=double)
    hub.run(parent, instance_id="mother")
    assert hub.state("mother:0001").get_output() == 2


def test_a_hundred_children_at_once(hub):
    """A fan of a hundred sub-orchestrations gathers all their results in order."""

    def parent(ctx, count):
        return (yield task.when_all([ctx.call_sub_orchestrator(call_double, input=n) for n in range(count)]))

    hub.work(orchestrators=[parent, call_double], activities=double)
    assert hub.output_of(parent, input=100) == [2 * number for number in range(100)]


def test_generations(hub):
    """Ten generations of sub-orchestrations, one below the other, bring their result to the top."""

    def generation(ctx, depth):
        if depth == 0:
            return 0
        return 1 + (yield ctx.call_sub_orchestrator("generation", input=depth - 1))

    hub.work(orchestrators=generation)
    assert hub.output_of(generation, input=10) == 10


def test_the_failure_of_a_child_is_raised_in_its_parent(hub):
    """The parent can catch the failure of a child; the details go down to the activity's error and its cause."""

    def parent(ctx, _input):
        try:
            yield ctx.call_sub_orchestrator(call_broken)
        except task.TaskFailedError as error:
            chain, details = [], error.details
            while details is not None:
                chain.append(details.error_type.rpartition(".")[2])
                details = details.inner_failure
            return chain

    hub.work(orchestrators=[parent, call_broken], activities=broken)
    chain = hub.output_of(parent)
    assert chain[-2:] == ["ValueError", "KeyError"]


def test_an_uncaught_failure_of_a_child_fails_its_parent(hub):
    """An uncaught failure of a child is the failure of its parent and names the child's error."""

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(call_broken)

    hub.work(orchestrators=[parent, call_broken], activities=broken)
    details = hub.run(parent).failure_details
    messages = []
    while details is not None:
        messages.append(details.message)
        details = details.inner_failure
    assert "broken" in messages


def test_a_retried_child_runs_again(hub):
    """A retry policy on a sub-orchestration starts it again until it succeeds."""
    attempts = []

    def kid(ctx, _input):
        if not ctx.is_replaying:
            attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return len(attempts)

    def parent(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=5)
        return (yield ctx.call_sub_orchestrator(kid, retry_policy=policy))

    hub.work(orchestrators=[parent, kid])
    assert hub.output_of(parent) == 3


def test_a_retried_child_may_have_an_id_of_its_own(hub):
    """A retried sub-orchestration with a fixed id replaces its failed attempt."""
    attempts = []

    def kid(ctx, _input):
        attempts.append(ctx.instance_id)
        if len(attempts) < 2:
            raise ValueError("not yet")
        return ctx.instance_id

    def parent(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=3)
        return (yield ctx.call_sub_orchestrator(kid, instance_id="fixed", retry_policy=policy))

    hub.work(orchestrators=[parent, kid])
    assert hub.output_of(parent) == "fixed"
    assert hub.status("fixed") is COMPLETED


def test_a_terminated_child_fails_the_call(hub):
    """A parent whose child is terminated gets a failure and can continue."""

    def parent(ctx, _input):
        try:
            yield ctx.call_sub_orchestrator(wait_for_go, instance_id="kid")
        except task.TaskFailedError:
            return "went on"

    hub.work(orchestrators=[parent, wait_for_go])
    instance_id = hub.start(parent)
    until(lambda: hub.state("kid") and hub.status("kid") is RUNNING)
    hub.client.terminate_orchestration("kid")
    assert hub.wait(instance_id).get_output() == "went on"
    assert hub.status("kid") is TERMINATED


def test_a_child_that_loses_a_race_continues_alone(hub):
    """A sub-orchestration that is no longer awaited ends by itself, after its parent."""

    def parent(ctx, _input):
        slow = ctx.call_sub_orchestrator(wait_for_go, instance_id="kid")
        yield task.when_any([slow, ctx.create_timer(timedelta(0))])
        return "first"

    hub.work(orchestrators=[parent, wait_for_go])
    assert hub.output_of(parent) == "first"
    hub.client.raise_orchestration_event("kid", "go", data="late")
    assert hub.wait("kid").get_output() == "late"


def test_a_taken_id_fails_the_call_of_a_child(hub):
    """A child with the id of an active instance is a failure in its parent; the other instance is not touched."""

    def parent(ctx, _input):
        try:
            yield ctx.call_sub_orchestrator(call_double, input=1, instance_id="taken")
        except task.TaskFailedError as error:
            return error.details.message

    hub.work(orchestrators=[parent, call_double, wait_for_go], activities=double)
    hub.start(wait_for_go, instance_id="taken")
    assert "taken" in hub.output_of(parent)
    hub.client.raise_orchestration_event("taken", "go", data=1)
    assert hub.wait("taken").name == "wait_for_go"


def test_a_child_of_an_earlier_execution_disturbs_nothing(hub):
    """After continue_as_new, the result of a child of the execution before goes nowhere."""

    def parent(ctx, generation):
        if generation == 0:
            ctx.call_sub_orchestrator(wait_for_go, instance_id="kid")
            yield ctx.create_timer(timedelta(0))
            ctx.continue_as_new(1)
            return None
        return (yield ctx.wait_for_external_event("end"))

    hub.work(orchestrators=[parent, wait_for_go])
    instance_id = hub.start(parent, input=0)
    until(lambda: hub.state(instance_id).get_input() == 1)
    hub.client.raise_orchestration_event("kid", "go")
    hub.wait("kid")
    hub.client.raise_orchestration_event(instance_id, "end", data="right")
    assert hub.wait(instance_id).get_output() == "right"
