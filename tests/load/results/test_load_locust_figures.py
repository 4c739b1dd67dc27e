"""Locust's own figures: its totals are the requests that the service got, and operations stand beside them."""

import csv
import json
import re

import pytest
import requests
from locust_process import headless
from stub_server import START, WEBHOOK, Behaviour
from web_ui import WebUi

pytestmark = pytest.mark.thorough

UNASKED = ("--audit", "off", "--history-sample", "0")
"""So that the service is asked nothing but by the load."""


def requests_of(stub):
    """Count what the load asked the service, by method."""
    paths = [(method, path) for method, path, _ in stub.requests]
    starts = sum(method == "POST" and path.startswith(START) for method, path in paths)
    return {"POST": starts, "GET": sum(path.startswith(WEBHOOK) for _, path in paths)}


def rows_of(folder, name):
    """Read one of the files that --csv makes, by type and name."""
    with (folder / name).open() as file:
        return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("is_distributed", [False, True])
def test_totals_are_what_the_service_counted(start_locust, stub, processes, tmp_path, is_distributed):
    """Aggregated, in the terminal and in --csv, is the service's own count; no operation is in it, failed or not."""
    stub.in_turn(Behaviour(), Behaviour(outcome="Failed"))
    more = processes if is_distributed else []
    files = ["--csv", str(tmp_path / "figures"), "--html", str(tmp_path / "page.html")]
    run = start_locust(*headless(stub), *more, *UNASKED, *files, "-t", "3s", "Quick", "Eager").wait()
    counted, rows = requests_of(stub), rows_of(tmp_path, "figures_stats.csv")
    # What was on its way when Locust ended was counted by the service alone; here nothing is.
    total = rows["", "Aggregated"]
    assert int(total["Request Count"]) == pytest.approx(sum(counted.values()), rel=0.01)
    assert int(rows["POST", START]["Request Count"]) == counted["POST"] == stub.accepted
    assert int(total["Failure Count"]) == 0
    assert float(total["Requests/s"]) == pytest.approx(
        sum(float(row["Requests/s"]) for (kind, _), row in rows.items() if kind in counted)
    )
    assert re.search(rf"^ +Aggregated +{total['Request Count']} +0\(0.00%\)", run.err, re.MULTILINE)
    scenarios = run.summary["scenarios"]
    for name in ("Quick", "Eager"):
        row, counts = rows["OP", f"{name} completion"], scenarios[name]["operations"]
        assert (int(row["Request Count"]), int(row["Failure Count"])) == (counts["started"], counts["failed"])
    history = rows_of(tmp_path, "figures_stats_history.csv")
    assert int(history["", "Aggregated"]["Total Request Count"]) <= int(total["Request Count"])
    page = json.loads(re.search(r"templateArgs = (\{.*\})", (tmp_path / "page.html").read_text())[1])
    totals = [row for row in page["requests_statistics"] if row["name"] == "Aggregated"]
    assert [row["num_requests"] for row in totals] == [int(total["Request Count"])]


def test_the_web_page_shows_what_the_service_counted(start_locust, stub, port, wait_until):
    """The figures that Locust's page asks for have the service's requests in total, and each scenario's operations."""
    locust = start_locust("--web-port", str(port), "--host", stub.url, *UNASKED, "--poll-interval", "0.05", "Quick")
    ui = WebUi(port)
    wait_until(ui.page, "the web UI")
    ui.start(host=stub.url)
    wait_until(lambda: stub.accepted > 5, "operations of the run")
    ui.stop()
    counted = sum(requests_of(stub).values())
    shown = wait_until(lambda: _figures_of_the_page(ui, counted), "all requests in Locust's figures")
    assert {row["name"] for row in shown["stats"]} >= {START, "Quick completion", "Aggregated"}
    assert shown["fail_ratio"] == 0
    locust.press_ctrl_c()
    locust.wait()


def _figures_of_the_page(ui, counted):
    """Return the figures once they have as many requests as the service counted."""
    figures = requests.get(f"{ui.url}/stats/requests", timeout=10).json()
    total = next(row for row in figures["stats"] if row["name"] == "Aggregated")
    return figures if total["num_requests"] == counted else None


def test_failures_of_operations_are_listed_with_their_reasons(start_locust, stub, tmp_path):
    """Locust's failures name the scenario, the reason and how often it occurred."""
    stub.always(outcome="Failed")
    run = start_locust(
        *headless(stub), *UNASKED, "--csv", str(tmp_path / "figures"), "-t", "30s", "--gates", "none", "Few"
    ).wait()
    with (tmp_path / "figures_failures.csv").open() as file:
        failures = list(csv.DictReader(file))
    assert {(row["Method"], row["Name"]) for row in failures} == {("OP", "Few completion")}
    assert sum(int(row["Occurrences"]) for row in failures) == run.operations["failed"] > 0
    assert len(failures) == len(run.summary["reasons"]) == 1
    assert run.code == 1
