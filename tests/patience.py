"""A busy machine must not make load runs invalid whose tests are about something else."""

PATIENT = {
    "DURABLE_HARNESS_MAX_SLIP_MS": "30000",
    "DURABLE_HARNESS_MAX_STALL_MS": "30000",
    "DURABLE_HARNESS_MAX_POOL_WAIT_MS": "30000",
    "DURABLE_HARNESS_MAX_CPU_PERCENT": "1000",
}
"""Environment variables of a generator that calls no run invalid for being late."""
