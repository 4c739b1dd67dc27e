"""A comparison as text for a terminal, as Markdown for the summary of a CI step, as JSON and as JUnit XML."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from durable_harness.gate.comparison.comparison_results import Comparison, FigureResult
from durable_harness.gate.comparison.counts import CountResult
from durable_harness.gate.comparison.design import Decision
from durable_harness.gate.comparison.page import render_html
from durable_harness.gate.comparison.words import HEADINGS, cells, count_lines, figure_rows, small_print
from durable_harness.gate.report.as_json import json_text
from durable_harness.gate.report.who import attribution_document
from durable_harness.gate.writing import WrittenReports, append_step_summary, write_reports
from durable_harness.terminal.tables import aligned
from durable_harness.wording.foreign_text import shown_lines

FORMAT = 2
"""Raised whenever a key changes its meaning or goes. 2: `base` and `head` of a figure are centres of slices or blocks,
`units` is `sample`, and figures that are only shown are listed too."""
MARKDOWN_NAME = "comparison.md"
MARKS = {"not slower": "✅", "slower": "❌", "cannot tell": "❔", "invalid": "⚠️", "interrupted": "⏹️"}


def render_text(comparison: Comparison) -> str:
    """Return lines that end in the verdict."""
    table = aligned([HEADINGS, *figure_rows(comparison)])
    counts = [*count_lines(comparison), ""] if comparison.counts else []
    lines = [f"{comparison.base} (base) against {comparison.head} (head)", "", *counts]
    lines += [*([*table, ""] if comparison.results else []), *small_print(comparison)]
    return shown_lines("\n".join([*lines, "", f"{comparison.verdict.upper()}: {comparison.sentence}", ""]))


def render_markdown(comparison: Comparison) -> str:
    """Return a section with the verdict, the table and how it was found."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *figure_rows(comparison)]
    table = [f"| {' | '.join(row)} |" for row in rows]
    head = f"### {MARKS[comparison.verdict]} {comparison.verdict.capitalize()}: `{comparison.head}` against "
    counts = [*(f"- {line}" for line in count_lines(comparison)), ""] if comparison.counts else []
    detail = [f"- {line}" for line in small_print(comparison)]
    figures = [*table, ""] if comparison.results else []
    blocks = [f"{head}`{comparison.base}`", "", comparison.sentence, "", *counts, *figures, *detail, ""]
    return shown_lines("\n".join(blocks))


def render_json(comparison: Comparison) -> str:
    """Return every figure as a JSON document; ratios are head / base, a bound that is not known yet is null."""
    document = {
        "format": FORMAT,
        "verdict": comparison.verdict,
        "verdict_reason": comparison.sentence,
        "base": comparison.base,
        "head": comparison.head,
        "method": comparison.method,
        "elapsed_s": comparison.elapsed_s,
        "error_ratio": {"base": comparison.errors[0], "head": comparison.errors[1]},
        "reasons": [{"side": side, **asdict(reason)} for side, reason in comparison.reasons],
        "counts": [_count_document(count) for count in comparison.counts],
        "figures": [_document(result) for result in comparison.results],
        "who": _who(comparison),
        "failures": list(comparison.failures),
        "invalid": list(comparison.invalid),
        "interrupted": comparison.interrupted or None,
        "notes": list(comparison.notes),
        "settings": dict(comparison.settings),
    }
    return json_text(document)


def render_junit(comparison: Comparison, cannot_tell: int) -> str:
    """Return one test case a figure: slower is a failure, an invalid comparison an error."""
    suite = ET.Element("testsuite", name="durable-harness comparison", time=f"{comparison.elapsed_s:.3f}")
    for count in (*comparison.judged_counts, *comparison.unanswered_counts):
        case = ET.SubElement(suite, "testcase", classname="performance", name=count.metric)
        _mark(case, count.answer or Decision.CANNOT_TELL, count.sentence, cannot_tell)
    for result in comparison.judged:
        case = ET.SubElement(suite, "testcase", classname="performance", name=result.figure.name)
        if comparison.interrupted:
            ET.SubElement(case, "skipped", message="the comparison was interrupted")
        else:
            message = ", ".join(cells(result))
            _mark(case, result.answer, "; ".join(filter(None, (message, comparison.who))), cannot_tell)
    unproven = (comparison.sentence,) if comparison.interrupted else comparison.invalid
    for name, kind, reasons in (("errors", "failure", comparison.failures), ("validity", "error", unproven)):
        if reasons:
            case = ET.SubElement(suite, "testcase", classname="performance", name=name)
            ET.SubElement(case, kind, message="; ".join(reasons))
    for kind in ("failure", "error", "skipped"):
        suite.set(f"{kind}s" if kind != "skipped" else kind, str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("tests", str(len(suite)))
    return shown_lines(ET.tostring(suite, encoding="unicode", xml_declaration=True)) + "\n"


def write_all(comparison: Comparison, folder: Path, cannot_tell: int) -> WrittenReports:
    """Write comparison.json, .html, .md and .xml, and append to the step summary where CI has one. Never raises."""
    written = write_reports(
        folder,
        {
            "comparison.json": partial(render_json, comparison),
            MARKDOWN_NAME: partial(render_markdown, comparison),
            "comparison.html": partial(render_html, comparison),
            "comparison.xml": partial(render_junit, comparison, cannot_tell),
        },
    )
    if folder / MARKDOWN_NAME in written.paths:
        append_step_summary(render_markdown(comparison))
    return written


def _document(result: FigureResult) -> dict[str, object]:
    return {
        "name": result.figure.name,
        **asdict(result.figure),
        **asdict(result.design),
        "clock": result.figure.kind.clock,
        "judged": result.is_judged,
        "base": result.known_base,
        "head": result.head,
        "ratio": result.ratio,
        "lower": result.lower,
        "upper": result.upper,
        "visible": result.visible,
        "resolution": result.resolution,
        "answer": result.answer.value if result.is_judged else None,
        "sample": result.sample,
        "advice": result.advice,
        "pairs": list(result.pairs),
    }


def _who(comparison: Comparison) -> dict[str, object] | None:
    if comparison.split is None:
        return None
    base, head = map(attribution_document, comparison.split)
    return {"text": comparison.who, "base": base, "head": head}


def _count_document(count: CountResult) -> dict[str, object]:
    return {**asdict(count), "exact": count.is_exact, "judged": count.is_judged, "sentence": count.sentence}


def _mark(case: ET.Element, answer: Decision | None, message: str, cannot_tell: int) -> None:
    kinds = {0: "skipped", 1: "failure"}
    if answer is Decision.SLOWER:
        ET.SubElement(case, "failure", message=message)
    elif answer is Decision.CANNOT_TELL:
        ET.SubElement(case, kinds.get(cannot_tell, "error"), message=message)
