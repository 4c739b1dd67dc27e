"""Every dispatch is a lease: work comes back from workers that hang or are gone, and late answers change nothing."""

import contextlib
import subprocess
import sys
import time
import uuid
from pathlib import Path

import grpc
import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from fault_wire import Wire, activity_answer, batch_answer, ended, new_events, refused, task, turn_answer

from durable_harness.network.free_ports import free_port
from durable_harness.stack import scheduler_process
from durable_harness.stack.processes import CommandProcess

LEASE_TIMEOUT_S = 0.6
NOT_FOUND = grpc.StatusCode.NOT_FOUND
SILENT_WORKER = Path(__file__).parent / "silent_worker.py"


def make_turn(wire):
    wire.start()


def make_activity(wire):
    wire.start()
    stream = wire.work(workItemFilters={"orchestrations": [{"name": "o"}]})
    wire.turn(stream, task(0))
    stream.cancel()


def make_batch(wire):
    wire.signal("add")


def output_of_instance(wire):
    return [wire.state().output.value]


def results_of_activity(wire):
    """Take the instance's next turn: what it learns of the activity."""
    stream = wire.work()
    events = new_events(stream.next("orchestratorRequest"))
    stream.cancel()
    return [event.taskCompleted.result.value for event in events]


def state_of_entity(wire):
    return [wire.entity().serializedState.value]


KINDS = {
    "turn": (make_turn, "CompleteOrchestratorTask", lambda item, text: turn_answer(item, ended(text))),
    "activity": (make_activity, "CompleteActivityTask", activity_answer),
    "batch": (make_batch, "CompleteEntityTask", batch_answer),
}
OUTCOMES = {"turn": output_of_instance, "activity": results_of_activity, "batch": state_of_entity}
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def addresses():
    """Yield the addresses of a scheduler with a short lease timeout and of one with the usual hour."""
    hubs = ["--dynamic-task-hubs"]
    with contextlib.ExitStack() as exits:
        short = exits.enter_context(scheduler_process(args=["--lease-timeout", str(LEASE_TIMEOUT_S), *hubs]))
        usual = exits.enter_context(scheduler_process(args=hubs))
        yield {"short": short.grpc_address, "usual": usual.grpc_address}


@pytest.fixture
def wire_to(addresses):
    """Yield a wire to a task hub of this test's own, on the scheduler with the lease timeout of that name."""
    with contextlib.ExitStack() as exits:
        yield lambda timeout: exits.enter_context(Wire(addresses[timeout], uuid.uuid4().hex))


def everything(wire):
    """Return all that a client can see of the instance and the entity of a test."""
    instance = wire.GetInstance(pb.GetInstanceRequest(instanceId="i", getInputsAndOutputs=True))
    entity = wire.GetEntity(pb.GetEntityRequest(instanceId="@e@k", includeState=True))
    return instance, [str(event) for event in wire.history()] if instance.exists else [], entity


@each_kind
def test_work_of_a_hung_worker_goes_to_another(wire_to, kind):
    """After --lease-timeout another worker has it under a new token; answers under the old one are NOT_FOUND."""
    make, method, answer = KINDS[kind]
    wire = wire_to("short")
    hung = wire.work()
    begun = time.monotonic()
    make(wire)
    late = hung.next()
    other = wire.work()
    again = other.next()
    assert time.monotonic() - begun > LEASE_TIMEOUT_S / 2
    assert again.completionToken != late.completionToken
    before = everything(wire)
    assert refused(getattr(wire, method), answer(late, '"late"')) is NOT_FOUND
    assert everything(wire) == before
    hung.cancel()
    getattr(wire, method)(answer(again, '"in time"'))
    other.cancel()
    after = everything(wire)
    assert refused(getattr(wire, method), answer(late, '"late"')) is NOT_FOUND
    assert everything(wire) == after
    assert OUTCOMES[kind](wire) == ['"in time"']


@each_kind
def test_a_repeated_answer_is_refused_and_changes_nothing(wire_to, kind):
    """An answer is taken once: the same again, or another one under its token, is NOT_FOUND and changes nothing."""
    make, method, answer = KINDS[kind]
    wire = wire_to("usual")
    make(wire)
    stream = wire.work()
    item = stream.next()
    getattr(wire, method)(answer(item, '"first"'))
    after = everything(wire)
    for text in ('"first"', '"second"'):
        assert refused(getattr(wire, method), answer(item, text)) is NOT_FOUND
    assert everything(wire) == after
    stream.cancel()
    assert OUTCOMES[kind](wire) == ['"first"']


@each_kind
def test_a_closed_stream_gives_its_work_back_at_once(wire_to, kind):
    """The work of a worker that closed its stream goes to another at once, not after the lease's hour."""
    make, method, answer = KINDS[kind]
    wire = wire_to("usual")
    make(wire)
    leaving, staying = wire.work(), wire.work(workItemFilters={})
    item = leaving.next()
    heir = wire.work()
    leaving.cancel()
    again = heir.next()
    assert refused(getattr(wire, method), answer(item, '"late"')) is NOT_FOUND
    getattr(wire, method)(answer(again, '"in time"'))
    for stream in (heir, staying):
        stream.cancel()
    assert OUTCOMES[kind](wire) == ['"in time"']


@each_kind
def test_a_killed_workers_work_comes_back_at_once(wire_to, kind):
    """The work of a worker process that was killed -9 goes to another at once, although it did not say goodbye."""
    make, method, answer = KINDS[kind]
    wire = wire_to("usual")
    make(wire)
    command = [sys.executable, str(SILENT_WORKER), wire.address, wire.hub]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        token = victim.stdout.readline().strip()
        heir = wire.work()
        victim.kill()
        again = heir.next()
    assert again.completionToken != token
    getattr(wire, method)(answer(again, '"in time"'))
    heir.cancel()
    assert OUTCOMES[kind](wire) == ['"in time"']


@each_kind
def test_abandoned_work_is_ready_at_once_and_its_token_is_spent(wire_to, kind):
    """Work that a worker abandons is handed out again at once; the token it had is NOT_FOUND, also for abandoning."""
    make, method, answer = KINDS[kind]
    wire = wire_to("usual")
    make(wire)
    stream = wire.work()
    item = stream.next()
    abandon, request = {
        "turn": (wire.AbandonTaskOrchestratorWorkItem, pb.AbandonOrchestrationTaskRequest),
        "activity": (wire.AbandonTaskActivityWorkItem, pb.AbandonActivityTaskRequest),
        "batch": (wire.AbandonTaskEntityWorkItem, pb.AbandonEntityTaskRequest),
    }[kind]
    abandon(request(completionToken=item.completionToken))
    again = stream.next()
    assert refused(abandon, request(completionToken=item.completionToken)) is NOT_FOUND
    assert refused(getattr(wire, method), answer(item, '"late"')) is NOT_FOUND
    getattr(wire, method)(answer(again, '"in time"'))
    stream.cancel()


@each_kind
def test_a_token_of_another_hub_is_no_token(wire_to, kind):
    """The token of one hub's work is NOT_FOUND in another hub, and still good in its own."""
    make, method, answer = KINDS[kind]
    wire, elsewhere = wire_to("usual"), wire_to("usual")
    make(wire)
    stream = wire.work()
    item = stream.next()
    assert refused(getattr(elsewhere, method), answer(item, '"astray"')) is NOT_FOUND
    getattr(wire, method)(answer(item, '"home"'))
    stream.cancel()


def test_a_slow_worker_within_its_lease_keeps_its_work(wire_to):
    """While a lease lasts no other worker has the work: another gets only what comes after, and both complete."""
    wire = wire_to("usual")
    make_turn(wire)
    slow = wire.work(maxConcurrentOrchestrationWorkItems=1)
    item = slow.next()
    other = wire.work()
    for name in ("second", "third"):
        wire.start(name)
    assert [other.next().orchestratorRequest.instanceId for _ in range(2)] == ["second", "third"]
    wire.answer(item, ended('"slow"'))
    assert output_of_instance(wire) == ['"slow"']
    for stream in (slow, other):
        stream.cancel()


def test_events_that_come_during_a_lost_turn_are_not_lost(wire_to):
    """What is raised while a worker holds a turn comes with the turn when it is handed out again, in order."""
    wire = wire_to("usual")
    make_turn(wire)
    leaving = wire.work()
    leaving.next()
    for name in ("first", "second"):
        wire.raise_event(name)
    heir = wire.work()
    leaving.cancel()
    events = new_events(heir.next())
    assert [event.eventRaised.name for event in events if event.HasField("eventRaised")] == ["first", "second"]
    assert sum(event.HasField("executionStarted") for event in events) == 1
    heir.cancel()


def test_signals_that_come_during_a_lost_batch_are_not_lost(wire_to):
    """What is signalled while a worker holds a batch comes after the batch's own, each once, in order."""
    wire = wire_to("usual")
    wire.signal("add")
    leaving = wire.work()
    leaving.next("entityRequestV2")
    for name in ("double", "report"):
        wire.signal(name)
    heir = wire.work()
    leaving.cancel()
    seen = []
    while len(seen) < 3:
        seen += wire.batch(heir, '"state"')
    assert seen == ["add", "double", "report"]
    heir.cancel()


@pytest.fixture
def mortal(tmp_path):
    """Yield a scheduler with a file, as a process that can be killed and started again on the same port."""
    ports = ["--grpc-port", str(free_port()), "--http-port", "0", "--dashboard-port", "any"]
    words = ["scheduler", *ports, "--data", str(tmp_path / "hub.db")]
    running = CommandProcess(sys.executable, words, None, tmp_path, {})
    running.start()
    yield running
    running.stop()


@pytest.mark.thorough
@each_kind
def test_leased_work_outlives_its_scheduler(mortal, kind):
    """A scheduler that is killed -9 hands out again what was leased, once; tokens of before are NOT_FOUND."""
    make, method, answer = KINDS[kind]
    with Wire(mortal.facts["grpcAddress"]) as wire:
        make(wire)
        before = wire.work()
        item = before.next()
        mortal.kill()
        mortal.start()
        wire.hello()
        stream = wire.work()
        again = stream.next()
        assert refused(getattr(wire, method), answer(item, '"late"')) is NOT_FOUND
        getattr(wire, method)(answer(again, '"in time"'))
        stream.cancel()
        assert OUTCOMES[kind](wire) == ['"in time"']


@pytest.mark.thorough
@each_kind
def test_what_was_answered_outlives_the_scheduler(mortal, kind):
    """A completion that was answered is there after a kill -9 at that very moment, and the work is not done again."""
    make, method, answer = KINDS[kind]
    with Wire(mortal.facts["grpcAddress"]) as wire:
        make(wire)
        stream = wire.work()
        getattr(wire, method)(answer(stream.next(), '"kept"'))
        mortal.kill()
        mortal.start()
        wire.hello()
        assert OUTCOMES[kind](wire) == ['"kept"']
