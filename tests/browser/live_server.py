"""The live page as Locust's web UI serves it, of a run that a test makes up."""

import threading
from types import SimpleNamespace

import flask
from werkzeug.serving import make_server

from durable_harness.gate import Gate
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.web import LiveRun, add_pages
from durable_harness.operations import OperationState
from tallies import record

EPOCH_S = 1_000_000.0
GATES = (
    Gate("completion_ms", "p95", 9_000.0, unit="ms"),
    Gate("completion_ms", "p50", 1_500.0, unit="ms"),
    Gate("operations", "error_ratio", 0.0),
)
HOSTILE = "<img src=x onerror=document.title='owned'> <script>document.title='owned'</script> \u202eor \x1b[31m"


def operation(number, state=OperationState.COMPLETED, **fields):
    """Make the record of an operation of a host that reports its times; one is sent every 100 ms."""
    sent, lasted = 100.0 + number / 10, 1.0 + number % 17 / 10
    times = {
        "server_created_epoch_s": EPOCH_S + sent + 0.2,
        "server_running_epoch_s": EPOCH_S + sent + 0.4,
        "server_updated_epoch_s": EPOCH_S + sent + lasted - 0.1,
        "actions": {"activity": 3},
        "replayed_events": 12,
        "payload_bytes": 400,
    }
    moments = {"intended": sent, "sent": sent, "accepted": sent + 0.25, "ended": sent + lasted}
    seen = {"seen": sent + lasted} if state is not OperationState.LOST else {}
    return record(state, lasted=lasted, **{**moments, **seen, **times, "instance_id": f"id-{number}", **fields})


def tally_of(*records, in_flight=0):
    """Make the tally of a run; the last ones of the records are still in flight."""
    run = RunTally()
    for place, one in enumerate(records):
        run.started(one)
        if one.accepted is not None:
            run.accepted(one)
        if place < len(records) - in_flight:
            run.polled(one, 2.0, None)
            run.ended(one)
    return run


def running(count=200, *, reason=HOSTILE, **changes):
    """Make a run of two scenarios that continues, with operations that failed."""
    some = [operation(number, scenario=("Steady", "Burst")[number % 2]) for number in range(count)]
    failed = [
        operation(number, OperationState.FAILED, error=f"{reason} {number}", scenario="Steady") for number in (7, 9)
    ]
    values = {"phase": "running", "elapsed_s": 30.0, "run_time_s": 60, "target": "http://localhost:7071", **changes}
    return LiveRun(tally_of(*failed, *some, in_flight=5), GATES, processes="1 master, 2 workers", **values)


class LiveServer:
    """Serves the live page of `run`, which may change; None answers with an error. Use it as a context."""

    def __init__(self, run, report=None):
        self.run, self.report, self.asked = run, report, 0
        app = flask.Flask("ui")
        ui = SimpleNamespace(app=app, auth_required_if_enabled=lambda view: view)
        add_pages(ui, "", self._live, lambda: self.report, str)
        self._app, self.port = app, 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/durable"

    def start(self):
        """Serve, at the same port as before."""
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        self.port = self._server.port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        """Answer no longer."""
        self._server.shutdown()
        self._server.server_close()

    def _live(self):
        self.asked += 1
        if self.run is None:
            flask.abort(500)
        return self.run
