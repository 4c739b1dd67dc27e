"""`durable-harness ab`: two revisions of a repository served in turn and compared; nothing of them stays."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from durable_harness.cli import main
from durable_harness.experiments import revisions

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).parents[3]
ANCHOR = "started + duration_s * step"
FIRST_LINE = "    operation = {**default_operation(), **(context.get_input() or {})}\n"
SHORT = ("--slice", "0.2", "--rate", "20", "--warm-up", "0.2", "--operation-duration", "0.1", "--poll-interval", "0.02")


def git(folder, *words):
    """Run git in a folder and return what it prints."""
    words = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path):
    """Return a repository with an app in a folder of it; its local settings are not committed."""
    app = tmp_path / "repository" / "app"
    app.mkdir(parents=True)
    for name in ("function_app.py", "host.json", "local.settings.json"):
        shutil.copy(REPOSITORY / name, app)
    (app.parent / ".gitignore").write_text("local.settings.json\n")
    git(app.parent, "init", "--quiet")
    git(app.parent, "add", "--all")
    git(app.parent, "commit", "--quiet", "--message", "first")
    return app


@pytest.fixture
def ab(repository, tmp_path, capsys):
    """Return ab(*options): the exit code, what was printed, and the JSON report."""

    def run(*options):
        report = tmp_path / "report"
        code = main(["ab", "--app-dir", str(repository), "--report-dir", str(report), *SHORT, *options])
        printed = capsys.readouterr()
        document = report / "comparison.json"
        return code, printed.out + printed.err, json.loads(document.read_text()) if document.exists() else None

    return run


def slow_down(app, factor):
    """Make the activity of the working tree last longer."""
    source = (app / "function_app.py").read_text()
    assert ANCHOR in source
    (app / "function_app.py").write_text(source.replace(ANCHOR, f"started + {factor} * duration_s * step"))


def leftovers(app):
    """The worktrees beside the repository itself."""
    return git(app, "worktree", "list").splitlines()[1:]


def test_a_slower_working_tree_is_caught(ab, repository):
    """Twice as slow fails with 1, names the figure, and leaves no worktree behind."""
    slow_down(repository, 3)
    code, printed, report = ab("--base", "HEAD", "--effect", "20")
    assert (code, report["verdict"]) == (1, "slower")
    assert report["figures"][0]["ratio"] > 1.5
    assert "SLOWER: finish_ms p95" in printed
    assert "smallest change visible here: " in printed
    judged = [(figure["name"], figure["judged"], figure["clock"]) for figure in report["figures"]]
    assert judged == [
        ("finish_ms p95", True, "from the generator's clock to the server's"),
        ("completion_ms p95", False, "generator's clock"),
    ]
    assert all(count["exact"] and count["difference"] == 0 for count in report["counts"][:2])
    assert leftovers(repository) == []


def test_a_log_that_an_error_names_is_there(ab, tmp_path):
    """A base that refuses the start ends the command; the host's log that the message names can still be read."""
    (tmp_path / "report" / "host-logs").mkdir(parents=True)
    (tmp_path / "report" / "host-logs" / "base.log").write_text("of an earlier run")
    code, printed, _ = ab("--base", "HEAD", "--start-path", "/api/nowhere")
    assert code == 2
    (log,) = re.findall("The host's log: (.+)", printed)
    assert "of an earlier run" not in Path(log).read_text()


def test_a_faster_revision_passes(ab, repository):
    """Both sides may be revisions; settings that are not committed are those of the working tree."""
    slow_down(repository, 3)
    git(repository, "commit", "--quiet", "--all", "--message", "slower")
    code, _, report = ab("--base", "HEAD", "--head", "HEAD~1", "--effect", "20")
    assert (code, report["verdict"]) == (0, "not slower")
    assert report["base"].startswith("HEAD (")


def test_a_head_that_fails_operations_is_no_pass(ab, repository):
    """An app that breaks fails the comparison, however fast it does so, and the report shows why operations failed."""
    source = (repository / "function_app.py").read_text()
    (repository / "function_app.py").write_text(source.replace('"result": "Success"', '"result": "Oops"'))
    code, printed, report = ab("--base", "HEAD", "--no-preflight")
    assert (code, report["figures"]) == (1, [])
    assert "mostly: wrong output" in printed
    assert "100.0% of the head's operations did not complete" in printed
    assert re.search(r"note: \d+ operations of the head: .*output", printed)
    assert not any("operations of the base" in note for note in report["notes"])


@pytest.mark.parametrize("options", [(), ("--metric", "actions_per_operation")])
def test_a_head_that_fails_at_once_is_no_pass(ab, repository, options):
    """Orchestrations that fail in their first turn dispatch less, which is no better: counts alone fail them too."""
    source = (repository / "function_app.py").read_text()
    assert FIRST_LINE in source
    broken = source.replace(FIRST_LINE, f'{FIRST_LINE}    raise ValueError("broken")\n')
    (repository / "function_app.py").write_text(broken)
    code, printed, report = ab("--base", "HEAD", "--no-preflight", *options)
    assert (code, report["verdict"]) == (1, "slower")
    assert "100.0% of the head's operations did not complete" in printed


def test_a_head_whose_first_operation_fails_is_the_answer(ab, repository):
    """Where the base works and the head does not, no load is made: the head fails, with what it answered."""
    source = (repository / "function_app.py").read_text()
    (repository / "function_app.py").write_text(
        source.replace(FIRST_LINE, f'{FIRST_LINE}    raise ValueError("broken")\n')
    )
    code, printed, report = ab("--base", "HEAD")
    assert (code, report["verdict"], report["figures"]) == (1, "slower", [])
    assert "the head does not work: the first operation failed" in printed
    assert "broken" in printed


def test_a_base_that_refuses_operations_ends_the_command(ab, repository):
    """A wrong path is wrong for both: exit code 2, the base and the starters are named, and no report is written."""
    code, printed, report = ab("--base", "HEAD", "--start-path", "/api/orders")
    assert (code, report) == (2, None)
    assert "answered 404" in printed
    assert "POST /api/async_http_api  (async_operation)" in printed


def test_different_requirements_get_environments_of_their_own(ab, repository):
    """Where requirements.txt differs each revision runs in its own environment, in which the harness is seen too."""
    (repository / "requirements.txt").write_text("# nothing more than is there\n")
    source = (repository / "function_app.py").read_text()
    (repository / "function_app.py").write_text(f"{source}\nimport sys\nassert 'venv-1' in sys.executable\n")
    code, printed, report = ab("--base", "HEAD", "--metric", "actions_per_operation")
    assert (code, report["invalid"], report["counts"][0]["difference"]) == (0, [], 0), printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--base", "no-such-branch"], "'no-such-branch' is not a revision of this repository"),
        (["--base", "HEAD", "--head", "--help-me"], "expected one argument"),
        (["--base", "HEAD", "--metric", "speed"], "'speed' is not a metric"),
        (["--base", "HEAD", "--metric", "finish p95"], "Did you mean finish_ms?"),
        (["--base", "HEAD", "--metric", "actions_per_operation p95"], "a count has no percentile to compare"),
        (["--base", "HEAD", "--effect", "0"], "'0' is not a percentage above 0 and below 100"),
        (["--base", "HEAD", "--effect", "-5"], "'-5' is not a percentage above 0 and below 100"),
        (["--base", "HEAD", "--poll-interval", "0.3"], "--poll-interval 0.3 is longer than --slice 0.2"),
        (["--aa", "--base", "HEAD"], "leave --base out"),
        (["--aa", "--comparisons", "0"], "expected at least 1"),
        (["--aa", "--metric", "polls"], "does not lengthen polls"),
        ([], "ab needs --base REV"),
    ],
)
def test_wrong_options_end_with_two(ab, repository, options, message):
    """What cannot be compared is refused before anything is served."""
    code, printed, report = ab(*options)
    assert (code, report) == (2, None)
    assert message in printed
    assert leftovers(repository) == []


def test_an_app_outside_of_git(tmp_path, capsys):
    """A folder that is in no repository, or has no app at a revision, is a usage error that says so."""
    folder = tmp_path / "plain"
    folder.mkdir()
    assert main(["ab", "--base", "HEAD", "--app-dir", str(folder)]) == 2
    assert "is not in a git repository" in capsys.readouterr().err
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "empty")
    assert main(["ab", "--base", "HEAD", "--app-dir", str(folder)]) == 2
    assert "has no function_app.py" in capsys.readouterr().err


def hosts_of(process):
    """Return the hosts among the processes that a command has started; git is another."""
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child] if "serve" in child.cmdline() else []
    return found


def test_a_worktree_that_git_was_stopped_in_making_is_removed(repository, tmp_path):
    """What `git worktree add` leaves behind when it is killed, locked and without its files, goes too."""
    top, folder = repository.parent, tmp_path / "half"
    git(top, "worktree", "add", "--quiet", "--detach", "--lock", str(folder), "HEAD")
    shutil.rmtree(folder)
    revisions._remove_worktree(top, folder)
    assert leftovers(repository) == []


def test_a_hook_that_never_ends_is_left(ab, repository, monkeypatch):
    """What git waits for has a limit: the command ends with 2, says so, and leaves no worktree behind."""
    monkeypatch.setattr(revisions, "COMMAND_TIMEOUT_S", 2.0)
    hook = repository.parent / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\nexec sleep 20\n")
    hook.chmod(0o755)
    code, printed, report = ab("--base", "HEAD")
    assert (code, report) == (2, None)
    assert "HEAD cannot be checked out: git was not done after 2 s" in printed
    assert leftovers(repository) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_cancels_leaves_nothing_behind(repository, tmp_path, number, wait_until):
    """A cancelled job ends both hosts and removes the worktree, with the signal's exit code and a line on why."""
    words = [sys.executable, "-m", "durable_harness", "ab", "--base", "HEAD", "--app-dir", str(repository), *SHORT]
    words += ["--warm-up", "60"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        process = psutil.Process(running.pid)
        hosts = wait_until(lambda: len(found := hosts_of(process)) == 2 and found, "both hosts")
        running.send_signal(number)
        assert running.wait(timeout=30) == 128 + number
        printed = [line for line in running.stderr.read().splitlines() if not line.startswith("operations start by ")]
        assert printed == ["interrupted before anything was measured"]
    assert leftovers(repository) == []
    wait_until(lambda: not any(host.is_running() for host in hosts), "both hosts to end")


OTHER_APP = ("--start-path", "/api/start/hello_seq", "--payload", "{}")


@pytest.fixture
def other_repository(tmp_path):
    """Return a repository with an app that is not the sample."""
    app = tmp_path / "other" / "app"
    shutil.copytree(REPOSITORY / "tests" / "apps" / "conformance", app, ignore=shutil.ignore_patterns("__pycache__"))
    git(app, "init", "--quiet")
    git(app, "add", "--all", "--force")
    git(app, "commit", "--quiet", "--message", "first")
    return app


@pytest.mark.parametrize(
    ("app", "number", "options"), [("repository", signal.SIGTERM, ()), ("other_repository", signal.SIGINT, OTHER_APP)]
)
def test_an_interrupted_comparison_reports_its_pairs(request, tmp_path, app, number, options):
    """After the first look a signal ends it with what was found so far, as "interrupted", and nothing stays behind."""
    folder = request.getfixturevalue(app)
    # A change of 0.5 % cannot be seen at the first look, which is announced by a line of progress.
    asked = ("--effect", "0.5", "--pairs", "900", "--report-dir", str(tmp_path / "report"), *options)
    words = [sys.executable, "-m", "durable_harness", "ab", "--base", "HEAD", "--app-dir", str(folder), *SHORT, *asked]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        line = running.stderr.readline()
        if line.startswith("operations start by "):
            line = running.stderr.readline()
        assert " of at most " in line, line + running.stderr.read()
        hosts = hosts_of(psutil.Process(running.pid))
        running.send_signal(number)
        printed, complaints = running.communicate(timeout=60)
    assert running.returncode == 128 + number, complaints
    report = json.loads((tmp_path / "report" / "comparison.json").read_text())
    reason = re.fullmatch(r"after (\d+) of at most \d+ pairs", report["verdict_reason"])
    assert (report["verdict"], report["interrupted"]) == ("interrupted", reason[0])
    assert report["figures"][0]["sample"] == f"{reason[1]} pairs of slices"
    assert f"INTERRUPTED: {reason[0]}" in printed
    suite = ET.parse(tmp_path / "report" / "comparison.xml").getroot()
    assert [(case.get("name"), [mark.tag for mark in case]) for case in suite] == [
        ("finish_ms p95", ["skipped"]),
        ("validity", ["error"]),
    ]
    assert "Interrupted: `" in (tmp_path / "report" / "comparison.md").read_text()
    assert leftovers(folder) == []
    assert len(hosts) == 2
    assert not any(host.is_running() for host in hosts)


@pytest.mark.parametrize(
    ("base", "head", "named"),
    [("HEAD", ".", "The head, working tree, does not start:"), ("HEAD", "HEAD~1", r"The base, HEAD (")],
)
def test_an_app_that_does_not_load(ab, repository, base, head, named):
    """A revision that cannot be served ends with that error's exit code, is named, and leaves nothing behind."""
    (repository / "function_app.py").write_text("import nothing_of_this_name\n")
    if head != ".":
        git(repository, "commit", "--quiet", "--all", "--message", "broken")
    others = set(hosts_of(psutil.Process()))  # those of fixtures that outlive a test
    code, printed, report = ab("--base", base, "--head", head)
    assert (code, report) == (5, None)
    assert named in printed
    assert "nothing_of_this_name" in printed
    assert leftovers(repository) == []
    assert set(hosts_of(psutil.Process())) <= others
