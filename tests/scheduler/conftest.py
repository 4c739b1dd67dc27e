"""A scheduler process per test worker, a task hub per test, and the public packages' own clients and workers on it."""

import threading
import uuid

import grpc
import pytest
from dts_helpers import DEADLINE_S, RawStub, as_list
from durabletask.azuremanaged.client import AsyncDurableTaskSchedulerClient, DurableTaskSchedulerClient
from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker

from durable_harness.stack import scheduler_process

STOP_TIMEOUT_S = 30.0


class Reaper:
    """Stops workers in the background: a stop takes a worker a second, which no test need wait for."""

    def __init__(self):
        self._stops = []

    def stop(self, worker):
        stop = threading.Thread(target=worker.stop, name="stop of a worker")
        stop.start()
        self._stops.append(stop)

    def finish(self):
        for stop in self._stops:
            stop.join(STOP_TIMEOUT_S)
        assert not any(stop.is_alive() for stop in self._stops), "a worker does not stop"


@pytest.fixture(scope="session")
def reaper():
    """Yield the stopper of workers; when the session ends, all of them have ended."""
    reaper = Reaper()
    yield reaper
    reaper.finish()


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory, reaper):
    """Yield a running scheduler that makes task hubs on their first use."""
    log = tmp_path_factory.mktemp("scheduler") / "scheduler.log"
    with scheduler_process(log_path=log, args=["--dynamic-task-hubs"]) as running:
        yield running


class Hub:
    """A task hub with clients and workers of the public packages, all closed at the end of the test."""

    def __init__(self, scheduler, reaper, name=None):
        self.scheduler = scheduler
        self.name = name or uuid.uuid4().hex
        self._reaper = reaper
        self._clients, self._workers, self._channels = [], [], []
        self.client = self.new_client()

    @property
    def address(self):
        """What the clients and workers of durabletask-azuremanaged need to know."""
        return {
            "host_address": self.scheduler.grpc_address,
            "taskhub": self.name,
            "token_credential": None,
            "secure_channel": False,
        }

    def new_client(self, **options):
        client = DurableTaskSchedulerClient(**self.address, **options)
        self._clients.append(client)
        return client

    def new_async_client(self, **options):
        """Make an asyncio client; who makes it closes it, on its own event loop."""
        return AsyncDurableTaskSchedulerClient(**self.address, **options)

    def raw(self, **metadata):
        """Return the bare stub of the protocol, for what the packages do not do."""
        limit = ("grpc.max_receive_message_length", -1)
        channel = grpc.insecure_channel(self.scheduler.grpc_address, options=[limit])
        self._channels.append(channel)
        return RawStub(channel, [("taskhub", self.name), *metadata.items()])

    def work(  # noqa: PLR0913
        self,
        *functions,
        orchestrators=(),
        activities=(),
        entities=(),
        versioning=None,
        filters=(),
        start=True,
        **options,
    ):
        """Run a worker with these functions, or with pairs of kind and function; `filters=()` asks for none."""
        worker = DurableTaskSchedulerWorker(**self.address, **options)
        pairs = [*functions, *(("orchestrator", function) for function in as_list(orchestrators))]
        pairs += [("activity", function) for function in as_list(activities)]
        pairs += [("entity", function) for function in as_list(entities)]
        for kind, function in pairs:
            getattr(worker, f"add_{kind}")(function)
        if versioning is not None:
            worker.use_versioning(versioning)
        if filters == "of its functions":
            worker.use_work_item_filters()
        elif filters:
            worker.use_work_item_filters(filters)
        if start:
            worker.start()
        self._workers.append(worker)
        return worker

    def start(self, orchestrator, **options):
        """Start an orchestration and return its id."""
        return self.client.schedule_new_orchestration(orchestrator, **options)

    def run(self, orchestrator, **options):
        """Start an orchestration and wait for its end."""
        return self.wait(self.start(orchestrator, **options))

    def output_of(self, orchestrator, **options):
        """Start an orchestration, wait for its end and return its output; anything but success fails the test."""
        state = self.run(orchestrator, **options)
        assert state.failure_details is None, state.failure_details
        return state.get_output()

    def wait(self, instance_id, timeout=DEADLINE_S):
        """Wait for the end of an instance."""
        return self.client.wait_for_orchestration_completion(instance_id, timeout=timeout)

    def state(self, instance_id):
        return self.client.get_orchestration_state(instance_id)

    def status(self, instance_id):
        return self.state(instance_id).runtime_status

    def history(self, instance_id):
        return self.client.get_orchestration_history(instance_id)

    def stop(self, worker):
        """Release a worker now: its stream ends at once, the rest of it in the background."""
        self._workers.remove(worker)
        self._reaper.stop(worker)

    def close(self):
        for worker in self._workers:
            self._reaper.stop(worker)
        for closable in [*self._clients, *self._channels]:
            closable.close()


@pytest.fixture
def new_hub(scheduler, reaper):
    """Yield a maker of task hubs: new_hub(name=None, on=another scheduler)."""
    hubs = []

    def make(name=None, on=None):
        hubs.append(Hub(on or scheduler, reaper, name))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(new_hub):
    """Return a task hub of this test's own."""
    return new_hub()


@pytest.fixture
def release():
    """Yield an event that releases stuck functions; it is set at the end of the test, whatever happens."""
    event = threading.Event()
    yield event
    event.set()
