"""The pages of a task hub: what its instances did and do, and what a person may do to them.

Over the interface of `protocol`, so that any scheduler can be shown. A page is a module of `pages` and a template;
`site` finds the one that a request is for. Nothing of that is imported before the first request: `Dashboard` is all
that a service pays for at its start.
"""

from durable_harness.dashboard.door import Dashboard
from durable_harness.dashboard.source import DashboardOptions, Source

__all__ = ["Dashboard", "DashboardOptions", "Source"]
