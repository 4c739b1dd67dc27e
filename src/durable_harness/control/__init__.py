"""What a test may do to a running system: move its clock, break what is between host and scheduler."""

from durable_harness.control.endpoint import Call, ControlEndpoint

__all__ = ["Call", "ControlEndpoint"]
