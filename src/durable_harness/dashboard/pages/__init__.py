"""The pages, each a module with its handlers and a template. What is listed here is found."""

from durable_harness.dashboard.pages import acts, bulk, instance, new, orchestrations
from durable_harness.dashboard.routes import Route, Tab

TABS: tuple[Tab, ...] = (Tab("orchestrations", "Orchestrations"),)
"""The entries of the navigation, in their order."""
ROUTES: tuple[Route, ...] = (
    *orchestrations.ROUTES,
    *instance.ROUTES,
    *acts.ROUTES,
    *new.ROUTES,
    *bulk.ROUTES,
)

__all__ = ["ROUTES", "TABS"]
