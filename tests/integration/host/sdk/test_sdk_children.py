"""Sub-orchestrations: ids, parents, company, failures, retries."""

import re

import pytest


@pytest.mark.sdk1
def test_a_child_with_an_id_of_its_own_can_be_looked_up(features, key):
    """A child gets the id and input it was given, knows its parent, and is an instance like any other."""
    child_id, parent_id = f"{key}-child", f"{key}-parent"
    output = features.output_of("parent", {"id": child_id, "input": {"n": 1}}, parent_id)
    assert output == {
        "child": {"id": child_id, "parent": parent_id, "input": {"n": 1}, "version": "2.0.0"},
        "after": "after",
    }
    status = features.status(child_id)
    assert (status["name"], status["runtimeStatus"], status["output"]) == ("child", "Completed", output["child"])


@pytest.mark.sdk1
def test_a_child_without_an_id_gets_one_from_its_parent(features, key):
    """A generated child id is the parent's id, a colon, and the task's number in hexadecimal."""
    child = features.output_of("parent", {"input": "x"}, key)["child"]
    assert child["id"] == f"{key}:0000"
    assert features.status(child["id"])["output"] == child


@pytest.mark.sdk1
def test_five_children_in_parallel(features, key):
    """Children in task_all each run once, under different ids, and answer in the order of the calls."""
    children = features.output_of("parent_of_many", [{"input": n} for n in range(5)], key)
    assert [child["input"] for child in children] == list(range(5))
    assert {child["parent"] for child in children} == {key}
    assert len({child["id"] for child in children}) == 5


def test_a_top_level_instance_has_no_parent(features):
    """parent_instance_id is None for an instance that a client started."""
    assert features.output_of("who_am_i")["parent"] is None


@pytest.mark.sdk1
def test_a_failing_child_raises_in_its_parent(features, key):
    """The parent sees the child's failure with its text, and the child itself is Failed."""
    request = {"name": "raises", "id": f"{key}-child", "input": "too cold"}
    assert "too cold" in features.output_of("parent_caught", request)["caught"]
    assert features.status(f"{key}-child")["runtimeStatus"] == "Failed"


@pytest.mark.sdk1
def test_an_uncaught_child_failure_fails_the_parent(features):
    """A parent that does not catch its child's failure ends Failed with the same text."""
    status = features.run("parent", {"name": "raises", "input": "much too cold"})
    assert status["runtimeStatus"] == "Failed"
    assert "much too cold" in status["output"]


@pytest.mark.sdk1
def test_an_unknown_child_fails_the_parent(features):
    """Calling an orchestrator that does not exist fails the caller and names what is missing."""
    status = features.run("parent", {"name": "no_such_child"})
    assert status["runtimeStatus"] == "Failed"
    assert "no_such_child" in status["output"]


def test_a_child_is_retried(features, sdk, key):
    """A child that fails is started again until it succeeds, and the task after it gets its own answer."""
    assert features.output_of("parent_retrying", {"key": key, "succeed_on": 2}) == [2, "after"]
    assert sdk.probe(key)["count"] == 2


def test_a_child_with_a_fixed_id_is_retried(features, key):
    """A retried child may keep its id: the failed instance is replaced by the next attempt."""
    request = {"key": key, "succeed_on": 3, "id": f"{key}-child"}
    assert features.output_of("parent_retrying", request) == [3, "after"]
    assert features.status(f"{key}-child")["output"] == 3


def test_an_exhausted_child_fails_the_parent(features, key):
    """A child that fails at every attempt fails its parent with the last text."""
    status = features.run("parent_retrying", {"key": key, "succeed_on": 9})
    assert status["runtimeStatus"] == "Failed"
    assert "attempt 3 refused" in status["output"]


@pytest.mark.sdk1
def test_children_have_children(features, key):
    """A chain of three gives the answer through, and each generated id extends the one above."""
    grandchild = features.output_of("grandparent", {"input": "deep"}, key)["child"]
    assert grandchild["input"] == "deep"
    assert re.fullmatch(rf"{key}:[0-9a-f]{{4}}:[0-9a-f]{{4}}", grandchild["id"])
    assert grandchild["id"].startswith(grandchild["parent"])


@pytest.mark.sdk1
def test_a_child_with_a_version(features):
    """call_sub_orchestrator's version is the child's, whatever the parent's is."""
    assert features.output_of("parent", {"version": "3.1.0"})["child"]["version"] == "3.1.0"
