"""Open workloads: operations arrive when the process specifies, each once, however many processes make the load."""

from collections import Counter
from pathlib import Path

import pytest
from locust_process import SCENARIOS
from stub_server import Behaviour

from durable_harness.gate.records import read_operations
from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough

LOADTESTS = Path(__file__).parents[3] / "loadtests"
LATE_INIT = SCENARIOS.parent / "late_init"
DEAF = SCENARIOS.parent / "deaf"


@pytest.fixture
def start_open(start_locust, stub):
    """Return start_open(*arguments): the project's own scenarios against the stub server, without their gates."""

    def start(*arguments, scenarios=LOADTESTS):
        options = ["--headless", "--host", stub.url, "--poll-interval", "0.05", "--gates", "none"]
        return start_locust(*options, *arguments, scenarios=scenarios)

    return start


@pytest.fixture
def load(start_open):
    """Return load(*arguments): such a run of two seconds, and its end."""
    return lambda *arguments: start_open("-t", "2s", *arguments).wait()


@pytest.mark.parametrize(
    ("scenarios", "work"),
    [
        (["Steady"], "0.1 to 0.2 s"),
        (["Mixed"], "as the scenario decides"),
        (["Mixed", "Steady"], "as the scenario decides (Mixed); 0.1 to 0.2 s (Steady)"),
    ],
)
def test_the_work_is_that_of_the_scenarios(load, scenarios, work):
    """The settings name the option's seconds of work for those scenarios alone that ask for it."""
    run = load("--operation-duration", "0.1-0.2", *scenarios)
    assert run.summary["settings"]["work per operation"] == work


@pytest.fixture
def ports():
    """Return the arguments of a master on a free port, and those of its workers."""
    port = str(free_port())
    token = ["--run-token", "a token of the tests"]
    master = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return master + token, [*token, "--master-host", "127.0.0.1", "--master-port", port]


def number_of(operation):
    """Return the number of the arrival that an operation of the stub came from."""
    return int(operation.payload["data"]["token"].split("-")[1])


def numbers(stub):
    """Return the numbers of all arrivals that reached the stub, in ascending order."""
    return sorted(number_of(operation) for operation in list(stub.operations.values()))


def durations(stub):
    """Return the work that each arrival asked for, by its number."""
    return {number_of(operation): operation.payload["duration"] for operation in stub.operations.values()}


def recorded(run):
    """Return the records of a run in the order in which they were intended."""
    return sorted(read_operations(run.report_dir).operations.to_pylist(), key=lambda row: row["intended_s"])


def offsets(run):
    """Return the intended moments of a run, counted from the first."""
    moments = [row["intended_s"] for row in recorded(run)]
    return [moment - moments[0] for moment in moments]


def test_arrivals_do_not_wait_for_completions(load, stub):
    """Operations arrive at their moments though none of those before has ended, each once."""
    stub.always(work_s=1000)
    run = load("--rate", "20/1.5", "--drain-timeout", "0", "Steady")
    assert run.operations == {"started": 30, "accepted": 30, "timed_out": 30}
    assert numbers(stub) == list(range(30))


def test_arrivals_have_the_moments_of_their_process(load, stub):
    """The recorded intent is what the profile specifies, not what the generator reached; the report says so."""
    run = load("--rate", "10/1,20/0.5", "Steady")
    assert offsets(run) == pytest.approx([*(n / 10 for n in range(10)), *(1 + n / 20 for n in range(10))], abs=1e-4)
    assert {row["workload"] for row in recorded(run)} == {"open"}
    assert run.summary["settings"]["completion counts from"] == "the intended start (Steady)"
    assert run.summary["settings"]["start"] == "POST /api/async_http_api"
    assert "app" not in run.summary["settings"], "it served none"
    assert run.summary["latencies"]["slip_ms"]["count"] == 20
    assert run.code == 0


def test_a_closed_workload_reports_that_it_counts_from_sending(load, stub):
    """Users that wait are a closed workload, and the report shows from where their latencies count."""
    run = load("-u", "3", "-r", "50", "Closed")
    assert {row["workload"] for row in recorded(run)} == {"closed"}
    assert run.summary["settings"]["completion counts from"] == "sending the start (Closed)"
    assert "\ncompletion counts from sending the start (Closed)\n" in run.out


def test_the_same_seed_makes_the_same_run(load, stub):
    """Poisson arrivals and the work they ask for are the same again for the same seed, and others for another."""
    arguments = ["--rate", "20/1.5", "--arrivals", "poisson", "Steady"]
    first, first_durations = offsets(load("--seed", "4", *arguments)), durations(stub)
    stub.operations.clear()
    again, again_durations = offsets(load("--seed", "4", *arguments)), durations(stub)
    stub.operations.clear()
    other = offsets(load("--seed", "5", *arguments))
    assert first == pytest.approx(again, abs=1e-4)
    assert first_durations == again_durations
    assert other[:5] != pytest.approx(first[:5], abs=1e-4)


def test_two_processes_make_the_same_run_as_one(load, stub, ports):
    """Two workers share the arrivals: together they are those of one process, with the same work, each once."""
    arguments = ["--rate", "20/1.5", "--arrivals", "poisson", "Steady"]
    alone, alone_durations = offsets(load(*arguments)), durations(stub)
    stub.operations.clear()
    run = load("--processes", "2", *ports[0], "--master-port", ports[1][-1], "-t", "4s", *arguments)
    assert run.code == 0, run.out + run.err
    assert durations(stub) == alone_durations
    assert offsets(run) == pytest.approx(alone, abs=0.01)
    assert len({row["worker"] for row in recorded(run)}) == 2


def test_two_processes_start_all_arrivals_of_the_run_time(load, stub, ports):
    """Workers hear of their arrivals a second before these begin; the run still has those of all its two seconds."""
    run = load("--rate", "10", "--processes", "2", *ports[0], "--master-port", ports[1][-1], "Steady")
    assert numbers(stub) == list(range(20))
    assert run.code == 0, run.err


def test_a_worker_that_joins_late_takes_its_part(start_open, stub, ports, wait_until):
    """From some arrival on a worker that joins gets every second one; no arrival is started twice or not at all."""
    master, worker = ports
    run = start_open("--master", "--expect-workers", "1", *master, "--rate", "20", "Steady")
    start_open("--worker", *worker)
    wait_until(lambda: len(stub.operations) > 5, "the first worker to make load")
    start_open("--worker", *worker)
    wait_until(lambda: len(_workers(run)) == 2, "the second worker to make load", deadline_s=60)
    _check_that_all_arrive(run, stub, wait_until)


def test_workers_with_early_messages_take_their_part(start_open, stub, ports, wait_until):
    """A worker misses nothing of a run that was offered and begun in the time from its connection to its `init`."""
    master, worker = ports
    run = start_open("--master", "--expect-workers", "1", *master, "--rate", "20", scenarios=LATE_INIT)
    start_open("--worker", *worker, scenarios=LATE_INIT)
    wait_until(lambda: len(stub.operations) > 5, "the first worker to make load")
    start_open("--worker", *worker, scenarios=LATE_INIT)
    wait_until(lambda: len(_workers(run)) == 2, "the second worker to make load")
    _check_that_all_arrive(run, stub, wait_until)


def test_a_third_worker_takes_its_part_too(start_open, stub, ports, wait_until):
    """Workers can join one after the other, although Locust itself starts only the first that joins a running test."""
    master, worker = ports
    run = start_open("--master", "--expect-workers", "1", *master, "--rate", "20", "Steady")
    for count in (1, 2, 3):
        start_open("--worker", *worker)
        wait_until(lambda count=count: len(_workers(run)) == count, f"{count} workers to make load", deadline_s=60)
    _check_that_all_arrive(run, stub, wait_until)


def test_a_share_that_no_worker_started_invalidates_the_run(start_open, ports):
    """A worker that never begins the run, though it is there to the end, is named: its arrivals are missing."""
    master, worker = ports
    run = start_open("--master", "--expect-workers", "1", *master, "-t", "2s", scenarios=DEAF)
    start_open("--worker", *worker, scenarios=DEAF)
    ended = run.wait()
    assert ended.code == 3
    assert "never began the run: its share of the arrivals was not started" in ended.summary["invalid"][0]


def _check_that_all_arrive(run, stub, wait_until):
    """Check, over a second more of a run, that each arrival was started once; then end it."""
    count = max(numbers(stub)) + 20
    wait_until(lambda: numbers(stub)[:count] == list(range(count)), "each arrival to be started, once")
    run.press_ctrl_c()
    ended = run.wait()
    assert ended.operations["completed"] == ended.operations["started"] == len(numbers(stub)), ended.err


def test_the_part_of_a_worker_that_vanishes_is_taken_over(start_open, stub, ports, wait_until):
    """Once a worker was killed the others start its arrivals too, from an agreed moment on, and the report says so."""
    master, worker = ports
    run = start_open("--master", "--expect-workers", "2", *master, "--rate", "20", "--drain-timeout", "5", "Steady")
    killed, _ = start_open("--worker", *worker), start_open("--worker", *worker)
    wait_until(lambda: len(_workers(run)) == 2, "both workers to make load", deadline_s=60)
    killed.kill()
    # A survivor alone starts every second arrival, until it starts all.
    wait_until(lambda: not _runs_on(numbers(stub)[-12:]), "arrivals to be missed")
    wait_until(lambda: _runs_on(numbers(stub)[-12:]), "the other worker to take over")
    run.press_ctrl_c()
    ended = run.wait()
    started = numbers(stub)
    missed = sorted(set(range(started[-1])) - set(started))
    assert len({number % 2 for number in missed}) == 1
    assert started[-12:] == list(range(started[-12], started[-12] + 12))
    assert max(Counter(started).values()) == 1
    assert ended.code == 130
    assert "vanished" in ended.summary["invalid"][0]
    assert ended.summary["invalid"][0] in ended.summary["verdict_reason"]


def _workers(run):
    """Return the workers that have recorded operations so far."""
    return {path.stem.rpartition("-")[0] for path in (run.report_dir / "operations").glob("*-?????.parquet")}


def _runs_on(some):
    return len(some) > 11 and some == list(range(some[0], some[0] + len(some)))


def test_recorded_arrivals_are_replayed(load, stub, tmp_path):
    """A file of moments is replayed with its distances, and a run's own records replay that run."""
    path = tmp_path / "arrivals.txt"
    path.write_text("100.0\n100.25\n100.25\n101.1\n")
    run = load("--replay", str(path), "Replay")
    assert offsets(run) == pytest.approx([0, 0.25, 0.25, 1.1], abs=1e-4)
    earlier = tmp_path / "earlier"
    run.report_dir.rename(earlier)
    again = load("--replay", str(earlier), "Replay")
    assert offsets(again) == pytest.approx([0, 0.25, 0.25, 1.1], abs=1e-4)


@pytest.mark.parametrize("count", [1, 2], ids=["one process", "two processes"])
def test_a_run_ends_with_its_last_arrival(start_open, stub, processes, tmp_path, count):
    """Without a run time, a run whose arrivals come to an end does too, when those in flight have ended."""
    path = tmp_path / "arrivals.txt"
    path.write_text("0\n0.3\n0.6\n1.0\n")
    stub.always(work_s=0.5)
    run = start_open(*(processes if count == 2 else []), "--replay", str(path), "Replay").wait()
    assert (run.summary["invalid"], numbers(stub), run.code) == ([], [0, 1, 2, 3], 0)
    assert run.operations == {"started": 4, "accepted": 4, "completed": 4}
    assert "ended by itself: all arrivals had been started" in run.summary["notes"]


def test_a_run_that_is_ended_twice_is_judged_to_the_end(load, stub):
    """The run's time may be up while a run that ended by itself is audited: that continues, and is reported."""
    stub.listing_takes_s = 2.0
    run = load("--rate", "20/0.5", "Steady")
    assert "--run-time limit reached" in run.err
    assert run.summary["audit"]["confirmed"] == stub.accepted == 10
    assert (run.code, "NO GATES: nothing was judged" in run.out) == (0, True)


def test_a_closed_workload_beside_it_continues(start_open, stub, tmp_path):
    """Where users start operations too, the last arrival does not end the run: its time does."""
    path = tmp_path / "arrivals.txt"
    path.write_text("0\n")
    run = start_open("-t", "4s", "-u", "2", "-r", "9", "--replay", str(path), "Replay", "Closed").wait()
    records = recorded(run)
    assert max(row["intended_s"] for row in records) - min(row["intended_s"] for row in records) > 1.5
    assert not [note for note in run.summary["notes"] if "by itself" in note]


def test_a_file_that_cannot_be_replayed_is_refused(load, stub, tmp_path):
    """A file without arrivals ends with 2, names itself, and nothing is sent."""
    path = tmp_path / "arrivals.txt"
    path.write_text("soon\n")
    run = load("--replay", str(path), "Replay")
    assert run.code == 2
    assert f"--replay: {path}: line 1: got 'soon', which is no moment" in run.err
    assert not stub.requests


def test_a_burst_arrives_at_one_moment(load, stub):
    """All operations of a burst are intended at the same moment, and all are started."""
    run = load("--burst-size", "40", "--burst-every", "1.5", "Burst")
    assert Counter(round(offset, 3) for offset in offsets(run)) == {0: 40, 1.5: 40}


def test_the_options_of_a_scenario_can_come_from_anywhere(load, stub, tmp_path, monkeypatch):
    """The environment twin of an option wins over the config file, and the command line over both."""
    config = tmp_path / "burst.conf"
    config.write_text("burst-size = 3\nburst-every = 60\n")
    arguments = ["--config", str(config), "Burst"]
    assert load(*arguments).operations["started"] == 3
    monkeypatch.setenv("DURABLE_HARNESS_BURST_SIZE", "4")
    assert load(*arguments).operations["started"] == 4
    assert load("--burst-size", "5", *arguments).operations["started"] == 5


def test_a_bad_value_of_a_scenarios_option_is_refused(load, stub):
    """A value that cannot be read ends with 2, names the option and says what is allowed, and nothing is sent."""
    run = load("--burst-size", "many", "Burst")
    assert run.code == 2
    assert "--burst-size: got 'many', expected a whole number, 0 or more" in run.err
    assert not stub.requests


def test_what_a_scenario_raises_is_reported(start_locust, stub):
    """A bug in one arrival is logged as Locust does, the others come, and the run does not pass."""
    run = start_locust("--headless", "--host", stub.url, "-t", "2s", "--rate", "10/1", "BrokenArrivals").wait()
    assert run.code != 0
    assert "ZeroDivisionError: a bug of the scenario" in run.err
    assert run.operations["completed"] == 9


def test_bad_clients_are_judged_apart(load, stub):
    """A server that accepts nonsense gives unexpected answers: they are counted and named, and the gate fails."""
    run = load("--rate", "20/1.5", "--bad-share", "0.5", "--gates", str(LOADTESTS / "gates.toml"), "BadClients")
    unexpected = [reason for reason in run.summary["reasons"] if reason["state"] == "unexpected answer"]
    assert run.code == 1
    assert run.operations["completed"] == run.operations["started"] > 0
    assert any("bad start: out of range: HTTP 202 instead of 400" in reason["reason"] for reason in unexpected)
    gates = {gate["statistic"]: gate["passed"] for gate in run.summary["gates"] if gate["metric"] == "operations"}
    assert (gates["unexpected_answers"], gates["error_ratio"]) == (False, True)


def test_the_servers_word_directs_the_polls(load, stub):
    """The server-directed strategy waits as long as Retry-After asks: ten seconds, so that nothing is polled in two."""
    stub.in_turn(Behaviour(work_s=0.1))
    run = load("--rate", "5/1", "--poll-strategy", "server", "--drain-timeout", "0", "Steady")
    assert run.operations["timed_out"] == 5
    assert run.summary["polls"] == 0
