"""Orchestrators, entities and activities of azure-functions-durable 2.x, which is built on durabletask."""
