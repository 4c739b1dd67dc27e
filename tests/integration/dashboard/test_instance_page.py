"""The page of an instance where the host is at hand: its log, and its history replayed against the code of now."""

import re

import pytest
import requests

from durable_harness.stack import embedded_stack

TIMEOUT_S = 60
APP = """
import logging

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
print("the app says something")
print('{"counts": 1}')


@app.route("start/{name}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    instance_id = await client.start_new(req.route_params["name"], instance_id=req.params["id"])
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def brew(context):
    water = yield context.call_activity("boil", 1)
    return (yield context.call_activity("pour", water))


@app.activity_trigger(input_name="given")
def boil(given: int) -> int:
    logging.warning("<b>it boils</b>")
    return given + 1


@app.activity_trigger(input_name="given")
def pour(given: int) -> int:
    return given * 2
"""


@pytest.fixture
def app_dir(tmp_path):
    """Return the folder of an app whose code a test changes."""
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "extensions": {"durableTask": {"hubName": "tea", "storageProvider":'
        ' {"type": "azureManaged", "connectionStringName": "SCHEDULER"}}}}'
    )
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {}}')
    (tmp_path / "function_app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def pages(app_dir, wait_until):
    """Yield the pages of the app's dashboard, with an orchestration that has ended."""
    with embedded_stack(app_dir, serve_args=["--dashboard-port", "any"]) as running:
        requests.get(f"{running.base_url}/api/start/brew?id=one", timeout=TIMEOUT_S).raise_for_status()
        found = Pages(running.dashboard_url)
        wait_until(lambda: "is-completed" in found.get("one"), "the orchestration")
        yield found


class Pages:
    """The pages of instances of the app, as a person asks for them."""

    def __init__(self, origin):
        self._origin = origin
        self._url = f"{origin}/subscriptions/local/schedulers/emulator/taskhubs/tea/orchestrations"

    def get(self, instance_id):
        return requests.get(f"{self._url}/{instance_id}", timeout=TIMEOUT_S).text

    def replay(self, instance_id="one"):
        """Press the button that replays, and return the page that comes."""
        page = self.get(instance_id)
        assert "Replay against today&#39;s code" in page or "Replay against today's code" in page
        answer = self.post(f"{instance_id}/replay")
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path, **fields):
        """Send a form with the token of a page."""
        token = re.search(r'name="token" value="([^"]+)"', self.get("one"))[1]
        headers = {"Origin": self._origin}
        return requests.post(f"{self._url}/{path}", data={"token": token, **fields}, headers=headers, timeout=TIMEOUT_S)


def test_what_an_activity_logs_is_on_the_page(pages):
    """The entry of an activity stands on the page of its instance, as text."""
    page = pages.get("one")
    assert "&lt;b&gt;it boils&lt;/b&gt;" in page
    assert "<b>it boils</b>" not in page
    assert "Function.boil.User" in page


def test_a_replay_takes_the_code_of_now(pages, app_dir):
    """Unchanged code does the same; changed code, which the host has not loaded, differs, and the page shows where."""
    assert "Same" in pages.replay()
    line = 1 + APP[: APP.index('"pour", water')].count("\n")
    (app_dir / "function_app.py").write_text(APP.replace('"pour", water', '"spill", water'))
    page = pages.replay()
    assert "Different" in page
    assert f"function_app.py:{line}" in page
    assert "pour" in page
    assert "spill" in page
    assert "is-completed" in pages.get("one")


def test_a_history_is_run_again_from_an_event(pages, wait_until):
    """With another result of the first activity the rest is run again, and that activity is not."""
    page = pages.get("one")
    number = re.search(
        r'event=(\d+)" aria-label="Run again from event \d+"[^>]*>again…</a></td>\s*<td[^>]*>boil', page
    )[1]
    answer = pages.post("one/again", event=number, payload="20", input="", id="two")
    assert answer.status_code == 200, answer.text
    wait_until(lambda: "is-completed" in pages.get("two"), "the new instance")
    page = pages.get("two")
    assert "It took the history of" in page
    assert ">40<" in page.replace("\n", "")
    assert "it boils" not in page


def test_an_app_that_does_not_load_is_reported(pages, app_dir):
    """Where the app of now does not load there is no replay, and the page gives the reason."""
    (app_dir / "function_app.py").write_text("import no_such_module_of_this_test")
    page = pages.replay()
    assert "No replay" in page
    assert "no_such_module_of_this_test" in page
