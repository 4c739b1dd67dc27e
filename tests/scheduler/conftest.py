"""A scheduler process per test worker, a task hub per test, and durabletask's own clients and workers on it."""

import uuid

import pytest
from durabletask.azuremanaged.client import DurableTaskSchedulerClient
from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker

from durable_harness.stack import scheduler_process


@pytest.fixture(scope="session")
def scheduler():
    """Give a running scheduler that makes task hubs on their first use."""
    with scheduler_process(args=["--dynamic-task-hubs"]) as running:
        yield running


class Hub:
    """A task hub with clients and workers of the public packages, all closed at the end of the test."""

    def __init__(self, scheduler, name=None):
        self.scheduler = scheduler
        self.name = name or uuid.uuid4().hex
        self.client = self.new_client()
        self._workers = []

    @property
    def address(self):
        return {
            "host_address": self.scheduler.grpc_address,
            "taskhub": self.name,
            "token_credential": None,
            "secure_channel": False,
        }

    def new_client(self, **options):
        return DurableTaskSchedulerClient(**self.address, **options)

    def work(self, *functions, start=True, **options):
        """Start a worker that knows these orchestrators (their first parameter is ctx), activities and entities."""
        worker = DurableTaskSchedulerWorker(**self.address, **options)
        for kind, function in functions:
            getattr(worker, f"add_{kind}")(function)
        if start:
            worker.start()
        self._workers.append(worker)
        return worker

    def run(self, orchestrator, **options):
        """Start an orchestration and wait for its end."""
        return self.wait(self.client.schedule_new_orchestration(orchestrator, **options))

    def wait(self, instance_id):
        return self.client.wait_for_orchestration_completion(instance_id, timeout=20)

    def close(self):
        for worker in self._workers:
            worker.stop()
        self.client.close()


@pytest.fixture
def new_hub(scheduler):
    """Give a maker of task hubs: new_hub(name=None)."""
    hubs = []

    def make(name=None):
        hubs.append(Hub(scheduler, name))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(new_hub):
    """Give a task hub of this test's own."""
    return new_hub()
