"""Run, test, load and gate Azure Durable Functions apps with nothing but Python."""
