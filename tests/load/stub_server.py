"""A server that follows the pattern, in a thread of the test: it misbehaves as told and remembers what it was asked."""

import itertools
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEBHOOK = "/runtime/webhooks/durabletask/instances/"
APP_STATUS = "/api/status/"
START = "/api/async_http_api"
KEY = "webhook-secret"


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
        state = "Running" if running else self.behaviour.outcome
        ended = self.started + self.behaviour.work_s
        updated = (self.started if running else ended) + self.behaviour.clock_error_s
        return {
            "runtimeStatus": state,
            "output": None if running else self._output(updated),
            "createdTime": self._iso(self.started),
            "lastUpdatedTime": self._iso(updated),
        }

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
    """Serves on a free port; every start gets the next behaviour, the last one for ever."""

    def __init__(self):
        self.behaviours = itertools.repeat(Behaviour())
        self.operations = {}
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
        """Let all operations behave alike."""
        self.behaviours = itertools.repeat(Behaviour(**behaviour))

    def in_turn(self, *behaviours):
        """Let operations behave one like the first, one like the second and so on, over and over."""
        self.behaviours = itertools.cycle(behaviours)

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
        status_url = f"{self.url}{WEBHOOK}{instance_id}?code={KEY}"
        return 202, {"id": instance_id, "statusQueryGetUri": status_url}

    def poll(self, instance_id):
        """Return the status and body of a poll."""
        operation = self.operations.get(instance_id)
        if operation is None or operation.behaviour.lost:
            return 404, {"error": "NotFound"}
        with self._lock:
            operation.polls += 1
        if operation.polls <= operation.behaviour.busy_polls:
            return 503, {"error": "busy"}
        status = operation.status()
        return 202 if status["runtimeStatus"] == "Running" else 200, status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet: otherwise delayed acknowledgements add 40 ms to every answer.
    wbufsize = -1

    def do_POST(self):
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._remember()
        self._answer(*self.server.stub.start(payload))

    def do_GET(self):
        self._remember()
        path = self.path.split("?")[0]
        for prefix in (WEBHOOK, APP_STATUS):
            if path.startswith(prefix):
                self._answer(*self.server.stub.poll(path.removeprefix(prefix)))
                return
        self._answer(200, {"hello": "there"})

    def _remember(self):
        self.server.stub.requests.append((self.command, self.path, dict(self.headers)))

    def _answer(self, status, body):
        if status is None:
            self.close_connection = True
            return
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if "statusQueryGetUri" in body:
            self.send_header("Location", body["statusQueryGetUri"])
            self.send_header("Retry-After", "10")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *args):
        """Keep quiet: the tests look at `requests`."""
