"""Retries: attempts, waits between them, and the ids that other tasks get meanwhile."""

import pytest

ATTEMPTS = 3


def test_after_a_retry_the_next_activity_gets_its_own_answer(features, sdk, key):
    """An activity that succeeds on attempt 2 gives that result, and the activity after it is not mixed up with it."""
    assert features.output_of("retry_then_activity", {"key": key, "succeed_on": 2}) == [2, "after"]
    assert sdk.probe(key)["count"] == 2


def test_exhausted_attempts_raise_the_last_failure(features, sdk, key):
    """After the last allowed attempt the orchestrator sees the last failure, and can continue."""
    output = features.output_of("retry_caught", {"key": key, "succeed_on": ATTEMPTS + 1})
    assert f"attempt {ATTEMPTS} refused" in output["caught"]
    assert output["after"] == "after"
    assert sdk.probe(key)["count"] == ATTEMPTS


def test_uncaught_exhausted_attempts_fail_the_instance(features, key):
    """An orchestrator that does not catch the last failure ends Failed with its text."""
    status = features.run("retry_then_activity", {"key": key, "succeed_on": ATTEMPTS + 1})
    assert status["runtimeStatus"] == "Failed"
    assert f"attempt {ATTEMPTS} refused" in status["output"]


def test_attempts_are_an_interval_apart(features, sdk, key):
    """The second and third attempt each wait at least the retry interval."""
    features.output_of("retry_then_activity", {"key": key, "succeed_on": 3, "interval_ms": 150})
    first, second, third = sdk.probe(key)["notes"]
    assert second - first >= 0.15
    assert third - second >= 0.15


def test_retries_inside_task_all_keep_their_places(features, key):
    """Four retried activities with different fates each deliver their own result, in order, and the next task works."""
    wanted = enumerate((1, 3, 2, 1))
    requests = [{"key": f"{key}-{place}", "succeed_on": n, "interval_ms": 30} for place, n in wanted]
    assert features.output_of("retry_all", requests) == [[1, 3, 2, 1], "after"]


@pytest.mark.parametrize(("await_loser", "late"), [(False, None), (True, 2)])
def test_a_retry_that_loses_a_race_disturbs_nothing(features, key, await_loser, late):
    """A timer beats a retry in task_any; the next activity gets its own answer; the loser can still be awaited."""
    request = {"key": key, "succeed_on": 2, "interval_ms": 300, "await_loser": await_loser}
    output = features.output_of("retry_loses_race", request)
    assert output == {"winner": "timer", "after": "after", "late": late}


def failed_and_rewound(features, orchestrator, request):
    """Run an orchestration that fails, rewind it; return its next end."""
    status = features.run(orchestrator, request)
    assert status["runtimeStatus"] == "Failed"
    assert features.operate(status["instanceId"], "rewind").status_code == 202
    return features.wait_terminal(status["instanceId"])


@pytest.mark.parametrize("orchestrator", ["retry_then_activity", "parent_retrying"])
def test_a_rewind_does_all_attempts_again(features, sdk, key, orchestrator):
    """An activity or a child that failed with its retries has them all again after a rewind."""
    request = {"key": key, "succeed_on": ATTEMPTS + 2, "interval_ms": 10}
    status = failed_and_rewound(features, orchestrator, request)
    assert (status["runtimeStatus"], status["output"]) == ("Completed", [ATTEMPTS + 2, "after"])
    assert sdk.probe(key)["count"] == ATTEMPTS + 2


@pytest.mark.parametrize("orchestrator", ["retry_then_activity", "parent_retrying"])
def test_a_rewind_that_does_not_help_fails_again(features, sdk, key, orchestrator):
    """An activity or a child that fails with its retries after a rewind, too, fails the orchestration."""
    request = {"key": key, "succeed_on": 99, "interval_ms": 10}
    status = failed_and_rewound(features, orchestrator, request)
    assert status["runtimeStatus"] == "Failed"
    assert f"attempt {2 * ATTEMPTS} refused" in status["output"]
    assert sdk.probe(key)["count"] == 2 * ATTEMPTS
