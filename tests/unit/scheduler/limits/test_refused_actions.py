"""Actions that cannot be carried out: the orchestration fails with the reason, and does not hang."""

import pytest

from durable_harness.protocol import pb
from durable_harness.scheduler.limits.checks import checked_turn

TARGET = {"value": "@cart@7"}


def checked(**action):
    """Return the answer of a turn with one action, as it is taken."""
    response = pb.OrchestratorResponse(actions=[pb.OrchestratorAction(id=3, **action)])
    return response, checked_turn(response)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({}, "Action 3 is of no kind that this scheduler knows"),
        ({"sendEntityMessage": {}}, "Action 3 sends an entity message without a kind"),
        ({"completeOrchestration": {"orchestrationStatus": pb.ORCHESTRATION_STATUS_RUNNING}}, "which is no end"),
        (
            {"sendEntityMessage": {"entityOperationCalled": {"targetInstanceId": {"value": "cart"}, "operation": "a"}}},
            "'cart' is not the id of an entity",
        ),
        ({"sendEntityMessage": {"entityLockRequested": {"lockSet": ["@a@1", "@"]}}}, "'@' is not the id of an entity"),
    ],
)
def test_an_action_that_cannot_be_fails_the_orchestration(action, problem):
    """Refused, the answer would be sent again or forgotten: taken as a failure, the reason is seen."""
    _, taken = checked(**action)
    (ending,) = [one.completeOrchestration for one in taken.actions]
    assert ending.orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    assert problem in ending.failureDetails.errorMessage


@pytest.mark.parametrize(
    "action",
    [
        {"createTimer": {}},
        {"scheduleTask": {"name": "pay"}},
        {"sendEvent": {"name": "go", "instance": {"instanceId": "j"}}},
        {"completeOrchestration": {"orchestrationStatus": pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW}},
        {"sendEntityMessage": {"entityOperationSignaled": {"targetInstanceId": TARGET, "operation": "add"}}},
    ],
)
def test_an_action_that_can_be_is_taken(action):
    """The answer of a turn without a problem is taken as it is."""
    response, taken = checked(**action)
    assert taken is response
