"""Reasons why operations did not complete are grouped by what they share."""

import pytest

from durable_harness.gate.reasons import Reasons, grouped, reason_text


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("no order 17", "no order 18"),
        ("no order 17.5", "no order -3,000"),
        ("at 2026-11-27T09:00:01.5Z it broke", "at 2026-11-28 10:00:01 it broke"),
        ("lock 4f2a9c1b77 is held", "lock 00ffee1122 is held"),
        ("token Steady-12-ab12cd34ef is unknown", "token Steady-7-ff00aa11bb is unknown"),
        ("instance 01234567-89ab-cdef-0123-456789abcdef", "instance {id}"),
        ("cannot take 3 of 5", "cannot take 1 of 2"),
    ],
)
def test_what_differs_in_each_is_taken_out(one, another):
    """Numbers, times, ids and tokens do not make another reason."""
    assert grouped(one) == grouped(another)
    assert grouped(grouped(one)) == grouped(one)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("POST /x answered 404", "POST /x answered 405"),
        ("lost: accepted, then 404 on its status", "lost: accepted, then 410 on its status"),
        ("KeyError at orders.py:12", "KeyError at orders.py:13"),
        ("bad start: HTTP 202 instead of 400", "bad start: HTTP 500 instead of 400"),
        ("not terminal after 1 s", "not terminal after 2 s"),
        ("if 200 accepts it, write accepted = [200]", "if 201 accepts it, write accepted = [201]"),
        ("operation Failed", "operation Terminated"),
        ("/api/v1/x", "/api/v2/x"),
    ],
)
def test_what_distinguishes_reasons_stays(one, another):
    """HTTP codes, places in code, limits and words are part of the reason."""
    assert grouped(one) != grouped(another)


def test_a_group_has_its_count_and_an_example():
    """A group shows the words that all share, how many there are, and one of them in full with its instance."""
    reasons = Reasons()
    for number in range(3):
        reasons.add("failed", f"no order {number}", f"id-{number}")
    (only,) = reasons.listed()
    assert (only.state, only.reason, only.count) == ("failed", "no order {number}", 3)
    assert only.example == "instance id-0: no order 0"
    assert reason_text(only) == "no order {number} (such as instance id-0: no order 0)"


def test_equal_reasons_are_shown_as_they_are():
    """Where nothing differs the words are not replaced, and only an instance is worth an example."""
    reasons = Reasons()
    for _ in range(2):
        reasons.add("refused", "POST /x answered 400 at most 5 orders")
    reasons.add("failed", "boom 7", "id-1")
    refused, failed = reasons.listed()
    assert (refused.reason, refused.count, refused.example) == ("POST /x answered 400 at most 5 orders", 2, "")
    assert (failed.reason, failed.example) == ("boom 7", "instance id-1")


def test_an_example_can_be_found_in_traces():
    """The example names the trace that its start began, also without an id, and wherever it travelled."""
    reasons = Reasons()
    reasons.add("failed", "boom", "id-1", "4bf9")
    reasons.add("failed", "boom", "id-2", "5ca0")
    reasons.add("refused", "busy", trace="6db1")
    there = Reasons.from_wire(reasons.to_wire())
    assert [one.example for one in there.listed()] == ["instance id-1, trace 4bf9", "trace 6db1"]


def test_a_text_that_was_cut_is_in_one_group():
    """Texts are cut at a length, so what is left of them depends on the values in them; other texts stay apart."""
    reasons, begin = Reasons(), "operation Failed: the activity 'fail' of orchestrator 'approval' raised ValueError: no"
    for number, end in ((7, "Traceback (most…"), (17, "Traceback (mos…"), (107, "Traceback (mo…")):
        reasons.add("failed", f"{begin} order {number} {end}")
    reasons.add("failed", f"{begin} stock of 5 Traceback…")
    reasons.add("refused", f"{begin} order 7 Traceback (most…")
    reasons.add("failed", "boom…")
    reasons.add("failed", "boom, and more…")
    assert [(one.state, one.count) for one in reasons.listed()][:2] == [("failed", 3), ("failed", 1)]
    assert len(reasons) == 5
    there = Reasons.from_wire(reasons.to_wire())
    there.merge(reasons)
    assert len(there) == 5


def test_groups_of_processes_are_one():
    """Reasons that travelled from two workers are grouped as if one process had counted them."""
    left, right, both = Reasons(), Reasons(), Reasons()
    left.add("failed", "no order 1", "a")
    right.add("failed", "no order 2", "b")
    right.add("failed", "no stock", "c")
    merged = Reasons.from_wire(left.to_wire())
    merged.merge(Reasons.from_wire(right.to_wire()))
    for text, instance in (("no order 1", "a"), ("no order 2", "b"), ("no stock", "c")):
        both.add("failed", text, instance)
    assert merged.listed() == both.listed()
    assert merged == both


def test_texts_whose_middle_is_left_out_are_one_reason():
    """A middle that was cut a little earlier or later makes no other reason; another beginning or end does."""
    reasons = Reasons()
    way, cause = "Orchestrator function 'assemble' failed: " * 2, "Activity function 'cut' failed: ValueError"
    for head, tail in ((way, cause), (way[:-3], f"iled: {cause}"), (way, "KeyError"), (f"not {way}", cause)):
        reasons.add("failed", f"{head}…{tail}")
    assert [reason.count for reason in reasons.listed()] == [2, 1, 1]
