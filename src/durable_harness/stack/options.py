"""The options of the stacks. Each stack opens itself by them, so they stand below all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Emulator:
    """Where an emulator's container answers."""

    grpc_address: str
    http_url: str
    dashboard_url: str
    container_id: str

    def connection_string(self, task_hub: str) -> str:
        return f"Endpoint=http://{self.grpc_address};Authentication=None;TaskHub={task_hub}"

    def hub_page(self, task_hub: str) -> str:
        """Return the dashboard's page of a task hub."""
        return f"{self.dashboard_url}/subscriptions/local/schedulers/emulator/taskhubs/{task_hub}/orchestrations"


@dataclass(frozen=True)
class StackOptions:
    """Options for `open_stack`. Each stack reads those that concern it."""

    log_path: Path | None = None
    """The file for the host's output; if None, the output is kept only while the stack runs."""
    temp_dir: Path | None = None
    """The folder for temporary files; if None, the system's."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that are added for the host, on stacks that start one."""
    serve_args: tuple[str, ...] = ()
    """Additional options of `durable-harness serve`, for the stacks embedded and emulator."""
    breakable: bool = False
    """Whether tests kill the processes of the stack (embedded). Host and scheduler are then two processes, and the
    state is in a file."""
    restarts: bool = False
    """Whether tests restart the host (embedded). It then keeps its port."""
    emulator: Callable[[], Emulator] | None = None
    """Returns a running emulator when one is needed; if None, the stack starts one of its own."""
    task_hub: str | None = None
    """The task hub in the emulator; if None, the stack makes one with a unique name."""
    url: str | None = None
    """The URL of a remote stack."""
    function_key: str | None = field(default=None, repr=False)
    """The key for a remote stack."""
    answer_timeout_s: float | None = None
    """How long to wait for the first answer of a remote stack, in seconds; if None, long enough for a cold start."""
