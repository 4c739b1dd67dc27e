"""What people read in a terminal: tables, colours, help."""
