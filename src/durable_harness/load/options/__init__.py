"""The options of a run as checked values, and the system under test that they describe."""
