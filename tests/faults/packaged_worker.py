"""A worker of the durabletask package in a process of its own, to be killed: ADDRESS TASKHUB."""

import sys
import threading
import time
from datetime import timedelta

from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker
from durabletask.grpc_options import GrpcWorkerResiliencyOptions

PAUSE_S = 0.05


def double(_context, number):
    time.sleep(PAUSE_S)
    return 2 * number


def packaged(context, number):
    first = yield context.call_activity(double, input=number)
    yield context.create_timer(timedelta(seconds=PAUSE_S))
    return (yield context.call_activity(double, input=first))


def main(address, taskhub):
    """Work until killed; come back to a scheduler that was away within a second."""
    patience = GrpcWorkerResiliencyOptions(
        reconnect_backoff_base_seconds=0.1, reconnect_backoff_cap_seconds=0.5, channel_recreate_failure_threshold=1
    )
    worker = DurableTaskSchedulerWorker(
        host_address=address,
        taskhub=taskhub,
        token_credential=None,
        secure_channel=False,
        resiliency_options=patience,
    )
    worker.add_orchestrator(packaged)
    worker.add_activity(double)
    worker.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
