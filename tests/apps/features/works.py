"""Activities of every kind, and the orchestrators that call them one at a time."""

import asyncio
import os
import threading
import time

import azure.durable_functions as df
import probes
from shapes import Point

bp = df.Blueprint()
MEETING_DEADLINE_S = 10
_thread_meetings: dict[str, threading.Barrier] = {}
_task_meetings: dict[str, asyncio.Barrier] = {}


@bp.activity_trigger(input_name="value")
def echo(value):
    return value


@bp.activity_trigger(input_name="size")
def blow_up(size):
    return "x" * size


@bp.activity_trigger(input_name="value")
async def echo_async(value):
    return value


@bp.activity_trigger(input_name="request")
async def echo_later(request):
    await asyncio.sleep(request["delay_s"])
    return request["value"]


@bp.activity_trigger(input_name="number")
def double(number):
    return 2 * number


@bp.activity_trigger(input_name="point")
def mirror(point: Point) -> Point:
    return Point(-point.x, -point.y)


@bp.activity_trigger(input_name="value")
def type_name(value):
    return type(value).__name__


@bp.function_name(name="renamed_activity")
@bp.activity_trigger(input_name="value")
def another_name(value):
    return f"renamed: {value}"


@bp.activity_trigger(input_name="value")
def add_context(value, context):
    return {"value": value, "function": context.function_name}


@bp.activity_trigger(input_name="name")
def read_setting(name):
    return os.environ.get(name)


@bp.activity_trigger(input_name="key")
def count(key):
    return probes.count(key)


@bp.activity_trigger(input_name="message")
def fail(message):
    raise ValueError(message)


@bp.activity_trigger(input_name="message")
async def fail_async(message):
    raise ValueError(message)


@bp.activity_trigger(input_name="unused")
def return_unserialisable(unused):
    return object()


@bp.activity_trigger(input_name="request")
def flaky(request):
    attempt = probes.count(request["key"])
    probes.note(request["key"], time.monotonic())
    if attempt < request["succeed_on"]:
        raise RuntimeError(f"attempt {attempt} refused")
    return attempt


@bp.activity_trigger(input_name="key")
def meet_in_threads(key):
    _thread_meetings.setdefault(key, threading.Barrier(2)).wait(MEETING_DEADLINE_S)
    return threading.current_thread() is threading.main_thread()


@bp.activity_trigger(input_name="key")
async def meet_on_loop(key):
    async with asyncio.timeout(MEETING_DEADLINE_S):
        await _task_meetings.setdefault(key, asyncio.Barrier(2)).wait()
    return threading.get_ident()


@bp.orchestration_trigger(context_name="context")
def relay(context):
    request = context.get_input()
    return (yield context.call_activity(request["activity"], request["value"]))


@bp.orchestration_trigger(context_name="context")
def relay_caught(context):
    request = context.get_input()
    try:
        yield context.call_activity(request["activity"], request["value"])
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return {"caught": str(error)}
    return {"caught": None}


@bp.orchestration_trigger(context_name="context")
def relay_all(context):
    request = context.get_input()
    calls = [context.call_activity(request["activity"], value) for value in request["values"]]
    return (yield context.task_all(calls))


@bp.orchestration_trigger(context_name="context")
def mirror_by_function(context):
    point = yield context.call_activity(mirror, Point(*context.get_input()))
    return {"type": type(point).__name__, "at": [point.x, point.y]}


@bp.orchestration_trigger(context_name="context")
def mirror_by_name(context):
    point = yield context.call_activity("mirror", Point(*context.get_input()))
    return {"type": type(point).__name__, "at": [point.x, point.y]}
