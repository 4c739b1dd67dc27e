"""The local Functions host: loads an app, serves its routes and the durable HTTP API, runs its durable functions."""
