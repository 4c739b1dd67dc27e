"""Functions that cannot run here, or nowhere, whatever a test gives: why, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from durable_harness.host.app.functions import Function

SERVICES: Mapping[str, tuple[str, str]] = {
    "blobtrigger": ("Azure Blob Storage", "func.InputStream"),
    "blob": ("Azure Blob Storage", "func.InputStream"),
    "servicebustrigger": ("Azure Service Bus", "func.ServiceBusMessage"),
    "eventhubtrigger": ("Azure Event Hubs", "func.EventHubEvent"),
    "cosmosdbtrigger": ("Azure Cosmos DB", "func.DocumentList"),
    "cosmosdb": ("Azure Cosmos DB", "func.DocumentList"),
}
"""By a binding's type its service, and the annotation with which the function runs here."""
SETTLING = ("Azure Service Bus", "")


class UnrunnableFunctionError(RuntimeError):
    """Raised when a function is invoked that cannot run here."""


def check_runnable(function: Function) -> None:
    """Raise UnrunnableFunctionError for a function that cannot run here."""
    if function.sdk_types or function.plain_types:
        for reason in reasons_of(function):
            raise UnrunnableFunctionError(f"Function '{function.name}' cannot run: {reason}")


def reasons_of(function: Function) -> Iterator[str]:
    """Yield for each parameter that no value can be made for why that is, and what to do."""
    for parameter, type_name in function.sdk_types.items():
        yield sdk_type_reason(function, parameter, type_name)
    parameter = function.trigger_parameter
    if function.trigger_type.lower() == "httptrigger" and parameter in function.plain_types:
        yield (
            f"its parameter '{parameter}' is annotated {function.plain_types[parameter].__name__}, which takes no HTTP"
            " request: in Azure each call fails too. Annotate it func.HttpRequest."
        )


def sdk_type_reason(function: Function, parameter: str, type_name: str) -> str:
    """Return why a parameter of an SDK type has no value here."""
    kind = next((str(one["type"]) for one in function.bindings if one["name"] == parameter), None)
    service, instead = SERVICES.get(kind.lower(), ("its service", "")) if kind is not None else SETTLING
    advice = f" With {instead}, str or bytes the function runs here." if instead else ""
    return (
        f"its parameter '{parameter}' is a {type_name}, which needs {service}, and that cannot be served here.{advice}"
    )


def sdk_bindings(functions: Iterable[Function]) -> Iterator[tuple[Function, Mapping[str, object], str]]:
    """Yield the bindings whose parameters are of SDK types, with the type's name."""
    for function in functions:
        for binding in function.bindings:
            if (type_name := function.sdk_types.get(str(binding["name"]))) is not None:
                yield function, binding, type_name
