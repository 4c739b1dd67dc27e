"""A service that answers badly: now and then properly, otherwise with random content."""

import json
from urllib.parse import quote

from gevent.server import StreamServer

INSTANCES = "/runtime/webhooks/durabletask/instances/"
TEXTS = (
    "half \ud800 of a pair",
    "nul\x00",
    "\x1b[2J\x1b[1;1H",
    "rtl\u202e",
    "]]><!-- </script>",
    "a\r\nSet-Cookie: b=c",
    "| `x` |\n### passed",
    '"quoted\\',
    "\u2028",
    "🚀" * 50,
    "",
)
WORDS = ("Completed", "Failed", "Running", "Pending", "Terminated", "Canceled", "ContinuedAsNew")
URLS = ("ftp://host/x", "http://[::1", "//", "javascript:alert(1)", "http://127.0.0.1:1/gone", "?", "\ud800")
NO_HTTP = (b"", b"\x00" * 50, b"HTTP/1.1 200", b"HTTP/1.1 2\xff0 OK\r\n\r\n")
LENGTHS = (
    b"Content-Length: 99999",
    b"Content-Length: -1",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"X: y",
)
NUMBERS = (-1, 2**80, 1e308, float("nan"), float("inf"), True, None)
STATUSES = (100, 101, 103, 200, 202, 204, 206, 299, 301, 303, 304, 307, 400, 401, 404, 410, 429, 500, 503, 599, 999)
TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "now", "2026-01-01T00:00:00Z", "2026-01-01", 1, None)
RETRIES = ("0", "1e9", "-1", "9" * 400, "Mon, 99 Nov 9999999999999 99:99:99 GMT", "0.001", "\x01")


class HostileService:
    """Serves from a greenlet on a free port until it is closed; `random` decides all."""

    def __init__(self, random):
        self.answers = 0
        self._random = random
        self._ids = 0
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.stop(timeout=1)

    def _serve(self, sock, _address):
        try:
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    data = sock.recv(65536)
                    if not data:
                        return
                    rest += data
                head, _, rest = rest.partition(b"\r\n\r\n")
                size = int(next((line[15:] for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0))
                while len(rest) < size:
                    rest += sock.recv(65536)
                rest = rest[size:]
                self.answers += 1
                sock.sendall(self._answer(is_start=head.startswith(b"POST")))
                if self._random.random() < 0.05:
                    return
        except OSError:
            return
        finally:
            sock.close()

    def _answer(self, *, is_start):
        random = self._random
        if random.random() < 0.05:
            return random.choice([*NO_HTTP, random.randbytes(200)])
        is_proper = random.random() < (0.7 if is_start else 0.4)
        document = self._start(is_proper) if is_start else self._status(is_proper)
        status = (202 if is_start else 200) if is_proper or random.random() < 0.5 else random.choice(STATUSES)
        return self._on_wire(status, self._body(document, is_proper), is_proper)

    def _start(self, is_proper):
        self._ids += 1
        instance_id = f"id{self._ids}"
        document = {"id": instance_id, "statusQueryGetUri": f"{self.url}{INSTANCES}{instance_id}?code=key"}
        if not is_proper:
            document[self._random.choice(list(document))] = self._value()
        return document

    def _status(self, is_proper):
        document = {"runtimeStatus": "Completed", "output": {"done": True}, "lastUpdatedTime": "2026-01-01T00:00:00.5Z"}
        if not is_proper:
            document["runtimeStatus"] = self._random.choice([*WORDS, self._value()])
            document["output"] = self._value()
            document["createdTime"] = self._random.choice(TIMES)
            document["lastUpdatedTime"] = self._random.choice(TIMES)
        return document

    def _value(self):
        random = self._random
        text = random.choice(TEXTS)
        texts = (text, text * 2_000, f"id{random.randrange(1000)}", "".join(map(chr, random.randbytes(20))))
        return random.choice([*texts, *URLS, *WORDS, *NUMBERS, {text: text}, [text, [text]]])

    def _body(self, document, is_proper):
        random = self._random
        text = json.dumps(document).encode()
        if is_proper or random.random() < 0.6:
            return text
        return random.choice(
            [
                b"[" * 5_000 + b"]" * 5_000,
                b'{"runtimeStatus": "Completed", "output": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
                b'{"id": ' + b"9" * 10_000 + b"}",
                b'{"runtimeStatus": "Running", "runtimeStatus": "Completed"}',
                b'{"id": "\xff\xfe\xc3"}',
                text[: len(text) // 2],
                text.decode().encode("utf-16"),
                random.randbytes(300),
                b"",
            ]
        )

    def _on_wire(self, status, body, is_proper):
        random = self._random
        headers = [b"Content-Length: %d" % len(body)]
        if not is_proper:
            if random.random() < 0.3:
                headers[0] = random.choice(LENGTHS)
            location = random.choice([*URLS, f"{INSTANCES}id1", quote(random.choice(TEXTS).encode("utf-8", "replace"))])
            headers.append(b"Location: " + location.encode("utf-8", "replace").replace(b"\n", b" "))
            headers.append(b"Retry-After: " + random.choice(RETRIES).encode())
            if random.random() < 0.1:
                headers += [b"X-%d: " % number + b"y" * 100 for number in range(random.choice([10, 4_000]))]
        return b"\r\n".join([b"HTTP/1.1 %d Odd" % status, *headers, b"", body])
