"""The master gives arrivals only to workers that start them, and sees to it that they can."""

from types import SimpleNamespace

import gevent
import pytest

from durable_harness.load.distributed.run_messages import Offer
from durable_harness.load.distributed.sharing import LEAD_S, START_S, Sharing

RUN_ID = "4711"


class FakeRunner:
    """A Locust master whose workers are put into their states by hand."""

    spawn_rate, target_user_count = 2.0, 7

    def __init__(self, *ready):
        self.state = "spawning"
        self.clients = SimpleNamespace(ready=[], spawning=[], running=[])
        self.connect(*ready)
        self.sent = []
        self.starts = []

    def connect(self, *names):
        """Connect workers, which Locust has not started yet."""
        self.clients.ready += [SimpleNamespace(id=name) for name in names]

    def run(self):
        """Report users for all workers that are ready."""
        self.clients.running += self.clients.ready
        self.clients.ready = []
        self.state = "running"

    def start(self, user_count, spawn_rate):
        """Note that the master is to spawn users."""
        self.starts.append((user_count, spawn_rate))

    def send_message(self, _, wire, worker):
        """Note what is sent, and to which worker."""
        self.sent.append((worker, Offer.from_wire(wire)))


@pytest.fixture
def sharing_of(monkeypatch):
    """Yield sharing_of(runner, *scenarios): the sharing of a run, which watches without a pause."""
    monkeypatch.setattr("durable_harness.load.distributed.sharing.WATCH_S", 0)
    made = []

    def make(runner, *scenarios):
        made.append(Sharing(runner, RUN_ID, scenarios))
        return made[-1]

    yield make
    for sharing in made:
        sharing.close()


def look():
    """Run the watch several times."""
    for _ in range(5):
        gevent.sleep(0)


def owners(runner, time_s):
    """Return which workers have arrivals at a time, by the last offer."""
    return {runner.sent[-1][1].shares.owner(number, time_s) for number in range(8)}


def test_a_worker_that_has_only_connected_gets_no_share(sharing_of):
    """Until a worker that joins has begun the run it has no arrivals, since it would not start them."""
    runner = FakeRunner("a")
    sharing = sharing_of(runner, "Steady")
    runner.run()
    runner.connect("b")
    look()
    assert owners(runner, 100) == {"a"}
    sharing.admit("b")
    assert owners(runner, START_S) == {"a"}
    assert owners(runner, LEAD_S + START_S) == {"a", "b"}
    assert runner.sent[-1][0] is None


def test_a_worker_that_begins_is_sent_the_arrivals(sharing_of):
    """A worker that had a share from the beginning is sent it again, alone, in case it missed it."""
    runner = FakeRunner("a", "b")
    sharing_of(runner, "Steady").admit("b")
    assert [worker for worker, _ in runner.sent] == [None, "b"]
    assert owners(runner, 0) == {"a", "b"}


def test_nothing_is_sent_for_a_run_that_ends(sharing_of):
    """A worker that begins a run while it is wound up counts as one that began, and gets nothing."""
    runner = FakeRunner("a")
    sharing = sharing_of(runner, "Steady")
    sharing.close()
    sharing.admit("a")
    assert (sharing.idle, len(runner.sent)) == (set(), 1)


def test_workers_that_locust_left_out_are_started_once(sharing_of):
    """A worker that is ready in a running test makes the master spawn again: not before, and once for each worker."""
    runner = FakeRunner("a")
    sharing_of(runner, "Steady")
    look()
    assert runner.starts == []
    runner.run()
    look()
    assert runner.starts == []
    runner.connect("b")
    look()
    assert runner.starts == [(7, 2.0)]
    runner.connect("c")
    look()
    assert runner.starts == [(7, 2.0)] * 2


def test_a_share_that_no_worker_started_is_known(sharing_of):
    """A worker that had a share and never began is idle; where only users make load, no share is lost."""
    opened = sharing_of(FakeRunner("a", "b"), "Steady")
    opened.admit("a")
    assert opened.idle == {"b"}
    assert sharing_of(FakeRunner("a", "b")).idle == set()
