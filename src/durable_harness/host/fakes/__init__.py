"""Activities, entities and outside services that a test answers for in place of the app."""
