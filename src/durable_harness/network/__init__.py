"""Where a process listens and whose requests it answers; which URLs and redirects its clients follow."""
