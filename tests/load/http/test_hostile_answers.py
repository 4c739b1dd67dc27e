"""Whatever a service answers, every operation is accounted for, and the reports of the run are whole."""

import json
import os
import sys
from dataclasses import replace
from importlib import import_module
from random import Random
from time import monotonic
from xml.etree import ElementTree as ET

import gevent
import pytest
from hostile_service import HostileService

from durable_harness.gate.records import read_operations
from durable_harness.gate.report import Report, render_text
from durable_harness.load.engine.follow import Engine, Follower
from durable_harness.load.engine.server_meter import ServerMeter
from durable_harness.load.http import Client, Reactor
from durable_harness.load.results.record_files import OperationsFile
from durable_harness.load.results.reporting import write_report
from durable_harness.load.results.run_summary import summarize
from durable_harness.load.results.tally import Tally
from durable_harness.load.watch import GeneratorFigures
from durable_harness.operations import FixedPolling, OperationPlan
from durable_harness.wording.foreign_text import is_plain

AT_ONCE = 100
TIMEOUT_S = 1.0


class Bench:
    """All that follows the operations of a run, without Locust's processes."""

    def __init__(self, folder, events, entries_class, stats):
        self.crashes = []
        self.reactor = Reactor(on_crash=self._crashed)
        self.client = Client(self.reactor, connections=AT_ONCE)
        self.meter = ServerMeter(self.reactor)
        self.tally = Tally()
        self.records = OperationsFile(folder, "local", {})
        self.entries = entries_class(type("Environment", (), {"stats": stats, "events": events}))
        self.in_flight = set()
        self.engine = Engine(
            *(self.reactor, self.client, GeneratorFigures(), (self.tally, self.records, self.entries), self.entries),
            *(self.meter, self.in_flight.discard),
            on_crash=self._crashed,
        )

    def start(self, url, token):
        plan = OperationPlan(
            *(token, f"{url}/api/start", {"token": token}, FixedPolling(0.005), TIMEOUT_S),
            base_url=url,
            intended=monotonic(),
            scenario="Hostile",
        )
        follower = Follower(plan, self.engine)
        self.in_flight.add(follower)
        follower.begin()
        return follower.operation.record

    def close(self):
        self.meter.close()
        self.client.close()
        self.reactor.close()
        self.records.close()

    def _crashed(self, what, error):
        self.crashes.append((what, error))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Yield the bench; Locust's statistics are imported without patching the standard library of the tests."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    stats, event = import_module("locust.stats").RequestStats(), import_module("locust.event").EventHook()
    event.add_listener(lambda exception=None, **_: exception and str(exception).encode())
    events = type("Events", (), {"request": event})
    made = Bench(tmp_path, events, import_module("durable_harness.load.results.entries").LocustEntries, stats)
    yield made
    made.close()


@pytest.mark.parametrize("answers", [600, pytest.param(10_000, marks=pytest.mark.thorough)])
def test_nothing_that_a_service_answers_takes_others_along(bench, answers, tmp_path):
    """Thousands of odd answers: all operations end, none by an exception, all are recorded, and all reports parse."""
    seed = int(os.environ.get("HOSTILE_SEED") or Random().randrange(10**9))
    # pytest shows it if the test fails.
    sys.stdout.write(f"HOSTILE_SEED={seed} makes the same answers again\n")
    service = HostileService(Random(seed))
    records = []
    while service.answers < answers:
        while len(bench.in_flight) < AT_ONCE:
            records.append(bench.start(service.url, f"token{len(records)}"))
        gevent.sleep(0.005)
    with gevent.Timeout(30 * TIMEOUT_S):
        while bench.in_flight:
            gevent.sleep(0.01)
    service.close()
    bench.entries.flush()
    bench.records.close()
    assert bench.crashes == []
    assert all(record.state.has_ended for record in records)
    assert bench.records.problem is None
    assert read_operations(tmp_path).operations.num_rows == len(records) == bench.tally.started_count
    summary = summarize(Tally.from_wire(bench.tally.to_wire()))
    assert (summary.counts.unaccounted, summary.counts.started) == (0, len(records))
    assert summary.counts.completed > len(records) / 10
    report = Report(replace(summary), (), target=service.url, scenarios=("Hostile",), settings={})
    written = write_report(report, tmp_path)
    assert not written.problems
    texts = {path.name: path.read_text("utf-8") for path in written.paths} | {"terminal": render_text(report)}
    assert not [name for name, text in texts.items() if not all(is_plain(line) for line in text.split("\n"))]
    assert json.loads(texts["summary.json"])["operations"]["started"] == len(records)
    ET.fromstring(texts["junit.xml"])
