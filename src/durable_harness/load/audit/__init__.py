"""After a run, ask the server what became of every operation that it had accepted."""

from durable_harness.load.audit.auditor import AuditedService, AuditQuestion, audit_run
from durable_harness.load.audit.failure_pages import keep_traces
from durable_harness.load.audit.histories import learn_from_histories
from durable_harness.load.audit.learning import Spent, SpentQuestion, learn_from_table, learn_spent
from durable_harness.load.audit.operation_urls import Addresses, OperationUrls
from durable_harness.load.audit.stuck_audit import learn_stuck

__all__ = [
    "Addresses",
    "AuditQuestion",
    "AuditedService",
    "OperationUrls",
    "Spent",
    "SpentQuestion",
    "audit_run",
    "keep_traces",
    "learn_from_histories",
    "learn_from_table",
    "learn_spent",
    "learn_stuck",
]
