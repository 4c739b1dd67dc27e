"""When the operations of an open workload arrive, and which process starts which of them."""
