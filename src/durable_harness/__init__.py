"""Run, test, load and gate Azure Durable Functions apps with nothing but Python."""

__version__ = "0.1.0"
