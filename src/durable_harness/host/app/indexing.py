"""The rules by which Azure takes a function into an app, and the function as this host keeps it.

Azure's Python worker gives up a whole app for one function that breaks them, so what would have no functions there does
not start here. The rules compare the function's parameters and annotations with its bindings.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from durable_harness.errors import AppLoadError
from durable_harness.host.app import converters
from durable_harness.host.app.annotations import (
    UnresolvableError,
    annotations_of,
    is_out,
    is_type,
    out_arguments,
    shown,
)
from durable_harness.host.app.functions import Function, UserCallable

RETURN = "$return"
NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE | re.ASCII)
EXPECTED = {
    "httpTrigger": "func.HttpRequest",
    "http": "func.HttpResponse or str",
    "timerTrigger": "func.TimerRequest",
    "orchestrationTrigger": "no annotation",
    "entityTrigger": "no annotation",
    "durableClient": "df.DurableOrchestrationClient with @app.durable_client_input, else str",
}
"""What is written at the bindings that durable apps use most. Others have the types of azure-functions."""

WRAPPED = ("orchestrator_function", "entity_function")
"""Where the SDK keeps the user's orchestrator or entity on the function that it wraps it in."""


class RefusedError(Exception):
    """Raised with the reason why Azure would not take a function."""


def index(  # noqa: PLR0913 - a function and where it was found
    name: str,
    call: UserCallable,
    *,
    trigger: Mapping[str, object],
    bindings: Sequence[Mapping[str, object]],
    directory: Path,
    own_folder: Path | None = None,
) -> Function:
    """Return a function that keeps the rules. Raises AppLoadError with its place in the app and what is wrong."""
    try:
        _check_name(name)
        wants_context = check_parameters(call, bindings)
    except RefusedError as error:
        lost = "this function fails there" if own_folder is not None else "the app has no functions there"
        raise AppLoadError(
            f"{place_of(call, directory)}: function {name}: {error}.\n  Azure's Python worker refuses it too: {lost}."
        ) from error
    return Function(
        name=name,
        trigger=trigger,
        bindings=tuple(bindings),
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        wants_context=wants_context,
        directory=own_folder,
        has_return=_has_return(bindings),
        plain_types=_plain_types(call, bindings),
        sdk_types=_sdk_types(call),
    )


def place_of(call: UserCallable, directory: Path) -> str:
    """Return file and line of the user's code, which the SDK has wrapped."""
    for attribute in (*WRAPPED, "client_function"):
        call = getattr(call, attribute, call)
    code = getattr(inspect.unwrap(call), "__code__", None)
    if code is None:
        return directory.name
    file = Path(code.co_filename)
    shown_file = file.relative_to(directory) if file.is_relative_to(directory) else file
    return f"{shown_file}, line {code.co_firstlineno}"


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise RefusedError(
            "its name is not allowed. A name is a letter and up to 127 letters, digits, '_' and '-', and not 'host'"
        )


def check_parameters(call: UserCallable, bindings: Sequence[Mapping[str, object]]) -> bool:
    """Compare a function with its bindings; return whether it takes the invocation's context besides them."""
    try:
        parameters = set(inspect.signature(call).parameters)
        annotations = annotations_of(call)
    except UnresolvableError as error:
        raise RefusedError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise RefusedError(f"its parameters cannot be read: {error}") from error
    for binding in bindings:
        _check_direction(binding)
    bound = {str(binding["name"]): binding for binding in bindings if binding["name"] != RETURN}
    wants_context = "context" in parameters and "context" not in bound
    if wants_context:
        if _is_wrapped_by_sdk1(call, bindings):
            raise RefusedError(
                f"its context_name is '{', '.join(bound)}'. It must be 'context', as the SDK wraps orchestrators and"
                " entities in a function whose parameter has that name. Your own parameter may have any name"
            )
        parameters.remove("context")
        _check_context(annotations)
    _check_names(parameters, bound, annotations)
    for name in sorted(parameters & bound.keys() & annotations.keys()):
        _check_parameter(name, bound[name], annotations[name])
    _check_return(bindings, annotations)
    return wants_context


def _is_wrapped_by_sdk1(call: UserCallable, bindings: Sequence[Mapping[str, object]]) -> bool:
    """SDK 2.x wraps them in functions that take the trigger under its own name, and the invocation's context too."""
    is_sdk2 = any(binding.get("durableRequiresGrpc") for binding in bindings)
    return not is_sdk2 and any(hasattr(call, attribute) for attribute in WRAPPED)


def _check_direction(binding: Mapping[str, object]) -> None:
    name, direction = binding["name"], direction_of(binding)
    if direction == "inout":
        raise RefusedError(f"the binding {name} has the direction 'inout', which Python functions do not have")
    if name == RETURN and direction != "out":
        raise RefusedError(f"the binding {RETURN} has the direction '{direction}'. It must be 'out'")


def direction_of(binding: Mapping[str, object]) -> str:
    """Return a binding's direction in lower case, as every spelling of it is accepted."""
    return str(binding.get("direction") or "in").lower()


def _check_context(annotations: Mapping[str, object]) -> None:
    annotation = annotations.get("context")
    if "context" in annotations and not (isinstance(annotation, type) and annotation.__name__ == "Context"):
        raise RefusedError(
            f"the annotation of its parameter context is {shown(annotation)}. Expected func.Context, as no binding has"
            " that name"
        )


def _check_names(
    parameters: set[str], bound: Mapping[str, Mapping[str, object]], annotations: Mapping[str, object]
) -> None:
    unbound, missing = sorted(parameters - bound.keys()), sorted(bound.keys() - parameters)
    if len(unbound) == 1 and converters.is_settlement_client(annotations.get(unbound[0])):
        unbound = []
    if not unbound and not missing:
        return
    problems = [f"the parameter {name} has no binding" for name in unbound]
    problems += [f"the binding {name} ({bound[name]['type']}) has no parameter" for name in missing]
    raise RefusedError(
        f"its parameters ({', '.join(sorted(parameters)) or 'none'}) are not the names of its bindings"
        f" ({', '.join(sorted(bound)) or 'none'}): {'; '.join(problems)}"
    )


def _check_parameter(name: str, binding: Mapping[str, object], annotation: object) -> None:
    is_output, marked = direction_of(binding) == "out", is_out(annotation)
    inner = _inner(name, annotation) if marked else annotation
    if not is_type(inner):
        raise RefusedError(
            f"the annotation {shown(annotation)} of its parameter {name} is not a type to the worker. Neither are"
            " unions, tuples and list[...]. Leave it out or use a plain class"
        )
    if is_output and not marked:
        raise RefusedError(
            f"its parameter {name} is an output ({binding['type']}), but its annotation is {shown(annotation)}."
            " Expected func.Out[...]"
        )
    if marked and not is_output:
        raise RefusedError(f"its parameter {name} is an input ({binding['type']}), but its annotation is func.Out")
    kind = converters.GENERIC if _is_plain(binding, inner) else str(binding["type"])
    if not (converters.fits_output if is_output else converters.fits_input)(kind, inner):
        _misfit(f"the annotation {shown(inner)} of its parameter {name}", str(binding["type"]))


def _is_plain(binding: Mapping[str, object], inner: object) -> bool:
    """Whether the worker binds a parameter of this annotation to text and bytes instead of the binding's own type."""
    return inner in (str, bytes) and not converters.has_implicit_output(str(binding["type"]))


def _plain_types(call: UserCallable, bindings: Sequence[Mapping[str, object]]) -> dict[str, type]:
    """What is returned stays with its binding's own type, whatever its annotation is: the worker does the same."""
    annotations = annotations_of(call)
    plain: dict[str, type] = {}
    for binding in bindings:
        name = str(binding["name"])
        annotation = annotations.get(name)
        inner = _inner(name, annotation) if is_out(annotation) else annotation
        if isinstance(inner, type) and _is_plain(binding, inner):
            plain[name] = inner
    return plain


def _sdk_types(call: UserCallable) -> dict[str, str]:
    return {
        name: shown(annotation)
        for name, annotation in annotations_of(call).items()
        if name != "return" and (converters.is_sdk_type(annotation) or converters.is_settlement_client(annotation))
    }


def _inner(name: str, annotation: object) -> object:
    arguments = out_arguments(annotation)
    if len(arguments) != 1:
        raise RefusedError(f"the annotation of its parameter {name} is Out without a type. Expected func.Out[...]")
    return arguments[0]


def _check_return(bindings: Sequence[Mapping[str, object]], annotations: Mapping[str, object]) -> None:
    """Only a function with a `$return` binding is bound to its return annotation."""
    kind = next((str(binding["type"]) for binding in bindings if binding["name"] == RETURN), None)
    if kind is None or "return" not in annotations:
        return
    annotation = annotations["return"]
    if is_out(annotation) and not isinstance(annotation, type):
        raise RefusedError("its return annotation is func.Out, which is for parameters")
    if not isinstance(annotation, type):
        raise RefusedError(
            f"its return annotation {shown(annotation)} is not a type to the worker. Unions are not either. Leave"
            " it out or use a plain class"
        )
    if not converters.fits_output(kind, annotation):
        _misfit(f"its return annotation {shown(annotation)}", kind)


def _has_return(bindings: Sequence[Mapping[str, object]]) -> bool:
    return any(
        binding["name"] == RETURN or converters.has_implicit_output(str(binding["type"])) for binding in bindings
    )


def _misfit(what: str, kind: str) -> NoReturn:
    if kind in converters.HTTP_BINDINGS and converters.streams_http():
        expected = "the Request and responses of the HTTP extension, which then serves all HTTP functions"
    else:
        expected = EXPECTED.get(kind, "a type of azure-functions for that binding, str or bytes")
    raise RefusedError(f"{what} does not fit its binding {kind}. Expected {expected}")
