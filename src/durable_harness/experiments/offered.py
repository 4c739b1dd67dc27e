"""What load an experiment makes: arrivals that do not wait for completions, the same each time."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from durable_harness.load.arrivals.plans import Paced, Piece, RateProfile
from durable_harness.load.options.option_values import Durations, read_durations
from durable_harness.operations import (
    OperationPlan,
    ServiceDescription,
    Workload,
    accept_any_output,
    check_echo,
    durable_webhooks,
    key_headers,
    poll_strategy,
)
from durable_harness.operations.description import SAMPLE_START_PATH, fill, fill_path

OPERATION_TYPE = "load_test"
SAMPLE_DURATIONS = read_durations("0.3-0.7")


class OfferedArrival(NamedTuple):
    """One operation to come."""

    offset_s: float
    """When it is to start, in seconds after the beginning."""
    duration_s: float
    """How much work it asks for, of an app that can be asked."""
    poll_phase: float = 1.0
    """Where the grid of its polls begins, as a part of the interval."""
    number: int = 0
    """Its place among those that were planned together."""


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The operations of an experiment, apart from when they arrive."""

    service: ServiceDescription = field(default_factory=durable_webhooks)
    payload: Mapping[str, object] | None = None
    """The JSON body of every start, in which `{token}` stands for a unique text and `"{duration}"` for the seconds of
    work; None to send the body of the service's description, else what the sample app takes and has to send back."""
    durations: Durations = SAMPLE_DURATIONS
    """The seconds of work that operations ask for."""
    poll_interval_s: float = 0.05
    timeout_s: float = 60.0
    poll: str = "fixed"
    raises: tuple[str, object] | None = None
    """An event, and its data, that each operation gets once it is accepted."""

    def arrivals(self, rate_per_s: float, for_s: float, seed: int, process: str = "constant") -> list[OfferedArrival]:
        """Return the arrivals of some seconds; equal arguments give equal arrivals, work and phases of polls."""
        chance, phases = random.Random(seed), random.Random(f"{seed}:poll phases")  # noqa: S311 - load, not secrets
        paced = Paced(RateProfile((Piece(rate_per_s, rate_per_s, for_s),)), poisson=process == "poisson")
        # A slice that is too short for any arrival still has one: without it the pair would have no figure.
        offsets = list(paced.times_s(chance)) or [0.0]
        return [
            OfferedArrival(offset_s, self.durations.pick_s(chance), 1 - phases.random(), number)
            for number, offset_s in enumerate(offsets)
        ]

    @property
    def shortest_s(self) -> float:
        """The least seconds of work that an operation asks for."""
        return min(some.low_s for some in self.durations.ranges)

    def plan(self, base_url: str, key: str | None, arrival: OfferedArrival, intended: float) -> OperationPlan:
        """Return what to send; `intended` is the moment of `time.monotonic()` from which latency counts."""
        token = uuid.uuid4().hex
        body = self.service.start.body if self.payload is None else self.payload
        values = {"token": token, "duration": arrival.duration_s, "number": arrival.number}
        # An app at another route may take this body too; its output is its own affair.
        sample = {"operation_type": OPERATION_TYPE, "duration": arrival.duration_s, "data": {"token": token}}
        return OperationPlan(
            token=token,
            start_url=f"{base_url}{fill_path(self.service.start.path, values)}",
            payload=sample if body is None else fill(body, values),
            polling=poll_strategy(self.poll, self.poll_interval_s),
            timeout_s=self.timeout_s,
            service=self.service,
            base_url=base_url,
            key_headers=key_headers(key),
            workload=Workload.OPEN,
            check_output=check_echo if self._is_sample else accept_any_output,
            intended=intended,
            poll_phase=arrival.poll_phase,
            raises=self.raises,
        )

    @property
    def _is_sample(self) -> bool:
        """Whether operations are the sample app's, whose output repeats what was sent."""
        is_own_body = self.payload is not None or self.service.start.body is not None
        return not is_own_body and self.service.start.path == SAMPLE_START_PATH
