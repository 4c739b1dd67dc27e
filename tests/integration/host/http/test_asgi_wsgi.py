"""ASGI and WSGI applications as function apps, each with durable functions from a blueprint beside it."""

from pathlib import Path

import pytest

APPS = Path(__file__).parents[3] / "apps"


@pytest.fixture(params=["asgi", "wsgi"])
def web_app(request, running_apps):
    """Return the client of an app whose every route belongs to one web application."""
    return running_apps(APPS / request.param)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "PUT"])
def test_every_route_is_the_applications(web_app, method):
    """Method, path, query and body reach the application; its status and headers reach the client."""
    response = web_app.request(method, "/some/where", params={"q": "1"}, data=b"" if method == "GET" else b"said")
    assert (response.status_code, response.headers["X-Own"]) == (201, "1")
    answer = response.json()
    assert (answer["method"], answer["path"], answer["query"]) == (method, "/some/where", "q=1")
    assert (answer["body"], answer["function"]) == ("" if method == "GET" else "said", "http_app_func")


def test_the_root_is_the_applications(web_app):
    """With an empty route prefix the application has the root too, not the host's own page."""
    assert web_app.get("/").json()["path"] == "/"


def test_an_application_that_fails(web_app):
    """What the application raises is 500, and in the log."""
    assert web_app.get("/fails").status_code == 500
    assert "ValueError: not today" in web_app.stack.log_path.read_text()


def test_durable_functions_beside_it(web_app):
    """Routes of a blueprint come before the application's, and the webhooks are the host's."""
    started = web_app.post("/begin/greet")
    assert started.status_code == 202
    assert web_app.wait_terminal(started.json()["id"])["output"] == "Hello Oslo"


def test_asgi_lifespan_and_repeated_headers(running_apps):
    """An ASGI application is started once for all requests; each of its cookies is a header of its own."""
    asgi = running_apps(APPS / "asgi")
    for _ in range(2):
        assert asgi.get("/x").json()["started"] == 1
    assert asgi.get("/x").raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
