"""The Durable Task Scheduler: task hubs behind `durable_harness.protocol.Scheduler`, embedded or as a service."""

from durable_harness.scheduler.clock import Clock, RealClock
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.service import SchedulerOptions, SchedulerService
from durable_harness.scheduler.time_control import TimeControl

__all__ = ["Clock", "RealClock", "SchedulerOptions", "SchedulerService", "TaskHub", "TimeControl"]
