"""An app whose work has the shape and the length that its start asks for, and that a file makes slower.

POST /api/work {"seconds": 0.2, "shape": "one" | "row" | "fan"}: one activity, five in a row, or ten side by side. The
file `slower.json` beside it, {"factor": 1.0, "extra_s": 0.0}, changes the work of every activity while the app runs.
"""

import asyncio
import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

ROW, FAN = 5, 10
SPIN_S = 0.003
SLOWER = Path(__file__).with_name("slower.json")

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="work", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new("work", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def work(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Wait as the start asked for."""
    asked = context.get_input()
    seconds = asked["seconds"]
    if asked["shape"] == "row":
        for _ in range(ROW):
            yield context.call_activity("wait", seconds / ROW)
    elif asked["shape"] == "fan":
        yield context.task_all([context.call_activity("wait", seconds) for _ in range(FAN)])
    else:
        yield context.call_activity("wait_exactly", seconds)
    return "done"


@app.activity_trigger(input_name="seconds")
async def wait(seconds: float) -> float:
    await asyncio.sleep(slowed(seconds))
    return seconds


@app.activity_trigger(input_name="seconds")
async def wait_exactly(seconds: float) -> float:
    """Wait to a fraction of the millisecond that the event loop's timers have."""
    ends = time.monotonic() + slowed(seconds)
    await asyncio.sleep(max(0.0, ends - time.monotonic() - SPIN_S))
    while time.monotonic() < ends:  # noqa: ASYNC110 - to wait for a moment is the purpose
        await asyncio.sleep(0)
    return seconds


def slowed(seconds: float) -> float:
    if not SLOWER.exists():
        return seconds
    slower = json.loads(SLOWER.read_text())
    return seconds * slower["factor"] + slower["extra_s"]
