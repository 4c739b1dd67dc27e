"""The DTS emulator in a container, started through testcontainers, and our host working for it.

Containers have the run that made them as a label, so that they can be removed whichever of its processes was killed;
testcontainers' own reaper is off, because each process would have one that takes shared containers down with it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import traceback
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from durable_harness.errors import StackUnavailableError, UnreachableError
from durable_harness.extras import missing_text
from durable_harness.platforms.process_by_id import is_running
from durable_harness.stack.child_systems import RunningStack
from durable_harness.stack.control import StackControl
from durable_harness.stack.options import Emulator, StackOptions
from durable_harness.stack.processes import running_command

IMAGE = "mcr.microsoft.com/dts/dts-emulator:v0.0.10"
"""The one place that pins it; a digest may follow the tag: …:v0.0.10@sha256:…"""
IMAGE_VARIABLE = "DTS_EMULATOR_IMAGE"
GRPC_PORT, HTTP_PORT, DASHBOARD_PORT = 8080, 8081, 8082

RUN_LABEL = "durable-harness.run"
OWNER_LABEL = "durable-harness.owner"
FORGOTTEN_AFTER = timedelta(hours=2)

READY_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05
ANSWER_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 20


@contextlib.contextmanager
def emulator_stack(app_dir: Path, options: StackOptions) -> Iterator[RunningStack]:
    """Serve an app by our host, on a task hub of an emulator, until the block ends."""
    with emulator_for(options) as (emulator, hub):
        arguments = ["--script-root", str(app_dir), "--port", "0", "--scheduler", emulator.connection_string(hub)]
        with running_command(
            "serve",
            [*arguments, *options.serve_args],
            options.log_path,
            temp_dir=options.temp_dir,
            environment=options.environment,
        ) as host:
            yield RunningStack(
                name="emulator",
                base_url=host.facts["baseUrl"],
                function_key=host.facts["functionKey"],
                log_path=host.log,
                pid=host.pid,
                control=StackControl.of(host),
                scheduler_address=emulator.grpc_address,
                dashboard_url=emulator.hub_page(hub),
                task_hub=hub,
            )


@contextlib.contextmanager
def emulator_for(options: StackOptions) -> Iterator[tuple[Emulator, str]]:
    """Yield the emulator and the task hub for a stack, ready for work."""
    hub = options.task_hub or f"hub-{uuid.uuid4().hex[:12]}"
    if options.emulator is not None:
        emulator = options.emulator()
        wait_for_hub(emulator, hub)
        yield emulator, hub
        return
    run = uuid.uuid4().hex
    try:
        emulator = start_emulator(run)
        wait_for_hub(emulator, hub)
        yield emulator, hub
    finally:
        remove_emulators(run)


def start_emulator(run: str, owner_pid: int | None = None) -> Emulator:
    """Start a container for a run of tests and return where it will answer; `wait_for_hub` waits until it does.

    `owner_pid` is the process that will call `remove_emulators(run)`, by default this one: when it is gone without
    having done so, the next start on this machine removes what it left.
    """
    image = os.environ.get(IMAGE_VARIABLE) or IMAGE
    with _docker() as client:
        _sweep(client)
    container = _container(image, {RUN_LABEL: run, OWNER_LABEL: _owner(owner_pid or os.getpid())})
    try:
        _start(container, image)
        return _running(container, image)
    except BaseException:
        remove_emulators(run)
        raise
    finally:
        container.get_docker_client().client.close()


def remove_emulators(run: str) -> None:
    """Remove every container of a run. Without Docker there is none."""
    with contextlib.suppress(StackUnavailableError), _docker() as client:
        for container in _labelled(client, f"{RUN_LABEL}={run}"):
            _remove(container)


def wait_for_hub(emulator: Emulator, task_hub: str, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Return once a task hub answers over HTTP and over gRPC; raise UnreachableError, with the log, if it does not."""
    deadline = time.monotonic() + timeout_s
    _wait(deadline, lambda: _ping(emulator, task_hub), emulator, task_hub)
    _wait(deadline, lambda: _hello(emulator, task_hub), emulator, task_hub)


def _wait(deadline: float, problem: Callable[[], str | None], emulator: Emulator, task_hub: str) -> None:
    while message := problem():
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"The emulator's task hub '{task_hub}' was not ready in time: {message}\n"
                f"The end of the log of container {emulator.container_id[:12]}:\n{_log_of(emulator)}"
            )
        time.sleep(POLL_INTERVAL_S)


def _ping(emulator: Emulator, task_hub: str) -> str | None:
    """Ask over HTTP; return what is wrong, None for nothing."""
    request = urllib.request.Request(f"{emulator.http_url}/v1/taskhubs/ping", headers={"x-taskhub": task_hub})  # noqa: S310 - http
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"GET /v1/taskhubs/ping answers {error.code}"
    except OSError as error:
        return f"GET /v1/taskhubs/ping: {error}"


def _hello(emulator: Emulator, task_hub: str) -> str | None:
    """Ask over gRPC; return what is wrong, None for nothing."""
    import grpc  # noqa: PLC0415 - importing this module must stay cheap
    from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub  # noqa: PLC0415
    from google.protobuf import empty_pb2  # noqa: PLC0415

    with grpc.insecure_channel(emulator.grpc_address, [("grpc.enable_http_proxy", 0)]) as channel:
        stub = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
        try:
            stub.Hello(empty_pb2.Empty(), metadata=[("taskhub", task_hub)], timeout=ANSWER_TIMEOUT_S)
        except grpc.RpcError as error:
            return f"Hello: {error.code().name}: {error.details()}"
    return None


def _container(image: str, labels: dict[str, str]) -> Any:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - same

    container = DockerContainer(image, labels=labels)
    container.with_env("DTS_USE_DYNAMIC_TASK_HUBS", "true")
    return container.with_exposed_ports(GRPC_PORT, HTTP_PORT, DASHBOARD_PORT)


def _start(container: Any, image: str) -> None:
    try:
        container.start()
    except _docker_error() as error:
        raise StackUnavailableError(
            f"Docker cannot run the image {image}: {_first_line(error)}\n"
            f"  Try `docker pull {image}`, or name another image in {IMAGE_VARIABLE}."
        ) from error


def _running(container: Any, image: str) -> Emulator:
    host = container.get_container_host_ip()
    ports = (GRPC_PORT, HTTP_PORT, DASHBOARD_PORT)
    try:
        grpc, http, dashboard = [f"{host}:{container.get_exposed_port(port)}" for port in ports]
    except (StopIteration, TimeoutError, ConnectionError) as error:  # how testcontainers says that it does not run
        log = container.get_wrapped_container().logs(tail=LOG_TAIL_LINES).decode(errors="replace")
        raise UnreachableError(f"The container of {image} does not run: {error}\n{log}") from error
    return Emulator(grpc, f"http://{http}", f"http://{dashboard}", container.get_container_id())


@contextlib.contextmanager
def _docker() -> Iterator[Any]:
    """Yield a Docker client, as testcontainers finds the daemon; raise StackUnavailableError if there is none."""
    try:
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StackUnavailableError(missing_text("the emulator", error.name or "testcontainers", "emulator")) from error
    testcontainers_config.ryuk_disabled = True
    try:
        client = DockerClient().client
    except _docker_error() as error:
        problem = _first_line(error)
        _free_sockets(error)
        raise StackUnavailableError(
            f"No Docker daemon answers: {problem}\n"
            "  Start Docker, or name its address in DOCKER_HOST, or run on the embedded stack, which needs none."
        ) from None
    with contextlib.closing(client):
        yield client


def _free_sockets(error: BaseException | None) -> None:
    """Free what an error holds: the docker package does not close a socket that cannot connect.

    Freed here it has no effect; freed later, its warning fails whichever test runs then, if warnings are errors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__


def _sweep(client: Any) -> None:
    """Remove what other runs left: their owner on this machine is gone, or they are too old to be in use."""
    oldest = datetime.now(UTC) - FORGOTTEN_AFTER
    for container in _labelled(client, RUN_LABEL):
        created = datetime.fromisoformat(container.attrs["Created"][:19]).replace(tzinfo=UTC)
        if created < oldest or _is_gone(container.labels.get(OWNER_LABEL, "")):
            _remove(container)


def _labelled(client: Any, label: str) -> list[Any]:
    return list(client.containers.list(all=True, filters={"label": label}, ignore_removed=True))


def _remove(container: Any) -> None:
    with contextlib.suppress(_docker_error()):  # another process was quicker
        container.remove(force=True, v=True)


def _owner(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}"


def _is_gone(owner: str) -> bool:
    host, _, pid = owner.rpartition(":")
    return host == socket.gethostname() and not is_running(int(pid))


def _docker_error() -> type[Exception]:
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415 - same

    error: type[Exception] = DockerException
    return error


def _log_of(emulator: Emulator) -> str:
    with contextlib.suppress(Exception), _docker() as client:
        log: bytes = client.containers.get(emulator.container_id).logs(tail=LOG_TAIL_LINES)
        return log.decode(errors="replace")
    return "(cannot be read)"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
