"""The messages between a master and its workers, beside Locust's own.

run id     in the options that Locust sends with every spawn message
snapshot   in every periodic report: the worker's tally since the run began, so that a lost one loses nothing, and how
           the worker kept up as a generator
arrivals   master to workers, before a run begins, whenever a worker joins or vanishes, and in answer to begun: which
           arrivals are whose, and when the run time is over
begun      worker to master, with the run id: it has begun the run, and takes a share of the arrivals from now on
drain      master to workers, with the run id: wind up, then send the rest; sent again to give up what is in flight
final      worker to master: the last snapshot, everything has ended
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from durable_harness.gate.usage import Usage
from durable_harness.load.arrivals.shares import Shares
from durable_harness.load.audit import OperationUrls
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.watch import GeneratorFigures

RUN_ID_OPTION = "harness_run_id"
REPORT_KEY = "durable_harness"
ARRIVALS = "durable_harness.arrivals"
BEGUN = "durable_harness.begun"
DRAIN = "durable_harness.drain"
AT_ONCE = "at_once"
FINAL = "durable_harness.final"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A worker's tally of a run, its figures as a generator, and what CPU and memory it used."""

    run_id: str | None
    tally: RunTally
    figures: GeneratorFigures = field(default_factory=GeneratorFigures)
    usage: Usage = field(default_factory=Usage)
    operation_urls: tuple[OperationUrls, ...] = ()
    are_arrivals_over: bool = False
    """Whether the last arrival of the whole run has come."""
    records: bytes | None = None
    """The file of the worker's operations, with its last word, if the master cannot read it where it is."""
    was_interrupted: bool = False
    """Whether a signal ended the worker's part in the run."""

    def to_wire(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "tally": self.tally.to_wire(),
            "figures": self.figures.to_wire(),
            "usage": self.usage.to_wire(),
            "operation_urls": [where.to_wire() for where in self.operation_urls],
            "are_arrivals_over": self.are_arrivals_over,
            "records": self.records,
            "was_interrupted": self.was_interrupted,
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Snapshot:
        operation_urls = tuple(OperationUrls(**where) for where in wire["operation_urls"])
        figures = GeneratorFigures.from_wire(wire["figures"])
        return cls(
            wire["run_id"],
            RunTally.from_wire(wire["tally"]),
            figures,
            Usage.from_wire(wire["usage"]),
            operation_urls,
            wire["are_arrivals_over"],
            wire["records"],
            wire["was_interrupted"],
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """The open scenarios of a run, when their arrivals count from, for how long, and which worker has which of them."""

    run_id: str
    scenarios: tuple[str, ...]
    began_epoch_s: float
    shares: Shares
    run_time_s: float | None = None
    """None if the run has no set end."""

    def to_wire(self) -> dict[str, Any]:
        times = {"began_epoch_s": self.began_epoch_s, "run_time_s": self.run_time_s}
        return {"run_id": self.run_id, **times, "scenarios": list(self.scenarios), "shares": self.shares.to_wire()}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Offer:
        shares = Shares.from_wire(wire["shares"])
        return cls(wire["run_id"], tuple(wire["scenarios"]), wire["began_epoch_s"], shares, wire["run_time_s"])
