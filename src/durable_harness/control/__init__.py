"""What a test may do to a running system: move its clock, break what is between host and scheduler."""

from durable_harness.control.control_endpoint import Call, ControlEndpoint
from durable_harness.control.faulty import FaultyScheduler
from durable_harness.control.rules import Rules
from durable_harness.control.twice import Counts, Deliveries, Policy

__all__ = ["Call", "ControlEndpoint", "Counts", "Deliveries", "FaultyScheduler", "Policy", "Rules"]
