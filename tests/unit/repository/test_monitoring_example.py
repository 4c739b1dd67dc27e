"""The Grafana dashboard and the Prometheus configuration of examples/monitoring ask for metrics that a run has."""

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from durable_harness.load.metrics.families import LATENCY_WORDS, PREFIX, Reading
from durable_harness.load.metrics.scraping import RunCollector
from durable_harness.operations import OperationState
from tallies import record, run_of

MONITORING = Path(__file__).parents[3] / "examples" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
KNOWN_BY_A_HOST_OF_OURS = ("queueing", "execution", "detection_lag")


@pytest.fixture(scope="module")
def samples():
    """Return the labels of each sample that a run exports, by its name; times of every kind have the same labels."""
    reading = Reading(run_of(record(scenario="Steady")), {"run_id": "1"}, 0.0)
    found = {}
    for metric in RunCollector(lambda: reading).collect():
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for name in KNOWN_BY_A_HOST_OF_OURS:
        assert f"{name}_ms" in LATENCY_WORDS
        found[f"{PREFIX}_{name}_seconds_bucket"] = found[f"{PREFIX}_completion_seconds_bucket"]
    return found


@pytest.mark.parametrize(("title", "expression"), TARGETS, ids=[title for title, _ in TARGETS])
def test_a_panel_asks_for_metrics_that_there_are(title, expression, samples):
    """Each name in a query is exported, and has the labels that the query selects and groups by."""
    names = re.findall(rf"{PREFIX}_\w+", expression)
    labels = {*re.findall(r"(\w+)!?=~?\"", expression), *re.findall(r"by \(([^)]*)\)", expression)[0].split(", ")}
    assert names, title
    assert all(labels <= samples[name] for name in names), (names, labels)


def test_the_states_of_the_panels_are_those_of_operations():
    """A state that a query names is one that an operation can have."""
    named = {state for _, expression in TARGETS for state in re.findall(r'state!?="(\w+)"', expression)}
    assert named == {"completed"} <= {state.value for state in OperationState}


def test_the_dashboard_can_be_imported():
    """Panels have ids and places of their own, and every query goes to the data source that is chosen at the import."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({(*panel["gridPos"].values(),) for panel in panels}) >= 6
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "scenario"}
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}
    assert DASHBOARD["uid"]


def test_prometheus_scrapes_the_port_of_the_guide():
    """The configuration has the port that the guide starts a run with."""
    config = YAML(typ="safe").load(MONITORING / "prometheus.yml")
    [job] = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["localhost:9464"]}]
    guide = MONITORING.parents[1] / "docs" / "how-to" / "prometheus-and-grafana.md"
    assert "--metrics-port 9464" in guide.read_text()
