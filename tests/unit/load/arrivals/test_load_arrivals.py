"""Arrival processes: when operations arrive, as exact numbers; the same seed gives the same arrivals."""

import itertools
import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_harness.errors import ConfigurationError
from durable_harness.load.arrivals.file import read_arrivals
from durable_harness.load.arrivals.plans import Batches, Paced, RateProfile, Replayed, read_profile


def times(process, count, seed=1):
    """Return the first moments of a process."""
    return list(itertools.islice(process.times_s(Random(seed)), count))


def within(process, end_s, seed=1):
    """Return the moments of a process before a moment."""
    return list(itertools.takewhile(lambda time_s: time_s < end_s, process.times_s(Random(seed))))


def test_a_constant_rate_is_evenly_spaced():
    """Arrivals at a constant rate begin at once and keep the same distance forever."""
    assert times(Paced(RateProfile.constant(4)), 6) == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_poisson_arrivals_are_fixed_by_their_seed():
    """A Poisson process is drawn from its seed alone: the same again for the same, other for another one."""
    process = Paced(RateProfile.constant(10), poisson=True)
    assert times(process, 50) == times(process, 50)
    assert times(process, 50) != times(process, 50, seed=2)


def test_poisson_arrivals_have_their_rate_and_exponential_gaps():
    """Ten thousand arrivals at 10 a second take about 1,000 s, and a share of 1/e of the gaps is above the mean."""
    moments = times(Paced(RateProfile.constant(10), poisson=True), 10_000)
    gaps = [later - earlier for earlier, later in itertools.pairwise([0.0, *moments])]
    assert moments[-1] == pytest.approx(1000, rel=0.03)
    assert sum(gap > 0.1 for gap in gaps) / 10_000 == pytest.approx(0.3679, abs=0.01)
    assert sum(gap > 0.3 for gap in gaps) / 10_000 == pytest.approx(0.0498, abs=0.01)


def test_a_ramp_grows_evenly():
    """A ramp from 0 to 10 a second over 10 s has 50 arrivals, a quarter of them in the first half."""
    ramp = Paced(RateProfile.ramp(0, 10, over_s=10))
    assert (len(within(ramp, 5)), len(within(ramp, 10)), len(within(ramp, 12))) == (13, 50, 70)
    assert times(ramp, 3) == pytest.approx([0, 2**0.5, 2])


def test_steps_hold_each_rate():
    """A staircase has each rate for its time, and the last one forever."""
    counts = Counter(int(time_s // 10) for time_s in within(Paced(RateProfile.steps([1, 2, 5], each_s=10)), 40))
    assert counts == {0: 10, 1: 20, 2: 50, 3: 50}


def test_a_spike_returns_to_what_was_before():
    """A spike multiplies the rate for a while, and leaves the base as it was."""
    counts = Counter(
        int(time_s // 5) for time_s in within(Paced(RateProfile.spike(2, 20, after_s=10, lasting_s=5)), 25)
    )
    assert counts == {0: 10, 1: 10, 2: 100, 3: 10, 4: 10}


def test_batches_come_at_the_same_moment():
    """A burst is many arrivals at one moment, the first burst at once."""
    assert times(Batches(3, every_s=15), 7) == [0, 0, 0, 15, 15, 15, 30]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", RateProfile.constant(12)),
        ("5..50/60", RateProfile.ramp(5, 50, over_s=60)),
        ("10/30,20/30,40", RateProfile.steps([10, 20, 40], each_s=30)),
        ("5/15, 40/5, 5", RateProfile.spike(5, 40, after_s=15, lasting_s=5)),
    ],
)
def test_a_profile_is_written_in_short(text, expected):
    """Constant, ramp, steps and spike have a form for the command line, and a profile writes itself in that form."""
    profile = read_profile(text)
    assert profile == expected
    assert read_profile(str(profile)) == profile


def test_a_profile_may_end():
    """A profile whose last rate has an end has no arrivals after it."""
    assert times(Paced(read_profile("2/3")), 100) == [0, 0.5, 1, 1.5, 2, 2.5]


@pytest.mark.parametrize(
    "text", ["", "fast", "-1", "0", "5/0", "5/", "1..", "inf", "nan", "5,5", "1..2", "5/x", "0/5,0"]
)
def test_a_profile_that_is_none_is_refused(text):
    """What is no profile, or never has an arrival, is refused with what came and what is allowed."""
    with pytest.raises(ValueError, match=r"got .*, expected"):
        read_profile(text)


PIECES = st.lists(
    st.tuples(st.floats(0.1, 50), st.floats(0.1, 50), st.floats(0.5, 20)).map(lambda p: f"{p[0]}..{p[1]}/{p[2]}"),
    min_size=1,
    max_size=4,
)


@given(PIECES, st.booleans(), st.integers(0, 5))
def test_arrivals_are_in_order_and_as_many_as_the_rates_give(pieces, poisson, seed):
    """Whatever the profile, moments ascend, and evenly spaced ones are as many as the area below the rates."""
    profile = read_profile(",".join(pieces))
    length_s = sum(piece.length_s for piece in profile.pieces[: len(pieces)])
    moments = within(Paced(profile, poisson), length_s, seed)
    assert moments == sorted(moments)
    if not poisson:
        area = sum(piece.arrivals for piece in profile.pieces[: len(pieces)])
        assert len(moments) == pytest.approx(area, abs=1)


def test_recorded_seconds_are_replayed(tmp_path):
    """A text of seconds keeps its distances; the first arrival is moment 0, comments and empty lines do not count."""
    path = tmp_path / "arrivals.txt"
    path.write_text("# exported\n1700000000.5\n\n1700000002.0\n1700000000.75\n")
    assert read_arrivals(path) == Replayed((0.0, 0.25, 1.5))


def test_recorded_json_lines_are_replayed(tmp_path):
    """JSON lines may have the moment as seconds or as a time with a zone, under one of several names."""
    path = tmp_path / "arrivals.jsonl"
    rows = [
        {"time": "2026-01-02T03:04:05.5Z"},
        {"timestamp": "2026-01-02T04:04:06+01:00"},
        {"intended_s": 1767323046.25},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_arrivals(path).moments_s == pytest.approx((0.0, 0.5, 0.75))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no arrivals"),
        ("1.0\nsoon\n", "line 2: got 'soon', which is no moment"),
        ('{"time": "2026-01-02T03:04:05"}', "line 1: got '2026-01-02T03:04:05', which is no moment"),
        ('{"when": 1}', "line 1: has no time"),
        ("{", "line 1: is not JSON"),
        ("nan", "line 1: got 'nan'"),
    ],
)
def test_a_file_that_cannot_be_replayed_names_the_line(tmp_path, content, message):
    """What is no moment is refused with the file, the line, what came and what is allowed."""
    path = tmp_path / "arrivals.txt"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=message) as error:
        read_arrivals(path)
    assert str(path) in str(error.value)


def test_a_missing_file_of_arrivals_is_named(tmp_path):
    """A file that is not there is a configuration error."""
    with pytest.raises(ConfigurationError, match="there is no such file of arrivals"):
        read_arrivals(tmp_path / "absent")
