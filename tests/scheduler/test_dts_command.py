"""The command: exit codes and messages, ports and ready-file, variables, HTTP, a file for the data, time that skips."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import requests
from dts_helpers import (
    COMPLETED,
    DEADLINE_S,
    RUNNING,
    RawStub,
    call_double,
    double,
    kinds,
    refused,
    until,
    wait_for_go,
)
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.task import when_any
from google.protobuf import empty_pb2

from durable_harness.errors import HarnessError
from durable_harness.stack import scheduler_process
from durable_harness.stack.child_systems import running_command

VARIABLES = ("DTS_TASK_HUB_NAMES", "DTS_USE_DYNAMIC_TASK_HUBS")
ANY_PORTS = ("--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any")
HTTP_TIMEOUT_S = 10
IN_USE, USAGE = 6, 2


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Keep the variables of whoever runs the tests out of them."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def command(*arguments):
    return [sys.executable, "-m", "durable_harness", "scheduler", *arguments]


@pytest.fixture
def run_to_its_end(tmp_path, warm_starter):
    """Return a function that runs the command, which must end by itself: its exit code, its output, its errors."""

    def run(*arguments):
        files = {"output": tmp_path / "output.txt", "errors": tmp_path / "errors.txt"}
        code = warm_starter.start("scheduler", *arguments, **files).wait(DEADLINE_S)
        return code, *(file.read_text() for file in files.values())

    return run


def hubs_of(running, *names):
    """Return which of these hubs the HTTP API knows."""
    ping = f"{running.http_url}/v1/taskhubs/ping"
    answers = {name: requests.get(ping, headers={"x-taskhub": name}, timeout=HTTP_TIMEOUT_S) for name in names}
    return [name for name, answer in answers.items() if answer.status_code == 200]


@pytest.fixture
def taken_port():
    """Yield a port on which a server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


def test_a_busy_port_is_exit_code_6_and_one_message(taken_port, run_to_its_end):
    """A taken port ends the start with exit code 6 and one message that names the port and its option."""
    code, output, errors = run_to_its_end(*ANY_PORTS, "--grpc-port", taken_port)
    assert (code, output) == (IN_USE, "")
    assert taken_port in errors
    assert "Traceback" not in errors
    assert len(errors.strip().splitlines()) <= 2


def test_a_port_of_another_scheduler_is_busy(run_to_its_end):
    """Two schedulers never share a port, though each listens by itself."""
    with scheduler_process() as running:
        port = running.grpc_address.rpartition(":")[2]
        code, _, errors = run_to_its_end("--grpc-port", port, "--http-port", "0", "--dashboard-port", "any")
    assert code == IN_USE
    assert port in errors


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--grpc-port", "65536"], ["--address", "nonsense.invalid"]])
def test_a_wrong_option_is_exit_code_2(arguments, run_to_its_end):
    """An option that cannot be taken ends the start with exit code 2 and a message, without a traceback."""
    code, _, errors = run_to_its_end(*ANY_PORTS, *arguments)
    assert code == USAGE
    assert errors.strip()
    assert "Traceback" not in errors


def test_ports_are_printed_and_written(tmp_path):
    """Chosen ports are printed, and written to the ready-file as JSON with the pid, when the service answers."""
    ready = tmp_path / "ready.json"
    with subprocess.Popen(command(*ANY_PORTS, "--ready-file", str(ready)), stdout=subprocess.PIPE, text=True) as child:
        try:
            until(ready.exists)
            facts = json.loads(ready.read_text())
            assert facts["pid"] == child.pid
            with grpc.insecure_channel(facts["grpcAddress"]) as channel:
                assert RawStub(channel, []).Hello(empty_pb2.Empty()) is not None
            for url in (facts["httpUrl"], facts["dashboardUrl"]):
                assert requests.get(url, timeout=HTTP_TIMEOUT_S).status_code == 200
        finally:
            child.send_signal(signal.SIGTERM)
        printed = child.stdout.read()
    for fact in (facts["grpcAddress"], facts["httpUrl"], facts["dashboardUrl"]):
        assert fact in printed
    assert child.returncode == 0


def test_two_commands_choose_different_ports():
    """Each scheduler with port 0 has ports of its own."""
    with scheduler_process() as one, scheduler_process() as two:
        addresses = [one.grpc_address, one.http_url, one.dashboard_url]
        addresses += [two.grpc_address, two.http_url, two.dashboard_url]
        assert len(set(addresses)) == 6


def test_ctrl_c_ends_it_cleanly(tmp_path):
    """SIGINT ends the service with exit code 0 and soon, though a worker has work and a client waits."""
    ready = tmp_path / "ready.json"
    arguments = command(*ANY_PORTS, "--ready-file", str(ready))
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        until(ready.exists)
        with grpc.insecure_channel(json.loads(ready.read_text())["grpcAddress"]) as channel:
            stub = RawStub(channel, [])
            stub.start()
            work, wait = stub.work(), stub.later("WaitForInstanceCompletion", pb.GetInstanceRequest(instanceId="i"))
            next(work)
            began = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.wait(DEADLINE_S) == 0
            assert time.monotonic() - began < 5
            assert wait.exception().code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert "Traceback" not in child.stderr.read()


def test_the_hub_is_default_unless_configured():
    """Without options and variables there is one hub, default."""
    with scheduler_process() as running:
        assert hubs_of(running, "default", "other") == ["default"]


def test_a_variable_names_the_hubs(monkeypatch):
    """DTS_TASK_HUB_NAMES lists hubs, with spaces and empty places as they come; default is then not one of them."""
    monkeypatch.setenv("DTS_TASK_HUB_NAMES", " orders ,returns,, stock")
    with scheduler_process() as running:
        assert hubs_of(running, "orders", "returns", "stock", "default") == ["orders", "returns", "stock"]


def test_an_option_goes_before_its_variable(monkeypatch):
    """--task-hubs replaces DTS_TASK_HUB_NAMES."""
    monkeypatch.setenv("DTS_TASK_HUB_NAMES", "orders")
    with scheduler_process(args=["--task-hubs", "returns, stock"]) as running:
        assert hubs_of(running, "orders", "returns", "stock") == ["returns", "stock"]


def test_the_hubs_of_a_file_are_served(tmp_path):
    """Without names the hubs that --data has are served beside default; with names, the start says which are not."""
    data = f"--data={tmp_path / 'hub.db'}"
    with (
        scheduler_process(args=[data, "--task-hubs", "shop"]) as running,
        grpc.insecure_channel(running.grpc_address) as channel,
    ):
        RawStub(channel, [("taskhub", "shop")]).start()
    with scheduler_process(args=[data]) as running:
        assert hubs_of(running, "default", "shop", "other") == ["default", "shop"]
    with running_command("scheduler", [*ANY_PORTS, data, "--task-hubs", "orders"], None) as running:
        assert (running.facts["taskHubs"], running.facts["closedTaskHubs"]) == (["orders"], ["shop"])


@pytest.mark.parametrize(("value", "known"), [("True", ["any"]), ("false", [])])
def test_a_variable_makes_hubs_on_use(monkeypatch, value, known):
    """DTS_USE_DYNAMIC_TASK_HUBS makes hubs on their first use if it is true, however that is written."""
    monkeypatch.setenv("DTS_USE_DYNAMIC_TASK_HUBS", value)
    with scheduler_process() as running:
        assert hubs_of(running, "any") == known


@pytest.fixture(scope="module")
def service():
    """Yield a scheduler with the hubs default and orders."""
    with scheduler_process(args=["--task-hubs", "default,orders"]) as running:
        yield running


def get(url, **options):
    return requests.get(url, timeout=HTTP_TIMEOUT_S, **options)


def test_the_ping_names_its_hub(service):
    """The ping is 200 for a hub that is there and 404, with the name, for another."""
    ping = f"{service.http_url}/v1/taskhubs/ping"
    assert get(ping, headers={"x-taskhub": "orders"}).status_code == 200
    answer = get(ping, headers={"x-taskhub": "nobody"})
    assert answer.status_code == 404
    assert "nobody" in answer.text


def test_other_paths_and_methods_of_the_http_api(service):
    """What the HTTP API does not have is 404, what is no GET is 405."""
    assert get(f"{service.http_url}/v1/nonsense").status_code == 404
    assert requests.post(service.http_url, timeout=HTTP_TIMEOUT_S).status_code == 405
    assert requests.head(service.http_url, timeout=HTTP_TIMEOUT_S).status_code == 200


def test_health_is_answered_on_both_http_ports(service):
    """GET and HEAD of /health are 200 on the API's port and on the dashboard's, which compose files ask."""
    for url in (service.http_url, service.dashboard_url):
        assert get(f"{url}/health").status_code == 200
        assert requests.head(f"{url}/health", timeout=HTTP_TIMEOUT_S).status_code == 200


def test_the_dashboards_root_is_a_health_page(service):
    """GET / of the dashboard is a page of HTML that names the hubs."""
    answer = get(service.dashboard_url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "orders" in answer.text


def test_the_dashboard_has_the_emulators_address_of_a_hub(service):
    """The emulator's deep link to a hub's orchestrations shows those of this hub; another hub's is 404."""
    link = f"{service.dashboard_url}/subscriptions/local/schedulers/emulator/taskhubs/{{}}/orchestrations"
    with grpc.insecure_channel(service.grpc_address) as channel:
        RawStub(channel, [("taskhub", "orders")]).start(instance_id="order-1")
    answers = [get(link.format(name)) for name in ("orders", "default", "nobody")]
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert ["order-1" in answer.text for answer in answers] == [True, False, False]


def counter(ctx, amount):
    ctx.set_state(ctx.get_state(int, 0) + amount)


def test_a_file_keeps_everything(new_hub, tmp_path):
    """With --data, a scheduler that was killed and started again continues: what ran runs, what had ended is known."""
    arguments = ["--dynamic-task-hubs", "--data", str(tmp_path / "hub.db")]
    entity = EntityInstanceId("counter", "k")
    with scheduler_process(args=arguments) as running:
        hub = new_hub("kept", on=running)
        hub.work(orchestrators=[call_double, wait_for_go], activities=double, entities=counter)
        done = hub.run(call_double, input=4)
        hub.start(wait_for_go, instance_id="waiting")
        hub.client.signal_entity(entity, "add", input=3)
        until(lambda: hub.client.get_entity(entity))
        until(lambda: hub.status("waiting") is RUNNING)
        os.kill(running.pid, signal.SIGKILL)
        hub.close()
    with scheduler_process(args=arguments) as running:
        hub = new_hub("kept", on=running)
        assert hub.state(done.instance_id) == done
        assert kinds(hub.history(done.instance_id))[-1] == "ExecutionCompleted"
        assert hub.client.get_entity(entity).get_typed_state() == 3
        hub.work(orchestrators=[call_double, wait_for_go], activities=double)
        hub.client.raise_orchestration_event("waiting", "go", data="after all")
        assert hub.wait("waiting").get_output() == "after all"
        hub.close()


def test_a_worker_comes_back_to_a_scheduler_that_was_away(new_hub, tmp_path):
    """A worker and a client that stay while the scheduler is killed and started on its port continue by themselves."""
    data = ["--dynamic-task-hubs", "--data", str(tmp_path / "hub.db")]
    with scheduler_process(args=data) as running:
        hub = new_hub("kept", on=running)
        hub.work(orchestrators=wait_for_go)
        instance_id = hub.start(wait_for_go)
        until(lambda: hub.status(instance_id) is RUNNING)
        port = running.grpc_address.rpartition(":")[2]
        os.kill(running.pid, signal.SIGKILL)
    with scheduler_process(args=[*data, "--grpc-port", port]):
        until(lambda: answers(hub, instance_id))
        hub.client.raise_orchestration_event(instance_id, "go", data="still there")
        assert hub.wait(instance_id).get_output() == "still there"
        hub.close()


def answers(hub, instance_id):
    """Return whether the client reaches the scheduler again."""
    try:
        return hub.state(instance_id) is not None
    except grpc.RpcError:
        return False


def test_a_replaced_start_does_not_stop_the_file(tmp_path):
    """Scheduled starts that are replaced at once, all in one write, leave the file writable when their time comes."""
    with (
        scheduler_process(args=["--data", str(tmp_path / "hub.db")]) as running,
        grpc.insecure_channel(running.grpc_address) as channel,
    ):
        raw = RawStub(channel, [])
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        policy = {"replaceableStatus": [pb.ORCHESTRATION_STATUS_PENDING, pb.ORCHESTRATION_STATUS_TERMINATED]}
        answers = []
        for number in range(300):
            first = pb.CreateInstanceRequest(name="o", instanceId=str(number))
            first.scheduledStartTimestamp.FromDatetime(due)
            second = pb.CreateInstanceRequest(name="o", instanceId=str(number), orchestrationIdReusePolicy=policy)
            answers += [raw.later("StartInstance", each) for each in (first, second)]
        assert {answer.exception() and answer.exception().code() for answer in answers} <= {
            None,
            grpc.StatusCode.ALREADY_EXISTS,  # the second came first
        }
        until(lambda: datetime.now(UTC) > due)
        for number in range(300, 310):
            assert raw.start(instance_id=str(number)) == str(number)
        listed = raw.QueryInstances(pb.QueryInstancesRequest(query=pb.InstanceQuery(maxInstanceCount=1000)))
        assert len(listed.orchestrationState) == 310


def test_a_file_belongs_to_one_scheduler(tmp_path):
    """A second scheduler on the same file is refused: two would hand out the same work."""
    arguments = ["--data", str(tmp_path / "hub.db")]
    with scheduler_process(args=arguments), pytest.raises(HarnessError), scheduler_process(args=arguments):
        pytest.fail("two schedulers share a file")


def test_a_file_is_free_when_its_scheduler_has_ended(tmp_path):
    """When a scheduler has ended, another may take its file."""
    arguments = ["--data", str(tmp_path / "hub.db")]
    for _ in range(2):
        with scheduler_process(args=arguments) as running, grpc.insecure_channel(running.grpc_address) as channel:
            RawStub(channel, []).GetInstance(pb.GetInstanceRequest(instanceId="i"))


@pytest.fixture(scope="module")
def skipping():
    """Yield a scheduler whose time skips."""
    with scheduler_process(args=["--dynamic-task-hubs", "--time", "skip"]) as running:
        yield running


def test_time_that_skips_makes_long_timers_short(new_hub, skipping):
    """With --time skip, thirty days of timers take a moment, and the orchestrator's clock shows thirty days."""

    def month(ctx, days):
        began = ctx.current_utc_datetime
        for _ in range(days):
            yield ctx.create_timer(timedelta(days=1))
        return (ctx.current_utc_datetime - began) / timedelta(days=1)

    hub = new_hub(on=skipping)
    hub.work(orchestrators=month)
    began = time.monotonic()
    assert 30 <= hub.output_of(month, input=30) < 30.1
    assert time.monotonic() - began < 10


def test_time_that_skips_brings_scheduled_starts_forward(new_hub, skipping):
    """With --time skip, a start in a year begins now, in the time it was scheduled for."""

    def begin(ctx, _input):
        return ctx.current_utc_datetime.isoformat()

    hub = new_hub(on=skipping)
    hub.work(orchestrators=begin)
    start_at = datetime.now(UTC) + timedelta(days=365)
    assert datetime.fromisoformat(hub.output_of(begin, start_at=start_at)).replace(tzinfo=UTC) >= start_at


def test_time_does_not_skip_over_work(new_hub, skipping):
    """With --time skip, a timeout does not fire while the activity it guards is running."""

    def slow(_ctx, _input):
        time.sleep(0.3)
        return "in time"

    def guarded(ctx, _input):
        work, timeout = ctx.call_activity(slow), ctx.create_timer(timedelta(hours=1))
        winner = yield when_any([work, timeout])
        return winner.get_result() if winner == work else "too late"

    hub = new_hub(on=skipping)
    hub.work(orchestrators=guarded, activities=slow)
    assert hub.output_of(guarded) == "in time"


def test_all_ports_can_be_given(tmp_path):
    """Ports given by number are the ports that are served."""
    with scheduler_process() as first:
        ports = [address.rpartition(":")[2] for address in (first.grpc_address, first.http_url, first.dashboard_url)]
    arguments = ["--grpc-port", ports[0], "--http-port", ports[1], "--dashboard-port", ports[2]]
    with scheduler_process(args=arguments) as running:
        served = [running.grpc_address, running.http_url, running.dashboard_url]
        assert [address.rpartition(":")[2] for address in served] == ports


def test_a_scheduler_that_is_gone_is_unavailable():
    """A client of a scheduler that has ended gets UNAVAILABLE."""
    with scheduler_process() as running:
        address = running.grpc_address
    with grpc.insecure_channel(address) as channel:
        refused(grpc.StatusCode.UNAVAILABLE, RawStub(channel, []).start)


def test_a_hub_made_on_use_works_like_one_that_was_named(new_hub):
    """A hub made on its first use works like one that was named."""
    with scheduler_process(args=["--task-hubs", "named", "--dynamic-task-hubs"]) as running:
        for name in ("named", "made on use"):
            hub = new_hub(name, on=running)
            hub.work(orchestrators=call_double, activities=double)
            assert hub.run(call_double, input=1).runtime_status is COMPLETED
            hub.close()
