"""A service that follows the general pattern and is nothing of Azure's: 202 with Location, states of its own, 303.

POST /reports            202, Location: /reports/1; the id in `report`
GET  /reports/1          200 {"state": "queued"}, then "processing", then 303 to the result
GET  /reports/1/result   200, the result
DELETE /reports/1        204; its state is then "cancelled"
"""

import itertools
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DESCRIPTION = """
name = "reports"
[start]
path = "/reports"
id = "/report"
headers = { X-Tenant = "load" }
body = { title = "{token}", pages = [1, 2], seconds = "{duration}" }
[status]
state = "/state"
not_begun = ["queued"]
succeeded = []
result = [303]
terminated = ["cancelled"]
token = "/title"
[terminate]
url = "status"
method = "DELETE"
"""


class PlainService:
    """Serves on a free port and remembers what it was asked."""

    def __init__(self):
        self.reports = {}
        self.cancelled = set()
        self.requests = Counter()
        self.refused = []
        self.numbers = itertools.count(1)
        self.spoil = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    @property
    def service(self):
        return self.server.service

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.requests["start"] += 1
        if self.headers.get("X-Tenant") != "load":
            self.service.refused.append(dict(self.headers))
            self._answer(403)
            return
        number = str(next(self.service.numbers))
        self.service.reports[number] = (order, time.monotonic())
        self._answer(202, {"report": number}, Location=f"/reports/{number}")

    def do_GET(self):
        if not self.path.startswith("/reports/"):
            self._answer(200, {"hello": "there"})
            return
        number, _, result = self.path.removeprefix("/reports/").partition("/")
        order, began = self.service.reports[number]
        elapsed = (time.monotonic() - began) / order["seconds"]
        if result:
            self.service.requests["result"] += 1
            self._answer(200, {"title": "another" if self.service.spoil else order["title"], "sheets": 2})
        elif number in self.service.cancelled:
            self._answer(200, {"state": "cancelled"})
        elif elapsed >= 1:
            self._answer(303, Location=f"{number}/result")
        else:
            self._answer(200, {"state": "queued" if elapsed < 0.5 else "processing"})

    def do_DELETE(self):
        self.service.requests["cancel"] += 1
        self.service.cancelled.add(self.path.removeprefix("/reports/"))
        self._answer(204)

    def _answer(self, status, body=None, **headers):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *args):
        """Keep quiet: the tests look at what is remembered."""
