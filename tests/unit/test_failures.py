"""Texts of failures, on their way from the code that failed to whoever reads them."""

import re
import traceback

import azure.functions as func
import pytest

from durable_harness.host.failures import MAX_TEXT_CHARS, frames_of, log_failed_work, log_failure, sendable, trace_of
from durable_harness.protocol import optional_text, pb

HOST, SDK, APP = log_failure.__code__.co_filename, func.__file__, "/app/function_app.py"


def test_a_text_that_was_cut_off_is_not_cut_again():
    """A cause that was cut off keeps its own note of how long it was when another text introduces it."""
    cause = sendable("x" * 100_000)
    introduced = f"Orchestrator function 'o' failed: {cause}"
    assert cause.endswith("... (cut off: 100000 characters in all)")
    assert sendable(introduced) == introduced


def test_a_text_cannot_pass_as_one_that_was_cut_off():
    """However a text ends, not much more of it is kept than the limit."""
    assert len(sendable("x" * 200_000 + "... (cut off: 5 characters in all)")) < MAX_TEXT_CHARS + 100


def raised(*files):
    """Return an error whose frames are in these files, each of which calls the next."""
    call = frame_in(files[-1], "raise ValueError('no')")
    for file in reversed(files[:-1]):
        call = frame_in(file, "inner()", inner=call)
    try:
        call()
    except ValueError as error:
        return error.with_traceback(error.__traceback__.tb_next)


def frame_in(file, line, **names):
    """Return a function of one line that seems to be in a file."""
    exec(compile(f"def frame():\n    {line}", file, "exec"), names)
    return names["frame"]


def files_in(trace):
    """Return the files of the frames of a trace."""
    return re.findall(r'^  File "([^"]+)"', trace, re.MULTILINE)


def details(error):
    """Return what the SDK's engine tells of an error."""
    trace = "".join(traceback.format_tb(error.__traceback__))
    return pb.TaskFailureDetails(errorType="ValueError", errorMessage="no", stackTrace=optional_text(trace))


@pytest.mark.parametrize("log", [log_failure, lambda *of: log_failed_work(*of[:2], details(of[2]), of[3])])
@pytest.mark.parametrize(
    ("files", "shown"),
    [((HOST, SDK, APP, SDK), [APP, SDK]), ((APP, APP), [APP, APP]), ((HOST, SDK), [])],
    ids=["the app's call of the SDK", "the app alone", "not of the app"],
)
def test_the_log_has_the_frames_from_the_app_on(caplog, log, files, shown):
    """Frames that lead to the app's first one are left out, from an error and from a trace in text alike."""
    log("Activity", "pay", raised(*files), "pay")
    assert files_in(caplog.text) == shown
    assert "Activity 'pay' failed: ValueError: no" in caplog.text


def test_a_trace_begins_with_the_app_in_every_cause():
    """What an activity's failure carries has the app's frames of the error and of what caused it."""
    error = raised(HOST, APP)
    error.__cause__ = raised(HOST, SDK, APP, SDK)
    assert files_in(trace_of(error)) == [APP, SDK, APP]
    assert files_in(frames_of(error)) == [APP]
