"""A WSGI application behind all routes, and durable functions from a blueprint beside it."""

import json

import azure.functions as func
from durable_part import blueprint


def application(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("not today")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    answer = {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "body": environ["wsgi.input"].read(length).decode(),
        "function": environ["azure_functions.function_name"],
    }
    start_response("201 Created", [("Content-Type", "application/json"), ("X-Own", "1")])
    return [json.dumps(answer).encode()]


app = func.WsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(blueprint)
