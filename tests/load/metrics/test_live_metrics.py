"""The figures of a run while it lasts: scraped at a port, sent by OTLP, and traces of operations by their ids."""

import re
import socket

import pytest
import requests
from locust_process import headless
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from collector import Collector
from durable_harness.gate.records import read_operations

pytestmark = pytest.mark.thorough

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
PREFIX = "durable_harness_load_"


@pytest.fixture
def scraped(start_locust, stub, wait_until):
    """Return scraped(*arguments): a run in progress, and the URL of its metrics."""

    def start(*arguments):
        locust = start_locust(*headless(stub), "--metrics-port", "0", "-t", "60s", *arguments)
        announced = wait_until(
            lambda: re.search(r"locust: metrics of the run at (\S+)", locust.err), "the metrics' URL"
        )
        return locust, announced[1]

    return start


@pytest.fixture
def collector():
    """Yield an OTLP collector."""
    collecting = Collector()
    yield collecting
    collecting.close()


def families(url, headers=OPENMETRICS, parse=parse_openmetrics):
    """Scrape a run and return its metrics by their names without the prefix."""
    answer = requests.get(url, headers=headers, timeout=10)
    answer.raise_for_status()
    return {family.name.removeprefix(PREFIX): family for family in parse(answer.text)}


def values(family, suffix="", **labels):
    """Return the values of a metric by their scenarios."""
    return {
        sample.labels["scenario"]: sample.value
        for sample in family.samples
        if sample.name == f"{family.name}{suffix}" and labels.items() <= sample.labels.items()
    }


@pytest.mark.parametrize("has_workers", [False, True])
def test_a_run_is_scraped_while_it_lasts(scraped, stub, processes, wait_until, has_workers):
    """Counters, gauges and histograms of each scenario are there, also of a run by several processes at its master."""
    locust, url = scraped(*(processes if has_workers else []), "Quick", "Eager")

    def ended():
        found = families(url)
        done = values(found["operations_ended"], "_total", state="completed") if "operations_ended" in found else {}
        return found if len(done) == 2 and all(count >= 3 for count in done.values()) else None

    found = wait_until(ended, "operations of both scenarios")
    completed = values(found["operations_ended"], "_total", state="completed")
    assert values(found["completion_seconds"], "_count") == completed
    assert values(found["completion_seconds"], "_bucket", le="+Inf") == completed
    assert values(found["completion_seconds"], "_bucket", le="0.1") == dict.fromkeys(completed, 0)
    assert all(0.1 * completed[name] <= total for name, total in values(found["completion_seconds"], "_sum").items())
    assert found["completion_seconds"].unit == "seconds"
    started = values(found["operations_started"], "_total")
    in_flight = values(found["operations_in_flight"])
    assert {name: started[name] - completed[name] for name in started} == in_flight
    assert found["run"].samples[0].labels["target"] == stub.url
    locust.press_ctrl_c()
    assert locust.wait().code == 130


def test_prometheus_older_format_is_served_too(scraped, wait_until):
    """Who asks for nothing gets the text format that Prometheus has always read."""
    locust, url = scraped("Quick")
    wait_until(lambda: "completion_seconds" in families(url), "the first end")
    found = families(url, {}, parse_prometheus)
    assert {found["polls"].type, found["completion_seconds"].type} == {"counter", "histogram"}
    locust.press_ctrl_c()
    locust.wait()


def test_a_page_of_another_site_reads_no_metrics(scraped):
    """A browser that was led here by another name, or from another page, is refused; other paths are unknown."""
    locust, url = scraped("Quick")
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 403
    assert requests.get(url, headers={"Origin": "http://evil.example"}, timeout=10).status_code == 403
    assert requests.get(url.removesuffix("/metrics"), timeout=10).status_code == 404
    locust.press_ctrl_c()
    locust.wait()


def test_a_port_that_is_taken_ends_with_six(start_locust, stub):
    """If another process listens there, the run does not begin, and the message names the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = start_locust(*headless(stub), "--metrics-port", port, "-t", "30s", "Few").wait()
    assert run.code == 6
    assert f"--metrics-port {port}: another process listens there" in run.err
    assert not [path for _, path, _ in stub.requests if path != "/"]


@pytest.mark.parametrize("is_frequent", [True, False])
def test_metrics_are_sent_by_otlp(start_locust, stub, collector, monkeypatch, is_frequent):
    """A collector gets the metrics now and then and, at the end of the run, those of all its operations.

    Where and how often is set by OpenTelemetry's own variables, or by the option.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=load")
    if is_frequent:
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    option = [] if is_frequent else ["--otlp-endpoint", collector.url]
    run = start_locust(*headless(stub), *option, "-t", "2s", "Quick").wait()
    assert run.code == 0, run.out + run.err
    assert len(collector.requests) > 2 if is_frequent else len(collector.requests) == 1
    metrics, completed = collector.latest(), run.operations["completed"]
    assert collector.headers[-1]["x-tenant"] == "load"
    (started,) = metrics["durable_harness.load.operations_started"].sum.data_points
    assert (started.as_int or started.as_double, started.attributes[0].value.string_value) == (completed, "Quick")
    completion = metrics["durable_harness.load.completion"]
    (point,) = completion.histogram.data_points
    assert (completion.unit, point.count, sum(point.bucket_counts)) == ("s", completed, completed)
    assert point.min <= point.sum / point.count <= point.max
    assert point.time_unix_nano > point.start_time_unix_nano > 0
    assert collector.attributes()["service.name"] == "durable-harness"
    assert collector.attributes()["durable_harness.target"] == stub.url


def test_a_collector_that_is_away_costs_no_run(start_locust, stub):
    """A run whose metrics have no receiver has its verdict anyway."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        run = start_locust(*headless(stub), "--otlp-endpoint", url, "-t", "30s", "Few").wait()
    assert run.code == 0, run.out + run.err
    assert "did not take the last metrics" in run.err or "Failed to export" in run.err


def test_each_start_carries_a_trace_of_its_own(good_run):
    """A start's trace parent is W3C's, and its trace id is in the record of the operation."""
    run, server = good_run
    sent = [headers.get("traceparent") for method, _, headers in server.requests if method == "POST"]
    found = [re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", parent) for parent in sent]
    recorded = read_operations(run.report_dir).operations["trace_id"].to_pylist()
    assert len(set(recorded)) == len(recorded) > 10
    assert sorted(one[1] for one in found) == sorted(recorded)
    assert not [1 for method, _, headers in server.requests if method == "GET" and "traceparent" in headers]


def test_a_failure_in_the_report_names_its_trace(locust, stub):
    """The example of a reason, in every form of the report, has the trace id of an operation that failed so."""
    stub.always(outcome="Failed")
    run = locust()
    (reason,) = run.summary["reasons"]
    failed = read_operations(run.report_dir).operations.to_pylist()
    traces = {row["instance_id"]: row["trace_id"] for row in failed if row["state"] == "failed"}
    instance, trace = re.fullmatch(r"instance (\S+), trace ([0-9a-f]{32})", reason["example"]).groups()
    assert traces[instance] == trace
    assert trace in (run.report_dir / "report.html").read_text()


def test_starts_carry_no_trace_if_none_is_wanted(locust, stub):
    """With --traceparent off nothing is added to a start."""
    run = locust("--traceparent", "off")
    assert run.code == 0, run.out + run.err
    assert not [1 for _, _, headers in stub.requests if "traceparent" in headers]
    assert set(read_operations(run.report_dir).operations["trace_id"].to_pylist()) == {""}
