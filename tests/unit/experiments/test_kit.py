"""What `durable-harness init` writes for the starters that it tried."""

import ast
import json
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from durable_harness.experiments.kit import PACKAGE, requirement, write_kit
from durable_harness.experiments.tryouts import Tried, _keys
from durable_harness.load.preflight import Starter

ORDERS = Tried(Starter("/api/orders/{number}", "order"), works=True, payload={"id": "{token}", "pages": 3})
SAMPLE = Tried(Starter("/api/async_http_api", "start"), works=True)
WAITS = Tried(Starter("/api/approval", "approve"), works=False, why="it did\nnot end: 'x' \"y\"")


def names(kit, folder):
    """Return what was written, as paths below the folder."""
    return {path.relative_to(folder).as_posix() for path in kit.written}


def test_init_writes_scenarios_a_test_gates_and_a_workflow(tmp_path):
    """All that an app without anything lacks is written, and all of it is valid Python, TOML and YAML."""
    kit = write_kit(tmp_path, [ORDERS, SAMPLE, WAITS])
    assert names(kit, tmp_path) == {
        "loadtests/start_orders.py",
        "loadtests/start_async_http_api.py",
        "loadtests/start_approval.py",
        "loadtests/locust.conf",
        "loadtests/gates.toml",
        "tests/test_operations.py",
        ".github/workflows/durable-harness.yml",
    }
    for path in tmp_path.rglob("*.py"):
        ast.parse(path.read_text())
    assert "rate = 5\n" in (tmp_path / "loadtests" / "locust.conf").read_text()


def test_a_scenario_has_what_worked(tmp_path):
    """Path and payload are those that were tried; what did not work is not run, and gives the reason."""
    write_kit(tmp_path, [ORDERS, SAMPLE, WAITS])
    orders, sample, waits = (
        (tmp_path / "loadtests" / f"start_{name}.py").read_text() for name in ("orders", "async_http_api", "approval")
    )
    assert 'start_path = "/api/orders/{number}"' in orders
    assert 'return {"id": token, "pages": 3}' in orders
    assert "payload" not in sample
    assert "abstract = True" in waits
    assert "it did not end" in waits
    test = (tmp_path / "tests" / "test_operations.py").read_text()
    assert 'operations.start("/api/orders/1", {"id": "a-token", "pages": 3})' in test
    assert test.count("@pytest.mark.skip") == 1


def test_nothing_is_overwritten(tmp_path):
    """Scenarios, tests and workflows that are there stay, and what stays is named."""
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests" / "mine.py").write_text("# mine\n")
    (tmp_path / "test_mine.py").write_text("operations.start('/api/x')\n")
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text("run: durable-harness load\n")
    kit = write_kit(tmp_path, [ORDERS])
    assert names(kit, tmp_path) == {"loadtests/gates.toml"}
    assert len(kit.left) == 4  # its file of scenarios has none
    again = write_kit(tmp_path, [ORDERS])
    assert again.written == []
    assert (tmp_path / "loadtests" / "mine.py").read_text() == "# mine\n"


def test_starters_of_one_name_get_files_of_their_own(tmp_path):
    """Two starters whose paths end alike do not share a file."""
    others = [Tried(Starter(f"/api/{area}/start", area), works=True) for area in ("a", "b")]
    kit = write_kit(tmp_path, others)
    assert {"loadtests/start_start.py", "loadtests/start_start_2.py"} <= names(kit, tmp_path)


def test_the_workflow_runs_in_the_app_s_folder(tmp_path):
    """In a repository the workflow is at its root, where it is looked for, and enters the folder of the app."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    app = tmp_path / "apps" / "orders"
    app.mkdir(parents=True)
    (app / "requirements.txt").touch()
    write_kit(app, [ORDERS])
    text = (tmp_path / ".github" / "workflows" / "durable-harness.yml").read_text()
    assert 'working-directory: "apps/orders"' in text
    assert '-r requirements.txt "durable-harness[load,test]"' in text


GIT = {"vcs": "git", "commit_id": "1f2e3d"}


@pytest.mark.parametrize(
    ("origin", "written"),
    [
        (None, PACKAGE),
        ({"url": "https://github.com/o/r", "vcs_info": GIT}, f"{PACKAGE} @ git+https://github.com/o/r@1f2e3d"),
        ({"url": "https://me:secret@git.example/r", "vcs_info": GIT}, f"{PACKAGE} @ git+https://git.example/r@1f2e3d"),
        ({"url": "ssh://git@git.example/r", "vcs_info": GIT}, f"{PACKAGE} @ git+ssh://git@git.example/r@1f2e3d"),
        ({"url": "file:///home/me/r", "vcs_info": GIT}, PACKAGE),
        ({"url": "file:///home/me/durable_harness.whl", "archive_info": {}}, PACKAGE),
        ({"url": "file:///home/me/r", "dir_info": {"editable": True}}, PACKAGE),
    ],
)
def test_the_harness_comes_from_where_it_came_from_here(origin, written):
    """A repository that CI can reach is named with its commit and without a password; else it is the index."""
    assert requirement(origin and json.dumps(origin)) == written


def test_the_workflow_notes_what_to_change_for_another_origin(tmp_path, monkeypatch):
    """Beside the installation stands how to name a repository or a wheel; one that is known is written already."""
    monkeypatch.setattr("durable_harness.experiments.kit.requirement", lambda _: f"{PACKAGE} @ git+https://h/o/r@1f2e")
    write_kit(tmp_path, [ORDERS])
    text = (tmp_path / ".github" / "workflows" / "durable-harness.yml").read_text()
    assert '# "durable-harness[load,test] @ git+https://HOST/OWNER/REPOSITORY@TAG"' in text
    assert '.whl[load,test]"' in text
    (step,) = YAML(typ="safe").load(text)["jobs"]["test-and-load"]["steps"][2:3]
    assert step == {"run": 'python -m pip install "durable-harness[load,test] @ git+https://h/o/r@1f2e"'}


def test_the_workflow_is_one_of_github_s(tmp_path):
    """The workflow keeps to the schema of GitHub Actions."""
    write_kit(tmp_path, [ORDERS])
    path = tmp_path / ".github" / "workflows" / "durable-harness.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("def f(c): return c.get_input()['name']", ["name"]),
        ("def f(r): return r.get_json().get('city', 'x')", ["city"]),
        ("d['written'] = 1", []),
        ("not python (", []),
    ],
)
def test_keys_are_read_from_the_app_s_code(tmp_path, source, keys):
    """The members that the app's code looks for are what is tried as input."""
    (tmp_path / "function_app.py").write_text(source)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("x['not_the_app']")
    assert _keys(tmp_path) == keys


def test_a_starter_of_another_method_is_written_with_it(tmp_path):
    """Scenario and test of an app that takes PUT send PUT."""
    put = Starter("/api/claims/{token}", "claim", method="PUT")
    write_kit(tmp_path, [Tried(put, works=True, payload={"id": "{token}"})])
    scenario = (tmp_path / "loadtests" / "start_claims.py").read_text()
    assert "operations of PUT /api/claims/{token}" in scenario
    assert 'start_method = "PUT"' in scenario
    test = (tmp_path / "tests" / "test_operations.py").read_text()
    assert 'operations.start("/api/claims/a-token", {"id": "a-token"}, method="PUT")' in test


TRICKY = {"token": "{token}", "device_token": "{token}", "it's": 'a "b"', "path": "a\\b", "tokens": [1, "{token}"]}


PAYLOADS = [TRICKY, [1, "token"], "{token}", 3, None, {}]
IMPORTS = """
import json, runpy, sys
for path in sys.argv[1:]:
    (scenario,) = (value for name, value in runpy.run_path(path).items() if name.startswith("Start"))
    print(json.dumps(scenario.payload(None, "t-1")))
"""


def test_scenarios_that_send_a_payload_import(tmp_path):
    """Modules with payloads of any kind are imported without an error and send them, their tokens filled in."""
    tried = [Tried(Starter("/api/orders", "order"), works=True, payload=payload) for payload in PAYLOADS]
    kit = write_kit(tmp_path, [*tried, WAITS])
    scenarios = [str(path) for path in kit.written if path.parent.name == "loadtests" and path.suffix == ".py"]
    command = [sys.executable, "-c", IMPORTS, *scenarios]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sent = [json.loads(line) for line in done.stdout.splitlines()]
    assert sent == [*json.loads(json.dumps(PAYLOADS).replace("{token}", "t-1")), {}]


def test_only_a_whole_token_is_replaced_in_a_test(tmp_path):
    """Keys and texts with the word token in them, quotes and backslashes are sent by the test as they were tried."""
    path = '/api/a"b\\c'
    write_kit(tmp_path, [Tried(Starter(path, "order"), works=True, payload=TRICKY)])
    tree = ast.parse((tmp_path / "tests" / "test_operations.py").read_text())
    (call,) = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "start")
    sent = [ast.literal_eval(argument) for argument in call.args]
    assert sent == [path, json.loads(json.dumps(TRICKY).replace("{token}", "a-token"))]
    (scenario,) = (tmp_path / "loadtests").glob("*.py")
    ast.parse(scenario.read_text())


LONG = Tried(Starter("/api/samples", "put"), works=False, why=f"{'it is refused ' * 20}at the end")


def test_the_reason_of_a_mark_is_whole(tmp_path):
    """Why a scenario is not run yet is written to its end, on lines that fit."""
    write_kit(tmp_path, [LONG])
    lines = (tmp_path / "loadtests" / "start_samples.py").read_text().splitlines()
    assert "at the end)." in " ".join(line.strip(" #") for line in lines)
    assert max(map(len, lines)) <= 120


def test_a_start_that_works_now_and_is_not_run_is_named(tmp_path):
    """A file that `init` has marked stays, and the second `init` says what to correct; a corrected one is no news."""
    write_kit(tmp_path, [LONG])
    works = [Tried(Starter("/api/samples/{number}", "put"), works=True)]
    left = "\n".join(write_kit(tmp_path, works).left)
    file = tmp_path / "loadtests" / "start_samples.py"
    assert f"{file} is marked `abstract` and has another path, /api/samples, so POST /api/samples/{{number}}" in left
    assert "delete it and run init again" in left
    assert "test_operations.py has a skipped test" in left
    file.write_text(
        file.read_text().replace("    abstract = True\n", "").replace("/api/samples", "/api/samples/{number}")
    )
    assert "is marked" not in "\n".join(write_kit(tmp_path, works).left)


def test_a_start_that_no_scenario_makes_is_named(tmp_path):
    """Scenarios of other paths do not hide that one is lacking; one whose path is not written as a text may be it."""
    write_kit(tmp_path, [ORDERS])
    works = [Tried(Starter("/api/samples", "put"), works=True)]
    assert any("starts POST /api/samples, which works: add one" in reason for reason in write_kit(tmp_path, works).left)
    (tmp_path / "loadtests" / "own.py").write_text("class Own(ArrivalUser):\n    start_path = made()\n")
    assert not any("add one" in reason for reason in write_kit(tmp_path, works).left)
