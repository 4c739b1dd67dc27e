"""Failures of functions in the host's log: each once, with type, message, place, instance and the app's own frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from durable_harness.host.failures import (
    error_with_place,
    function_place,
    message_of,
    place_in_app,
    sendable,
    type_name,
    with_place,
)
from durable_harness.logs.categories import HOST_LOGGER, about
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import pb
from durable_harness.wording.foreign_text import middle_cut
from durable_harness.wording.places import described, names_place, place_in
from durable_harness.wording.tracebacks import folded, folded_text, frames_as_json, frames_in_text_as_json

if TYPE_CHECKING:
    from durable_harness.host.app.functions import Function

logger = own_logger(HOST_LOGGER)
T = TypeVar("T")

MOST_MESSAGE_CHARS = 4_000
MOST_TRACE_CHARS = 16_000
MOST_CAUSES = 10
MOST_OF_GROUP = 10
LED_TO = "The above exception led to the following one:"


def log_failure(  # noqa: PLR0913, PLR0917 - what is known of it
    kind: str,
    name: str,
    error: BaseException,
    function: Function | None = None,
    instance_id: str | None = None,
    place: str | None = None,
) -> None:
    """Log that a function failed. `place` is where its code was, for an error without a traceback."""
    place = place_in_app(error) or place or function_place(function)
    trace = _safely(lambda: sendable(folded(error)), "the stack trace cannot be read")
    _log(kind, name, error_with_place(error, place), function, instance_id, trace, _as_json(error, place))


def log_failed_work(
    kind: str,
    name: str,
    failure: pb.TaskFailureDetails,
    function: Function | None = None,
    instance_id: str | None = None,
) -> None:
    """Log the TaskFailureDetails of a function whose error is not at hand."""
    trace, error_type = failure.stackTrace.value, failure.errorType.rpartition(".")[2]
    found = place_in(trace)
    place = function_place(function) if found is None else str(found)
    text = described(failure)
    text = text if names_place(text) else with_place(text, place)
    exception = {
        "type": error_type,
        "message": middle_cut(failure.errorMessage, MOST_MESSAGE_CHARS),
        "place": place,
        "frames": frames_in_text_as_json(trace),
    }
    _log(kind, name, text, function, instance_id, f"{_causes(failure)}{folded_text(trace)}", exception)


def _causes(failure: pb.TaskFailureDetails) -> str:
    """Return the traces of what led to a failure, the first of them first."""
    links, link = list[str](), failure
    if failure.errorType.endswith("TaskFailedError"):
        return ""  # the task's own failure has an entry of its own
    while link.HasField("innerFailure") and len(links) < MOST_CAUSES:
        link = link.innerFailure
        trace = folded_text(link.stackTrace.value)
        last = middle_cut(f"{link.errorType.removeprefix('builtins.')}: {link.errorMessage}", MOST_MESSAGE_CHARS)
        last = "" if trace.rstrip().endswith(last) else f"{last}\n"
        links.append(f"{trace}{last}\n{LED_TO}\n\n")
    return "".join(reversed(links))


def _log(  # noqa: PLR0913, PLR0917 - the parts of an entry
    kind: str,
    name: str,
    text: str,
    function: Function | None,
    instance_id: str | None,
    trace: str,
    exception: Mapping[str, object],
) -> None:
    first, newline, rest = middle_cut(text, MOST_MESSAGE_CHARS).partition("\n")
    if names_place(first):
        newline = rest = ""  # what it hands on, with its trace, has an entry of its own
    where = f" [instance {instance_id}]" if instance_id else ""
    category = about(name if function is None else function.name, instance_id)
    # Whatever formats the entry adds `exc_text` below the message.
    extra = {**category, "exception": exception, "exc_text": middle_cut(trace.rstrip(), MOST_TRACE_CHARS)}
    logger.error("%s '%s' failed: %s%s%s%s", kind, name, first.rstrip(), where, newline, rest, extra=extra)


def _as_json(error: BaseException, place: str | None) -> dict[str, object]:
    first, *causes = _chain(error)
    whole: dict[str, object] = {**_link(first), "place": place}
    if causes:
        whole["causes"] = [_link(cause) for cause in causes]
    return whole


def _link(error: BaseException) -> dict[str, object]:
    link: dict[str, object] = {
        "type": type_name(error),
        "message": middle_cut(message_of(error), MOST_MESSAGE_CHARS),
        "frames": _safely(lambda: frames_as_json(error), list[dict[str, object]]()),
    }
    if isinstance(error, BaseExceptionGroup):
        link["exceptions"] = [_link(one) for one in error.exceptions[:MOST_OF_GROUP]]
    return link


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, as Python shows it."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen and len(seen) <= MOST_CAUSES:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _safely(describe: Callable[[], T], otherwise: T) -> T:
    try:
        return describe()
    except BaseException:  # noqa: BLE001 - what a user's attributes raise
        return otherwise
