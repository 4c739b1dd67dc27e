"""`durable-harness replay` on histories of 16 events, beside the SDK replaying the same turns from its own JSON.

The SDK runs the code and compares nothing but kinds; here each turn is read, run and compared in full. The SDK's own
input, a context as JSON per turn, is made before its time is taken.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.protocol import from_ns, pb
from durable_harness.protocol.history_file import as_document, from_events, write_document
from durable_harness.replay import replay_files

START = datetime(2026, 1, 1, tzinfo=UTC)
ACTIVITIES = 3
FILES = 200
ROUNDS = 7
SDK_TYPES = {
    "executionStarted": 0,
    "taskScheduled": 4,
    "taskCompleted": 5,
    "orchestratorStarted": 12,
}


def orchestrator(context: Any) -> Generator[Any, Any, int]:
    total = 0
    for number in range(ACTIVITIES):
        total += yield context.call_activity("work", number)
    return total


def turns() -> list[list[Any]]:
    """Return the events of a run of the orchestrator, turn by turn: 16 in all."""
    made = []
    for turn in range(ACTIVITIES + 1):
        completed = {"taskScheduledId": turn - 1, "result": {"value": str(turn)}}
        received = {"taskCompleted": completed} if turn else {"executionStarted": {"name": "o"}}
        events = [event(turn, orchestratorStarted={}), event(turn, **received)]
        if turn < ACTIVITIES:
            events.append(event(turn, turn, taskScheduled={"name": "work", "input": {"value": str(turn)}}))
        made.append([*events])
    output = {"value": str(sum(range(1, ACTIVITIES + 1)))}
    ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "result": output}
    made[-1].append(event(ACTIVITIES, executionCompleted=ending))
    return made


def event(seconds: int, event_id: int = -1, **kind: Any) -> Any:
    moment_ns = int((START + timedelta(seconds=seconds)).timestamp()) * 1_000_000_000
    return pb.HistoryEvent(eventId=event_id, timestamp=from_ns(moment_ns + 123_456_000), **kind)


def sdk_contexts() -> list[str]:
    """Return what the SDK is given in each turn, as the Durable extension sends it."""
    contexts, past = [], []
    for events in turns():
        given = [sdk_event(e) for e in events if e.WhichOneof("eventType") in {"orchestratorStarted", *RECEIVED}]
        context = {"history": [*past, *given], "instanceId": "i", "isReplaying": bool(past), "parentInstanceId": None}
        contexts.append(json.dumps({**context, "input": None, "upperSchemaVersion": 1, "upperSchemaVersionNew": 2}))
        past += [{**sdk_event(e), "IsPlayed": True} for e in events if e.WhichOneof("eventType") in SDK_TYPES]
    return contexts


RECEIVED = frozenset({"executionStarted", "taskCompleted"})


def sdk_event(source: Any) -> dict[str, Any]:
    kind = source.WhichOneof("eventType")
    detail = getattr(source, kind)
    row = {"EventType": SDK_TYPES[kind], "EventId": source.eventId, "IsPlayed": False}
    row["Timestamp"] = source.timestamp.ToJsonString()
    if kind == "executionStarted":
        row |= {"Name": "o", "Input": None, "Version": None}
    if kind == "taskCompleted":
        row |= {"TaskScheduledId": detail.taskScheduledId, "Result": detail.result.value}
    return row


def ms_per_history(run: Callable[[], None]) -> float:
    """Return the median of some rounds, in ms for one history."""
    taken = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        run()
        taken.append((time.perf_counter() - before) * 1000 / FILES)
    return statistics.median(taken)


def main() -> None:
    call = df.Orchestrator.create(orchestrator)
    trigger = {"type": "orchestrationTrigger", "name": "context"}
    app = FunctionApp(Path(), [Function("o", trigger, (), call, is_async=False, wants_context=False)])
    contexts = sdk_contexts()
    ended = json.loads(call(contexts[-1]))
    assert (ended["isDone"], ended["output"]) == (True, sum(range(1, ACTIVITIES + 1)))

    def theirs() -> None:
        for _ in range(FILES):
            for context in contexts:
                call(context)

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.json" for number in range(FILES)]
        events = [event for turn in turns() for event in turn]
        for file in files:
            write_document(file, as_document(from_events("i", events)))

        def ours() -> None:
            assert all(result.result == "ok" for result in replay_files(files, app))

        ours_ms, theirs_ms = ms_per_history(ours), ms_per_history(theirs)
    print(f"replay of {len(events)} events: ours {ours_ms:.2f} ms (file, code, comparison)")
    print(f"                      SDK  {theirs_ms:.2f} ms (code), ratio {theirs_ms / ours_ms:.2f}")


if __name__ == "__main__":
    main()
