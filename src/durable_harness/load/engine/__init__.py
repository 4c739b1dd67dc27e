"""Make the load of one process: operations started, followed to their end and counted."""
