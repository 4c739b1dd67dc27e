"""Python worker extensions run as in Azure's worker: with its setting, in its order, and none breaks a function."""

import pytest

from durable_harness.stack import embedded_stack

SETTING = "PYTHON_ENABLE_WORKER_EXTENSIONS"
CODE = """
import json
import pathlib

import azure.durable_functions as df
import azure.functions as func

seen = []

class Audit(func.AppExtensionBase):
    @classmethod
    def post_function_load_app_level(cls, function_name, function_directory, *args, **kwargs):
        seen.append(f"app load {function_name}")

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args={}, *args, **kwargs):
        seen.append(f"app pre {context.function_name} {sorted(func_args)}")

    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args={}, func_ret=None, *args, **kwargs):
        seen.append(f"app post {context.function_name} {func_ret}")

class Broken(func.AppExtensionBase):
    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args={}, *args, **kwargs):
        raise ValueError("not today")

class Watch(func.FuncExtensionBase):
    def __init__(self, file_path):
        super().__init__(file_path)

    def post_function_load(self, function_name, function_directory, *args, **kwargs):
        seen.append(f"own load {function_name}")

    def pre_invocation(self, logger, context, func_args={}, *args, **kwargs):
        seen.append(f"own pre {context.function_name}")

    def post_invocation(self, logger, context, func_args={}, func_ret=None, *args, **kwargs):
        seen.append(f"own post {context.function_name}")

Watch(str(pathlib.Path(__file__).parent / "plain" / "__init__.py"))

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("plain")
def plain(req):
    return "plain"

@app.route("waiting")
async def waiting(req, context: func.Context):
    return context.function_name

@app.route("failing")
def failing(req):
    raise RuntimeError("no")

@app.activity_trigger(input_name="number")
def act(number):
    return number

@app.orchestration_trigger(context_name="context")
def run(context):
    return (yield context.call_activity("act", 1))

@app.route("seen")
async def show(req):
    return json.dumps({"body": json.dumps([line for line in seen if " show" not in line])})
"""


def served(tmp_path, setting):
    """Return a stack of the app with a value of the setting."""
    (tmp_path / "function_app.py").write_text(CODE)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    return embedded_stack(tmp_path, environment={SETTING: setting})


def seen_of(client, function):
    """Return what the hooks noted about a function."""
    return [line for line in client.get("/api/seen").json() if f" {function}" in line]


@pytest.mark.parametrize("setting", ["1", "True"])
def test_hooks_run_with_the_setting(tmp_path, client_of, setting):
    """They run when functions are loaded and around their calls; after it only if the function succeeds."""
    with served(tmp_path, setting) as stack:
        client = client_of(stack)
        assert [client.get(f"/api/{path}").text for path in ("plain", "waiting")] == ["plain", "waiting"]
        assert client.get("/api/failing").status_code == 500
        assert client.wait_terminal(client.start("run"))["output"] == 1
        noted = {name: seen_of(client, name) for name in ("plain", "waiting", "failing", "act")}
        log = stack.log_path.read_text()
    own = ["own load plain", "app load plain", "app pre plain ['req']", "own pre plain"]
    assert noted["plain"] == [*own, "own post plain", "app post plain plain"]
    assert noted["waiting"] == [
        *("app load waiting", "app pre waiting ['context', 'req']"),
        "app post waiting waiting",
    ]
    assert noted["failing"] == ["app load failing", "app pre failing ['req']"]
    assert noted["act"][-1] == "app post act 1"
    assert "The worker extension Broken failed." in log
    assert "ValueError: not today" in log


@pytest.mark.parametrize("setting", ["", "0"])
def test_without_the_setting_none_runs_as_the_start_reports(tmp_path, client_of, setting):
    """A warning names the extensions and the setting."""
    with served(tmp_path, setting) as stack:
        client = client_of(stack)
        assert client.get("/api/plain").text == "plain"
        assert client.get("/api/seen").json() == []
        log = stack.log_path.read_text()
    assert f"warning: worker extensions are not run, as in Azure without {SETTING}=1: Audit, Broken, Watch." in log


def test_an_app_without_extensions_has_no_word_about_them(tmp_path):
    """The SDK's own extension is none of the app's."""
    (tmp_path / "function_app.py").write_text(
        'import azure.durable_functions as df\n\napp = df.DFApp()\n\n@app.route("a")\ndef a(req): return ""\n'
    )
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with embedded_stack(tmp_path) as stack:
        assert "worker extension" not in stack.log_path.read_text()
