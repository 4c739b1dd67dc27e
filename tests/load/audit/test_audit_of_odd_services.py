"""The audit of services unlike ours: it works by what their description gives, and reports what stays open."""

import odd_services
import pytest

pytestmark = pytest.mark.thorough

GATES = "[operations]\nerror_ratio = 0\n[audit]\nlost = 0\nstuck = 0\ncontradicted = 0\n"
ONE_BY_ONE = "operations were asked for one by one: nothing lists what the service has beside them"
UNLISTED = {"duplicated": ONE_BY_ONE, "unrecorded": ONE_BY_ONE, "unknown": ONE_BY_ONE}


@pytest.fixture
def audited(start_locust, tmp_path):
    """Yield audited(name, *arguments, gates=…): a run against a service of that name, and the service."""
    services = []

    def run(name, *arguments, gates=GATES):
        service = getattr(odd_services, name)()
        services.append(service)
        (tmp_path / "service.toml").write_text(service.description)
        (tmp_path / "gates.toml").write_text(gates)
        words = ["--headless", "--host", service.url, "--service", str(tmp_path / "service.toml"), "-t", "30s"]
        words += ["--gates", str(tmp_path / "gates.toml"), "--poll-interval", "0.05", "--rate", "20/1", *arguments]
        return start_locust(*words, "-u", "4", "-r", "50", "Few").wait(), service

    yield run
    for service in services:
        service.close()


@pytest.mark.parametrize("name", ["Opaque", "Bare", "InTheQuery", "Moved", "Elsewhere", "Echoing"])
def test_every_operation_is_confirmed(audited, name):
    """An audit asks at the status URL of each start, whatever the URL looks like, with the right headers."""
    run, service = audited(name)
    audit = run.summary["audit"]
    assert run.code == 0, run.out + run.err
    assert (audit["accepted"], audit["confirmed"], audit["incomplete"]) == (len(service.jobs),) * 2 + (None,)
    assert len(service.jobs) > 5
    assert service.without_tenant == 0
    assert f"Audit: {len(service.jobs)} of {len(service.jobs)} accepted operations ended as they were seen (" in run.out


def test_what_was_not_checked_has_no_figure(audited):
    """Asked one by one, no duplicates are seen; without a token, outputs are not compared: no report shows 0."""
    run, service = audited("Opaque")
    audit = run.summary["audit"]
    outputs = f"{len(service.jobs)} outputs were not compared with their starts"
    assert audit["not_checked"] == {**UNLISTED, "wrong_output": outputs}
    unknown = dict.fromkeys(("duplicated", "unrecorded", "unknown", "wrong_output"))
    assert audit["counts"] == {"lost": 0, "stuck": 0, "contradicted": 0, **unknown}
    sentence = f"Not checked: duplicated, unrecorded, unknown ({ONE_BY_ONE}); wrong output ({outputs})"
    for name in ("report.html", "summary.md"):
        assert sentence in (run.report_dir / name).read_text()
    assert sentence in run.out
    assert 'problem="lost"' in (metrics := (run.report_dir / "metrics.prom").read_text())
    assert 'problem="duplicated"' not in metrics


def test_outputs_are_compared_one_by_one(audited):
    """Where the description names the token's place, the audit compares outputs too, and finds those of others."""
    audit = audited("Echoing")[0].summary["audit"]
    assert (audit["counts"]["wrong_output"], audit["not_checked"]) == (0, UNLISTED)
    run, service = audited("Confusing")
    assert run.summary["audit"]["counts"]["wrong_output"] == len(service.jobs)


def test_a_gate_on_what_was_not_checked_neither_holds_nor_fails(audited):
    """Such a gate makes the run prove nothing, and gives the reason and what to do."""
    run, _ = audited("Opaque", gates="[audit]\nduplicated = 0\n")
    assert run.code == 3
    assert f"not measured: audit duplicated ({ONE_BY_ONE}): " in run.out


def test_what_a_service_forgot_is_lost(audited):
    """A status that is unknown after it was seen to end is a loss."""
    run, service = audited("Forgetting")
    assert (run.code, run.summary["audit"]["counts"]["lost"]) == (1, len(service.jobs))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Tidy", "410: the service no longer keeps what has ended"),
        ("Refusing", "a status cannot be read: 403"),
        ("Circling", "a status was not found after 5 redirects in a row"),
        ("Silent", "no answer from 127.0.0.1: "),
    ],
)
def test_what_cannot_be_known_is_no_failure(audited, name, reason):
    """An end that cannot be asked for again is neither confirmed nor a problem: it stays open, with the reason."""
    run, service = audited(name)
    audit = run.summary["audit"]
    assert run.code == 3, run.out + run.err
    assert reason in audit["incomplete"]
    assert audit["incomplete"].startswith(f"it has no answer for {len(service.jobs)} operations: ")
    assert not any(audit["counts"].values())
    assert audit["counts"]["lost"] is None
    assert "not measured: audit lost, audit stuck, audit contradicted (the audit is incomplete: it has no" in run.out


@pytest.mark.parametrize("name", ["Opaque", "Bare", "InTheQuery"])
def test_workers_send_the_urls_that_they_followed(audited, processes, name):
    """In a run by several processes the owner asks for the operations of all of them."""
    run, service = audited(name, *processes)
    audit = run.summary["audit"]
    assert run.code == 0, run.out + run.err
    assert (audit["confirmed"], audit["incomplete"]) == (len(service.jobs), None)


def test_an_audit_that_was_not_wanted_has_its_reason(audited):
    """A gate on an audit that was left out is not measured, because of the option that left it out."""
    run, _ = audited("Echoing", "--audit", "off")
    assert (run.code, run.summary["audit"], run.summary["no_audit"]) == (3, None, "--audit off")
    assert "not measured: audit lost, audit stuck, audit contradicted (there was no audit: --audit off)" in run.out


def test_the_audit_reads_errors_as_the_load_does(audited):
    """An error code that carries the status of failed operations confirms them in the audit too."""
    run, service = audited("FailingWithCode")
    audit = run.summary["audit"]
    assert (audit["confirmed"], audit["incomplete"], run.code) == (len(service.jobs), None, 1)
