"""Replay: operations arrive as they once did, in production or in an earlier run."""

import logging
from pathlib import Path

from durable_harness.load import ArrivalProcess, ArrivalUser, ScenarioOption, read_arrivals

FILE = ScenarioOption("--replay", str, "", "File of arrivals, or the report folder of an earlier run, to replay.")


class Replay(ArrivalUser):
    """The file has one number of seconds a line, or JSON lines with `time`; see `durable_harness.load.arrival_file`."""

    def arrivals(self) -> ArrivalProcess | None:
        path = FILE.of(self)
        if not path:
            logging.getLogger(__name__).info("Replay has nothing to do without --replay FILE")
            return None
        return read_arrivals(Path(path))
