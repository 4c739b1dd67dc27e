"""`--evidence`: one file for a report about a run, also of runs that fail, are interrupted or do not begin."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from locust_process import NO_PREFLIGHT, headless

ROOT = Path(__file__).parents[3]
APP = """
import logging
import os

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="start", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    logging.warning("was given %s and %s", dict(req.headers), os.environ["STORAGE"])
    return client.create_check_status_response(req, await client.start_new("fails"))


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("refuses", None, req.get_json()))


@app.orchestration_trigger(context_name="context")
def fails(context):
    yield context.call_activity("leak", None)


@app.activity_trigger(input_name="nothing")
async def leak(nothing):
    raise ValueError("cannot reach " + os.environ["STORAGE"] + " with " + os.environ["SHOP_SECRET"])


@app.orchestration_trigger(context_name="context")
def refuses(context):
    yield context.call_activity("refuse", context.get_input())


@app.activity_trigger(input_name="order")
async def refuse(order):
    logging.warning("was asked for %s", order)
    raise RuntimeError("401 for key " + os.environ["PARTNER"])
"""
KEY, HEADER, TOKEN = "functionkey0001", "headervalue0002", "runtoken-value-0003"
ACCOUNT_KEY, SHOP, VARIABLE = "accountkey0004ABC==", "shopsecret0005", "variable0006secret"
PARTNER = "sk-live-" + "0q1w2e3r4t5z" * 4
SECRETS = (KEY, HEADER, TOKEN, ACCOUNT_KEY.rstrip("="), SHOP, VARIABLE)


@pytest.fixture
def app(tmp_path):
    """Return the folder of an app that writes its secrets into its log and into the failures of its operations."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(APP)
    for name in ("host.json", "local.settings.json"):
        (folder / name).write_text((ROOT / "tests" / "apps" / "constant" / name).read_text())
    settings = json.loads((folder / "local.settings.json").read_text())
    settings["Values"] |= {"STORAGE": f"AccountName=shop;AccountKey={ACCOUNT_KEY};Suffix=x", "SHOP_SECRET": SHOP}
    settings["Values"]["PARTNER"] = PARTNER
    (folder / "local.settings.json").write_text(json.dumps(settings))
    return folder


def contents(path):
    """Return the files of an archive by name, tables as text."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        raw = {name: archive.read(name) for name in archive.namelist()}
    return {name: as_text(name, data) for name, data in raw.items()}


def as_text(name, data):
    if not name.endswith(".parquet"):
        return data.decode()
    table = pq.read_table(io.BytesIO(data))
    return f"{table.to_pylist()} {table.schema.metadata}"


@pytest.mark.thorough
def test_everything_is_in_it_but_secrets(start_locust, app, tmp_path, monkeypatch):
    """A failed run of an app that leaks: results, records, logs, versions, settings, gates; none of its secrets."""
    for name, value in (("DURABLE_HARNESS_RUN_TOKEN", TOKEN), ("GITHUB_TOKEN", VARIABLE), (NO_PREFLIGHT, "true")):
        monkeypatch.setenv(name, value)
    (tmp_path / "gates.toml").write_text(f"# {VARIABLE}\n[operations]\nerror_ratio = 0\n")
    path = tmp_path / "evidence.zip"
    words = ["--app", str(app), "--start-path", "/api/start", "--function-key", KEY, "--evidence", str(path)]
    words += ["--headers", f"X-Shop: {HEADER}", "--gates", str(tmp_path / "gates.toml")]
    run = start_locust(*words, "--headless", "--rate", "5", "-t", "2s", "Steady", scenarios=ROOT / "loadtests").wait()
    assert run.code == 1, run.err
    files = contents(path)
    assert str(path) in run.out
    for name in ("summary.json", "summary.md", "report.html", "junit.xml", "metrics.prom", "host.log", "log.txt"):
        assert files[name], name
    assert {"versions.json", "settings.json", "gates.toml", "app/host.json", "app/local.settings.json"} <= files.keys()
    assert "operations/local.parquet" in files
    assert "was given" in files["host.log"]
    assert "cannot reach" in files["operations/local.parquet"]
    leaks = {name: secret for secret in SECRETS for name, text in files.items() if secret.lower() in text.lower()}
    assert leaks == {}
    about = json.loads(files["evidence.json"])
    assert about["missing"] == {}
    assert about["ended"].startswith("failed: ")
    assert "--function-key ***" in about["command"]


@pytest.mark.thorough
@pytest.mark.parametrize("preflight", ["true", "false"])
def test_neither_a_part_of_a_secret_nor_the_payload_is_in_it(start_locust, app, tmp_path, monkeypatch, preflight):
    """Reasons are shortened: not even the beginning of a key is left, nor what a start was sent with."""
    monkeypatch.setenv(NO_PREFLIGHT, preflight)
    path = tmp_path / "evidence.zip"
    payload = json.dumps({"order": "{token}", "customer": "jo@example.org", "amount": 987654321})
    words = ["--app", str(app), "--start-path", "/api/orders", "--payload", payload, "--evidence", str(path)]
    words += ["--headless", "--rate", "5", "-t", "2s", "--gates", "none", "Steady"]
    start_locust(*words, scenarios=ROOT / "loadtests").wait()
    files = contents(path)
    assert "was asked for ***" in files["host.log"]
    assert "401 for key ***" in str(files)
    planted = (PARTNER[:8], "jo@example", "987654321")
    assert {name: word for word in planted for name, text in files.items() if word in text} == {}
    about = json.loads(files["evidence.json"])
    assert about["command"].startswith("locust --only-summary ")
    assert "--payload ***" in about["command"]


@pytest.mark.thorough
def test_the_command_is_the_one_that_was_typed(app, tmp_path):
    """`durable-harness load` becomes Locust; the file has what its user wrote."""
    path, report_dir = tmp_path / "evidence.zip", tmp_path / "report"
    words = ["load", str(app), "--gates", "none", "-t", "1s", "--report-dir", str(report_dir), "--evidence", str(path)]
    subprocess.run([sys.executable, "-m", "durable_harness", *words], cwd=tmp_path, capture_output=True, check=False)
    assert json.loads(contents(path)["evidence.json"])["command"] == " ".join(["durable-harness", *words])


@pytest.mark.thorough
def test_an_interrupted_run_leaves_it_too(start_locust, stub, tmp_path, wait_until):
    """Ctrl-C in the middle of a run: what was measured by then is in it."""
    path = tmp_path / "evidence.zip"
    process = start_locust(*headless(stub), "--evidence", str(path), "-t", "60s", "Quick")
    wait_until(lambda: stub.accepted >= 5, "five operations")
    process.press_ctrl_c()
    assert process.wait().code == 130
    assert json.loads(contents(path)["evidence.json"])["ended"].startswith("interrupted: ")


@pytest.mark.thorough
def test_a_run_that_did_not_begin_leaves_why(start_locust, stub, tmp_path, monkeypatch):
    """A start that is refused before the load: no results, but settings, versions and the reason."""
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    stub.always(refuse=404)
    path = tmp_path / "evidence.zip"
    run = start_locust(*headless(stub), "--evidence", str(path), "-t", "5s", "Few").wait()
    assert run.code == 2
    files = contents(path)
    assert json.loads(files["evidence.json"])["ended"].startswith("before the load: ")
    assert "versions.json" in files
    assert "summary.json" not in files


@pytest.mark.thorough
def test_one_that_made_no_load_has_nothing_of_the_run_before(start_locust, app, stub, tmp_path, monkeypatch):
    """Records and logs of an earlier run are not those of a command that was refused; the list says so."""
    path = tmp_path / "evidence.zip"
    assert start_locust(*headless(stub), "-t", "30s", "Few").wait().summary["operations"]["started"]
    (tmp_path / "report" / "stack.log").write_text("of an earlier run")
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    words = ["--app", str(app), "--start-path", "/api/start", "--evidence", str(path), "--headless", "-t", "1s"]
    run = start_locust(*words, "--gates", "none", "Steady", scenarios=ROOT / "loadtests").wait()
    assert run.code == 2
    files = contents(path)
    assert [name for name in files if name.startswith("operations")] == []
    assert "of an earlier run" not in files["host.log"]
    assert json.loads(files["evidence.json"])["missing"]["operations"].startswith("no load was made")


@pytest.mark.thorough
def test_an_unwritable_place_ends_the_command_before_any_load(start_locust, stub, tmp_path):
    """Not after a run of an hour: exit code 2, and no request was sent."""
    run = start_locust(*headless(stub), "--evidence", str(tmp_path / "gone" / "e.zip"), "-t", "5s", "Few").wait()
    assert run.code == 2
    assert "--evidence" in run.err
    assert "does not exist" in run.err
    assert stub.accepted == 0
