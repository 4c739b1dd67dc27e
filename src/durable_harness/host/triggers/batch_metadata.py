"""Metadata of a batch of messages: a list for each name, with one value for each message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azure.functions import meta

from durable_harness.host.triggers.converting import UnusableValueError, datum, many_datum, numbers_datum

ARRAY = "Array"
SYSTEM_PROPERTIES = "SystemProperties"
OF_THE_SYSTEM = frozenset({"PartitionKey", "SequenceNumber", "Offset", "EnqueuedTimeUtc"})
"""Metadata of one event that stand among the system properties of each in a batch."""


def is_batch(trigger: Mapping[str, object]) -> bool:
    """Return whether a trigger brings a list of messages."""
    return str(trigger.get("cardinality", "")).lower() == "many"


def batch_metadata(
    trigger: Mapping[str, object], made_up: Mapping[str, meta.Datum], given: Mapping[str, object], count: int
) -> dict[str, meta.Datum]:
    """Return the metadata of a batch of `count` messages as Datum; what a person gives replaces what is made up.

    `given` has a list by a name such as MessageIdArray, or one value for all of them by the name MessageId. Raises
    UnusableValueError for a list of another length.
    """
    arrays = {name: _of_length(name, value, count) for name, value in given.items() if name.endswith(ARRAY)}
    single = {name: value for name, value in given.items() if not name.endswith(ARRAY)}
    if trigger["type"] == "eventHubTrigger":
        name = f"{SYSTEM_PROPERTIES}{ARRAY}"
        properties = _objects(name, arrays.get(name) or made_up[name].python_value)
        arrays[name] = [{**one, **_system_properties(single)} for one in properties]
        single = {name: value for name, value in single.items() if name not in {*OF_THE_SYSTEM, SYSTEM_PROPERTIES}}
    arrays |= {f"{name}{ARRAY}": [value] * count for name, value in single.items()}
    return {**made_up, **{name: _like(made_up.get(name), values) for name, values in arrays.items()}}


def _of_length(name: str, value: object, count: int) -> list[object]:
    if not isinstance(value, list) or len(value) != count:
        got = f"{len(value)} values" if isinstance(value, list) else type(value).__name__
        raise UnusableValueError(f"metadata '{name}': expected a list of {count}, one for each message, got {got}")
    return value


def _objects(name: str, values: list[object]) -> list[dict[str, object]]:
    for value in values:
        if not isinstance(value, dict):
            raise UnusableValueError(f"metadata '{name}': expected a JSON object for each message, got {value!r}")
    return [value for value in values if isinstance(value, dict)]


def _system_properties(single: Mapping[str, object]) -> dict[str, object]:
    given = single.get(SYSTEM_PROPERTIES)
    named = {name: value for name, value in single.items() if name in OF_THE_SYSTEM}
    return {**(given if isinstance(given, dict) else {}), **named}


def _like(made_up: meta.Datum | None, values: Sequence[object]) -> meta.Datum:
    """Return values in the form that the converter expects, which is that of what is made up."""
    form = made_up.type if made_up is not None else None
    if form == "collection_string":
        return many_datum(values)
    return numbers_datum(values) if form == "collection_sint64" else datum(values)
