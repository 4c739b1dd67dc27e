"""Malformed requests: refused with 400, never a 500, and nothing is started by a request that fails."""

import itertools
import json
import random
import socket
import sys
from urllib.parse import quote, urlsplit

import pytest
import requests

from durable_harness.stack.child_systems import scheduler_process
from durable_harness.stack.processes import running_command

WEBHOOKS = "/runtime/webhooks/durabletask"
TIMEOUT_S = 20
START = f"{WEBHOOKS}/orchestrators/wait_event"
CONTRACTED = "System.InvalidOperationException"
"""What the Durable extension answers with 500, by contract: a suspended instance that is suspended again, say."""


@pytest.fixture
def conformance(running_apps, conformance_dir):
    """Return the client of the conformance app."""
    return running_apps(conformance_dir)


def raw(base_url, line, headers=(), body=b""):
    """Send a request as these bytes, which no client library would, and return its status and body."""
    parts = urlsplit(base_url)
    lines = [line, *headers, b"Connection: close", b"Content-Length: %d" % len(body)]
    if not any(header.lower().startswith(b"host:") for header in headers):
        lines.append(b"Host: localhost")
    with socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


def ids_of(conformance):
    """Return the ids of all instances that the hub keeps."""
    ids, token = [], ""
    while True:
        answer = conformance.get(f"{WEBHOOKS}/instances", headers={"x-ms-continuation-token": token} if token else {})
        ids += [instance["instanceId"] for instance in answer.json()]
        token = answer.headers["x-ms-continuation-token"]
        if not token:
            return set(ids)


@pytest.mark.parametrize(
    "query",
    [
        "timeout=nan&pollingInterval=1",
        "timeout=1&pollingInterval=nan",
        "timeout=inf&pollingInterval=1",
        "timeout=-1&pollingInterval=-2",
        "timeout=1e999&pollingInterval=1",
        "timeout=ten&pollingInterval=1",
        "timeout=nan",
        "timeout=1&pollingInterval=2",
    ],
)
def test_odd_times_to_wait_start_nothing(conformance, key, query):
    """A timeout that is no number of seconds is refused before the start, and so is an interval above it."""
    answer = conformance.post(f"{START}/{key}?{query}")
    assert (answer.status_code, bool(answer.json()["Message"])) == (400, True)
    assert conformance.get(f"{WEBHOOKS}/instances/{key}").status_code == 404


@pytest.mark.parametrize("authority", [b"evil.example", b"localhost.evil.example", b"localhost:1", b"me@localhost"])
def test_a_request_line_of_another_host_is_refused(conformance, key, authority):
    """A whole URL in the request line must name the host of the Host header: management URLs are made of it."""
    path = f"{START}/{key}".encode()
    assert raw(conformance.stack.base_url, b"POST http://%b%b HTTP/1.1" % (authority, path))[0] == 400
    assert conformance.get(f"{WEBHOOKS}/instances/{key}").status_code == 404


def test_a_whole_url_in_the_request_line_is_accepted(conformance, key):
    """A request as to a proxy is answered, and the management URLs name the host and the port that were asked."""
    host = urlsplit(conformance.stack.base_url).netloc.encode()
    line = b"POST http://%b%b/%b HTTP/1.1" % (host, START.encode(), key.encode())
    status, body = raw(conformance.stack.base_url, line, [b"Host: " + host])
    assert status == 202
    assert json.loads(body)["statusQueryGetUri"].startswith(f"http://{host.decode()}/runtime/webhooks/")


def test_a_client_that_leaves_within_its_body_starts_nothing(conformance, key):
    """A body that never comes whole is no start, and the host serves on."""
    parts = urlsplit(conformance.stack.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(f"POST {START}/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n[1".encode())
    assert conformance.get(f"{WEBHOOKS}/instances/{key}").status_code == 404


@pytest.mark.parametrize("moment", ["yesterday-ish", "99999-01-01", "0001-01-01T00:00:00%2B14:00", "%00", "1e400", "²"])
def test_odd_dates_are_refused(conformance, moment):
    """A time that cannot be read is refused, where the extension lists, or purges, as if it had not been given."""
    for path, name in (
        ("instances", "createdTimeFrom"),
        ("instances", "createdTimeTo"),
        ("entities", "lastOperationTimeTo"),
    ):
        answer = conformance.get(f"{WEBHOOKS}/{path}?{name}={moment}")
        assert (answer.status_code, name in answer.text) == (400, True)
    until = f"createdTimeFrom=2001-01-01&createdTimeTo={moment}"
    assert conformance.delete(f"{WEBHOOKS}/instances?{until}").status_code == 400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "1969-12-31"])
def test_the_ends_of_time_are_times(conformance, moment):
    """Clients name year 1 and year 9999 for no limit at all."""
    for name in ("createdTimeFrom", "createdTimeTo"):
        assert conformance.get(f"{WEBHOOKS}/instances?{name}={moment}").status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "W10=", "bnVsbA==", "WzEsMl0", "%%%", "x" * 5000])
def test_odd_tokens_are_refused(conformance, token):
    """A continuation token that is none is the caller's mistake."""
    answer = conformance.get(f"{WEBHOOKS}/instances", headers={"x-ms-continuation-token": token})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "header",
    [
        b"traceparent: \xff\xfe",
        b"traceparent: nonsense",
        b"x-ms-continuation-token: \xff",
        b"X-Any: \xc3\x28",
        b"Host: a b",
        b"Host: \xff",
        b"Host: evil/path?x",
        b"Host: one\r\nHost: two",
    ],
)
def test_odd_headers_are_refused(conformance, key, header):
    """Bytes that are no text, a host that is none and a trace that is none start nothing."""
    status, _ = raw(conformance.stack.base_url, f"POST {START}/{key} HTTP/1.1".encode(), [header])
    assert status == 400
    assert conformance.get(f"{WEBHOOKS}/instances/{key}").status_code == 404


def test_an_odd_trace_does_not_keep_a_function_from_starting(conformance):
    """Functions are called with any traceparent, as in Azure; their client starts without it."""
    answer = conformance.post("/api/start/wait_event", headers={"traceparent": "nonsense"})
    assert answer.status_code == 202


@pytest.mark.parametrize("target", ["/%00", "/api/%00", f"{START}/%ff", f"{WEBHOOKS}/instances/%c3%28", "/caf\xe9"])
def test_odd_urls_are_refused(conformance, target):
    """NUL, bytes that are no UTF-8 and unencoded letters beyond ASCII have no place in a URL."""
    status, _ = raw(conformance.stack.base_url, f"POST {target} HTTP/1.1".encode("latin-1"))
    assert status == 400


@pytest.mark.parametrize(
    "instance_id", ["a%41", "a b", "a+b", "a&b=c", "a:b;c,d", "...", "%2e%2e", "a'\"<b>", "~", "100%"]
)
def test_management_urls_lead_to_their_instance(conformance, key, wait_until, instance_id):
    """The URLs of a start's answer work as they are, whatever is in the id, and lead to no other instance."""
    instance_id, decoy = f"{key}{instance_id}", f"{key}aA"
    assert conformance.post(f"{START}/{decoy}").status_code == 202
    urls = conformance.post(f"{START}/{quote(instance_id, safe='')}").json()
    assert urls["id"] == instance_id

    def status():
        return requests.get(urls["statusQueryGetUri"], timeout=TIMEOUT_S).json()

    assert status()["instanceId"] == instance_id
    event = urls["sendEventPostUri"].replace("{eventName}", quote("other event", safe=""))
    assert requests.post(event, json=1, timeout=TIMEOUT_S).status_code == 202
    assert requests.post(urls["suspendPostUri"].replace("{text}", "a"), timeout=TIMEOUT_S).status_code == 202
    wait_until(lambda: status()["runtimeStatus"] == "Suspended", "the suspension")
    assert requests.post(urls["resumePostUri"].replace("{text}", "a"), timeout=TIMEOUT_S).status_code == 202
    assert requests.post(urls["terminatePostUri"].replace("{text}", "over"), timeout=TIMEOUT_S).status_code == 202
    assert conformance.wait_terminal(quote(instance_id, safe=""))["output"] == "over"
    assert conformance.get(f"{WEBHOOKS}/instances/{decoy}").json()["runtimeStatus"] != "Terminated"
    assert requests.delete(urls["purgeHistoryDeleteUri"], timeout=TIMEOUT_S).json() == {"instancesDeleted": 1}


@pytest.mark.parametrize("instance_id", ["%2e", "%2E%2e"])
def test_an_id_that_no_url_can_name_is_refused(conformance, instance_id):
    """Clients take `.` and `..` out of paths: an instance of that name could never be asked for."""
    status, body = raw(conformance.stack.base_url, f"POST {START}/{instance_id} HTTP/1.1".encode())
    assert (status, b"no URL can name" in body) == (400, True)


def test_a_whole_url_in_the_request_line(conformance, key):
    """A request line as proxies get it is answered with URLs that work."""
    base = conformance.stack.base_url
    host = f"Host: {urlsplit(base).netloc}".encode()
    assert raw(base, f"POST {base}{START}/{key} HTTP/1.1".encode(), [host])[0] == 202
    status, _ = raw(base, f"GET {base}{WEBHOOKS}/instances/{key} HTTP/1.1".encode(), [host])
    assert status == 202


# -- by chance --------------------------------------------------------------------------------------------------------

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")
PLACES = (
    f"{WEBHOOKS}/orchestrators/wait_event/ID",
    f"{WEBHOOKS}/orchestrators/wait_event",
    f"{WEBHOOKS}/orchestrators/PART/ID",
    f"{WEBHOOKS}/instances/ID",
    f"{WEBHOOKS}/instances/ID/PART",
    f"{WEBHOOKS}/instances/ID/raiseEvent/PART",
    f"{WEBHOOKS}/instances/ID/terminate",
    f"{WEBHOOKS}/instances/ID/suspend",
    f"{WEBHOOKS}/instances/ID/restart",
    f"{WEBHOOKS}/instances/ID/history",
    f"{WEBHOOKS}/instances",
    f"{WEBHOOKS}/entities/PART/PART",
    f"{WEBHOOKS}/entities",
    f"{WEBHOOKS}/PART",
    "/admin/host/status",
    "/admin/functions/PART",
    "/admin/durable-harness/operations",
    "/api/items/PART",
    "/api/items/PART/PART",
    "/PART",
    "PART",
)
PARTS = (
    *(
        "",
        ".",
        "..",
        "%2e%2e",
        "%2F",
        "%5c",
        "%00",
        "%ff",
        "%c3%28",
        "%ed%a0%80",
        "%",
        "%4",
        "a%41",
        "a%2541",
        "%3F",
        "%23",
    ),
    *("@counter@a", "@", "$", "žito", "a b", "a+b", "0" * 300, "9" * 5000, "²", "-1", "{x}", "INSTANCEID", "terminate"),
)
NAMES = (
    *(
        "timeout",
        "pollingInterval",
        "createdTimeFrom",
        "createdTimeTo",
        "lastOperationTimeFrom",
        "runtimeStatus",
        "top",
    ),
    *("showHistory", "showInput", "reason", "instanceIdPrefix", "taskHub", "connection", "code", "version", "op", ""),
    *("restartWithNewInstanceId", "fetchState", "showHistoryOutput", "returnInternalServerErrorOnFailure"),
)
VALUES = (
    *(
        "nan",
        "inf",
        "-inf",
        "-0",
        "1e999",
        "0x10",
        "0.1",
        "1",
        "true",
        "TRUE",
        "0",
        "-1",
        "99999999999999999999",
        "²",
        "٣",
    ),
    *("2026-01-01", "0000-00-00", "99999-99-99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "12", "now"),
    *(
        "1e400",
        "Running",
        "Completed,Running",
        ",,,",
        "%00",
        "%ff",
        "%ed%a0%80",
        "a%0d%0aX: y",
        "",
        "x" * 3000,
        "a&b",
        "%",
    ),
)
HEADERS = (
    *(
        "traceparent",
        "tracestate",
        "x-ms-continuation-token",
        "Content-Type",
        "x-functions-key",
        "Origin",
        "Host",
        "Expect",
    ),
    *(
        "Content-Encoding",
        "Accept",
        "Cookie",
        "Range",
        "Upgrade",
        "Sec-Fetch-Site",
        "X-Forwarded-Host",
        "Authorization",
    ),
)
HEADER_VALUES = (
    *(
        b"",
        b"\xff",
        b"\xc3\xa9",
        b"a" * 3000,
        b"null",
        b"application/json",
        b"gzip",
        b"100-continue",
        b"nonsense",
        b"@a@b",
    ),
    *(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"W10=", b"bnVsbA==", b"[::1]", b"a b", b"http://x"),
)
BODIES = (
    b"",
    b"1",
    b"{",
    b"null",
    b'{"ids": 1}',
    b'{"ids": ["a"]}',
    b"\xff",
    b'"\\ud800"',
    b"[" * 50,
    b"1 2",
    b"\xef\xbb\xbf1",
)


def odd_request(chance):
    """Return a request made of odd parts: its line, headers and body."""
    target = chance.choice(PLACES)
    while "PART" in target:
        target = target.replace("PART", chance.choice(PARTS), 1)
    target = target.replace("ID", chance.choice([*PARTS, f"fuzz{chance.randrange(50)}"]))
    query = [f"{chance.choice(NAMES)}={chance.choice(VALUES)}" for _ in range(chance.choice((0, 0, 1, 1, 2, 3)))]
    target += "?" * bool(query) + "&".join(query)
    if chance.random() < 0.9:
        target = quote(target, safe="!$&'()*+,-./:;=?@_~[]{}%")
    headers = [
        chance.choice(HEADERS).encode() + b": " + chance.choice(HEADER_VALUES)
        for _ in range(chance.choice((0, 1, 1, 2)))
    ]
    method = chance.choice(METHODS) if chance.random() < 0.3 else ("GET", "POST", "DELETE")[chance.randrange(3)]
    return f"{method} {target} HTTP/1.1".encode(), headers, chance.choice(BODIES)


def fuzz(conformance, seed, count):
    """Send odd requests; return those that were answered by a server error, and the ids that starts answered."""
    chance, failed, started = random.Random(seed), [], set()
    plain = [(f"POST {START} HTTP/1.1".encode(), (), b"1")]  # by chance alone, some seeds start nothing
    for request in itertools.chain(plain, (odd_request(chance) for _ in range(count))):
        status, body = raw(conformance.stack.base_url, *request)
        if status >= 500 and CONTRACTED.encode() not in body:
            failed.append((status, *request, body))
        elif status == 202 and body.startswith(b"{"):
            document = json.loads(body)
            started.add(document.get("id", document.get("instanceId")))
    return failed, started


@pytest.mark.parametrize(
    "count", [pytest.param(400, id="few"), pytest.param(10_000, marks=pytest.mark.thorough, id="many")]
)
def test_no_odd_request_is_a_server_error(conformance, count):
    """By chance: no server error, and the instances there are those whose start was answered with 202."""
    seed = random.SystemRandom().randrange(1_000_000)
    sys.stdout.write(f"seed {seed}\n")
    before = ids_of(conformance)
    failed, started = fuzz(conformance, seed, count)
    assert not failed, f"seed {seed}: {failed[:3]}"
    assert started, f"seed {seed}"
    assert ids_of(conformance) - before <= started, f"seed {seed}"


@pytest.fixture(scope="module")
def local_endpoints(pytestconfig):
    """Yield the URLs of what answers on this machine alone, and of a public port with CORS."""
    app = pytestconfig.rootpath / "tests/apps/conformance"
    words = ["--script-root", str(app), "--port", "0", "--cors", "http://mine.example", "--test-control"]
    with running_command("serve", words, None) as command, scheduler_process() as scheduler:
        ours = [command.facts["rpcBaseUrl"], command.facts["baseUrl"], command.facts["control"]["url"]]
        yield [*ours, scheduler.http_url, scheduler.dashboard_url]


def request_to(url, chance):
    """Return an odd request to an endpoint below this URL: of a program, or of a page, or of neither."""
    line, headers, body = odd_request(chance)
    base = urlsplit(url).path.rstrip("/").encode()
    places = {WEBHOOKS.encode(): base, b"/admin/functions": b"/v1/taskhubs", b"/api": b"/subscriptions/x/taskhubs"}
    for place, here in places.items():
        line = line.replace(place, here if base or place != WEBHOOKS.encode() else place)
    if chance.random() < 0.5:
        headers = [header for header in headers if not header.startswith((b"Host", b"Origin", b"Sec-"))]
    elif chance.random() < 0.5:
        headers.append(b"Origin: " + chance.choice((b"http://mine.example", b"null", b"\xff")))
        headers.append(b"Access-Control-Request-Headers: " + chance.choice(HEADER_VALUES))
    return line, headers, body


@pytest.mark.sdk1
@pytest.mark.parametrize(
    "count", [pytest.param(100, id="few"), pytest.param(2_000, marks=pytest.mark.thorough, id="many")]
)
def test_no_odd_request_is_a_server_error_of_a_local_endpoint(local_endpoints, count):
    """By chance, of each: the RPC endpoint, CORS, the control endpoint, the scheduler's HTTP API and dashboard."""
    seed = random.SystemRandom().randrange(1_000_000)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    for url in local_endpoints:
        for _ in range(count):
            request = request_to(url, chance)
            status, body = raw(url, *request)
            assert status < 500 or CONTRACTED.encode() in body, f"seed {seed}: {url} {request}: {body}"
