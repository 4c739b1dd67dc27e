"""The asyncio client of durabletask-azuremanaged, every method of it."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from dts_helpers import (
    COMPLETED,
    DEADLINE_S,
    FAILED,
    RUNNING,
    SUSPENDED,
    TERMINATED,
    call_broken,
    call_double,
    double,
    kinds,
    wait_for_go,
)
from durabletask.client import EntityQuery, OrchestrationQuery
from durabletask.entities import EntityInstanceId


def counter(ctx, amount):
    if ctx.operation == "delete":
        ctx.set_state(None)
    else:
        ctx.set_state(ctx.get_state(int, 0) + amount)


@pytest.fixture
def play(hub):
    """Return a runner of scenes: play(scene) calls scene(client) on an event loop and returns what it returns."""
    hub.work(orchestrators=[wait_for_go, call_double, call_broken], activities=double, entities=counter)

    def play(scene, **options):
        async def act():
            async with hub.new_async_client(**options) as client, asyncio.timeout(DEADLINE_S):
                return await scene(client)

        return asyncio.run(act())

    return play


async def until_status(client, instance_id, status):
    while (state := await client.get_orchestration_state(instance_id)) is None or state.runtime_status is not status:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def run(client, orchestrator, **options):
    instance_id = await client.schedule_new_orchestration(orchestrator, **options)
    return await client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE_S)


def test_it_starts_and_waits(play):
    """It starts an orchestration, waits for its start and for its end."""

    async def scene(client):
        instance_id = await client.schedule_new_orchestration(call_double, input=4, tags={"a": "b"})
        started = await client.wait_for_orchestration_start(instance_id, timeout=DEADLINE_S)
        state = await client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE_S)
        return started.instance_id == instance_id, state.get_output()

    assert play(scene) == (True, 8)


def test_it_waits_for_many_at_once(play):
    """Fifty orchestrations are started and awaited together."""

    async def scene(client):
        return await asyncio.gather(*(run(client, call_double, input=number) for number in range(50)))

    assert [state.get_output() for state in play(scene)] == [2 * number for number in range(50)]


def test_it_raises_events(play):
    """It raises an event."""

    async def scene(client):
        instance_id = await client.schedule_new_orchestration(wait_for_go)
        await client.raise_orchestration_event(instance_id, "go", data=5)
        return await client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE_S)

    assert play(scene).get_output() == 5


def test_it_suspends_and_resumes(play):
    """It suspends and resumes an instance."""

    async def scene(client):
        instance_id = await client.schedule_new_orchestration(wait_for_go)
        await until_status(client, instance_id, RUNNING)
        await client.suspend_orchestration(instance_id, reason="wait")
        await until_status(client, instance_id, SUSPENDED)
        await client.resume_orchestration(instance_id, reason="go")
        await until_status(client, instance_id, RUNNING)

    play(scene)


def test_it_terminates(play):
    """It terminates an instance with an output."""

    async def scene(client):
        instance_id = await client.schedule_new_orchestration(wait_for_go)
        await client.terminate_orchestration(instance_id, output="over")
        return await client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE_S)

    state = play(scene)
    assert (state.runtime_status, state.get_output()) == (TERMINATED, "over")


def test_it_restarts_and_rewinds(play):
    """It restarts a finished instance and rewinds a failed one."""

    async def scene(client):
        done = await run(client, call_double, input=2)
        again = await client.restart_orchestration(done.instance_id, restart_with_new_instance_id=True)
        restarted = await client.wait_for_orchestration_completion(again, timeout=DEADLINE_S)
        failed = await run(client, call_broken)
        await client.rewind_orchestration(failed.instance_id, reason="try")
        rewound = await client.wait_for_orchestration_completion(failed.instance_id, timeout=DEADLINE_S)
        return restarted.get_output(), rewound.runtime_status

    assert play(scene) == (4, FAILED)


def test_it_purges(play):
    """It purges by id and by filter."""

    async def scene(client):
        first = await run(client, call_double, input=2)
        await run(client, call_double, input=2)
        one = await client.purge_orchestration(first.instance_id)
        rest = await client.purge_orchestrations_by(
            created_time_from=datetime.now(UTC) - timedelta(hours=1), runtime_status=[COMPLETED]
        )
        return one.deleted_instance_count, rest.deleted_instance_count

    assert play(scene) == (1, 1)


def test_it_lists_in_pages(play):
    """It lists states over several pages, and ids of ended instances page by page."""

    async def scene(client):
        for number in range(5):
            await run(client, call_double, input=number, instance_id=f"i-{number}")
        query = OrchestrationQuery(max_instance_count=2, fetch_inputs_and_outputs=True, instance_id_prefix="i-")
        states = await client.get_all_orchestration_states(query)
        page = await client.list_instance_ids(page_size=3)
        rest = await client.list_instance_ids(page_size=3, continuation_token=page.continuation_token)
        return [state.get_output() for state in states], page.items + rest.items, rest.continuation_token

    outputs, ids, token = play(scene)
    assert outputs == [0, 2, 4, 6, 8]
    assert ids == [f"i-{number}" for number in range(5)]
    assert token is None


def test_it_streams_histories(new_hub):
    """It reads a history. (grpc.aio runs its interceptor on unary calls only: a stream names no hub, it is default.)"""
    hub = new_hub("default")
    instance_id = hub.start(wait_for_go)
    hub.client.terminate_orchestration(instance_id)
    hub.work(orchestrators=wait_for_go)
    hub.wait(instance_id)

    async def scene():
        async with hub.new_async_client() as client:
            return await client.get_orchestration_history(instance_id)

    assert kinds(asyncio.run(scene()))[-1] == "ExecutionCompleted"


def test_it_signals_reads_lists_and_cleans_entities(play):
    """It signals entities, reads and lists them, and cleans up."""

    async def scene(client):
        entity = EntityInstanceId("counter", "k")
        await client.signal_entity(entity, "add", input=3)
        while (seen := await client.get_entity(entity)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        listed = await client.get_all_entities(EntityQuery(page_size=1))
        await client.signal_entity(entity, "delete")
        while await client.get_entity(entity) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        cleaned = await client.clean_entity_storage()
        return (
            seen.get_typed_state(),
            [str(each.id) for each in listed],
            (cleaned.empty_entities_removed, cleaned.orphaned_locks_released),
        )

    assert play(scene) == (3, ["@counter@k"], (0, 0))


def test_it_has_a_default_version(play, hub):
    """Its starts have its default version."""

    async def scene(client):
        return await client.schedule_new_orchestration(wait_for_go)

    assert hub.raw().state(play(scene, default_version="4.2")).version.value == "4.2"


def test_its_waits_run_out_of_time(play):
    """A wait that is too long raises TimeoutError, and one for an unknown instance gives None."""

    async def scene(client):
        instance_id = await client.schedule_new_orchestration(wait_for_go)
        with pytest.raises(TimeoutError):
            await client.wait_for_orchestration_completion(instance_id, timeout=0.2)
        return await client.wait_for_orchestration_completion("nobody", timeout=5)

    assert play(scene) is None


def test_its_errors_are_those_of_the_protocol(play):
    """A refused call raises the error of grpc.aio with the status."""

    async def scene(client):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.raise_orchestration_event("nobody", "go")
        return caught.value.code()

    assert play(scene) is grpc.StatusCode.NOT_FOUND
