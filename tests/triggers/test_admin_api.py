"""The admin API: all functions listed, each run by hand, and answers that name what a request lacks."""

import re
import time
from pathlib import Path

import pytest
import requests

from durable_harness.stack import embedded_stack

DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def orders():
    """Yield the order app on a host."""
    with embedded_stack(Path(__file__).parents[1] / "apps" / "orders") as stack:
        yield stack


@pytest.fixture
def ask(orders):
    """Return what sends a request below /admin/functions."""

    def send(method, path, **more):
        return requests.request(method, f"{orders.base_url}/admin/functions{path}", timeout=30, **more)

    return send


def wait_for_log(stack, pattern):
    """Return what the log reports once it does."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := re.search(pattern, stack.log_path.read_text())):
        assert time.monotonic() < deadline, stack.log_path.read_text()
        time.sleep(0.01)
    return found


def test_all_functions_are_listed(ask):
    """Functions of any trigger are in the list, with their bindings; names are found in any case."""
    listed = {function["name"]: function for function in ask("GET", "").json()}
    assert {"take_order", "fulfil", "price", "take_stock", "put_order", "on_event"} <= listed.keys()
    types = {binding["type"] for binding in listed["take_order"]["config"]["bindings"]}
    assert types == {"queueTrigger", "durableClient"}
    assert ask("GET", "/TAKE_ORDER").json() == listed["take_order"]
    assert ask("GET", "/nobody").status_code == 404


def test_a_function_runs_by_hand(ask, orders):
    """The call is answered 202 at once, with an empty body; what the function does is in the log."""
    answer = ask("POST", "/on_generic", json={"input": "by-hand"})
    assert (answer.status_code, answer.content) == (202, b"")
    wait_for_log(orders, r"Function 'on_generic' wrote to queue 'seen' \(\$return\): \[\"by-hand\"\]")


def test_a_timer_needs_no_body(ask, orders):
    """Neither a body nor a content type is needed."""
    assert ask("POST", "/take_stock").status_code == 202
    wait_for_log(orders, r"Function 'take_stock' wrote to queue 'stock'")


def test_a_failure_after_the_answer_is_logged_whole(ask, orders):
    """A function that fails was accepted anyway; its traceback is in the log."""
    assert ask("POST", "/breaks", json={"input": "after-202"}).status_code == 202
    wait_for_log(
        orders, r"Function 'breaks' failed: LookupError: no such thing: after-202 \(\w+\.py:\d+\)\n +Traceback"
    )


def test_an_http_function_runs_by_hand(ask, orders):
    """An HTTP function gets a request whose body is the input; metadata are the parameters of its route."""
    assert ask("POST", "/put_order", json={"input": "fail", "metadata": {"id": 7}}).status_code == 202
    wait_for_log(orders, r"Function 'put_order' failed(.|\n)*after the order was set")


@pytest.mark.parametrize(
    ("name", "body", "status", "message"),
    [
        ("nobody", b"{}", 404, "no function 'nobody'"),
        ("take_order", b"{", 400, 'not JSON; expected nothing or a JSON object such as {"input": "…"}'),
        ("take_order", b'["x"]', 400, "not a JSON object"),
        ("take_order", b"[" * 100_000, 400, "nested too deep"),
        ("take_order", b'{"metadata": 1}', 400, '"metadata" is not a JSON object'),
        ("take_order", b'{"input": "?", "encoding": "base64"}', 400, '"input" is not base64'),
        ("take_order", b'{"input": "?", "encoding": "rot13"}', 400, "expected \"base64\" or nothing, got 'rot13'"),
        ("take_order", b'{"metadata": {"DequeueCount": "many"}}', 400, "take_order' (queueTrigger): the converter"),
        ("fulfil", b"{}", 400, "orchestrationTrigger functions do not run by themselves"),
    ],
)
def test_what_cannot_run_is_refused(ask, name, body, status, message):
    """A request that cannot be carried out gives the reason, before anything runs."""
    answer = ask("POST", f"/{name}", data=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_pages_of_other_sites_run_nothing(ask):
    """A page that a user visits cannot run functions on this machine."""
    assert ask("POST", "/take_stock", headers={"Origin": "https://elsewhere.example"}).status_code == 403
