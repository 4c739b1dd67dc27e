"""Triggers of apps unlike the others: of function.json files, and with functions that settings disable."""

import json
import time
from pathlib import Path

import pytest
import requests

import rooms
from durable_harness.stack import embedded_stack

CLOCKWORK = Path(__file__).parents[1] / "apps" / "clockwork"
DEADLINE_S = 20.0
FUNCTIONS = {
    "tock": (
        [
            {
                "type": "timerTrigger",
                "name": "tick",
                "direction": "in",
                "schedule": "0 0 0 1 1 *",
                "runOnStartup": True,
            },
            {"type": "queue", "name": "$return", "direction": "out", "queueName": "ticks", "connection": "S"},
        ],
        "def main(tick):\n    return f'late: {tick.past_due}'\n",
    ),
    "mail": (
        [
            {"type": "queueTrigger", "name": "letter", "direction": "in", "queueName": "letters", "connection": "S"},
            {"type": "blob", "name": "copy", "direction": "out", "path": "mail/{id}.txt", "connection": "S"},
            {"type": "sendGrid", "name": "message", "direction": "out", "apiKey": "K"},
        ],
        'def main(letter, copy, message):\n    copy.set(letter.get_body())\n    message.set(\'{"to": "somebody"}\')\n',
    ),
}


@pytest.fixture
def files_app(tmp_path):
    """Return the folder of an app of function.json files."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    for name, (bindings, code) in FUNCTIONS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "function.json").write_text(json.dumps({"scriptFile": "__init__.py", "bindings": bindings}))
        (tmp_path / name / "__init__.py").write_text(code)
    return tmp_path


def outputs_of(stack, count):
    """Return what functions wrote, by target, once they have written that much."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = requests.get(f"{stack.base_url}/admin/durable-harness/outputs", timeout=30).json()["outputs"]
        if len(found) >= count:
            return {output["target"] or output["type"]: output["value"] for output in found}
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1)
def test_an_app_of_function_json_files_has_timers_and_triggers(files_app):
    """A timer runs at the start, a queue function by hand; outputs of known and unknown types are captured."""
    with embedded_stack(files_app) as stack:
        body = {"input": json.dumps({"id": 7})}
        assert requests.post(f"{stack.base_url}/admin/functions/mail", json=body, timeout=30).status_code == 202
        assert outputs_of(stack, 3) == {
            "ticks": "late: False",
            "mail/7.txt": "eyJpZCI6IDd9",
            "sendGrid": '{"to": "somebody"}',
        }


def test_a_disabled_timer_does_not_fire(tmp_path):
    """A timer that a setting disables is listed as disabled and does not run at the start."""
    environment = {"AzureWebJobs.at_start.Disabled": "true"}
    with embedded_stack(CLOCKWORK, log_path=tmp_path / "log", environment=environment) as stack:
        assert requests.post(f"{stack.base_url}/admin/functions/unset", timeout=30).status_code == 202
        assert outputs_of(stack, 1) == {"by_hand": "ran"}
    log = (tmp_path / "log").read_text()
    assert "at_start: disabled" in log
    assert "Timer 'at_start'" not in log
