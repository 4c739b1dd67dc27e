"""What arrives with a message beside its body: the metadata that a service adds, made up where a test gives none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from azure.functions import meta

from durable_harness.host.app.functions import Function
from durable_harness.host.triggers.batch_metadata import batch_metadata, is_batch
from durable_harness.host.triggers.binding_data import BindingData, arrived_data, data_of
from durable_harness.host.triggers.blob_paths import blob_metadata
from durable_harness.host.triggers.converting import (
    UnusableValueError,
    datum,
    decode,
    decode_plain,
    json_datum,
    many_datum,
    numbers_datum,
    text_datum,
)
from durable_harness.host.triggers.targets import target_of
from durable_harness.protocol import new_id

QUEUE_LIFETIME = timedelta(days=7)
"""Azure Storage's default for the lifetime of a message."""
SPELLINGS = {
    name.lower(): name
    for name in (
        *("Id", "DequeueCount", "InsertionTime", "ExpirationTime", "NextVisibleTime", "PopReceipt", "QueueTrigger"),
        *("BlobTrigger", "Uri", "Properties", "Metadata"),
        *("UserProperties", "ApplicationProperties", "MessageId", "CorrelationId", "DeliveryCount", "ContentType"),
        *("SequenceNumber", "EnqueuedTimeUtc", "SessionId", "Label", "Subject", "ReplyTo", "To", "ExpiresAtUtc"),
        *("PartitionKey", "Offset", "SystemProperties", "SystemPropertiesArray", "Key", "Partition", "Topic"),
    )
}
"""Metadata as the converters know them; a person may write them in any case."""
PARTS_OF_A_REQUEST = frozenset({"query", "headers"})
Metadata = Mapping[str, object]
"""Metadata as a person gives them."""
Datums = Mapping[str, meta.Datum]
"""Metadata as converters take them."""
Settings = Mapping[str, object]
"""Of a trigger, as in function.json."""


class TriggerArrival(NamedTuple):
    """What arrives at a trigger: the data, and metadata by name, both as Datum."""

    data: meta.Datum
    metadata: Datums
    size: int | None = None
    """The number of messages of a batch; None for one message that stands alone."""


class Arrived(NamedTuple):
    """What a trigger brought."""

    value: object
    """What the function's parameter receives."""
    source: BindingData
    """The values for expressions in other bindings' settings: metadata such as a blob's path, and a body's members."""


def arrived(function: Function, data: object, given: Metadata) -> Arrived:
    """Return what a function's trigger brings for data and metadata that a person gives.

    `data` is text, bytes or a JSON value, `given` replaces what would be made up. Raises UnusableValueError if the
    trigger cannot have them.
    """
    if function.trigger_type.lower() == "httptrigger":
        request = decode("httpTrigger", _request(function, data, given), {})
        return Arrived(request, data_of(function, request))
    given = {SPELLINGS.get(name.lower(), name): value for name, value in given.items()}
    if function.trigger_type == "blobTrigger":
        given = blob_metadata(function.trigger, given)
    arrival = _ARRIVALS.get(function.trigger_type, _other)(function.trigger, data)
    metadata = _replaced(function.trigger, arrival, given)
    plain_type = function.plain_types.get(function.trigger_parameter)
    if plain_type is None:
        value = decode(function.trigger_type, arrival.data, metadata)
    else:
        value = decode_plain(plain_type, arrival.data)
    return Arrived(value, _data(function, arrival.data, metadata, given))


def _data(function: Function, body: meta.Datum, metadata: Datums, given: Metadata) -> BindingData:
    """Return the values for expressions. A blob without a path has no metadata of one; bytes have no members."""
    known = {
        name: one.python_value
        for name, one in metadata.items()
        if name in given or function.trigger_type != "blobTrigger" or name not in {"BlobTrigger", "Uri"}
    }
    is_binary = str(function.trigger.get("dataType") or "").lower() == "binary"
    return arrived_data(function, None if is_binary else body.value, known)


def _replaced(trigger: Settings, arrival: TriggerArrival, given: Metadata) -> Datums:
    """Return the metadata that were made up, replaced by those that a person gives."""
    if arrival.size is not None:
        return batch_metadata(trigger, arrival.metadata, given, arrival.size)
    return {**arrival.metadata, **{name: datum(value) for name, value in given.items()}}


def _request(function: Function, data: object, given: Metadata) -> meta.Datum:
    """Return a request of the function's first method whose body is the data.

    Metadata are the parameters of its route, and its query and headers by the names Query and Headers.
    """
    trigger, body = function.trigger, text_datum("" if data is None else data).value
    parts = {
        "method": (function.methods or ("POST",))[0],
        "url": f"http://localhost/{trigger.get('route') or function.name}",
        "body": body if isinstance(body, bytes) else body.encode("utf-8", "replace"),
    }
    named = {
        name.lower(): value
        for name, value in given.items()
        if name.lower() in PARTS_OF_A_REQUEST and isinstance(value, dict)
    }
    params = {name: value for name, value in given.items() if name.lower() not in named}
    texts = {
        "params": _texts(params),
        "query": _texts(named.get("query", {})),
        "headers": _texts({name.lower(): value for name, value in named.get("headers", {}).items()}),
    }
    return meta.Datum({**_datums(**parts), **texts}, "http")


def _texts(values: Metadata) -> dict[str, meta.Datum]:
    return _datums(**{name: str(value) for name, value in values.items()})


def _queue(_trigger: Settings, data: object) -> TriggerArrival:
    body, now = text_datum(data), datetime.now(UTC)
    return TriggerArrival(
        body,
        _datums(
            Id=new_id(),
            DequeueCount=1,
            InsertionTime=_iso(now),
            ExpirationTime=_iso(now + QUEUE_LIFETIME),
            NextVisibleTime=_iso(now),
            PopReceipt=new_id(),
            QueueTrigger=body.value.decode("utf-8", "replace") if isinstance(body.value, bytes) else body.value,
        ),
    )


def _blob(trigger: Settings, data: object) -> TriggerArrival:
    body, path = text_datum(data), target_of(trigger)
    size = len(body.value if isinstance(body.value, bytes) else body.value.encode("utf-8", "replace"))
    return TriggerArrival(body, _datums(BlobTrigger=path, Uri=f"http://localhost/{path}", Properties={"Length": size}))


def _service_bus(trigger: Settings, data: object) -> TriggerArrival:
    if is_batch(trigger):
        bodies = _as_list(data)
        columns = {
            "UserPropertiesArray": [{} for _ in bodies],
            "ApplicationPropertiesArray": [{} for _ in bodies],
            "MessageIdArray": [new_id() for _ in bodies],
            "DeliveryCountArray": [1 for _ in bodies],
            "EnqueuedTimeUtcArray": [_iso(datetime.now(UTC)) for _ in bodies],
            "SequenceNumberArray": list(range(1, len(bodies) + 1)),
        }
        return TriggerArrival(many_datum(bodies), _datums(**columns), len(bodies))
    return TriggerArrival(
        text_datum(data),
        _datums(
            UserProperties={},
            ApplicationProperties={},
            MessageId=new_id(),
            DeliveryCount=1,
            EnqueuedTimeUtc=_iso(datetime.now(UTC)),
            SequenceNumber=1,
        ),
    )


def _event_hub(trigger: Settings, data: object) -> TriggerArrival:
    now = _iso(datetime.now(UTC))
    if is_batch(trigger):
        bodies = _as_list(data)
        properties = [{"SequenceNumber": n, "Offset": n, "EnqueuedTimeUtc": now} for n in range(len(bodies))]
        return TriggerArrival(many_datum(bodies), _datums(SystemPropertiesArray=properties), len(bodies))
    known = {"SequenceNumber": 0, "Offset": "0", "EnqueuedTimeUtc": now}
    return TriggerArrival(text_datum(data), _datums(SystemProperties=known, **known))


def _kafka(trigger: Settings, data: object) -> TriggerArrival:
    now, topic = _iso(datetime.now(UTC)), str(trigger.get("topic", ""))
    if not is_batch(trigger):
        return TriggerArrival(
            text_datum(data), _datums(Timestamp=now, Partition=0, Offset=0, Topic=topic, Headers=[], Key=None)
        )
    bodies = _as_list(data)
    columns = _datums(
        TimestampArray=[now for _ in bodies],
        KeyArray=[None for _ in bodies],
        PartitionArray=[0 for _ in bodies],
        HeadersArray=[[] for _ in bodies],
    )
    topics = many_datum([topic for _ in bodies])
    offsets = numbers_datum(list(range(len(bodies))))
    return TriggerArrival(many_datum(bodies), {**columns, "TopicArray": topics, "OffsetArray": offsets}, len(bodies))


def _event(_trigger: Settings, data: object) -> TriggerArrival:
    event = json_datum(data)
    if not isinstance(json.loads(event.value), dict):
        raise UnusableValueError("expected one event, a JSON object such as {'id': …, 'eventType': …, 'data': {…}}")
    return TriggerArrival(event, {})


def _documents(_trigger: Settings, data: object) -> TriggerArrival:
    return TriggerArrival(json_datum([] if data is None else data), {})


def _timer(_trigger: Settings, data: object) -> TriggerArrival:
    status = {"IsPastDue": False, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": None}
    given = json.loads(json_datum(data or {}).value)
    if not isinstance(given, dict):
        raise UnusableValueError('expected nothing or a JSON object such as {"IsPastDue": true}')
    return TriggerArrival(json_datum({**status, **given}), {})


def _activity(_trigger: Settings, data: object) -> TriggerArrival:
    return TriggerArrival(text_datum(data), {})


def _other(_trigger: Settings, data: object) -> TriggerArrival:
    return TriggerArrival(datum(None) if data is None else text_datum(data), {})


_ARRIVALS: Mapping[str, Callable[[Settings, object], TriggerArrival]] = {
    "queueTrigger": _queue,
    "blobTrigger": _blob,
    "serviceBusTrigger": _service_bus,
    "eventHubTrigger": _event_hub,
    "kafkaTrigger": _kafka,
    "eventGridTrigger": _event,
    "cosmosDBTrigger": _documents,
    "sqlTrigger": _documents,
    "mysqlTrigger": _documents,
    "timerTrigger": _timer,
    "activityTrigger": _activity,
}


def _as_list(data: object) -> list[object]:
    return data if isinstance(data, list) else [data]


def _datums(**values: object) -> dict[str, meta.Datum]:
    return {name: datum(value) for name, value in values.items()}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
