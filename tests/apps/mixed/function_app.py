"""An app with one orchestrator of each kind of waiting, whose results show whether anything was lost or done twice."""

import asyncio
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

PAUSE_S = 0.05
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context")
def activities(context: df.DurableOrchestrationContext):
    first = yield context.call_activity("double", context.get_input())
    return (yield context.call_activity("double", first))


@app.orchestration_trigger(context_name="context")
def timers(context: df.DurableOrchestrationContext):
    for _ in range(2):
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=PAUSE_S))
    return (yield context.call_activity("double", context.get_input()))


@app.orchestration_trigger(context_name="context")
def children(context: df.DurableOrchestrationContext):
    calls = [context.call_sub_orchestrator("activities", context.get_input() + number) for number in range(2)]
    return sum((yield context.task_all(calls)))


@app.orchestration_trigger(context_name="context")
def events(context: df.DurableOrchestrationContext):
    return (yield context.wait_for_external_event("go"))


@app.orchestration_trigger(context_name="context")
def entities(context: df.DurableOrchestrationContext):
    yield context.call_entity(df.EntityId("counter", str(context.get_input() % 7)), "add", 1)
    context.signal_entity(df.EntityId("counter", "signals"), "add", 1)
    return context.get_input()


@app.orchestration_trigger(context_name="context")
def fails(context: df.DurableOrchestrationContext):
    options = df.RetryOptions(first_retry_interval_in_milliseconds=50, max_number_of_attempts=2)
    return (yield context.call_activity_with_retry("break_down", options, context.get_input()))


@app.orchestration_trigger(context_name="context")
def again(context: df.DurableOrchestrationContext):
    number, rounds = context.get_input() if isinstance(context.get_input(), list) else (context.get_input(), 3)
    if rounds == 0:
        return number
    context.continue_as_new([(yield context.call_activity("double", number)), rounds - 1])
    return None


@app.orchestration_trigger(context_name="context")
def many(context: df.DurableOrchestrationContext):
    return sum((yield context.task_all([context.call_activity("double", context.get_input()) for _ in range(10)])))


@app.activity_trigger(input_name="number")
def break_down(number):
    raise ValueError(f"{number} is no good")


@app.activity_trigger(input_name="number")
async def double(number):
    await asyncio.sleep(PAUSE_S)
    return 2 * number


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext):
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)
