"""Who it was: the time of operations split between the parties, by hand-made moments whose answer is known by hand."""

import itertools
from collections import Counter

import pytest

from durable_harness.gate.gates import Gate, GateResult, Outcome
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.who.blame import Blame, OperationFailure, blame
from durable_harness.gate.who.culprits import Known, culprit_of
from durable_harness.gate.who.growth import growth, growth_sentence
from durable_harness.gate.who.operation_pieces import (
    ClockOffset,
    RecordedOperation,
    TimedRequest,
    clipped,
    clock_of,
    on_this_clock,
    pieces_of,
    pieces_of_poll,
    pieces_of_start,
)
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import attribute
from durable_harness.gate.who.verdicts import Who
from durable_harness.why.segments import HOST, SCHEDULER, Part, Segment

MS = 1_000_000


def ms(*moments):
    """Return moments in nanoseconds, from milliseconds."""
    return tuple(round(moment * MS) for moment in moments)


def piece(part, from_ms, to_ms, name="", by=""):
    """Make a piece of a path."""
    return Segment(part, *ms(from_ms, to_ms), name, by=by)


# Intended at 0; sent at 30, after 10 of waiting for a connection and 5 of connecting; created at 40, ended at 140.
START = TimedRequest(*ms(30, 52, 33, 34, 36, 48, 50, 1))
POLL = TimedRequest(*ms(190, 200, 192, 0, 0, 0, 195, 0))
PATH = (
    piece(Part.HARNESS, 40, 45, by=SCHEDULER),
    piece(Part.THREAD, 45, 75),
    piece(Part.CODE, 75, 125, "work"),
    piece(Part.HARNESS, 125, 130, by=HOST),
    piece(Part.TIMER, 130, 140),
)
ONE = RecordedOperation(
    *(0, START, ms(200)[0]),
    poll=POLL,
    poll_due_ns=ms(180)[0],
    pool_ns=ms(10)[0],
    connect_ns=ms(5)[0],
    created_ns=ms(40)[0],
    running_ns=ms(45)[0],
    ended_ns=ms(140)[0],
    path=PATH,
)


def by_party(pieces):
    """Return the milliseconds of each party."""
    found = attribute([pieces])
    return {share.party: share.mean_ms for share in found.shares}


def by_part(pieces):
    """Return the milliseconds of each part."""
    sums = Counter()
    for one in pieces:
        sums[one.part] += one.length_ns / MS
    return dict(sums)


def test_every_millisecond_is_somebodys():
    """Late, waiting for a connection and polling are the generator's; the rest is whose each piece is."""
    assert by_part(pieces_of(ONE)) == {
        Part.SLIP: 15 + 10,
        Part.CONNECTION: 10,
        Part.CONNECTING: 5,
        Part.WAY: 2 + 2 + 5,
        Part.HTTP: 1 + 1 + 3,
        Part.THREAD: 2 + 30,
        Part.HTTP_CODE: 4,
        Part.HARNESS: 5 + 5,
        Part.CODE: 50,
        Part.TIMER: 10,
        Part.POLLING: 40,
    }
    assert by_party(pieces_of(ONE)) == {
        Party.GENERATOR: 75,
        Party.APP: 64,
        Party.HOST: 42,
        Party.NETWORK: 14,
        Party.SCHEDULER: 5,
    }


def test_what_the_host_does_not_report_is_not_known():
    """Without the times of requests their pieces belong to no part; the wait for the next poll is the generator's."""
    other = RecordedOperation(
        *(0, TimedRequest(*ms(30, 52)), ms(200)[0]),
        poll=TimedRequest(*ms(190, 200)),
        poll_due_ns=ms(180)[0],
        created_ns=ms(40)[0],
        ended_ns=ms(140)[0],
        path=(piece(Part.ACTIVITY_WHOLE, 40, 140),),
    )
    assert by_party(pieces_of(other)) == {Party.UNKNOWN: 10 + 100 + 10, Party.GENERATOR: 30 + 40 + 10}


def test_only_lateness_is_known_of_an_unexplained_operation():
    """Neither its creation nor its end is known: what is after the start is not known."""
    bare = RecordedOperation(0, TimedRequest(*ms(30, 52)), ms(200)[0])
    assert by_party(pieces_of(bare)) == {Party.GENERATOR: 30, Party.UNKNOWN: 170}


def test_code_that_blocks_the_loop_delays_requests():
    """A request that the kernel had while an async function kept the event loop to itself waited for the app."""
    held = (Segment(Part.LOOP, *ms(0, 80), "greedy"),)
    one = RecordedOperation(*ms(0), TimedRequest(*ms(10, 110, 100, 0, 0, 0, 105, 0)), ms(110)[0], held=held)
    assert by_part(pieces_of_start(one)) == {Part.LOOP: 70, Part.WAY: 25, Part.HTTP: 5}


def test_a_late_event_loop_is_no_network():
    """For as long as the host's loop was late, a request may have waited there, not in the network."""
    one = RecordedOperation(*ms(0), TimedRequest(*ms(0, 60, 50, 0, 0, 0, 55, 30)), ms(60)[0])
    assert by_part(pieces_of_start(one)) == {Part.WAY: 20 + 5, Part.HTTP: 30 + 5}


def test_the_generators_pieces_never_come_to_more_than_its_slip():
    """Waits for connections that were measured a little longer than the slip are cut."""
    one = RecordedOperation(ms(20)[0], START, ms(60)[0], pool_ns=ms(50)[0], connect_ns=ms(4)[0])
    assert by_part(clipped(pieces_of(one), *ms(20, 30))) == {Part.CONNECTION: 6, Part.CONNECTING: 4}


def test_polls_are_split_as_starts_are():
    """The poll that saw the end: under way, at the host, under way."""
    assert by_part(pieces_of_poll(ONE)) == {Part.WAY: 2 + 5, Part.HTTP: 3}
    assert pieces_of_poll(RecordedOperation(0, START, 1)) == []


def test_clocks_of_one_machine_are_one():
    """On this machine nothing is added to the server's times."""
    assert clock_of([ONE], is_here=True) == ClockOffset()


def test_clocks_of_two_machines_are_compared_by_requests():
    """Nothing is received before it was sent: the middle of what is possible, and half of its width as the error."""
    ahead = on_this_clock(ONE, ClockOffset(ms(1000)[0]))
    assert clock_of([ahead], is_here=False) == ClockOffset(*ms(-1000, 2))
    back = on_this_clock(ahead, clock_of([ahead], is_here=False))
    assert back.created_ns == ms(40)[0]


def test_uncompared_clocks_leave_the_requests_unknown():
    """Of a service on another machine that reports no times of requests, only its own durations are known."""
    other = RecordedOperation(
        *(0, TimedRequest(*ms(30, 52)), ms(200)[0]),
        poll=TimedRequest(*ms(190, 200)),
        poll_due_ns=ms(180)[0],
        created_ns=ms(7040)[0],
        ended_ns=ms(7140)[0],
        path=(piece(Part.CODE, 7040, 7140, "work"),),
    )
    assert clock_of([other], is_here=False) is None
    assert by_party(pieces_of(on_this_clock(other, None))) == {
        Party.GENERATOR: 30,
        Party.APP: 100,
        Party.UNKNOWN: 70,
    }


def test_the_evidence_names_figures_functions_and_settings():
    """Each share names what it was spent on, whose function it is, and which setting decides it."""
    found = attribute([pieces_of(ONE)], {Part.THREAD: "PYTHON_THREADPOOL_THREAD_COUNT is 4"})
    assert found.share_of(Party.APP).text == (
        "app 32 % (code of activities and entities 'work' 50.0 ms; timers 10.0 ms; code of HTTP functions 4 ms)"
    )
    assert "wait for a thread 32.0 ms, PYTHON_THREADPOOL_THREAD_COUNT is 4" in found.share_of(Party.HOST).text
    assert found.text.endswith(" of 200 ms")
    assert sum(share.share for share in found.shares) == pytest.approx(1)


def test_of_several_functions_each_has_its_own_time():
    """What several functions spent is not the time of the longest of them; the smallest are counted together."""
    lengths = (("cut", 40), ("polish", 20), ("pack", 10), ("weigh", 6), ("seal", 4))
    ends = list(itertools.accumulate(length for _, length in lengths))
    pieces = [piece(Part.CODE, end - length, end, name) for (name, length), end in zip(lengths, ends, strict=True)]
    assert attribute([pieces[:3]]).share_of(Party.APP).text == (
        "app 100 % (code of activities and entities 70.0 ms: 'cut' 40.0 ms, 'polish' 20.0 ms, 'pack' 10.0 ms)"
    )
    assert "'pack' 10.0 ms, 2 more 10.0 ms)" in attribute([pieces]).share_of(Party.APP).text


def test_the_mean_is_of_all_operations():
    """Shares are means: what one of two operations spent counts half."""
    found = attribute([[piece(Part.CODE, 0, 100)], [piece(Part.WAY, 0, 300)]])
    assert (found.operations, found.mean_ms) == (2, 200)
    assert [(share.party, share.mean_ms, share.share) for share in found.shares] == [
        (Party.NETWORK, 150, 0.75),
        (Party.APP, 50, 0.25),
    ]


def test_nothing_has_no_shares():
    """Without operations, or without any time, there is no figure."""
    assert attribute([]) is None
    assert attribute([[]]) is None


def broken(name, limit, measured, bound="at most", unit="ms"):
    """Make the result of a gate that does not hold."""
    metric, _, statistic = name.partition(" ")
    return GateResult(Gate(metric, statistic, limit, bound, unit), measured, Outcome.FAILED)


def test_a_broken_latency_gate_names_the_largest_share():
    """The largest share of the operations beyond the limit, with its evidence."""
    result = broken("completion_ms p95", 100, 200)
    found = culprit_of(result, Known(beyond={"completion_ms p95": attribute([pieces_of(ONE)])}))
    assert found.party is Party.GENERATOR
    assert found.evidence.endswith("the mean of 1 operation beyond the limit")
    nothing = culprit_of(result, Known(beyond={"completion_ms p95": None}))
    assert (nothing.party, "cannot be split" in nothing.evidence) == (Party.UNKNOWN, True)


def test_what_is_mostly_not_known_has_no_culprit():
    """A share that no part's moments explain, larger than any other, is not put on the next best part."""
    split = attribute([[piece(Part.CODE, 0, 100), piece(Part.UNKNOWN, 100, 300)]])
    found = culprit_of(broken("completion_ms p95", 100, 300), Known(beyond={"completion_ms p95": split}))
    assert found.party is Party.UNKNOWN


def test_a_rate_that_was_not_offered_is_the_generators():
    """Throughput below a limit that is above what was offered says nothing of the service."""
    result = broken("operations throughput_per_s", 50, 10, "at least", "/s")
    assert culprit_of(result, Known(offered_per_s=10.0)).party is Party.GENERATOR
    slow = Known(offered_per_s=80.0, tail=attribute([[piece(Part.CODE, 0, 100)]]))
    assert culprit_of(result, slow).party is Party.APP


def test_an_invalid_run_names_the_generator_a_dead_host_itself():
    """Whatever the other figures are, these come first."""
    result = broken("completion_ms p95", 100, 200)
    known = {"completion_ms p95": attribute([[piece(Part.CODE, 0, 100)]])}
    assert culprit_of(result, Known(known, generator_late="it did not keep up")).text == "generator: it did not keep up"
    assert culprit_of(result, Known(known, host_died="the stack ended")).text == "host: the stack ended"


@pytest.mark.parametrize(
    ("failure", "is_ours", "party"),
    [
        (OperationFailure("failed", "operation Failed: ValueError"), True, Party.APP),
        (OperationFailure("failed", "operation Terminated"), True, Party.UNKNOWN),
        (OperationFailure("failed", "status cannot be read: HTTP 500"), True, Party.HOST),
        (OperationFailure("failed", "its answer could not be read: KeyError"), True, Party.GENERATOR),
        (OperationFailure("wrong output", "wrong output: another order"), False, Party.APP),
        (OperationFailure("refused", "start refused: POST /api/x answered 500", True), True, Party.APP),
        (OperationFailure("refused", "start refused: POST /api/x answered 404", False), True, Party.HOST),
        (OperationFailure("refused", "start refused: POST /api/x answered 429"), False, Party.HOST),
        (OperationFailure("refused", "start refused: POST /api/x answered 500"), False, Party.UNKNOWN),
        (OperationFailure("unreachable", "start got no answer: Connection reset by peer"), False, Party.NETWORK),
        (OperationFailure("unreachable", "start got no answer: Connection refused"), False, Party.HOST),
        (OperationFailure("unreachable", "start got no answer: Too many open files"), False, Party.GENERATOR),
        (OperationFailure("unreachable", "start got no answer: no answer in time"), False, Party.UNKNOWN),
        (OperationFailure("lost", "lost: accepted, then 404 on its status"), True, Party.SCHEDULER),
        (OperationFailure("lost", "lost: accepted, then 404 on its status"), False, Party.UNKNOWN),
        (OperationFailure("timed out", "timed out: start not answered after 5 s"), True, Party.UNKNOWN),
    ],
)
def test_an_error_is_whoevers_answer_it_was(failure, is_ours, party):
    """How an operation ended shows which part answered; where it does not, no part is blamed."""
    assert blame(failure, is_ours=is_ours).party is party


def test_an_error_gate_names_the_most_errors_first():
    """The party with most failed operations, each with what it did and how often."""
    blames = Counter({Blame(Party.HOST, "it refused starts with 429"): 2, Blame(Party.APP, "its operations failed"): 5})
    found = culprit_of(broken("operations error_ratio", 0, 0.5, unit=""), Known(blames=blames))
    assert found.text == "app: its operations failed (5); host: it refused starts with 429 (2)"


@pytest.mark.parametrize("statistic", ["lost", "stuck", "contradicted"])
def test_an_audit_of_nothing_blames_the_part_that_refused(statistic):
    """Where no operation was accepted, nothing is stuck or lost: the gate fails of what became of the starts."""
    refused = Counter({Blame(Party.HOST, "starts were refused with 404"): 41})
    found = culprit_of(broken(f"audit {statistic}", 0, None, unit=""), Known(blames=refused))
    assert found.text == "host: starts were refused with 404 (41)"


@pytest.mark.parametrize(
    ("statistic", "ours", "others"),
    [("lost", Party.SCHEDULER, Party.UNKNOWN), ("wrong_output", Party.APP, Party.APP), ("stuck", *[Party.UNKNOWN] * 2)],
)
def test_what_an_audit_found_is_whoevers_it_can_be(statistic, ours, others):
    """A scheduler of ours forgot what is lost; of another service it is not known which part did."""
    result = broken(f"audit {statistic}", 0, 3, unit="")
    assert culprit_of(result, Known(is_ours=True)).party is ours
    assert culprit_of(result, Known(is_ours=False)).party is others


def test_costs_are_the_apps():
    """How many actions an operation takes is what its orchestration asks for."""
    assert culprit_of(broken("actions_per_operation mean", 3, 5, unit=""), Known()).party is Party.APP


def test_each_function_has_its_own_time_in_the_evidence():
    """The time of several functions is not put down to the slowest of them."""
    pieces = [piece(Part.CODE, 0, 40, "cut"), piece(Part.CODE, 40, 60, "polish"), piece(Part.CODE, 60, 70, "pack")]
    found = attribute([pieces])
    words = "code of activities and entities 70.0 ms: 'cut' 40.0 ms, 'polish' 20.0 ms, 'pack' 10.0 ms"
    assert found.largest.text == f"app 100 % ({words})"


def test_names_beyond_the_first_few_are_counted():
    """Evidence stays short, and its times come to the whole."""
    pieces = [piece(Part.CODE, at * 10, at * 10 + 10, f"step{at}") for at in range(6)]
    assert attribute([pieces]).largest.causes[0].text.endswith("'step2' 10.0 ms, 3 more 30.0 ms")


def test_growth_names_the_function_that_grew():
    """Not the slowest one, which takes as long as before."""
    base, head = (
        attribute([[piece(Part.CODE, 0, 40, "cut"), piece(Part.CODE, 40, 40 + polish_ms, "polish")]])
        for polish_ms in (10, 35)
    )
    assert growth(base, head)[0].text.endswith("code of activities and entities 'polish' 35.0 ms)")


def test_growth_names_the_party_that_grew():
    """Between base and head: each party's difference, the largest first, with what grew most."""
    base = attribute([[piece(Part.CODE, 0, 20, "work"), piece(Part.WAY, 20, 30)]])
    head = attribute([[piece(Part.CODE, 0, 50, "work"), piece(Part.WAY, 50, 58)]])
    assert [(one.party, one.by_ms) for one in growth(base, head)] == [(Party.APP, 30), (Party.NETWORK, -2)]
    grown = "app +30.0 ms (20.0 to 50.0 ms, code of activities and entities 'work' 50.0 ms)"
    assert growth_sentence(base, head).startswith(f"+28.0 ms in the mean: {grown}, network -2.0")


def test_an_invalid_run_names_the_generator_first():
    """Before any share there is why the run measures its generator."""
    lines = Who(mean=attribute([[piece(Part.CODE, 0, 20)]]), first="its event loop stood still").sentences
    assert lines[0] == "generator first: its event loop stood still"
    assert lines[1].startswith("mean: app 100 %")


def test_a_stuck_gate_names_what_the_operations_wait_for():
    """What is known of their waits is the evidence, each of them once; where nothing is known that is reported."""
    result = broken("audit stuck", 0, 2, unit="")
    age = "external event 'Approved': has not come (for {} s)"
    stuck = [StuckOperation(f"id-{age_s}", waits=(age.format(age_s),)) for age_s in ("3.1", "2.0")]
    assert culprit_of(result, Known(stuck=stuck)).text == (
        "not known: operations have not ended: they wait for external event 'Approved': has not come"
    )
    assert culprit_of(result, Known()).evidence == "operations have not ended, and it is not known what they wait for"


@pytest.mark.parametrize(("is_ours", "party"), [(True, Party.HOST), (False, Party.UNKNOWN)])
def test_an_unexpected_answer_is_the_hosts_if_it_is_ours(is_ours, party):
    """Requests beside the operations are answered by the host; of another service the part is not known."""
    found = culprit_of(broken("operations unexpected_answers", 0, 3, unit=""), Known(is_ours=is_ours))
    assert found.party is party


def test_a_rate_that_broke_by_failures_names_what_failed():
    """Operations that failed are no throughput: what made them fail comes before the slowest ones."""
    blames = Counter({Blame(Party.APP, "its operations failed"): 5})
    known = Known(offered_per_s=80.0, blames=blames, tail=attribute([[piece(Part.CODE, 0, 100)]]))
    found = culprit_of(broken("operations throughput_per_s", 50, 10, "at least", "/s"), known)
    assert found.text == "app: its operations failed (5)"


def test_a_latency_without_operations_names_what_failed():
    """A gate on a time that no operation has fails of what became of the operations."""
    blames = Counter({Blame(Party.HOST, "it refused starts with 429"): 2})
    found = culprit_of(broken("completion_ms p95", 100, None), Known(blames=blames))
    assert found.text == "host: it refused starts with 429 (2)"


def test_a_stuck_gate_without_known_waits_has_no_culprit():
    """Operations that have not ended, and whose waits are not known, are put on no part."""
    found = culprit_of(broken("audit stuck", 0, 1, unit=""), Known(stuck=[StuckOperation("i", "Few")]))
    assert found.party is Party.UNKNOWN
