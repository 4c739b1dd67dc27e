"""Captured outputs: bounded in number and size, and known to be incomplete when some were dropped."""

import time

from durable_harness.host.triggers.converting import Encoded
from durable_harness.host.triggers.outputs import Outputs


def write(outputs, value):
    """Write a value to some queue."""
    return outputs.add(
        Encoded(value), invocation_id="i", function="f", name="out", binding_type="queue", target="orders"
    )


def values(outputs, since_ns=0):
    """Return the values that are kept."""
    return [written.content.value for written in outputs.since(since_ns)]


def test_the_oldest_are_dropped_beyond_the_number_that_is_kept():
    """Of four writes the last three are kept, and the moment of the one that is gone is known."""
    outputs = Outputs(most_writes=3)
    first = write(outputs, "a")
    assert outputs.dropped_at_ns is None
    for value in "bcd":
        write(outputs, value)
    assert values(outputs) == ["b", "c", "d"]
    assert outputs.dropped_at_ns == first.at_ns


def test_the_oldest_are_dropped_beyond_the_size_that_is_kept():
    """Bytes, text and JSON count by their size; the last write is kept whatever its size."""
    outputs = Outputs(most_bytes=10)
    write(outputs, b"12345")
    write(outputs, {"a": 1})
    assert values(outputs) == [{"a": 1}]
    write(outputs, "x" * 100)
    assert values(outputs) == ["x" * 100]
    write(outputs, "y")
    assert values(outputs) == ["y"]


def test_writes_are_found_by_time_and_by_invocation():
    """Those since a moment leave out the ones before; those of another invocation are not among one's own."""
    outputs = Outputs()
    write(outputs, "before")
    between_ns = time.monotonic_ns() + 1
    while time.monotonic_ns() < between_ns:
        pass
    write(outputs, "after")
    assert values(outputs, between_ns) == ["after"]
    assert len(list(outputs.of("i"))) == 2
    assert list(outputs.of("other")) == []
