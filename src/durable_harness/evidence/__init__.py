"""One file with all that a report about a run needs: its results, records, logs, versions and settings, no secrets."""

from durable_harness.evidence.archive import Evidence, Item, check_path
from durable_harness.evidence.logs import LogLines
from durable_harness.evidence.redaction import Redactor, redacted_command, redacted_words
from durable_harness.evidence.scene import app_items, environment, known_secrets, scene

__all__ = [
    "Evidence",
    "Item",
    "LogLines",
    "Redactor",
    "app_items",
    "check_path",
    "environment",
    "known_secrets",
    "redacted_command",
    "redacted_words",
    "scene",
]
