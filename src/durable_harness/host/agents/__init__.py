"""Agents of Microsoft's Agent Framework whose model a test stands in for."""

from durable_harness.host.agents.chat_clients import AGENT_PREFIX, StubbedChat

__all__ = ["AGENT_PREFIX", "StubbedChat"]
