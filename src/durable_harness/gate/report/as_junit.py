"""The report for tools that show test results: a test case for each gate, as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from durable_harness.gate.gates import GateResult
from durable_harness.gate.report.model import Report, broken_text, limit_text
from durable_harness.gate.report.who import culprit_text
from durable_harness.gate.verdict import Verdict
from durable_harness.wording.foreign_text import shown_lines

SUITE = "durable-harness load"
WHY_SKIPPED = {Verdict.INVALID: "the run proves nothing", Verdict.INTERRUPTED: "the run was interrupted"}
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def render_junit(report: Report) -> str:
    """Return the gates as test cases; in a run that proves nothing they are skipped, and one more has the error."""
    why_skipped = WHY_SKIPPED.get(report.verdict)
    cases = [_case(result, why_skipped, culprit_text(report, result)) for result in report.results]
    if why_skipped:
        cases.insert(0, _unproven(report))
    suite = ET.Element("testsuite", name=SUITE, tests=str(len(cases)), time=f"{report.summary.elapsed_s:.3f}")
    for attribute, kind in COUNTED.items():
        suite.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    if report.started_at is not None:
        suite.set("timestamp", report.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="verdict", value=f"{report.verdict}: {report.verdict_sentence}")
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    # XML can hold no control characters, escaped or not.
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + shown_lines(ET.tostring(root, encoding="unicode")) + "\n"


def _case(result: GateResult, why_skipped: str | None, culprit: str) -> ET.Element:
    case = ET.Element("testcase", classname=_class_name(result), name=_name(result), time="0")
    if why_skipped:
        why = why_skipped if result.is_measured else f"{result.outcome}: {result.note}"
        ET.SubElement(case, "skipped", message=why)
    elif not result.passed:
        message = broken_text(result)
        text = "\n".join(filter(None, (result.note or message, culprit)))
        ET.SubElement(case, "failure", type="gate", message=message).text = text
    return case


def _class_name(result: GateResult) -> str:
    return ".".join(filter(None, ("gates", result.gate.scenario, result.gate.metric)))


def _name(result: GateResult) -> str:
    return f"{result.gate.name} {limit_text(result.gate)}"


def _unproven(report: Report) -> ET.Element:
    case = ET.Element("testcase", classname="run", name="the run counts", time="0")
    reason = report.verdict_sentence
    ET.SubElement(case, "error", type=f"{report.verdict} run", message=reason).text = reason
    return case
