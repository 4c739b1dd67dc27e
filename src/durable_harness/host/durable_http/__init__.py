"""The durable HTTP API: instances, entities, status documents."""
