"""Azure Functions Core Tools as the host (`func start`), working for a DTS emulator in a container."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from durable_harness.errors import ConfigurationError, StackUnavailableError, UnreachableError
from durable_harness.network.free_ports import free_port
from durable_harness.platforms.children import in_own_group
from durable_harness.settings.host_json import read_host_json
from durable_harness.settings.local_settings import export_settings, read_local_settings
from durable_harness.stack.child_systems import RunningStack
from durable_harness.stack.emulator import emulator_for
from durable_harness.stack.options import Emulator, StackOptions
from durable_harness.stack.processes import stop_process

PROGRAM = "func"
HUB_VARIABLE = "AzureFunctionsJobHost__extensions__durableTask__hubName"
READY_TIMEOUT_S = 120.0
"""The first start downloads the extension bundle."""
POLL_INTERVAL_S = 0.1
ANSWER_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 20


@contextlib.contextmanager
def func_stack(app_dir: Path, options: StackOptions) -> Iterator[RunningStack]:
    """Run `func start` in an app's directory, on a task hub of an emulator, until the block ends."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise StackUnavailableError(
            f"Azure Functions Core Tools are not installed: there is no {PROGRAM} on the PATH.\n"
            "  Install azure-functions-core-tools 4, or run on the embedded stack, which needs none."
        )
    with emulator_for(options) as (emulator, hub), _log(options) as log:
        port = free_port()
        environment = {**_environment(app_dir, emulator, hub), **options.environment}
        with _running(program, port, app_dir, environment, log) as child:
            base_url = f"http://localhost:{port}"
            _wait_until_running(base_url, child, log)
            yield RunningStack(
                name="func",
                base_url=base_url,
                log_path=log,
                pid=child.pid,
                scheduler_address=emulator.grpc_address,
                dashboard_url=emulator.hub_page(hub),
                task_hub=hub,
            )


@contextlib.contextmanager
def _log(options: StackOptions) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="durable-harness-", dir=options.temp_dir) as folder:
        yield options.log_path or Path(folder) / "output.log"


def _environment(app_dir: Path, emulator: Emulator, hub: str) -> Mapping[str, str]:
    """Return the environment in which the app finds the emulator: app settings there win over local.settings.json."""
    settings = dict(os.environ)
    export_settings(read_local_settings(app_dir), settings)
    setting = read_host_json(app_dir, settings).durable_task.connection_string_name
    if setting is None:
        raise ConfigurationError(
            "host.json",
            "extensions.durableTask.storageProvider.connectionStringName",
            "is missing: the app does not use a Durable Task Scheduler.",
        )
    return {**os.environ, setting: emulator.connection_string(hub), HUB_VARIABLE: hub}


@contextlib.contextmanager
def _running(
    program: str, port: int, app_dir: Path, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    supervisor = [sys.executable, "-m", "durable_harness.stack.supervisor", str(os.getpid())]
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - the user's own Core Tools
            [*supervisor, program, "start", "--port", str(port)],
            cwd=app_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **in_own_group(),
        )
    try:
        yield child
    finally:
        stop_process(child)


def _wait_until_running(base_url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _says_running(base_url):
        ended = child.poll() is not None
        if ended or time.monotonic() > deadline:
            why = "ended" if ended else f"was not ready after {READY_TIMEOUT_S:g} s"
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])
            raise UnreachableError(f"{PROGRAM} start {why}:\n{tail}")
        time.sleep(POLL_INTERVAL_S)


def _says_running(base_url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base_url}/admin/host/status", timeout=ANSWER_TIMEOUT_S) as answer:
            return bool(json.load(answer).get("state") == "Running")
    except (OSError, ValueError):
        return False
