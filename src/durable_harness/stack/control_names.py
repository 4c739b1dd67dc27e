"""Names of control calls that both sides write."""

EMPTY = "hubs/empty"
"""Forget everything that the task hubs of a scheduler hold."""
