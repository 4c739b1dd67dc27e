from datetime import timedelta

import azure.durable_functions as df
from shared.words import HELLO  # the app's folder is on the import path too


def orchestrator_function(context: df.DurableOrchestrationContext):
    due = context.create_timer(context.current_utc_datetime + timedelta(minutes=5))
    approved = context.wait_for_external_event("Approval")
    winner = yield context.task_any([approved, due])
    if winner == due:
        return "escalated"
    due.cancel()
    return f"{HELLO}: {approved.result}"


main = df.Orchestrator.create(orchestrator_function)
