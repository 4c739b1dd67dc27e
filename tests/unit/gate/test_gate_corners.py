"""Corners of the gate: summaries that cannot be read, figures without values, and folders without a run."""

import json
import math

import numpy as np
import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.gate.comparison import Figure
from durable_harness.gate.comparison.operation_table import SUMMARY_NAME, _judged
from durable_harness.gate.comparison.ranks import _rank_at
from durable_harness.gate.comparison.resolution import _relative
from durable_harness.gate.gates import Gate, GateResult, Outcome
from durable_harness.gate.records import PREVIOUS, read_operations
from durable_harness.gate.report.model import broken_text
from durable_harness.gate.trend.run_history import _read
from durable_harness.gate.usage import Usage


@pytest.mark.parametrize("text", ["[]", "3", "{", None])
def test_a_summary_that_is_none_gives_no_reasons(tmp_path, text):
    """Without a readable summary a folder of records is compared as it is."""
    if text is not None:
        (tmp_path / SUMMARY_NAME).write_text(text)
    assert _judged(tmp_path) == ([], [])


def test_reasons_of_an_invalid_run_are_read(tmp_path):
    """The reasons and an interruption count; a run with a verdict has no reason."""
    summary = {"verdict": "INVALID", "invalid": ["too late"], "interrupted": "after 3 s"}
    (tmp_path / SUMMARY_NAME).write_text(json.dumps(summary))
    assert _judged(tmp_path) == (["too late", "interrupted after 3 s"], [])


def test_a_folder_without_a_run_names_the_run_before(tmp_path):
    """Where the last command made no load the run before is beside it."""
    with pytest.raises(ConfigurationError, match=r"holds no operations/\*\.parquet"):
        read_operations(tmp_path)
    (tmp_path / PREVIOUS).mkdir()
    with pytest.raises(ConfigurationError, match="the last command with this --report-dir made no load"):
        read_operations(tmp_path)


def test_a_figure_of_zero_has_no_finite_resolution():
    """Any change of it is beyond all bounds; a percentile of polls moves by half a poll."""
    completion, polls = Figure("completion_ms", 50), Figure("polls", 50)
    assert _relative(completion, np.zeros(3), 5.0) == math.inf
    assert _relative(polls, np.full(3, 4.0), None) == 0.125
    assert _relative(completion, np.full(3, 100.0), 5.0) == 0.05
    assert _relative(completion, np.full(3, 100.0), None) == 0.0


def test_a_rank_is_bounded_by_the_number_of_values():
    """An error that is certain allows all of them, a small one none."""
    assert _rank_at((1, 2, 1), 1.0) == 3
    assert _rank_at((1, 2, 1), 0.25) == 1
    assert _rank_at((1, 2, 1), 0.1) == 0


def test_a_gate_without_a_figure_has_its_note():
    """A figure that was not measured is not shown as a number."""
    result = GateResult(Gate("completion_ms", "p99", 2000), None, Outcome.FAILED, note="nothing completed")
    assert broken_text(result).endswith(": nothing completed")


def test_a_run_that_started_nothing_is_no_point_of_a_trend(tmp_path):
    """It has no moment and no figures."""
    with pytest.raises(ValueError, match="nothing was started in it"):
        _read(tmp_path, {"started_at": None})


def test_usages_of_two_widths_are_merged_by_the_wider():
    """Whichever of the two is wider: its slices hold the sums of the others, and none is lost."""
    for first_is_wider in (True, False):
        one, other = Usage(), Usage()
        (one if first_is_wider else other)._widen()
        wide = max(one.width_s, other.width_s)
        one.merge(other)
        assert one.width_s == wide
        assert other.width_s == wide
