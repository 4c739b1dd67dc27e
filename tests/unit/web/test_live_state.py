"""What the live page shows, as values: of runs before, while and after operations, however long they last."""

import json
import re
from importlib import import_module

import pytest

from durable_harness.load.results.run_tally import RunTally
from durable_harness.operations import OperationState
from durable_harness.web.canvas import HALF
from durable_harness.web.drawings import Drawing
from durable_harness.web.live import live_page
from durable_harness.web.plots import Look, Series
from durable_harness.web.policy import source_of
from durable_harness.web.scales import Linear, Nines
from tallies import across_processes, record, run_of


@pytest.fixture
def web(import_unpatched):
    """Return the room of the live page; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.web")


def at(sent, **fields):
    """Make the record of an operation that was sent at a moment."""
    moments = {"intended": sent, "sent": sent, "accepted": sent + 0.2, "seen": sent + 2, "ended": sent + 2}
    return record(**{**moments, **fields})


def test_before_a_run_nothing_is_drawn(web):
    """Without operations there are no figures that anybody could take for some."""
    state = web.state_of(web.LiveRun(RunTally()))
    assert (state["phase"], state["started"], state["in_flight"]) == ("idle", 0, 0)
    assert set(state["plots"].values()) == {None}
    assert (state["gates"], state["reasons"], state["latencies"]) == ([], [], [])


def test_a_long_run_costs_no_more(web):
    """A run of a day has no more to send and to draw than one of ten minutes with as many operations."""

    def size(seconds):
        run = run_of(*(at(100.0 + seconds * number / 5000) for number in range(5000)))
        return len(json.dumps(web.state_of(web.LiveRun(run, phase="running"))))

    assert size(86_400) < 1.5 * size(600)


def test_a_run_in_progress_has_no_drain(web):
    """Seconds without a start are no drain while a run continues; when it is over they are."""
    run = run_of(at(100.0), at(101.0), at(102.0, seen=130.0, ended=130.0))
    shades = {
        phase: [shade[2] for shade in web.state_of(web.LiveRun(run, phase=phase))["plots"]["flying"]["shades"]]
        for phase in ("running", "idle")
    }
    assert shades == {"running": [], "idle": ["drain"]}


def test_a_warm_up_is_marked(web):
    """The part of a run that is in no figure is shaded, as in the report."""
    state = web.state_of(web.LiveRun(run_of(at(100.0), at(110.0)), phase="running", warm_up_s=5.0))
    assert state["plots"]["completion"]["shades"] == [[0, 5, "warm-up"]]


def test_the_run_of_several_processes_is_shown_as_one(web):
    """A master shows what its workers sent as if one process had made all of it."""
    ones = [at(100.0 + number, scenario=f"S{number % 2}") for number in range(20)]
    whole = web.state_of(web.LiveRun(run_of(*ones), phase="running"))
    parts = web.state_of(web.LiveRun(across_processes(run_of(*ones[:7]), run_of(*ones[7:])), phase="running"))
    assert parts == whole


def test_reasons_have_nothing_hidden(web):
    """What a reader would not see in a service's words is shown by its code."""
    run = run_of(at(100.0, state=OperationState.FAILED, error="\u202eevil\x1b[0m", instance_id="an-id"))
    (reason,) = web.state_of(web.LiveRun(run))["reasons"]
    assert reason == {"state": "failed", "count": 1, "reason": "\\u202eevil\\x1b[0m", "example": "instance an-id"}


def test_a_live_page_runs_and_asks_for_nothing_else():
    """Each script and style of the page is named by its hash; there is no handler, and nothing from elsewhere."""
    pages = import_module("durable_harness.load.web.pages")
    made = pages._page()
    scripts = re.findall(r"<script>(.*?)</script>", made.html, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", made.html, re.DOTALL)
    assert (len(scripts), len(styles)) == (3, 1)
    for kind, texts in (("script-src", scripts), ("style-src", styles)):
        assert f"{kind} {' '.join(map(source_of, texts))};" in made.policy
    assert "unsafe" not in made.policy
    assert "connect-src 'self'" in made.policy
    body = re.sub(r"<(script|style)>.*?</\1>", "", made.html, flags=re.DOTALL)
    assert not re.search(r"\son\w+=|\sstyle=|(?:src|href)=[\"']?(?:https?:)?//", body)
    assert not re.search(r"innerHTML|eval\(|https?://(?!www\.w3\.org/2000/svg)", "".join(scripts))


def test_the_title_of_a_live_page_is_text():
    """A title with markup in it is shown, not obeyed."""
    assert "<title>&lt;b&gt;</title>" in live_page("<b>", "", style="", script="").html


def test_a_scale_that_the_script_lacks_is_refused():
    """A plot that only the report can draw says so, rather than being drawn wrong."""
    line = [Series("p", "one", [(0.0, 1.0), (50.0, 2.0)])]
    drawing = Drawing(line, "percentile", "ms", "Percentiles", Look(size=HALF, x_scale=Nines(2), y_scale=Linear(0, 2)))
    assert "<svg" in drawing.svg()
    with pytest.raises(TypeError, match="no scale like Nines"):
        drawing.for_script()


def test_the_live_throughput_counts_from_the_first_start(web):
    """One operation that completed in 0.2 s of a run of 4 s is a quarter of one in each second, and not five."""
    run = run_of(at(100.0, accepted=100.1, seen=100.2, ended=100.2))
    state = web.state_of(web.LiveRun(run, phase="running", load_until_epoch_s=1_000_104.0))
    assert state["throughput_per_s"] == pytest.approx(0.25)
