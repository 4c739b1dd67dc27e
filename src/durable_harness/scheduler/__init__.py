"""The embedded Durable Task Scheduler: task hubs in this process, behind `durable_harness.protocol.Scheduler`."""

from durable_harness.scheduler.clock import Clock, RealClock
from durable_harness.scheduler.hub import TaskHub

__all__ = ["Clock", "RealClock", "TaskHub"]
