"""Output checks: the sample app's echo."""

import pytest

from durable_harness.operations import accept_any_output, check_echo
from durable_harness.operations.output_checks import OWN_APP

SENT = {"operation_type": "x", "duration": 0.5, "data": {"token": "t"}}
OUTPUT = {"task": "x", "result": "Success", "duration": 0.5, "data": {"token": "t"}}


def test_an_echo_is_right():
    """The sample's output with whatever it has besides is what was asked for."""
    assert check_echo(SENT, {**OUTPUT, "finishedAt": "…"}) is None


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, f"output is NoneType, expected an object: {OWN_APP}"),
        ("Success", f"output is str, expected an object: {OWN_APP}"),
        ({**OUTPUT, "data": {"token": "another"}}, "output.data is not what was asked for"),
        (
            {**OUTPUT, "result": "Failure", "duration": 9},
            "output.result and output.duration are not what was asked for",
        ),
        ({"result": "Success"}, f"output.task, output.duration and output.data are missing: {OWN_APP}"),
    ],
)
def test_a_wrong_echo_names_the_wrong_keys(output, message):
    """A difference in the output is reported with its place, without values that differ between operations."""
    assert check_echo(SENT, output) == message


def test_the_output_of_another_app_names_what_to_override():
    """An app whose output has another shape meets this check first: the message names the method to override."""
    assert "override the scenario's check_output" in check_echo(SENT, {"greeting": "hello"})


def test_absent_data_is_not_the_echo_of_none():
    """An output without data is wrong even if none was sent."""
    assert check_echo({**SENT, "data": None}, {k: v for k, v in OUTPUT.items() if k != "data"})


def test_any_output_can_be_accepted():
    """For apps whose output does not depend on the input there is a check that accepts all."""
    assert accept_any_output(SENT, None) is None
