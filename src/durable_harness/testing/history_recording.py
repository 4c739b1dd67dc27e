"""Recording the history of an instance of any stack into a file, from the most complete source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack
from durable_harness.testing.webhook_client import Webhook


class MissingInstanceError(UsageError, AssertionError):
    """Raised when a history is to be recorded of an instance that the app does not know."""


def record(stack: RunningStack, webhook: Webhook, instance_id: str, path: Path) -> Path:
    """Write the history of an instance to a file, and return its path; fail if there is no such instance.

    Our host gives all of it, and so does the emulator that `func` works for. A deployment gives what its durable HTTP
    API shows: the file then says what it lacks, and a replay compares the rest.
    """
    __tracebackhide__ = True
    from durable_harness.protocol.history_file import write_document  # noqa: PLC0415 - only who records pays for it

    write_document(path, document_of(stack, webhook, instance_id))
    return path


def document_of(stack: RunningStack, webhook: Webhook, instance_id: str) -> dict[str, Any]:
    """Return the history of an instance as a document to be written; fail if there is no such instance."""
    __tracebackhide__ = True
    document = webhook.read_document(instance_id)
    if document is not None:
        return document
    from durable_harness.protocol.history_file import as_document  # noqa: PLC0415 - same

    if stack.scheduler_address is not None and stack.task_hub is not None:
        from durable_harness.replay.from_scheduler import history_of  # noqa: PLC0415 - same
        from durable_harness.settings import parse_connection_string  # noqa: PLC0415 - same

        connection = f"Endpoint=http://{stack.scheduler_address};Authentication=None"
        address = parse_connection_string(connection, where=f"the {stack.name} stack", key="scheduler")
        return as_document(history_of(address, stack.task_hub, instance_id))
    from durable_harness.protocol.history_file import UnreadableHistoryError  # noqa: PLC0415 - same
    from durable_harness.replay.from_webhook import history_from_rows  # noqa: PLC0415 - same

    found = webhook.read(instance_id)
    if webhook.refusal is not None:
        raise UsageError(
            f"{stack.base_url} refuses the key ({webhook.refusal}): its durable webhooks take the system key"
            " durabletask_extension or the master key, and no key of a function."
        )
    if webhook.problem:
        raise UnreadableHistoryError(stack.base_url, webhook.problem)
    if found is None:
        raise MissingInstanceError(f"There is no instance '{instance_id}' at {stack.base_url}.")
    return as_document(history_from_rows(instance_id, found.history))
