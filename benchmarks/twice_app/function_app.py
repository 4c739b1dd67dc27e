"""Activities that compute for a while, and append to a file if their input asks for it."""

import time
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def work(context: df.DurableOrchestrationContext) -> Generator[Any, Any, bool]:
    asked = context.get_input()
    for _ in range(asked["activities"]):
        yield context.call_activity("compute", asked)
    return True


@app.activity_trigger(input_name="asked")
def compute(asked: dict) -> bool:
    until_s = time.thread_time() + asked["cpu_s"]
    while time.thread_time() < until_s:
        pass
    if asked["file"]:
        with open(asked["file"], "a") as file:  # noqa: PTH123 - as apps do it
            file.write("x")
    return True
