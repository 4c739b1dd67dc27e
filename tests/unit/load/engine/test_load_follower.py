"""How one operation is followed: what is sent when, and what happens after it was given up."""

from types import SimpleNamespace

import pytest

from durable_harness.load.engine import follow
from durable_harness.load.engine.follow import ASKING, Engine, Follower, unexpected
from durable_harness.load.http.exchange import Exchange
from durable_harness.operations import (
    HttpResponse,
    NoResponse,
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


def given_up(fakes, one):
    """Return what is reported when an operation is given up."""
    count = len(fakes.events)
    one.give_up("the run is over")
    return fakes.events[count:]


def test_one_given_up_before_its_start_never_was(fakes, follower):
    """It is neither started nor reported, and its timer does nothing any longer."""
    one = follower()
    one.begin()
    assert given_up(fakes, one) == []
    fakes.tick()
    assert (fakes.sent, one.is_started, fakes.forgotten) == ([], False, [one])


def test_one_given_up_before_it_was_sent_counts_as_started(fakes, follower):
    """Its start was tried: it has timed out, and what the network reports later changes nothing."""
    one = follower(intended=100.0)
    one.begin()
    assert given_up(fakes, one) == ["started", f"ended: {OperationState.TIMED_OUT.value}"]
    fakes.answer(ACCEPTED)
    assert len(fakes.events) == 2
    assert one.operation.record.error.endswith("the run is over")


def test_one_given_up_between_polls_is_not_polled(fakes, follower):
    """Its next poll is not sent, and a poll under way has no effect."""
    for is_polling in (False, True):
        one = follower(intended=fakes.now)
        one.begin()
        fakes.answer(ACCEPTED)
        if is_polling:
            fakes.tick()
        sent = len(fakes.sent)
        assert given_up(fakes, one) == [f"ended: {OperationState.TIMED_OUT.value}"]
        if is_polling:
            fakes.answer(HttpResponse(200, {}, b'{"runtimeStatus": "Completed"}'))
        else:
            fakes.tick()
        assert len(fakes.sent) == sent
        assert ended(one) is OperationState.TIMED_OUT


def test_one_that_has_ended_is_handed_over_unmeasured(fakes, follower):
    """Giving it up ends only the wait for its measurement, which is ignored if it comes later."""
    one = follower(intended=100.0)
    one.begin()
    fakes.answer(NoResponse("refused"), was_sent=False)
    assert ended(one) is OperationState.UNREACHABLE
    assert given_up(fakes, one) == [f"ended: {OperationState.UNREACHABLE.value}"]
    fakes.measured[0](None)
    assert fakes.events == ["started", f"ended: {OperationState.UNREACHABLE.value}"]
    assert fakes.forgotten == [one]


def test_a_status_url_that_cannot_be_asked_for_is_a_failed_poll(fakes, follower, monkeypatch):
    """The poll has the reason, and the operation continues until its time is up."""
    one = follower(intended=100.0)
    one.begin()
    fakes.answer(ACCEPTED)

    def refuse(*_args):
        raise ValueError("a line break")

    monkeypatch.setattr(follow, "HttpRequest", refuse)
    fakes.tick()
    assert len(fakes.sent) == 1
    assert "a line break" in fakes.events[-1]


def test_an_answer_that_crashes_the_reader_ends_it(fakes, follower, monkeypatch):
    """A bug in reading an answer ends this operation alone, is reported, and is in its record."""

    def fail(*_args):
        raise ZeroDivisionError("a bug")

    for name in ("start_answered", "poll_answered"):
        one = follower(intended=fakes.now)
        one.begin()
        if name == "poll_answered":
            fakes.answer(ACCEPTED)
            fakes.tick()
        with monkeypatch.context() as patched:
            patched.setattr(type(one.operation), name, fail)
            fakes.answer(ACCEPTED)
        assert ended(one).has_ended
        assert "a bug" in one.operation.record.error
    assert [text for text, _ in fakes.crashes] == ["An answer could not be read"] * 2


def test_a_host_that_measures_is_asked_for_its_times(fakes, follower):
    """Requests to such a host have the header, those to another one that answers for it do not."""
    fakes.knows_host = True
    one = follower(intended=100.0)
    one.begin()
    elsewhere = ACCEPTED.body.replace(b"service.example", b"other.example")
    fakes.answer(HttpResponse(202, {}, elsewhere))
    fakes.tick()
    name = next(iter(ASKING)).encode()
    start, poll = (exchange.request for exchange in fakes.sent)
    assert name in start.data
    assert poll.origin.host == "other.example"
    assert name not in poll.data


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (NoResponse("refused"), "no answer: refused"),
        (HttpResponse(200, {}, b""), None),
        (HttpResponse(500, {}, b""), "HTTP 500 instead of 200 or 202"),
    ],
)
def test_an_unexpected_answer_is_named(outcome, problem):
    """The expected codes are in the text."""
    assert unexpected(outcome, {202, 200}) == problem
