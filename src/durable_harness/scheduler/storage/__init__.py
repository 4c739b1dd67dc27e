"""What the scheduler keeps: the database, its file, and the journal that writes to it."""
