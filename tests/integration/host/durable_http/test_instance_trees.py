"""Which sub-orchestrations an instance started: read from the history, not guessed from names and inputs."""

import pytest

from durable_harness.testing import Operations

WAITING, ENDED = ("wait_once", {"event": "never"}), ("child", 1)


@pytest.fixture
def operations(features, tmp_path):
    """Return what starts operations of the features app."""
    return Operations(features.stack, tmp_path)


@pytest.mark.sdk1
@pytest.mark.parametrize(("name", "given"), [WAITING, ENDED], ids=["outstanding", "ended"])
def test_children_that_look_alike_have_their_own_parents(operations, features, key, name, given):
    """Of two parents with children of one name and input, each has its own child in its tree, whatever its id."""
    parents = {}
    for number in (1, 2):
        child = f"{number}-of-{key}"
        parents[child] = operations.start_orchestrator("parent", {"name": name, "input": given, "id": child})
        features.wait_for(child, "Running", "Completed")
    for child, parent in parents.items():
        state = parent.wait()["runtimeStatus"] if name == "child" else "Running"
        tree = parent.tree()
        assert (tree.state, [instance.instance_id for instance in tree.children]) == (state, [child])
        if not tree.has_ended:
            parent.terminate()


@pytest.mark.sdk1
def test_only_rows_of_outstanding_children_have_their_id(operations, key):
    """As in Azure, the row of a sub-orchestration that has ended is its outcome, without the id of the instance."""
    waiting = operations.start_orchestrator("parent", {"name": WAITING[0], "input": WAITING[1], "id": f"waiting-{key}"})
    waiting.wait_for("Running")
    ended = operations.start_orchestrator("parent", {"input": 1, "id": f"ended-{key}"})
    ended.wait()
    assert child_row(waiting)["InstanceId"] == f"waiting-{key}"
    assert "InstanceId" not in child_row(ended)
    waiting.terminate()


def child_row(operation):
    rows = [row for row in operation.history() if row["EventType"].startswith("SubOrchestration")]
    assert len(rows) == 1
    return rows[0]
