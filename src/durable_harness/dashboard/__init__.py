"""The pages of a task hub: what its instances did and do, and what a person may do to them.

Over the interface of `protocol`, so that any scheduler can be shown. A page is a module of `pages` and a template;
`site` finds the one that a request is for. Nothing of that is imported before the first request or, where a service
listens, a moment after its start: `Dashboard` is all that a service pays for before it is ready.
"""

from durable_harness.dashboard.door import Dashboard
from durable_harness.dashboard.source import DashboardOptions, Source

__all__ = ["Dashboard", "DashboardOptions", "Source"]
