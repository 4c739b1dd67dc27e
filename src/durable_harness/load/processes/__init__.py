"""What each process of a run does: the only one, the master, a worker; and how a run begins and ends there."""
