"""Texts of failures, on their way from the code that failed to whoever reads them."""

import json
import re
import traceback

import azure.functions as func
import pytest

from durable_harness.host.failure_log import log_failed_work, log_failure
from durable_harness.host.failures import MAX_TEXT_CHARS, error_with_place, frames_of, sendable, trace_of
from durable_harness.protocol import pb, wrap_text
from durable_harness.wording.places import package_of

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
    """Return an error whose frames are in these files; each frame calls the next."""
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
    """Return what the SDK's engine reports of an error."""
    trace = "".join(traceback.format_tb(error.__traceback__))
    return pb.TaskFailureDetails(errorType="ValueError", errorMessage="no", stackTrace=wrap_text(trace))


@pytest.mark.parametrize("log", [log_failure, lambda kind, name, error: log_failed_work(kind, name, details(error))])
@pytest.mark.parametrize(
    ("files", "shown", "folded"),
    [
        ((HOST, SDK, APP, SDK, SDK), [APP], "  … 2 frames of azure.functions"),
        ((APP, json.__file__, APP), [APP, APP], "  … 1 frame of json"),
        ((APP, APP), [APP, APP], ""),
        ((HOST, SDK), [], ""),
    ],
    ids=["the app's call of the SDK", "back into the app", "the app alone", "not of the app"],
)
def test_the_log_has_the_frames_of_the_app(caplog, log, files, shown, folded):
    """What leads to the app's first frame is left out, what it calls is a count: of errors and of traces in text."""
    log("Activity", "pay", raised(*files))
    assert files_in(caplog.text) == shown
    assert "Activity 'pay' failed: ValueError: no" in caplog.text
    assert re.findall(r"^  … .*$", caplog.text, re.MULTILINE) == ([folded] if folded else [])
    assert (f"({APP}:2)" in caplog.text) == bool(shown)


def test_a_trace_begins_with_the_app_in_every_cause():
    """What an activity's failure carries has the app's frames of the error and of what caused it."""
    error = raised(HOST, APP)
    error.__cause__ = raised(HOST, SDK, APP, SDK)
    assert files_in(trace_of(error)) == [APP, SDK, APP]
    assert files_in(frames_of(error)) == [APP]


def test_a_log_entry_has_every_cause_in_order(caplog):
    """Causes come before what they led to, each with the app's own frames, and Python's words between them."""
    error = raised(HOST, APP)
    error.__cause__ = raised(HOST, SDK, "/app/scales.py", SDK)
    log_failure("Activity", "pay", error)
    assert files_in(caplog.text) == ["/app/scales.py", APP]
    assert "was the direct cause of the following exception" in caplog.text


def test_a_group_of_errors_is_shown_with_its_members(caplog):
    """Each error of a group has its own frames."""
    group = ExceptionGroup("two", [raised(APP), raised("/app/scales.py")])
    log_failure("Activity", "pay", group)
    assert "Activity 'pay' failed: ExceptionGroup: two (2 sub-exceptions)" in caplog.text
    assert caplog.text.count("ValueError: no") == 2
    assert '"/app/scales.py"' in caplog.text


def test_huge_tracebacks_are_bounded(caplog):
    """Of a thousand frames the first and the last are shown, however they alternate, and a long message is cut."""
    files = [f"/app/{number % 7}.py" if number % 2 else json.__file__ for number in range(400)]
    error = raised(*files, "/app/last.py")
    error.args = ("x" * 1_000_000,)
    log_failure("Activity", "pay", error)
    assert '"/app/last.py"' in caplog.text
    assert len(files_in(caplog.text)) <= 30
    assert len(caplog.text) < 25_000
    assert "more characters …" in caplog.text


def test_a_chain_without_an_end_is_cut_off(caplog):
    """A cause that causes itself, and a thousand causes, end in an entry of bounded length."""
    error = raised(APP)
    last = error
    for _ in range(1000):
        last.__cause__ = raised(APP)
        last = last.__cause__
    last.__cause__ = error
    log_failure("Activity", "pay", error)
    assert caplog.text.count("ValueError: no") <= 15


class UnreadableError(Exception):
    """An error that cannot be described."""

    def __str__(self):
        raise RuntimeError("not to be read")


def test_an_error_that_cannot_be_described_is_logged(caplog):
    """Whatever an error's own methods raise, the entry says which type it is."""
    log_failure("Activity", "pay", UnreadableError())
    assert "Activity 'pay' failed: UnreadableError: " in caplog.text


def test_half_of_a_surrogate_pair_is_logged_as_its_escape(caplog):
    """A log that is written as UTF-8 takes every entry, also of causes and members of groups."""
    log_failure("Activity", "pay", ExceptionGroup("\ud800", [ValueError("\ud801"), raised(APP)]))
    caplog.text.encode()
    assert "\\ud801" in caplog.text


def test_an_error_shows_its_place_in_the_app_once():
    """The text ends with the app's line; one that hands on another function's failure keeps the line of that."""
    assert error_with_place(raised(HOST, APP, SDK), f"{APP}:2") == f"ValueError: no ({APP}:2)"
    handed_on = Exception("Activity function 'pay' failed: KeyError: 'id' (function_app.py:80) \n Traceback …")
    assert error_with_place(handed_on, f"{APP}:2") == str(handed_on)


@pytest.mark.parametrize(("line", "package"), [("pass", "azure.durable_functions"), ("def sync_wrapper(): pass", None)])
def test_a_wrapper_of_the_sdk_is_not_a_line_of_the_app(tmp_path, line, package):
    """A frame of the SDK's wrapper is the SDK's, however long the app's file is; one of the app is its own."""
    app = tmp_path / "function_app.py"
    app.write_text(f"{line}\n" * 300)
    assert package_of(str(app), "activity.<locals>.sync_wrapper") == package
