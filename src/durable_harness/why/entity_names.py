"""Entities by name where their keys say nothing: an agent's sessions, one entity for each order.

A run with 1,000 operations may have 1,000 entities of one name. Each of them alone takes almost no time, while the code
that they share takes most of it. A busy entity among them, which is a bottleneck of its own, keeps its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

LEAST_OWN_SHARE = 0.2
"""The share of its name's time from which an entity is shown by its key."""
ANY_KEY = "*"


def shown_names(lengths_ns: Mapping[str, int]) -> dict[str, str]:
    """Return the name under which each name's time is shown: its own, or `@entity@*` for an entity among many."""
    whole_ns = Counter[str]()
    for name, length_ns in lengths_ns.items():
        whole_ns[_pattern(name)] += length_ns
    return {
        name: name if length_ns >= LEAST_OWN_SHARE * whole_ns[_pattern(name)] else _pattern(name)
        for name, length_ns in lengths_ns.items()
    }


def summed(values: Mapping[str, int], shown: Mapping[str, str]) -> Counter[str]:
    """Return the sums of values by the names under which they are shown, as `shown_names` returns them."""
    sums = Counter[str]()
    for name, value in values.items():
        sums[shown[name]] += value
    return sums


def _pattern(name: str) -> str:
    """Return `@entity@*` for the ID of an entity, any other name as it is."""
    entity, separator, _ = name[1:].partition("@")
    return f"@{entity}@{ANY_KEY}" if name.startswith("@") and separator else name
