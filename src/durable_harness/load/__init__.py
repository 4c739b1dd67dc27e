"""Locust users for long-running HTTP operations, their measurement, and the verdict on a run.

A scenario needs few names: `from durable_harness.load import ArrivalUser`. They are resolved when asked for, because
importing Locust patches the standard library for gevent, which nobody wants who only reads a tally.

A run ends with 0 if all gates hold, 1 if one does not (or, without gates, if anything failed), 2 for a wrong option or
gates file, 3 if the run proves nothing (a worker vanished, nothing was started), 4 if the host does not answer, 130 if
a signal ended it before its verdict. A quitting listener may turn 0 into another code, but no other code into 0, be it
by `process_exit_code` or by `sys.exit`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from durable_harness.load.startup import guard_start_up

if TYPE_CHECKING:
    from durable_harness.load.arrival_file import read_arrivals
    from durable_harness.load.arrival_user import ArrivalUser
    from durable_harness.load.arrivals import ArrivalProcess, Batches, Paced, Piece, RateProfile, Replayed
    from durable_harness.load.knobs import ScenarioOption
    from durable_harness.load.open_load import Arrival
    from durable_harness.load.options import read_rate
    from durable_harness.load.user import OperationUser
    from durable_harness.load.values import Durations, read_durations, read_share, seconds_above_zero, whole_number

__all__ = [
    "Arrival",
    "ArrivalProcess",
    "ArrivalUser",
    "Batches",
    "Durations",
    "OperationUser",
    "Paced",
    "Piece",
    "RateProfile",
    "Replayed",
    "ScenarioOption",
    "read_arrivals",
    "read_durations",
    "read_rate",
    "read_share",
    "seconds_above_zero",
    "whole_number",
]

_MODULES = {
    "Arrival": "open_load",
    "ArrivalUser": "arrival_user",
    "Durations": "values",
    "OperationUser": "user",
    "ScenarioOption": "knobs",
    "read_arrivals": "arrival_file",
    "read_durations": "values",
    "read_rate": "options",
    "read_share": "values",
    "seconds_above_zero": "values",
    "whole_number": "values",
}

guard_start_up()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'arrivals')}")
    return getattr(module, name)
