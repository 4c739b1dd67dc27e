"""HTTP functions of the extension for streams: FastAPI's requests and responses, beside durable functions."""

import asyncio

import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, PlainTextResponse, Request, Response, StreamingResponse
from fastapi import HTTPException
from pydantic import BaseModel

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
PIECE = b"x" * 65536
gates = {"open": asyncio.Event(), "seen": asyncio.Event()}
counts = {"produced": 0}


@app.route(route="halves", methods=["GET"])
async def halves(req: Request) -> StreamingResponse:
    async def both():
        yield "first\n"
        await gates["open"].wait()
        yield "last\n"

    return StreamingResponse(both(), media_type="text/event-stream")


FRAMINGS = {
    "chunked": {"Transfer-Encoding": "chunked", "Connection": "close"},
    "right": {"Content-Length": "10"},
    "long": {"Content-Length": "999"},
    "short": {"Content-Length": "2"},
}


@app.route(route="framed/{name}", methods=["GET"])
async def framed(req: Request) -> StreamingResponse:
    async def pieces():
        yield "first"
        yield "later"

    return StreamingResponse(pieces(), headers=FRAMINGS[req.path_params["name"]])


@app.route(route="status/{status}", methods=["GET"])
async def any_status(req: Request) -> Response:
    return Response("hello", status_code=int(req.path_params["status"]))


@app.route(route="open", methods=["POST"])
async def open_gate(req: Request) -> str:
    gates["open"].set()
    return "open"


@app.route(route="upload", methods=["POST"])
async def upload(req: Request) -> JSONResponse:
    size = 0
    async for piece in req.stream():
        size += len(piece)
        if size:
            gates["seen"].set()
    return JSONResponse({"size": size})


@app.route(route="seen", methods=["GET"])
async def seen(req: Request) -> str:
    await gates["seen"].wait()
    return "seen"


@app.route(route="download/{pieces}", methods=["GET"])
async def download(req: Request) -> StreamingResponse:
    def pieces():
        counts["produced"] = 0
        for _ in range(int(req.path_params["pieces"])):
            counts["produced"] += 1
            yield PIECE

    return StreamingResponse(pieces(), media_type="application/octet-stream")


@app.route(route="chunked")
async def chunked(req: Request) -> StreamingResponse:
    return StreamingResponse(iter([PIECE, PIECE]), media_type="application/octet-stream")


@app.route(route="produced", methods=["GET"])
def produced(req: Request) -> int:
    return counts["produced"]


@app.route(route="said/{name}", methods=["POST"])
async def echoed(req: Request) -> dict:
    return {
        "name": req.path_params,
        "query": dict(req.query_params),
        "body": await req.json(),
        "tag": req.headers["x-tag"],
    }


class Model(BaseModel):
    size: int


@app.route(route="model")
async def model(req: Request) -> Model:
    return Model(size=3)


@app.route(route="plain")
def plain(req: Request, context: func.Context) -> PlainTextResponse:
    return PlainTextResponse(context.function_name, status_code=201, headers={"x-own": "1"})


@app.route(route="empty")
async def empty(req: Request) -> Response:
    return Response(status_code=204)


@app.route(route="bare")
async def bare(req: Request) -> Response:
    return Response(b"raw")


@app.route(route="refused")
async def refused(req: Request) -> Response:
    raise HTTPException(status_code=418, detail="a teapot")


@app.route(route="fails")
async def fails(req: Request) -> Response:
    raise ValueError("not today")


@app.route(route="breaks")
async def breaks(req: Request) -> StreamingResponse:
    async def broken():
        yield "a piece"
        raise ValueError("in the middle")

    return StreamingResponse(broken())


@app.route(route="begin", methods=["POST"])
@app.durable_client_input(client_name="client")
async def begin(req: Request, client) -> JSONResponse:
    instance_id = await client.start_new("total", client_input=await req.json())
    return JSONResponse(client.create_http_management_payload(instance_id), status_code=202)


@app.orchestration_trigger(context_name="context")
def total(context):
    return sum((yield context.task_all([context.call_activity("double", n) for n in context.get_input()])))


@app.activity_trigger(input_name="value")
def double(value: int) -> int:
    return 2 * value
