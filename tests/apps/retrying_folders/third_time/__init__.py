"""Fail twice, then return the retry context."""

import azure.functions as func


async def main(timer: func.TimerRequest, out: func.Out[str], context: func.Context) -> None:
    retry = context.retry_context
    if retry.retry_count < 2:
        raise ValueError(f"try {retry.retry_count}")
    out.set(f"retry {retry.retry_count} of {retry.max_retry_count} after {retry.exception.message}")
