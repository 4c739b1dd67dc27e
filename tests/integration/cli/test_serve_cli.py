"""`durable-harness serve` as a process: what it prints, how it refuses, how it ends, and that no app takes it down."""

import json
import os
import re
import signal
import socket
import ssl
from contextlib import contextmanager
from pathlib import Path

import pytest

from durable_harness.network.free_ports import free_port

APPS = Path(__file__).parents[2] / "apps"
SETTING = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"
END_DEADLINE_S = 20
CODE = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

@app.activity_trigger(input_name="seconds")
async def work(seconds):
    import asyncio
    await asyncio.sleep(seconds)

@app.activity_trigger(input_name="seconds")
def block(seconds):
    import time
    time.sleep(seconds)

@app.route(route="greet/{name}", methods=["GET", "POST"])
def greet(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["name"])

@app.orchestration_trigger(context_name="context")
def run(context):
    yield context.call_activity(**context.get_input())

@app.route(route="anything")
def anything(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("any")

@app.entity_trigger(context_name="context")
def keep(context):
    pass
"""


def host_json(durable=None, **sections):
    provider = {"type": "azureManaged", "connectionStringName": SETTING}
    durable_task = {"hubName": "default", "storageProvider": provider, **(durable or {})}
    http = sections.pop("http", {})
    return json.dumps({"version": "2.0", "extensions": {"durableTask": durable_task, "http": http}, **sections})


def local_settings(connection_string):
    values = {"FUNCTIONS_WORKER_RUNTIME": "python"}
    return json.dumps({"Values": values | ({SETTING: connection_string} if connection_string is not None else {})})


GOOD = {
    "function_app.py": CODE,
    "host.json": host_json(),
    "local.settings.json": local_settings("Endpoint=http://localhost:8080;Authentication=None"),
}


@pytest.fixture
def make_app(tmp_path):
    """Return a function that writes an app's directory: the good files, with those that the test wants otherwise."""

    def make(**otherwise):
        files = GOOD | {name.replace("__", "."): text for name, text in otherwise.items()}
        for name, text in files.items():
            if text is not None:
                (tmp_path / name).write_text(text)
        return tmp_path

    return make


def environment():
    return {name: value for name, value in os.environ.items() if name != SETTING} | {"NO_COLOR": "1"}


@pytest.fixture
def refused(tmp_path_factory, warm_starter):
    """Return a function that runs a command which must end by itself: its exit code, its errors, its output."""

    def run(*arguments, cwd):
        folder = tmp_path_factory.mktemp("refused")
        files = {"errors": folder / "errors.txt", "output": folder / "output.txt"}
        process = warm_starter.start(*arguments, cwd=cwd, env=environment(), **files)
        return process.wait(), *(file.read_text() for file in files.values())

    return run


class Served:
    """A running `durable-harness` process and what it has printed so far."""

    def __init__(self, process, log):
        self.process, self.log = process, log

    @property
    def printed(self):
        return self.log.read_text()

    @property
    def listed(self):
        return [line.removeprefix("\t") for line in self.printed.splitlines() if line.startswith("\t")]

    @property
    def base_url(self):
        return re.search(r"https?://localhost:\d+", self.printed)[0]

    def end(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(END_DEADLINE_S)

    def group_lives(self):
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def served(tmp_path_factory, warm_starter, wait_until):
    """Return a context manager that serves an app until its block ends, having waited for the list of functions."""

    @contextmanager
    def serve(*arguments, cwd):
        log = tmp_path_factory.mktemp("served") / "output.txt"
        process = warm_starter.start(*arguments, cwd=cwd, env=environment(), output=log)
        served = Served(process, log)
        try:
            wait_until(lambda: served.listed or process.poll() is not None, "the list of functions")
            assert process.poll() is None, served.printed
            yield served
        finally:
            if served.group_lives():
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_DEADLINE_S)

    return serve


@pytest.fixture(name="free_port")
def free_port_fixture():
    """Return a port on which no process listens."""
    return free_port()


# ---- what it prints


@pytest.mark.parametrize(("prefix", "base"), [("api", "/api"), ("v1/things", "/v1/things"), ("", "")])
def test_it_lists_functions_as_func_start_does(make_app, served, wait_until, prefix, base):
    """HTTP functions come first with methods and URL, a blank line after each, then the others with their trigger."""
    app = make_app(host__json=host_json(http={"routePrefix": prefix}))
    with served("serve", "--script-root", app, "--port", 0, cwd=app.parent) as run:
        wait_until(lambda: "keep: entityTrigger" in run.listed, "the last function in the list")
        assert [line for line in run.listed if not line.startswith("BuiltIn__")] == [
            f"greet: [GET,POST] {run.base_url}{base}/greet/{{name}}",
            f"anything:  {run.base_url}{base}/anything",
            "work: activityTrigger",
            "block: activityTrigger",
            "run: orchestrationTrigger",
            "keep: entityTrigger",
        ]
        assert re.search(r"\n\nFunctions:\n\n\tgreet: [^\n]+\n\n\tanything: [^\n]+\n\n\t\w+: \w+Trigger", run.printed)


def test_the_listed_urls_answer(make_app, served, http):
    """The URLs of the list are live when they are printed."""
    app = make_app()
    with served("serve", "--script-root", app, "--port", 0, cwd=app.parent) as run:
        assert http.get(f"{run.base_url}/api/greet/you").text == "you"


def test_functions_loads_only_those(make_app, served, http):
    """--functions NAME NAME loads these functions; the others are neither listed nor served."""
    app = make_app()
    with served("serve", "--script-root", app, "--port", 0, "--functions", "anything", "work", cwd=app.parent) as run:
        assert [line.partition(":")[0] for line in run.listed] == ["anything", "work"]
        assert http.get(f"{run.base_url}/api/anything").status_code == 200
        assert http.get(f"{run.base_url}/api/greet/you").status_code == 404


def test_host_json_names_the_functions_to_load(make_app, served, http):
    """A name in host.json's list that no function has is a warning with the known ones; the named ones are loaded."""
    app = make_app(host__json='{"version": "2.0", "functions": ["Anything", "gone", "lost"]}')
    with served("serve", "--script-root", app, "--port", 0, cwd=app.parent) as run:
        assert [line.partition(":")[0] for line in run.listed] == ["anything"]
        assert http.get(f"{run.base_url}/api/anything").status_code == 200
        warned = [line for line in run.log.read_text().splitlines() if "warning: " in line]
        assert len(warned) == 1
        assert warned[0].startswith("warning: host.json: functions: function_app.py has no 'gone', 'lost'. It has: ")


def test_a_list_of_functions_without_any_of_the_app(make_app, refused):
    """If host.json names no function of the app, the start ends with 2 and with the names that it has."""
    app = make_app(host__json='{"version": "2.0", "functions": ["gone"]}')
    code, stderr, stdout = refused("serve", "--script-root", app, "--port", 0, cwd=app.parent)
    assert_one_clear_message(stderr, stdout, ["host.json: functions", "'gone'", "It has: "])
    assert code == 2


def test_func_start_spelling(make_app, served, http, free_port):
    """`durable-harness func start --port N` serves the app of the current directory on that port."""
    app = make_app()
    with served("func", "start", "--port", free_port, cwd=app) as run:
        assert run.base_url == f"http://localhost:{free_port}"
        assert http.get(f"{run.base_url}/api/greet/you").text == "you"


def test_https(make_app, served, http):
    """`func start --useHttps` serves HTTPS, with a certificate made for localhost; the URLs begin with https."""
    app = make_app()
    with served("func", "start", "--useHttps", "--port", 0, cwd=app) as run:
        assert run.base_url.startswith("https://")
        certificate = ssl.get_server_certificate(("localhost", int(run.base_url.rpartition(":")[2])))
        (app.parent / "server.pem").write_text(certificate)
        assert http.get(f"{run.base_url}/api/greet/you", verify=str(app.parent / "server.pem")).text == "you"


def test_every_argument_of_core_tools_is_accepted(make_app, served):
    """A script written for `func start` may give whatever Core Tools takes."""
    app = make_app()
    arguments = ["--timeout", 20, "--no-build", "--language-worker", "x", "--runtime", "4", "--dotnet-isolated-debug"]
    arguments += ["--enable-json-output", "--json-output-file", "out.json", "--debug", "vs", "--pause-on-error"]
    with served("func", "start", "--port", 0, *arguments, cwd=app) as run:
        assert run.listed


def test_the_port_of_the_local_settings(make_app, served, free_port):
    """Host.LocalHttpPort of local.settings.json is the port when no --port is given."""
    settings = json.loads(GOOD["local.settings.json"]) | {"Host": {"LocalHttpPort": free_port}}
    app = make_app(local__settings__json=json.dumps(settings))
    with served("serve", "--script-root", app, cwd=app.parent) as run:
        assert run.base_url == f"http://localhost:{free_port}"


def test_cors(make_app, served, http):
    """With --cors a preflight and an answer name the origin that is allowed; other origins are not named."""
    app = make_app()
    mine, theirs = {"Origin": "https://mine.example"}, {"Origin": "https://theirs.example"}
    preflight = {"Access-Control-Request-Method": "POST"}
    with served("serve", "--script-root", app, "--port", 0, "--cors", "https://mine.example", cwd=app.parent) as run:
        url = f"{run.base_url}/api/anything"
        assert http.get(url, headers=mine).headers["Access-Control-Allow-Origin"] == "https://mine.example"
        assert "Access-Control-Allow-Origin" not in http.get(url, headers=theirs).headers
        asked = http.options(url, headers=mine | preflight)
        assert asked.status_code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == "https://mine.example"


# ---- how it refuses

BAD_CONFIGURATION = {
    "host.json without version": ({"host__json": "{}"}, ["host.json", "version"]),
    "host.json of version 1": ({"host__json": '{"version": "1.0"}'}, ["host.json", "version", "1.0"]),
    "host.json is not JSON": ({"host__json": '{"version": '}, ["host.json", "JSON"]),
    "host.json is a list": ({"host__json": "[]"}, ["host.json"]),
    "unknown storage provider": (
        {"host__json": host_json({"storageProvider": {"type": "paper"}})},
        ["host.json", "extensions.durableTask.storageProvider.type", "paper", "azureManaged"],
    ),
    "no connection string name": (
        {"host__json": host_json({"storageProvider": {"type": "azureManaged"}})},
        ["host.json", "extensions.durableTask.storageProvider.connectionStringName"],
    ),
    "empty hub name": ({"host__json": host_json({"hubName": ""})}, ["host.json", "extensions.durableTask.hubName"]),
    "no activities at a time": (
        {"host__json": host_json({"maxConcurrentActivityFunctions": 0})},
        ["host.json", "extensions.durableTask.maxConcurrentActivityFunctions", "0"],
    ),
    "function timeout of nothing": (
        {"host__json": host_json(functionTimeout="00:00:00")},
        ["host.json", "functionTimeout", "00:00:00"],
    ),
    "no connection string": ({"local__settings__json": local_settings(None)}, ["local.settings.json", SETTING]),
    "no local settings": ({"local__settings__json": None}, ["local.settings.json", SETTING]),
    "connection string without pairs": ({"local__settings__json": local_settings("paper")}, [SETTING, "paper"]),
    "connection string without Endpoint": (
        {"local__settings__json": local_settings("Authentication=None")},
        ["local.settings.json", SETTING, "Endpoint"],
    ),
    "connection string without Authentication": (
        {"local__settings__json": local_settings("Endpoint=http://localhost:8080")},
        ["local.settings.json", SETTING, "Authentication"],
    ),
    "connection string with unknown Authentication": (
        {"local__settings__json": local_settings("Endpoint=http://localhost:8080;Authentication=Handshake")},
        ["local.settings.json", SETTING, "Handshake"],
    ),
}
FIRST_LINES = "import azure.functions as func\nimport azure.durable_functions as df\n"
BAD_APPS = {
    "does not import": ("import no_such_module\n", ["function_app.py", "no_such_module"]),
    "raises while it is imported": ("raise RuntimeError('not today')\n", ["function_app.py", "not today"]),
    "has a syntax error": ("def broken(:\n", ["function_app.py", "1"]),
    "does not exist": (None, ["function_app.py"]),
    "declares no app": (FIRST_LINES, ["function_app.py"]),
    "declares two apps": (CODE + "\nother = df.DFApp()\n", ["function_app.py"]),
    "has two functions of one name": (
        CODE + "\n@app.function_name('greet')\n@app.route(route='other')\ndef other(req): pass\n",
        ["function_app.py", "greet"],
    ),
    "has a parameter that no binding gives": (
        CODE + "\n@app.route(route='other')\ndef other(req: func.HttpRequest, who): pass\n",
        ["function_app.py", "other", "who"],
    ),
}


def assert_one_clear_message(stderr, stdout, texts):
    for text in texts:
        assert text in stderr
    assert "Traceback" not in stderr + stdout
    assert "Functions:" not in stdout
    assert 1 <= len(stderr.strip().splitlines()) <= 5


@pytest.mark.parametrize(("files", "texts"), BAD_CONFIGURATION.values(), ids=BAD_CONFIGURATION.keys())
def test_bad_configuration_ends_the_start(make_app, files, texts, refused):
    """Exit code 2 and one message on stderr that names the file and the key, without a traceback."""
    app = make_app(**files)
    words = ("serve", "--script-root", app, "--port", 0, "--scheduler", "settings")
    code, stderr, stdout = refused(*words, cwd=app.parent)
    assert_one_clear_message(stderr, stdout, texts)
    assert code == 2


@pytest.mark.parametrize(("code", "texts"), BAD_APPS.values(), ids=BAD_APPS.keys())
def test_a_bad_app_ends_the_start(make_app, code, texts, refused):
    """Exit code 5 and one message on stderr that names the script and what is wrong, without a traceback."""
    app = make_app(function_app__py=code)
    exit_code, stderr, stdout = refused("serve", "--script-root", app, "--port", 0, cwd=app.parent)
    assert_one_clear_message(stderr, stdout, texts)
    assert exit_code == 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--script-root", "no/such/directory"], "no/such/directory"),
        (["--port", "door"], "door"),
        (["--port", "70000"], "70000"),
        (["--no-such-option"], "--no-such-option"),
        (["--cert", "mine.pfx"], "--useHttps"),
        (["--useHttps", "--cert", "no-such.pfx"], "no-such.pfx"),
    ],
    ids=["no directory", "port is no number", "port out of range", "unknown option", "cert alone", "no such cert"],
)
def test_bad_options_end_the_start(make_app, arguments, text, refused):
    """Exit code 2 and a message that names the wrong option or value, without a traceback."""
    app = make_app()
    code, stderr, _ = refused("serve", "--port", 0, *arguments, cwd=app)
    assert (code, text in stderr, "Traceback" in stderr) == (2, True, False), stderr


@pytest.mark.parametrize("spelling", [("serve",), ("func", "start")], ids=" ".join)
def test_a_port_in_use_ends_the_start(make_app, spelling, refused):
    """Exit code 6 and one message that names the port, by either spelling."""
    app = make_app()
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        code, stderr, stdout = refused(*spelling, "--port", port, cwd=app)
    assert_one_clear_message(stderr, stdout, [str(port)])
    assert code == 6


# ---- how it ends


@pytest.mark.parametrize("activity", [None, "work", "block"], ids=["idle", "async activity", "sync activity"])
def test_sigterm_ends_it_cleanly(make_app, served, http, wait_until, activity):
    """SIGTERM ends the host with exit code 0 in spite of running activities, and no process of its group is left."""
    app = make_app()
    with served("serve", "--script-root", app, "--port", 0, cwd=app.parent) as run:
        if activity:
            request = {"name": activity, "input_": 3600}
            webhooks = f"{run.base_url}/runtime/webhooks/durabletask"
            url = http.post(f"{webhooks}/orchestrators/run", json=request).headers["Location"]
            wait_until(lambda: http.get(url).json()["runtimeStatus"] == "Running", "the activity to run")
        assert run.end() == 0, run.printed
        assert not run.group_lives()
        assert "Traceback" not in run.printed


def test_ctrl_c_ends_it_as_a_service_ends(make_app, served):
    """Ctrl-C is the usual way to end the host: it ends with 0, and no process of its group is left."""
    app = make_app()
    with served("serve", "--script-root", app, "--port", 0, cwd=app.parent) as run:
        assert run.end(signal.SIGINT) == 0, run.printed
        assert not run.group_lives()
        assert "Traceback" not in run.printed


def test_the_port_is_free_again_afterwards(make_app, served, http, free_port):
    """A host that has ended can be started again on the same port at once."""
    app = make_app()
    for _ in range(2):
        with served("serve", "--script-root", app, "--port", free_port, cwd=app.parent) as run:
            assert http.get(f"{run.base_url}/api/anything").status_code == 200
            assert run.end() == 0


# ---- no app takes it down

RAISABLE = ["Exception", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException", "RecursionError"]


@pytest.fixture
def raising(running_apps):
    """Return the client of the app that raises whatever can be raised."""
    return running_apps(APPS / "raising")


@pytest.mark.parametrize("name", RAISABLE)
@pytest.mark.parametrize("kind", ["sync_http", "async_http"])
def test_an_http_function_that_raises_is_a_500(raising, kind, name):
    """Whatever an HTTP function raises, the answer is an empty 500 and the host lives on."""
    answer = raising.get(f"/api/{kind}/{name}")
    assert (answer.status_code, answer.content) == (500, b"")
    assert raising.get("/api/alive").text == "alive"


@pytest.mark.parametrize("name", RAISABLE)
@pytest.mark.parametrize(
    ("orchestrator", "kind"),
    [
        ("calls_activity", "sync_activity"),
        ("calls_activity", "async_activity"),
        ("calls_entity", "entity"),
        ("orchestrator", "itself"),
    ],
)
def test_a_durable_function_that_raises_fails_its_instance(raising, orchestrator, kind, name):
    """Whatever an activity, an entity or an orchestrator raises, the instance ends Failed and the host lives on."""
    instance_id = raising.start(orchestrator, {"kind": kind, "name": name})
    assert raising.wait_terminal(instance_id, deadline_s=5)["runtimeStatus"] == "Failed"
    assert raising.get("/api/alive").text == "alive"


def test_what_an_app_raises_is_in_the_log(raising, wait_until):
    """The exception of an HTTP function is logged, with its text, for the app's author to read."""
    raising.get("/api/sync_http/Exception")
    wait_until(lambda: "the app raised this" in raising.stack.log_path.read_text(), "the exception in the log")
