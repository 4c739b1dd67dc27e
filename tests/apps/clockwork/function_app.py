"""An app of timers: nightly and hourly ones, one at the start, and some that fail, hang or cannot be read."""

import asyncio
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

STORAGE = "AzureWebJobsStorage"
RELEASED = asyncio.Event()
RELEASED.set()
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.timer_trigger(arg_name="tick", schedule="%NIGHTLY%")
@app.durable_client_input(client_name="client")
@app.queue_output(arg_name="nights", queue_name="nights", connection=STORAGE)
async def nightly(tick: func.TimerRequest, client, nights: func.Out[str]) -> None:
    """Start the work of a night, named after its date."""
    due = tick.schedule_status["Next"]
    await client.start_new("night", f"night-{due[:10]}", due)
    nights.set(due)


@app.orchestration_trigger(context_name="context")
def night(context: df.DurableOrchestrationContext):
    """Rest for two hours."""
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=2))
    return context.get_input()


@app.orchestration_trigger(context_name="context")
def journey(context: df.DurableOrchestrationContext):
    """Wait for as many days as the input specifies."""
    yield context.create_timer(context.current_utc_datetime + timedelta(days=context.get_input()))
    return "home"


@app.timer_trigger(arg_name="tick", schedule="0 0 0 1 1 *", run_on_startup=True)
@app.queue_output(arg_name="$return", queue_name="starts", connection=STORAGE)
def at_start(tick: func.TimerRequest) -> str:
    """Report that the host has started."""
    return "late" if tick.past_due else "started"


@app.timer_trigger(arg_name="tick", schedule="0 30 * * * *")
@app.queue_output(arg_name="tries", queue_name="tries", connection=STORAGE)
def failing(tick: func.TimerRequest, tries: func.Out[str]) -> None:
    """Fail, every hour."""
    raise RuntimeError("this hour is a bad one")


@app.timer_trigger(arg_name="tick", schedule="0 15 12 * * *")
async def hanging(tick: func.TimerRequest) -> None:
    """Hang, every noon, while a test wants it."""
    await RELEASED.wait()


@app.generic_trigger(arg_name="wish", type="wishTrigger")
async def hang(wish: str) -> None:
    """Block the timer function, or release it."""
    if wish == "yes":
        RELEASED.clear()
    else:
        RELEASED.set()


@app.timer_trigger(arg_name="tick", schedule="%NOT_SET%")
@app.queue_output(arg_name="$return", queue_name="by_hand", connection=STORAGE)
def unset(tick: func.TimerRequest) -> str:
    """Be without a schedule."""
    return "ran"


@app.timer_trigger(arg_name="tick", schedule="every day")
def misspelt(tick: func.TimerRequest) -> None:
    """Have a schedule that is none."""
