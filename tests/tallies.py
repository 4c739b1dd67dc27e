"""Records of operations made up, and tallies of them."""

import json

from durable_harness.load.distributed.run_messages import Snapshot
from durable_harness.load.results.run_tally import RunTally, merged_runs
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationRecord, OperationState

ENDS = [state for state in OperationState if state.has_ended]
SEEN = {OperationState.COMPLETED, OperationState.FAILED, OperationState.WRONG_OUTPUT}


def record(state=OperationState.COMPLETED, *, lasted=2.0, error=None, **fields):
    """Make the record of an operation that was sent at 100.0 and ended `lasted` seconds later."""
    never_accepted = state in {OperationState.REFUSED, OperationState.UNREACHABLE}
    values = {
        "intended": 100.0,
        "sent": 100.0,
        "accepted": None if never_accepted else 100.25,
        "seen": 100.0 + lasted if state in SEEN else None,
        "ended": 100.0 + lasted,
        "polls": 4,
        "bytes_received": 10,
        "error": error or (None if state is OperationState.COMPLETED else f"because of {state}"),
        **fields,
    }
    return OperationRecord("token", epoch_offset_s=1_000_000.0, state=state, **values)


def tally_of(*records):
    """Make the tally of operations that have ended."""
    tally = Tally()
    for one in records:
        tally.started(one)
        if one.accepted is not None:
            tally.accepted(one)
        tally.ended(one)
    return tally


def run_of(*records):
    """Make the tally of a run of operations that have ended, each in its scenario."""
    run = RunTally()
    for one in records:
        run.started(one)
        if one.accepted is not None:
            run.accepted(one)
        run.ended(one)
    return run


def across_processes(*runs):
    """Return the tally of several processes' runs, sent as workers send them."""
    wires = [json.loads(json.dumps(Snapshot("run", run).to_wire())) for run in runs]
    return merged_runs(Snapshot.from_wire(wire).tally for wire in wires)
