"""How much a system can take: the highest arrival rate that meets an objective, with its uncertainty."""

from durable_harness.gate.capacity.objective import read_objective
from durable_harness.gate.capacity.search import Capacity, SearchPlan, Trial, search

__all__ = ["Capacity", "SearchPlan", "Trial", "read_objective", "search"]
