"""Ask a durable-harness host, during load, when operations began and ended by its clock, and what they cost.

An operation whose end was seen waits here for some milliseconds, until the next question is answered. Any other host is
asked once whether it measures its operations, and then never again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from durable_harness.load.http import Client, Exchange, HttpRequest, Reactor
from durable_harness.operations import HttpResponse, Operation
from durable_harness.operations.measurement import (
    HOST_STATUS_PATH,
    MEASUREMENTS_PATH,
    HostMeasurement,
    is_measuring_host,
    question,
    read_measurements,
    read_warnings,
)
from durable_harness.platforms.clocks import monotonic

INTERVAL_S = 0.05
"""Questions to a host are at least this far apart, and never two of them at once: asking must not become load."""
MOST_IDS = 500
"""Operations that one question asks for, at most."""
ANSWER_TIMEOUT_S = 2.0
REST_S = 1.0
"""After a question without a proper answer the host is left alone for this long. What ends then is not measured."""

OnMeasured = Callable[[HostMeasurement | None], None]
"""Called once with what was measured, None if nothing was."""


class ServerMeter:
    """Measures the operations of one process, on any number of hosts.

    Its requests are not part of the load: they use a connection of their own and are in no table and no figure.
    """

    def __init__(
        self, reactor: Reactor, *, verify_tls: bool = True, on_warnings: Callable[[list[str]], None] | None = None
    ) -> None:
        """Make a meter. `on_warnings` is called with all that a host warns of, each time that it does."""
        self._reactor = reactor
        self._on_warnings = on_warnings
        self._client = Client(reactor, connections=1, verify_tls=verify_tls)
        self._hosts: dict[str, _Host] = {}

    def measure(self, operation: Operation, on_measured: OnMeasured) -> None:
        """Measure an operation that has ended. `on_measured` may be called before this returns."""
        plan, instance_id = operation.plan, operation.record.instance_id
        if instance_id is None:
            on_measured(None)
            return
        base_url = plan.origin
        host = self._hosts.get(base_url)
        if host is None:
            host = self._hosts[base_url] = _Host(
                self._reactor, self._client, base_url, plan.key_headers, self._on_warnings
            )
        host.add(instance_id, on_measured)

    def knows(self, base_url: str) -> bool:
        """Return whether the host has identified itself as a durable-harness host."""
        host = self._hosts.get(base_url)
        return host is not None and host.is_known

    def close(self) -> None:
        """Stop asking; operations that wait are passed on without a measurement."""
        for host in self._hosts.values():
            host.close()
        self._client.close()


class _Host:
    """One host and the operations that wait for its answer."""

    def __init__(
        self,
        reactor: Reactor,
        client: Client,
        base_url: str,
        headers: Mapping[str, str],
        on_warnings: Callable[[list[str]], None] | None,
    ) -> None:
        self._reactor, self._client = reactor, client
        self._on_warnings = on_warnings
        self._base_url, self._headers = base_url, headers
        self._waiting: list[tuple[str, OnMeasured]] = []
        self._asked_for: list[tuple[str, OnMeasured]] = []
        self.is_known = False
        """Whether the host reported that it measures."""
        self._is_silent = False
        """Whether it is no longer asked."""
        self._is_busy = False
        """Whether a question is planned, or on its way."""
        self._next_question = 0.0
        self._rests_until = 0.0

    def add(self, instance_id: str, on_measured: OnMeasured) -> None:
        if self._is_silent or monotonic() < self._rests_until:
            on_measured(None)
            return
        self._waiting.append((instance_id, on_measured))
        self._plan_question()

    def close(self) -> None:
        self._is_silent = True
        self._pass_all_on()

    def _plan_question(self) -> None:
        if not self._is_busy and self._waiting:
            self._is_busy = True
            self._reactor.call_at_or_soon_after(max(self._next_question, monotonic()), self._ask)

    def _ask(self, _due: float, _argument: object) -> None:
        if self._is_silent:
            return
        self._next_question = monotonic() + INTERVAL_S
        if not self.is_known:
            self._send("GET", HOST_STATUS_PATH, None, self._host_answered)
            return
        self._asked_for, self._waiting = self._waiting[:MOST_IDS], self._waiting[MOST_IDS:]
        body = question(dict.fromkeys(instance_id for instance_id, _ in self._asked_for))
        self._send("POST", MEASUREMENTS_PATH, body, self._measured)

    def _send(self, method: str, path: str, body: bytes | None, on_end: Callable[[Exchange], None]) -> None:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            request = HttpRequest(method, f"{self._base_url}{path}", headers, body)
        except ValueError:
            self.close()
            return
        self._client.send(request, on_end, monotonic() + ANSWER_TIMEOUT_S)

    def _host_answered(self, exchange: Exchange) -> None:
        answer = exchange.outcome
        self._is_busy = False
        if not isinstance(answer, HttpResponse) or answer.is_passing:
            self._rest()
        elif is_measuring_host(answer):
            self.is_known, self._next_question = True, 0.0
            self._plan_question()
        else:
            self.close()

    def _measured(self, exchange: Exchange) -> None:
        answer = exchange.outcome
        self._is_busy = False
        measurements = read_measurements(answer) if isinstance(answer, HttpResponse) else None
        if measurements is not None and isinstance(answer, HttpResponse):
            if self._on_warnings is not None:
                self._on_warnings(read_warnings(answer))
            batch, self._asked_for = self._asked_for, []
            for instance_id, on_measured in batch:
                on_measured(measurements.get(instance_id))
            self._plan_question()
        elif not isinstance(answer, HttpResponse) or answer.is_passing:
            self._rest()
        else:
            self.close()

    def _rest(self) -> None:
        self._rests_until = monotonic() + REST_S
        self._pass_all_on()

    def _pass_all_on(self) -> None:
        waiting = [*self._asked_for, *self._waiting]
        self._asked_for, self._waiting = [], []
        for _, on_measured in waiting:
            on_measured(None)
