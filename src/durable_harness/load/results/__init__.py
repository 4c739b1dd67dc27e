"""What the operations of a run came to: tallies, records, Locust's table, progress and reports."""
