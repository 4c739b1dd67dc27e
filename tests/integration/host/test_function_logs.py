"""What a host logs about the app's functions: their own entries by host.json's levels, and their failures."""

import json

import pytest

from durable_harness.stack import embedded_stack

CODE = """
import logging

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
log = logging.getLogger("shop")
log.warning("imported")

def write(where):
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("%s %s", level, where)
    logging.info("root %s", where)

@app.route(route="plain")
def plain(req: func.HttpRequest) -> str:
    write("in plain")
    return ""

@app.route(route="waits")
async def waits(req: func.HttpRequest) -> str:
    write("in waits")
    raise RuntimeError("no route today")

@app.function_name("Order")
@app.orchestration_trigger(context_name="context", orchestration="ordered")
def order(context):
    write("in order")
    try:
        yield context.call_activity("charge")
    except Exception:
        pass
    try:
        yield context.call_entity(df.EntityId("stock", "1"), "take")
    except Exception:
        pass
    raise LookupError("nobody ordered")

@app.activity_trigger(input_name="x")
def charge(x):
    write("in charge")
    raise OverflowError("card is full")

@app.entity_trigger(context_name="context")
def stock(context):
    write("in stock")
    raise ArithmeticError("nothing on shelf")
"""
WEBHOOKS = "/runtime/webhooks/durabletask"
LINES = ("in plain", "in waits", "in order", "in charge", "in stock")


@pytest.fixture
def printed(tmp_path, http):
    """Return a function that runs all functions of the app and returns what its host printed."""

    def run(levels=None, *serve_args, **environment):
        folder = tmp_path / "app"
        folder.mkdir()
        (folder / "function_app.py").write_text(CODE)
        host = {"version": "2.0"} | ({} if levels is None else {"logging": {"logLevel": levels}})
        (folder / "host.json").write_text(json.dumps(host))
        log = tmp_path / "log"
        with embedded_stack(folder, log_path=log, serve_args=serve_args, environment=environment) as stack:
            assert http.get(f"{stack.base_url}/api/plain").status_code == 200
            assert http.get(f"{stack.base_url}/api/waits").status_code == 500
            url = f"{stack.base_url}{WEBHOOKS}/orchestrators/ordered?timeout=20&pollingInterval=1"
            assert "nobody ordered" in http.post(url).json()["output"]
        return log.read_text()

    return run


def logged(text, level):
    """Return in which functions an entry of a level was logged."""
    return {where for where in LINES if f"{level} {where}" in text}


def test_without_levels_information_is_logged(printed):
    """By default all but debug entries are in the log, those of the root logger too."""
    text = printed()
    assert logged(text, "info") == logged(text, "warning") == logged(text, "root") == set(LINES)
    assert logged(text, "debug") == set()
    assert "imported" in text


def test_levels_are_set_by_function(printed):
    """The longest beginning of a function's category counts; the function's name counts, not its durable name."""
    levels = {"default": "None", "Function": "Warning", "Function.Order.User": "Debug", "Function.charge": "None"}
    text = printed(levels)
    assert logged(text, "debug") == logged(text, "info") == {"in order"}
    assert logged(text, "warning") == set(LINES) - {"in charge"}
    assert "Activity 'charge' failed" not in text
    assert "Orchestrator 'ordered' failed: LookupError" in text
    assert "imported" not in text


def test_the_environment_sets_levels(printed):
    """AzureFunctionsJobHost__logging__logLevel__CATEGORY replaces or adds a level."""
    prefix = "AzureFunctionsJobHost__logging__logLevel__"
    text = printed({"Function": "Error"}, **{f"{prefix}Function": "Debug", f"{prefix}Function.plain.User": "Critical"})
    assert logged(text, "debug") == set(LINES) - {"in plain"}
    assert logged(text, "error") == set(LINES) - {"in plain"}


def test_one_level_for_all_takes_the_place_of_host_json(printed):
    """--log-level counts for every category, whatever host.json has."""
    text = printed({"default": "Trace", "Function": "Trace"}, "--log-level", "error")
    assert logged(text, "warning") == set()
    assert logged(text, "error") == set(LINES)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("Function 'waits' failed: RuntimeError: no route today", 'raise RuntimeError("no route today")'),
        ("Activity 'charge' failed: OverflowError: card is full", 'raise OverflowError("card is full")'),
        ("Entity 'stock.take' failed: ArithmeticError: nothing on shelf", 'raise ArithmeticError("nothing on shelf")'),
        ("Orchestrator 'ordered' failed: LookupError: nobody ordered", 'raise LookupError("nobody ordered")'),
    ],
)
def test_a_failure_is_logged_with_the_trace_of_the_users_code(printed, entry, code):
    """Whatever kind of function fails, the log has the type, the message and the app's lines once, without ours."""
    text = printed()
    assert text.count(entry) == 1
    lines = text[text.index(entry) :].split("\n[")[0].splitlines()
    assert lines[-1].strip() == code
    files = [line for line in lines if line.strip().startswith("File ")]
    assert files
    assert all("function_app.py" in line for line in files)
