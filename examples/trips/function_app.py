import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="trips", methods=["POST"])
@app.durable_client_input(client_name="client")
async def book_trip(req: func.HttpRequest, client) -> func.HttpResponse:
    trip = req.get_json()
    if "city" not in trip:
        return func.HttpResponse("a trip needs a city", status_code=400)
    instance_id = await client.start_new("plan_trip", client_input=trip)
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def plan_trip(context):
    trip = context.get_input()
    bookings = [
        context.call_activity("book_train", trip["city"]),
        context.call_activity("book_hotel", trip["city"]),
    ]
    train, hotel = yield context.task_all(bookings)
    return {"city": trip["city"], "price": train + hotel}


@app.activity_trigger(input_name="city")
def book_train(city: str) -> int:
    time.sleep(0.1)
    return 80


@app.activity_trigger(input_name="city")
def book_hotel(city: str) -> int:
    time.sleep(0.2)
    return 120
