"""An instance as a chart: what its lanes and bars are made of."""

from durable_harness.dashboard.timeline import timeline_of
from durable_harness.why.facts import read_facts

MS = 1_000_000


def event(kind, at_ms, event_id=-1, **fields):
    return {"kind": kind, "id": event_id, "timeNs": at_ms * MS, **fields}


def turn(at_ms, *given):
    return [event("orchestratorStarted", at_ms), *given]


def work(kind, task, ready, sent, done, **host):
    """Return a piece of work by its moments in milliseconds, None for what has not happened."""
    moments = {
        name: None if at is None else at * MS
        for name, at in (("readyNs", ready), ("offeredNs", ready), ("sentNs", sent), ("doneNs", done))
    }
    stages = {name: at * MS if name.endswith("Ns") else at for name, at in host.items()}
    return {"kind": kind, "task": task, "waitedFor": "", **moments, "host": stages or None}


def facts(*events, notes=(), status="COMPLETED", ended=1000, now=1000):
    flat = [one for part in events for one in (part if isinstance(part, list) else [part])]
    return read_facts(
        {
            "instanceId": "i",
            "orchestrator": "ship",
            "status": status,
            "createdNs": 0,
            "isTimed": True,
            "endedNs": None if ended is None else ended * MS,
            "nowNs": now * MS,
            "came": [],
            "entities": {},
            "events": flat,
            "work": list(notes),
            "children": [],
        }
    )


def lanes(found):
    """Return lanes as text: what, name, and each bar's kind with its span in milliseconds."""
    return [
        (lane.what, lane.name, [(bar.kind, bar.from_ns // MS, bar.to_ns // MS) for bar in lane.bars])
        for lane in timeline_of(found).lanes
    ]


STARTED = event("executionStarted", 0, 0, name="ship")


def test_waiting_and_running_are_distinguished():
    """Of an activity whose moments are known, the time before its code ran is another bar than the code."""
    found = facts(
        turn(1, STARTED),
        event("taskScheduled", 2, 1, name="weigh"),
        turn(900, event("taskCompleted", 899, taskScheduledId=1)),
        notes=[work("activity", 1, 2, 100, 899, receivedNs=101, begunNs=300, endedNs=890)],
    )
    assert lanes(found)[1] == ("activity", "weigh", [("queued", 2, 300), ("running", 300, 890)])


def test_without_notes_an_activity_is_one_bar():
    """Of a scheduler that notes nothing only the whole is known: from the request to the outcome."""
    found = facts(
        turn(1, STARTED),
        event("taskScheduled", 2, 1, name="weigh"),
        turn(900, event("taskCompleted", 899, taskScheduledId=1)),
    )
    assert lanes(found)[1] == ("activity", "weigh", [("whole", 2, 899)])


def failed_then(next_id, name="weigh"):
    """Return the facts of an activity that failed, a timer, and another activity that completed."""
    return facts(
        turn(1, STARTED),
        event("taskScheduled", 2, 0, name="weigh"),
        turn(10, event("taskFailed", 10, taskScheduledId=0)),
        event("timerCreated", 11, 1, dueNs=50 * MS),
        turn(50, event("timerFired", 50, timerId=1)),
        event("taskScheduled", 51, next_id, name=name),
        turn(60, event("taskCompleted", 60, taskScheduledId=next_id)),
    )


def test_attempts_of_a_retried_task_stand_in_one_lane():
    """Each attempt is a bar of one lane, failed ones marked, with the delays between them."""
    found = failed_then(next_id=2)
    (lane,) = lanes(found)[1:]
    assert lane == ("activity", "weigh", [("failed", 2, 10), ("delay", 11, 50), ("whole", 51, 60)])
    assert timeline_of(found).lanes[1].attempts == 2


def test_attempts_under_one_id_have_their_own_outcomes():
    """SDK 2.x asks for each attempt under the same id: those that failed are marked, the last one is not."""
    found = failed_then(next_id=0)
    (lane,) = lanes(found)[1:]
    assert lane == ("activity", "weigh", [("failed", 2, 10), ("delay", 11, 50), ("whole", 51, 60)])


def test_a_last_timer_after_a_failure_is_in_its_lane():
    """A second activity of another name does not join the lane of one that failed."""
    found = failed_then(next_id=2, name="apologise")
    assert [(lane.name, lane.attempts) for lane in timeline_of(found).lanes[1:]] == [("weigh", 1), ("apologise", 1)]


def test_attempts_in_company_keep_to_their_lanes():
    """Two tasks of one name that fail together are two lanes, each with its own next attempt."""
    found = facts(
        turn(1, STARTED),
        event("taskScheduled", 2, 0, name="weigh"),
        event("taskScheduled", 2, 1, name="weigh"),
        turn(
            10,
            event("taskFailed", 10, taskScheduledId=0),
            event("taskFailed", 10, taskScheduledId=1),
        ),
        event("timerCreated", 11, 2, dueNs=50 * MS),
        event("timerCreated", 11, 3, dueNs=50 * MS),
        turn(50, event("timerFired", 50, timerId=2), event("timerFired", 50, timerId=3)),
        event("taskScheduled", 51, 4, name="weigh"),
        event("taskScheduled", 51, 5, name="weigh"),
        turn(
            60,
            event("taskCompleted", 60, taskScheduledId=4),
            event("taskCompleted", 61, taskScheduledId=5),
        ),
    )
    assert [lane.attempts for lane in timeline_of(found).lanes[1:]] == [2, 2]


def test_turns_that_replayed_are_marked():
    """A turn whose host replayed events is another kind of bar, and shows how many those were."""
    found = facts(
        turn(1, STARTED),
        event("taskScheduled", 2, 1, name="weigh"),
        turn(900, event("taskCompleted", 899, taskScheduledId=1)),
        notes=[
            work("turn", 0, 0, 1, 3, begunNs=1, endedNs=2),
            work("turn", 0, 899, 900, 999, begunNs=901, endedNs=990, replayedEvents=3),
        ],
    )
    lane = timeline_of(found).lanes[0]
    assert [bar.kind for bar in lane.bars] == ["queued", "turn", "queued", "replayed"]
    assert lane.bars[3].title == "turn 2, 3 events replayed"


def test_unfinished_work_is_open():
    """What has no outcome yet lasts until now, and its lane says that it is open."""
    found = facts(
        turn(1, STARTED),
        event("subOrchestrationInstanceCreated", 2, 1, name="small", instanceId="kid"),
        event("timerCreated", 2, 2, dueNs=90_000 * MS),
        status="RUNNING",
        ended=None,
        now=5000,
    )
    assert lanes(found)[1:] == [
        ("sub-orchestration", "small", [("child", 2, 5000)]),
        ("timer", "", [("timer", 2, 5000)]),
    ]
    assert [(lane.is_open, lane.instance_id) for lane in timeline_of(found).lanes[1:]] == [(True, "kid"), (True, "")]


def test_the_wait_for_an_event_is_a_bar():
    """The time before an event came, and the time while none comes, are bars."""
    found = facts(
        turn(1, STARTED),
        turn(300, event("eventRaised", 300, name="approved")),
        status="RUNNING",
        ended=None,
        now=5000,
    )
    assert lanes(found)[1:] == [
        ("event", "approved", [("wait", 1, 300)]),
        ("waits for", "an external event", [("wait", 300, 5000)]),
    ]


def test_bars_are_seen_and_inside():
    """However short a span is, its bar is wide enough to be seen, and none reaches beyond the chart."""
    found = facts(
        turn(1, STARTED),
        event("taskScheduled", 999, 1, name="weigh"),
        turn(1000, event("taskCompleted", 1000, taskScheduledId=1)),
    )
    chart = timeline_of(found)
    for lane in chart.lanes:
        for bar in lane.bars:
            assert chart.width(bar) >= 2
            assert 0 <= chart.x(bar) <= 998


def test_a_chart_of_very_many_shows_how_many_are_left_out():
    """A fan-out of thousands has the first lanes, and shows how many more there are."""
    asked = [event("taskScheduled", 2, number, name="weigh") for number in range(1000)]
    chart = timeline_of(facts(turn(1, STARTED), *asked, status="RUNNING", ended=None))
    assert (len(chart.lanes), chart.left_out) == (200, 801)


def test_what_waits_for_a_thread_does_not_run():
    """An activity that its host has and has not begun waits; one whose host reports nothing counts as begun."""
    for host, kind in (({"receivedNs": 60, "askedNs": 70}, "queued"), ({}, "running")):
        found = facts(
            turn(10, STARTED, event("taskScheduled", 20, 1, name="weigh")),
            notes=[work("activity", 1, 20, 50, None, **host)],
            status="RUNNING",
            ended=None,
        )
        (bars,) = [bars for what, _, bars in lanes(found) if what == "activity"]
        assert bars[-1] == (kind, 50 if kind == "running" else 20, 1000)
