"""`durable-harness serve --reload` as a process: when it starts the app again, and what the app then still has."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("watchfiles", reason="--reload needs watchfiles: pip install 'durable-harness[reload]'")

END_DEADLINE_S = 20
CODE = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

@app.activity_trigger(input_name="name")
def greeting(name: str):
    return f"Hello, {name}"

@app.orchestration_trigger(context_name="context")
def greet(context):
    name = yield context.wait_for_external_event("name")
    return (yield context.call_activity("greeting", name))

@app.route(route="version")
def version(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("first")

@app.route(route="exit")
def exit(req: func.HttpRequest) -> func.HttpResponse:
    import os
    os._exit(3)
"""
SECOND = CODE.replace('"first"', '"second"').replace("Hello", "Good day")
FILES = {
    "function_app.py": CODE,
    "host.json": json.dumps({"version": "2.0"}),
    "local.settings.json": json.dumps({"Values": {"FUNCTIONS_WORKER_RUNTIME": "python"}}),
}


@pytest.fixture
def app(tmp_path):
    """Return the folder of an app."""
    folder = tmp_path / "app"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


class Reloading:
    """A running `serve --reload`."""

    def __init__(self, process, ready, log, http):
        self.process, self.log = process, log
        self._ready, self._http = ready, http

    @property
    def facts(self):
        return json.loads(self._ready.read_text())

    @property
    def printed(self):
        return self.log.read_text()

    def get(self, path, **options):
        return self._http.get(f"{self.facts['baseUrl']}{path}", **options)

    def post(self, path, body=None):
        return self._http.post(f"{self.facts['baseUrl']}{path}", json=body)

    def version(self):
        """Return what the app answers, None while it does not."""
        try:
            return self.get("/api/version").text
        except OSError:
            return None


@pytest.fixture
def reloading(tmp_path, app, http, wait_until):
    """Return a context manager that serves the app with --reload, and has waited until it is ready."""

    @contextmanager
    def serve(*arguments, is_ready=True):
        log, ready = tmp_path / "output.txt", tmp_path / "ready.json"
        (tmp_path / "temp").mkdir()
        words = ["serve", app, "--reload", "--port", "0", "--ready-file", ready, *arguments]
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "durable_harness", *map(str, words)],
                cwd=tmp_path,
                env=os.environ | {"TMPDIR": str(tmp_path / "temp")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if is_ready:
                wait_until(lambda: ready.exists() or process.poll() is not None, "the app to be ready")
                assert process.poll() is None, log.read_text()
            yield Reloading(process, ready, log, http)
        finally:
            process.terminate()
            try:
                process.wait(END_DEADLINE_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    return serve


def test_a_change_starts_the_app_again_and_keeps_its_instances(reloading, app, wait_until):
    """The new code answers at the same URL, and an instance that waited continues in it."""
    with reloading() as run:
        url = run.facts["baseUrl"]
        started = run.post("/runtime/webhooks/durabletask/orchestrators/greet").json()
        wait_until(lambda: run.get(_path(started["statusQueryGetUri"])).json()["runtimeStatus"] == "Running", "a turn")
        (app / "function_app.py").write_text(SECOND)
        wait_until(lambda: run.version() == "second", "the new code")
        assert run.facts["baseUrl"] == url
        assert run.facts["pid"] == run.process.pid
        run.post(_path(started["sendEventPostUri"]).replace("{eventName}", "name"), "Ada")
        done = wait_until(lambda: _output(run, started), "its end")
        assert done == "Good day, Ada"
        assert "function_app.py changed: the app starts again." in run.printed


def test_the_dashboard_and_the_keys_stay(reloading, app, wait_until):
    """A browser that shows the dashboard and a client that has a key continue with both."""
    with reloading("--enable-auth", "--dashboard-port", "any") as run:
        before = run.facts
        (app / "function_app.py").write_text(SECOND)
        wait_until(lambda: run.facts != before or "starts again" in run.printed, "another start")
        key = {"x-functions-key": before["functionKey"]}

        def answer():
            try:
                return run.get("/api/version", headers=key).text
            except OSError:
                return None

        wait_until(lambda: answer() == "second", "the new code")
        assert {**run.facts, "rpcBaseUrl": None} == {**before, "rpcBaseUrl": None}


def test_an_app_that_does_not_load_is_waited_for(reloading, app, wait_until):
    """A broken file shows its error, at the start and later; the next change brings the app back."""
    (app / "function_app.py").write_text("def broken(:\n")
    with reloading(is_ready=False) as run:
        waits = "The app does not load. It starts again when a file changes."
        wait_until(lambda: waits in run.printed, "the error")
        assert "error: function_app.py" in run.printed or "SyntaxError" in run.printed
        (app / "function_app.py").write_text(CODE)
        wait_until(lambda: run.log.exists() and "Functions:" in run.printed, "the app")
        wait_until(lambda: (run._ready.exists()) and run.version() == "first", "its answer")
        (app / "function_app.py").write_text("import no_such_module\n")
        wait_until(lambda: run.printed.count(waits) == 2, "the second error")
        (app / "function_app.py").write_text(SECOND)
        wait_until(lambda: run.version() == "second", "the new code")


def test_a_dashboard_whose_port_was_taken_meanwhile(reloading, app, wait_until):
    """Another process that took the port while the app did not load costs the dashboard its port, not the app."""
    with reloading("--dashboard-port", "any") as run:
        port = int(run.facts["dashboardUrl"].rpartition(":")[2])
        (app / "function_app.py").write_text("import no_such_module\n")
        wait_until(lambda: "The app does not load" in run.printed, "the error")
        with socket.create_server(("127.0.0.1", port)):
            (app / "function_app.py").write_text(SECOND)
            wait_until(lambda: run.version() == "second", "the new code")
            wait_until(lambda: not run.facts["dashboardUrl"].endswith(f":{port}"), "the other port")


def test_an_app_that_ends_its_process_is_waited_for(reloading, app, wait_until):
    """A process that the app ends is reported with its exit code, and a change starts another."""
    with reloading() as run:
        with pytest.raises(OSError, match=re.compile("abort|reset|refused|disconnect", re.IGNORECASE)):
            run.get("/api/exit")
        wait_until(lambda: "The app has ended, with exit code 3." in run.printed, "what happened")
        (app / "function_app.py").write_text(SECOND)
        wait_until(lambda: run.version() == "second", "the new code")


def test_files_that_no_app_is_made_of_do_not_count(reloading, app, tmp_path, wait_until):
    """What the app writes itself starts nothing, unless --reload-include or --reload-dir includes it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    with reloading("--reload-dir", shared, "--reload-include", "*.md") as run:
        (app / "written.json").write_text("{}")
        (app / "__pycache__").mkdir(exist_ok=True)
        (app / "__pycache__" / "cached.py").write_text("")
        (app / "prompt.md").write_text("Be brief.")
        wait_until(lambda: "prompt.md changed" in run.printed, "the file that counts")
        wait_until(lambda: run.version() == "first", "the app")
        (shared / "tools.py").write_text("")
        wait_until(lambda: "tools.py changed" in run.printed, "the folder beside")
        assert "written.json" not in run.printed
        assert "cached.py" not in run.printed


@pytest.mark.parametrize("end", ["Ctrl-C", "SIGTERM"])
def test_it_ends_as_serve_does(reloading, tmp_path, end):
    """Ctrl-C in a terminal reaches both processes, SIGTERM one: it ends with 0 and leaves no process and no file."""
    with reloading() as run:
        if end == "Ctrl-C":
            os.killpg(run.process.pid, signal.SIGINT)
        else:
            run.process.terminate()
        assert run.process.wait(END_DEADLINE_S) == 0
        assert "Traceback" not in run.printed
        with pytest.raises(ProcessLookupError):
            os.killpg(run.process.pid, 0)
        assert list((tmp_path / "temp").iterdir()) == []


REFUSED = {
    "a port in use": (["--reload", "--port", "{used}"], 6, "in use"),
    "tests in control": (["--reload", "--test-control"], 2, "--reload"),
    "a folder that is not there": (["--reload", "--reload-dir", "nowhere"], 2, "--reload-dir: got 'nowhere'"),
    "folders without reload": (["--reload-dir", "."], 2, "are for --reload: add it"),
    "an option of the host": (["--reload", "--useHttps", "--cert", "none.pfx"], 2, "none.pfx"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_change_of_a_file_mends(app, case):
    """A command that cannot serve whatever the app contains ends, with the exit code that it has without --reload."""
    words, code, text = REFUSED[case]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [word.format(used=taken.getsockname()[1]) for word in words]
        ended = subprocess.run(
            [sys.executable, "-m", "durable_harness", "serve", str(app), *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    assert ended.returncode == code, ended
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def _path(url):
    return "/" + url.split("/", 3)[3]


def _output(run, started):
    status = run.get(_path(started["statusQueryGetUri"])).json()
    return status["output"] if status["runtimeStatus"] == "Completed" else None
