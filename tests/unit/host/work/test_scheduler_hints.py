"""What a host reports about a scheduler that does not answer."""

import grpc
import pytest

from durable_harness.host.work.remote import _way_out

WAYS = (
    "--task-hubs default,shop",
    "--dynamic-task-hubs",
    "DTS_TASK_HUB_NAMES=default,shop",
    "DTS_USE_DYNAMIC_TASK_HUBS=true",
)


def test_an_unknown_hub_has_every_way_out():
    """Of the emulator, which says no more than that the hub is unknown, options and variables are named."""
    hint = _way_out(grpc.StatusCode.NOT_FOUND, "shop", "Task hub not found: shop")
    assert [way for way in (*WAYS, "TaskHub=NAME") if way not in hint] == []


def test_advice_of_the_scheduler_is_not_repeated():
    """Our scheduler names the options itself; the host adds only what it leaves out."""
    message = f"Task hub not found: shop. Start the scheduler with {', '.join(WAYS)}"
    assert (
        _way_out(grpc.StatusCode.NOT_FOUND, "shop", message)
        == "Or name a hub that it has: TaskHub=NAME in the connection string."
    )


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_scheduler_that_is_not_there(code):
    """Where nothing answers, the embedded scheduler is the way out that always works."""
    assert "leave --scheduler out" in _way_out(code, "shop", "")
