"""What a turn notes about its replay: how long it took to reach what is new."""

import time

import pytest

from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.host.stages import CURRENT, StagesNoted
from durable_harness.protocol import pb
from history_events import event
from recorded import app_of

WORKED_NS = 2_000_000
BEGIN = (event(0, orchestratorStarted={}), event(0, executionStarted={"name": "o"}))
ASKED = (event(0, 0, taskScheduled={"name": "a"}), event(0, orchestratorCompleted={}))
OUTCOME = (event(1, orchestratorStarted={}), event(1, taskCompleted={"taskScheduledId": 0}))


@pytest.fixture
def run_turn():
    """Return a function that runs a turn, and returns what it noted and when it began."""

    def run(orchestrator, past, new):
        stages = StagesNoted().begin("token")
        CURRENT.set(stages)
        begun_ns = time.monotonic_ns()
        request = pb.OrchestratorRequest(instanceId="i", pastEvents=past, newEvents=new)
        OrchestrationRunner(app_of(o=orchestrator)).run(request)
        return stages, begun_ns

    yield run
    CURRENT.set(None)


def test_a_replay_lasts_until_the_first_new_event(run_turn):
    """What the code does in events that it has seen is in the time, what it does after them is not."""
    resumed = []

    def o(context):
        until_ns = time.monotonic_ns() + WORKED_NS
        while time.monotonic_ns() < until_ns:
            pass
        replaying = context.is_replaying
        yield context.call_activity("a")
        resumed.append((time.monotonic_ns(), replaying, context.is_replaying))

    stages, begun_ns = run_turn(o, [*BEGIN, *ASKED], OUTCOME)
    ((resumed_ns, *replaying),) = resumed
    assert replaying == [True, False]
    assert stages.replayed_events == len(BEGIN) + len(ASKED)
    assert WORKED_NS <= stages.replay_ns <= resumed_ns - begun_ns


def test_code_that_ends_in_its_replay_reaches_nothing_new(run_turn):
    """The time of such a replay is not known."""

    def o(_context):
        return "ended"

    stages, _ = run_turn(o, [*BEGIN, *ASKED], OUTCOME)
    assert (stages.replayed_events, stages.replay_ns) == (4, None)


def test_a_first_turn_replays_nothing(run_turn):
    """A turn without a history notes neither events nor a time."""

    def o(context):
        yield context.call_activity("a")

    stages, _ = run_turn(o, [], BEGIN)
    assert (stages.replayed_events, stages.replay_ns) == (0, None)
