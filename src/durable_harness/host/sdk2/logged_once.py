"""What the SDK logs although the host does: an error of an entity's operation is logged once, by the host.

The host's entry names the operation, begins with the app's own frame, and has the function's category in host.json.
"""

from __future__ import annotations

import logging

WORKER = "azure.durable_functions.worker"
BATCH = "_execute_entity_batch"


def log_entity_errors_once() -> None:
    """Drop the SDK's own entries about errors of operations."""
    logging.getLogger(WORKER).addFilter(_is_no_error_of_an_operation)


def _is_no_error_of_an_operation(record: logging.LogRecord) -> bool:
    """The error alone is what the SDK logs then. Texts that it logs in the same place are about other failures."""
    return not (record.funcName == BATCH and isinstance(record.msg, Exception))
