"""Texts of failures, on their way from the code that failed to whoever reads them."""

from durable_harness.host.failures import MAX_TEXT_CHARS, sendable


def test_a_text_that_was_cut_off_is_not_cut_again():
    """A cause that was cut off keeps its own note of how long it was when another text introduces it."""
    cause = sendable("x" * 100_000)
    introduced = f"Orchestrator function 'o' failed: {cause}"
    assert cause.endswith("... (cut off: 100000 characters in all)")
    assert sendable(introduced) == introduced


def test_a_text_cannot_pass_as_one_that_was_cut_off():
    """However a text ends, not much more of it is kept than the limit."""
    assert len(sendable("x" * 200_000 + "... (cut off: 5 characters in all)")) < MAX_TEXT_CHARS + 100
