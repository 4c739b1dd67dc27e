"""An app whose activity has a side effect: a row in a ledger, once for each key, however often the work is done."""

import sqlite3
import time
from contextlib import closing

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context")
def payment(context: df.DurableOrchestrationContext):
    """Pay once and return the key of the payment."""
    order = {**context.get_input(), "key": context.instance_id}
    return (yield context.call_activity("pay", order))


@app.orchestration_trigger(context_name="context")
def basket(context: df.DurableOrchestrationContext):
    """Pay several times, one key for each, in sub-orchestrations."""
    orders = [{**context.get_input(), "number": number} for number in range(context.get_input()["items"])]
    names = [f"{context.instance_id}-{number}" for number in range(len(orders))]
    calls = [context.call_sub_orchestrator("payment", order, name) for order, name in zip(orders, names, strict=True)]
    return (yield context.task_all(calls))


@app.orchestration_trigger(context_name="context")
def approvals(context: df.DurableOrchestrationContext):
    """Wait for as many events of one name as the input specifies, and return them in their order of arrival."""
    seen = []
    for _ in range(context.get_input()):
        event = yield context.wait_for_external_event("approved")
        seen.append(event)
    return seen


@app.orchestration_trigger(context_name="context")
def crowd(context: df.DurableOrchestrationContext):
    """Run `count` plain activities at once; return when each began and ended."""
    order = context.get_input()
    return (yield context.task_all([context.call_activity("hold_thread", order) for _ in range(order["count"])]))


@app.activity_trigger(input_name="order")
def pay(order):
    """Do the idempotent thing: note the attempt, and the payment unless it is noted already."""
    with closing(sqlite3.connect(order["ledger"], timeout=30)) as ledger, ledger:
        ledger.execute("INSERT INTO attempts VALUES (?)", (order["key"],))
        ledger.execute("INSERT OR IGNORE INTO payments VALUES (?)", (order["key"],))
    return order["key"]


@app.activity_trigger(input_name="order")
def hold_thread(order):
    began_s = time.time()
    time.sleep(order["seconds"])
    return {"began_s": began_s, "ended_s": time.time()}
