"""The tables of report fields have what the reports have: no field is missing in them, and none is too many."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "browser"))

from example_pages import load_report, trend_report

from durable_harness import report_fields
from durable_harness.experiments.capacity_report import render_json as capacity_json
from durable_harness.experiments.self_check_report import write_json
from durable_harness.gate.comparison.comparison_reports import render_json as comparison_json
from durable_harness.gate.comparison.counts import CountResult
from durable_harness.gate.records import SCHEMA
from durable_harness.gate.report import render_json
from durable_harness.gate.trend.report import render_json as trend_json
from test_experiment_pages import compared, result, searched, trial
from test_self_check import check, trials


def self_check_json(tmp_path):
    write_json(check(trials(), trials(0.1)), tmp_path)
    return (tmp_path / "self-check.json").read_text()


def comparison(_):
    count = CountResult("actions_per_operation", 7.0, 9.0, 60, 2.0, ((7.0, 7.0), (9.0, 9.0)), 0.0)
    return comparison_json(replace(compared(result(1.01, 0.98)), counts=(count,)))


REPORTS = {
    "summary": (report_fields.SUMMARY, lambda _: render_json(load_report())),
    "comparison": (report_fields.COMPARISON, comparison),
    "capacity": (report_fields.CAPACITY, lambda _: capacity_json(searched(trial(5, met=True), lower=5, upper=None))),
    "self_check": (report_fields.SELF_CHECK, self_check_json),
    "trend": (report_fields.TREND, lambda _: trend_json(trend_report())),
}


def paths(value, fields, path=""):
    """Yield the path of each field, down to those that are described as a whole."""
    if path in fields or not isinstance(value, dict | list):
        yield path
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, fields, f"{path}[]")
    else:
        for name, inner in value.items():
            yield from paths(inner, fields, f"{path}.{name}" if path else name)


@pytest.mark.parametrize("name", REPORTS)
def test_the_fields_of_a_report_are_those_of_its_table(name, tmp_path):
    """A report with all that there can be has exactly the described fields, but for those of lists that are empty."""
    fields, rendered = REPORTS[name]
    document = json.loads(rendered(tmp_path))
    found = set(paths(document, fields))
    assert sorted(found - fields.keys()) == []
    empty = {path for path in fields if "[]" in path and not document.get(path.partition("[]")[0].partition(".")[0])}
    assert sorted(fields.keys() - found - empty) == []


def test_each_column_of_the_records_has_a_meaning():
    """The table of columns has those of the schema, in its order."""
    assert list(report_fields.OPERATIONS) == SCHEMA.names
