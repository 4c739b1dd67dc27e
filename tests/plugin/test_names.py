"""The fixtures' names beside those of other plugins: pytest-base-url, and pytest-playwright which needs it."""

import importlib.util
import os

import pytest

APP_TESTS = """
import pytest

def test_new_names(durable_url, durable_operations):
    assert durable_url.startswith("http://127.0.0.1:") or durable_url.startswith("http://localhost:")
    answer = durable_operations.request("GET", "/admin/host/status")
    assert (answer.status, answer.ok, answer.json()["state"]) == (200, True, "Running")

def test_old_name(durable_operations, operations):
    assert operations is durable_operations
"""
LIKE_BASE_URL = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--base-url", dest="base_url", default="")

@pytest.fixture(scope="session")
def base_url(request):
    return request.config.getoption("base_url")

@pytest.fixture(scope="session", autouse=True)
def _verify_url(request, base_url): ...
"""
THEIRS = "\n\ndef test_theirs(base_url):\n    assert base_url == 'http://their.example'\n"
OURS = "\n\ndef test_ours(base_url, durable_url):\n    assert base_url == durable_url\n"


@pytest.fixture
def app_dir(request):
    """Return the option that names an app."""
    return f"--app-dir={request.path.parent / 'app'}"


def test_the_old_names_are_there(inner, app_dir):
    """Without the other plugin, `base_url` and `operations` are what they were."""
    outcome = inner.write("test_it.py", APP_TESTS + OURS).run(app_dir)
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output


@pytest.mark.parametrize("ours_is_first", [True, False])
def test_the_name_of_another_plugin_is_left_to_it(inner, app_dir, ours_is_first):
    """A plugin with a session's fixture `base_url` keeps it in whatever order both are loaded; our own names work."""
    package = inner.folder / "pytest_base_url"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(LIKE_BASE_URL)
    inner.write("test_it.py", APP_TESTS + THEIRS)
    names = ["durable_harness.pytest_plugin", "pytest_base_url.plugin"]
    plugins = [word for name in sorted(names, reverse=not ours_is_first) for word in ("-p", name)]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, [str(inner.folder), os.environ.get("PYTHONPATH")]))}
    outcome = inner.run(*plugins, "--base-url=http://their.example", app_dir, env=env)
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output


def test_pytest_base_url_itself(inner, app_dir):
    """With the plugin itself, its fixture has its own option's value, and ours have the app's."""
    if importlib.util.find_spec("pytest_base_url") is None:
        pytest.skip("pytest-base-url is not installed here: pip install pytest-base-url")
    outcome = inner.write("test_it.py", APP_TESTS + THEIRS).run(
        "-p", "pytest_base_url.plugin", "--base-url=http://their.example", app_dir
    )
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output


def test_pytest_playwright_itself(inner, app_dir):
    """With pytest-playwright, whose session's fixtures rest on `base_url`, tests of apps find theirs."""
    if importlib.util.find_spec("pytest_playwright") is None:
        pytest.skip("pytest-playwright is not installed here: pip install pytest-playwright")
    rests = (
        "\n\ndef test_rests(browser_context_args, durable_url):\n    assert 'base_url' not in browser_context_args\n"
    )
    plugins = ("-p", "pytest_base_url.plugin", "-p", "pytest_playwright.pytest_playwright")
    outcome = inner.write("test_it.py", APP_TESTS + rests).run(*plugins, app_dir)
    assert (outcome.code, len(outcome.cases)) == (0, 3), outcome.output
