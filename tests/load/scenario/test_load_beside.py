"""What a scenario sends beside its operations, and what goes along with each request of a run."""

import pytest
from documented_service import DESCRIPTION, TOKEN, DocumentedService
from stub_server import START, WEBHOOK

pytestmark = pytest.mark.thorough

HEAD = "from durable_harness.load import ArrivalUser\n\nclass Orders(ArrivalUser):\n"


@pytest.fixture
def run_scenario(start_locust, stub, tmp_path):
    """Return run_scenario(body, *options, host=…): ten operations of a scenario class with that body."""

    def run(body, *options, host=None):
        path = tmp_path / "orders.py"
        path.write_text(HEAD + body)
        words = ["--headless", "--host", host or stub.url, "-t", "2s", "--rate", "10/1", "--poll-interval", "0.05"]
        return start_locust(*words, "--gates", "none", *options, "Orders", scenarios=path).wait()

    return run


def test_headers_of_a_scenario_go_along_everywhere(run_scenario, stub):
    """A gateway's header is on the start, the polls, the audit's listing and the histories, and in no report."""
    run = run_scenario("    headers = {'X-Gateway': 'abc123def456'}\n")
    assert run.operations["completed"] == 10, run.out + run.err
    asked = [(path, headers) for _, path, headers in stub.requests if path == START or path.startswith(WEBHOOK[:-1])]
    assert any("showHistory" in path for path, _ in asked)
    assert any("createdTimeFrom" in path for path, _ in asked)
    assert [path for path, headers in asked if headers.get("X-Gateway") != "abc123def456"] == []
    files = [path for path in run.report_dir.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"abc123def456" in path.read_bytes()] == []


@pytest.mark.parametrize("call", ["terminate_later(operation, 0)", "raise_event_later(operation, 0, 'Go')"])
def test_a_request_without_a_place_to_go_is_unexpected(run_scenario, call):
    """Where a start's answer has no URL for a request, none is sent, and the run says so instead of passing it over."""
    run = run_scenario(f"    def on_accepted(self, operation):\n        self.{call}\n")
    assert run.operations["completed"] == 10, run.out + run.err
    assert "0 of 10 requests beside the operations got the answer they should" in run.out
    assert "the answer to the start has no URL for it" in run.out


def test_a_request_that_a_service_lacks_is_a_scenario_error(run_scenario, tmp_path, monkeypatch):
    """An event for a service that takes none is reported with what to describe, and the run is no success."""
    monkeypatch.setenv("REPORTS_TOKEN", TOKEN)
    (tmp_path / "reports.toml").write_text(DESCRIPTION.partition("[event]")[0])
    service = DocumentedService()
    body = "    def on_accepted(self, operation):\n        self.raise_event_later(operation, 0, 'Go')\n"
    words = ["--service", str(tmp_path / "reports.toml"), "--operation-duration", "0.1"]
    run = run_scenario(body, *words, host=service.url)
    service.close()
    assert run.code == 1
    assert "Orders raises events: the service has no way to raise one. Describe it: [event]" in run.err


def test_nothing_is_sent_about_an_operation_that_has_ended(run_scenario, tmp_path, monkeypatch):
    """A request that is due after an operation's end is not sent, and counts neither as right nor as wrong."""
    monkeypatch.setenv("REPORTS_TOKEN", TOKEN)
    (tmp_path / "reports.toml").write_text(DESCRIPTION)
    service = DocumentedService()
    body = "    def on_accepted(self, operation):\n        self.raise_event_later(operation, 0.6, 'Go')\n"
    words = ["--service", str(tmp_path / "reports.toml"), "--operation-duration", "0.1"]
    run = run_scenario(body, *words, host=service.url)
    service.close()
    assert run.operations["completed"] == 10, run.out + run.err
    assert service.events == {}
    assert "requests beside" not in run.out


def test_a_payload_that_is_a_value_is_filled(run_scenario, stub):
    """Each start has the value with its own token, number and seconds; a word that is none of ours stays."""
    body = (
        "    start_path = '/api/async_http_api'\n    payload = {'operation_type': '{token}', 'duration': '{duration}', "
    )
    run = run_scenario(body + "'data': ['{number}', 'no. {number}', '{other}']}\n")
    assert run.operations["completed"] == 10, run.out + run.err
    sent = [operation.payload for operation in stub.operations.values()]
    assert sorted(one["data"][0] for one in sent) == list(range(10))
    assert all(one["data"][1:] == [f"no. {one['data'][0]}", "{other}"] for one in sent)
    assert len({one["operation_type"] for one in sent}) == 10


def test_a_scenario_sets_its_own_polling_and_timeout(run_scenario, stub):
    """A scenario's own interval and timeout go before those of the options."""
    stub.always(work_s=30)
    run = run_scenario("    operation_timeout_s = 0.3\n    poll_interval_s = 0.1\n", "--operation-timeout", "20")
    assert run.operations == {"started": 10, "accepted": 10, "timed_out": 10}, run.out + run.err
    assert run.summary["reasons"][0]["reason"] == "timed out: not terminal after 0.3 s"
