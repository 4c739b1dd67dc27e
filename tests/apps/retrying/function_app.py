"""Functions with retry policies: one succeeds at its third try, one never does, one has a trigger without retries."""

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
@app.queue_output(arg_name="out", queue_name="done", connection="AzureWebJobsStorage")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:05:00")
def third_time(timer: func.TimerRequest, out: func.Out[str], context: func.Context) -> None:
    """Fail twice, then return the retry context."""
    retry = context.retry_context
    if retry.retry_count < 2:
        raise ValueError(f"try {retry.retry_count}")
    out.set(f"retry {retry.retry_count} of {retry.max_retry_count} after {retry.exception.message}")


@app.timer_trigger(arg_name="timer", schedule="0 0 4 * * *")
@app.retry(
    strategy="exponential_backoff", max_retry_count="2", minimum_interval="00:01:00", maximum_interval="00:02:00"
)
async def never(timer: func.TimerRequest) -> None:
    """Fail."""
    raise RuntimeError("never")


@app.queue_trigger(arg_name="message", queue_name="messages", connection="AzureWebJobsStorage")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:05:00")
def message(message: func.QueueMessage) -> None:
    """Fail: a queue has retries of its own, by its dequeue count."""
    raise ValueError("not this message")
