"""Services of other kinds, as docs/how-to/services.md has them: each key has an example, and each example works."""

import re
from pathlib import Path

import pytest
from documented_service import DESCRIPTION, EXAMPLES, TOKEN, DocumentedService

from durable_harness.operations import load_service, service_file

pytestmark = pytest.mark.thorough

LOADTESTS = Path(__file__).parents[3] / "loadtests"
LINES = sorted(set(re.findall(r"^\w+ = .*$", DESCRIPTION.partition("[start]")[2], re.MULTILINE)))
EVENTS = """
from durable_harness.load import ArrivalUser

class Prompted(ArrivalUser):
    def on_accepted(self, operation):
        self.raise_event_later(operation, 0.02, "go on", {"by": operation.record.token})
"""


@pytest.fixture
def service():
    """Yield the service of the documentation."""
    served = DocumentedService()
    yield served
    served.close()


@pytest.fixture
def load(start_locust, service, tmp_path, monkeypatch):
    """Return load(*arguments, description=…, scenarios=…): thirty operations of the service by its description."""
    monkeypatch.setenv("REPORTS_TOKEN", TOKEN)

    def run(*arguments, description=DESCRIPTION, scenarios=LOADTESTS):
        path = tmp_path / "reports.toml"
        path.write_text(description)
        words = ["--headless", "--host", service.url, "-t", "2s", "--service", str(path), "--rate", "20/1.5"]
        words += ["--poll-interval", "0.05", "--operation-duration", "0.2", "--gates", "none"]
        return start_locust(*words, *arguments, scenarios=scenarios).wait()

    return run


def test_the_whole_description_is_followed(load, service):
    """Start, status, output and times are read as described, and the audit confirms each operation."""
    run = load("Steady")
    assert run.code == 0, run.out + run.err
    assert run.operations == {"started": 30, "accepted": 30, "completed": 30}
    assert service.unauthorised == 0
    assert sorted(order["page"] for order in service.orders) == list(range(30))
    assert {type(order["seconds"]) for order in service.orders} == {float}
    assert run.summary["audit"]["confirmed"] == 30
    assert run.summary["latencies"]["execution_ms"]["count"] == 30


def test_operations_are_terminated_and_get_events_as_described(load, service, tmp_path):
    """The described requests end operations and raise events, with the reason and the name in their places."""
    run = load("--terminate-after", "0.05", "--terminate-durations", "30", "Terminate")
    assert run.operations["terminated"] == len(service.cancelled) > 9, run.out + run.err
    assert set(service.cancelled.values()) == {"load test"}
    events = tmp_path / "prompted.py"
    events.write_text(EVENTS)
    run = load("Prompted", scenarios=events)
    assert run.operations["completed"] == len(service.events) == 30, run.out + run.err
    assert {(name, data["by"].partition("-")[0]) for name, data in service.events.values()} == {("go on", "Prompted")}


def test_bad_clients_send_what_the_service_must_refuse(load, service):
    """To a service of another kind bad clients send malformed JSON, and ask for an unknown id at its own route."""
    run = load("--bad-share", "0.5", "BadClients")
    assert run.code == 0, run.out + run.err
    assert "requests beside the operations got the answer they should" in run.out
    assert "unexpected" not in run.out


@pytest.mark.parametrize(
    ("scenario", "left_out", "message"),
    [
        ("Terminate", r"\[terminate\].*?(?=\[event\])", "Terminate: the service 'reports' has no way to end an oper"),
        (
            "BadClients",
            r', "path:/reports/\{id\}"',
            "BadClients: the service 'reports' has no route that an unknown id",
        ),
    ],
)
def test_a_description_that_lacks_what_a_scenario_needs(load, service, scenario, left_out, message):
    """The run ends at its start, with what to add to the description."""
    run = load(scenario, "Steady", description=re.sub(left_out, "", DESCRIPTION, flags=re.DOTALL))
    assert run.code == 2
    assert message in run.err
    assert "Traceback" not in run.err
    assert service.orders == []


def test_a_refused_success_names_the_line_to_write(load):
    """A 2xx that the description does not accept is a refusal whose reason has the line that accepts it."""
    run = load("Steady", description=DESCRIPTION.replace("accepted = [200, 202]", "accepted = [202]"))
    refused = run.operations["refused"]
    assert refused == 15
    reasons = [one["reason"] for one in run.summary["reasons"]]
    assert any("if 200 accepts it, write accepted = [200] below [start]" in reason for reason in reasons)


def test_every_key_has_an_example():
    """The whole description has each key that a file may have."""
    documented = [service_file.START_KEYS, service_file.STATUS_KEYS, service_file.REQUEST_KEYS]
    names = [set(keys) - set(service_file.FORMER_STATUS_KEYS) for keys in documented]
    for table, keys in zip(("start", "status", "terminate", "event"), (*names, names[-1]), strict=True):
        part = DESCRIPTION.partition(f"[{table}]\n")[2].partition("\n[")[0]
        assert set(re.findall(r"^(\w+) = ", part, re.MULTILINE)) == keys


@pytest.mark.parametrize("example", LINES)
def test_an_example_of_a_key_is_understood(tmp_path, monkeypatch, example):
    """Each line of the whole description is read in its place, alone beside what is needed."""
    monkeypatch.setenv("REPORTS_TOKEN", TOKEN)
    path, key = tmp_path / "reports.toml", example.partition(" = ")[0]
    tables = [name for name, keys in _tables().items() if key in keys]
    needed = {"start": "path = '/x'\n", "status": "state = '/s'\nsucceeded = ['x']\n", "terminate": "url = 'status'\n"}
    read = []
    for table in tables:
        lines = {name: re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE) for name, text in needed.items()}
        lines = {**lines, table: f"{lines.get(table, '')}{example}\n"}
        path.write_text("".join(f"[{name}]\n{text}" for name, text in lines.items()))
        try:
            load_service(path)
        except service_file.ServiceFileError:
            continue
        read.append(table)
    assert read


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_description_of_the_page_is_understood(tmp_path, monkeypatch, text):
    """Each description that the page shows can be read as it is."""
    monkeypatch.setenv("REPORTS_TOKEN", TOKEN)
    (tmp_path / "reports.toml").write_text(text)
    load_service(tmp_path / "reports.toml")


def _tables():
    return {
        "start": service_file.START_KEYS,
        "status": service_file.STATUS_KEYS,
        "terminate": service_file.REQUEST_KEYS,
    }
