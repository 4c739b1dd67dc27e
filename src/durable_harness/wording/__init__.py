"""What people read: text of others without secrets, lengths of time, places in code, tracebacks, guesses at a name."""
