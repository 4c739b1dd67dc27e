"""A package of the app's own, so that failures have more than one file of it."""
