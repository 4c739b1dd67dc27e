"""A stock that every delivery takes from, under a number that is made up in each."""

import contextlib
import sqlite3
import uuid

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("reserve", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def reserve(context):
    yield context.call_activity("take_stock", context.get_input())
    return "reserved"


@app.activity_trigger(input_name="order")
def take_stock(order: dict) -> dict:
    number = str(uuid.uuid4())
    with contextlib.closing(sqlite3.connect(order["database"])) as connection, connection:
        connection.execute("INSERT INTO reservations VALUES (?, ?)", (number, order["pieces"]))
        connection.execute("UPDATE stock SET pieces = pieces - ?", (order["pieces"],))
    return {"number": number, "pieces": order["pieces"]}
