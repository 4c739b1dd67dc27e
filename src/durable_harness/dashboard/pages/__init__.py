"""The pages, each a module with its handlers and a template. What is listed here is found."""

from durable_harness.dashboard.pages import (
    acting,
    again,
    bulk,
    clock,
    entities,
    hubs,
    instance,
    new,
    orchestrations,
    replays,
    results,
    running,
    trace,
)
from durable_harness.dashboard.routes import Route, Tab

TABS: tuple[Tab, ...] = (
    Tab("orchestrations", "Orchestrations"),
    Tab(entities.PATH, "Entities"),
    Tab(running.QUEUE, "Queue"),
    Tab(running.WORKERS, "Workers"),
    Tab(clock.PATH, "Clock"),
    Tab(hubs.PATH, "Hubs"),
)
"""The entries of the navigation, in their order."""
ROUTES: tuple[Route, ...] = (
    *orchestrations.ROUTES,
    *instance.ROUTES,
    *trace.ROUTES,
    *acting.ROUTES,
    *again.ROUTES,
    *replays.ROUTES,
    *results.ROUTES,
    *new.ROUTES,
    *bulk.ROUTES,
    *entities.ROUTES,
    *running.ROUTES,
    *clock.ROUTES,
    *hubs.ROUTES,
)

__all__ = ["ROUTES", "TABS"]
