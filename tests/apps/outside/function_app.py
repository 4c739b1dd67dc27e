"""An app that asks services on the internet, with every kind of client. For SDK 1.x and 2.x."""

import asyncio
import http.client
import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import aiohttp
import azure.durable_functions as df
import azure.functions as func
import requests

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
session = requests.Session()


@app.route(route="ask/{client}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client) -> func.HttpResponse:
    given = {"client": req.route_params["client"], "request": req.get_json()}
    return client.create_check_status_response(req, await client.start_new("ask", client_input=given))


@app.orchestration_trigger(context_name="context")
def ask(context):
    given = context.get_input()
    if given["client"] == "call_http":
        answer = yield context.call_http("POST", given["request"]["url"], given["request"].get("body"))
        if isinstance(answer, dict):  # SDK 1.x
            return {"status": answer["statusCode"], "body": answer["content"]}
        return {"status": answer.status_code, "body": answer.content}
    return (yield context.call_activity(given["client"], given["request"]))


def _failed(error):
    return {"failed": f"{type(error).__name__}: {error}"}


@app.activity_trigger(input_name="request")
def with_urllib(request: dict):
    body = json.dumps(request["body"]).encode() if "body" in request else None
    asked = urllib.request.Request(request["url"], body, {"X-Asked-By": "urllib"})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode()}
    except OSError as error:
        return _failed(error)


@app.activity_trigger(input_name="request")
def with_requests(request: dict):
    try:
        answer = session.request(request.get("method", "POST"), request["url"], json=request.get("body"), timeout=20)
    except OSError as error:
        return _failed(error)
    return {"status": answer.status_code, "body": answer.text}


@app.activity_trigger(input_name="request")
async def with_aiohttp(request: dict):
    try:
        async with aiohttp.ClientSession() as client, client.post(request["url"], json=request.get("body")) as answer:
            return {"status": answer.status, "body": await answer.text()}
    except aiohttp.ClientError as error:
        return _failed(error)


@app.activity_trigger(input_name="request")
async def blocking_the_loop(request: dict):
    answer = requests.post(request["url"], json=request.get("body"), timeout=20)  # noqa: ASYNC210 - as beginners write it
    return {"status": answer.status_code, "body": answer.text}


@app.activity_trigger(input_name="request")
def with_a_loop_of_its_own(request: dict):
    async def run():
        async with aiohttp.ClientSession() as client, client.post(request["url"], json=request.get("body")) as answer:
            return {"status": answer.status, "body": await answer.text()}

    return asyncio.run(run())


@app.activity_trigger(input_name="request")
async def with_streams(request: dict):
    host = request["url"].split("/")[2]
    reader, writer = await asyncio.open_connection(host, 443, ssl=ssl.create_default_context())
    writer.write(f"POST /orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return {"status": int(head.split()[1]), "body": body.decode()}


@app.activity_trigger(input_name="request")
def with_http_client(request: dict):
    _, _, host, path = request["url"].split("/", 3)
    connection = http.client.HTTPSConnection(host, timeout=20)
    connection.request("POST", f"/{path}", json.dumps(request.get("body")))
    answer = connection.getresponse()
    return {"status": answer.status, "body": answer.read().decode()}


@app.activity_trigger(input_name="request")
def in_another_process(request: dict):
    code = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).status)"
    ended = subprocess.run([sys.executable, "-c", code, request["url"]], capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "not answered"
