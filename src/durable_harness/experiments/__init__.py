"""Experiments: several runs that answer one question. Which version is slower? How much can this system take?

This room sits above `stack`, which starts systems, and `gate`, which judges figures. Its load comes from this process,
without Locust, whose start would cost more than a slice lasts: open arrivals, so that latency counts from the intended
start.
"""
