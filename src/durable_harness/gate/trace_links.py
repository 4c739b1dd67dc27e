"""Pages of single operations that a run leaves beside its report."""

from __future__ import annotations

from dataclasses import dataclass

FOLDER_NAME = "traces"
"""Their folder in that of the report."""


@dataclass(frozen=True, slots=True)
class TracePage:
    """An operation's page: its history, its times, its payloads and its log lines, in one file that needs no server."""

    file: str
    """Its path, relative to the folder of the report."""
    kind: str
    """What is wrong with the operation: how it ended, or what the audit found."""
    instance_id: str
    scenario: str = ""
    dashboard_url: str = ""
    """Where a host that outlives the run shows the instance; empty if there is no such place."""

    @property
    def sentence(self) -> str:
        """What is wrong with which instance, in one line."""
        return f"{self.kind}: instance {self.instance_id}"
