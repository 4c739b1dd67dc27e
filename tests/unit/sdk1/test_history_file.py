"""Files of recorded histories: what they look like, and how unreadable ones are reported."""

import json

import pytest

from durable_harness.errors import UsageError
from durable_harness.protocol.history_file import (
    UnreadableHistoryError,
    as_document,
    from_document,
    from_events,
    read_history,
    write_document,
)
from history_events import event
from recorded import record


def orchestrator(context):
    yield context.call_activity("a", "Ä")


@pytest.fixture
def document():
    """Return a recorded history as the object that its file holds."""
    return as_document(record(orchestrator))


def test_a_file_is_read_as_it_was_written(tmp_path, document):
    """A file gives the same history back, whose folder is made, and the same text when it is written again."""
    path = tmp_path / "new" / "history.json"
    write_document(path, document)
    history = read_history(path)
    assert (history.instance_id, history.orchestrator) == ("i", "o")
    written = path.read_bytes()
    write_document(path, as_document(history))
    assert path.read_bytes() == written
    assert "u00c4" in path.read_text(encoding="utf-8")


def test_events_are_written_without_noise(document):
    """Ids stand first, also those that are zero; trace contexts, tags and empty fields are left out, no payloads."""
    traced = {"traceParent": "00-1-2-01", "spanID": "2"}
    history = from_events(
        "i",
        [
            event(orchestratorStarted={}),
            event(executionStarted={"name": "o", "input": {"value": ""}, "tags": {"a": "b"}}),
            event(event_id=0, taskScheduled={"name": "a", "parentTraceContext": traced}),
            event(taskCompleted={"taskScheduledId": 0}),
        ],
    )
    assert as_document(history)["events"][1:] == [
        {"eventId": -1, "timestamp": "2026-01-01T00:00:00Z", "executionStarted": {"name": "o", "input": ""}},
        {"eventId": 0, "timestamp": "2026-01-01T00:00:00Z", "taskScheduled": {"name": "a"}},
        {"eventId": -1, "timestamp": "2026-01-01T00:00:00Z", "taskCompleted": {"taskScheduledId": 0}},
    ]
    assert list(document) == ["format", "version", "orchestrator", "instanceId", "lacks", "events"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "something"}, "is not a recorded history"),
        ({"version": 2}, "has version 2, this durable-harness reads 1"),
        ({"events": []}, "no executionStarted: no turn has run"),
        ({"events": [{"eventId": "x"}]}, "its events are not those of a history"),
        ({"events": [{"nonsense": {}}]}, "its events are not those of a history"),
        ({"events": 5}, "its events are not those of a history"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, document, change, message):
    """What is not a recorded history of a known version is an error that names the file and what is wrong."""
    path = tmp_path / "history.json"
    write_document(path, {**document, **change})
    with pytest.raises(UnreadableHistoryError, match=message) as caught:
        read_history(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    ("content", "message"), [(b"{", "is not JSON"), (b"\xff", "is not JSON"), (b"[]", "is not a rec")]
)
def test_other_files_are_refused(tmp_path, content, message):
    """Files that hold no JSON, no text or no object are refused too, and so is a missing one."""
    path = tmp_path / "history.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableHistoryError, match=message):
        read_history(path)
    with pytest.raises(UnreadableHistoryError, match="cannot be read: No such file"):
        read_history(tmp_path / "none.json")


def test_times_keep_their_fraction(document):
    """Times are written as precisely as they are known."""
    written = json.dumps(as_document(from_events("i", [event(0.123, executionStarted={"name": "o"})])))
    assert "2026-01-01T00:00:00.123Z" in written


def edited(document, *, twice=None, **change):
    """Return a document with a change; the event of the kind `twice` is there twice."""
    events = [event for event in document["events"] for _ in range(1 + (twice in event))]
    return {**document, "events": events, **change}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"twice": "executionStarted"}, "it has 2 events executionStarted, expected 1"),
        ({"twice": "executionCompleted"}, "it ends more than once"),
        ({"twice": "taskScheduled"}, "more than one thing was asked for as eventId 0"),
        ({"orchestrator": "other"}, "its orchestrator is 'other', that of its executionStarted 'o'"),
        ({"orchestrator": None}, "its orchestrator is None, that of its executionStarted 'o'"),
        ({"lacks": ["turns", "everything"]}, "lacks has 'everything', expected turns, dueTimes, inputs"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(document, change, message):
    """What no recording writes is an edit: such a history is not replayed, and the error states what it is."""
    with pytest.raises(UnreadableHistoryError, match=f"contradicts itself: {message}"):
        from_document(edited(document, **change), "file")


def test_a_rewound_history_may_repeat_itself(document):
    """A rewind leaves what it has undone in the history, where ids come again."""
    rewound = {"eventId": -1, "timestamp": "2026-01-01T00:00:00Z", "executionRewound": {}}
    repeated = edited(document, twice="taskScheduled")
    repeated["events"].append(rewound)
    assert from_document(repeated, "file").orchestrator == "o"


@pytest.mark.parametrize(
    ("scheduled", "failed"),
    [("taskScheduled", "taskFailed"), ("subOrchestrationInstanceCreated", "subOrchestrationInstanceFailed")],
)
def test_attempts_may_have_one_id(scheduled, failed):
    """SDK 2.x retries under the id of the attempt that failed; the same history without that failure is an edit."""
    started = [event(orchestratorStarted={}), event(executionStarted={"name": "o"})]
    attempt = event(event_id=1, **{scheduled: {"name": "a"}})
    failure = event(**{failed: {"taskScheduledId": 1}})
    written = as_document(from_events("i", [*started, attempt, failure, attempt]))
    assert from_document(written, "file").orchestrator == "o"
    with pytest.raises(UnreadableHistoryError, match="more than one thing was asked for as eventId 1"):
        from_document(as_document(from_events("i", [*started, attempt, attempt, failure])), "file")
