"""What the scheduler measured of an operation: when it began and ended, and what it cost in whole numbers."""

import asyncio
import sqlite3

from durable_harness.protocol import pb
from durable_harness.protocol.costs import costs_of
from durable_harness.scheduler import RealClock, TaskHub
from durable_harness.scheduler.storage.schema import FORMAT_VERSION
from hub_bench import START_NS, child, complete, fail, file_scenario, scenario, schedule, timer

CONTINUED = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
SECOND_NS = 1_000_000_000
ADDED = ("begun_ns", "modelled", "parent_key", "children", "costs")
COUNTER = {"value": "@counter@k"}


async def measured(bench, instance_id="i"):
    return (await bench.hub.measure_instances([instance_id]))[instance_id]


async def costs(bench, instance_id="i"):
    found = (await measured(bench, instance_id)).costs
    return found and found.as_json()


async def actions(bench, instance_id="i"):
    return (await costs(bench, instance_id))["actions"]


def to_entity(**kind):
    return pb.OrchestratorAction(id=0, sendEntityMessage=pb.SendEntityMessageAction(**kind))


async def serve_entity(bench, result):
    item = await bench.item("entityRequestV2")
    outcome = pb.OperationResult(success={"result": {"value": result}})
    await bench.hub.complete_entity_task(pb.EntityBatchResult(completionToken=item.completionToken, results=[outcome]))


@scenario
async def test_a_chain_costs_one_action_and_two_for_each_activity(bench):
    """A chain of n activities is 1 + 2n actions, its payloads count in bytes, and each turn replays all before it."""
    bench.connect()
    for instance_id, count in (("one", 1), ("five", 5)):
        await bench.start(instance_id, input='"in"')
        for number in range(count):
            await bench.turn(schedule(number, text="[12]"))
            await bench.activity(result='"é"')
        await bench.turn(complete('"output"'))
        replayed = sum(3 * turn for turn in range(count + 1))  # a turn of this chain adds three events
        assert await costs(bench, instance_id) == {
            "actions": {"orchestration": 1, "activity": count, "result": count},
            "replayedEvents": replayed,
            "payloadBytes": len('"in"') + count * (len("[12]") + 4) + len('"output"'),
        }


@scenario
async def test_a_fan_out_costs_the_same_whatever_its_timing(bench):
    """Ten activities at once are 21 actions, whether their results come in one turn or in ten."""
    bench.connect()
    await bench.start("together")
    item = await bench.item()
    await bench.answer(item, *(schedule(number) for number in range(10)))
    await bench.activity()
    held = await bench.item("orchestratorRequest")
    for _ in range(9):
        await bench.activity()
    await bench.answer(held)
    await bench.turn(complete())
    await bench.start("apart")
    await bench.turn(*(schedule(number) for number in range(10)))
    for number in range(10):
        await bench.activity()
        await bench.turn(*([complete()] if number == 9 else []))
    expected = {"orchestration": 1, "activity": 10, "result": 10}
    assert await actions(bench, "together") == await actions(bench, "apart") == expected


@scenario
async def test_times_are_those_of_the_history(bench):
    """Creation, the first dispatch and the end are the very stamps of the instance's history."""
    await bench.start()
    bench.clock.advance(3)
    bench.connect()
    item = await bench.item()
    bench.clock.advance(4)
    await bench.answer(item, schedule(0))
    bench.clock.advance(5)
    await bench.activity()
    await bench.turn(complete())
    found = await measured(bench)
    stamps = [event.timestamp.ToNanoseconds() for event in await bench.history()]
    assert (found.begun_ns, found.ended_ns) == (stamps[0], stamps[-1])
    elapsed_s = [(moment - START_NS) // SECOND_NS for moment in (found.created_ns, found.begun_ns, found.ended_ns)]
    assert elapsed_s == [0, 3, 12]


@scenario
async def test_what_has_not_happened_is_not_known(bench):
    """Before the first turn there is a creation only, before the end no end and no costs; unknown ids are left out."""
    await bench.start()
    pending = await measured(bench)
    assert (pending.created_ns, pending.begun_ns, pending.ended_ns, pending.costs) == (START_NS, None, None, None)
    bench.connect()
    await bench.turn(schedule(0))
    running = await measured(bench)
    assert (running.begun_ns, running.ended_ns, running.costs) == (START_NS, None, None)
    assert list(await bench.hub.measure_instances(["nobody", "i"])) == ["i"]


@scenario
async def test_timers_events_and_control_are_actions(bench):
    """A timer that fires, an event and each suspension, resumption and termination are one action each."""
    bench.connect()
    await bench.start()
    await bench.turn(timer(0, 10), timer(1, 500))
    bench.clock.advance(11)
    await bench.turn()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go", input={"value": '"now"'}))
    await bench.turn()
    await bench.hub.suspend_instance(pb.SuspendRequest(instanceId="i"))
    await bench.turn()
    await bench.hub.resume_instance(pb.ResumeRequest(instanceId="i"))
    await bench.turn()
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i", output={"value": "enough"}))
    await bench.turn(complete("enough", pb.ORCHESTRATION_STATUS_TERMINATED))
    found = await costs(bench)
    assert found["actions"] == {"orchestration": 1, "timer": 1, "event": 1, "control": 3}
    assert found["payloadBytes"] == len('"now"')


@scenario
async def test_entity_operations_are_actions_of_their_sender(bench):
    """A call is an action and its result another, a signal is one, a granted lock one; unlocking costs nothing."""
    bench.connect()
    await bench.start()
    section = {"criticalSectionId": "cs"}
    await bench.turn(
        to_entity(entityLockRequested=section | {"lockSet": ["@counter@k"], "parentInstanceId": {"value": "i"}})
    )
    called = {"requestId": "r", "operation": "get", "input": {"value": "1"}, "targetInstanceId": COUNTER}
    await bench.turn(to_entity(entityOperationCalled=called | {"parentInstanceId": {"value": "i"}}))
    await serve_entity(bench, "12")
    signaled = {"requestId": "s", "operation": "add", "input": {"value": "345"}, "targetInstanceId": COUNTER}
    await bench.turn(
        to_entity(entityUnlockSent=section | {"targetInstanceId": COUNTER}),
        to_entity(entityOperationSignaled=signaled),
        complete(),
    )
    found = await costs(bench)
    assert found["actions"] == {"orchestration": 1, "entity": 2, "result": 2}
    assert found["payloadBytes"] == 1 + 2 + 3


@scenario
async def test_an_operation_costs_what_its_sub_orchestrations_cost(bench):
    """Costs are those of the whole tree, children of earlier executions and grandchildren too."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c1"))
    await bench.turn(child(0, "g"))
    await bench.turn(complete('"grandchild"'))
    await bench.turn(complete('"child"'))
    await bench.turn(complete("2", CONTINUED))
    await bench.turn(child(0, "c2"))
    await bench.turn(schedule(0))
    await bench.activity(result="7")
    await bench.turn(fail())
    await bench.turn(complete('"end"'))
    assert await actions(bench) == {"orchestration": 5, "activity": 1, "result": 4}
    assert await actions(bench, "c1") == {"orchestration": 2, "result": 1}
    sizes = [len(text) for text in ('"grandchild"', '"child"', "2", "7", '"end"')]
    assert (await costs(bench))["payloadBytes"] == sum(sizes)


@scenario
async def test_a_tree_that_is_not_whole_has_no_costs(bench):
    """While a child runs, or once it was purged, the costs of the operation are not known; its times are."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c"), complete())
    assert (await measured(bench)).costs is None
    await bench.turn(complete())
    assert await actions(bench) == {"orchestration": 2}
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="c"))
    found = await measured(bench)
    assert (found.costs, found.ended_ns) == (None, START_NS)


@scenario
async def test_a_replaced_child_is_not_mistaken_for_its_successor(bench):
    """Another instance under a child's id does not stand for it: the costs of its parent are not known any more."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c"))
    await bench.turn(complete())
    await bench.turn(complete())
    await bench.start("c", orchestrationIdReusePolicy={"replaceableStatus": [pb.ORCHESTRATION_STATUS_COMPLETED]})
    await bench.turn(complete())
    assert await costs(bench) is None
    assert await actions(bench, "c") == {"orchestration": 1}


@scenario
async def test_continue_as_new_is_a_start_and_counts_events_once(bench):
    """Each execution is a start; an event that one carries to the next was dispatched twice and counts once."""
    bench.connect()
    await bench.start(input="1")
    await bench.turn()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="early", input={"value": "[1]"}))
    item = await bench.item()
    carried = [event for event in item.orchestratorRequest.newEvents if event.HasField("eventRaised")]
    bench.clock.advance(5)
    await bench.answer(item, complete("2", CONTINUED, carryover=carried))
    await bench.turn(complete("3"))
    found = await measured(bench)
    assert found.begun_ns == START_NS
    assert found.costs.as_json()["actions"] == {"orchestration": 2, "event": 1}
    assert found.costs.payload_bytes == 1 + len("[1]") + 1 + 1


@scenario
async def test_results_that_the_app_never_got_cost_nothing(bench):
    """A result and an event that come after the end were not dispatched and are not counted."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0), schedule(1))
    await bench.activity()
    await bench.turn(complete())
    await bench.activity()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="late"))
    assert await actions(bench) == {"orchestration": 1, "activity": 2, "result": 1}


@scenario
async def test_a_turn_that_is_given_again_counts_once(bench):
    """A turn and an activity whose workers were lost are dispatched again and counted once."""
    bench.connect()
    await bench.start()
    for kind in ("orchestratorRequest", "activityRequest"):
        await bench.item(kind)
        await bench.worker.close()
        bench.connect()
        if kind == "orchestratorRequest":
            await bench.turn(schedule(0))
    await bench.activity()
    await bench.turn(complete())
    found = await costs(bench)
    assert found["actions"] == {"orchestration": 1, "activity": 1, "result": 1}
    assert found["replayedEvents"] == 3


@scenario
async def test_failures_and_their_retries_are_results_without_bytes(bench):
    """Each attempt is an activity and a result; the text of a failure, and of the instance's own, counts no bytes."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    await bench.activity(failure="out of order")
    await bench.turn(schedule(1))
    await bench.activity(failure="out of order")
    await bench.turn(complete("a failure's text", pb.ORCHESTRATION_STATUS_FAILED, failure="out of order"))
    found = await costs(bench)
    assert (found["actions"], found["payloadBytes"]) == ({"orchestration": 1, "activity": 2, "result": 2}, 0)


@scenario
async def test_a_custom_status_counts_when_it_changes(bench):
    """Each new custom status adds its bytes; the same one again adds none."""
    bench.connect()
    await bench.start()
    for status, actions_ in (('"a"', [schedule(0)]), ('"a"', [schedule(1)]), ('"bc"', [complete()])):
        await bench.answer(await bench.item("orchestratorRequest"), *actions_, status=status)
        if not actions_[0].HasField("completeOrchestration"):
            await bench.activity(result="")
    assert (await costs(bench))["payloadBytes"] == len('"a"') + len('"bc"')


@scenario
async def test_a_rewound_instance_has_no_costs(bench):
    """What was taken back cannot be distinguished from what was not: the costs are not known."""
    bench.connect()
    await bench.start()
    await bench.turn(fail())
    assert await actions(bench) == {"orchestration": 1}
    await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="i"))
    item = await bench.item()
    history = [*list(item.orchestratorRequest.pastEvents)[:2], *item.orchestratorRequest.newEvents]
    rewound = pb.OrchestratorAction(id=-1, rewindOrchestration=pb.RewindOrchestrationAction(newHistory=history))
    await bench.answer(item, rewound)
    await bench.turn(complete())
    assert (await bench.status(), await costs(bench)) == ("COMPLETED", None)


@scenario
async def test_the_history_of_one_execution_has_the_same_costs(bench):
    """What is counted live, turn by turn, equals the count of the stored history."""
    bench.connect()
    await bench.start(input="[]")
    await bench.turn(schedule(0, text="1"), timer(1, 5))
    await bench.activity(result="[2]")
    await bench.turn()
    bench.clock.advance(6)
    await bench.turn(complete())
    live = (await measured(bench)).costs
    assert live == costs_of(await bench.history())


@file_scenario
async def test_counting_continues_after_a_restart(bench):
    """Nothing is lost or counted twice when the process dies between turns, nor when it dies within one."""
    bench.connect()
    await bench.start(input='"in"')
    await bench.turn(schedule(0, text="1"), child(1, "c"))
    bench.restart()
    bench.connect()
    await bench.activity(result="2")
    await bench.turn(complete("3"))
    await bench.item("orchestratorRequest")
    bench.restart()
    bench.connect()
    await bench.turn(complete("4"))
    bench.restart()
    found = await measured(bench)
    assert found.costs.as_json()["actions"] == {"orchestration": 2, "activity": 1, "result": 2}
    assert found.costs.payload_bytes == len('"in"') + 4
    assert (found.begun_ns, found.ended_ns) == (START_NS, START_NS)


@file_scenario
async def test_a_file_of_the_first_format_is_carried_over(bench):
    """Instances in an old file continue and end; what was not counted then is not known, what is new is counted."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    bench.hub.journal.store.close()
    old = sqlite3.connect(bench.path)
    old.executescript(
        "DROP INDEX instances_children; PRAGMA user_version = 1;"
        + "".join(f"ALTER TABLE instances DROP COLUMN {name};" for name in ADDED)
    )
    old.close()
    bench.restart()
    bench.connect()
    await bench.activity()
    await bench.turn(complete("1"))
    await bench.start("new")
    await bench.turn(complete())
    found = await measured(bench)
    assert (found.begun_ns, found.ended_ns, found.costs) == (None, START_NS, None)
    assert await actions(bench, "new") == {"orchestration": 1}
    version = bench.hub.journal.store.row("PRAGMA user_version")
    assert version == (FORMAT_VERSION,)


@file_scenario
async def test_a_key_is_not_given_again_while_children_name_it(bench):
    """After a restart a new instance does not inherit the children of one that was purged."""
    bench.connect()
    await bench.start("child-first")
    await bench.start()
    await bench.turn()
    await bench.turn(child(0, "c"), complete())
    parent_key = bench.hub.instances.get("i").key
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i"))
    bench.restart()
    assert next(bench.hub.journal.instance_keys) > parent_key


def test_modelled_times_are_no_measurements():
    """What ended before the clock was moved has its times; what ran on, or began later, has costs only."""

    async def scene():
        clock = RealClock()
        hub = TaskHub("test", clock)
        items = hub.get_work_items(pb.GetWorkItemsRequest())
        for instance_id in ("before", "across", "after"):
            await hub.start_instance(pb.CreateInstanceRequest(instanceId=instance_id, name="o"))
            item = await anext(items)
            if instance_id == "across":
                clock.advance(60)
            await hub.complete_orchestrator_task(
                pb.OrchestratorResponse(completionToken=item.completionToken, actions=[complete()])
            )
        found = await hub.measure_instances(["before", "across", "after"])
        await items.aclose()
        await hub.journal.close()
        return found

    found = asyncio.run(scene())
    assert {name: one.ended_ns is not None for name, one in found.items()} == {
        "before": True,
        "across": False,
        "after": False,
    }
    assert found["before"].created_ns <= found["before"].begun_ns <= found["before"].ended_ns
    assert (found["after"].created_ns, found["after"].begun_ns) == (None, None)
    assert found["across"].costs.as_json()["actions"] == {"orchestration": 1}
