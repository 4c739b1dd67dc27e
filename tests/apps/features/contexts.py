"""What an orchestrator's context contains, and what becomes of its answer."""

import azure.durable_functions as df
import probes
from shapes import Point

bp = df.Blueprint()


class TooColdError(Exception):
    pass


@bp.orchestration_trigger(context_name="context")
def status_then_event(context):
    context.set_custom_status(context.get_input())
    yield context.wait_for_external_event("go")
    return "done"


@bp.orchestration_trigger(context_name="context")
def statuses_in_turn(context):
    for status in context.get_input():
        context.set_custom_status(status)
        yield context.call_activity("echo", None)
    return "done"


@bp.orchestration_trigger(context_name="context")
def replay_log(context):
    """Note each step that runs for the first time, and every pass over the first line."""
    probes.count(context.instance_id)
    for step in ("first", "second", "third"):
        if not context.is_replaying:
            probes.note(context.instance_id, step)
        yield context.call_activity("echo", step)
    if not context.is_replaying:
        probes.note(context.instance_id, "end")
    return "done"


@bp.orchestration_trigger(context_name="context")
def note_after_event(context):
    yield context.wait_for_external_event("go")
    if not context.is_replaying:
        probes.note(context.instance_id, "event came")
    yield context.call_activity("echo", None)


@bp.orchestration_trigger(context_name="context")
def ids_and_clock(context):
    """Make ids and read the clock; return whether an activity that was sent them saw what this pass sees."""
    made = [str(context.new_guid()), str(context.new_guid()), context.new_uuid(), context.new_uuid()]
    started = context.current_utc_datetime
    sent = yield context.call_activity("echo", [*made, started.isoformat()])
    yield context.call_activity("echo_later", {"delay_s": 0.02, "value": None})
    later = context.current_utc_datetime
    return {
        "made": made,
        "same_in_activity": sent == [*made, started.isoformat()],
        "started": started.isoformat(),
        "later": later.isoformat(),
        "offset": str(started.utcoffset()),
    }


@bp.orchestration_trigger(context_name="context")
def who_am_i(context):
    return {
        "instance_id": context.instance_id,
        "parent": context.parent_instance_id,
        "version": context.version,
        "input": context.get_input(),
    }


@bp.orchestration_trigger(context_name="context", input_type=Point)
def typed_input(context):
    point = context.get_input()
    return {"type": type(point).__name__, "at": [point.x, point.y]}


@bp.orchestration_trigger(context_name="context")
def returns_unserialisable(context):
    yield context.call_activity("echo", None)
    return {"set": {1, 2}}


@bp.orchestration_trigger(context_name="context")
def sets_unserialisable_status(context):
    context.set_custom_status({1, 2})
    yield context.call_activity("echo", None)


@bp.orchestration_trigger(context_name="context")
def raises(context):
    yield context.call_activity("echo", None)
    raise TooColdError(context.get_input())


@bp.orchestration_trigger(context_name="context")
def raises_at_once(context):
    raise TooColdError(context.get_input())


@bp.orchestration_trigger(context_name="context")
def raises_without_text(context):
    yield context.call_activity("echo", None)
    raise TooColdError


@bp.orchestration_trigger(context_name="context")
def yields_a_number(context):
    yield 5
