"""Load on a service that is no durable app, through a description in a file."""

from pathlib import Path

import pytest
from plain_service import DESCRIPTION, PlainService

pytestmark = pytest.mark.thorough

LOADTESTS = Path(__file__).parents[3] / "loadtests"


@pytest.fixture
def service():
    """Yield a service of reports on a free port."""
    plain = PlainService()
    yield plain
    plain.close()


@pytest.fixture
def load(start_locust, service, tmp_path):
    """Return load(scenario, *arguments): the project's own scenario for two seconds against the described service."""
    path = tmp_path / "reports.toml"
    path.write_text(DESCRIPTION)

    def run(scenario, *arguments):
        options = ["--service", str(path), "--rate", "20/1.5", "--poll-interval", "0.05", "--gates", "none"]
        return start_locust(
            "--headless", "--host", service.url, "-t", "2s", *options, *arguments, scenario, scenarios=LOADTESTS
        ).wait()

    return run


def test_a_plain_service_is_followed_to_its_result(load, service):
    """Started with the described body and headers, followed by Location, ended by 303, its result checked."""
    run = load("Steady", "--operation-duration", "0.2")
    assert run.code == 0, run.out + run.err
    assert run.operations == {"started": 30, "accepted": 30, "completed": 30}
    assert service.requests == {"start": 30, "result": 30}
    assert not service.refused
    order, _ = service.reports["1"]
    assert (order["pages"], order["seconds"], order["title"].startswith("Steady-")) == ([1, 2], 0.2, True)
    assert run.summary["latencies"]["completion_ms"]["min"] >= 200
    assert "reports.toml" in run.summary["settings"]["service"]


def test_a_result_that_is_another_operations_is_wrong(load, service):
    """The start's token has to come back where the description specifies."""
    service.spoil = True
    run = load("Steady", "--operation-duration", "0.1")
    assert run.code == 1
    assert run.operations["wrong_output"] == run.operations["started"] == 30
    assert run.summary["reasons"][0]["reason"] == "wrong output: the start's token is not at '/title'"


def test_operations_of_a_plain_service_are_terminated(load, service):
    """The described request ends operations, whose end is then the one that was wanted."""
    run = load("Terminate", "--terminate-durations", "30", "--terminate-after", "0.1")
    assert run.code == 0, run.out + run.err
    assert run.operations["terminated"] == run.operations["started"] == service.requests["cancel"]
    assert run.summary["latencies"]["completion_ms"]["count"] == 0


def test_a_service_file_that_is_wrong_is_refused(start_locust, service, tmp_path):
    """A file that is not understood ends with 2 and one message, before any load."""
    path = tmp_path / "wrong.toml"
    path.write_text("[start]\npath = 'reports'\n")
    run = start_locust("--headless", "--host", service.url, "--service", str(path), "Few").wait()
    assert run.code == 2
    assert f"--service: {path}: start.path: got 'reports', expected a path that begins with a slash" in run.err
    assert not service.requests
