"""The app's line in failures that the SDK's engine finds itself, such as code that is not deterministic.

The engine raises outside of the app's code, which waits at a `yield` meanwhile. Its stack trace gets that line.
"""

from __future__ import annotations

from durabletask import worker

from durable_harness.host.sdk.generators import place_of_generator
from durable_harness.wording.places import place_in

CONTEXT, METHOD = "_RuntimeOrchestrationContext", "set_failed"


def note_lines_of_failures() -> None:
    """Add to the engine's own failures the line at which the app's code waited."""
    context = getattr(worker, CONTEXT, None)
    original = getattr(context, METHOD, None)
    if original is None or hasattr(original, "is_noting"):
        return

    def set_failed(self: object, ex: object) -> None:
        original(self, ex)
        place = place_of_generator(getattr(self, "_generator", None))
        for action in getattr(self, "_pending_actions", {}).values():
            failure = action.completeOrchestration.failureDetails
            is_end = action.HasField("completeOrchestration")
            if place is not None and is_end and place_in(failure.stackTrace.value) is None:
                failure.stackTrace.value = f"{place.as_frame()}{failure.stackTrace.value}"

    set_failed.is_noting = True  # type: ignore[attr-defined]
    setattr(context, METHOD, set_failed)
