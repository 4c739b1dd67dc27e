"""Work items pulled from a scheduler and answered."""
