"""A data file with rows of every kind, ways to damage it, and what must hold after each."""

import asyncio
import contextlib
import shutil
import sqlite3
import struct
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.errors import ConfigurationError, DamagedFileError, HarnessError
from durable_harness.protocol import RpcError, pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.salvage import recover
from hub_bench import Bench, at, child, complete, fail, schedule, timer

PAGE_BYTES = 4096
HUB = "test"
FILLER = "y" * 900
NAMES = {
    "instances": "SELECT id FROM instances",
    "entities": "SELECT id FROM entities",
    "operations": "SELECT number FROM operations",
    "lock_requests": "SELECT number FROM lock_requests",
}
DOCUMENTED = (DamagedFileError, ConfigurationError)


async def fill(path, rounds=12):
    """Leave a file with instances in every state, entities, locks, timers, events, children, and large values."""
    bench = Bench(path)
    bench.connect()
    for number in range(rounds):
        await _fill_once(bench, number)
    await bench.close()


async def _fill_once(bench, n):
    tags = {"team": f"t{n}"}
    await bench.start(f"ended-{n}", input=f'"{FILLER}"', tags=tags)
    await bench.turn(schedule(0, "work", f'"{n}"'))
    await bench.activity('"done"')
    await bench.turn(complete('"out"'))
    await bench.start(f"failed-{n}", version={"value": "1.0"})
    await bench.turn(fail(f"broken {FILLER}"))
    await bench.start(f"large-{n}", input=f'"{"z" * 15_000}"')
    await bench.turn(schedule(0, "work", f'"{"w" * 9_000}"'))
    await bench.item("activityRequest")
    await bench.start(f"timer-{n}")
    await bench.turn(timer(0, 3600), schedule(1, "other"))
    await bench.item("activityRequest")
    await bench.start(f"parent-{n}")
    await bench.turn(child(0, f"child-{n}"))
    await bench.item("orchestratorRequest")
    await bench.start(f"pending-{n}", input="1", scheduledStartTimestamp=at(86_400))
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId=f"timer-{n}", name="e", input={"value": FILLER}))
    await bench.item("orchestratorRequest")
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId=f"timer-{n}", name="f"))
    await bench.hub.suspend_instance(pb.SuspendRequest(instanceId=f"large-{n}"))
    await _fill_entities(bench, n)


async def _fill_entities(bench, n):
    entity = f"@counter@{n}"
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId=entity, name="add", requestId="r"))
    item = await bench.item("entityRequestV2")
    result = pb.EntityBatchResult(completionToken=item.completionToken, results=[pb.OperationResult(success={})])
    result.entityState.value = f'"{FILLER[: 200 + 50 * n]}"'
    await bench.hub.complete_entity_task(result)
    for delay_s in (60, 7200):
        late = pb.SignalEntityRequest(instanceId=entity, name="later", requestId=f"r{n}", scheduledTime=at(delay_s))
        late.input.value = FILLER[:300]
        await bench.hub.signal_entity(late)
    for name in ("holder", "waiter"):
        await bench.start(f"{name}-{n}")
        wish = {"criticalSectionId": f"cs-{name}", "lockSet": [entity], "parentInstanceId": {"value": f"{name}-{n}"}}
        asked = pb.SendEntityMessageAction(entityLockRequested=wish)
        await bench.turn(pb.OrchestratorAction(id=0, sendEntityMessage=asked))
        if name == "holder":
            await bench.item("orchestratorRequest")


def names_in(path):
    """Return the names of the rows of each table."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.text_factory = bytes
        return {table: {row[0] for row in database.execute(query)} for table, query in NAMES.items()}


# -- damage ------------------------------------------------------------------------------------------------------------


def flip_bits(content, chance):
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        content[chance.randrange(100, len(content))] ^= 1 << chance.randrange(8)


def flip_structure(content, chance):
    """Flip bits where the description of a page or of its cells is."""
    page = chance.randrange(len(content) // PAGE_BYTES) * PAGE_BYTES
    content[page + chance.randrange(64) + (100 if page == 0 else 0)] ^= 1 << chance.randrange(8)


def flip_header(content, chance):
    content[chance.randrange(100)] ^= 1 << chance.randrange(8)


def zero_bytes(content, chance):
    begin, length = chance.randrange(len(content)), chance.randrange(1, 600)
    content[begin : begin + length] = bytes(len(content[begin : begin + length]))


def overwrite_page(content, chance):
    for _ in range(chance.choice((1, 1, 2, 5))):
        page = chance.randrange(len(content) // PAGE_BYTES) * PAGE_BYTES
        other = chance.randrange(len(content) // PAGE_BYTES) * PAGE_BYTES
        filling = (bytes(PAGE_BYTES), b"\xff" * PAGE_BYTES, chance.randbytes(PAGE_BYTES), content[other:][:PAGE_BYTES])
        content[page : page + PAGE_BYTES] = chance.choice(filling)


def cut_off(content, chance):
    del content[chance.choice((chance.randrange(len(content)), len(content) - chance.randrange(1, 3 * PAGE_BYTES))) :]


def strange_number(content, chance):
    """Put an extreme number somewhere: a page number, a length, a time."""
    begin = chance.randrange(len(content) - 8)
    number = chance.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**62, 2**63, 2**64 - 1))
    content[begin : begin + 8] = struct.pack(">Q", number)


DAMAGES = (flip_bits, flip_bits, flip_structure, flip_header, zero_bytes, overwrite_page, cut_off, strange_number)


# -- what must hold ----------------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What became of one damaged file. `broken` is what must not be."""

    start: str = ""
    recovery: str = ""
    unseen: list = field(default_factory=list)
    broken: list = field(default_factory=list)


def judge(path, whole_names):
    """Start on a damaged file, recover it, and start on what was saved."""
    verdict = Verdict()
    started = path.with_name("started.db")
    shutil.copyfile(path, started)
    _copy_log(path, started)
    try:
        verdict.start = start(started)
    except Exception as error:  # noqa: BLE001 - whatever it is
        verdict.broken.append(f"start: {type(error).__name__}: {error}")
    new = path.with_name("new.db")
    try:
        found = recover(path, new)
    except DOCUMENTED as error:
        verdict.recovery = type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is
        verdict.broken.append(f"recover: {type(error).__name__}: {error}")
    else:
        verdict.recovery = "saved"
        _judge_saved(verdict, new, found, whole_names)
    return verdict


def _copy_log(path, target):
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        shutil.copyfile(log, target.with_name(f"{target.name}-wal"))


def _judge_saved(verdict, new, found, whole_names):
    saved = names_in(new)
    lost = {table: names - saved[table] for table, names in whole_names.items() if names - saved[table]}
    if lost and not found.left_out and found.problem is None:
        verdict.unseen.append(f"recover: {lost}")
    try:
        ended = start(new)
    except Exception as error:  # noqa: BLE001 - whatever it is
        verdict.broken.append(f"start after recover: {type(error).__name__}: {error}")
    else:
        if ended != "runs":
            verdict.broken.append(f"start after recover: {ended}")


def start(path):
    """Start a scheduler on a file, ask it for everything, and end it; return how that went."""
    try:
        return asyncio.run(_start(path))
    except DOCUMENTED as error:
        if str(path) not in str(error):
            raise AssertionError(f"a message that does not name the file: {error}") from error
        return type(error).__name__


async def _start(path):
    service = SchedulerService(SchedulerOptions(hubs=(HUB,), data=path))
    failures: list[HarnessError] = []
    service.on_failure(failures.append)
    try:
        await _ask_for_everything(service.hub(HUB))
        await asyncio.sleep(0)
    except RpcError:
        if not failures:
            raise
    finally:
        await service.close()
    return f"runs, then {type(failures[0]).__name__}" if failures else "runs"


async def _ask_for_everything(hub):
    query = pb.QueryInstancesRequest(query={"fetchInputsAndOutputs": True, "maxInstanceCount": 1000})
    states = (await hub.query_instances(query)).orchestrationState
    for state in states:
        state.SerializeToString()
        await hub.get_instance(pb.GetInstanceRequest(instanceId=state.instanceId, getInputsAndOutputs=True))
        with contextlib.suppress(RpcError):
            async for _ in hub.stream_instance_history(pb.StreamInstanceHistoryRequest(instanceId=state.instanceId)):
                pass
    await hub.list_instance_ids(pb.ListInstanceIdsRequest(pageSize=1000))
    await hub.measure_instances([state.instanceId for state in states])
    await hub.query_entities(pb.QueryEntitiesRequest(query={"includeState": True, "includeTransient": True}))
    purged = pb.PurgeInstancesRequest(purgeInstanceFilter={"runtimeStatus": [pb.ORCHESTRATION_STATUS_FAILED]})
    await hub.purge_instances(purged)


def damaged_copy(pristine, folder, damage, chance):
    """Return the path of a damaged copy of a file in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    content = bytearray(pristine.read_bytes())
    damage(content, chance)
    path = Path(folder) / "hub.db"
    path.write_bytes(content)
    return path
