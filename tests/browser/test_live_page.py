"""The live page in a real browser, of runs that are made up: before, during and after a run, and without its server."""

import json
import re
from dataclasses import replace

import pytest
from chromium import Page
from contrasts import CONTRASTS

from durable_harness.gate.report import Report
from durable_harness.gate.report.report_plots import (
    arrivals_drawing,
    errors_drawing,
    in_flight_drawing,
    latency_drawing,
    split_drawing,
)

with pytest.MonkeyPatch.context() as patch:
    # The tests import Locust without its patches of the standard library. A process that they start needs those.
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from live_server import LiveServer, operation, running, tally_of

    from durable_harness.load.results.run_summary import summarize_run
    from durable_harness.load.web import LiveRun

pytestmark = pytest.mark.thorough

WIDTHS = (390, 1280)
PLOTS = """[...document.querySelectorAll("figure svg")]
  .filter(one => one.getBoundingClientRect().height > 100).length"""
WIDTH = "document.documentElement.scrollWidth - innerWidth"
NAMELESS = """[...document.querySelectorAll("svg, table, [role=region], [role=progressbar], a")].filter(one =>
  !one.closest("[hidden]") && !(one.querySelector("title, th, td") || one.getAttribute("aria-label")
  || document.getElementById(one.getAttribute("aria-labelledby")) || one.textContent.trim())).length"""
OVERLAPS = """[...document.querySelectorAll("figure svg")].flatMap(svg => {
  const labels = [...svg.querySelectorAll("text.tick")].map(one => one.getBoundingClientRect());
  return labels.flatMap((one, index) => labels.slice(index + 1).filter(other => one.left < other.right
    && other.left < one.right && one.top < other.bottom && other.top < one.bottom));
}).length"""


@pytest.fixture
def opened(found):
    """Return opened(server, ...): the server's live page in a browser."""
    return lambda server, **options: Page(found, server.url, **options)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_fits_and_can_be_read(opened, wait_until, width, dark):
    """During a run all plots are drawn in view, every text stands out from its ground, and nothing is forbidden.

    Labels of an axis do not overlap, and what a screen reader meets has a name.
    """
    with LiveServer(running()) as server, opened(server, width=width, dark=dark) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        assert page.evaluate(WIDTH) <= 0
        assert page.evaluate(CONTRASTS) == []
        assert page.evaluate(OVERLAPS) == 0
        assert page.evaluate(NAMELESS) == 0
        assert page.problems == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_for_everybody(opened, wait_until, axe, width):
    """There is nothing serious that keeps people out: by the rules of axe, before a run, in it and after it."""
    serious = """axe.run(document).then(found => found.violations.filter(one => ["serious", "critical"]
      .includes(one.impact)).map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`))"""
    runs = [LiveRun(tally_of()), running(), running(phase="idle", verdict="passed: all 3 gates hold", elapsed_s=60.0)]
    with LiveServer(runs[0]) as server, opened(server, width=width) as page:
        for run, words in zip(runs, ("Nothing has been started", "30 of 60 s", "all 3 gates hold"), strict=True):
            server.run = run
            wait_until(lambda: words in page.text(), "the page")  # noqa: B023 - called at once
            page.evaluate(f"{axe}; 0")
            assert page.evaluate(serious) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_axis_has_its_unit(opened, wait_until, width):
    """Each plot names what its axes measure, and the unit."""
    labels = """[...document.querySelectorAll("figure svg")].map(svg =>
      [...svg.querySelectorAll("text.label")].map(one => one.textContent))"""
    with LiveServer(running()) as server, opened(server, width=width) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        across = "time since the first start (s)"
        up = ["completion (ms, logarithmic)", "mean (ms)", "rate (operations/s)", "in flight (operations)"]
        up.append("errors (operations/s)")
        assert page.evaluate(labels) == [[across, one] for one in up]


def test_what_others_wrote_is_text(opened, wait_until):
    """Markup and scripts in a reason are shown as they are; what turns or hides text is shown by its code."""
    with LiveServer(running()) as server, opened(server) as page:
        wait_until(lambda: "<img src=x onerror" in page.text(), "the reason")
        assert "such as instance id-7" in page.text()
        assert "\\u202eor \\x1b[31m" in page.text()
        assert page.evaluate("document.title") == "Operations, live"
        assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0


def test_no_other_script_runs(opened, wait_until):
    """A script or a handler that came into the page in spite of everything is refused by its policy."""
    with LiveServer(running()) as server, opened(server) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        page.evaluate("""document.body.insertAdjacentHTML("beforeend", "<b onclick='document.title = 1'>x</b>"),
          document.body.lastElementChild.click()""")
        page.evaluate("""(script => { script.textContent = "document.title = 2"; document.body.append(script); })
          (document.createElement("script"))""")
        page.evaluate("fetch('http://localhost:9/').catch(() => null)")
        assert page.evaluate("document.title") == "Operations, live"
        refused = re.findall("inline event handler|inline script|to connect because", " ".join(page.problems))
        assert set(refused) == {"inline event handler", "inline script", "to connect because"}


def test_before_a_run_the_page_shows_how_to_start_one(opened, wait_until):
    """Without operations there are no empty plots and tables, but the way to Locust's form; then the run comes."""
    with LiveServer(LiveRun(tally_of())) as server, opened(server, width=390) as page:
        wait_until(lambda: "Nothing has been started yet: start a run on Locust's page" in page.text(), "the hint")
        assert page.evaluate(PLOTS) == 0
        assert page.evaluate(WIDTH) <= 0
        assert page.evaluate(CONTRASTS) == []
        server.run = running()
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        assert "Nothing has been started" not in page.text()


def test_a_run_without_ends_has_what_is_known(opened, wait_until):
    """Operations that have only started are counted and drawn; what cannot be known yet is not."""
    run = LiveRun(tally_of(*map(operation, range(30)), in_flight=30), phase="running")
    with LiveServer(run) as server, opened(server) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 2, "arrivals and what is in flight")
        assert "There is nothing to draw yet." in page.text()
        assert page.problems == []


def test_after_a_run_its_verdict_and_report_are_there(opened, wait_until, tmp_path):
    """The verdict is shown with its reason, and the report is one click away."""
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><title>the report</title>")
    over = running(phase="idle", verdict="failed: 1 of 3 gates failed: really", elapsed_s=60.2)
    with LiveServer(over, report) as server, opened(server) as page:
        wait_until(lambda: "1 of 3 gates failed: really" in page.text(), "the verdict")
        assert page.evaluate("""document.getElementById("phase").textContent""") == "ended"
        assert "As they stood at the end" in page.text()
        page.evaluate("""document.getElementById("report").click()""")
        wait_until(lambda: page.evaluate("document.title") == "the report", "the report")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_verdict_can_be_read(opened, wait_until, dark):
    """The word of each verdict stands out from its ground."""
    shown = """document.getElementById("verdict").textContent"""
    with LiveServer(LiveRun(tally_of())) as server, opened(server, dark=dark) as page:
        for word in ("passed", "failed", "invalid", "interrupted", "not judged"):
            server.run = running(5, phase="idle", verdict=f"{word}: as it is")
            wait_until(lambda: page.evaluate(shown) == f"{word} as it is", "the verdict")  # noqa: B023 - called at once
            assert page.evaluate(CONTRASTS) == []


def test_a_server_that_is_gone_is_reported(opened, wait_until):
    """When Locust has ended the page says so, what it shows is of when, and where the report is; it comes back too."""
    with LiveServer(running(report_file="build/load/report.html")) as server, opened(server, width=390) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        server.stop()
        wait_until(lambda: "Locust does not answer" in page.text(), "the notice")
        assert re.search(r"What is shown is as of \d+:\d\d:\d\d", page.text())
        assert "The report of a run that has ended is in build/load/report.html." in page.text()
        assert page.evaluate(PLOTS) == 5
        assert page.evaluate(CONTRASTS) == []
        assert page.evaluate(WIDTH) <= 0
        server.run = replace(running(), elapsed_s=31.0)
        server.start()
        wait_until(lambda: "31 of 60 s" in page.text(), "the page's return")
        assert "Locust does not answer" not in page.text()
        assert page.evaluate("""document.getElementById("phase").textContent""") == "running"
        server.run = None
        wait_until(lambda: "Locust answers with HTTP 500." in page.text(), "the notice")


def test_a_redrawn_plot_keeps_the_value_under_the_pointer(opened, wait_until):
    """A plot shows what lies under the pointer, and continues to do so with the figures of now."""
    place = """(({x, y, width, height}) => [x + width / 2, y + height / 2])
      (document.querySelector("#flying svg .tip:nth-last-of-type(9)").getBoundingClientRect())"""
    readout = """document.querySelector(".readout:not([hidden])")?.textContent"""
    with LiveServer(running(100)) as server, opened(server, width=1280) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        page.evaluate("""document.getElementById("flying").scrollIntoView()""")
        page.point_at(*page.evaluate(place))
        before = wait_until(lambda: page.evaluate(readout), "the values")
        assert re.match(r"\d+ to \d+ s\n\d+ started", before)
        server.run = running(200)
        after = wait_until(lambda: (now := page.evaluate(readout)) != before and now, "the values of now")
        assert re.match(r"\d+ to \d+ s\n\d+ started", after)


def test_who_reads_is_not_disturbed(opened, wait_until):
    """What has not changed is not made again, so that a text stays selected; what has changed is."""
    mark = """document.querySelector("#gates tbody").dataset.mark"""
    with LiveServer(running()) as server, opened(server) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        page.evaluate(f"{mark} = 'kept'")
        asked = server.asked
        server.run = replace(server.run, elapsed_s=33.0)
        wait_until(lambda: "33 of 60 s" in page.text() and server.asked > asked, "another look")
        assert page.evaluate(mark) == "kept"
        server.run = running(100)
        wait_until(lambda: page.evaluate(mark) != "kept", "other figures")


ATTRIBUTES = "class data-tip fill-opacity transform points x y width height x1 x2 y1 y2 cx cy r"
ELEMENTS = """(svg => [...svg.querySelectorAll("*")].map(one => [one.tagName, one.textContent,
  ...NAMES.map(name => one.getAttribute(name))]))""".replace("NAMES", str(ATTRIBUTES.split()))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("is_over", [True, False])
def test_the_marks_are_those_of_the_report(opened, wait_until, width, is_over):
    """The page's script draws what the report draws of the same run: each line, label, cell and value."""
    report = Report(summarize_run(running().tally, warm_up_s=3.0))
    makers = (latency_drawing, arrivals_drawing, in_flight_drawing, errors_drawing)
    drawings = [
        *(make(report, is_over=is_over) for make in makers),
        split_drawing(report),
    ]
    with LiveServer(running()) as server, opened(server, width=width) as page:
        wait_until(lambda: page.evaluate(PLOTS) == 5, "the plots")
        for drawing in drawings:
            spec = json.dumps(drawing.for_script())
            name = "narrow" if width < 640 else drawing.for_script()["size"]
            drawn = page.evaluate(f"{ELEMENTS}(plots.draw({spec}, {name!r}))")
            place = 1 if name == "narrow" else 0
            parsed = f'new DOMParser().parseFromString({json.dumps(drawing.svg())}, "text/html")'
            expected = page.evaluate(f'{ELEMENTS}({parsed}.querySelectorAll("svg")[{place}])')
            assert len(drawn) == len(expected) > 40
            assert [one for one in zip(drawn, expected, strict=True) if not alike(*one)] == []


def alike(drawn, expected):
    """Return whether two elements have the same words, and numbers that differ by no more than a rounding."""
    return all(
        re.split(NUMBER, one or "") == re.split(NUMBER, other or "")
        and all(
            abs(float(number) - float(wanted)) < 0.15
            for number, wanted in zip(re.findall(NUMBER, one or ""), re.findall(NUMBER, other or ""), strict=True)
        )
        for one, other in zip(drawn, expected, strict=True)
    )


NUMBER = r"-?\d+(?:\.\d+)?"
