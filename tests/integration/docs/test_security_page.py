"""SECURITY.md says what listens where: the sockets of running commands are those of its table."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "SECURITY.md").read_text()
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
HERE = ["--headless", "--host", "http://127.0.0.1:9", "--no-preflight"]
PATIENCE_S = 60


@contextmanager
def running(*words):
    """Run a module of Python in the repository, in a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


def sockets(process):
    """Return the addresses and ports at which a process and its children listen."""
    family = [process, *process.children(recursive=True)]
    found = [connection for one in family for connection in one.net_connections() if connection.status == "LISTEN"]
    return {(connection.laddr.ip, connection.laddr.port) for connection in found}


def is_enough(ports, wanted):
    """Return whether these are the wanted ports, or as many as are wanted."""
    return len(ports) >= wanted if isinstance(wanted, int) else wanted <= ports


def listening(process, wanted):
    """Return the sockets of a process once it listens on the wanted ports, or on that number of ports."""
    give_up_at = time.monotonic() + PATIENCE_S
    found = set()
    while not is_enough({port for _, port in found}, wanted):
        assert time.monotonic() < give_up_at, found
        assert process.status() != psutil.STATUS_ZOMBIE, "the command has ended"
        time.sleep(0.05)
        found = sockets(process)
    return found


def test_a_host_listens_on_the_loopback(tmp_path):
    """`serve` has the app, RPC, dashboard and control, and nothing else; all of them on the loopback."""
    ready = tmp_path / "ready.json"
    words = ["durable_harness", "serve", ".", "--port", 0, "--dashboard-port", "any", "--test-control"]
    with running(*words, "--ready-file", ready) as process:
        listening(process, 3)
        give_up_at = time.monotonic() + PATIENCE_S
        while not ready.exists():
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        found = sockets(process)
    assert {address for address, _ in found} <= LOOPBACK
    assert len({port for _, port in found}) == 4
    for part in ("7071 (`serve --port`)", "local RPC", "`--test-control`", "8082 or the next free one"):
        assert part in PAGE


def test_a_scheduler_listens_on_the_loopback():
    """`scheduler` has gRPC, HTTP and the dashboard, on the loopback."""
    words = ["scheduler", "--grpc-port", 0, "--http-port", 0, "--dashboard-port", "any"]
    with running("durable_harness", *words) as process:
        found = listening(process, 3)
    assert {address for address, _ in found} <= LOOPBACK
    assert len({port for _, port in found}) == 3


def test_a_web_ui_and_metrics_listen_on_the_loopback():
    """Locust's page, a run's metrics and the host that it starts are for this machine unless an option opens them."""
    page, metrics = free_port(), free_port()
    words = ["-f", "loadtests/steady.py", "--web-port", page, "--metrics-port", metrics]
    with running("locust", *words) as process:
        found = listening(process, {page, metrics})
    assert {address for address, _ in found} <= LOOPBACK


def test_a_master_listens_on_all_addresses_and_reports_it():
    """A master is for workers on other machines; the page names it as the one exception."""
    words = ["-f", "loadtests/steady.py", *HERE, "--master", "--master-bind-port", free_port(), "--expect-workers", 1]
    with running("locust", *words) as process:
        found = listening(process, 1)
    assert {address for address, _ in found} - LOOPBACK
    assert "a Locust `--master` listens on all addresses" in " ".join(PAGE.split())


def test_the_ports_of_the_page_are_the_defaults():
    """The commands' help has the ports that the table names."""
    printed = ""
    for command in ("serve", "scheduler"):
        words = [sys.executable, "-m", "durable_harness", command, "--help"]
        printed += subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    for port in ("7071", "8080", "8081", "8082", "5678"):
        assert re.search(rf"^\| {port}\b", PAGE, re.MULTILINE), port
        assert port in printed
