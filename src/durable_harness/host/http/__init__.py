"""The HTTP front of the host: server, routes, keys, values and bodies."""
