"""How a Locust process starts and ends: signals, calls of `sys.exit`, the exit code. It must be quick to import."""
