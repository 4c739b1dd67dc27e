"""The host's side of `durable_http`: connections to outside services, led to a test that answers for them."""

from durable_harness.host.outside.hooks import CaughtConnections

__all__ = ["CaughtConnections"]
