"""Continue-as-new: state handed on, history left behind, events not lost."""

import json

import pytest


def test_five_generations_hand_on_their_state(features):
    """Each generation starts with the input the last one gave, and only the last one's return is the output."""
    output = features.output_of("count_up", {"generations": []})
    assert output == {"generations": [0, 1, 2, 3, 4, 5]}


def test_history_begins_again(features):
    """After five renewals the history holds the last generation only."""
    instance_id = features.run("count_up", {"generations": []})["instanceId"]
    events = [event["EventType"] for event in features.status(instance_id, showHistory="true")["historyEvents"]]
    assert events.count("ExecutionStarted") == 1
    assert events.count("TaskCompleted") == 1


def test_each_generation_takes_its_event(features, wait_until):
    """An event that comes once a generation waits for it is taken by that one."""
    instance_id = features.start("gather", {"seen": [], "want": 4})
    for item in range(4):
        wait_until(lambda taken=item: seen_by(features, instance_id) == list(range(taken)), f"generation {item}")
        features.raise_event(instance_id, "item", item)
    assert features.wait_terminal(instance_id)["output"] == [0, 1, 2, 3]


def seen_by(features, instance_id):
    """Return the events that an instance has taken in the generations before this one."""
    given = features.status(instance_id)["input"]
    return (json.loads(given) if isinstance(given, str) else given)["seen"]


@pytest.mark.sdk1  # 2.x keeps no event of the turn that continues as new, unless the app asks durabletask for that
def test_events_raised_together_reach_one_generation_each(features):
    """Events that come before their generation has begun are carried over: none is lost, none is seen twice."""
    instance_id = features.start("gather", {"seen": [], "want": 4})
    for item in range(4):
        features.raise_event(instance_id, "item", item)
    assert features.wait_terminal(instance_id)["output"] == [0, 1, 2, 3]


@pytest.mark.sdk1
def test_events_that_pile_up_while_suspended_are_carried_over(features):
    """Four events that are delivered in one turn, at resume, reach four generations in order."""
    instance_id = features.start("gather", {"seen": [], "want": 4})
    features.wait_for(instance_id, "Running")
    features.operate(instance_id, "suspend")
    features.wait_for(instance_id, "Suspended")
    for item in range(4):
        features.raise_event(instance_id, "item", item)
    features.operate(instance_id, "resume")
    assert features.wait_terminal(instance_id)["output"] == [0, 1, 2, 3]


def test_the_id_stays(features, key):
    """Renewals keep the instance id."""
    assert features.run("count_up", {"generations": []}, key)["instanceId"] == key
