"""Which annotations fit a binding, asked of the converters that azure-functions and its extensions bring."""

from __future__ import annotations

import sys
from typing import Protocol

EXTENSIONS = "azurefunctions.extensions.base"
GENERIC = "generic"
"""The type of binding that azure-functions has no converter for: values stay text or bytes."""
HTTP_BINDINGS = frozenset({"http", "httpTrigger"})


class _DeferredBindings(Protocol):
    """The registry of the extensions whose values are made when functions use them."""

    def get(self, binding_type: str) -> type | None: ...

    def check_supported_type(self, annotation: object) -> bool: ...

    def check_supported_grpc_client_type(self, annotation: object) -> bool: ...


class _Generic:
    """The rule for bindings that azure-functions has no converter for: text and bytes."""

    @staticmethod
    def check_input_type_annotation(annotation: type) -> bool:
        return issubclass(annotation, (str, bytes))

    @staticmethod
    def check_output_type_annotation(annotation: type) -> bool:
        return issubclass(annotation, (str, bytes, bytearray))


def has_implicit_output(binding_type: str) -> bool:
    """Whether what the function returns is the binding's output without a `$return` binding."""
    converter = _converter(binding_type)
    if converter is _Generic:
        return binding_type != "durableClient"
    return bool(getattr(converter, "has_implicit_output", lambda: False)())


def fits_input(binding_type: str, annotation: object) -> bool:
    """Whether a parameter of an input binding or a trigger may have this annotation."""
    if binding_type == "httpTrigger" and streams_http():
        return _fits_streams("RequestTrackerMeta", annotation)
    registry = _deferred()
    if registry is not None and is_sdk_type(annotation):
        converter = registry.get(binding_type)
    else:
        converter = _converter(binding_type)
    return _holds(converter or _Generic, "check_input_type_annotation", annotation)


def fits_output(binding_type: str, annotation: object) -> bool:
    """Whether what a function returns or sets may have this annotation."""
    if binding_type == "http" and streams_http():
        return _fits_streams("ResponseTrackerMeta", annotation)
    return _holds(_converter(binding_type), "check_output_type_annotation", annotation)


def is_settlement_client(annotation: object) -> bool:
    """Whether the parameter takes the client that settles Service Bus messages, which needs no binding."""
    registry = _deferred()
    return registry is not None and bool(registry.check_supported_grpc_client_type(annotation))


def streams_http() -> bool:
    """Whether the app imported an extension that takes HTTP over, for all of its HTTP functions."""
    extensions = sys.modules.get(EXTENSIONS)
    return extensions is not None and bool(extensions.HttpV2FeatureChecker.http_v2_enabled())


def _converter(binding_type: str) -> type:
    import azure.functions  # noqa: PLC0415 - the app pays for this import anyway

    return azure.functions.get_binding_registry().get(binding_type) or _Generic


def is_sdk_type(annotation: object) -> bool:
    """Whether it is a type of an extension, such as BlobClient, whose values the extension makes itself."""
    registry = _deferred()
    return registry is not None and _holds(registry, "check_supported_type", annotation)


def _deferred() -> _DeferredBindings | None:
    extensions = sys.modules.get(EXTENSIONS)
    return extensions.get_binding_registry() if extensions is not None else None


def _fits_streams(tracker: str, annotation: object) -> bool:
    return _holds(getattr(sys.modules[EXTENSIONS], tracker), "check_type", annotation)


def _holds(asked: object, check: str, annotation: object) -> bool:
    """Ask a converter. It raises for what is not a class (`List[str]`) or if it lacks the direction: neither fits."""
    try:
        return bool(getattr(asked, check)(annotation))
    except (TypeError, AttributeError):
        return False
