"""The GitHub Action and the Azure pipeline, their commands run as a runner would run them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from patience import PATIENT

ROOT = Path(__file__).parents[3]
ACTION = YAML(typ="safe").load(ROOT / "action.yml")
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
PIPELINE = ROOT / "examples" / "ci" / "azure-pipelines.yml"
SCHEMAS = {"action.yml": "vendor.github-actions", "examples/ci/azure-pipelines.yml": "vendor.azure-pipelines"}
APP = ROOT / "tests" / "apps" / "constant"


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_file_is_valid(path):
    """The schema of the service accepts the file."""
    command = [sys.executable, "-m", "check_jsonschema", "--regex-variant", "nonunicode"]
    command += ["--builtin-schema", SCHEMAS[path], str(ROOT / path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_other_actions_are_pinned_by_commit():
    """Nothing that the action uses can change without a change here."""
    used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", name) for name in used)


def test_no_input_is_pasted_into_a_script():
    """A script reads inputs from its environment, so that a branch's name cannot become a command."""
    assert [step for step in STEPS.values() if "${{" in step.get("run", "")] == []


def git(folder, *words):
    name = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run(["git", "-C", folder, *name, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout of one commit, as actions/checkout makes it, whose remote has the branch `main` too."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch", "main")
    for message in ("base", "head"):
        git(origin, "commit", "--quiet", "--allow-empty", "--message", message)
        if message == "base":
            git(origin, "switch", "--quiet", "--create", "change")
    cloned = tmp_path / "checkout"
    source = origin.as_uri()
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "change", "--single-branch", source, str(cloned))
    return cloned


STUB = """#!{python}
import json, os, pathlib, sys
if sys.argv[1:3] != ["-m", "durable_harness"]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
pathlib.Path(os.environ["CALLED"]).write_text(json.dumps(sys.argv[3:]))
report = pathlib.Path(sys.argv[sys.argv.index("--report-dir") + 1])
report.mkdir(parents=True)
(report / "comparison.json").write_text(json.dumps({{"verdict": "slower"}}))
(report / "comparison.md").write_text("### Slower")
raise SystemExit(1)
"""


class Runner:
    """What a runner gives a step: files for outputs, a temporary folder, the variables of the event."""

    def __init__(self, folder, checkout):
        self.folder, self.checkout = folder, checkout
        self.called = folder / "called.json"
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "python").write_text(STUB.format(python=sys.executable))
        (bin_folder / "python").chmod(0o755)
        self.variables = {
            "DURABLE_HARNESS_BIN": str(bin_folder),
            "CALLED": str(self.called),
            "RUNNER_TEMP": str(folder),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_ENV": str(folder / "env"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_REPOSITORY": "owner/app",
            "GITHUB_BASE_REF": "main",
        }
        self.inputs = {name: str(given.get("default", "")) for name, given in ACTION["inputs"].items()}

    def run(self, name, **variables):
        """Run a step as GitHub does; return how it ended."""
        step = STEPS[name]
        env = {variable: self._evaluated(str(value)) for variable, value in step.get("env", {}).items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={**os.environ, **PATIENT, **self.variables, **env, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def _evaluated(self, text):
        known = {f"inputs.{name}": value for name, value in self.inputs.items()}
        known |= {"runner.temp": str(self.folder), "github.action_path": str(ROOT)}
        known |= {"steps.compare.outputs.report": str(self.folder / "durable-harness-comparison")}
        known |= {"github.event.pull_request.number": "7"}
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found.group(1)], text)

    def outputs(self):
        """Return the outputs of the steps so far."""
        path = Path(self.variables["GITHUB_OUTPUT"])
        return dict(line.partition("=")[::2] for line in path.read_text().splitlines()) if path.exists() else {}


@pytest.fixture
def runner(tmp_path, checkout):
    """Return a runner whose harness reports that head is slower."""
    return Runner(tmp_path, checkout)


def test_the_base_of_a_pull_request_is_fetched(runner):
    """A checkout of one commit gets the base's, and the comparison's exit code is the step's."""
    done = runner.run("Compare")
    assert done.returncode == 1, done.stderr
    called = json.loads(runner.called.read_text())
    assert called[:6] == ["ab", ".", "--base", "origin/main", "--head", "."]
    git(runner.checkout, "rev-parse", "--verify", "origin/main^{commit}")
    assert runner.outputs()["verdict"] == "slower"


def test_options_are_read_as_a_shell_reads_them(runner):
    """A quoted option stays one argument, and nothing in it is run."""
    runner.inputs["options"] = "--metric 'finish_ms p95' --seed $(touch hacked)"
    runner.run("Compare")
    assert json.loads(runner.called.read_text())[-5:] == ["--metric", "finish_ms p95", "--seed", "$(touch", "hacked)"]
    assert not (runner.checkout / "hacked").exists()


def test_options_with_an_open_quote_are_refused(runner):
    """The step fails with an annotation that shows the options, and nothing is compared."""
    runner.inputs["options"] = "--metric 'finish_ms"
    done = runner.run("Compare")
    assert done.returncode != 0
    assert "::error::options: No closing quotation" in done.stderr
    assert not runner.called.exists()


def test_without_a_pull_request_a_base_is_asked_for(runner):
    """A push has no base of its own: the annotation names the input to give."""
    done = runner.run("Compare", GITHUB_BASE_REF="")
    assert done.returncode == 2
    assert "give the input base" in done.stdout


def test_a_base_that_cannot_be_fetched(runner):
    """The annotation names what to change in the checkout."""
    git(runner.checkout, "remote", "set-url", "origin", "file:///nowhere")
    done = runner.run("Compare")
    assert done.returncode == 2
    assert "fetch-depth: 0" in done.stdout


GH = """#!{python}
import json, os, pathlib, sys
with open(os.environ["ASKED"], "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if "--jq" in sys.argv:
    print(end=os.environ["OWN_COMMENTS"])
"""


COMMENTS = "repos/owner/app/issues/7/comments"
CHANGED = ["--method", "PATCH", "repos/owner/app/issues/comments/41"]


@pytest.mark.parametrize(("own", "expected"), [("", [COMMENTS]), ("41\n42\n", CHANGED)], ids=["first time", "again"])
def test_one_comment_is_written_and_kept_up(runner, own, expected):
    """The first run writes a comment with a mark of its own, a later one changes that comment and no other."""
    runner.run("Compare")
    gh = Path(runner.variables["DURABLE_HARNESS_BIN"]) / "gh"
    gh.write_text(GH.format(python=sys.executable))
    gh.chmod(0o755)
    asked = runner.folder / "asked"
    path = f"{gh.parent}:{os.environ['PATH']}"
    done = runner.run("Comment", PATH=path, ASKED=str(asked), OWN_COMMENTS=own)
    assert done.returncode == 0, done.stderr
    _, written = map(json.loads, asked.read_text().splitlines())
    assert written[2 : 2 + len(expected)] == expected
    body = Path(written[-1].removeprefix("body=@")).read_text()
    assert body == "<!-- durable-harness: comparison -->\n\n### Slower"


@pytest.mark.thorough
@pytest.mark.timeout(400)
def test_the_action_compares_an_app(tmp_path):
    """Installed from the action's own folder, it compares two commits of an app that is no sample of ours."""
    app = tmp_path / "app"
    app.mkdir()
    git(app, "init", "--quiet", "--initial-branch", "main")
    for path in APP.iterdir():
        if path.is_file():
            (app / path.name).write_bytes(path.read_bytes())
    for message in ("base", "head"):
        git(app, "add", "--all")
        git(app, "commit", "--quiet", "--allow-empty", "--message", message)
    runner = Runner(tmp_path, app)
    installed = runner.run("Install")
    assert installed.returncode == 0, installed.stderr
    runner.variables["DURABLE_HARNESS_BIN"] = Path(runner.variables["GITHUB_ENV"]).read_text().strip().partition("=")[2]
    runner.inputs |= {"base": "HEAD~1", "options": "--pairs 12 --slice 0.3 --warm-up 0.3"}
    done = runner.run("Compare")
    # Code 3 is a comparison that proves nothing: so short a one, on a busy machine, may be that.
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert runner.outputs()["verdict"] in {"not slower", "cannot tell", "invalid"}
    assert Path(runner.variables["GITHUB_STEP_SUMMARY"]).stat().st_size > 0


def test_the_page_lists_every_input():
    """The how-to guide has a row for each input of the action."""
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == list(ACTION["inputs"])


def test_the_commands_of_the_pipeline_are_ours():
    """Each command that the pipeline runs is one that the command line has, with options that it knows."""
    scripts = [step["script"] for step in YAML(typ="safe").load(PIPELINE)["steps"] if "script" in step]
    commands = [script.split() for script in scripts if script.startswith("durable-harness")]
    assert [words[1] for words in commands] == ["load", "ab"]
    for words in commands:
        help_text = subprocess.run(
            [sys.executable, "-m", "durable_harness", words[1], "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert all(word in help_text for word in words if word.startswith("--"))


TRIPS = ROOT / "examples" / "trips"
QUICK = "--pairs 12 --slice 0.3 --warm-up 0.3 --cannot-tell pass"


def pages_command():
    """Return the comparison that the how-to guide's step of a workflow runs."""
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text()
    workflow = YAML(typ="safe").load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    given = next(step["with"] for step in workflow["jobs"]["performance"]["steps"] if "OWNER" in step["uses"])
    return f"durable-harness ab {given['app']} --base origin/main {given['options']}"


def pipelines_command():
    """Return the comparison that the pipeline runs, with the values that its file gives its variables."""
    pipeline = YAML(typ="safe").load(PIPELINE)
    scripts = [step["script"] for step in pipeline["steps"] if "script" in step]
    command = next(script for script in scripts if script.startswith("durable-harness ab"))
    return re.sub(r"\$\((\w+)\)", lambda found: str(pipeline["variables"][found[1]]), command)


@pytest.mark.thorough
@pytest.mark.parametrize("command", [pages_command, pipelines_command])
def test_the_comparison_suits_the_app_of_the_tutorial(command, tmp_path):
    """What the guide and the pipeline show starts operations of an app with an input of its own, and compares."""
    app = tmp_path / "app"
    shutil.copytree(TRIPS, app)
    git(app, "init", "--quiet", "--initial-branch", "main")
    git(app, "add", "--all")
    git(app, "commit", "--quiet", "--message", "trips")
    git(app, "update-ref", "refs/remotes/origin/main", "HEAD")
    done = subprocess.run(
        ["bash", "-ec", f"{command()} {QUICK}".replace("durable-harness", f"{sys.executable} -m durable_harness", 1)],
        cwd=app,
        env={**os.environ, **PATIENT, "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    # So short a comparison, on a busy machine, may prove nothing.
    assert re.search("SLOWER|CANNOT TELL", done.stdout), done.stdout + done.stderr
