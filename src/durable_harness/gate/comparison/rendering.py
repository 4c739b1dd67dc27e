"""A comparison as text for a terminal, as Markdown for the summary of a CI step, as JSON and as JUnit XML."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

from durable_harness.errors import UsageError
from durable_harness.gate.comparison.design import Answer
from durable_harness.gate.comparison.results import Comparison, FigureResult, percent_text
from durable_harness.gate.report.model import number

FORMAT = 1
HEADINGS = ("figure", "base", "head", "change", "interval", "matters", "answer")
STEP_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
MARKS = {"not slower": "✅", "slower": "❌", "cannot tell": "❔", "invalid": "⚠️", "interrupted": "⏹️"}


def render_text(comparison: Comparison) -> str:
    """Return lines that end in the verdict."""
    rows = [HEADINGS, *(_cells(result) for result in comparison.results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines = [f"{comparison.base} (base) against {comparison.head} (head)", "", *table, "", *_small_print(comparison)]
    return "\n".join([*lines, "", f"{comparison.verdict.upper()}: {comparison.sentence}", ""])


def render_markdown(comparison: Comparison) -> str:
    """Return a section with the verdict, the table and how it was found."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_cells(result) for result in comparison.results)]
    table = [f"| {' | '.join(row)} |" for row in rows]
    head = f"### {MARKS[comparison.verdict]} {comparison.verdict.capitalize()}: `{comparison.head}` against "
    detail = [f"- {line}" for line in _small_print(comparison)]
    return "\n".join([f"{head}`{comparison.base}`", "", comparison.sentence, "", *table, "", *detail, ""])


def render_json(comparison: Comparison) -> str:
    """Return every figure as a JSON document; ratios are head / base, bounds are null where there is none yet."""
    document = {
        "format": FORMAT,
        "verdict": comparison.verdict,
        "verdict_reason": comparison.sentence,
        "base": comparison.base,
        "head": comparison.head,
        "method": comparison.method,
        "elapsed_s": comparison.elapsed_s,
        "error_ratio": {"base": comparison.errors[0], "head": comparison.errors[1]},
        "figures": [_document(result) for result in comparison.results],
        "failures": list(comparison.failures),
        "invalid": list(comparison.invalid),
        "interrupted": comparison.interrupted or None,
        "notes": list(comparison.notes),
        "settings": dict(comparison.settings),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def render_junit(comparison: Comparison, cannot_tell: int) -> str:
    """Return one test case a figure: slower is a failure, what proves nothing an error."""
    suite = ET.Element("testsuite", name="durable-harness comparison", time=f"{comparison.elapsed_s:.3f}")
    for result in comparison.results:
        case = ET.SubElement(suite, "testcase", classname="performance", name=result.figure.name)
        if comparison.interrupted:
            ET.SubElement(case, "skipped", message="the comparison was interrupted")
        else:
            _mark(case, result.answer, ", ".join(_cells(result)), cannot_tell)
    unproven = (comparison.sentence,) if comparison.interrupted else comparison.invalid
    for name, kind, reasons in (("errors", "failure", comparison.failures), ("validity", "error", unproven)):
        if reasons:
            case = ET.SubElement(suite, "testcase", classname="performance", name=name)
            ET.SubElement(case, kind, message="; ".join(reasons))
    for kind in ("failure", "error", "skipped"):
        suite.set(f"{kind}s" if kind != "skipped" else kind, str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("tests", str(len(suite)))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def write_all(comparison: Comparison, folder: Path, cannot_tell: int) -> list[Path]:
    """Write comparison.json, .md and .xml, and append to the step summary where CI has one; return the paths."""
    texts = {
        "comparison.json": render_json(comparison),
        "comparison.md": render_markdown(comparison),
        "comparison.xml": render_junit(comparison, cannot_tell),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        if summary := os.environ.get(STEP_SUMMARY_VARIABLE):
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(texts["comparison.md"] + "\n")
    except OSError as error:
        raise UsageError(f"--report-dir: {error.filename} cannot be written ({error.strerror})") from error
    return [folder / name for name in texts]


def _cells(result: FigureResult) -> tuple[str, ...]:
    unit = f" {result.figure.unit}" if result.figure.unit else ""
    return (
        result.figure.name,
        f"{number(result.base)}{unit}",
        f"{number(result.head)}{unit}",
        percent_text(result.ratio),
        f"{percent_text(result.lower)} to {percent_text(result.upper)}",
        f"{100 * result.design.effect:g} %",
        result.answer.value,
    )


def _small_print(comparison: Comparison) -> list[str]:
    design = comparison.results[0].design if comparison.results else None
    lines = [f"{comparison.method}; {', '.join(dict.fromkeys(result.units for result in comparison.results))}"]
    if design:
        lines.append(
            f"false alarms at most {design.false_alarm_rate:.2%}, power at least {1 - design.miss_rate:.1%} where it "
            "answers; the interval has these errors on its two sides, looks and figures included"
        )
    base, head = comparison.errors
    lines.append(f"operations that did not complete: base {base:.2%}, head {head:.2%}; {comparison.elapsed_s:.0f} s")
    return [*lines, *(f"note: {note}" for note in comparison.notes)]


def _document(result: FigureResult) -> dict[str, object]:
    return {
        "name": result.figure.name,
        **asdict(result.figure),
        **asdict(result.design),
        "base": result.base,
        "head": result.head,
        "ratio": result.ratio,
        "lower": result.lower,
        "upper": result.upper,
        "answer": result.answer.value,
        "units": result.units,
        "advice": result.advice,
    }


def _mark(case: ET.Element, answer: Answer, message: str, cannot_tell: int) -> None:
    kinds = {0: "skipped", 1: "failure"}
    if answer is Answer.SLOWER:
        ET.SubElement(case, "failure", message=message)
    elif answer is Answer.CANNOT_TELL:
        ET.SubElement(case, kinds.get(cannot_tell, "error"), message=message)
