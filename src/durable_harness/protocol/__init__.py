"""The Durable Task Scheduler (DTS) protocol as this house speaks it: its messages, its interface, its errors.

The ground under `host` and `scheduler`, which never import each other: the host talks to a `Scheduler`, be it the
embedded one in this process or a gRPC client of the emulator or of Azure.
"""

from durabletask.internal import orchestrator_service_pb2 as pb

from durable_harness.protocol.costs import Costs, Measurement
from durable_harness.protocol.interface import RpcError, RpcStatus, Scheduler
from durable_harness.protocol.json_depth import MAX_JSON_DEPTH, holds_too_deep, is_too_deep, too_deep
from durable_harness.protocol.values import (
    MAX_ID_CHARS,
    MAX_PAYLOAD_BYTES,
    TERMINAL_STATUSES,
    child_id,
    copy_of,
    from_ns,
    is_text,
    new_id,
    to_ns,
    unwrap_text,
    wrap_text,
)

__all__ = [
    "MAX_ID_CHARS",
    "MAX_JSON_DEPTH",
    "MAX_PAYLOAD_BYTES",
    "TERMINAL_STATUSES",
    "Costs",
    "Measurement",
    "RpcError",
    "RpcStatus",
    "Scheduler",
    "child_id",
    "copy_of",
    "from_ns",
    "holds_too_deep",
    "is_text",
    "is_too_deep",
    "new_id",
    "pb",
    "to_ns",
    "too_deep",
    "unwrap_text",
    "wrap_text",
]
