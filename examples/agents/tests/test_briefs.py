"""Briefs, with the answers of the model in the hands of the tests: no model is asked."""

import pytest

from durable_harness.testing import ToolCall, assert_completed, assert_failed


def start(operations, topic="heat pumps"):
    """Start a brief."""
    return operations.start("/api/briefs", {"topic": topic})


def test_a_draft_is_accepted(operations, durable_activities):
    """The writer looks the topic up, and the editor takes the first draft."""
    writer = durable_activities.fake_chat(
        ToolCall("look_up", {"topic": "heat pumps"}), "Three for one.", agent="Writer"
    )
    editor = durable_activities.fake_chat("accept", agent="Editor")
    output = assert_completed(start(operations))
    assert output == {"state": "accepted", "drafts": 1, "brief": "Three for one."}
    assert "three units of heat" in writer.tool_calls[0].result
    assert editor.prompts == ["Three for one."]


def test_the_editor_asks_for_changes(operations, durable_activities):
    """What the editor wants is the next prompt of the writer, in the same session."""
    writer = durable_activities.fake_chat("A draft.", "A shorter draft.", agent="Writer")
    durable_activities.fake_chat("Make it shorter.", "accept", agent="Editor")
    assert assert_completed(start(operations))["drafts"] == 2
    assert writer.prompts == ["heat pumps", "Make it shorter."]
    assert len({call.session for call in writer.calls}) == 1


def test_three_drafts_are_enough(operations, durable_activities):
    """An editor that is never content does not keep the writer at work forever."""
    writer = durable_activities.fake_chat(by=lambda call: f"Draft about {call.prompt}", agent="Writer")
    durable_activities.fake_chat(by=lambda call: "No.", agent="Editor")
    assert assert_completed(start(operations))["state"] == "not accepted"
    assert len(writer.calls) == 3


@pytest.mark.durable_time("skip")
def test_a_slow_model(operations, durable_activities):
    """A model that takes an hour is too late, in a test that takes a moment."""
    durable_activities.fake_chat("A draft.", agent="Writer", delay_s=3600)
    assert assert_completed(start(operations)) == {"state": "too late", "drafts": 1}


def test_a_model_that_fails(operations, durable_activities):
    """An orchestration whose writer cannot be asked fails, and says so."""
    durable_activities.fake_chat(by=lambda call: ConnectionError("no model answers"), agent="Writer")
    assert "the writer gave no answer" in assert_failed(start(operations))


def test_bad_input_is_refused(operations):
    """A request without a topic starts nothing."""
    answer = operations.request("POST", "/api/briefs", {"subject": "heat pumps"})
    assert answer.status == 400
