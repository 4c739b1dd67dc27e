"""The limits that an app's settings put on the host: concurrency, threads, time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

LIMITS_APP = Path(__file__).parents[2] / "apps" / "limits"


@pytest.fixture
def limits(running_apps):
    """Return the client of the app whose settings limit it."""
    return running_apps(LIMITS_APP)


def test_activities_run_no_more_than_allowed_at_once(limits):
    """maxConcurrentActivityFunctions activities run at once, neither more nor fewer."""
    assert limits.wait_terminal(limits.start("fan"))["runtimeStatus"] == "Completed"
    assert limits.get("/v1/peaks").json()["activities"] == 2


def test_orchestrators_run_no_more_than_allowed_at_once(limits):
    """maxConcurrentOrchestratorFunctions turns run at once, although there are threads for more."""
    instances = [limits.start("blocking") for _ in range(4)]
    assert {limits.wait_terminal(instance)["runtimeStatus"] for instance in instances} == {"Completed"}
    assert limits.get("/v1/peaks").json()["orchestrators"] == 1


def test_plain_functions_share_the_thread_pool(limits):
    """PYTHON_THREADPOOL_THREAD_COUNT plain functions run at once; the rest waits for a thread."""
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: limits.get("/v1/block").status_code, range(12)))
    assert answers == [200] * 12
    assert limits.get("/v1/peaks").json()["threads"] == 3


def test_an_http_function_that_takes_too_long_is_a_500(limits):
    """An invocation longer than functionTimeout ends as a failure, and the host continues."""
    assert limits.get("/v1/forever").status_code == 500
    assert limits.get("/v1/peaks").status_code == 200


def test_an_activity_that_takes_too_long_fails_its_instance(limits):
    """An activity longer than functionTimeout fails with a text that names the setting."""
    status = limits.wait_terminal(limits.start("too_long"))
    assert status["runtimeStatus"] == "Failed"
    assert "functionTimeout" in status["output"]
