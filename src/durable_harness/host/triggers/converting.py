"""Values of bindings by azure-functions' own converters, so that functions get and give what they do in Azure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import NamedTuple, Protocol

from azure.functions import meta

from durable_harness.documents import parse_json
from durable_harness.wording.foreign_text import shown

UNHANDLED = (NotImplementedError, ValueError, TypeError, AssertionError, AttributeError, LookupError, RecursionError)
"""What converters raise for a value that they do not take."""
SHOWN_CHARS = 200
PLAIN_DATA = (None, "string", "bytes", "json")
"""The data that the worker hands over as they are to a parameter annotated `str` or `bytes`."""


class Converter(Protocol):
    """What azure-functions has for a type of binding; some have one direction only."""

    def decode(self, data: meta.Datum, *, trigger_metadata: Mapping[str, meta.Datum]) -> object: ...

    def encode(self, obj: object, *, expected_type: type | None) -> meta.Datum: ...


class UnusableValueError(ValueError):
    """Raised when a value does not fit the binding that it is given to or comes from."""


class Encoded(NamedTuple):
    """What a function wrote, as it would be sent: text, bytes or a JSON value."""

    value: object

    @property
    def size_bytes(self) -> int:
        return len(self.value) if isinstance(self.value, bytes) else len(_text(self.value).encode("utf-8", "replace"))

    def as_json(self) -> dict[str, object]:
        """Return it for a JSON document: bytes as base64, and whether it is that."""
        if isinstance(self.value, bytes):
            return {"value": base64.b64encode(self.value).decode(), "encoding": "base64"}
        return {"value": self.value, "encoding": None}


def datum(value: object) -> meta.Datum:
    """Return a value as the host sends it to a worker: text, bytes, a whole number, or else JSON."""
    if value is None:
        return meta.Datum(None, None)
    if isinstance(value, bytes):
        return meta.Datum(value, "bytes")
    if isinstance(value, str):
        return meta.Datum(value, "string")
    if isinstance(value, int) and not isinstance(value, bool):
        return meta.Datum(value, "int")
    return meta.Datum(json.dumps(value), "json")


def text_datum(value: object) -> meta.Datum:
    """Return a message as brokers carry it: bytes and text as they are, anything else as JSON text."""
    return datum(value if isinstance(value, bytes) else _text(value))


def json_datum(value: object) -> meta.Datum:
    """Return a JSON value; text is one already. Raises UnusableValueError for text that is not."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(text, str):
        try:
            parse_json(text)
        except ValueError as error:
            raise UnusableValueError(f"expected JSON, got {_short(text)}") from error
        return meta.Datum(text, "json")
    try:
        return meta.Datum(json.dumps(value), "json")
    except TypeError as error:
        raise UnusableValueError("expected JSON, got a list with bytes in it") from error


def many_datum(values: Sequence[object]) -> meta.Datum:
    """Return a batch of messages: all of them as bytes if one is."""
    if any(isinstance(value, bytes) for value in values):
        bodies = [value if isinstance(value, bytes) else _text(value).encode("utf-8", "replace") for value in values]
        return meta.Datum(SimpleNamespace(bytes=bodies), "collection_bytes")
    return meta.Datum(SimpleNamespace(string=[_text(value) for value in values]), "collection_string")


def numbers_datum(values: Sequence[object]) -> meta.Datum:
    """Return a list of whole numbers, as metadata of a batch."""
    return meta.Datum(SimpleNamespace(sint64=values), "collection_sint64")


def decode(binding_type: str, given: meta.Datum, metadata: Mapping[str, meta.Datum]) -> object:
    """Return what a parameter receives for a Datum. Raises UnusableValueError if its converter does not take it."""
    converter = _converter(binding_type)
    if converter is None or not hasattr(converter, "decode"):
        return given.value  # as the worker treats every binding that azure-functions does not know: text stays text
    try:
        return converter.decode(given, trigger_metadata=metadata)
    except UNHANDLED as error:
        raise UnusableValueError(f"the converter of {binding_type} refuses it: {_reason(error)}") from error


def decode_plain(plain_type: type, given: meta.Datum) -> object:
    """Return what a parameter annotated `str` or `bytes` receives. Raises UnusableValueError for any other value."""
    if given.type not in PLAIN_DATA:
        raise UnusableValueError(
            f"a parameter annotated {plain_type.__name__} does not take {given.type}. A batch has the annotation of its"
            " messages' type, such as list[func.ServiceBusMessage], or none"
        )
    value = given.value
    if plain_type is bytes and isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value.decode("utf-8", "replace") if plain_type is str and isinstance(value, bytes) else value


def encode(binding_type: str, written: object) -> Encoded:
    """Return what an output binding sends. Raises UnusableValueError for a value that the worker would refuse."""
    converter = _converter(binding_type)
    if converter is None or not hasattr(converter, "encode"):
        return encode_plain(binding_type, written)
    try:
        encoded = converter.encode(written, expected_type=None)
    except UNHANDLED as error:
        raise UnusableValueError(
            f"{type(written).__name__} cannot be written to a binding of type {binding_type}{_because(error)}"
        ) from error
    return Encoded(json.loads(encoded.value) if encoded.type == "json" else encoded.value)


def shown_content(content: Encoded) -> str:
    """Return what a function wrote or returned for a line of the log, shortened."""
    value = content.value
    return shown(f"{len(value)} bytes" if isinstance(value, bytes) else str(value), SHOWN_CHARS)


def encode_plain(binding_type: str, written: object) -> Encoded:
    """Return what goes out of a parameter `Out[str]` or `Out[bytes]`, and of bindings without a converter."""
    if isinstance(written, bytes | bytearray):
        return Encoded(bytes(written))
    if isinstance(written, str | dict | list | int | float):
        return Encoded(written)
    raise UnusableValueError(
        f"{type(written).__name__} cannot be written to a binding of type {binding_type}; expected str, bytes, dict,"
        " list or a number"
    )


def _converter(binding_type: str) -> Converter | None:
    converter: Converter | None = meta.get_binding_registry().get(binding_type)
    return converter


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _because(error: Exception) -> str:
    return f": {error}" if str(error) else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")  # noqa: PLR2004 - what fits into a line
