"""`StartedOperation.measured`: times and costs of an app that is nothing like the sample."""

import http.server
import threading
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack
from durable_harness.testing import Operations, assert_completed

pytestmark = pytest.mark.stacks("embedded", reason="it counts, and its clock and its work items can be touched")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app of fan-outs, timers and families."""
    return Path(__file__).parents[1] / "apps" / "measured"


def ended(operations, orchestrator, value):
    """Run an operation to its end and return what was measured of it."""
    operation = operations.start_orchestrator(orchestrator, value)
    assert_completed(operation)
    return operation.measured()


def test_a_fan_out_is_counted_whole(operations):
    """Ten activities at once and a timer are 22 actions; the execution takes at least as long as its timer."""
    found = ended(operations, "fan_out", 10)
    assert found.actions == {"orchestration": 1, "activity": 10, "timer": 1, "result": 10}
    assert found.action_count == 22
    assert found.payload_bytes == len("10") + 10 + sum(len(str(2 * n)) for n in range(10)) + len(
        str([*range(0, 20, 2)])
    )
    assert found.replayed_events > 0
    assert found.execution_ms >= 20


def test_times_are_in_order_and_the_execution_lies_between_them(operations):
    """Creation, beginning and end come in their order, in seconds; the execution is the time from beginning to end."""
    found = ended(operations, "ticks", 2)
    assert found.created_epoch_s <= found.begun_epoch_s < found.ended_epoch_s
    between_ms = 1000 * (found.ended_epoch_s - found.begun_epoch_s)
    assert found.execution_ms == pytest.approx(between_ms, abs=0.01)


def test_more_work_is_more_actions(operations):
    """Each activity more in a row is two actions more."""
    assert [ended(operations, "chain", n).action_count for n in (1, 2, 5, 10)] == [3, 5, 11, 21]


def test_what_waits_has_begun_and_no_more(operations):
    """Before the end there is neither an end nor costs."""
    operation = operations.start_orchestrator("approval")
    operation.wait_for("Running")
    found = operation.measured()
    assert found.begun_epoch_s is not None
    assert (found.ended_epoch_s, found.execution_ms, found.actions, found.action_count) == (None, None, None, None)
    operation.terminate("the test is over")


def test_work_that_was_lost_or_doubled_counts_once(operations, durable_faults):
    """Dropped and duplicated turns and activities cost what undisturbed ones cost."""
    undisturbed = ended(operations, "chain", 3)
    dropped = durable_faults.drop_work_items(2, back_after_s=0.05)
    doubled = durable_faults.duplicate_work_items(3)
    disturbed = ended(operations, "chain", 3)
    assert (len(dropped.wait()), len(doubled.wait())) == (2, 3)
    assert disturbed.actions == undisturbed.actions
    assert disturbed.payload_bytes == undisturbed.payload_bytes
    assert disturbed.replayed_events == undisturbed.replayed_events


def test_modelled_times_are_none(operations, durable_clock):
    """Once the clock was moved there are no times to trust; costs are counted as ever."""
    durable_clock.advance(60)
    found = ended(operations, "ticks", 1)
    assert (found.created_epoch_s, found.begun_epoch_s, found.ended_epoch_s, found.execution_ms) == (None,) * 4
    assert found.actions == {"orchestration": 1, "timer": 1}


def test_an_operation_that_is_gone_fails_with_its_id(operations):
    """A purged operation is an assertion that names it."""
    operation = operations.start_orchestrator("chain", 1)
    assert_completed(operation)
    operations.request("DELETE", f"/runtime/webhooks/durabletask/instances/{operation.instance_id}")
    with pytest.raises(AssertionError, match=f"is not known to its host.*; instance {operation.instance_id}"):
        operation.measured()


@pytest.fixture
def other_host():
    """Yield the URL of a host that accepts starts and knows nothing of measuring, as one in Azure."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_start = self.path.startswith("/api/")
            self.send_response(202 if is_start else 404)
            if is_start:
                self.send_header("Location", f"http://{self.headers['Host']}/status/one")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_foreign_host_is_an_error(other_host, tmp_path):
    """A deployment does not measure: the error names it and the stacks that do."""
    operation = Operations(RunningStack("remote", other_host), tmp_path).start("/api/anything")
    with pytest.raises(UsageError, match=f"{other_host} does not measure operations.*embedded and emulator"):
        operation.measured()
