"""Steady: operations arrive at an even rate, whether or not those before have ended."""

from durable_harness.load import ArrivalUser


class Steady(ArrivalUser):
    """Copy this class to make a scenario of your own: say when operations arrive (`arrivals`), and what (`payload`).

    `--rate` sets the rate, also one that changes (`1..50/60` is a ramp), `--arrivals poisson` the spacing.
    """
