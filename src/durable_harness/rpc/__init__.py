"""A gRPC server on one event loop, and the protocol's methods on it, for whoever has a task hub to serve."""
