"""Who it was, as each form of a report shows it."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from durable_harness.gate.report import render_html, render_json, render_junit, render_markdown, render_text
from durable_harness.gate.report.who import attribution_document, attribution_from
from durable_harness.gate.who import Culprit, Party, Who
from durable_harness.gate.who.time_shares import attribute
from durable_harness.why.segments import Part, Segment
from test_gate_report import report

MS = 1_000_000
SPLIT = attribute([[Segment(Part.CODE, 0, 80 * MS, "<work>"), Segment(Part.THREAD, 80 * MS, 100 * MS)]])
GATE = "completion_ms p95"
WHO = Who(SPLIT, SPLIT, {GATE: Culprit(Party.APP, "80 % of what is beyond <it>", SPLIT)})


def with_who(who=WHO, **changes):
    """Return a report with a broken gate, and who it was."""
    return replace(report(**changes), who={"": who})


def test_text_has_the_shares_and_the_culprit():
    """A line for the mean, one for the slow operations, one for each broken gate."""
    lines = render_text(with_who()).splitlines()
    head = lines.index("Who was it:")
    shares = "app 80 % (code of activities and entities '<work>' 80.0 ms), host 20 % (wait for a thread 20.0 ms)"
    assert lines[head + 1] == f"  mean: {shares} of 100 ms (1 operation)"
    assert lines[head + 2] == f"  p99: {shares} of 100 ms (1 operation)"
    assert lines[head + 3] == f"  {GATE}: app: 80 % of what is beyond <it>"


def test_json_has_every_figure():
    """Programs get parties, shares, causes and culprits by their names."""
    who = json.loads(render_json(with_who()))["who"]
    assert who["mean"]["shares"]["app"]["share"] == 0.8
    assert who["mean"]["shares"]["host"]["causes"][0]["part"] == "thread"
    assert (who["gates"][GATE]["party"], who["gates"][GATE]["split"]["mean_ms"]) == ("app", 100)
    assert who["first"] is None


def test_shares_are_read_again_from_json():
    """A comparison of recorded runs takes them from the summaries; anything else is no shares."""
    document = json.loads(json.dumps(attribution_document(SPLIT)))
    assert attribution_from(document) == SPLIT
    for other in (None, {}, {"shares": 1}, {**document, "shares": {"nobody": {}}}, {**document, "mean_ms": "x"}):
        assert attribution_from(other) is None


def test_the_one_name_in_an_older_summary_is_left_out():
    """It took longest, and has the time of all: a comparison that read it would put down too much to it."""
    document = attribution_document(SPLIT)
    del document["shares"]["app"]["causes"][0]["names"]
    (code,) = attribution_from(document).share_of(Party.APP).causes
    assert (code.mean_ms, code.names) == (80, ())


def test_all_functions_of_a_cause_are_in_the_summary():
    """Programs get the time of each function, and a comparison reads it again."""
    split = attribute([[Segment(Part.CODE, 0, 80 * MS, "cut"), Segment(Part.CODE, 80 * MS, 100 * MS, "pack")]])
    document = json.loads(json.dumps(attribution_document(split)))
    assert document["shares"]["app"]["causes"][0]["names"] == {"cut": 80, "pack": 20}
    assert attribution_from(document) == split


def test_the_failure_of_a_gate_names_its_culprit():
    """Whatever shows test results shows who broke the gate."""
    (failure,) = ET.fromstring(render_junit(with_who())).iter("failure")
    assert failure.text.endswith("app: 80 % of what is beyond <it>")


def test_pages_show_bars_and_text_of_others_as_text():
    """A piece of each bar for each party, with its evidence; names that others gave are no markup."""
    page = render_html(with_who())
    assert page.count('data-tip="app 80 %') == 2
    assert "&lt;work&gt;" in page
    assert "<work>" not in page
    assert "\\<work\\>" in render_markdown(with_who())


def test_an_invalid_run_has_the_generator_first_and_no_culprits():
    """Its gates are not judged; what spoiled it stands before the shares."""
    invalid = with_who(replace(WHO, first="the generator did not keep up"), invalid=("it is",))
    for render in (render_text, render_markdown, render_html):
        assert "generator first: the generator did not keep up" in render(invalid)
        assert "beyond" not in render(invalid).partition("Who was it")[2].partition("Completion over time")[0]


def test_a_run_without_samples_has_no_section():
    """Without records there is no section, and null for programs."""
    plain = report()
    for render in (render_text, render_html, render_markdown):
        assert "Who was it" not in render(plain)
    assert json.loads(render_json(plain))["who"] is None


def test_bars_have_the_colours_that_rows_name():
    """A party with next to no time has no row, and so no sliver in a bar; one of several bars is enough for both."""
    slow = attribute([[Segment(Part.CODE, 0, 90 * MS, "work"), Segment(Part.WAY, 90 * MS, 100 * MS)]])
    mean = attribute(
        [
            [
                Segment(Part.CODE, 0, 99_800_000, "work"),
                Segment(Part.WAY, 99_800_000, 99_900_000),
                Segment(Part.POLLING, 99_900_000, 100 * MS),
            ]
        ]
    )
    page = render_html(with_who(Who(mean, slow, {})))
    assert set(re.findall(r'<span class="party-(\w+)" style', page)) == {"app", "network"}
    assert set(re.findall(r'<i class="swatch party-(\w+)"', page)) == {"app", "network"}


def test_shares_of_older_summaries_name_no_part():
    """They have one name with the time of all: it is left out."""
    document = json.loads(json.dumps(attribution_document(SPLIT)))
    del document["shares"]["app"]["causes"][0]["names"]
    assert attribution_from(document).share_of(Party.APP).causes[0].names == ()
