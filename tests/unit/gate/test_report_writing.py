"""Reports are written whole or not at all, whatever is in them and whatever becomes of the others."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from durable_harness.errors import ReportError
from durable_harness.gate import FailureReason
from durable_harness.gate.audit import Audit, AuditFinding, AuditProblem
from durable_harness.gate.writing import write_reports
from durable_harness.load.results import reporting
from durable_harness.load.results.reporting import write_report
from durable_harness.wording.foreign_text import is_plain
from test_gate_report import report

HOSTILE = 'half \ud800 nul\x00 esc\x1b[2J rtl\u202e ]]> </script> | `x` "q" \\ \r\n### ✅ Load run passed'


@pytest.fixture
def hostile_report():
    """Return a report with hostile text wherever text of a service can come to be."""
    findings = (AuditFinding(AuditProblem.LOST, *[HOSTILE] * 3),)
    audit = Audit("by a paged query", accepted=9, counts={AuditProblem.LOST: 1}, findings=findings)
    some = report(invalid=(HOSTILE,))
    summary = replace(
        some.summary,
        reasons=(FailureReason("failed", HOSTILE, 3),),
        notes=(HOSTILE,),
        actions={HOSTILE: 2},
        audit=replace(audit, incomplete=HOSTILE),
    )
    return replace(some, summary=summary, target=f"http://host/{HOSTILE}", scenarios=(HOSTILE,))


def test_hostile_text_spoils_no_report(hostile_report, tmp_path):
    """Every form is written, can be parsed, and has no character that a reader does not see."""
    written = write_report(hostile_report, tmp_path)
    assert not written.problems
    for path in written.paths:
        assert all(is_plain(line) for line in path.read_text("utf-8").split("\n")), path
    document = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert document["reasons"][0]["reason"] == HOSTILE
    assert ET.parse(tmp_path / "junit.xml").getroot().find("testsuite/testcase/error") is not None
    assert (tmp_path / "report.html").read_text("utf-8").count("</script>") == 1, "the page's own"
    markdown = (tmp_path / "summary.md").read_text("utf-8").split("\n")
    assert not [line for line in markdown[1:] if line.startswith("#")]


def test_one_report_that_cannot_be_made_spares_the_others(hostile_report, tmp_path, monkeypatch, caplog):
    """The others are there, the missing one is named, and the exit code of a run that passed says so."""

    def fail(_report):
        raise RecursionError("too deep")

    monkeypatch.setattr(reporting, "RENDERINGS", {**reporting.RENDERINGS, "summary.json": fail})
    written = write_report(hostile_report, tmp_path)
    assert [path.name for path in written.paths] == ["report.html", "summary.md", "junit.xml", "metrics.prom"]
    assert f"report {tmp_path / 'summary.json'} is missing" in written.sentence()
    assert not (tmp_path / "summary.json").exists()
    assert [written.exit_code(code) for code in (0, None, 1, 130)] == [ReportError.exit_code] * 2 + [1, 130]
    assert "too deep" in caplog.text


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    """A report that cannot be written to its end leaves the former one, and no unfinished file."""
    (tmp_path / "summary.md").write_text("the former")
    write_bytes = Path.write_bytes

    def write_half(path, content):
        write_bytes(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    written = write_reports(tmp_path, {"summary.md": lambda: "the new one"})
    assert written.sentence() == (
        f"report {tmp_path / 'summary.md'} is missing: it cannot be written (No space left on device)\n"
    )
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the former"]
