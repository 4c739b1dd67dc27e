"""The pages, each a module with its handlers and a template. What is listed here is found."""

from durable_harness.dashboard.page_routes import PageRoute, Tab
from durable_harness.dashboard.pages import (
    acting,
    again,
    bulk,
    clock_page,
    entity_pages,
    hubs,
    instance,
    new,
    orchestration_list,
    replay_page,
    result_page,
    running_page,
    trace,
)

TABS: tuple[Tab, ...] = (
    Tab("orchestrations", "Orchestrations"),
    Tab(entity_pages.PATH, "Entities"),
    Tab(running_page.QUEUE, "Queue"),
    Tab(running_page.WORKERS, "Workers"),
    Tab(clock_page.PATH, "Clock"),
    Tab(hubs.PATH, "Hubs"),
)
"""The entries of the navigation, in their order."""
ROUTES: tuple[PageRoute, ...] = (
    *orchestration_list.ROUTES,
    *instance.ROUTES,
    *trace.ROUTES,
    *acting.ROUTES,
    *again.ROUTES,
    *replay_page.ROUTES,
    *result_page.ROUTES,
    *new.ROUTES,
    *bulk.ROUTES,
    *entity_pages.ROUTES,
    *running_page.ROUTES,
    *clock_page.ROUTES,
    *hubs.ROUTES,
)

__all__ = ["ROUTES", "TABS"]
