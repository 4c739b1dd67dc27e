"""External events: their order, their payloads, and events that come before their wait."""

from datetime import timedelta

import azure.durable_functions as df

bp = df.Blueprint()


def pause(context, seconds=0.2):
    return context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))


@bp.orchestration_trigger(context_name="context")
def wait_a_then_b(context):
    a = yield context.wait_for_external_event("A")
    b = yield context.wait_for_external_event("B")
    return [a, b]


@bp.orchestration_trigger(context_name="context")
def wait_once(context):
    event = yield context.wait_for_external_event((context.get_input() or {}).get("event", "go"))
    return {"type": type(event).__name__, "value": event}


@bp.orchestration_trigger(context_name="context")
def wait_after_gate(context):
    """Wait for as many events named go as the input specifies, but only after the event named gate."""
    yield context.wait_for_external_event("gate")
    got = []
    while len(got) < context.get_input():
        got.append((yield context.wait_for_external_event("go")))
    return got


@bp.orchestration_trigger(context_name="context")
def wait_twice_in_turn(context):
    first = yield context.wait_for_external_event("go")
    context.set_custom_status("first came")
    second = yield context.wait_for_external_event("go")
    return [first, second]


@bp.orchestration_trigger(context_name="context")
def wait_twice_at_once(context):
    return (yield context.task_all([context.wait_for_external_event("go"), context.wait_for_external_event("go")]))


@bp.orchestration_trigger(context_name="context")
def approval(context):
    approved = context.wait_for_external_event("approval")
    timer = pause(context, context.get_input())
    winner = yield context.task_any([approved, timer])
    if winner is timer:
        return "timed out"
    timer.cancel()
    return f"approved: {approved.result}"
