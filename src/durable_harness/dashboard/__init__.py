"""The pages of a task hub: its instances, their histories, and the actions that a person may take.

Over the interface of `protocol`, so that any scheduler can be shown. A page is a module of `pages` and a template;
`site` finds the one that a request is for. None of that is imported before the first request or, if a service
listens, a moment after its start: before it is ready a service imports only `Dashboard`.
"""

from durable_harness.dashboard.door import Dashboard
from durable_harness.dashboard.source import DashboardOptions, DashboardSource

__all__ = ["Dashboard", "DashboardOptions", "DashboardSource"]
