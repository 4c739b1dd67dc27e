"""Who it was, end to end: runs on apps unlike each other in which the culprit is known, because it was planted."""

import json
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from delaying_proxy import DelayingProxy
from locust_process import SCENARIOS

from durable_harness.stack import StackOptions, embedded_stack
from durable_harness.stack.breakable import breakable_stack
from durable_harness.testing.faults import DurableFaults

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
APPS = ROOT / "tests" / "apps"
GATE = "completion_ms p50"
WEBHOOK = "/runtime/webhooks/durabletask/orchestrators"


@pytest.fixture
def load(start_locust, tmp_path):
    """Return load(url, *arguments): the summary of a run on a host, with a gate on completion that nothing can hold."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[completion_ms]\np50 = 1\n")

    def run(url, *arguments, scenarios=ROOT / "loadtests", scenario="Steady"):
        words = ["--headless", "--host", url, "--gates", str(gates), "-t", "4s", "--poll-interval", "0.05"]
        return start_locust(*words, *arguments, scenario, scenarios=scenarios).wait()

    return run


def shares(run):
    """Return the share of each party in the mean, which together are all of it."""
    found = {party: one["share"] for party, one in run.summary["who"]["mean"]["shares"].items()}
    assert sum(found.values()) == pytest.approx(1), run.out
    return found


def culprit(run):
    """Return who broke the gate, as all forms of the report have it."""
    found = run.summary["who"]["gates"][GATE]
    line = f"{found['party'].replace('unknown', 'not known')}: {found['evidence']}"
    assert f"{GATE}: {line}" in run.out
    (failure,) = ET.parse(run.report_dir / "junit.xml").iter("failure")
    assert line in failure.text
    assert "Who was it" in (run.report_dir / "summary.md").read_text()
    assert "Who was it" in (run.report_dir / "report.html").read_text()
    return found


def evidence(run, party):
    """Return what a party spent the time of the mean operation on."""
    return {one["part"]: one for one in run.summary["who"]["mean"]["shares"][party]["causes"]}


def test_code_that_computes_is_the_apps(load):
    """A plain activity that keeps a core busy: the app, by its code, which is named."""
    with embedded_stack(APPS / "burning") as stack:
        run = load(stack.base_url, "--start-path", "/api/burn", "--rate", "6")
    assert culprit(run)["party"] == "app"
    assert evidence(run, "app")["code"]["name"] == "fire"
    assert shares(run).get("unknown", 0) < 0.1


def test_too_few_threads_are_the_hosts(load):
    """Eight plain activities that sleep and one thread: the host, with the setting and its value."""
    few = {"PYTHON_THREADPOOL_THREAD_COUNT": "1"}
    with embedded_stack(APPS / "slow", environment=few) as stack:
        run = load(stack.base_url, "--start-path", "/api/orchestrators/starved_of_threads", "--rate", "1")
    assert culprit(run)["party"] == "host"
    assert evidence(run, "host")["thread"]["hint"] == "PYTHON_THREADPOOL_THREAD_COUNT is 1"
    assert shares(run)["host"] > 0.5


def test_a_generator_that_is_held_up_is_named_first(load):
    """A scenario that holds its event loop up makes the run invalid; report and gate say that it was the generator."""
    with embedded_stack(APPS / "constant") as stack:
        words = ("--start-path", "/api/work", "--payload", '{"id": 1}', "-u", "1", "--max-stall-ms", "200")
        run = load(stack.base_url, *words, scenarios=SCENARIOS, scenario="Hogging")
    assert run.code == 3
    who = run.summary["who"]
    assert who["first"].startswith("the generator did not keep up")
    assert "generator first: the generator did not keep up" in run.out
    assert who["gates"][GATE]["party"] == "generator"
    assert evidence(run, "generator")["slip"]["mean_ms"] > 50
    assert shares(run).get("network", 0) < 0.1


def test_a_long_way_is_the_networks(load):
    """A proxy that keeps everything for 150 ms: the network, though host and generator are on one machine."""
    with embedded_stack(ROOT) as stack:
        proxy = DelayingProxy(urlsplit(stack.base_url).port, 0.15)
        try:
            run = load(proxy.url, "--rate", "8", "--operation-duration", "0.02")
        finally:
            proxy.close()
    assert culprit(run)["party"] == "network"
    assert evidence(run, "network")["way"]["mean_ms"] == pytest.approx(450, rel=0.25)


def test_work_that_is_handed_out_late_is_the_schedulers(load):
    """Activities that reach the host 0.4 s late: the scheduler, not the host that waits for them."""
    options = StackOptions()
    with breakable_stack(APPS / "mixed", options) as stack:
        faults = DurableFaults(stack.control, 1)
        faults.delay_work_items(0.4, probability=1.0, kind="activity")
        run = load(stack.base_url, "--start-path", f"{WEBHOOK}/activities", "--payload", "3", "--rate", "5")
    assert culprit(run)["party"] == "scheduler"
    assert evidence(run, "scheduler")["harness_scheduler"]["mean_ms"] == pytest.approx(800, rel=0.2)


def test_of_another_service_the_rest_is_not_known(start_locust, stub):
    """Time of another kind of service between start and end belongs to no part; polls are the generator's."""
    stub.always(work_s=0.2)
    words = ["--headless", "--host", stub.url, "-u", "2", "-r", "50", "--poll-interval", "0.1", "-t", "30s", "Few"]
    run = start_locust(*words).wait()
    found = shares(run)
    assert found["unknown"] > 0.5
    assert set(found) <= {"unknown", "generator", "network"}
    assert json.dumps(run.summary["who"])
