"""The critical path of instances whose answer is known by hand, and the sentences about it."""

from itertools import pairwise

import pytest

from durable_harness.why import Part, explain
from durable_harness.why.findings import findings_of
from durable_harness.why.segments import Segment
from durable_harness.why.text import as_lines
from durable_harness.why.webhook_document import document_of
from made_up_timings import MS, begins, document, event, turn, turn_began, work

CREATED = 1_767_225_600_000_000_000


def parts_ms(explained):
    """Return the milliseconds of each part."""
    return {part.value: ns / MS for part, ns in explained.parts.items()}


def scheduled(at_ms, task, name="work"):
    return event("taskScheduled", at_ms, task, name=name)


def completed(at_ms, task):
    return event("taskCompleted", at_ms, taskScheduledId=task)


def fan_out(works, done_ms, **more):
    """Return an instance that calls two activities at once; each is done at its moment, in turns of 10 ms."""
    first_ms, second_ms = done_ms
    events = [
        *begins(),
        scheduled(10, 1),
        scheduled(10, 2),
        turn_began(first_ms),
        completed(first_ms, 1),
        turn_began(second_ms),
        completed(second_ms, 2),
    ]
    turns = [turn(0, 0, 10), turn(first_ms, first_ms, first_ms + 10), turn(second_ms, second_ms, second_ms + 10)]
    return document(events, [*turns, *works], ended_ms=second_ms + 10, **more)


def test_of_a_fan_out_the_longest_branch_is_on_the_path():
    """A thread-starved app: the branch that ended last counts, its wait for a thread apart from its code."""
    works = [
        work("activity", 10, 10, 110, task=1, host=(10, 10, 10, 110)),
        work("activity", 10, 10, 510, task=2, host=(10, 10, 410, 510)),
    ]
    explained = explain(fan_out(works, (110, 510)))
    assert parts_ms(explained) == {"thread": 400, "code": 100, "orchestrator": 20}
    assert explained.total_ns == 520 * MS
    assert explained.findings[0].text.startswith(
        "77% waits for a thread: 4 plain (not async) functions at once, PYTHON_THREADPOOL_THREAD_COUNT is 4."
    )
    assert (explained.findings[0].knob, explained.findings[0].value) == ("PYTHON_THREADPOOL_THREAD_COUNT", 4)


def test_a_wait_for_a_slot_names_the_setting_of_host_json():
    """A slot-starved app: what the scheduler kept because the host had no room is a wait for a slot."""
    works = [
        work("activity", 10, 10, 110, task=1, host=(10, None, 10, 110)),
        work("activity", 10, 310, 410, task=2, waited_for="slot", host=(310, None, 310, 410)),
    ]
    explained = explain(fan_out(works, (110, 410)))
    assert parts_ms(explained) == {"slot": 300, "code": 100, "orchestrator": 20}
    assert "2 activities at once, maxConcurrentActivityFunctions is 2" in explained.findings[0].text


def test_work_that_no_host_takes_waits_for_dispatch():
    """Work that no connected host accepted is distinguished from work that waits for room."""
    works = [
        work("activity", 10, 10, 110, task=1, host=(10, None, 10, 110)),
        work("activity", 10, 310, 410, task=2, waited_for="worker", host=(310, None, 310, 410)),
    ]
    explained = explain(fan_out(works, (110, 410)))
    assert parts_ms(explained)["dispatch"] == 300
    assert "none that was connected did" in explained.findings[0].text


def test_a_turn_that_delays_an_outcome_is_on_the_path():
    """Turns run one at a time: an outcome that comes during a turn waits for its end."""
    events = [
        *begins(),
        scheduled(10, 1),
        scheduled(10, 2),
        turn_began(100),
        completed(100, 1),
        turn_began(300),
        completed(150, 2),
    ]
    works = [
        turn(0, 0, 10),
        turn(100, 100, 300),
        turn(300, 300, 320),
        work("activity", 10, 10, 100, task=1, host=(10, None, 10, 100)),
        work("activity", 10, 10, 150, task=2, host=(10, None, 10, 150)),
    ]
    explained = explain(document(events, works, ended_ms=320))
    assert parts_ms(explained) == {"orchestrator": 10 + 150 + 20, "code": 140}


def test_replay_is_separate_from_the_orchestrators_code():
    """A replay-heavy app: what a turn took to reach what is new in it is replay, and the finding counts its events."""
    events = [*begins(), scheduled(10, 1), turn_began(20), completed(20, 1)]
    replay = {"replayedEvents": 3, "replayNs": 80 * MS}
    works = [
        turn(0, 0, 10),
        turn(20, 20, 120, replay=replay),
        work("activity", 10, 10, 20, task=1, host=(10, None, 10, 20)),
    ]
    explained = explain(document(events, works, ended_ms=120))
    assert parts_ms(explained) == {"replay": 80, "orchestrator": 30, "code": 10}
    assert "1 turns replayed 3 events" in explained.findings[0].text


def test_a_timer_and_the_delay_of_a_retry_are_two_things():
    """A timer that was set after a failure is the delay of a retry; any other is a timer."""
    events = [
        *begins(),
        event("timerCreated", 0, 1, dueNs=100 * MS),
        turn_began(100),
        event("timerFired", 100, timerId=1),
        scheduled(100, 2),
        turn_began(150),
        event("taskFailed", 150, taskScheduledId=2),
        event("timerCreated", 150, 3, dueNs=400 * MS),
        turn_began(410),
        event("timerFired", 410, timerId=3),
    ]
    works = [work("activity", 100, 100, 150, task=2, host=(100, None, 100, 150)), turn(0, 0, 0)]
    explained = explain(document(events, works, ended_ms=410))
    assert parts_ms(explained) == {"retry": 250, "timer": 100, "code": 50, "harness": 10}


def test_a_wait_for_an_event_begins_when_the_last_turn_ends():
    """An event-bound app: from the turn that asked for nothing else until the event came, named by it."""
    events = [*begins(), turn_began(900), event("eventRaised", 900, name="Approved")]
    explained = explain(document(events, [turn(0, 0, 10), turn(900, 900, 910)], ended_ms=910))
    assert parts_ms(explained) == {"event": 890, "orchestrator": 20}
    assert explained.findings[0].text == "98% waits for an external event 'Approved'."


def test_code_that_holds_the_event_loop_is_named():
    """What the host did not get done while an async function kept the loop is a wait for the loop, and a finding."""
    works = [
        work("activity", 10, 10, 810, task=1, host=(10, None, 10, 810)),
        work("activity", 10, 10, 910, task=2, host=(810, None, 810, 910)),
    ]
    holds = [{"function": "crunch", "fromNs": 10 * MS, "toNs": 810 * MS}]
    explained = explain(fan_out(works, (810, 910), holds=holds))
    assert parts_ms(explained) == {"loop": 800, "code": 100, "orchestrator": 20}
    assert [finding.part for finding in explained.findings] == [Part.LOOP, Part.CODE, Part.LOOP]
    assert "'crunch' keeps the event loop to itself for up to 800 ms" in explained.findings[-1].text


def test_the_path_goes_through_a_sub_orchestration():
    """The path of a child stands in that of its parent; a child that is gone leaves its time unknown."""
    created = event("subOrchestrationInstanceCreated", 0, 1, name="c", instanceId="child")
    events = [
        *begins(),
        created,
        turn_began(200),
        event("subOrchestrationInstanceCompleted", 200, taskScheduledId=1),
    ]
    child_events = [turn_began(50), event("executionStarted", 0, 0, name="c")]
    child = document(child_events, [turn(0, 50, 200, waited_for="slot")], ended_ms=200, instanceId="child")
    works = [turn(0, 0, 0), turn(200, 200, 200)]
    assert parts_ms(explain(document(events, works, ended_ms=200, children=[child]))) == {
        "orchestrator": 150,
        "slot": 50,
    }
    assert parts_ms(explain(document(events, works, ended_ms=200))) == {"unknown": 200}


def test_a_call_of_a_busy_entity_waits_for_it_first():
    """Until its batch is ready a call waits for the entity; then it is a piece of work as any other."""
    called = event("entityOperationCalled", 0, 1, operation="add", requestId="r", entity="@counter@a")
    events = [*begins(), called, turn_began(160), event("entityOperationCompleted", 160, requestId="r")]
    batches = [work("batch", 100, 100, 160, host=(100, 100, 110, 160))]
    works = [turn(0, 0, 0), turn(160, 160, 160)]
    explained = explain(document(events, works, ended_ms=160, entities={"@counter@a": batches}))
    assert parts_ms(explained) == {"entity": 100, "code": 50, "thread": 10}


def test_time_before_a_kept_execution_is_not_known():
    """Of an instance that continued as new the earlier executions are not kept: nothing is made up for them."""
    events = [turn_began(500), event("executionStarted", 500, 0, name="o")]
    assert parts_ms(explain(document(events, [turn(500, 500, 600)], ended_ms=600))) == {
        "unknown": 500,
        "orchestrator": 100,
    }


def test_a_scheduled_start_is_a_timer():
    """The time until a start that was asked for later is no wait of the system."""
    events = [turn_began(300), event("executionStarted", 0, 0, name="o", dueNs=300 * MS)]
    assert parts_ms(explain(document(events, [turn(300, 300, 310)], ended_ms=310)))["timer"] == 300


def test_no_number_comes_from_a_clock_that_was_moved():
    """Without a clock that can be believed there is no path, no share and no age; what it waits for is still shown."""
    events = [*begins(), scheduled(10, 1)]
    works = [turn(0, 0, 10), work("activity", 10, None, None, task=1, waited_for="slot")]
    explained = explain(document(events, works, isTimed=False))
    assert (explained.path, explained.findings, explained.total_ns) == ((), (), None)
    assert explained.as_json()["total_ms"] is None
    text = "\n".join(as_lines(explained))
    assert "Waits now for activity 'work': waits for a slot\n" in text
    assert "the clock of its scheduler was moved" in text
    assert " ms" not in text


@pytest.mark.parametrize(
    ("pending", "message"),
    [
        (work("activity", 10, None, None, task=1, waited_for="slot"), "waits for a slot (for 9.99 s)"),
        (work("activity", 10, None, None, task=1, waited_for="worker"), "waits for a host that takes it"),
        (work("activity", 10, 20, None, task=1, host=(20, 20, None, None)), "waits for a thread (for 9.98 s)"),
        (work("activity", 10, 20, None, task=1, host=(20, 20, 9000, None)), "runs (for 1.00 s)"),
    ],
)
def test_a_live_instance_names_its_waits_and_since_when(pending, message):
    """Each stage of unfinished work has its words."""
    events = [*begins(), scheduled(10, 1)]
    lines = list(as_lines(explain(document(events, [turn(0, 0, 10), pending]))))
    assert lines[1].startswith(f"Waits now for activity 'work': {message}")


def test_an_instance_that_is_stuck_in_pending_waits_for_a_host():
    """A first turn that no worker takes is named with what it lacks."""
    pending = work("turn", 0, None, None, waited_for="worker")
    came = [event("executionStarted", 0, 0, name="o")]
    explained = explain(document([], [pending], status="PENDING", came=came))
    assert [(wait.what, wait.part) for wait in explained.waits] == [("a turn of orchestrator 'o'", Part.DISPATCH)]
    assert parts_ms(explained) == {"dispatch": 10_000}


def test_an_instance_that_asked_for_nothing_waits_for_an_event():
    """If nothing it asked for is open, only an event can bring it on; the wait began with its last turn."""
    explained = explain(document(begins(), [turn(0, 0, 10)]))
    assert [(wait.what, wait.age_ns) for wait in explained.waits] == [("an external event", 9990 * MS)]
    assert parts_ms(explained) == {"event": 9990, "orchestrator": 10}


def test_what_is_alike_is_reported_once():
    """A fan-out's waits of one kind are one line, with the oldest."""
    events = [*begins(), scheduled(10, 1), scheduled(10, 2)]
    works = [turn(0, 0, 10), *(work("activity", 10, None, None, task=n, waited_for="slot") for n in (1, 2))]
    lines = list(as_lines(explain(document(events, works))))
    assert lines[1] == "Waits now for 2 x activity 'work': waits for a slot (for 9.99 s, the oldest)"


def test_every_moment_of_a_path_is_in_one_piece():
    """A path begins with the creation, ends with the end and has neither gaps nor overlaps."""
    works = [
        work("activity", 10, 30, 110, task=1, host=(35, 36, 50, 100)),
        work("activity", 10, 60, 510, task=2, host=(70, 71, 410, 500)),
    ]
    path = explain(fan_out(works, (110, 510))).path
    assert (path[0].from_ns, path[-1].to_ns) == (0, 520 * MS)
    assert all(one.to_ns == after.from_ns for one, after in pairwise(path))


def stamp(seconds):
    return f"2026-01-01T00:00:{seconds:06.3f}000Z"


def test_of_other_services_what_the_history_has_is_known():
    """Activities and timers have their time, waits included; the rest is shown as unknown."""
    rows = [
        {"EventType": "ExecutionStarted", "FunctionName": "o", "Timestamp": stamp(0.1)},
        {"EventType": "TaskCompleted", "FunctionName": "a", "ScheduledTime": stamp(1), "Timestamp": stamp(3)},
        {"EventType": "TimerFired", "ScheduledTime": stamp(3.5), "Timestamp": stamp(9), "FireAt": stamp(9)},
        {"EventType": "ExecutionCompleted", "Timestamp": stamp(9.5)},
    ]
    status = {"name": "o", "runtimeStatus": "Completed", "createdTime": stamp(0), "lastUpdatedTime": stamp(9.5)}
    explained = explain(document_of("i", status, rows))
    known = parts_ms(explained)
    assert known["activity_whole"] == pytest.approx(2000)
    assert known["timer"] == pytest.approx(5500)
    assert "thread" not in known
    assert "not known" in explained.not_known[0]


def test_of_other_services_a_wait_for_an_event_is_one():
    """Where the end of a turn is not known, the wait is counted from its beginning."""
    rows = [
        {"EventType": "ExecutionStarted", "FunctionName": "o", "Timestamp": stamp(0)},
        {"EventType": "EventRaised", "Name": "Go", "Timestamp": stamp(5)},
        {"EventType": "ExecutionCompleted", "Timestamp": stamp(5.5)},
    ]
    status = {"name": "o", "runtimeStatus": "Completed", "createdTime": stamp(0), "lastUpdatedTime": stamp(5.5)}
    assert parts_ms(explain(document_of("i", status, rows))) == {"event": 5000, "turn_whole": 500}


def test_a_living_instance_of_another_service_has_no_age():
    """Its clock was not read for the present, so no time is given for what it waits for."""
    rows = [
        {"EventType": "ExecutionStarted", "FunctionName": "o", "Timestamp": stamp(0.1)},
        {"EventType": "TaskScheduled", "FunctionName": "a", "Timestamp": stamp(1)},
    ]
    status = {"name": "o", "runtimeStatus": "Running", "createdTime": stamp(0), "lastUpdatedTime": stamp(1)}
    waits = explain(document_of("i", status, rows)).waits
    assert [(wait.what, wait.age_ns) for wait in waits] == [("activity 'a'", None)]


def test_consecutive_pieces_are_counted_for_one_operation():
    """A chain says how many calls it has; of several operations together it is still those of one."""
    events = [*begins(), scheduled(0, 1), turn_began(50), completed(50, 1), scheduled(50, 2), turn_began(90)]
    works = [
        work("activity", at, at, at + 40, task=task, host=(at, None, at, at + 40)) for at, task in ((0, 1), (50, 2))
    ]
    explained = explain(document([*events, completed(90, 2)], [turn(0, 0, 0), turn(50, 50, 50), *works], ended_ms=90))
    assert "'work' (2 one after the other)" in explained.findings[0].text
    together = list(findings_of(explained.facts, [*explained.path, *explained.path], operations=2))
    assert together[0].text == explained.findings[0].text


def chain(*lengths_ms):
    """Return an instance that calls activities one after the other: `work0`, `work1`, … of these lengths."""
    at, events, works = 0, begins(), []
    for number, length in enumerate(lengths_ms):
        events += [scheduled(at, number + 1, f"work{number}"), turn_began(at + length)]
        events.append(completed(at + length, number + 1))
        host = (at, None, at, at + length)
        works += [turn(at, at, at), work("activity", at, at, at + length, task=number + 1, host=host)]
        at += length
    return document(events, [*works, turn(at, at, at)], ended_ms=at)


def test_of_several_functions_each_has_its_own_share():
    """A part that several functions spend is not given to the longest of them: each is named with its own share."""
    explained = explain(chain(50, 30, 20))
    assert explained.findings[0].text == "100% is the code of 'work0' (50%), 'work1' (30%) and 'work2' (20%)."
    five = explain(chain(60, 20, 10, 6, 4))
    assert five.findings[0].text == (
        "100% is the code of 'work0' (60%), 'work1' (20%), 'work2' (10%) and 2 more (10%)."
    )


def test_waits_for_slots_of_two_kinds_are_two_findings():
    """Turns and activities have limits of their own: each wait has its own share and names its own setting."""
    pieces = [Segment(Part.SLOT, 0, 60, "work", "activity"), Segment(Part.SLOT, 60, 100, "o", "turn")]
    first, second = findings_of(explain(chain(1)).facts, pieces)
    assert (first.share, first.knob) == (pytest.approx(0.6), "maxConcurrentActivityFunctions")
    assert (second.share, second.knob) == (pytest.approx(0.4), "maxConcurrentOrchestratorFunctions")


def test_columns_of_the_text_are_as_wide_as_their_words():
    """The longest name of a part and the longest time leave the columns in line."""
    events = [*begins(), scheduled(0, 1), turn_began(900_000), completed(900_000, 1)]
    works = [work("activity", 0, 0, 900_000, task=1, host=(0, None, 400_000, 900_000))]
    lines = list(
        as_lines(explain(document(events, [turn(0, 0, 0), turn(900_000, 900_000, 900_000), *works], ended_ms=900_000)))
    )
    path = [line for line in lines if line.startswith("  at ")]
    assert len(path) > 1
    assert any(line.startswith("  at 6 min 40 s  8 min 20 s  code of ") for line in path)
    assert any(line.startswith("  at     0.0 ms  ") for line in path)
    (code,) = [line for line in path if "code of activities and entities" in line]
    assert code.endswith("code of activities and entities  work")


def test_a_start_that_is_scheduled_for_later_is_waited_for():
    """An instance that is Pending because it was asked to start later shows when it will."""
    came = [event("executionStarted", 0, 0, name="o", dueNs=12_000 * MS)]
    explained = explain(document([], status="PENDING", came=came))
    assert [(wait.what, wait.does) for wait in explained.waits] == [("its scheduled start", "comes in 2.00 s")]
    assert parts_ms(explained) == {"timer": 10_000}


def test_a_suspended_instance_is_named_so_beside_what_is_open():
    """What it asked for continues; that it is suspended comes first."""
    events = [*begins(), scheduled(10, 1)]
    works = [turn(0, 0, 10), work("activity", 10, None, None, task=1, waited_for="slot")]
    waits = explain(document(events, works, status="SUSPENDED")).waits
    assert [wait.part for wait in waits] == [Part.SUSPENDED, Part.SLOT]
