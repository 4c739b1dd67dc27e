"""The log of a process: its lines as text and as JSON, their categories, and the lines that are kept of an instance."""
