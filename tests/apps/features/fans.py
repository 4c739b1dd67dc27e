"""Tasks together: all, any, nested, yielded twice; and timers."""

from datetime import datetime, timedelta

import azure.durable_functions as df

bp = df.Blueprint()
FAR_AHEAD = timedelta(days=30)


@bp.orchestration_trigger(context_name="context")
def fan_out(context):
    return (yield context.task_all([context.call_activity("double", n) for n in range(context.get_input())]))


@bp.orchestration_trigger(context_name="context")
def all_fails_at_first_failure(context):
    tasks = [context.wait_for_external_event("never"), context.call_activity("fail", "first failure")]
    try:
        yield context.task_all(tasks)
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return {"caught": str(error)}


@bp.orchestration_trigger(context_name="context")
def all_of_nothing(context):
    return {"result": (yield context.task_all([]))}


@bp.orchestration_trigger(context_name="context")
def race_with_timer(context):
    request = context.get_input()
    work = context.call_activity("echo_later", {"delay_s": request["work_s"], "value": "worked"})
    timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=request["timer_s"]))
    winner = yield context.task_any([work, timer])
    if winner is work:
        timer.cancel()
    after = yield context.call_activity("echo", "after")
    return {"winner": "work" if winner is work else "timer", "result": winner.result, "after": after}


@bp.orchestration_trigger(context_name="context")
def nested(context):
    first = context.task_any([context.call_activity("echo", "quick"), context.wait_for_external_event("never")])
    both = context.task_all([context.call_activity("echo", 1), context.call_activity("echo", 2)])
    winner, pair = yield context.task_all([first, both])
    never = context.task_all([context.call_activity("echo", 3), context.wait_for_external_event("never either")])
    inner = context.task_all([context.call_activity("echo", 4), context.call_activity("echo", 5)])
    outer = yield context.task_any([never, inner])
    return [winner.result, pair, outer.result]


@bp.orchestration_trigger(context_name="context")
def yielded_twice(context):
    task = context.call_activity("count", context.get_input())
    first = yield task
    second = yield task
    after = yield context.call_activity("echo", "after")
    return [first, second, after]


@bp.orchestration_trigger(context_name="context")
def yielded_alone_then_in_any(context):
    task = context.call_activity("count", context.get_input())
    timer = context.create_timer(context.current_utc_datetime + FAR_AHEAD)
    either = context.task_any([task, timer])
    alone = yield task
    winner = yield either
    after = yield context.call_activity("echo", "after")
    return {"alone": alone, "winner_is_task": winner is task, "after": after}


@bp.orchestration_trigger(context_name="context")
def created_but_never_yielded(context):
    context.call_activity("count", context.get_input())
    return (yield context.call_activity("echo", "the only one"))


@bp.orchestration_trigger(context_name="context")
def sleep(context):
    fire_at = context.current_utc_datetime + timedelta(seconds=context.get_input())
    yield context.create_timer(fire_at)
    return {"fire_at": fire_at.isoformat(), "woke_at": context.current_utc_datetime.isoformat()}


@bp.orchestration_trigger(context_name="context")
def sleep_until(context):
    yield context.create_timer(datetime.fromisoformat(context.get_input()))
    return "woke"


@bp.orchestration_trigger(context_name="context")
def first_timer(context):
    now = context.current_utc_datetime
    timers = {name: context.create_timer(now + timedelta(seconds=s)) for name, s in context.get_input().items()}
    winner = yield context.task_any(list(timers.values()))
    return next(name for name, timer in timers.items() if timer is winner)
