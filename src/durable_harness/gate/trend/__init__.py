"""Figures over many runs: read from their report folders, with the changes that are not noise."""
