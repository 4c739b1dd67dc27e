"""Replay: operations arrive as they once did, in production or in an earlier run."""

import logging
from pathlib import Path

from durable_harness.load import ArrivalProcess, ArrivalUser, ScenarioOption, read_arrivals


def read_file(text: str) -> ArrivalProcess | None:
    """Read the file that is named, if one is."""
    return read_arrivals(Path(text)) if text else None


ARRIVALS = ScenarioOption(
    "--replay", read_file, "", "File of arrivals, or the report folder of a run, to replay.", names_file=True
)


class Replay(ArrivalUser):
    """Each line has a number of seconds, or JSON with `time`: see `durable_harness.load.arrivals.file`."""

    def arrivals(self) -> ArrivalProcess | None:
        recorded = ARRIVALS.of(self)
        if recorded is None:
            logging.getLogger(__name__).info("Replay has nothing to do without --replay FILE")
        return recorded
