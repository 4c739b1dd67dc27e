"""An activity for each way to do something outside, and some that do nothing there."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import azure.durable_functions as df
import azure.functions as func
import requests

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
CALLS = []
SESSION = requests.Session()


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("call", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def call(context):
    given = context.get_input()
    answer = yield context.call_activity(given["activity"], given)
    return answer


@app.orchestration_trigger(context_name="context")
def retries(context):
    given = context.get_input()
    try:
        yield context.call_activity_with_retry("fail_both", df.RetryOptions(1, 3), {**given, "activity": "fail_both"})
    except Exception:  # noqa: BLE001 - whatever the SDK makes of it
        return "failed"


@app.orchestration_trigger(context_name="context")
def acts_in_replays(context):
    with (Path(context.get_input()["folder"]) / "replays").open("a") as file:
        file.write("x")
    yield context.call_activity("read_clock", {"activity": "read_clock"})
    yield context.call_activity("send_get", context.get_input())


@app.orchestration_trigger(context_name="context")
def calls_http(context):
    yield context.call_http("POST", context.get_input(), "{}")


@app.activity_trigger(input_name="given")
def send_urllib(given: dict) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{given['service']}/urllib?key=secret", b"{}")).close()


@app.activity_trigger(input_name="given")
def send_refused(given: dict) -> None:
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(f"{given['service']}/refused", b"{}"))


@app.activity_trigger(input_name="given")
def send_put(given: dict) -> None:
    SESSION.put(f"{given['service']}/put", json={}, timeout=10)


@app.activity_trigger(input_name="given")
def send_get(given: dict) -> None:
    SESSION.get(f"{given['service']}/get", timeout=10)


@app.activity_trigger(input_name="given")
def send_requests(given: dict) -> None:
    SESSION.post(f"{given['service']}/requests", json={}, timeout=10)


@app.activity_trigger(input_name="given")
async def send_aiohttp(given: dict) -> None:
    async with aiohttp.ClientSession(given["service"]) as session, session.post("/aiohttp", json={}):
        pass


@app.activity_trigger(input_name="given")
async def send_stream(given: dict) -> None:
    host, _, port = given["service"].removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    await writer.wait_closed()


@app.activity_trigger(input_name="given")
def append(given: dict) -> None:
    with (Path(given["folder"]) / "appended").open("a") as file:
        file.write("x")


@app.activity_trigger(input_name="given")
def write(given: dict) -> None:
    (Path(given["folder"]) / "written").write_text("x")


@app.activity_trigger(input_name="given")
def write_more(given: dict) -> None:
    ledger = Path(given["folder"]) / "ledger.json"
    entries = json.loads(ledger.read_text()) if ledger.exists() else []
    ledger.write_text(json.dumps([*entries, "x"]))


@app.activity_trigger(input_name="given")
def write_by_renaming(given: dict) -> None:
    with tempfile.NamedTemporaryFile("w", dir=given["folder"], delete=False) as file:
        file.write("x")
    Path(file.name).replace(Path(given["folder"]) / "renamed")


@app.activity_trigger(input_name="given")
def write_temporary(given: dict) -> None:
    with tempfile.TemporaryDirectory(dir=given["folder"]) as folder:
        (Path(folder) / "x").write_text("x")


@app.activity_trigger(input_name="given")
def write_in_thread(given: dict) -> None:
    target = Path(given["folder"]) / "by_thread"

    def add() -> None:
        with target.open("a") as file:
            file.write("x")

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(add).result()


@app.activity_trigger(input_name="given")
async def write_in_executor(given: dict) -> None:
    with (Path(given["folder"]) / "to_thread").open("a") as file:
        await asyncio.to_thread(file.write, "x")


@app.activity_trigger(input_name="given")
def run_process(given: dict) -> None:
    subprocess.run(["true", "--password", given["folder"]], check=True)


@app.activity_trigger(input_name="given")
async def run_process_async(given: dict) -> None:
    process = await asyncio.create_subprocess_exec("true", given["folder"])
    await process.wait()


@app.activity_trigger(input_name="given")
def insert(given: dict) -> None:
    with contextlib.closing(sqlite3.connect(given["database"])) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stock (pieces)")
        connection.cursor().executemany("INSERT INTO stock VALUES (?)", [(1,), (2,)])


@app.activity_trigger(input_name="given")
def set_value(given: dict) -> None:
    with contextlib.closing(sqlite3.connect(given["database"])) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stock (pieces)")
        connection.execute("UPDATE stock SET pieces = ? WHERE pieces > 0", (7,))


@app.activity_trigger(input_name="given")
@app.queue_output(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
def write_message(given: dict, message: func.Out[str]) -> None:
    message.set(given["activity"])


@app.activity_trigger(input_name="given")
@app.cosmos_db_output(arg_name="document", database_name="shop", container_name="orders", connection="COSMOS")
def write_document(given: dict, document: func.Out[func.Document]) -> None:
    document.set(func.Document.from_dict({"id": given["id"]}))


@app.activity_trigger(input_name="given")
def read_clock(given: dict) -> dict:
    return {"activity": given["activity"], "at": datetime.now(UTC).isoformat()}


@app.activity_trigger(input_name="given")
def fail_first(given: dict) -> int:
    CALLS.append(given)
    if len(CALLS) == 1:
        raise ConnectionError("not yet")
    return 7


@app.activity_trigger(input_name="given")
def fail_both(given: dict) -> int:
    raise LookupError(given["activity"])
