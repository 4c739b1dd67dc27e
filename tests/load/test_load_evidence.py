"""`--evidence`: one file for a report about a run, also of runs that fail, are interrupted or do not begin."""

import io
import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from locust_process import NO_PREFLIGHT, headless

ROOT = Path(__file__).parents[2]
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


@app.orchestration_trigger(context_name="context")
def fails(context):
    yield context.call_activity("leak", None)


@app.activity_trigger(input_name="nothing")
async def leak(nothing):
    raise ValueError("cannot reach " + os.environ["STORAGE"] + " with " + os.environ["SHOP_SECRET"])
"""
KEY, HEADER, TOKEN = "functionkey0001", "headervalue0002", "runtoken-value-0003"
ACCOUNT_KEY, SHOP, VARIABLE = "accountkey0004ABC==", "shopsecret0005", "variable0006secret"
SECRETS = (KEY, HEADER, TOKEN, ACCOUNT_KEY.rstrip("="), SHOP, VARIABLE)


@pytest.fixture
def app(tmp_path):
    """Give the folder of an app that writes its secrets into its log and into the failures of its operations."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(APP)
    for name in ("host.json", "local.settings.json"):
        (folder / name).write_text((ROOT / "tests" / "apps" / "constant" / name).read_text())
    settings = json.loads((folder / "local.settings.json").read_text())
    settings["Values"] |= {"STORAGE": f"AccountName=shop;AccountKey={ACCOUNT_KEY};Suffix=x", "SHOP_SECRET": SHOP}
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
def test_a_place_that_cannot_be_written_ends_the_command_before_any_load(start_locust, stub, tmp_path):
    """Not after a run of an hour: exit code 2, and no request was sent."""
    run = start_locust(*headless(stub), "--evidence", str(tmp_path / "gone" / "e.zip"), "-t", "5s", "Few").wait()
    assert run.code == 2
    assert "--evidence" in run.err
    assert "does not exist" in run.err
    assert stub.accepted == 0
