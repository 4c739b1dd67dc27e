"""Waiting for starts and ends: many at once, too long, for what is purged; and the server's health meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from dts_helpers import COMPLETED, call_double, double, refused, wait_for_go
from durabletask.internal import orchestrator_service_pb2 as pb

MANY = 20


def test_waiting_too_long_is_a_timeout(hub):
    """A wait for the end that runs out of time raises TimeoutError, and the instance continues."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    with pytest.raises(TimeoutError):
        hub.wait(instance_id, timeout=0.2)
    hub.client.raise_orchestration_event(instance_id, "go", data=1)
    assert hub.wait(instance_id).get_output() == 1


def test_waiting_too_long_for_a_start_is_a_timeout(hub):
    """A wait for the start that runs out of time raises TimeoutError."""
    instance_id = hub.start(wait_for_go)
    with pytest.raises(TimeoutError):
        hub.client.wait_for_orchestration_start(instance_id, timeout=0.2)


def test_the_protocol_answers_deadline_exceeded(hub):
    """On the wire, a wait past the caller's deadline is DEADLINE_EXCEEDED, no sooner and not much later."""
    hub.start(wait_for_go, instance_id="i")
    wait = hub.client._stub.WaitForInstanceCompletion
    began = time.monotonic()
    refused(grpc.StatusCode.DEADLINE_EXCEEDED, wait, pb.GetInstanceRequest(instanceId="i"), timeout=0.4)
    assert 0.35 <= time.monotonic() - began < 5


def test_twenty_waiters_each_on_a_timer(hub):
    """Twenty callers that each wait for an instance with a timer of two seconds all get it, together."""

    def sleepy(ctx, _input):
        yield ctx.create_timer(timedelta(seconds=2))
        return "awake"

    hub.work(orchestrators=sleepy)
    ids = [hub.start(sleepy) for _ in range(MANY)]
    began = time.monotonic()
    with ThreadPoolExecutor(MANY) as pool:
        states = list(pool.map(hub.wait, ids))
    assert [state.get_output() for state in states] == ["awake"] * MANY
    assert time.monotonic() - began < 6


def test_many_waiters_for_one_instance(hub):
    """Twenty callers that wait for one instance all get its end."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    with ThreadPoolExecutor(MANY) as pool:
        waits = [pool.submit(hub.wait, instance_id) for _ in range(MANY)]
        hub.client.raise_orchestration_event(instance_id, "go", data=7)
        assert [wait.result().get_output() for wait in waits] == [7] * MANY


def test_waiters_that_run_out_of_time_are_harmless(hub):
    """While and after twenty waits run out of time, others are served."""
    hub.work(orchestrators=[wait_for_go, call_double], activities=double)
    instance_id = hub.start(wait_for_go)

    def wait_in_vain(_):
        with pytest.raises(TimeoutError):
            hub.wait(instance_id, timeout=0.5)
        return True

    with ThreadPoolExecutor(MANY) as pool:
        waits = pool.map(wait_in_vain, range(MANY))
        assert hub.output_of(call_double, input=4) == 8
        assert list(waits) == [True] * MANY
    assert hub.output_of(call_double, input=5) == 10


def test_two_hundred_open_waits(hub):
    """Two hundred waits at once over the wire hold up neither workers nor other clients."""
    hub.work(orchestrators=[wait_for_go, call_double], activities=double)
    hub.start(wait_for_go, instance_id="i")
    raw = hub.raw()
    waits = [raw.later("WaitForInstanceCompletion", pb.GetInstanceRequest(instanceId="i")) for _ in range(200)]
    assert hub.output_of(call_double, input=4) == 8
    hub.client.raise_orchestration_event("i", "go")
    assert {each.result().orchestrationState.orchestrationStatus for each in waits} == {
        pb.ORCHESTRATION_STATUS_COMPLETED
    }


def test_a_wait_for_what_has_ended_returns_at_once(hub):
    """Waiting for a finished instance gives its state."""
    hub.work(orchestrators=call_double, activities=double)
    instance_id = hub.run(call_double, input=1).instance_id
    assert hub.wait(instance_id, timeout=5).runtime_status is COMPLETED


def test_a_wait_ends_when_its_instance_is_replaced(hub):
    """Who waits for an instance that is replaced waits for the one in its place."""
    hub.work(orchestrators=[wait_for_go, call_double], activities=double)
    hub.start(wait_for_go, instance_id="i")
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(hub.wait, "i")
        policy = pb.OrchestrationIdReusePolicy(
            replaceableStatus=[
                pb.ORCHESTRATION_STATUS_PENDING,
                pb.ORCHESTRATION_STATUS_RUNNING,
                pb.ORCHESTRATION_STATUS_TERMINATED,
            ]
        )
        hub.start(call_double, input=2, instance_id="i", reuse_id_policy=policy)
        assert wait.result().get_output() == 4


def test_a_client_that_leaves_while_waiting_is_harmless(hub):
    """Callers that cancel their waits leave the instance and the others alone."""
    hub.work(orchestrators=wait_for_go)
    hub.start(wait_for_go, instance_id="i")
    raw = hub.raw()
    waits = [raw.later("WaitForInstanceCompletion", pb.GetInstanceRequest(instanceId="i")) for _ in range(20)]
    for wait in waits[:-1]:
        wait.cancel()
    hub.client.raise_orchestration_event("i", "go", data=3)
    assert waits[-1].result().orchestrationState.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED
    assert hub.wait("i").get_output() == 3
