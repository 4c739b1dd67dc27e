"""An approval that is waited for over some days."""

from datetime import timedelta

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger("context")
def approval(context: df.DurableOrchestrationContext):
    approved = context.wait_for_external_event("approved")
    late = context.create_timer(context.current_utc_datetime + timedelta(days=context.get_input()["days"]))
    first = yield context.task_any([approved, late])
    if first == late:
        return "expired"
    late.cancel()
    return approved.result
