"""What surrounds an app as it runs: its folder, its environment, and files that people wrote by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.stack import embedded_stack

CODE = """
import os
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
AT_IMPORT = {"motto": Path("motto.txt").read_text(), "hostname": os.environ["WEBSITE_HOSTNAME"]}

@app.route(route="import")
def at_import(req: func.HttpRequest) -> str:
    return f"{AT_IMPORT['motto']} at {AT_IMPORT['hostname']}"

@app.route(route="now")
@app.durable_client_input(client_name="client")
async def now(req: func.HttpRequest, client):
    instance = await client.start_new("read")
    return await client.wait_for_completion_or_create_check_status_response(req, instance, 20_000, 50)

@app.orchestration_trigger(context_name="context")
def read(context):
    return (yield context.call_activity("motto", Path("motto.txt").read_text()))

@app.activity_trigger(input_name="seen")
def motto(seen):
    return [seen, Path("motto.txt").read_text(), os.environ["AZURE_FUNCTIONS_ENVIRONMENT"], os.getcwd()]
"""
MANAGED = """{
  "version": "2.0", // as every app
  "extensions": {"durableTask": {"hubName": "shop", "storageProvider": {
    "type": "azureManaged", "connectionStringName": "NOWHERE",
  }}},
}"""


@pytest.fixture
def app(tmp_path):
    """Return an app that reads a file beside its code as it is imported and in each kind of function."""
    folder = tmp_path / "app"
    folder.mkdir()
    for name, text in (("function_app.py", CODE), ("host.json", MANAGED), ("motto.txt", "slow and steady")):
        (folder / name).write_text(text)
    return folder


def harness(*words, cwd):
    """Run a command to its end."""
    command = [sys.executable, "-m", "durable_harness", *map(str, words)]
    return subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_functions_run_in_the_folder_of_the_app(app, http, monkeypatch, tmp_path):
    """Wherever the host was started, files beside the code are found, at import as in each kind of function."""
    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    monkeypatch.chdir(tmp_path)
    with embedded_stack(Path("app")) as stack:
        port = stack.base_url.rpartition(":")[2]
        assert http.get(f"{stack.base_url}/api/import").text == f"slow and steady at localhost:{port}"
        seen = http.get(f"{stack.base_url}/api/now").json()
    assert seen == ["slow and steady", "slow and steady", "Development", str(app)]


def test_paths_of_the_command_line_are_from_the_callers_folder(app, tmp_path, monkeypatch):
    """`--data` and `--ready-file` with a relative path are where whoever typed them would look for them."""
    monkeypatch.chdir(tmp_path)
    with embedded_stack(Path("app"), serve_args=["--data", "hub.db"]):
        assert (tmp_path / "hub.db").exists()
    assert sorted(path.name for path in app.iterdir() if path.is_file()) == [
        "function_app.py",
        "host.json",
        "motto.txt",
    ]


def test_the_embedded_scheduler_needs_no_connection_string(app, http):
    """An app of the Durable Task Scheduler starts without local.settings.json: a fresh clone has none."""
    with embedded_stack(app) as stack:
        assert http.get(f"{stack.base_url}/api/import").status_code == 200
    refused = harness("serve", "--scheduler", "settings", "--port", 0, cwd=app)
    assert (refused.returncode, "NOWHERE" in refused.stderr) == (2, True)


@pytest.mark.parametrize("text", ['{"version": "2.0" "x": 1}', "[]", "{", '{"version": "2.0", "extensions": 1}'])
@pytest.mark.parametrize("command", ["serve --port 0", "replay history.json"])
def test_a_malformed_host_json_ends_with_2(app, text, command):
    """Also in the app's folder, where the SDK reads the file by itself, the error names the file and exits with 2."""
    (app / "host.json").write_text(text)
    (app / "history.json").write_text("{}")
    ended = harness(*command.split(), cwd=app)
    assert ended.returncode == 2, ended.stderr
    assert "host.json" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_host_json_with_comments_is_served_in_its_own_folder(app):
    """Comments in host.json are fine in the app's folder too, where SDK 1.x fails on them if it is imported there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "durable_harness", "serve", "--port", "0", "--ready-file", "ready.json"],
        cwd=app,
        stdout=subprocess.PIPE,
        text=True,
    )
    printed = iter(process.stdout.readline, "")
    try:
        assert any("at_import:" in line for line in printed)
    finally:
        process.terminate()
        process.communicate()


def test_replays_read_app_files_and_name_the_callers(app, http, tmp_path, monkeypatch):
    """`replay` runs orchestrators in the app's folder, and names histories as they were given."""
    monkeypatch.chdir(tmp_path)
    with embedded_stack(app) as stack:
        http.get(f"{stack.base_url}/api/now").json()
        instance = http.get(f"{stack.base_url}/runtime/webhooks/durabletask/instances").json()[0]["instanceId"]
        harness("record", instance, "--host", stack.base_url, "--out", "kept", cwd=tmp_path)
    replayed = harness("replay", "kept", "--app", "app", "--json", cwd=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    assert [found["file"] for found in json.loads(replayed.stdout)["histories"]] == [f"kept/{instance}.json"]


def test_keys_of_host_json_without_effect_are_named_once(app, tmp_path):
    """What host.json asks for in vain is in the first lines of the output, each key once."""
    (app / "host.json").write_text(
        '{"version": "2.0", "healthMonitor": {}, "extensions": {"http": {"routPrefix": "x"}}}'
    )
    log = tmp_path / "log"
    with embedded_stack(app, log_path=log):
        pass
    printed = log.read_text()
    assert printed.count("healthMonitor") == 1
    assert printed.count("routPrefix (did you mean extensions.http.routePrefix?)") == 1
