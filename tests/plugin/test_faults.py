"""Faults in the hands of tests: the `durable_faults` fixture, its seed, its limits, and that nothing stays broken."""

from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.stack import StackOptions, open_stack, scheduler_process
from durable_harness.stack.options import Emulator
from durable_harness.testing import Operations, assert_completed
from durable_harness.testing.durable_clock import clock_of
from durable_harness.testing.faults import faults_of

SAMPLE = Path(__file__).parents[2]
START = "/api/async_http_api"
FAILS = """
def test_it(durable_faults):
    durable_faults.drop_work_items(3, kind="activity")
    assert durable_faults.random is None
"""
BREAKS_AND_LEAVES = """
from durable_harness.testing import assert_completed

def test_break(durable_faults, durable_clock):
    durable_faults.drop_work_items(probability=1.0, back_after_s=None)
    durable_faults.refuse_completions(probability=1.0)
    durable_faults.fill_thread_pool()
    durable_faults.reset_stream(away_s=300)
    durable_faults.pause_scheduler(300)

def test_whole(operations):
    assert_completed(operations.start("/api/async_http_api", {"duration": 0}))
"""
DIES = """
import os

def test_die(durable_faults):
    durable_faults.kill_host()
    durable_faults.pause_scheduler(2)
    os.kill(os.getpid(), 9)
"""
ELSEWHERE = """
import pytest

@pytest.fixture(scope="session")
def durable_stack_name():
    return "elsewhere"

@pytest.fixture(scope="module")
def durable_stack():
    from durable_harness.stack import RunningStack
    return RunningStack("elsewhere", "http://localhost:1")

def test_break(durable_faults): ...
"""

embedded = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "ini", "seed"),
    [((), "", "1"), ((), "durable_fault_seed = 7", "7"), (("--fault-seed=42",), "durable_fault_seed = 7", "42")],
)
def test_a_failure_shows_the_seed_and_the_faults(inner, arguments, ini, seed):
    """A failed test names its seed, from the command line or the ini file, how to repeat it, and what was injected."""
    inner.write("pytest.ini", f"[pytest]\n{ini}\n").write("test_it.py", FAILS)
    outcome = inner.run(f"--app-dir={SAMPLE}", *arguments)
    assert f"seed {seed} (--fault-seed {seed} repeats it)" in outcome.output
    assert "drop {'kinds': ['activity'], 'names': [], 'count': 3" in outcome.output


@pytest.mark.thorough
def test_a_random_seed_is_one_for_the_whole_run(inner):
    """--fault-seed random draws a seed for all workers of a run, and a failure shows it as a number."""
    for name in ("test_1.py", "test_2.py"):
        inner.write(name, FAILS)
    outcome = inner.run(f"--app-dir={SAMPLE}", "--fault-seed", "random", "-n", "2", "--dist", "loadfile")
    seeds = [word for line in outcome.output.splitlines() if "repeats it" in line for word in line.split()[1:2]]
    assert len(seeds) == 2
    assert len(set(seeds)) == 1
    assert seeds[0].isdecimal()


def test_a_wrong_seed_is_a_usage_error(inner):
    """An invalid seed ends the run at once, with the valid ones."""
    outcome = inner.write("test_it.py", FAILS).run("--fault-seed", "often")
    assert outcome.code == pytest.ExitCode.USAGE_ERROR
    assert "--fault-seed: got 'often', expected a whole number or random" in outcome.output


@pytest.mark.thorough
def test_every_fault_is_mended_after_its_test(inner, processes_of):
    """However much a test breaks, the next one of the module finds everything whole; nothing is left running."""
    outcome = inner.write("test_it.py", BREAKS_AND_LEAVES).run(f"--app-dir={SAMPLE}")
    assert outcome.code == 0, outcome.output
    processes_of.wait_until_gone(inner.temporary)


@pytest.mark.thorough
def test_a_killed_run_leaves_no_process(inner, processes_of):
    """A run that is killed with a restarted host and a scheduler that stands still leaves neither."""
    inner.write("test_it.py", DIES).run(f"--app-dir={SAMPLE}")
    processes_of.wait_until_gone(inner.temporary)


def test_a_stack_that_is_not_ours_is_a_skip_with_the_remedy(inner):
    """Where nothing can be broken the test is skipped, and the reason states what to do."""
    outcome = inner.write("test_it.py", ELSEWHERE).run()
    assert "the elsewhere stack cannot be broken" in outcome.skip_reason("test_break")
    assert "--stack embedded" in outcome.skip_reason("test_break")


@pytest.mark.parametrize("options", ["--data=hub.db", "--scheduler=settings"])
def test_a_scheduler_of_ones_own_cannot_be_broken(inner, options):
    """Serve options that name another scheduler or its file are an error that names the ones to take out."""
    inner.write(
        "test_it.py",
        f"""
import pytest

@pytest.fixture(scope="session")
def durable_serve_args():
    return ({options!r},)

def test_break(durable_faults): ...
""",
    )
    outcome = inner.run(f"--app-dir={SAMPLE}")
    assert "take --scheduler and --data out of durable_serve_args" in outcome.error("test_break[embedded]")


@embedded
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda faults: faults.drop_work_items(0), "count is 0; expected a whole number of at least 1"),
        (lambda faults: faults.refuse_completions(probability=1.5), "probability is 1.5; expected a number above 0"),
        (
            lambda faults: faults.duplicate_work_items(kind="turn"),
            "kind is 'turn'; expected one of orchestration, activity",
        ),
        (lambda faults: faults.delay_work_items(-1), "least_s is -1; expected 0 or more seconds"),
        (lambda faults: faults.pause_scheduler(float("inf")), "seconds is inf; expected 0 or more seconds"),
        (
            lambda faults: faults.oversize_payloads(size_bytes=0),
            "size_bytes is 0; expected a whole number of at least 1",
        ),
    ],
)
def test_what_is_no_fault_is_refused(durable_faults, wrong, message):
    """An argument that makes no sense is an error that names it and what is allowed."""
    with pytest.raises(UsageError, match=message):
        wrong(durable_faults)


@pytest.fixture(scope="module")
def on_a_scheduler_of_others():
    """Yield the sample app on a scheduler that is not the stack's own, as an emulator is not."""
    with scheduler_process(args=["--dynamic-task-hubs"]) as running:
        emulator = Emulator(running.grpc_address, running.http_url, running.dashboard_url, "no container")
        options = StackOptions(emulator=lambda: emulator, task_hub="others", serve_args=("--test-control",))
        with open_stack("emulator", SAMPLE, options) as stack:
            yield stack


def test_work_items_are_struck_on_any_scheduler(on_a_scheduler_of_others, tmp_path):
    """On an emulator the faults of work items strike as well, and nothing is lost."""
    faults = faults_of(on_a_scheduler_of_others.control, seed=1)
    operations = Operations(on_a_scheduler_of_others, tmp_path)
    injected = [faults.drop_work_items(3), faults.duplicate_work_items(3), faults.refuse_completions(3)]
    started = [operations.start(START, {"duration": 0, "data": number}) for number in range(10)]
    faults.kill_worker()
    assert [assert_completed(operation)["data"] for operation in started] == list(range(10))
    assert [len(fault.wait()) for fault in injected] == [3, 3, 3]
    faults.end()


@pytest.mark.parametrize("method", ["kill_host", "kill_scheduler", "pause_scheduler"])
def test_processes_that_are_not_ours_are_left_alone(on_a_scheduler_of_others, method):
    """Killing what would not come back, or is a foreign process, is refused with the remedy."""
    faults = faults_of(on_a_scheduler_of_others.control, seed=1)
    with pytest.raises(UsageError, match=f"{method}: .* Run this test with --stack embedded"):
        getattr(faults, method)(*([1.0] if method == "pause_scheduler" else []))


def test_a_scheduler_of_others_has_no_clock_to_move(on_a_scheduler_of_others):
    """The clock of an emulator cannot be moved."""
    assert clock_of(on_a_scheduler_of_others) is None


@embedded
def test_a_fault_that_does_not_strike_fails_its_test(operations, durable_faults):
    """Waiting for a fault that never strikes fails and says so: no test passes without the fault it is about."""
    fault = durable_faults.drop_work_items(kind="entity")
    assert_completed(operations.start(START, {"duration": 0}))
    with pytest.raises(AssertionError, match=r"drop .* has not struck all that it was made for in 0\.1 s, but 0"):
        fault.wait(timeout_s=0.1)


@embedded
def test_a_fault_is_gone_with_the_host_it_was_in(durable_faults):
    """After a kill of the host its faults are unknown, and asking for one gives the reason."""
    fault = durable_faults.drop_work_items(kind="entity")
    durable_faults.kill_host()
    with pytest.raises(Exception, match="the host was started again since it was injected"):
        fault.wait()
