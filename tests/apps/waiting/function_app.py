"""An app whose orchestrations wait for days: for timers, for events, for an activity that does not return."""

import asyncio
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

A_DAY_S = 24 * 60 * 60
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def due(context):
    return context.current_utc_datetime + timedelta(days=context.get_input()["days"])


@app.orchestration_trigger(context_name="context")
def naps(context: df.DurableOrchestrationContext):
    """Wait for the given days, `times` times, and count in an activity."""
    count = 0
    for _ in range(context.get_input().get("times", 1)):
        yield context.create_timer(due(context))
        count = yield context.call_activity("add_one", count)
    return count


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext):
    """Wait for an event, for the given days at most."""
    event, timeout = context.wait_for_external_event("approved"), context.create_timer(due(context))
    winner = yield context.task_any([event, timeout])
    if winner == event:
        timeout.cancel()
        return event.result
    return "timed out"


@app.orchestration_trigger(context_name="context")
def deadline(context: df.DurableOrchestrationContext):
    """Wait for an activity that hangs, for the given days at most."""
    timeout = context.create_timer(due(context))
    winner = yield context.task_any([context.call_activity("hang", A_DAY_S), timeout])
    return "timed out" if winner == timeout else "done"


@app.activity_trigger(input_name="count")
def add_one(count):
    return count + 1


@app.activity_trigger(input_name="seconds")
async def hang(seconds):
    await asyncio.sleep(seconds)
