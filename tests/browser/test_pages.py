"""The report and the live page in a real browser: they draw, fit a phone, and fetch nothing from elsewhere."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "unit" / "experiments"), str(TESTS / "unit" / "gate")]

import requests  # noqa: E402 - the helpers of the other rooms are found from here on
from chromium import Page  # noqa: E402
from locust_process import SCENARIOS, Locust  # noqa: E402
from stub_server import Behaviour, StubServer  # noqa: E402

from durable_harness.gate.report import Report, render_html  # noqa: E402
from durable_harness.load.results.run_summary import summarize_run  # noqa: E402
from durable_harness.network.free_ports import free_port  # noqa: E402
from tallies import record, run_of  # noqa: E402
from test_experiment_pages import capacity_page, compared, comparison_page, result, searched, trial  # noqa: E402
from test_gate_report import report  # noqa: E402

pytestmark = pytest.mark.thorough

MEASURE = """<script>addEventListener("load", () => {
  const plots = [...document.querySelectorAll("svg")].filter(svg => svg.getBoundingClientRect().height > 100);
  const fits = document.documentElement.scrollWidth > innerWidth ? "too wide" : "fits";
  document.title = [fits, plots.length, performance.getEntriesByType("resource").length].join(" ");
})</script>"""


@pytest.fixture(scope="session")
def browser(found):
    """Return browse(url, width): the page's document as a browser has it after some seconds."""

    def browse(url, width=1200):
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--window-size={width},900",
            "--virtual-time-budget=3000",
        ]
        return subprocess.run(
            [found, *flags, "--dump-dom", url], capture_output=True, text=True, timeout=60, check=True
        ).stdout

    return browse


POINT = """<script>addEventListener("load", () => {
  const shape = [...document.querySelectorAll("svg [data-tip]")].find(one => one.getBoundingClientRect().height > 0);
  const {x, y} = shape.getBoundingClientRect();
  shape.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: x, clientY: y}));
  const box = document.querySelector(".readout"), {left, right} = box.getBoundingClientRect();
  document.title = [box.hidden ? "hidden" : "shown", left >= 0 && right <= innerWidth ? "in view" : "cut off",
    box.textContent === shape.dataset.tip ? "its words" : "other words"].join(", ");
})</script>"""


@pytest.fixture
def measured(browser, tmp_path):
    """Return measured(html, script, width): the title that a script gives to a page without its policy."""

    def measured(html, script, width):
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
        path = tmp_path / "page.html"
        path.write_text(page.replace("</body>", f"{script}</body>"), encoding="utf-8")
        return re.search(r"<title>([^<]*)</title>", browser(path.as_uri(), width))[1]

    return measured


@pytest.mark.parametrize("width", [1200, 500])
def test_the_report_draws_and_fits(measured, width):
    """A report is as wide as the window, on a phone too; its plots have a size, and nothing is fetched."""
    assert measured(render_html(report(200)), MEASURE, width) == "fits 5 0"


@pytest.mark.parametrize("width", [1280, 500])
def test_the_plots_of_each_scenario_unfold(measured, width):
    """A report of two scenarios fits as well; what is unfolded has plots of its own, as wide as the rest."""
    records = [record(scenario=name, lasted=1 + number / 9) for name in ("Burst", "Steady") for number in range(40)]
    page = render_html(Report(summarize_run(run_of(*records)))).replace("<details>", "<details open>")
    assert measured(page, MEASURE, width) == "fits 11 0"


@pytest.mark.parametrize("width", [1200, 500])
def test_the_pages_of_experiments_draw_and_fit(measured, width):
    """So do the pages of a comparison and of a search for capacity."""
    assert measured(comparison_page(compared(result(1.01, 0.98, 1.05))), MEASURE, width) == "fits 1 0"
    found = searched(trial(5, met=True), trial(9, met=False), lower=5, upper=9)
    assert measured(capacity_page(found), MEASURE, width) == "fits 4 0"


@pytest.mark.parametrize("width", [1200, 500])
def test_values_are_shown_where_one_points(measured, width):
    """A plot shows what lies under the pointer, within the window."""
    assert measured(render_html(report(200)), POINT, width) == "shown, in view, its words"


def test_a_page_runs_no_script_but_its_own(browser, tmp_path):
    """A script that came into a report in spite of everything does not run."""
    path = tmp_path / "report.html"
    evil = "<script>document.title = 'changed'</script>"
    path.write_text(render_html(report(200)).replace("</body>", f"{evil}</body>"), encoding="utf-8")
    page = browser(path.as_uri())
    assert "<title>Load run" in page
    assert 'class="readout"' in page, "its own script has run"


def test_the_live_page_shows_a_run(browser, tmp_path, wait_until):
    """The page in Locust's web UI fills with the figures of the run in progress, and draws its plots."""
    stub, port = StubServer(), str(free_port())
    ui = ["--web-host", "127.0.0.1", "--web-port", port, "--host", stub.url]
    load = ["--autostart", "-u", "4", "-r", "50", "--gates", "none", "Quick", "Eager"]
    locust = Locust(["-f", str(SCENARIOS), *ui, *load], tmp_path / "report", tmp_path)
    try:
        url = f"http://127.0.0.1:{port}/durable"
        wait_until(lambda: _has_seconds(url), "a few seconds of the run")
        page = browser(url)
    finally:
        locust.press_ctrl_c()
        locust.wait()
        stub.close()
    assert re.search(r'<span class="badge running" id="phase"[^>]*>running</span>', page)
    assert re.search(r"<span>completion p50</span><strong[^>]*>[\d.]+ ms</strong>", page)
    assert {"p50", "p95 dashed", "p99", "one", "good"} == set(re.findall(r'"series ([\w ]+)" points="\d', page))
    assert "Nothing to judge yet, or no gates." in page
    assert re.search(r'<td data-head="scenario">Quick</td><td data-head="started">\d+</td>', page)


def test_the_live_page_shows_failures_and_times_at_the_server(found, tmp_path, wait_until):
    """During a run the page lists why operations failed, and draws their times if the host reports them."""
    stub, port = StubServer(), str(free_port())
    stub.measures = True
    stub.behaviours = itertools.cycle([Behaviour(), Behaviour(outcome="Failed")])
    ui = ["--web-host", "127.0.0.1", "--web-port", port, "--host", stub.url]
    load = ["--autostart", "-u", "4", "-r", "50", "--gates", "none", "Quick"]
    locust = Locust(["-f", str(SCENARIOS), *ui, *load], tmp_path / "report", tmp_path)
    try:
        url = f"http://127.0.0.1:{port}/durable"
        wait_until(lambda: _has_seconds(url), "a few seconds of the run")
        with Page(found, url) as page:
            wait_until(lambda: "the activity raised" in page.text(), "the reason")
            assert "Where the time went, over time" in page.text()
            shown = page.evaluate("""[...document.querySelectorAll("#parts .area")].map(one => one.classList[1])""")
            assert {"part-queueing", "part-execution"} <= set(shown)
    finally:
        locust.press_ctrl_c()
        locust.wait()
        stub.close()


def test_the_page_of_a_master_shows_its_workers(found, tmp_path, wait_until):
    """A run by two processes is on its master's page as one, with how many make the load."""
    stub, port = StubServer(), str(free_port())
    ui = ["--web-host", "127.0.0.1", "--web-port", port, "--host", stub.url, "--processes", "2"]
    load = ["--autostart", "-u", "4", "-r", "50", "--gates", "none", "Quick"]
    locust = Locust(["-f", str(SCENARIOS), *ui, *load], tmp_path / "report", tmp_path)
    try:
        url = f"http://127.0.0.1:{port}/durable"
        wait_until(lambda: _has_seconds(url), "a few seconds of the run")
        with Page(found, url, width=390) as page:
            wait_until(lambda: "1 master, 2 workers" in page.text(), "the processes")
            wait_until(lambda: page.evaluate("document.querySelectorAll('figure svg').length") == 3, "the plots")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            locust.press_ctrl_c()
            wait_until(lambda: "The report of a run that has ended is in" in page.text(), "the end")
            assert str(tmp_path / "report" / "report.html") in page.text()
    finally:
        locust.press_ctrl_c()
        locust.wait()
        stub.close()
    assert (tmp_path / "report" / "report.html").exists()


def test_the_form_shows_why_a_value_is_refused(found, tmp_path, wait_until):
    """A bad value typed into Locust's form starts nothing and is answered by its reason; corrected, the run starts."""
    stub, port = StubServer(), str(free_port())
    ui = ["--web-host", "127.0.0.1", "--web-port", port, "--host", stub.url, "--gates", "none"]
    locust = Locust(["-f", str(SCENARIOS), *ui, "Quick"], tmp_path / "report", tmp_path)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _state(f"{url}/durable"), "the web UI")
        with Page(found, url) as page:
            wait_until(lambda: "Custom parameters" in page.text(), "the form")
            page.fill("pollInterval", "often")
            page.press("Start")
            reason = "--poll-interval: got 'often', expected seconds above 0"
            wait_until(lambda: reason in page.text(), "the refusal")
            assert stub.accepted == 0
            page.fill("pollInterval", "0.1")
            page.press("Start")
            wait_until(lambda: stub.accepted, "operations of the run")
    finally:
        locust.press_ctrl_c()
        locust.wait()
        stub.close()


VISIBLE = """[...document.querySelectorAll("form [name]")].filter(field => field.offsetParent)
  .sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
  .map(field => field.name).join(" ")"""


@pytest.mark.parametrize(
    ("scenarios", "asked"),
    [
        (["Constant"], "rate runTime operationDuration host"),
        (["Quick"], "runTime operationDuration host userCount spawnRate"),
        (["Quick", "Constant"], "rate runTime operationDuration host userCount spawnRate"),
    ],
)
def test_the_form_asks_first_for_what_matters(found, tmp_path, wait_until, scenarios, asked):
    """Rate and run time stand in front, unfolded; users are asked for where they decide, rates where arrivals do."""
    stub, port = StubServer(), str(free_port())
    ui = ["--web-host", "127.0.0.1", "--web-port", port, "--host", stub.url, "--gates", "none"]
    locust = Locust(["-f", str(SCENARIOS), *ui, *scenarios], tmp_path / "report", tmp_path)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _state(f"{url}/durable"), "the web UI")
        with Page(found, url) as page:
            wait_until(lambda: "Custom parameters" in page.text(), "the form")
            assert page.evaluate(VISIBLE) == asked
            page.press("Custom parameters")
            wait_until(lambda: "pollInterval" in page.evaluate(VISIBLE), "the fields in the fold")
            shown = page.evaluate(VISIBLE)
            assert shown.startswith(asked.split(" userCount")[0])
            assert ("arrivals" in shown) == ("Constant" in scenarios)
            page.press("Start")
            wait_until(lambda: _state(f"{url}/durable")["phase"] == "running", "the run")
    finally:
        locust.press_ctrl_c()
        locust.wait()
        stub.close()


def _has_seconds(url):
    return len(((_state(url).get("plots") or {}).get("arrivals") or {}).get("tips", [])) > 3


def _state(url):
    try:
        return requests.get(f"{url}/state", timeout=5).json()
    except requests.ConnectionError:
        return {}
