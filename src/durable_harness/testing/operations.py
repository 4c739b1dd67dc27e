"""Start operations of the app under test and follow them: the `durable_operations` fixture."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from durable_harness.errors import UsageError
from durable_harness.operations import (
    ExponentialPolling,
    FixedPolling,
    HttpResponse,
    OperationPlan,
    OperationState,
    PollStrategy,
    durable_webhooks,
)
from durable_harness.operations.operation import NO_SUCH_ROUTE
from durable_harness.stack import RunningStack
from durable_harness.testing.durations import limit_s_of
from durable_harness.testing.history_recording import record
from durable_harness.testing.promised_events import EventResponse, Promises
from durable_harness.testing.refusal_text import refusal_of
from durable_harness.testing.reports.failure_report import Explainer
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.route_hints import explain_unknown_route
from durable_harness.testing.server_errors import WatchedClient
from durable_harness.testing.started_operation import StartedOperation, answered, left_s, status_in, watched
from durable_harness.testing.triggering import OWN_HOSTS, TriggeredFunction, Triggering, WrittenOutput
from durable_harness.testing.webhook_client import (
    PATH,
    HistoryRow,
    Webhook,
)

LOCAL_POLL_INTERVAL_S = 0.05
REMOTE_POLL_INTERVAL_S = 0.25


class Operations:
    """Start operations of the app under test and follow them.

        def test_order(durable_operations):
            operation = durable_operations.start("/api/orders", {"id": 7})
            assert_completed(operation, output={"state": "paid"})

    The fixture `durable_operations` makes it. It can also run functions by hand, read what they wrote to output
    bindings, and set the values of input bindings. Each operation must end within `timeout_s` seconds, unless a call
    names another limit.
    """

    def __init__(self, stack: RunningStack, report_dir: Path, timeout_s: float = 30.0) -> None:
        self.stack = stack
        self.timeout_s = timeout_s
        self.client = WatchedClient(stack.base_url, stack.function_key, timeout_s, stack.log_path)
        self._report_dir = report_dir
        self._status_url: str | None = None
        self.begun: list[StartedOperation] = []
        """The operations that the test has started or followed, in order."""
        self._triggering = Triggering(stack, self.client)
        self.promises = Promises(self.client, stack.name, is_ours=stack.name in OWN_HOSTS)

    def request(
        self, method: str, url: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Send an HTTP request and return the answer with any status.

        Args:
            method: the HTTP method, such as "GET".
            url: a path of the app that begins with a slash, or a whole URL.
            payload: the body, which is sent as JSON; omit it to send no body.
            headers: additional request headers.

        Raises:
            AssertionError: the app did not answer.
            UsageError: `url` is neither a path nor a URL, or `payload` is not JSON.
        """
        __tracebackhide__ = True
        _check_place(url, "request")
        return answered(self.stack, self.client.request(method, url, payload, headers=headers), method, url)

    def start(
        self, path: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> StartedOperation:
        """Start an operation by a request to a route of the app, and return it once the app has accepted it.

            operation = operations.start("/api/orders", {"id": 7})

        Args:
            path: the route, such as "/api/orders", or a whole URL.
            payload: the body, which is sent as JSON; omit it to send no body.
            headers: additional request headers.
            method: the HTTP method of the route, such as "PUT".

        Raises:
            AssertionError: the answer is not a 202 with a status URL. The message explains the refusal.
            UsageError: `path` is neither a path nor a URL, or `payload` is not JSON.
        """
        __tracebackhide__ = True
        _check_place(path, "start")
        explainer = Explainer(self.stack, self.client, self._report_dir)
        url = f"{self.client.base_url}{path}" if path.startswith("/") else path
        service = durable_webhooks()
        service = dataclasses.replace(service, start=dataclasses.replace(service.start, method=method))
        plan = OperationPlan(path, url, {}, self._polling(), self.timeout_s, service)
        answer = answered(self.stack, self.client.request(method, path, payload, headers=headers), method, path)
        operation = watched(plan, answer)
        if operation.record.state is not OperationState.IN_FLIGHT:
            unknown = explain_unknown_route(self.client, method, path, answer)
            refusal = refusal_of(answer)
            refused = f"{refusal} ({method} {path} was answered with {answer.status})"
            # What else the record says is how to name a start in a load test.
            plain = (operation.record.error or "").partition(f"; {NO_SUCH_ROUTE}")[0]
            problem = unknown or (refused if refusal else plain)
            raise AssertionError(f"{problem}\n{explainer.log_tail()}".rstrip())
        self._status_url = operation.status_url
        self.begun.append(StartedOperation(plan, answer, self, explainer))
        return self.begun[-1]

    def start_orchestrator(
        self, name: str, payload: Any = NOTHING, *, instance_id: str | None = None
    ) -> StartedOperation:
        """Start an orchestrator by its name, through the durable HTTP API. The app needs no route for it.

            operation = operations.start_orchestrator("approval", {"days": 3})

        Args:
            name: the name of the orchestrator.
            payload: its input, which is sent as JSON; omit it for no input.
            instance_id: the ID of the new instance; by default the host makes one.

        Raises:
            AssertionError: the start was not accepted.
        """
        __tracebackhide__ = True
        path = f"{PATH}/orchestrators/{quote(name, safe='')}"
        return self.start(f"{path}/{quote(instance_id, safe='')}" if instance_id else path, payload)

    def follow(self, instance_id: str, timeout_s: float | None = None) -> StartedOperation:
        """Return an operation that the test did not start, such as one started by a timer, once it exists.

        Args:
            instance_id: the ID of its instance.
            timeout_s: how long to wait for it, in seconds; by default the `timeout_s` of this object.

        Raises:
            AssertionError: there is no such instance after that time.
            UsageError: `instance_id` is empty or not a text.
        """
        __tracebackhide__ = True
        if not isinstance(instance_id, str) or not instance_id:
            raise UsageError(f"follow: got {instance_id!r}; expected the id of an instance.")
        limit_s = limit_s_of(timeout_s, self.timeout_s)
        explainer = Explainer(self.stack, self.client, self._report_dir)
        url = f"{self.client.base_url}{PATH}/instances/{quote(instance_id, safe='')}"
        deadline = time.monotonic() + limit_s
        while status_in(self.client.request("GET", url, timeout_s=left_s(deadline))) is None:
            if time.monotonic() > deadline:
                tail = explainer.log_tail()
                raise AssertionError(f"There is no instance '{instance_id}' after {limit_s:g} s.\n{tail}".rstrip())
            time.sleep(LOCAL_POLL_INTERVAL_S)
        plan = OperationPlan(instance_id, url, {}, self._polling(), self.timeout_s)
        accepted = json.dumps({"id": instance_id, "statusQueryGetUri": url}).encode()
        self.begun.append(StartedOperation(plan, HttpResponse(202, {"location": url}, accepted), self, explainer))
        return self.begun[-1]

    def started(
        self, orchestrator: str | None = None, *, count: int | None = None, timeout_s: float | None = None
    ) -> list[StartedOperation]:
        """Return the operations that were started since this test began, in order, by the test or by the app.

            [operation] = operations.started("nightly_report", count=1)

        Sub-orchestrations are not included.

        Args:
            orchestrator: the name of an orchestrator; omit it for all of them.
            count: how many operations to wait for; by default the method does not wait.
            timeout_s: how long to wait, in seconds; by default the `timeout_s` of this object.

        Raises:
            AssertionError: fewer than `count` were started in that time.
            UsageError: the app has no such orchestrator, or the stack is func or remote.
        """
        __tracebackhide__ = True
        limit_s = limit_s_of(timeout_s, self.timeout_s)
        return [self.follow(one, limit_s) for one in self._triggering.started(orchestrator, count, limit_s)]

    def trigger(
        self, name: str, data: Any = NOTHING, *, metadata: Mapping[str, Any] | None = None
    ) -> TriggeredFunction:
        """Run a function by its name, with any kind of trigger, and wait until it has ended.

            operations.trigger("from_queue", {"id": 7}, metadata={"DequeueCount": 3})

        On the stacks func and remote the host only accepts the run. The method then returns at once, and the outputs
        are not known. A deployment needs its master key for this.

        Args:
            name: the name of the function.
            data: what the trigger delivers, as text, bytes or a JSON value, or a list for a batch; omit it for a timer.
            metadata: replaces the values that the service behind the trigger would add.

        Returns:
            What this invocation returned (`returned`) and wrote to its output bindings (`written`).

        Raises:
            AssertionError: the function failed. The message has its traceback.
            UsageError: the app has no such function, or its trigger cannot have such data.
        """
        __tracebackhide__ = True
        return self._triggering.trigger(name, data, metadata or {}, self.timeout_s)

    def written(self, name: str, *, count: int | None = None, timeout_s: float | None = None) -> list[Any]:
        """Return the values that functions wrote to an output binding since this test began, in order.

            assert operations.written("receipts") == ["order 7 is paid"]

        Each message of a list counts by itself. Values are text, bytes or JSON values, as they would be sent to the
        service.

        Args:
            name: the queue, path, topic or table of the binding, its parameter, or `function.parameter`.
            count: how many values to wait for; by default the method does not wait.
            timeout_s: how long to wait, in seconds; by default the `timeout_s` of this object.

        Raises:
            AssertionError: fewer than `count` values were written in that time.
            UsageError: no output binding has this name, or the stack is func or remote.
        """
        __tracebackhide__ = True
        limit_s = limit_s_of(timeout_s, self.timeout_s)
        return [output.value for output in self._triggering.written(name, count, limit_s)]

    def outputs(self) -> list[WrittenOutput]:
        """Return everything that functions wrote to output bindings since this test began, in order.

        Each entry names the function, the binding and its target.

        Raises:
            UsageError: the stack is func or remote.
        """
        __tracebackhide__ = True
        return self._triggering.outputs()

    def give(self, name: str, value: Any) -> None:
        """Set the value that an input binding reads, until the end of the test.

            operations.give("prices", b"apple 3")

        If a name is given several values, the latest counts.

        Args:
            name: the parameter, `function.parameter`, or the path, queue or table that the binding names.
            value: text, bytes, or a JSON value for documents and rows.

        Raises:
            UsageError: no input binding that needs a value has this name, or the stack is func or remote.
        """
        __tracebackhide__ = True
        self._triggering.give(name, value)

    def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event for each orchestration that starts to wait for it from now on, until the end of the test.

            operations.respond({"approved": True}, to="approval")
            assert_completed(operations.start("/api/orders", {"id": 7}))

        The event arrives before any timer that the orchestration races it with, even if time is skipped. If several
        responses fit, the one that was registered first is used first. For one operation, or one that waits already,
        call `operation.respond`.

        Args:
            payload: the payload of the event, which is sent as JSON.
            to: the name of the event.
            times: how often to raise it at most; by default there is no limit.

        Raises:
            UsageError: an argument is not valid, or the stack is func or remote.
        """
        __tracebackhide__ = True
        return self.promises.make(payload, to, times, None)

    def close(self) -> None:
        """Remove the inputs and responses that the test has set on the host. The fixture calls it."""
        self._triggering.close()
        self.promises.end()

    def history(self, instance_id: str) -> list[HistoryRow]:
        """Return the history of any instance of the app, as the durable HTTP API shows it.

        Args:
            instance_id: the ID of the instance.

        Raises:
            AssertionError: there is no such instance.
        """
        __tracebackhide__ = True
        found = Webhook(self.client, self._status_url).read(instance_id)
        if found is None:
            raise AssertionError(f"There is no instance '{instance_id}' at {self.client.base_url}.")
        return found.history

    def record(self, instance_id: str, path: str | Path) -> Path:
        """Write the history of any instance of the app to a file that `durable_replay` can replay.

        Args:
            instance_id: the ID of the instance.
            path: the file to write.

        Returns:
            The path of the file.

        Raises:
            AssertionError: there is no such instance.
            UsageError: the deployment refuses the key.
        """
        __tracebackhide__ = True
        return record(self.stack, Webhook(self.client, self._status_url), instance_id, Path(path))

    def _polling(self) -> PollStrategy:
        is_remote = self.stack.name == "remote"
        return ExponentialPolling(REMOTE_POLL_INTERVAL_S) if is_remote else FixedPolling(LOCAL_POLL_INTERVAL_S)


def _check_place(url: str, what: str) -> None:
    """Raise UsageError for what is neither a path nor a URL."""
    __tracebackhide__ = True
    if not url.startswith(("/", "http://", "https://")):
        hint = " The method goes first." if url.isupper() else f" Did you mean {f'/{url}'!r}?" if url else ""
        raise UsageError(f"{what}: got {url!r}; expected a path that begins with a slash, or a whole URL.{hint}")
