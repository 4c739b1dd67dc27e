"""An app configures `logging` as it likes: what the host has to say is logged anyway."""

import re

import pytest

from durable_harness.stack import embedded_stack

FUNCTIONS = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("fail")
def fail(req):
    raise ValueError("no stock")

@app.route("late")
def late(req):
    configure()
    raise ValueError("no time")

@app.activity_trigger(input_name="number")
def act(number):
    raise ValueError("no luck")

@app.orchestration_trigger(context_name="context")
def run(context):
    yield context.call_activity("act", 1)
"""
CONFIGURATIONS = {
    "dictConfig": """
import logging.config

def configure():
    root = {"handlers": ["c"], "level": "CRITICAL"}
    logging.config.dictConfig({"version": 1, "handlers": {"c": {"class": "logging.StreamHandler"}}, "root": root})
""",
    "removed handlers": """
import logging

def configure():
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
""",
    "disable": """
import logging

def configure():
    logging.disable(logging.CRITICAL)
""",
    "each logger": """
import logging

def configure():
    for name in [*logging.root.manager.loggerDict, "durable_harness", "durable_harness.host"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger(name).disabled = True
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.CRITICAL)
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.shutdown()
""",
    "broken parts": """
import logging

def refuse(*_arguments, **_options):
    raise RuntimeError("no records")

def configure():
    logging.setLogRecordFactory(refuse)
    logging.getLogger().addFilter(refuse)
    logging.getLogger().handlers[0].addFilter(refuse)
""",
}
WHY = ("late' failed: ValueError: no time", "fail' failed: ValueError: no stock", "act' failed: ValueError: no luck")


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_host_logs_why_a_function_failed(configuration, client_of, tmp_path):
    """Each reason is logged once, in the host's own form, whether logging is configured at import or in a function."""
    at_import = "" if configuration == "broken parts" else "configure()\n"
    (tmp_path / "function_app.py").write_text(CONFIGURATIONS[configuration] + at_import + FUNCTIONS)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with embedded_stack(tmp_path) as stack:
        client = client_of(stack)
        assert [client.get(f"/api/{path}").status_code for path in ("late", "fail")] == [500, 500]
        assert client.wait_terminal(client.start("run"))["runtimeStatus"] == "Failed"
        logged = stack.log_path.read_text()
    for reason in WHY:
        entry = rf"^\[[^\]]*\] ERROR durable_harness\.host: \w+ '{reason} \(function_app\.py:\d+\)( \[instance \w+\])?$"
        found = re.findall(entry, logged, re.MULTILINE)
        assert len(found) == 1, logged
