"""The scheduler over gRPC: its methods, and the server that carries them."""
