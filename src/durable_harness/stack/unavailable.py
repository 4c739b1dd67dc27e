"""The error of a machine that lacks what a stack is made of."""

from __future__ import annotations

from durable_harness.errors import UnreachableError


class StackUnavailableError(UnreachableError):
    """Raised when this machine cannot run a stack at all: no Docker, no Core Tools. The message ends in the remedy."""
