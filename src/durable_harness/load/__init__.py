"""Locust users for long-running HTTP operations, their measurement, and the verdict on a run.

A scenario needs few names: `from durable_harness.load import ArrivalUser`. They are resolved when asked for, because
importing Locust patches the standard library for gevent, which code that only reads a tally must not do.

A run ends with 0 if all gates hold, 1 if one does not (or, without gates, if anything failed), 2 for a wrong option or
gates file, 3 if the run proves nothing (a worker vanished, nothing was started), 4 if the host does not answer, 130 if
a signal ended it before its verdict. A quitting listener may turn 0 into another code, but no other code into 0, be it
by `process_exit_code` or by `sys.exit`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from durable_harness.load.lifecycle.startup import guard_start_up, naming_load_extra, report_scenario_errors

if TYPE_CHECKING:
    from durable_harness.load.arrivals.file import read_arrivals
    from durable_harness.load.arrivals.plans import ArrivalProcess, Batches, Paced, Piece, RateProfile, Replayed
    from durable_harness.load.engine.open_load import Arrival
    from durable_harness.load.options.option_values import (
        Durations,
        read_durations,
        read_rate,
        read_share,
        seconds_above_zero,
        whole_number,
    )
    from durable_harness.load.scenario.arrival_user import ArrivalUser
    from durable_harness.load.scenario.operation_user import OperationUser
    from durable_harness.load.scenario.scenario_option import ScenarioOption

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
    "Arrival": "engine.open_load",
    "ArrivalUser": "scenario.arrival_user",
    "Durations": "options.option_values",
    "OperationUser": "scenario.operation_user",
    "ScenarioOption": "scenario.scenario_option",
    "read_arrivals": "arrivals.file",
    "read_durations": "options.option_values",
    "read_rate": "options.option_values",
    "read_share": "options.option_values",
    "seconds_above_zero": "options.option_values",
    "whole_number": "options.option_values",
}

guard_start_up()
report_scenario_errors()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with naming_load_extra():
        module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'arrivals.plans')}")
    return getattr(module, name)
