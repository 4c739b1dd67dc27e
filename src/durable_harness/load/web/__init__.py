"""A page of its own in Locust's web UI: operations in flight, completion percentiles and gates, live."""

from durable_harness.load.web.form import StartForm
from durable_harness.load.web.guard import Guard
from durable_harness.load.web.pages import add_pages
from durable_harness.load.web.state import LiveRun, state_of

__all__ = ["Guard", "LiveRun", "StartForm", "add_pages", "state_of"]
