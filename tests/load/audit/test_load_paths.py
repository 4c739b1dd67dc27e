"""Where the operations near p50 and p99 spent their time: asked after a run, of a host of ours or of any service."""

import pytest
from locust_process import Locust

from durable_harness.gate.records import read_operations

TIMINGS = "/admin/durable-harness/timings"


def paths_of(run):
    """Return the paths of the only scenario of a run."""
    (scenario,) = run.summary["scenarios"].values()
    return scenario["paths"]


def test_a_service_that_is_not_ours_is_asked_once_for_notes(locust, stub):
    """It has no such endpoint; its histories show some of it, the rest is shown as unknown."""
    stub.always(work_s=0.2)
    run = locust()
    asked = [path for _, path, _ in stub.requests if path.startswith(TIMINGS)]
    assert len(asked) == 1
    p50, p99 = paths_of(run)
    assert (p50["percentile"], p99["percentile"]) == (50, 99)
    assert "thread" not in p50["mean_ms"]
    assert "slot" not in p50["mean_ms"]
    assert "not known" in p99["unknown"]
    assert sum(p99["mean_ms"].values()) == pytest.approx(p99["completion_ms"], rel=0.02)


def test_without_histories_nothing_is_known_of_another_service(locust, stub):
    """With --history-sample 0 no history is read: there is no figure, and the reason."""
    run = locust("--history-sample", "0")
    assert [path for _, path, _ in stub.requests if "showHistory" in path] == []
    assert all(not one["mean_ms"] and one["unknown"] for one in paths_of(run))


@pytest.mark.thorough
def test_of_a_host_of_ours_every_wait_is_known(tmp_path, pytestconfig):
    """The host and its scheduler noted each wait: nothing is unknown, and the parts come to the whole."""
    words = ["-f", "loadtests", "--headless", "-t", "3s", "--rate", "20", "Steady"]
    process = Locust(words, tmp_path / "report", pytestconfig.rootpath)
    try:
        run = process.wait()
    finally:
        process.kill()
        process.close()
    assert read_operations(run.report_dir).operations.num_rows > 0
    for one in paths_of(run):
        assert "unknown" not in one["mean_ms"]
        assert sum(one["mean_ms"].values()) == pytest.approx(one["completion_ms"], rel=0.02)
    assert "Where the slow ones spent it (Steady)" in run.out
