"""Orchestrators and entities of azure-functions-durable 1.x."""
