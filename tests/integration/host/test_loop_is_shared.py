"""User code shares the event loop with the host: whatever it stops or cancels there, the host continues."""

import json
import time

import pytest

from durable_harness.stack import embedded_stack
from durable_harness.testing.requesting import HttpClient

CODE = """
import asyncio
import sys
import threading

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


async def stop():
    asyncio.get_running_loop().stop()

async def stop_soon():
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)

async def stop_in_thread():
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop)).start()

async def exit_in_task():
    async def leave():
        sys.exit(3)
    asyncio.create_task(leave())
    await asyncio.sleep(0.01)

async def interrupt_in_task():
    async def leave():
        raise KeyboardInterrupt
    asyncio.create_task(leave())
    await asyncio.sleep(0.01)

async def cancel_all():
    others = asyncio.all_tasks()
    others.remove(asyncio.current_task())
    for task in others:
        task.cancel()

async def wait_for_all():
    others = asyncio.all_tasks()
    others.remove(asyncio.current_task())
    await asyncio.gather(*others, return_exceptions=True)

async def cancel_itself():
    asyncio.current_task().cancel()


@app.activity_trigger(input_name="deed")
async def act(deed):
    await globals()[deed]()
    return deed

@app.orchestration_trigger(context_name="context")
def run(context):
    deed = yield context.call_activity("act", context.get_input())
    return deed

@app.route(route="start/{name}/{deed}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    name = req.route_params["name"]
    instance = await client.start_new(name, client_input=req.route_params["deed"])
    return client.create_check_status_response(req, instance)

@app.route(route="do/{deed}")
async def do(req: func.HttpRequest) -> func.HttpResponse:
    await globals()[req.route_params["deed"]]()
    return func.HttpResponse("done")
"""
DEEDS = (
    *("stop", "stop_soon", "stop_in_thread", "exit_in_task", "interrupt_in_task"),
    *("cancel_all", "wait_for_all", "cancel_itself"),
)
DEADLINE_S = 20


@pytest.fixture(scope="module", params=[(), ("--data",)], ids=["in memory", "in a file"])
def stack(request, tmp_path_factory):
    """Yield a host whose app has functions that do such things."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text('{"version": "2.0"}')
    kept = [*request.param, str(folder / "hub.db")] if request.param else []
    with embedded_stack(folder, serve_args=kept) as stack:
        yield stack
        assert stack.exit_code() is None


def get(stack, url):
    """Return the body of an answer."""
    answer = HttpClient(stack.base_url, None).request("GET", url, timeout_s=5)
    assert hasattr(answer, "body"), (answer, stack.log_path.read_text())
    return answer.body


def ended(stack, name, deed):
    """Start an orchestration and return its status when it has ended."""
    started = json.loads(get(stack, f"/api/start/{name}/{deed}"))
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        status = json.loads(get(stack, started["statusQueryGetUri"]))
        if status["runtimeStatus"] in {"Completed", "Failed", "Terminated"}:
            return status
        time.sleep(0.02)
    raise AssertionError(stack.log_path.read_text())


@pytest.mark.parametrize("deed", DEEDS)
def test_an_activity_may_stop_or_cancel_what_it_finds(stack, deed):
    """Its own orchestration ends, and the host works on: for HTTP, for activities, for orchestrations."""
    assert ended(stack, "run", deed)["output"] == deed
    assert ended(stack, "run", "stop")["output"] == "stop"


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "cancel_itself"])
def test_an_http_function_may_do_so_as_well(stack, deed):
    """It is answered, and the host works on."""
    assert get(stack, f"/api/do/{deed}") == b"done"
    assert ended(stack, "run", "stop")["output"] == "stop"


def test_the_log_names_the_function_that_stopped_the_loop(stack):
    """One line shows who did it, and that the host continues."""
    ended(stack, "run", "stop")
    ended(stack, "run", "stop_in_thread")
    log = stack.log_path.read_text()
    assert "Function 'act' called stop() of the event loop" in log
    assert "Code of the app stopped the event loop that the host and all functions run on. The host continues." in log
