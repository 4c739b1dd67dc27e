"""`serve --twice`: what functions do twice is found, and what is safe to be done again is not complained of."""

import contextlib
import http.server
import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from durable_harness import twice_report
from durable_harness.errors import UsageError
from durable_harness.stack import embedded_stack

APPS = Path(__file__).parents[2] / "apps" / "twice"
REPOSITORY = Path(__file__).parents[3]
TABLES = "CREATE TABLE reservations (number PRIMARY KEY, pieces); CREATE TABLE stock (pieces)"
COUNTS = ("second", "first")


class Service:
    """A service that sells, and knows a repeat by its Idempotency-Key."""

    def __init__(self):
        self.requests, self.charges = [], {}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                service.requests.append(f"{self.command} {self.path}")
                key = self.headers.get("Idempotency-Key")
                service.charges[key or len(service.charges)] = self.path
                body = json.dumps({"price": 7}).encode()
                self.send_response(409 if self.path == "/refused" else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that the base class looks for

            def log_message(self, *_arguments):
                """Print nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def service():
    """Yield a service of the internet."""
    service = Service()
    yield service
    service.close()


class Served:
    """An app that is served with --twice."""

    def __init__(self, client, stack):
        self.client, self.stack = client, stack

    def order(self, value):
        """Start what the app has, and return its status at the end."""
        return self.client.wait_terminal(self.client.post("/api/orders", json=value).json()["id"])

    def report(self):
        """Return what the host reports, by the names of functions."""
        document = self.client.get("/admin/durable-harness/twice").json()
        return {one["name"]: one for one in document["functions"]}


@pytest.fixture
def serve(client_of, tmp_path):
    """Return the serving of an app with --twice and other options."""

    @contextlib.contextmanager
    def serving(app, *options):
        with embedded_stack(Path(app), log_path=tmp_path / "host.log", serve_args=("--twice", *options)) as stack:
            yield Served(client_of(stack), stack)

    return serving


@pytest.fixture
def given(service, tmp_path):
    """Return what orders of the apps name: a service, a database, a folder."""
    with contextlib.closing(sqlite3.connect(tmp_path / "stock.db")) as database, database:
        database.executescript(f"{TABLES}; INSERT INTO stock VALUES (10)")
    database, folder = str(tmp_path / "stock.db"), str(tmp_path)
    return {"id": "o1", "service": service.url, "database": database, "folder": folder, "pieces": 2}


@pytest.mark.parametrize("counts", COUNTS)
def test_payments_without_a_key_of_their_own(serve, given, service, counts):
    """A key that each delivery makes up is no key: two charges are found. With that of the order there is none."""
    charged = {}
    for app in ("wrong", "mended"):
        with serve(APPS / f"{app}_payments", "--twice-answer", counts) as served:
            service.charges.clear()
            assert served.order(given)["runtimeStatus"] == "Completed"
            charged[app] = list(service.charges.values()).count("/charges")
            report = served.report()
            found = report["charge_card"]
            assert (found["delivered"], found["same"]) == (1, 1)
            done = f"POST {service.url}/charges"
            assert (found["twice"], found["again"]) == (({done: 1}, {}) if app == "wrong" else ({}, {done: 1}))
            assert report["find_price"]["twice"] == report["find_price"]["again"] == {}
    assert charged == {"wrong": 2, "mended": 1}


@pytest.mark.parametrize("counts", COUNTS)
def test_a_stock_that_is_taken_from_twice(serve, given, counts):
    """Rows that are written twice and a number that differs are found, and where. A known reservation is not."""
    with serve(APPS / "wrong_stock", "--twice-answer", counts) as served:
        served.order(given)
        found = served.report()["take_stock"]
        assert found["other"] == 1
        assert found["details"][0].startswith("answer.number: ")
        assert found["twice"] == {"INSERT reservations": 1, "UPDATE stock": 1}
    with serve(APPS / "mended_stock", "--twice-answer", counts) as served:
        served.order({**given, "id": "o2"})
        found = served.report()["take_stock"]
        assert found["same"] == 1
        assert found["twice"] == found["again"] == {}


@pytest.mark.parametrize("counts", COUNTS)
def test_letters_that_are_sent_twice(serve, given, tmp_path, counts):
    """A file that grows, one that must not be there, and a count beside the state are found; their mended twins not."""
    with serve(APPS / "wrong_letters", "--twice-answer", counts) as served:
        served.order(given)
        report = served.report()
        assert report["send_letter"]["twice"] == {f"appended to file {tmp_path}/outbox.txt": 1}
        assert report["file_letter"]["failedSecond"] == 1
        assert "FileExistsError" in report["file_letter"]["details"][0]
        assert report["postage.add"]["details"] == ["answer: 1, then 2"]
    with serve(APPS / "mended_letters", "--twice-answer", counts) as served:
        status = served.order({**given, "id": "o2"})
        assert status["output"] == [1, "filed"]
        for found in served.report().values():
            assert (found["same"], found["twice"]) == (1, {})


def test_the_sample_is_safe(serve):
    """The sample passes: nothing is done twice, and of its answers only times differ."""
    with serve(REPOSITORY) as served:
        started = served.client.post("/api/async_http_api", json={"duration": 0.01}).json()
        assert served.client.wait_terminal(started["id"])["runtimeStatus"] == "Completed"
        [found] = served.report().values()
        assert (found["times"], found["other"], found["twice"]) == (1, 0, {})
        assert found["details"][0].startswith("answer.startedAt: ")


@pytest.fixture(scope="module")
def acting(running_apps):
    """Return the app that has an activity for each way to act."""
    client = running_apps(APPS / "acting", ("--twice",))
    return Served(client, client.stack)


TWICE = {
    "send_urllib": "POST {service}/urllib?…",
    "send_requests": "POST {service}/requests",
    "send_aiohttp": "POST {service}/aiohttp",
    "append": "appended to file {folder}/appended",
    "write_more": "wrote file {folder}/ledger.json",
    "write_in_thread": "appended to file {folder}/by_thread",
    "write_in_executor": "appended to file {folder}/to_thread",
    "run_process": "process true …",
    "run_process_async": "process true …",
    "insert": "INSERT stock",
    "write_message": "wrote to queue 'orders'",
    "write_document": "wrote to cosmosDB 'orders'",
}
AGAIN = {
    "send_put": "PUT {service}/put",
    "write": "wrote file {folder}/written",
    "set_value": "UPDATE stock",
    "write_by_renaming": "wrote file {folder}/renamed",
}


@pytest.mark.parametrize("activity", TWICE)
def test_what_is_done_twice_is_found(acting, given, activity):
    """Each way to act outside is seen, and what it did is named without what may be secret."""
    assert acting.order({**given, "activity": activity})["runtimeStatus"] == "Completed"
    found = acting.report()[activity]
    assert list(found["twice"]) == [TWICE[activity].format(**given)]
    assert found["again"] == {}


@pytest.mark.parametrize("activity", AGAIN)
def test_harmless_repetitions_are_distinguished(acting, given, activity):
    """What leaves the outside as it was after the first time is reported, but not as done twice."""
    acting.order({**given, "activity": activity})
    found = acting.report()[activity]
    assert found["twice"] == {}
    assert list(found["again"]) == [AGAIN[activity].format(**given)]


@pytest.mark.parametrize("activity", ["send_get", "send_refused", "write_temporary"])
def test_what_changes_nothing_is_no_effect(acting, given, activity):
    """Questions, refused requests and temporary files are not reported."""
    acting.order({**given, "activity": activity})
    found = acting.report()[activity]
    assert (found["same"], found["twice"], found["again"]) == (1, {}, {})


def test_a_connection_is_seen(acting, given, service):
    """What a client that is not known sends is at least seen as a connection."""
    acting.order({**given, "activity": "send_stream"})
    [done] = acting.report()["send_stream"]["twice"]
    assert done == f"connection to {service.url.removeprefix('http://')}"


def test_calls_of_call_http_are_delivered_twice(acting, service):
    """`call_http` is an activity like any other: its POST is sent twice, and is reported under its name."""
    acting.client.wait_terminal(acting.client.start("calls_http", f"{service.url}/called"))
    assert service.requests.count("POST /called") == 2
    assert acting.report()["call_http"]["twice"] == {f"POST {service.url}/called": 1}


def test_a_replay_is_no_repeat(serve, given, tmp_path):
    """What an orchestrator's own code does again in each replay is no second delivery of anything."""
    with serve(APPS / "acting") as served:
        served.client.wait_terminal(served.client.start("acts_in_replays", given))
        assert len((tmp_path / "replays").read_text()) > 1
        report = served.report()
        assert set(report) == {"read_clock", "send_get"}
        assert all(found["delivered"] == 1 and not found["twice"] for found in report.values())


def test_a_retry_is_no_repeat(serve, given):
    """Each try of a retry policy is a call of its own, which is delivered twice itself."""
    with serve(APPS / "acting") as served:
        status = served.client.wait_terminal(served.client.start("retries", given))
        assert status["output"] == "failed"
        found = served.report()["fail_both"]
        assert found["delivered"] == found["failedBoth"] == 3


def test_a_scheduler_in_another_process(serve, given, our_scheduler):
    """Work that comes over gRPC is delivered twice as well: the scheduler there knows nothing of it."""
    with serve(APPS / "wrong_stock", "--scheduler", our_scheduler) as served:
        assert served.order(given)["output"] == "reserved"
        assert served.report()["take_stock"]["twice"] == {"INSERT reservations": 1, "UPDATE stock": 1}


@pytest.mark.parametrize(
    ("activity", "outcome", "detail"),
    [
        ("read_clock", "times", "answer.at: "),
        ("fail_first", "failedFirst", "ConnectionError: not yet"),
        ("fail_both", "failedBoth", "LookupError: fail_both"),
    ],
)
def test_how_the_second_delivery_fared(acting, given, activity, outcome, detail):
    """Answers that differ in times alone, and failures of the first or both deliveries, are distinguished."""
    acting.order({**given, "activity": activity})
    found = acting.report()[activity]
    assert found[outcome] == found["delivered"] == 1
    assert found["details"][0].startswith(detail)


def test_the_report_of_serve(serve, given, tmp_path):
    """A host reports at the start that it does everything twice, and at the end the findings and what it cannot see."""
    with serve(APPS / "wrong_payments") as served:
        served.order(given)
    log = (tmp_path / "host.log").read_text()
    assert "Every activity and entity operation is delivered twice: the first answer is lost" in log
    report = log.partition("durable-harness: delivered twice\n")[2]
    assert "charge_card (activity), delivered twice once: same answer once" in report
    assert f"did twice: POST {given['service']}/charges" in report
    assert "not seen: bodies of requests" in report


def test_a_host_without_it_explains_how_to_ask(running_apps):
    """The report of a host that delivers nothing twice is 404, with the option to start it with."""
    answer = running_apps(APPS / "acting").get("/admin/durable-harness/twice")
    assert answer.status_code == 404
    assert "serve --twice" in answer.json()["error"]


def test_reports_are_put_together():
    """Of many reports the counts are summed; details and effects are kept up to a limit, the rest as `others`."""
    counts = dict.fromkeys(twice_report.OUTCOMES, 0)
    one = {"kind": "activity", "name": "a", "delivered": 1, **counts, "other": 1, "again": {}}
    documents = [
        {"functions": [{**one, "details": [f"d{number}"], "twice": {f"POST /{number}": 2}}]} for number in range(50)
    ]
    [function] = twice_report.merged(documents)["functions"]
    assert (function["delivered"], function["other"], function["details"]) == (50, 50, ["d0", "d1", "d2"])
    assert sum(function["twice"].values()) == 100
    assert function["twice"]["others"] == 60


def test_an_answer_needs_second_deliveries():
    """`--twice-answer` alone would do nothing: it is refused with what to add."""
    words = [sys.executable, "-m", "durable_harness", "serve", "--twice-answer", "first"]
    done = subprocess.run(words, cwd=APPS / "mended_letters", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == UsageError.exit_code
    assert "--twice-answer is for --twice: add it." in done.stderr
