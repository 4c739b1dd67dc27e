"""What the author of a scenario subclasses and declares."""
