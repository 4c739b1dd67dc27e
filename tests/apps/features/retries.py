"""Activities called with retry: alone, in company, and losing a race."""

from datetime import timedelta

import azure.durable_functions as df

bp = df.Blueprint()
ATTEMPTS = 3


def options(request):
    return df.RetryOptions(request.get("interval_ms", 50), ATTEMPTS)


def flaky_with_retry(context, request):
    return context.call_activity_with_retry("flaky", options(request), request)


@bp.orchestration_trigger(context_name="context")
def retry_then_activity(context):
    attempt = yield flaky_with_retry(context, context.get_input())
    after = yield context.call_activity("echo", "after")
    return [attempt, after]


@bp.orchestration_trigger(context_name="context")
def retry_caught(context):
    try:
        yield flaky_with_retry(context, context.get_input())
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        after = yield context.call_activity("echo", "after")
        return {"caught": str(error), "after": after}


@bp.orchestration_trigger(context_name="context")
def retry_all(context):
    requests = context.get_input()
    attempts = yield context.task_all([flaky_with_retry(context, request) for request in requests])
    after = yield context.call_activity("echo", "after")
    return [attempts, after]


@bp.orchestration_trigger(context_name="context")
def retry_loses_race(context):
    request = context.get_input()
    retrying = flaky_with_retry(context, request)
    timer = context.create_timer(context.current_utc_datetime + timedelta(milliseconds=50))
    winner = yield context.task_any([retrying, timer])
    after = yield context.call_activity("echo", "after")
    late = (yield retrying) if request["await_loser"] else None
    return {"winner": "timer" if winner is timer else "retry", "after": after, "late": late}
