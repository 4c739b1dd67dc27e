"""A parcel service: every function writes where the expressions in its binding lead, and what it was given."""

import json
from typing import List  # noqa: UP035 - the worker takes no list[…]

import azure.durable_functions as df
import azure.functions as func

STORAGE = "AzureWebJobsStorage"
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.blob_trigger(arg_name="scan", path="%SCANS%/{depot}/{parcel}.{kind}", connection=STORAGE)
@app.blob_input(arg_name="route", path="routes/{depot}.json", connection=STORAGE)
@app.blob_output(arg_name="copy", path="archive/{depot}/{parcel}-{kind}/{{raw}}", connection=STORAGE)
def archive_scan(scan: func.InputStream, route: str, copy: func.Out[str]):
    """Archive a scan beside the route of its depot."""
    copy.set(f"{scan.name} by {route}")


@app.queue_trigger(arg_name="name", queue_name="lookups", connection=STORAGE)
@app.blob_input(arg_name="found", path="parcels/{queueTrigger}", connection=STORAGE)
@app.queue_output(arg_name="answer", queue_name="answers-{DequeueCount}", connection=STORAGE)
def look_up(name: func.QueueMessage, found: str, answer: func.Out[str]):
    """Answer with the parcel whose name the message is."""
    answer.set(found)


@app.queue_trigger(arg_name="message", queue_name="moves", connection=STORAGE)
@app.blob_output(arg_name="note", path="{to.city}/{id}/{InsertionTime:yyyyMMdd}/{sender.name}", connection=STORAGE)
def move(message: func.QueueMessage, note: func.Out[str]):
    """Note a move."""
    note.set(message.get_body().decode())


@app.service_bus_queue_trigger(arg_name="message", queue_name="customs", connection="BUS")
@app.blob_output(arg_name="form", path="forms/{UserProperties.country}/{MessageId}-{CorrelationId}", connection=STORAGE)
def declare(message: func.ServiceBusMessage, form: func.Out[str]):
    """Write a customs form."""
    form.set(message.get_body().decode())


@app.event_hub_message_trigger(arg_name="event", event_hub_name="vans", connection="HUB")
@app.blob_output(arg_name="track", path="tracks/{PartitionKey}/{SequenceNumber}", connection=STORAGE)
def track(event: func.EventHubEvent, track: func.Out[str]):
    """Keep a position."""
    track.set(event.get_body().decode())


@app.event_grid_trigger(arg_name="event")
@app.blob_output(arg_name="note", path="events/{data.parcel.id}/{subject}", connection=STORAGE)
def on_event(event: func.EventGridEvent, note: func.Out[str]):
    """Keep an event."""
    note.set(event.event_type)


@app.route(route="parcels/{id}", methods=["POST"])
@app.blob_output(
    arg_name="label", path="labels/{id}/{Query.size}/{headers.x-customer}/{sender.name}-{size}", connection=STORAGE
)
def print_label(req: func.HttpRequest, label: func.Out[str]) -> func.HttpResponse:
    """Print a label."""
    label.set("label")
    return func.HttpResponse("printed")


@app.timer_trigger(arg_name="tick", schedule="0 0 3 1 1 *")
@app.blob_output(
    arg_name="report", path="{sys.methodname}/{DateTime:yyyy-MM-dd}/{rand-guid:N}/{sys.utcnow:HH}", connection=STORAGE
)
@app.queue_output(arg_name="lost", queue_name="lost-{parcel}-{UserProperties.country}", connection=STORAGE)
def report(tick: func.TimerRequest, report: func.Out[str], lost: func.Out[str]):
    """Write a report, and a message to a queue whose name nothing brings."""
    report.set("all delivered")
    lost.set("lost")


@app.generic_trigger(arg_name="call", type="mcpToolTrigger", toolName="find", description="d", toolProperties="[]")
@app.generic_output_binding(arg_name="log", type="blob", path="tools/{mcptoolargs.parcel}", connection=STORAGE)
def find_tool(call, log: func.Out[str]) -> str:
    """Find a parcel for a model."""
    arguments = json.loads(call)["arguments"]
    log.set(arguments["parcel"])
    return f"parcel {arguments['parcel']} is here"


@app.generic_trigger(arg_name="what", type="rabbitMQTrigger", queueName="rabbits", connectionStringSetting="R")
def echo(what: str):
    """Return what was sent, as its message states: text, JSON, bytes, nothing, or what no host takes."""
    returned = {"text": "hop", "json": {"hops": [1, 2]}, "bytes": b"\xff", "object": object()}
    return returned.get(what)


@app.queue_trigger(arg_name="message", queue_name="weights", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="bills", connection=STORAGE)
def bill(message: str) -> str:
    """Return a bill."""
    return f"bill for {message}"


def batch(trigger, **settings):
    """Return the decorator of a trigger of a kind that brings a batch or one message."""
    cardinality = func.Cardinality.MANY if settings.pop("many") else func.Cardinality.ONE
    return getattr(app, trigger)(arg_name="items", cardinality=cardinality, **settings)


def shown(items):
    """Return the bodies of messages, or of one."""
    bodies = [item.get_body() for item in (items if isinstance(items, list) else [items])]
    return json.dumps([body.decode("latin-1") for body in bodies])


@batch("event_hub_message_trigger", event_hub_name="h", connection="HUB", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def hub_many(items: List[func.EventHubEvent]) -> str:  # noqa: UP006
    """Show a batch."""
    return shown(items)


@batch("event_hub_message_trigger", event_hub_name="h", connection="HUB", many=False)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def hub_one(items: func.EventHubEvent) -> str:
    """Show one."""
    return shown(items)


@batch("service_bus_queue_trigger", queue_name="q", connection="BUS", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def bus_many(items: List[func.ServiceBusMessage]) -> str:  # noqa: UP006
    """Show a batch."""
    return shown(items)


@batch("service_bus_topic_trigger", topic_name="t", subscription_name="s", connection="BUS", many=False)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def bus_one(items: func.ServiceBusMessage) -> str:
    """Show one."""
    return shown(items)


@batch("kafka_trigger", topic="k", broker_list="BROKERS", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def kafka_many(items: List[func.KafkaEvent]) -> str:  # noqa: UP006
    """Show a batch."""
    return shown(items)


@batch("kafka_trigger", topic="k", broker_list="BROKERS", many=False)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def kafka_one(items: func.KafkaEvent) -> str:
    """Show one."""
    return shown(items)


@batch("event_hub_message_trigger", event_hub_name="h", connection="HUB", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def hub_metadata(items: List[func.EventHubEvent]) -> str:  # noqa: UP006
    """Show the metadata of a batch."""
    return json.dumps([[item.partition_key, item.sequence_number, item.iothub_metadata] for item in items])


@batch("service_bus_queue_trigger", queue_name="q", connection="BUS", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def bus_metadata(items: List[func.ServiceBusMessage]) -> str:  # noqa: UP006
    """Show the metadata of a batch."""
    return json.dumps([[item.message_id, item.correlation_id] for item in items])


@batch("kafka_trigger", topic="k", broker_list="BROKERS", many=True)
@app.queue_output(arg_name="$return", queue_name="seen", connection=STORAGE)
def kafka_metadata(items: List[func.KafkaEvent]) -> str:  # noqa: UP006
    """Show the metadata of a batch."""
    return json.dumps([[item.topic, item.offset, item.key] for item in items])


@app.queue_trigger(arg_name="message", queue_name="pairs", connection=STORAGE)
@app.queue_output(arg_name="first", queue_name="firsts", connection=STORAGE)
@app.queue_output(arg_name="second", queue_name="seconds", connection=STORAGE)
def two_outputs(message: str, first: func.Out[str], second: func.Out[str]):
    """Write to two queues, to one of them what no queue takes."""
    second.set("fine")
    first.set(object())


@app.activity_trigger(input_name="weights")
def weigh(weights: list):
    """Return a sum."""
    return {"sum": sum(weights)}


@app.orchestration_trigger(context_name="context")
def deliver(context: df.DurableOrchestrationContext):
    """Deliver one parcel."""
    return (yield context.call_activity("sign", {"by": {"name": "Cy"}}))


@app.activity_trigger(input_name="receipt")
@app.blob_output(arg_name="paper", path="receipts/{instanceId}/{data.by.name}/{by.name}", connection=STORAGE)
def sign(receipt: dict, paper: func.Out[str]):
    """Write a receipt."""
    paper.set("signed")


@app.route(route="deliver/{id}")
@app.durable_client_input(client_name="client")
async def start_delivery(req: func.HttpRequest, client) -> func.HttpResponse:
    """Start a delivery."""
    instance_id = await client.start_new("deliver", req.route_params["id"])
    return client.create_check_status_response(req, instance_id)


@app.route(route="as-text")
def as_text(req: str) -> str:
    """Take a request as text, which the worker indexes and cannot carry out."""
    return "never"


@app.route(route="owners/{id}")
@app.cosmos_db_input(
    arg_name="owner",
    database_name="d",
    container_name="owners",
    connection="C",
    id="{id}",
    partition_key="{Query.land}",
)
def owner(req: func.HttpRequest, owner: str) -> str:
    """Return a document that route and query choose."""
    return f"owner: {owner}"
