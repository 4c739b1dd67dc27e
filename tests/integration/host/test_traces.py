"""Spans of OpenTelemetry that the host sends: which there are, whose children they are, their attributes."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector import Collector
from durable_harness.stack import embedded_stack

APP = Path(__file__).parents[2] / "apps" / "traced"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SPANS = {
    ("POST /orders/{number}", "SERVER"): None,
    ("create_orchestration:shop", "PRODUCER"): ("POST /orders/{number}", "SERVER"),
    ("orchestration:shop", "SERVER"): ("create_orchestration:shop", "PRODUCER"),
    ("entity:stock:take", "PRODUCER"): ("orchestration:shop", "SERVER"),
    ("entity:stock:take", "CONSUMER"): ("entity:stock:take", "PRODUCER"),
    ("entity:stock:left", "CLIENT"): ("orchestration:shop", "SERVER"),
    ("entity:stock:left", "SERVER"): ("entity:stock:left", "CLIENT"),
    ("orchestration:shop:timer", "INTERNAL"): ("orchestration:shop", "SERVER"),
    ("activity:refuse", "CLIENT"): ("orchestration:shop", "SERVER"),
    ("activity:refuse", "SERVER"): ("activity:refuse", "CLIENT"),
    ("orchestration:ship", "CLIENT"): ("orchestration:shop", "SERVER"),
    ("orchestration:ship", "SERVER"): ("orchestration:ship", "CLIENT"),
}
"""Each span and its parent, but for the activity that two orchestrations call."""


@pytest.fixture
def collector(monkeypatch):
    """Yield an OTLP collector that the environment names."""
    collecting = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.url)
    yield collecting
    collecting.close()


@pytest.fixture
def traced(collector, client_of):
    """Return a function that runs an order to its end, sent with these headers, and returns it with the host's log."""

    def run(headers):
        with embedded_stack(APP) as stack:
            client = client_of(stack)
            started = client.post("/api/orders/7", headers=headers).json()
            waits = "/raiseEvent/paid"
            url = started["sendEventPostUri"].replace("/raiseEvent/{eventName}", waits)
            assert client.post(url, json=True).status_code == 202
            ended = client.wait_terminal(started["id"])
            assert (ended["runtimeStatus"], ended["customStatus"]) == ("Completed", "refused"), ended
            return started["id"], stack.log_path.read_text()

    return run


def kind_of(span):
    return Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")


def attributes_of(span):
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


def by_name(spans):
    return {(span.name, kind_of(span)): span for span in spans}


def test_an_operation_is_one_trace(collector, traced):
    """All that a request causes is in its caller's trace, each span under the one that caused it."""
    traced({"traceparent": f"00-{TRACE}-{CALLER}-01"})
    spans = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
    found, names = by_name(spans), {span.span_id: (span.name, kind_of(span)) for span in spans}
    once = [key for key in map(names.get, (span.span_id for span in spans)) if key[0] != "activity:price"]
    assert Counter(once) == dict.fromkeys(SPANS, 1)
    assert {name: names.get(found[name].parent_span_id) for name in SPANS} == SPANS
    assert found["POST /orders/{number}", "SERVER"].parent_span_id.hex() == CALLER
    priced = [
        names[span.parent_span_id] for span in spans if (span.name, kind_of(span)) == ("activity:price", "CLIENT")
    ]
    assert sorted(priced) == [("orchestration:ship", "SERVER"), ("orchestration:shop", "SERVER")]


def test_spans_have_the_attributes_of_azure(collector, traced):
    """Attributes have the Durable extension's names; a failed activity is an error, and its orchestration is none."""
    instance_id, _ = traced({"traceparent": f"00-{TRACE}-{CALLER}-01"})
    found = by_name(collector.spans())
    shop = found["orchestration:shop", "SERVER"]
    assert attributes_of(shop) == {
        "durabletask.type": "orchestration",
        "durabletask.task.name": "shop",
        "durabletask.task.instance_id": instance_id,
        "durabletask.task.status": "Completed",
    }
    assert shop.status.code == Status.STATUS_CODE_UNSET
    for kind in ("CLIENT", "SERVER"):
        refused = found["activity:refuse", kind]
        assert attributes_of(refused)["durabletask.task.task_id"] > 0
        assert refused.status.code == Status.STATUS_CODE_ERROR
        assert "no 7" in refused.status.message
    timer = found["orchestration:shop:timer", "INTERNAL"]
    assert re.match(r"\d{4}-\d\d-\d\dT", attributes_of(timer)["durabletask.fire_at"])
    assert attributes_of(found["entity:stock:left", "SERVER"]) == {
        "durabletask.type": "entity",
        "durabletask.task.operation": "call_entity",
        "durabletask.task.instance_id": "@stock@s",
    }
    assert attributes_of(found["POST /orders/{number}", "SERVER"])["http.response.status_code"] == 202


def test_times_contain_one_another(collector, traced):
    """A span of the waiting side begins before the work and ends after it; an orchestration outlasts its parts."""
    traced({})
    found = by_name(collector.spans())
    pairs = [("activity:refuse", "orchestration:shop"), ("orchestration:ship", "orchestration:shop")]
    for name, whole in pairs:
        inner, outer, around = found[name, "SERVER"], found[name, "CLIENT"], found[whole, "SERVER"]
        assert around.start_time_unix_nano <= outer.start_time_unix_nano <= inner.start_time_unix_nano
        assert inner.end_time_unix_nano <= outer.end_time_unix_nano <= around.end_time_unix_nano


def test_functions_get_the_context_of_their_own_spans(collector, traced):
    """The trace context of a function, and the current span of OpenTelemetry in it, are the span that it runs in."""
    _, log = traced({})
    spans = {span.span_id.hex(): span.name for span in collector.spans()}
    parents = re.findall(r"trace of the (\w+): 00-[0-9a-f]{32}-([0-9a-f]{16})-01", log)
    assert {(what, spans[parent]) for what, parent in parents} == {
        ("function", "POST /orders/{number}"),
        ("activity", "activity:price"),
    }
    current = re.findall(r"current in the activity: ([0-9a-f]{16})", log)
    assert sorted(current) == sorted(parent for what, parent in parents if what == "activity")


def test_a_caller_that_samples_nothing_gets_no_spans(collector, traced):
    """A trace that its caller does not record is handed on and not sent."""
    _, log = traced({"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert [span.name for span in collector.spans() if span.trace_id.hex() == TRACE] == []
    assert re.search(rf"trace of the activity: 00-{TRACE}-[0-9a-f]{{16}}-00", log)


def test_an_instance_that_the_webhook_starts(collector, client_of):
    """A start by the durable HTTP API is in the trace of its request, and shows when it was terminated."""
    with embedded_stack(APP) as stack:
        client = client_of(stack)
        url = "/runtime/webhooks/durabletask/orchestrators/shop"
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        started = client.post(url, data=json.dumps("7"), headers=headers).json()
        client.post(started["terminatePostUri"].replace("{text}", "enough"))
        client.wait_terminal(started["id"])
    found = by_name(collector.spans())
    assert found["create_orchestration:shop", "PRODUCER"].parent_span_id.hex() == CALLER
    assert attributes_of(found["orchestration:shop", "SERVER"])["durabletask.task.status"] == "Terminated"
