"""The report for whatever shows test results: a test case for each gate, as JUnit XML."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from durable_harness.gate.gates import GateResult
from durable_harness.gate.report.model import Report, limit_text, with_unit

SUITE = "durable-harness load"
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report) -> str:
    """Return the gates as test cases; in a run that proves nothing they are skipped, and one more has the error."""
    cases = [_case(result, is_valid=not report.invalid) for result in report.results]
    if report.invalid:
        cases.insert(0, _invalid(report))
    suite = ET.Element("testsuite", name=SUITE, tests=str(len(cases)), time=f"{report.summary.elapsed_s:.3f}")
    for attribute, kind in COUNTED.items():
        suite.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    if report.started_at is not None:
        suite.set("timestamp", report.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(result: GateResult, *, is_valid: bool) -> ET.Element:
    case = ET.Element("testcase", classname=f"gates.{result.gate.metric}", name=_name(result), time="0")
    if not is_valid:
        why = "the run proves nothing" if result.is_measured else f"{result.outcome}: {result.note}"
        ET.SubElement(case, "skipped", message=why)
    elif not result.passed:
        message = f"measured {with_unit(result.measured, result.gate)}, limit {limit_text(result.gate)}"
        ET.SubElement(case, "failure", type="gate", message=message).text = result.note or message
    return case


def _name(result: GateResult) -> str:
    return f"{result.gate.name} {limit_text(result.gate)}"


def _invalid(report: Report) -> ET.Element:
    case = ET.Element("testcase", classname="run", name="the run counts", time="0")
    reason = NOT_XML.sub("?", report.verdict_sentence)
    ET.SubElement(case, "error", type="invalid run", message=reason).text = reason
    return case
