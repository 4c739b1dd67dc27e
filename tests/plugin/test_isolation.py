"""What one test leaves for the next: `durable_isolation`, by option and by mark."""

from pathlib import Path

import pytest

APP_DIR = Path(__file__).parents[1] / "apps" / "alone"
OPTION = f"--app-dir={APP_DIR}"
COUNTS = """
import pytest
from durable_harness.testing import assert_completed

ENTITY = "/runtime/webhooks/durabletask/entities/counter/c"

def counted(operations):
    operation = operations.start_orchestrator("count", instance_id="the-same")
    assert_completed(operation)
    return operation.status()["output"]

def left_over(operations):
    listed = operations.request("GET", "/runtime/webhooks/durabletask/instances").json()
    return len(listed), operations.request("GET", ENTITY).status
"""
LEAVING = """
def test_one(operations):
    assert counted(operations) == [1, 1]
    operations.start_orchestrator("approval", {"days": 30}, instance_id="left")
"""


def written(inner, *tests, before=""):
    """Write a file with tests that run in this order."""
    return inner.write("test_it.py", before + COUNTS + "\n".join(tests))


def test_by_default_tests_share_everything(inner):
    """Without the option a test finds the instances, entities and module values of the one before."""
    finds = """
def test_two(operations):
    assert left_over(operations) == (2, 200)
    assert counted(operations) == [2, 2]
"""
    outcome = written(inner, LEAVING, finds).run(OPTION)
    assert (outcome.code, len(outcome.cases)) == (0, 2), outcome.output


@pytest.mark.parametrize("ini", [True, False])
def test_each_test_may_have_an_empty_hub(inner, ini):
    """With `hub`, as option or key, no instance and no entity is left; the host and its modules are the same."""
    finds = """
def test_two(operations, durable_stack):
    assert left_over(operations) == (0, 404)
    assert counted(operations) == [1, 2]

class TestOther:
    def test_three(self, durable_url, operations):
        assert counted(operations) == [1, 3]
"""
    if ini:
        (inner.folder / "pytest.ini").write_text("[pytest]\ndurable_isolation = hub\nfilterwarnings = error\n")
    outcome = written(inner, LEAVING, finds).run(OPTION, *(() if ini else ("--isolation=hub",)))
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output


def test_a_mark_gives_one_test_an_empty_hub(inner):
    """The nearest mark counts before the option; tests without one share what they find."""
    finds = """
def test_two(operations):
    assert counted(operations) == [2, 2]

@pytest.mark.durable_isolation("hub")
def test_three(operations):
    assert counted(operations) == [1, 3]

def test_four(operations):
    assert counted(operations) == [2, 4]

@pytest.mark.durable_isolation("process")
def test_five(operations):
    assert counted(operations) == [1, 1]
"""
    outcome = written(inner, LEAVING, finds).run(OPTION)
    assert (outcome.code, len(outcome.cases)) == (0, 5), outcome.output


@pytest.mark.parametrize("faults", [False, True])
def test_each_test_may_have_a_new_host(inner, faults):
    """With `process` the modules are new too, at the same URL; where host and scheduler are two processes as well."""
    finds = f"""
@pytest.fixture(scope="module")
def url(durable_url):
    return durable_url

def test_two(operations, url, durable_clock{", durable_faults" if faults else ""}):
    assert left_over(operations) == (0, 404)
    assert counted(operations) == [1, 1]
    durable_clock.advance("1d")
    assert url == operations.client.base_url

def test_three(operations, url):
    assert counted(operations) == [1, 1]
    assert url == operations.client.base_url
"""
    outcome = written(inner, LEAVING, finds).run(OPTION, "--isolation=process")
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output


def test_an_empty_hub_with_processes_of_their_own(inner):
    """Where faults make host and scheduler two processes, the hub is emptied anyway."""
    finds = """
def test_two(operations, durable_faults):
    assert left_over(operations) == (0, 404)
    assert counted(operations) == [1, 2]
"""
    outcome = written(inner, LEAVING, finds).run(OPTION, "--isolation=hub")
    assert (outcome.code, len(outcome.cases)) == (0, 2), outcome.output


def test_keys_outlive_a_new_host(inner):
    """A new host has the keys of the one before it, so that what knows them continues."""
    checked = """
@pytest.fixture(scope="module")
def durable_serve_args():
    return ("--enableAuth",)
"""
    finds = """
def test_two(operations):
    assert counted(operations) == [1, 1]
"""
    outcome = written(inner, checked, LEAVING, finds).run(OPTION, "--isolation=process")
    assert (outcome.code, len(outcome.cases)) == (0, 2), outcome.output


def test_skipped_time_knows_nothing_of_the_test_before(inner):
    """Time does not jump to a timeout that a test before left behind."""
    leaves = """
@pytest.mark.durable_time("real")
def test_one(operations):
    operations.start_orchestrator("approval", {"days": 30}).wait_for("Running")
"""
    finds = """
def test_two(operations, durable_clock):
    before = durable_clock.now()
    durable_clock.skip()
    counted(operations)
    assert (durable_clock.now() - before).days == 0
"""
    outcome = written(inner, leaves, finds).run(OPTION, "--isolation=hub")
    assert (outcome.code, len(outcome.cases)) == (0, 2), outcome.output


def test_a_stack_without_hubs_is_a_skip_with_the_remedy(inner):
    """Where the scheduler is a foreign one the test is skipped, and the reason states what to do."""
    inner.write(
        "test_it.py",
        """
import pytest

@pytest.fixture(scope="module")
def durable_stack():
    from durable_harness.stack import RunningStack
    return RunningStack("elsewhere", "http://localhost:1")

@pytest.mark.durable_isolation("hub")
def test_it(durable_url): ...
""",
    )
    reason = inner.run().skip_reason("test_it")
    assert "the elsewhere stack cannot give a test an empty hub" in reason
    assert "--stack embedded" in reason
    assert "--isolation shared" in reason


def test_wrong_names_of_isolation_end_the_run(inner):
    """A wrong option or mark ends the run before any test, with what is allowed."""
    inner.write("test_it.py", "import pytest\n\n@pytest.mark.durable_isolation('none')\ndef test_it(): ...\n")
    for arguments, message in (
        (["--isolation=all"], "--isolation: got 'all', expected one of shared, hub, process"),
        ([], "test_it.py::test_it: durable_isolation: got 'none', expected one of shared, hub, process"),
    ):
        outcome = inner.run(*arguments)
        assert outcome.code == pytest.ExitCode.USAGE_ERROR
        assert message in outcome.output
