"""The endpoint by which tests reach into a process of ours: for who has its secret, and only where it was asked for."""

import urllib.error
import urllib.request

import pytest

from durable_harness.errors import HarnessError
from durable_harness.key_names import CONTROL_KEY_HEADER
from durable_harness.stack import embedded_stack

CONTROLLED = ("--test-control",)


@pytest.fixture(scope="module")
def controlled(request):
    """Yield a stack that tests may reach into."""
    with embedded_stack(request.config.rootpath, serve_args=CONTROLLED) as stack:
        yield stack


def answer_to(controlled, *, key=None, method="POST"):
    """Call the endpoint as a client with this key would, and return the status of the answer."""
    [facts] = controlled.control._facts()
    headers = {} if key is None else {CONTROL_KEY_HEADER: key}
    request = urllib.request.Request(f"{facts['url']}/clock/now", b"{}", headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_only_who_has_the_secret_may_call(controlled):
    """Without the secret of the ready file, or with another, a call is refused."""
    [facts] = controlled.control._facts()
    keys = (None, "", "guess", facts["key"])
    assert [answer_to(controlled, key=key) for key in keys] == [401, 401, 401, 200]
    assert facts["key"] not in repr(controlled)
    assert facts["url"].startswith("http://127.0.0.1:")


def test_an_unknown_call_is_reported(controlled):
    """An unknown call, and one with arguments that it does not take, is an error that says so."""
    with pytest.raises(HarnessError, match="unexpected keyword argument 'backwards'"):
        controlled.control.call("clock/now", backwards=True)
    [facts] = controlled.control._facts()
    assert answer_to(controlled, key=facts["key"], method="GET") == 404


def test_without_the_option_there_is_no_such_endpoint(running_apps, request):
    """A host that was started without --test-control cannot be reached into."""
    assert running_apps(request.config.rootpath).stack.control is None
