"""What a run refuses before any load, each with one clear message and its exit code."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from locust_process import NO_PREFLIGHT, headless

from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import read_operations

pytestmark = pytest.mark.thorough


def test_an_environment_variable_is_checked_alike(locust, stub, monkeypatch):
    """A value that an option cannot take ends with 2 and names the option, and nothing is sent."""
    monkeypatch.setenv("DURABLE_HARNESS_DRAIN_TIMEOUT", "-1")
    run = locust()
    assert run.code == 2
    assert "--drain-timeout: got '-1', expected seconds, 0 or more" in run.err
    assert not stub.requests


@pytest.mark.parametrize("processes", [(), ("--processes", "2")])
def test_locust_without_its_patches_is_refused(locust, stub, monkeypatch, processes):
    """Without them a master that waits for its workers hears none of them: the run would hang, or measure itself."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    run = locust(*processes)
    assert run.code == 2
    assert "unset LOCUST_SKIP_MONKEY_PATCH" in run.err
    assert not stub.requests


def test_a_host_that_does_not_answer_ends_with_four(start_locust):
    """A host where no server listens is reported at once, with the exit code of an unreachable system."""
    with socket.socket() as taken:
        # Bound but not listening: connections are refused, and no other process gets the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        run = start_locust("--headless", "--host", url, "-t", "30s", "Quick").wait()
    assert run.code == 4
    assert f"{url} does not answer: Connection refused" in run.err
    assert "Traceback" not in run.err


def test_a_host_that_is_no_url_ends_with_two(start_locust):
    """A host without a scheme is a usage error that shows what a host looks like."""
    run = start_locust("--headless", "--host", "localhost:7071", "-t", "30s", "Quick").wait()
    assert run.code == 2
    assert "got 'localhost:7071', expected a URL like http://localhost:7071" in run.err


def files_in(folder):
    """Return the contents of all files in a folder by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "wrong", [("--evidence", "x.tar"), ("--headers", "foo"), ("--gates", "absent.toml"), ("--rate", "0")]
)
def test_a_wrong_option_removes_nothing_of_the_run_before(start_locust, stub, wrong):
    """Whoever mistypes an option finds the earlier run's reports, records and log as they were."""
    before = start_locust(*headless(stub), "-t", "30s", "Few").wait()
    (before.report_dir / "stack.log").write_text("a log")
    files = files_in(before.report_dir)
    run = start_locust(*headless(stub), *wrong, "-t", "30s", "Few").wait()
    assert run.code == 2, run.err
    assert files_in(run.report_dir) == files


def test_a_run_that_cannot_begin_sets_the_previous_one_aside(start_locust, stub, monkeypatch):
    """Its reports are not taken for another run's, nothing of it is lost, and a comparison says where it is."""
    before = start_locust(*headless(stub), "-t", "30s", "Few").wait()
    (before.report_dir / "stack.log").write_text("a log")
    (before.report_dir / "traces").mkdir()
    (before.report_dir / "traces" / "failed-1-x.html").write_text("a page that the report links to")
    files = files_in(before.report_dir)
    monkeypatch.setenv(NO_PREFLIGHT, "false")
    stub.always(refuse=404)
    aside = before.report_dir / "previous-run"
    for _ in range(2):
        run = start_locust(*headless(stub), "-t", "30s", "Few").wait()
        assert run.code == 2
        assert f"the earlier run that was in {run.report_dir} is now in {aside}" in run.err
        assert files_in(run.report_dir) == {f"previous-run/{name}": content for name, content in files.items()}
    with pytest.raises(ConfigurationError, match=f"(?s)made no load.*{aside}"):
        read_operations(run.report_dir)
    stub.always()
    assert start_locust(*headless(stub), "-t", "30s", "Few").wait().code == before.code
    assert not aside.exists()


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_host_with_a_key_in_it_ends_with_two(start_locust, scheme):
    """A URL as Azure shows it, with its key, is a usage error that names the option for it and not the key."""
    run = start_locust(
        "--headless", "--host", f"{scheme}localhost:7071/api?code=abc123def456", "-t", "30s", "Quick"
    ).wait()
    assert run.code == 2
    assert "--function-key" in run.err
    assert "abc123def456" not in run.err + run.out


@pytest.mark.parametrize("has_workers", [False, True])
def test_a_key_that_the_service_repeats_is_in_no_report(start_locust, stub, processes, has_workers, wait_until):
    """A service that answers with the key that it refuses brings it neither to the terminal nor into any file."""
    stub.always(refuse=401)
    workers = processes if has_workers else []
    locust = start_locust(*headless(stub), *workers, "--function-key", "abc123def456", "Quick")
    wait_until(lambda: [method for method, _, _ in stub.requests if method == "POST"], "a start")
    locust.process.send_signal(signal.SIGINT)
    run = locust.wait()
    assert "*** is no good" in json.dumps(run.summary)
    files = [path for path in run.report_dir.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"abc123def456" in path.read_bytes()] == []
    assert "abc123def456" not in run.err + run.out


@pytest.mark.parametrize("has_workers", [False, True])
def test_a_misspelt_attribute_ends_with_two(start_locust, stub, processes, tmp_path, has_workers):
    """What nothing would ever read is named before any load, with what was meant."""
    path = tmp_path / "orders.py"
    path.write_text(
        "from durable_harness.load import ArrivalUser\n"
        "class Orders(ArrivalUser):\n"
        "    def chek_output(self, sent, output):\n"
        "        return None\n"
    )
    workers = processes if has_workers else []
    run = start_locust(*headless(stub), *workers, "-t", "1s", "Orders", scenarios=path).wait()
    assert run.code == 2
    assert run.err.count("error: Orders.chek_output: no scenario has an attribute of that name") == 1
    assert "Did you mean check_output?" in run.err
    assert not stub.requests


def test_a_hook_that_raises_is_reported(start_locust, stub, tmp_path):
    """An error in on_accepted is shown with its line, keeps no operation from its end, and is no success."""
    path = tmp_path / "orders.py"
    path.write_text(
        "from durable_harness.load import ArrivalUser\n"
        "class Orders(ArrivalUser):\n"
        "    def on_accepted(self, operation):\n"
        "        raise ZeroDivisionError(operation.record.state)\n"
    )
    run = start_locust(
        *headless(stub), "-t", "2s", "--rate", "10/1", "--gates", "none", "Orders", scenarios=path
    ).wait()
    assert run.operations == {"started": 10, "accepted": 10, "completed": 10}
    assert run.code == 1
    assert "ZeroDivisionError: in flight" in run.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Stedy"], "error: got 'Stedy', expected one of these scenarios: "),
        (["-t", "0", "Quick"], "error: argument -t/--run-time: got 0, expected a time above 0"),
        (["--scheduler", "x", "Quick"], "error: unrecognized arguments: --scheduler\n  See: locust --help"),
    ],
)
def test_what_locust_would_take_or_end_with_one_ends_with_two(start_locust, stub, arguments, words):
    """Unknown scenarios, a run time of 0 and unknown options end before any load, in the words of other commands."""
    run = start_locust(*headless(stub), *arguments).wait()
    assert (run.code, words in run.err) == (2, True), run.err
    assert not stub.requests


def test_a_scenario_that_is_marked_ends_with_two(start_locust, stub, tmp_path):
    """A folder whose only scenario `init` marked says so, and where, in place of Locust's 'No User class found!'."""
    path = tmp_path / "start_trips.py"
    path.write_text(
        "from durable_harness.load import ArrivalUser\nclass StartTrips(ArrivalUser):\n    abstract = True\n"
    )
    run = start_locust(*headless(stub), "-t", "1s", scenarios=path).wait()
    assert run.code == 2
    assert "each is marked `abstract = True`: StartTrips (start_trips.py)" in run.err.replace(f"{tmp_path}/", "")


def test_the_command_load_calls_itself_by_its_name(tmp_path):
    """A scenario that the app's folder does not have is refused under the name of the command that was typed."""
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests" / "start_orders.py").write_text(
        "from durable_harness.load import ArrivalUser\nclass StartOrders(ArrivalUser):\n    pass\n"
    )
    words = [sys.executable, "-m", "durable_harness", "load", str(tmp_path), "StartOrdrs"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        "error: got 'StartOrdrs', expected a folder, or one of these scenarios: StartOrders\n"
        "  Did you mean StartOrders?\n"
        "  See: durable-harness load --help\n"
    )
    assert not (tmp_path / "build").exists()
