"""Trace contexts of W3C, and where spans are sent to."""

import builtins

import pytest

from durable_harness.host.tracing.context import SpanRef, new_root, parse
from durable_harness.host.tracing.executions import Executions
from durable_harness.host.tracing.spans import spans_from_environment
from durable_harness.host.tracing.traced_operations import MOST_OPERATIONS, TracedOperations
from durable_harness.protocol import from_ns, pb
from history_events import event

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_context_is_read_and_written():
    """The header of a span that was read is the header that it is written as."""
    assert parse(PARENT).trace_parent == PARENT


def test_a_later_version_may_have_more():
    """A version to come may have further fields, which are not looked at."""
    assert parse(f"cc{PARENT[2:]}-what-ever").span_id == 0xB7AD6B7169203331


@pytest.mark.parametrize(
    "text",
    [
        *("", "00", PARENT.upper(), PARENT[:-1], f" {PARENT}", f"ff{PARENT[2:]}"),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_what_is_no_context_is_none(text):
    """A header that W3C forbids counts as absent."""
    assert parse(text) is None


def test_a_child_is_in_the_trace_of_its_parent():
    """A child has an ID of its own, and the trace, the flags and the state of its parent."""
    parent = SpanRef(1, 2, 0, "a=b")
    child = parent.child()
    assert (child.trace_id, child.flags, child.state) == (1, 0, "a=b")
    assert child.span_id != parent.span_id
    assert new_root().trace_id != new_root().trace_id


def test_an_execution_is_read_from_its_history():
    """A host that sees an orchestration late knows its span, when it began, and the tasks that have no outcome yet."""
    request = pb.OrchestratorRequest(instanceId="i")
    context = SpanRef(1, 2).to_message()
    request.pastEvents.append(event(executionStarted={"name": "o", "parentTraceContext": context}))
    for number in (1, 2):
        request.pastEvents.append(event(1, number, taskScheduled={"name": "a", "parentTraceContext": context}))
    request.pastEvents.append(event(2, taskCompleted={"taskScheduledId": 1}))
    request.orchestrationTraceContext.spanID.value = f"{77:016x}"
    request.orchestrationTraceContext.spanStartTime.CopyFrom(from_ns(5))
    found = Executions().of(request)
    assert (found.at, found.start_ns, list(found.tasks)) == (SpanRef(1, 77), 5, [2])


def test_an_execution_without_a_trace_has_no_span():
    """An orchestration that was started without a trace context is not traced, as in Azure."""
    request = pb.OrchestratorRequest(instanceId="i", newEvents=[event(executionStarted={"name": "o"})])
    assert Executions().of(request) is None


def test_operations_under_way_are_bounded():
    """Of very many operations that never run, the oldest are forgotten."""
    operations, cause = TracedOperations(), SpanRef(1, 2)
    for number in range(MOST_OPERATIONS + 1):
        operations.begun(str(number), cause)
    assert (operations.cause_of("0"), operations.cause_of("1")) == (None, cause)
    assert operations.cause_of("1") is None


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_no_spans_unless_they_are_wanted(environ, tmp_path):
    """Without a collector, or where the environment turns traces off, nothing is sent."""
    assert spans_from_environment(environ, tmp_path) is None


@pytest.mark.parametrize(
    ("protocol", "package"),
    [("http/protobuf", "durable-harness[otel]"), ("grpc", "opentelemetry-exporter-otlp-proto-grpc")],
)
def test_missing_packages_are_named(monkeypatch, caplog, tmp_path, protocol, package):
    """Without OpenTelemetry's packages the host starts, and a warning reports what to install."""
    importing = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("opentelemetry.exporter"):
            raise ImportError(name)
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    assert spans_from_environment(environ, tmp_path) is None
    assert f'pip install "{package}"' in caplog.text
