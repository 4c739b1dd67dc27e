"""A server that follows the pattern, in a thread of the test: it misbehaves on request, and remembers requests."""

import itertools
import json
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

WEBHOOK = "/runtime/webhooks/durabletask/instances/"
APP_STATUS = "/api/status/"
START = "/api/async_http_api"
HOST_STATUS = "/admin/host/status"
MEASUREMENTS = "/admin/durable-harness/operations"
KEY = "webhook-secret"
CONTINUATION = "x-ms-continuation-token"
PAGE_SIZE = 5
DISPATCH_S = 0.02


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one operation."""

    work_s: float = 0.1
    """Seconds until it is terminal; infinity never ends."""
    refuse: int | None = None
    """Status that answers the start instead of 202."""
    hang_up: bool = False
    """Its start is answered by closing the connection."""
    outcome: str = "Completed"
    wrong_output: bool = False
    lost: bool = False
    """Its status is 404."""
    busy_polls: int = 0
    """Polls that are answered 503 before the first proper one."""
    clock_error_s: float = 0.0
    """How far the server's clock is ahead."""
    unlisted: bool = False
    """The paged query does not list it."""
    vanishes: bool = False
    """Once its end was seen the server forgets it."""
    unreadable: bool = False
    """Its status is 400."""
    unreadable_later: bool = False
    """Once its end was seen its status is 400."""
    twice: bool = False
    """Its start makes two operations, and reports one."""
    odd_word: str = ""
    """The state it is in once it is over, instead of its outcome."""
    odd_id: str = ""
    """Comes after its id in the answer to its start."""
    coarse_times: bool = False
    """Times in whole seconds, and no finishedAt."""


@dataclass
class StubOperation:
    """An operation as the server knows it."""

    behaviour: Behaviour
    payload: dict
    started: float = field(default_factory=time.time)
    polls: int = 0

    @property
    def is_over(self):
        return time.time() >= self.started + self.behaviour.work_s

    def status(self):
        """Return the status object, in the shape that both status routes share."""
        running = not self.is_over
        state = "Running" if running else self.behaviour.odd_word or self.behaviour.outcome
        ended = self.started + self.behaviour.work_s
        updated = (self.started if running else ended) + self.behaviour.clock_error_s
        return {
            "runtimeStatus": state,
            "output": None if running else self._output(updated),
            "createdTime": self._iso(self.started),
            "lastUpdatedTime": self._iso(updated),
        }

    def history(self):
        """Return the status with the history, as it is asked for after a run; it ran a moment after it was created."""
        started = {"EventType": "ExecutionStarted", "Timestamp": iso(self.started)}
        began = {"EventType": "TaskCompleted", "ScheduledTime": iso(self.started + DISPATCH_S)}
        if not self.is_over:
            return {**self.status(), "historyEvents": [started]}
        ended = {"EventType": "ExecutionCompleted", "Timestamp": iso(self.started + self.behaviour.work_s)}
        return {**self.status(), "historyEvents": [started, began, ended]}

    def measured(self):
        """Return what a host of ours reports of it: by its scheduler's clock, and what it cost."""
        moments_s = (self.started, self.started + DISPATCH_S, self.started + self.behaviour.work_s)
        created, begun, ended = (int(moment_s * 1e9) if moment_s <= time.time() else None for moment_s in moments_s)
        costs = {"actions": {"orchestration": 1, "activity": 1, "result": 1}, "replayedEvents": 2, "payloadBytes": 300}
        return {"createdNs": created, "begunNs": begun, "endedNs": ended, "costs": costs if self.is_over else None}

    def row(self, instance_id):
        """Return its row in the paged query."""
        return {"name": "an orchestrator", "instanceId": instance_id, "input": self.payload, **self.status()}

    def _output(self, finished):
        if self.behaviour.outcome != "Completed":
            return "the activity raised"
        output = {
            "task": self.payload["operation_type"],
            "result": "Success",
            "duration": self.payload["duration"],
            "data": "not what was sent" if self.behaviour.wrong_output else self.payload["data"],
        }
        return output if self.behaviour.coarse_times else {**output, "finishedAt": iso(finished)}

    def _iso(self, epoch_s):
        return iso(int(epoch_s)).replace(".000000", "")


def iso(epoch_s):
    """Write a time as the sample app does."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of five, a handful of clients that connect at once wait a second for the retransmission.
    request_queue_size = 128


class StubServer:
    """Serves on a free port; every start gets the next behaviour, the last one forever."""

    def __init__(self):
        self.behaviours = itertools.repeat(Behaviour())
        self.operations = {}
        self.unannounced = {}
        """Operations that no start response named."""
        self.has_listing = True
        self.listing_status = 200
        self.listing_takes_s = 0.0
        self.listing_never_ends = False
        """Whether every page of the paged query names another one."""
        self.measures = False
        """Whether it appears to be a host of ours, and answers what operations took and cost."""
        self.measurement = 200, 0.0
        """Status of such an answer, and the seconds that it takes."""
        self.requests = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def accepted(self):
        """How many starts were answered with 202."""
        return len(self.operations)

    def always(self, **behaviour):
        """Set one behaviour for all operations."""
        self.behaviours = itertools.repeat(Behaviour(**behaviour))

    def in_turn(self, *behaviours):
        """Set behaviours that operations take in turn, over and over."""
        self.behaviours = itertools.cycle(behaviours)

    def let_end(self, work_s):
        """Set how long operations last from now on, also those that have been started."""
        self.always(work_s=work_s)
        with self._lock:
            for operation in self.operations.values():
                operation.behaviour = replace(operation.behaviour, work_s=work_s)

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def start(self, payload):
        """Return the status and body of a start; no status hangs up."""
        with self._lock:
            behaviour = next(self.behaviours)
            if behaviour.hang_up:
                return None, {}
            if behaviour.refuse:
                return behaviour.refuse, {"error": "the stub refuses"}
            instance_id = uuid.uuid4().hex
            self.operations[instance_id] = StubOperation(behaviour, payload)
            if behaviour.twice:
                self.unannounced[uuid.uuid4().hex] = StubOperation(behaviour, payload)
        status_url = f"{self.url}{WEBHOOK}{instance_id}?code={KEY}"
        return 202, {"id": instance_id + behaviour.odd_id, "statusQueryGetUri": status_url}

    def poll(self, instance_id):
        """Return the status and body of a poll."""
        operation = self.operations.get(instance_id)
        if operation is None or operation.behaviour.lost:
            return 404, {"error": "NotFound"}
        with self._lock:
            operation.polls += 1
        if operation.polls <= operation.behaviour.busy_polls:
            return 503, {"error": "busy"}
        if operation.behaviour.unreadable:
            return 400, {"error": "no"}
        status = operation.status()
        if operation.behaviour.unreadable_later and status["runtimeStatus"] != "Running":
            operation.behaviour = replace(operation.behaviour, unreadable=True)
        if operation.behaviour.vanishes and status["runtimeStatus"] != "Running":
            operation.behaviour = replace(operation.behaviour, lost=True)
        return 202 if status["runtimeStatus"] == "Running" else 200, status

    def measured(self, instance_ids):
        """Return what a host of ours answers about operations."""
        known = {key: self.operations[key] for key in instance_ids if key in self.operations}
        return {"measuredBy": "durable-harness", "operations": {key: it.measured() for key, it in known.items()}}

    def page(self, size, after):
        """Return the rows of a page of the paged query, and the token of the next one, empty if there is none."""
        with self._lock:
            everything = {**self.operations, **self.unannounced}
        shown = [key for key, it in sorted(everything.items()) if not (it.behaviour.unlisted or it.behaviour.lost)]
        if self.listing_never_ends:
            return [everything[shown[0]].row(uuid.uuid4().hex)], uuid.uuid4().hex
        keys = [key for key in shown if key > after][:size]
        return [everything[key].row(key) for key in keys], keys[-1] if keys and keys[-1] != shown[-1] else ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet: otherwise delayed acknowledgements add 40 ms to every answer.
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._remember()
        try:
            payload = json.loads(body)
        except ValueError:
            self._answer(400, {"error": "no JSON"})
            return
        if self.path == MEASUREMENTS and self.server.stub.measures:
            status, takes_s = self.server.stub.measurement
            time.sleep(takes_s)
            self._answer(status, self.server.stub.measured(payload["ids"]))
            return
        status, answer = self.server.stub.start(payload)
        if status == 401:
            answer["error"] = f"{self.headers['x-functions-key']} is no good"
        self._answer(status, answer)

    def do_GET(self):
        self._remember()
        path, _, query = self.path.partition("?")
        if path == HOST_STATUS:
            self._answer(200, {"versionDetails": "durable-harness" if self.server.stub.measures else "4.0"})
            return
        if path == WEBHOOK.rstrip("/") and self.server.stub.has_listing:
            size = min(int(parse_qs(query)["top"][0]), PAGE_SIZE)
            time.sleep(self.server.stub.listing_takes_s)
            rows, after = self.server.stub.page(size, self.headers.get(CONTINUATION, ""))
            self._answer(self.server.stub.listing_status, rows, {CONTINUATION: after})
            return
        if "showHistory=true" in query:
            self._answer(200, self.server.stub.operations[path.removeprefix(WEBHOOK)].history())
            return
        for prefix in (WEBHOOK, APP_STATUS):
            if path.startswith(prefix):
                self._answer(*self.server.stub.poll(path.removeprefix(prefix)))
                return
        self._answer(200, {"hello": "there"})

    def _remember(self):
        self.server.stub.requests.append((self.command, self.path, dict(self.headers)))

    def _answer(self, status, body, headers=()):
        if status is None:
            self.close_connection = True
            return
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if "statusQueryGetUri" in body:
            self.send_header("Location", body["statusQueryGetUri"])
            self.send_header("Retry-After", "10")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *args):
        """Keep quiet: the tests look at `requests`."""
