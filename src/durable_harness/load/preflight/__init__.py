"""Before the load: where the app starts operations, and one operation that shows whether that works."""

from durable_harness.load.preflight.flight import Flight, fly, problem_of
from durable_harness.load.preflight.starters import App, Starter, ask_for_app, chosen_starter

__all__ = ["App", "Flight", "Starter", "ask_for_app", "chosen_starter", "fly", "problem_of"]
