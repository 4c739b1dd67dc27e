"""The system under test: a deployment by its URL, or the embedded stack, started for this run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil  # type: ignore[import-untyped]

from durable_harness.errors import UnreachableError, UsageError
from durable_harness.load.http import Asker
from durable_harness.load.http.connection import HEADERS_TOO_LARGE, TOO_LARGE
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.network.base_urls import read_base_url
from durable_harness.operations import NoResponse

ANSWER_TIMEOUT_S = 60.0
"""A deployment that scales to zero takes long to answer its first request."""
PROBE_BYTES = 1024 * 1024
STACK_LOG = "stack.log"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send operations. `pid` and `log_path` are those of a stack that was started for the run."""

    base_url: str
    function_key: str | None = field(default=None, repr=False)
    pid: int | None = None
    log_path: Path | None = None
    ending: Callable[[], str] = field(default=str, repr=False)
    """Returns how a stack of the run's own ended; empty while it runs."""

    def gone(self) -> str | None:
        """Return the message for a stack that has ended by itself; None while it lives, or if the run started none."""
        if self.pid is None or _is_alive(self.pid):
            return None
        return f"the embedded stack ended during the run{self._ending()}; its log is {self.log_path}"

    def _ending(self) -> str:
        return f" ({self.ending()})" if self.ending() else ""


@contextmanager
def open_target(host: str | None, options: LoadOptions) -> Iterator[Target]:
    """Yield the system under test; the embedded stack lives as long as the context.

    Raises UsageError for a host that is not a URL, UnreachableError for one that does not answer, and the error that
    keeps the stack from starting.
    """
    if host and options.twice:
        raise UsageError(
            "--twice is for the app that a run starts, and this run has --host. Start that host with"
            " `durable-harness serve --twice`, and leave the option out here."
        )
    if host:
        base_url = read_host(host)
        probe(base_url, verify_tls=not options.generator.insecure)
        yield Target(base_url)
        return
    # The stack is the only room that knows how to start things; a run against a deployment never loads it.
    from durable_harness.stack import embedded_stack  # noqa: PLC0415
    from durable_harness.stack.processes import ending_of  # noqa: PLC0415

    log_path = options.report_dir / STACK_LOG
    log_path.unlink(missing_ok=True)
    serve_args = ("--twice",) if options.twice else ()
    with embedded_stack(options.app_dir, log_path=log_path, serve_args=serve_args) as stack:
        yield Target(
            read_host(stack.base_url),
            stack.function_key,
            stack.pid,
            stack.log_path,
            lambda: ending_of(stack.exit_code()),
        )


def read_host(host: str | None) -> str:
    """Return the base URL without a slash at its end, or raise UsageError."""
    return read_base_url(host, "--host", "http://localhost:7071")


def probe(base_url: str, *, verify_tls: bool = True, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
    """Ask for anything; any HTTP answer will do. Raise UnreachableError if there is none.

    It trusts the same certificates as the load, and waits at most `timeout_s` for the answer.
    """
    with Asker(verify_tls=verify_tls, max_answer_bytes=PROBE_BYTES) as asker:
        result = asker.get(f"{base_url}/", {}, timeout_s)
    # An answer that is too long to be read is an answer, too.
    if isinstance(result, NoResponse) and result.reason not in (TOO_LARGE, HEADERS_TOO_LARGE):
        raise UnreachableError(
            f"{public_url(base_url)} does not answer: {result.reason}\n"
            "  Is the app running there? Leave --host out to run the app in this folder on the embedded stack."
        )


def public_url(url: str) -> str:
    """Return a URL without the user name and password that it may carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
