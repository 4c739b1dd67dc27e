"""Operations that nothing ended, and what each waits for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StuckOperation:
    """An operation that had not ended when the run was over. Without `waits`, `unknown` is the reason."""

    instance_id: str
    scenario: str = ""
    orchestrator: str = ""
    status: str = ""
    """In the words of the service; empty if it did not give one."""
    waits: tuple[str, ...] = ()
    """What it waits for, the longest wait of each kind."""
    unknown: str = ""

    @property
    def sentence(self) -> str:
        """What it waits for, in one line."""
        what = ", ".join(filter(None, (self.orchestrator and f"orchestrator '{self.orchestrator}'", self.status)))
        waits = (
            f"waits for {'; '.join(self.waits)}" if self.waits else f"what it waits for is not known: {self.unknown}"
        )
        return f"instance {self.instance_id}{f' ({what})' if what else ''}: {waits}"
