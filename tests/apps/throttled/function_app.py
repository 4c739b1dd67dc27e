"""One HTTP function under host.json's maxOutstandingRequests of 1: busy for as long as the caller's file exists."""

import time
from pathlib import Path

import azure.functions as func

POLL_S = 0.01
LONGEST_S = 20.0

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    if busy_file := req.params.get("busy_file"):
        hold(Path(busy_file))
    return func.HttpResponse("done")


def hold(busy: Path) -> None:
    """Mark by a file that this call is in flight, and stay until it is gone: a full host can hear no other sign."""
    busy.touch()
    give_up_at = time.monotonic() + LONGEST_S
    while busy.exists() and time.monotonic() < give_up_at:
        time.sleep(POLL_S)
