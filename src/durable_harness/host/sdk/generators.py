"""Where the generator of an orchestrator waits, for both generations of the SDK; of nested ones the innermost."""

from __future__ import annotations

from types import CodeType

from durable_harness.wording.places import CodePlace


def code_of_generator(generator: object) -> tuple[CodeType, int] | None:
    """Return the code that a generator is in, and its line; None if it has ended or is not a generator."""
    while (inner := getattr(generator, "gi_yieldfrom", None)) is not None and hasattr(inner, "gi_frame"):
        generator = inner
    frame = getattr(generator, "gi_frame", None)
    return None if frame is None else (frame.f_code, frame.f_lineno)


def place_of_generator(generator: object) -> CodePlace | None:
    """Return where a generator is; None if it has ended or is not a generator."""
    found = code_of_generator(generator)
    return None if found is None else CodePlace(found[0].co_filename, found[1], found[0].co_name)


def line_of_generator(generator: object) -> str | None:
    """Return the same as `file:line`, with the whole path of the file."""
    place = place_of_generator(generator)
    return None if place is None else f"{place.file}:{place.line}"
