"""Documents of instances written by hand, in milliseconds since an instance's creation."""

MS = 1_000_000


def event(kind, at_ms, event_id=-1, **fields):
    """Return a history event in short."""
    return {"kind": kind, "id": event_id, "timeNs": at_ms * MS, **fields}


def turn_began(at_ms):
    return event("orchestratorStarted", at_ms)


def begins(at_ms=0, **fields):
    """Return the first two events of an execution."""
    return [turn_began(at_ms), event("executionStarted", 0, 0, name="o", **fields)]


def work(kind, ready_ms, sent_ms, done_ms, *, task=0, waited_for="", host=None):  # noqa: PLR0913 - its fields
    """Return the notes of a piece of work; `host` are its moments there: received, asked, begun, ended."""
    moments = None
    if host is not None:
        names = ("receivedNs", "askedNs", "begunNs", "endedNs")
        moments = {name: None if at is None else at * MS for name, at in zip(names, host[:4], strict=True)}
        moments |= {"replayedEvents": 0, "replayNs": None, "heldNs": 0, **(host[4] if len(host) > 4 else {})}
    times = {"readyNs": ready_ms, "offeredNs": ready_ms, "sentNs": sent_ms, "doneNs": done_ms}
    return {
        "kind": kind,
        "task": task,
        "waitedFor": waited_for,
        **{name: None if at is None else at * MS for name, at in times.items()},
        "host": moments,
    }


def turn(ready_ms, sent_ms, done_ms, **more):
    """Return a turn that a thread ran as soon as it was sent, until it was done."""
    host = (sent_ms, sent_ms, sent_ms, done_ms, more.pop("replay", {}))
    return work("turn", ready_ms, sent_ms, done_ms, host=host, **more)


def document(events, works=(), *, ended_ms=None, now_ms=10_000, status=None, **more):
    """Return the document of an instance."""
    return {
        "instanceId": "i",
        "orchestrator": "o",
        "status": status or ("COMPLETED" if ended_ms is not None else "RUNNING"),
        "createdNs": 0,
        "endedNs": None if ended_ms is None else ended_ms * MS,
        "nowNs": now_ms * MS,
        "isTimed": True,
        "events": events,
        "came": [],
        "work": list(works),
        "entities": {},
        "children": [],
        "limits": {"threads": 4, "turn": 20, "activity": 2, "batch": 20},
        **more,
    }
