"""An ASGI application behind all routes, with its lifespan, and durable functions from a blueprint beside it."""

import json

import azure.functions as func
from durable_part import blueprint

seen = {"started": 0}


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    body = (await receive())["body"]
    if scope["path"] == "/fails":
        raise ValueError("not today")
    answer = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "body": body.decode(),
        "started": seen["started"],
        "function": scope["azure_functions.function_name"],
    }
    headers = [
        (b"content-type", b"application/json"),
        (b"x-own", b"1"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def lifespan(receive, send):
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            seen["started"] += 1
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


app = func.AsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(blueprint)
