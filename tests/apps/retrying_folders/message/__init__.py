"""Fail: a queue has retries of its own, by its dequeue count."""

import azure.functions as func


def main(message: func.QueueMessage) -> None:
    raise ValueError("not this message")
