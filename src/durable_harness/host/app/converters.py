"""Which annotations fit a binding, asked of the converters that azure-functions and its extensions bring."""

from __future__ import annotations

import sys
from typing import Any

EXTENSIONS = "azurefunctions.extensions.base"
GENERIC = "generic"
"""The type of binding that azure-functions has no converter for: values stay text or bytes."""
HTTP_BINDINGS = frozenset({"http", "httpTrigger"})


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


def fits_input(binding_type: str, annotation: Any) -> bool:
    """Whether a parameter of an input binding or a trigger may be annotated so."""
    if binding_type == "httpTrigger" and streams_http():
        return _fits_streams("RequestTrackerMeta", annotation)
    converter = _deferred().get(binding_type) if is_sdk_type(annotation) else _converter(binding_type)
    return _holds(getattr(converter or _Generic, "check_input_type_annotation", None), annotation)


def fits_output(binding_type: str, annotation: Any) -> bool:
    """Whether what a function returns or sets may be annotated so."""
    if binding_type == "http" and streams_http():
        return _fits_streams("ResponseTrackerMeta", annotation)
    return _holds(getattr(_converter(binding_type), "check_output_type_annotation", None), annotation)


def is_settlement_client(annotation: Any) -> bool:
    """Whether the parameter takes the client that settles Service Bus messages, which needs no binding."""
    registry = _deferred()
    return registry is not None and bool(registry.check_supported_grpc_client_type(annotation))


def streams_http() -> bool:
    """Whether the app imported an extension that takes HTTP over, for all of its HTTP functions."""
    extensions = sys.modules.get(EXTENSIONS)
    return extensions is not None and bool(extensions.HttpV2FeatureChecker.http_v2_enabled())


def _converter(binding_type: str) -> Any:
    import azure.functions  # noqa: PLC0415 - the app pays for this import anyway

    return azure.functions.get_binding_registry().get(binding_type) or _Generic


def is_sdk_type(annotation: Any) -> bool:
    """Whether it is a type of an extension, such as BlobClient, whose values the extension makes itself."""
    registry = _deferred()
    return registry is not None and _holds(registry.check_supported_type, annotation)


def _deferred() -> Any:
    extensions = sys.modules.get(EXTENSIONS)
    return extensions.get_binding_registry() if extensions is not None else None


def _fits_streams(tracker: str, annotation: Any) -> bool:
    return _holds(getattr(sys.modules[EXTENSIONS], tracker).check_type, annotation)


def _holds(check: Any, annotation: Any) -> bool:
    """Ask a converter. It raises for what is no class (`List[str]`) and where it has no such direction: no fit."""
    try:
        return bool(check(annotation))
    except (TypeError, AttributeError):
        return False
