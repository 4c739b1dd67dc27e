"""The event loop that functions find: of the kind that Azure's worker has, and theirs to configure."""

import asyncio
import sys

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.stack import embedded_stack

CODE = """
import asyncio
import json

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
made = []

def note(loop, coro, **options):
    made.append(f"{coro.__qualname__} of {coro.cr_code.co_filename}")
    return asyncio.Task(coro, loop=loop, **options)

def refuse(loop, coro, **options):
    coro.close()
    raise RuntimeError("no tasks today")

FACTORIES = {"note": note, "refuse": refuse, "eager": getattr(asyncio, "eager_task_factory", note), "none": None}

async def value(number):
    return number

async def gathered():
    return await asyncio.gather(*(value(number) for number in range(3)), asyncio.sleep(0, 3))

@app.route(route="loop")
async def loop(req: func.HttpRequest) -> func.HttpResponse:
    kind = type(asyncio.get_running_loop())
    return func.HttpResponse(json.dumps([f"{one.__module__}.{one.__name__}" for one in kind.__mro__]))

@app.route(route="factory/{name}")
async def factory(req: func.HttpRequest) -> func.HttpResponse:
    asyncio.get_running_loop().set_task_factory(FACTORIES[req.route_params["name"]])
    return func.HttpResponse(json.dumps(await gathered()))

@app.route(route="named")
async def named(req: func.HttpRequest) -> func.HttpResponse:
    task = asyncio.get_running_loop().create_task(value(1), name="mine")
    await task
    return func.HttpResponse(task.get_name())

@app.route(route="made")
async def list_made(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(sorted(set(made))))

@app.route(route="start/{name}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new(req.route_params["name"]))

@app.activity_trigger(input_name="number")
async def act(number):
    return number

@app.orchestration_trigger(context_name="context")
def run(context):
    number = yield context.call_activity("act", 5)
    return number
"""
HAS_OWN_LOOP = sys.version_info < (3, 13)
PATCHES = """
import asyncio

import azure.functions as func

if not isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
    raise ValueError("Can't patch loop of type")
app = func.FunctionApp()

@app.route("a")
def a(req): return "a"
"""


def folder_of(tmp_path, code):
    """Return a folder with an app of this code."""
    (tmp_path / "function_app.py").write_text(code)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    return tmp_path


@pytest.fixture
def host(client_of, tmp_path):
    """Yield a host of its own for each test, as its loop is changed."""
    with embedded_stack(folder_of(tmp_path, CODE)) as stack:
        yield client_of(stack)


def test_the_loop_is_of_the_kind_that_azure_has(host):
    """It is asyncio's own up to Python 3.12, which what patches asyncio needs, and uvloop after that."""
    kinds = host.get("/api/loop").json()
    expected = asyncio.BaseEventLoop if HAS_OWN_LOOP else __import__("uvloop").Loop
    assert f"{expected.__module__}.{expected.__name__}" in kinds


def test_patches_of_the_loop_are_imported_or_refused(client_of, tmp_path):
    """An import that needs asyncio's own loop works where Azure has it; elsewhere the start says why it cannot."""
    folder = folder_of(tmp_path, PATCHES)
    if HAS_OWN_LOOP:
        with embedded_stack(folder) as stack:
            assert client_of(stack).get("/api/a").text == "a"
        return
    with pytest.raises(AppLoadError, match=r"From Python 3\.13 on, functions run on uvloop in Azure too"):
        embedded_stack(folder).__enter__()


@pytest.mark.parametrize("name", ["note", "eager", "none"])
def test_a_task_factory_makes_the_tasks_of_functions(host, name):
    """What a function gathers comes through it, and the host and its orchestrations work on."""
    assert host.get(f"/api/factory/{name}").json() == [0, 1, 2, 3]
    assert host.output_of("run") == 5
    assert host.get("/api/named").text == "mine"


def test_a_task_factory_makes_no_task_of_the_host(host):
    """The tasks that came through it are those of functions and their packages, whatever the host did meanwhile."""
    host.get("/api/factory/note")
    assert host.output_of("run") == 5
    made = host.get("/api/made").json()
    assert any(one.startswith("value of ") for one in made)
    assert not [one for one in made if "/durable_harness/" in one]


def test_a_task_factory_that_fails_fails_functions_only(host):
    """The function is answered by 500; orchestrations run to their end."""
    assert host.get("/api/factory/refuse").status_code == 500
    assert host.wait_terminal(host.start("run"))["output"] == 5
