"""Whose time it was: the time of operations, and what broke a gate, split between the parties that could have spent it.

Pure functions over the moments of operations, their critical paths and how they ended. Nothing is guessed: time
without known moments is a share of its own, "not known".
"""

from durable_harness.gate.who.culprits import Culprit
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution, Share, ShareCause
from durable_harness.gate.who.verdicts import Who

__all__ = ["Attribution", "Culprit", "Party", "Share", "ShareCause", "Who"]
