"""Two functions in one script outside of their folders, each found by its entryPoint."""

import azure.durable_functions as df
from __app__.shared.words import HELLO


def _fan_out(context: df.DurableOrchestrationContext):
    names = yield context.call_activity("names_of", context.get_input())
    return sum((yield context.task_all([context.call_activity("measure", name) for name in names])))


fan_out = df.Orchestrator.create(_fan_out)


def list_names(count: int) -> list:
    return [HELLO * number for number in range(1, count + 1)]
