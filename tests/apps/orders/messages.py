"""Functions that report by a queue what came to their triggers."""

import json
from typing import List  # noqa: UP035 - the worker takes no list[…]

import azure.functions as func

messages = func.Blueprint()


@messages.blob_trigger(arg_name="blob", path="uploads/{name}", connection="STORAGE")
@messages.blob_output(arg_name="copy", path="copies/{name}", connection="STORAGE")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_blob(blob: func.InputStream, copy: func.Out[bytes]) -> str:
    """Copy a blob."""
    content = blob.read()
    copy.set(content)
    return json.dumps([blob.name, blob.length, content.decode(errors="replace")])


@messages.service_bus_queue_trigger(arg_name="message", queue_name="bus", connection="BUS")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_bus(message: func.ServiceBusMessage) -> str:
    """Report one message."""
    return json.dumps([message.get_body().decode(), message.delivery_count, message.user_properties])


@messages.service_bus_topic_trigger(
    arg_name="batch", topic_name="news", subscription_name="all", connection="BUS", cardinality="many"
)
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_topic(batch: List[func.ServiceBusMessage]) -> str:  # noqa: UP006
    """Report a batch."""
    return json.dumps([message.get_body().decode() for message in batch])


@messages.event_hub_message_trigger(arg_name="event", event_hub_name="readings", connection="HUB")
@messages.event_hub_output(arg_name="alerts", event_hub_name="alerts", connection="HUB")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_reading(event: func.EventHubEvent, alerts: func.Out[str]) -> str:
    """Report one event and raise an alert."""
    alerts.set("hot")
    return json.dumps([event.get_body().decode(), event.sequence_number])


@messages.event_hub_message_trigger(arg_name="events", event_hub_name="batches", connection="HUB", cardinality="many")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_readings(events: List[func.EventHubEvent]) -> str:  # noqa: UP006
    """Report a batch."""
    return json.dumps([event.get_body().decode() for event in events])


@messages.event_grid_trigger(arg_name="event")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_event(event: func.EventGridEvent) -> str:
    """Report one event."""
    return json.dumps([event.event_type, event.get_json()])


@messages.cosmos_db_trigger(arg_name="documents", database_name="shop", container_name="items", connection="COSMOS")
@messages.cosmos_db_output(arg_name="copies", database_name="shop", container_name="copies", connection="COSMOS")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_documents(documents: func.DocumentList, copies: func.Out[func.DocumentList]) -> str:
    """Report documents and copy them."""
    copies.set(documents)
    return json.dumps([document["id"] for document in documents])


@messages.kafka_trigger(arg_name="event", topic="lines", broker_list="BROKERS")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_line(event: func.KafkaEvent) -> str:
    """Report one event."""
    return json.dumps([event.get_body().decode(), event.topic])


@messages.kafka_trigger(arg_name="events", topic="lines", broker_list="BROKERS", cardinality="MANY")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_lines(events: List[func.KafkaEvent]) -> str:  # noqa: UP006
    """Report a batch."""
    return json.dumps([event.get_body().decode() for event in events])


@messages.sql_trigger(arg_name="changes", table_name="dbo.rows", connection_string_setting="SQL")
@messages.sql_output(arg_name="rows", command_text="dbo.copies", connection_string_setting="SQL")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_rows(changes: str, rows: func.Out[func.SqlRow]) -> str:
    """Report changes and copy the first row."""
    found = json.loads(changes)
    rows.set(func.SqlRow.from_dict(found[0]["Item"]))
    return json.dumps([change["Operation"] for change in found])


@messages.dapr_service_invocation_trigger(arg_name="payload", method_name="greet")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_dapr(payload: str) -> str:
    """Report a call."""
    return json.dumps(["dapr", json.loads(payload)])


@messages.generic_trigger(
    arg_name="what", type="rabbitMQTrigger", queueName="rabbits", connectionStringSetting="RABBIT"
)
@messages.generic_output_binding(arg_name="sent", type="rabbitMQ", queueName="hares")
@messages.queue_output(arg_name="$return", queue_name="seen", connection="STORAGE")
def on_generic(what: str, sent: func.Out[str]) -> str:
    """Report a message of a binding that azure-functions does not know, and write one."""
    sent.set("jump")
    return json.dumps([what])


@messages.queue_trigger(arg_name="message", queue_name="broken", connection="STORAGE")
@messages.queue_output(arg_name="out", queue_name="lost", connection="STORAGE")
def breaks(message: func.QueueMessage, out: func.Out[str]) -> None:
    """Fail, or write what no queue takes."""
    out.set("before the failure")
    if message.get_body() == b"object":
        out.set(object())
        return
    raise LookupError(f"no such thing: {message.get_body().decode()}")


@messages.route(route="documents/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@messages.cosmos_db_input(
    arg_name="found", database_name="shop", container_name="items", connection="COSMOS", id="{id}", partition_key="{id}"
)
def read_document(req: func.HttpRequest, found: func.DocumentList) -> func.HttpResponse:
    """Answer with the documents that the binding found."""
    return func.HttpResponse(json.dumps([dict(document) for document in found]))
