"""What an annotation is to Azure's Python worker: a type, a generic of `typing`, an `Out[...]`, or none of them."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from typing import ClassVar, Generic, Union

from durable_harness.host.app.functions import UserCallable

UNUSABLE_ORIGINS = (Union, tuple, ClassVar, collections.abc.Callable)


class UnresolvableError(Exception):
    """Raised when an annotation of a function cannot be evaluated."""


def annotations_of(call: UserCallable) -> dict[str, object]:
    """Return a function's annotations, text evaluated. Raises UnresolvableError if one of them cannot be."""
    try:
        inspect.getfile(call)  # the worker looks for the file first, and finds none for objects that are only callable
        return typing.get_type_hints(call)
    except Exception as error:
        raise UnresolvableError(_problem(error)) from error


def _problem(error: Exception) -> str:
    if isinstance(error, NameError):
        return (
            f"its annotations cannot be resolved: {error}. Import the name outside of 'if TYPE_CHECKING', where the"
            " module is run too"
        )
    return f"its annotations cannot be resolved: {type(error).__name__}: {error}"


def is_type(annotation: object) -> bool:
    """Whether the worker takes it for a type. To it `list[str]`, `X | None` and `Tuple[...]` are not types."""
    return isinstance(annotation, type) or is_generic(annotation)


def is_generic(annotation: object) -> bool:
    """Whether it is `typing.Generic`, a class made from it, or an alias of `typing` such as `List[str]`."""
    if isinstance(annotation, type):
        return issubclass(annotation, Generic)
    origin = getattr(annotation, "__origin__", None)
    is_alias = type(annotation).__module__ == "typing" and origin is not None
    return is_alias and origin not in UNUSABLE_ORIGINS


def is_out(annotation: object) -> bool:
    """Whether it is `Out` or `Out[...]`. The name decides, not where it comes from."""
    origin = _origin(annotation)
    return isinstance(origin, type) and origin.__name__ == "Out"


def out_arguments(annotation: object) -> tuple[object, ...]:
    """Return what stands between the brackets of `Out[...]`."""
    return typing.get_args(annotation)


def shown(annotation: object) -> str:
    """Return an annotation as its author would write it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _origin(annotation: object) -> object:
    if is_generic(annotation) and not isinstance(annotation, type):
        return getattr(annotation, "__origin__", annotation)
    return annotation
