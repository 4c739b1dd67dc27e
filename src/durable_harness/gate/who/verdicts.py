"""Who it was in a whole run: the shares of the mean and of the slow operations, and the culprits of broken gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_harness.gate.who.culprits import Culprit
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution

TAIL_PERCENT = 99


@dataclass(frozen=True, slots=True)
class Who:
    """Who it was, of a run or of one scenario."""

    mean: Attribution | None = None
    """Of operations taken evenly from the fastest to the slowest."""
    tail: Attribution | None = None
    """Of operations near the 99th percentile."""
    culprits: Mapping[str, Culprit] = field(default_factory=dict)
    """By the name of the gate that each broke."""
    first: str = ""
    """Why it is the generator before anybody else: the run is invalid; empty if it is valid."""

    @property
    def sentences(self) -> list[str]:
        """Return in a line or two who spent the time; an empty list if that is not known."""
        lines = [f"{Party.GENERATOR} first: {self.first}"] if self.first else []
        lines += [f"mean: {_words(self.mean)}"] if self.mean is not None else []
        lines += [f"p{TAIL_PERCENT}: {_words(self.tail)}"] if self.tail is not None else []
        return lines

    def culprit_text(self, gate_name: str) -> str:
        """Return who broke a gate; empty if it was not looked at, or if it holds."""
        culprit = self.culprits.get(gate_name)
        return "" if culprit is None else culprit.text


def _words(found: Attribution) -> str:
    operations = "1 operation" if found.operations == 1 else f"{found.operations} operations"
    unknown = f"; {found.not_known}" if found.not_known else ""
    return f"{found.text} ({operations}){unknown}"
