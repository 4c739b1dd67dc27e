"""What is asked for without its extra is refused in words that end in the command which installs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blocked_imports import without
from durable_harness.extras import EXTRAS

ROOT = Path(__file__).parents[3]
ELSEWHERE = "Endpoint=https://x.example;Authentication=DefaultAzure;TaskHub=h"
PYTEST = ("-c", "import os, sys, pytest; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'; sys.exit(pytest.main())")
COMMANDS = [
    (("init",), "load", "init"),
    (("load",), "load", "load"),
    (("ab", "--base", "HEAD"), "load", "ab"),
    (("ab", "--start-path", "/api/x"), "load", "ab"),
    (("compare", "a", "b"), "load", "compare"),
    (("capacity", "--objective", "completion_ms p95 <= 1"), "load", "capacity"),
    (("trend", "."), "load", "trend"),
    (("serve", "--reload"), "reload", "--reload"),
    (("serve", "--debug", "0"), "debug", "--debug"),
    (("serve", "--useHttps", "--port", "0"), "https", "--useHttps"),
    (("serve", "--scheduler", ELSEWHERE), "azure", "Authentication=DefaultAzure in the connection string"),
    (("dashboard", "--scheduler", ELSEWHERE), "azure", "Authentication=DefaultAzure in the connection string"),
]


def run(words, folder, modules):
    """Run Python in a folder with the sample app, without these modules."""
    app = folder / "app"
    app.mkdir(exist_ok=True)
    for name in ("function_app.py", "host.json", "local.settings.json"):
        if not (app / name).exists():
            shutil.copy(ROOT / name, app)
    words = [sys.executable, *words]
    env = without(modules, folder)
    return subprocess.run(words, cwd=app, env=env, capture_output=True, text=True, timeout=60, check=False)


def command_of(extra):
    return f'pip install "durable-harness[{extra}]"'


@pytest.mark.parametrize(("words", "extra", "what"), COMMANDS, ids=[" ".join(words) for words, *_ in COMMANDS])
def test_a_command_without_its_extra_names_it(tmp_path, words, extra, what):
    """A command or an option whose packages are not installed ends with 2, and with the command that installs them."""
    done = run(("-m", "durable_harness", *words), tmp_path, EXTRAS[extra])
    package = next(iter(EXTRAS[extra].values()))
    *before, last = done.stderr.splitlines()
    assert last == f"  Install it: {command_of(extra)}"
    assert before[-1].startswith(f"error: {what} needs the package ")
    assert before[-1].endswith(", which is not installed.")
    assert package in before[-1] or extra == "azure"
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == 2


@pytest.mark.parametrize("module", [name for name in EXTRAS["load"] if name not in {"locust", "gevent"}])
def test_locust_without_the_rest_of_the_extra_names_it(tmp_path, module):
    """Where Locust alone is installed, its command ends with 2 as a scenario is imported, and with no traceback."""
    words = ("-m", "locust", "-f", str(ROOT / "loadtests" / "steady.py"), "--headless", "-t", "1s")
    done = run(words, tmp_path, [module])
    assert f"error: a load test needs the package {EXTRAS['load'][module]}, which is not installed." in done.stderr
    assert command_of("load") in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_a_scenario_imported_elsewhere_names_the_extra(tmp_path):
    """Code that imports a scenario's base class gets an ImportError with the same words."""
    done = run(("-c", "from durable_harness.load import ArrivalUser"), tmp_path, EXTRAS["load"])
    assert "ImportError: a load test needs the package " in done.stderr
    assert command_of("load") in done.stderr


@pytest.mark.parametrize(
    ("words", "option", "package"),
    [
        (("-n", "2"), "-n", "pytest-xdist"),
        (("--dist=load",), "--dist", "pytest-xdist"),
        (("--cov",), "--cov", "pytest-cov"),
    ],
)
def test_pytest_names_what_an_option_of_the_docs_needs(tmp_path, words, option, package):
    """pytest's complaint about an option of pytest-xdist or pytest-cov ends in the command that installs them."""
    modules = [*EXTRAS["test"].keys() - {"pytest"}, "xdist"]
    alone = ("-p", "durable_harness.pytest_plugin", "-p", "no:cacheprovider")
    done = run((*PYTEST, *alone, *words), tmp_path, modules)
    assert f"  {option}: needs the package {package}. Install it: {command_of('test')}" in done.stderr
    assert done.returncode == 4
    other = run((*PYTEST, *alone, "--bogus"), tmp_path, modules)
    assert "unrecognized arguments: --bogus" in other.stderr
    assert "durable-harness[" not in other.stderr


def test_a_package_that_the_app_lacks_is_no_extra(tmp_path):
    """An app that imports what an extra has too does not load, for its own reason; no extra is recommended."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "function_app.py").write_text("import numpy\n")
    done = run(("-m", "durable_harness", "serve", "--port", "0"), tmp_path, EXTRAS["load"])
    assert "numpy" in done.stderr
    assert "durable-harness[" not in done.stderr
    assert done.returncode == 5


def test_serve_scheduler_and_tests_need_no_extra(tmp_path):
    """With every module of every extra blocked but pytest, a test of an app passes."""
    modules = [
        module
        for extra in EXTRAS.values()
        for module in extra
        if not module.startswith(("pytest", "opentelemetry.sdk"))
    ]
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "test_it.py").write_text(
        "from durable_harness.testing import assert_completed\n\n\ndef test_it(operations):\n"
        "    assert_completed(operations.start('/api/async_http_api', {'duration': 0}), timeout_s=20)\n"
    )
    options = ("-q", "-p", "no:cacheprovider", "-p", "durable_harness.pytest_plugin")
    done = run((*PYTEST, *options), tmp_path, modules)
    assert done.returncode == 0, done.stdout + done.stderr
