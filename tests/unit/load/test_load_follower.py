"""How one operation is followed: what is sent when, and what happens after it was given up."""

from types import SimpleNamespace

import pytest

from durable_harness.load.engine import follow
from durable_harness.load.engine.follow import Engine, Follower
from durable_harness.load.http.exchange import Exchange
from durable_harness.operations import (
    HttpResponse,
    OperationPlan,
    OperationState,
    durable_webhooks,
    poll_strategy,
)

URL = "http://service.example/api/start"
STATUS = "http://service.example/runtime/webhooks/durabletask/instances/i"
ACCEPTED = HttpResponse(202, {"location": STATUS}, b'{"id": "i", "statusQueryGetUri": "%s"}' % STATUS.encode())


class Fakes:
    """What a follower works with: timers and requests are noted, and a test lets them happen."""

    def __init__(self):
        self.timers, self.sent, self.events, self.crashes, self.knows_host = [], [], [], [], False
        self.slips, self.forgotten, self.now = [], [], 100.0
        figures = SimpleNamespace(
            start_slipped=self.slips.append,
            poll_slipped=self.slips.append,
            requested=lambda *_: None,
            lateness_s=lambda _now: 0.0,
        )
        watcher = SimpleNamespace(
            started=lambda _record: self.events.append("started"),
            accepted=lambda _record: self.events.append("accepted"),
            polled=lambda _record, _ms, problem: self.events.append(f"polled: {problem}"),
            ended=lambda record: self.events.append(f"ended: {record.state.value}"),
        )
        meter = SimpleNamespace(
            knows=lambda _url: self.knows_host, measure=lambda _operation, done: self.measured.append(done)
        )
        self.measured = []
        self.engine = Engine(
            SimpleNamespace(call_at=self._later, call_at_or_soon_after=self._later),
            SimpleNamespace(send=self._send),
            figures,
            (watcher,),
            SimpleNamespace(requested=lambda *_: None),
            meter,
            self.forgotten.append,
            on_crash=lambda text, error: self.crashes.append((text, error)),
        )

    def _later(self, moment, call):
        self.timers.append((moment, call))

    def _send(self, request, on_end, deadline, on_sent=None, **_options):
        exchange = Exchange(request, on_end, self.now, deadline, on_sent)
        self.sent.append(exchange)

    def answer(self, outcome, *, was_sent=True):
        """End the last request with an outcome."""
        exchange = self.sent[-1]
        if was_sent:
            exchange.sent = self.now
            if exchange.on_sent is not None:
                exchange.on_sent(exchange)
        exchange.answered, exchange.result = self.now, outcome
        exchange.on_end(exchange)

    def tick(self):
        """Call the timer that is due next."""
        moment, call = self.timers.pop(0)
        self.now = max(self.now, moment)
        call(moment, None)


@pytest.fixture
def fakes(monkeypatch):
    """Return what a follower works with, on a clock that a test moves."""
    made = Fakes()
    monkeypatch.setattr(follow, "monotonic", lambda: made.now)
    return made


@pytest.fixture
def follower(fakes):
    """Return follower(intended): one that has not begun."""

    def make(intended=101.0):
        plan = OperationPlan(
            token="t",
            start_url=URL,
            payload={},
            polling=poll_strategy("fixed", 1.0),
            timeout_s=60.0,
            service=durable_webhooks("/api/start"),
            base_url="http://service.example",
            intended=intended,
        )
        return Follower(plan, fakes.engine)

    return make


def ended(follower):
    """Return how an operation stands."""
    return follower.operation.record.state


def test_a_start_waits_for_its_moment(fakes, follower):
    """It is sent when it is intended, at once if that is over."""
    follower(intended=101.0).begin()
    assert (fakes.sent, fakes.timers[0][0]) == ([], 101.0)
    fakes.tick()
    follower(intended=100.0).begin()
    assert len(fakes.sent) == 2


def test_an_operation_is_followed_to_its_end(fakes, follower):
    """Start, poll and end are reported in their order, and the record is handed over after it was measured."""
    one = follower()
    one.begin()
    fakes.tick()
    fakes.answer(ACCEPTED)
    fakes.tick()
    fakes.answer(HttpResponse(200, {}, b'{"runtimeStatus": "Failed", "output": null}'))
    assert fakes.events == ["started", "accepted", "polled: None"]
    assert fakes.forgotten == []
    fakes.measured[0](None)
    assert fakes.events[-1] == f"ended: {OperationState.FAILED.value}"
    assert fakes.forgotten == [one]
    one.wait()
