"""Ports for the processes of a stack."""

from durable_harness.ports import PORTS, free_port

__all__ = ["PORTS", "free_port"]
