"""CPU and memory over time: spread over the slices that they fall into, few however long a run lasts, added up."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_harness.gate.report.resources import cpu_over_time, memory_over_time
from durable_harness.gate.usage import GENERATOR, HOST, MOST_SLICES, Usage, merged_usage
from test_gate_report import report

MIB = 1024 * 1024
LOOKS = st.lists(st.tuples(st.floats(1_000_000, 1_003_600), st.floats(0.1, 30), st.floats(0, 4)), max_size=30)


def usage(*looks, party=GENERATOR):
    """Make the usage of a party from looks `(from, seconds, CPU seconds, bytes)`."""
    made = Usage()
    for at, lasting_s, cpu_s, *memory in looks:
        made.note(party, at, at + lasting_s, cpu_s, *(memory or [MIB]))
    return made


def sent(one):
    """Return what another process gets of it."""
    return Usage.from_wire(json.loads(json.dumps(one.to_wire())))


def slices_of(one, party=GENERATOR):
    return [(start, round(piece.cores or 0, 6), piece.memory_bytes // MIB) for start, piece in one.slices(party)]


def test_what_was_used_is_spread_over_the_slices():
    """A look that came late counts for all of the time since the one before; a slice may be watched in part."""
    made = usage((10.5, 2.0, 1.0, 7 * MIB))
    assert slices_of(made) == [(10, 0.5, 7), (11, 0.5, 7), (12, 0.5, 7)]
    assert made.slices(HOST) == []


def test_processes_of_a_party_add_up():
    """Cores and memory of two processes in one second are those of both; the host's are apart."""
    both = merged_usage([usage((10, 1, 0.25, MIB)), sent(usage((10, 1, 0.5, 2 * MIB))), usage((10, 1, 1), party=HOST)])
    assert slices_of(both) == [(10, 0.75, 3)]
    assert slices_of(both, HOST) == [(10, 1.0, 1)]


@settings(max_examples=25)
@given(LOOKS, LOOKS)
def test_merging_and_widening_lose_no_cpu(left, right):
    """However long a run lasts there are few slices, and their CPU is what was used."""
    both = merged_usage([usage(*left), sent(usage(*right))])
    assert len(both.slices(GENERATOR)) <= MOST_SLICES
    cpu_s = sum(piece.cpu_s for _, piece in both.slices(GENERATOR))
    assert cpu_s == pytest.approx(sum(cpu_s for _, _, cpu_s in left + right))


def test_a_gap_of_a_month_makes_no_slices():
    """A machine that slept, or a clock that was set, costs no memory."""
    made = usage((10, 1, 1), (11, 30 * 86400, 1))
    made.note(GENERATOR, 30 * 86400, 5, 1, MIB)
    assert len(made.slices(GENERATOR)) <= MOST_SLICES


@pytest.mark.parametrize("width_s", [0, -1, 3])
def test_slices_that_fit_no_others_are_refused(width_s):
    """Slices are as wide as a power of two, or merging them would never end."""
    with pytest.raises(ValueError, match="slices of"):
        Usage.from_wire({"width_s": width_s, "parties": {}})


def test_plots_have_who_is_known_alone():
    """Without processes there is no plot; of a host elsewhere there is no line."""
    assert cpu_over_time(report()) == memory_over_time(report()) == ""
    plot = cpu_over_time(report(usage=usage((1_000_000, 5, 2))))
    assert "party-generator" in plot
    assert "party-host" not in plot
    assert 'data-tip="1 to 2 s\ngenerator 0.400 cores"' in plot
    assert "CPU (cores)" in plot
