"""`durable-harness ab` on an app that is not the sample: two activities of 50 ms, at a route of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from durable_harness.cli import main

# A comparison takes as many pairs as it needs, and a busy machine needs more of them.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]

APP = Path(__file__).parents[2] / "apps" / "constant"
ASLEEP = "async def step(order: dict) -> str:\n    await asyncio.sleep(0.1)\n"
STEPS = "for _ in range(2):"
SHORT = ("--slice", "0.25", "--rate", "20", "--warm-up", "0.5", "--start-path", "/api/work", "--payload", '{"id": 1}')


def git(folder, *words):
    """Run git in a folder and return what it prints."""
    words = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def app_with(activity_s=0.05, steps=2):
    """Return an app whose activities block their thread for that long."""
    source = (APP / "function_app.py").read_text()
    assert ASLEEP in source
    assert STEPS in source
    asleep = f"def step(order: dict) -> str:\n    time.sleep({activity_s})\n"
    return (
        source.replace(ASLEEP, asleep)
        .replace("import asyncio\n", "import time\n")
        .replace(STEPS, f"for _ in range({steps}):")
    )


@pytest.fixture
def repository(tmp_path):
    """Return a repository with the app."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("host.json", "local.settings.json"):
        (app / name).write_text((APP / name).read_text())
    (app / "function_app.py").write_text(app_with())
    git(app, "init", "--quiet")
    git(app, "add", "--all", "--force")
    git(app, "commit", "--quiet", "--message", "first")
    return app


@pytest.fixture
def ab(repository, tmp_path, capsys):
    """Return ab(source, *options): the exit code, what was printed, and the JSON report, with that head."""

    def run(source, *options):
        (repository / "function_app.py").write_text(source)
        report = tmp_path / "report"
        words = ["ab", "--app-dir", str(repository), "--report-dir", str(report), *SHORT, *options]
        code = main(words)
        printed = capsys.readouterr()
        documents = list(report.glob("*.json")) if report.exists() else []
        assert git(repository, "worktree", "list").splitlines()[1:] == []
        return code, printed.out + printed.err, json.loads(documents[0].read_text()) if documents else None

    return run


@pytest.mark.parametrize("poll_interval_s", ["0.05", "0.2"])
def test_sixteen_percent_are_caught(ab, poll_interval_s):
    """Activities of 58 ms instead of 50 are slower, by about 15 % of the whole, however coarse the polls are."""
    code, printed, report = ab(app_with(0.058), "--base", "HEAD", "--poll-interval", poll_interval_s)
    assert (code, report["verdict"]) == (1, "slower"), printed
    finish = report["figures"][0]
    assert (finish["name"], finish["resolution"]) == ("finish_ms p95", 0)
    # 116 ms instead of 100 ms. Both sides have the same overhead, and the larger it is the smaller is the ratio.
    assert 1.05 < finish["ratio"] < 1.2
    assert finish["head"] / finish["base"] == pytest.approx(finish["ratio"])


def test_equal_apps_are_not_slower(ab):
    """The same app on both sides passes, and the report shows what it could have seen."""
    code, printed, report = ab(app_with(), "--base", "HEAD", "--effect", "10")
    assert (code, report["verdict"]) == (0, "not slower"), printed
    finish = report["figures"][0]
    # By chance the interval may lie below 0: a head that is faster for certain leaves no slowdown to be seen.
    assert finish["visible"] is None if finish["upper"] < 1 else 0 < finish["visible"] < 0.1
    assert "actions_per_operation: 5, the same" in printed


def test_counts_alone_need_no_pairs(ab):
    """Judged alone, a count is decided by the warm-up: one activity more is two actions more, and fails."""
    judged = ("--base", "HEAD", "--metric", "actions_per_operation")
    code, printed, report = ab(app_with(0.01, steps=3), *judged)
    assert (code, report["verdict"], report["figures"]) == (1, "slower", [])
    assert (
        "SLOWER: head dispatches 2 actions more an operation: 5 → 7 (all 10 operations) (no increase is allowed)"
        in printed
    )
    count = report["counts"][0]
    assert (count["metric"], count["judged"], count["exact"], count["difference"]) == (
        "actions_per_operation",
        True,
        True,
        2,
    )
    assert ab(app_with(0.01, steps=3), *judged, "--effect", "50")[0] == 0
    assert ab(app_with(0.2), *judged)[0] == 0


def test_counts_are_taken_until_there_are_enough(ab):
    """A warm-up of one operation is no exact count: slices follow until there are five, and no longer."""
    judged = ("--base", "HEAD", "--metric", "actions_per_operation", "--warm-up", "0.05", "--rate", "4")
    code, printed, report = ab(app_with(0.01, steps=3), *judged)
    assert (code, report["counts"][0]["exact"]) == (1, True), printed
    assert 5 <= report["counts"][0]["operations"] < 10


def test_a_count_of_a_gates_file_fails_a_latency_that_passes(ab, tmp_path):
    """[relative] may hold a head to a count and a latency: more work in the same time fails by the count."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[relative.finish_ms]\np50 = 1.9\n[relative.actions_per_operation]\nmean = 1\n")
    code, printed, report = ab(app_with(0.035, steps=3), "--base", "HEAD", "--gates", str(gates))
    assert (code, report["verdict"]) == (1, "slower"), printed
    assert report["figures"][0]["name"] == "finish_ms p50"
    assert "SLOWER: head dispatches 2 actions more an operation: 5 → 7" in printed


def test_the_self_check_proves_what_is_seen(ab):
    """`--aa` finds equals not slower, catches the delay that it injects, and reports its size and the time it took."""
    code, printed, report = ab(app_with(), "--aa", "--comparisons", "1", "--effect", "10")
    assert code == 0, printed
    assert report["equal"]["answers"]["not slower"] == report["delayed"]["answers"]["slower"] == 1
    assert report["delayed"]["reported"] == pytest.approx(0.2, abs=0.05)
    assert report["drawn_alarms"] < 10
    assert 0.06 < report["smallest_caught"] < 0.2
    assert "20.0 %" in printed
