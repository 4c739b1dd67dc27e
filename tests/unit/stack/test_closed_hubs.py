"""Task hubs that a file holds and that are not served: who starts on the file is not left to wonder where they are."""

import asyncio

from durable_harness.protocol import pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.storage.store import PUT_ENTITY
from durable_harness.stack.serving import ServeOptions, _warn_of_closed_hubs
from hub_bench import Worker, complete


async def fill(data):
    """Leave a file with two instances in one hub, one of them ended, and an entity only in another."""
    service = SchedulerService(SchedulerOptions(data=data, hubs=("old", "states")))
    for instance_id in ("a", "b"):
        await service.hub("old").start_instance(pb.CreateInstanceRequest(instanceId=instance_id, name="o"))
    worker = Worker(service.hub("old"))
    item = await worker.item()
    response = pb.OrchestratorResponse(instanceId="a", completionToken=item.completionToken, actions=[complete()])
    await service.hub("old").complete_orchestrator_task(response)
    await worker.close()
    service.journal.store.write({PUT_ENTITY: [("states", "@e@k", 1, "1", None)]})
    await service.close()


async def closed_hubs(data, *hubs):
    service = SchedulerService(SchedulerOptions(data=data, hubs=hubs))
    try:
        _warn_of_closed_hubs(service, ServeOptions(data.parent, embedded=service.options), "new")
        return list(map(str, service.closed_hubs))
    finally:
        await service.close()


def test_a_start_names_the_hubs_that_are_not_served(tmp_path, capfd):
    """An app with another task hub gets a list of the file's other hubs, how much is in them, and what to do."""
    data = tmp_path / "hub.db"
    asyncio.run(fill(data))
    old, states = "'old' (2 instances, 1 of them not ended)", "'states' (0 instances, 1 entity)"
    assert asyncio.run(closed_hubs(data, "new")) == [old, states]
    printed = "".join(capfd.readouterr())
    assert f"as this app has the task hub 'new': task hubs {old}, {states}." in printed
    assert f"`durable-harness scheduler --data {data} --task-hubs old,states`" in printed


def test_a_start_reports_nothing_where_all_is_served(tmp_path, capfd):
    """Where the file holds nothing else, nothing is reported."""
    data = tmp_path / "hub.db"
    asyncio.run(fill(data))
    assert asyncio.run(closed_hubs(data, "old", "states")) == []
    assert "".join(capfd.readouterr()) == ""
