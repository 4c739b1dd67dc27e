"""`serve --reload`: the host in a process of its own, which is started again when a file of the app has changed."""

from durable_harness.stack.reloading.loop import ReloadOptions, serve_reloading

__all__ = ["ReloadOptions", "serve_reloading"]
