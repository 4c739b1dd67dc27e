"""`durable-harness init`: what it writes for apps of all kinds runs as it is."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patience import PATIENT

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[3]
APPS = REPOSITORY / "tests" / "apps"
SAMPLE = ("function_app.py", "host.json", "local.settings.json")
OTHERS = ("asgi", "conformance", "folders", "measured", "patterns")


@pytest.fixture
def app(request, tmp_path):
    """Return a copy of an app without tests of its own; the sample is the repository's own app."""
    folder = tmp_path / "app"
    if request.param == "sample":
        folder.mkdir()
        for name in SAMPLE:
            shutil.copy(REPOSITORY / name, folder)
    else:
        shutil.copytree(APPS / request.param, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(folder, *words):
    """Run a module in the folder of an app; return how it ended."""
    command = [sys.executable, "-m", *words]
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **kept, **PATIENT}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("app", ["sample", *OTHERS], indirect=True)
def test_what_is_written_runs_as_it_is(app):
    """After init the tests pass and a load run is green, for apps that have nothing in common but the SDK."""
    made = run(app, "durable_harness", "init")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "next: durable-harness load" in made.stdout
    tested = run(app, "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout
    loaded = run(app, "durable_harness", "load", "--run-time", "3s")
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    summary = json.loads((app / "build" / "load" / "summary.json").read_text())
    assert summary["operations"]["completed"] == summary["operations"]["started"] > 0
    again = run(app, "durable_harness", "init")
    assert "wrote" not in again.stdout


@pytest.mark.parametrize("app", ["orders"], indirect=True)
def test_an_app_that_starts_nothing(app):
    """Without a starter nothing is written, and what the app has is named."""
    made = run(app, "durable_harness", "init")
    assert made.returncode == 2
    assert "GET /api/named" in made.stderr
    assert not (app / "loadtests").exists()


@pytest.mark.parametrize("app", ["sample"], indirect=True)
def test_an_app_that_does_not_load(app):
    """The error of the app is shown, with its exit code, and nothing is written."""
    (app / "function_app.py").write_text("import no_such_package\n")
    made = run(app, "durable_harness", "init")
    assert made.returncode == 5
    assert "no_such_package" in made.stderr
    assert not (app / "loadtests").exists()


CLAIMS = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="claims/{claim}", methods=["PUT"])
@app.durable_client_input(client_name="client")
async def claim(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("decide", None, req.get_json()))

@app.orchestration_trigger(context_name="context")
def decide(context):
    return context.get_input()
"""


@pytest.mark.parametrize("app", ["sample"], indirect=True)
def test_a_start_that_is_named(app):
    """A path that only the user can fill in is named as one that may start, tried once it is given, and written."""
    (app / "function_app.py").write_text(CLAIMS)
    refused = run(app, "durable_harness", "init")
    assert refused.returncode == 2
    named = ("--start-path", "/api/claims/{token}", "--start-method", "PUT")
    assert f"such as {' '.join(named)}" in refused.stderr
    made = run(app, "durable_harness", "init", *named)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "PUT /api/claims/{token}  (--start-path): works" in made.stdout
    assert (app / "loadtests" / "gates.toml").exists()
    tested = run(app, "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr


SAMPLES = CLAIMS.replace("claims/{claim}", "labs/{claim}/samples/{sample:int}")


@pytest.mark.parametrize("app", ["sample"], indirect=True)
def test_a_named_path_that_the_app_does_not_have(app):
    """A path that meets no route writes nothing; the message has the constraint, and the suggested path works."""
    (app / "function_app.py").write_text(SAMPLES)
    wrong = ("--start-path", "/api/labs/{token}/samples/{token}", "--start-method", "PUT")
    refused = run(app, "durable_harness", "init", *wrong)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "nothing was written: start refused: PUT /api/labs/{token}/samples/{token} answered 404" in refused.stderr
    assert "PUT /api/labs/{claim}/samples/{sample:int}" in refused.stderr
    assert not (app / "loadtests").exists()
    (path,) = re.findall(r"such as --start-path (\S+) --start-method PUT", refused.stderr)
    made = run(app, "durable_harness", "init", "--start-path", path, "--start-method", "PUT")
    assert made.returncode == 0, made.stdout + made.stderr
    assert f"PUT {path}  (--start-path): works" in made.stdout
