"""A blueprint of the app: functions that are registered with it later."""

import json
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
from archive import FolderWriter
from durabletask import task
from durabletask.extensions.history_export import (
    ExportDestination,
    ExportHistoryClient,
    ExportJobCreationOptions,
    ExportMode,
)
from durabletask.scheduled import ScheduleCreationOptions, ScheduledTaskClient

orders = df.Blueprint(http_auth_level=func.AuthLevel.ANONYMOUS)


@orders.orchestration_trigger(context_name="context")
def order(ctx: task.OrchestrationContext, number: int):
    """Have an activity of the blueprint confirm an order."""
    return (yield ctx.call_activity("confirm", input=number))


@orders.activity_trigger(input_name="number")
def confirm(number: int) -> str:
    return f"order {number}"


@orders.orchestration_trigger(context_name="context")
def tick(ctx: task.OrchestrationContext, value):
    """Be what a schedule starts."""
    return value


@orders.route(route="schedule/{id}", methods=["POST"])
@orders.durable_client_input(client_name="client")
def schedule(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Start `tick` again and again, at an interval in seconds."""
    every = timedelta(seconds=int(req.params["every_s"]))
    name = req.route_params["id"]
    options = ScheduleCreationOptions(name, "tick", every, orchestration_input=name, start_immediately_if_late=True)
    made = ScheduledTaskClient(client).create_schedule(options)
    return func.HttpResponse(made.describe().status.name)


@orders.route(route="schedule/{id}", methods=["DELETE"])
@orders.durable_client_input(client_name="client")
def unschedule(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """End a schedule."""
    ScheduledTaskClient(client).get_schedule_client(req.route_params["id"]).delete()
    return func.HttpResponse("deleted")


@orders.route(route="export", methods=["POST"])
@orders.durable_client_input(client_name="client")
def export(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Export the histories of all that has ended in the last hour, and wait for it."""
    now = datetime.now(UTC)
    options = ExportJobCreationOptions(
        mode=ExportMode.BATCH,
        completed_time_from=now - timedelta(hours=1),
        completed_time_to=now,
        destination=ExportDestination(container="histories"),
    )
    exporter = ExportHistoryClient(client, FolderWriter(None))
    done = exporter.wait_for_job(exporter.create_job(options).job_id, timeout=20, poll_interval=0.05)
    exported = {"status": done.status.name, "exported": done.exported_instances, "failed": done.failed_instances}
    return func.HttpResponse(json.dumps(exported), mimetype="application/json")
