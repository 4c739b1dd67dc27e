"""How often activities were handed out again because the worker that had them ended without an answer.

Noted are workers that left and leases that ran out, and what was in hand when this process ended suddenly. Rows are
written only then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from durable_harness.scheduler.instances.instance_state import Instance
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.storage.journal import Rows
from durable_harness.scheduler.storage.store import Store


class Repeats:
    """The repeated activities of the instances of a hub, by the key of the instance."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[tuple[str, int]]] = defaultdict(Counter)
        """By execution and task: an instance that continues as new numbers its tasks from the start."""
        self._changed: set[tuple[int, str, int]] = set()
        self._gone: set[int] = set()

    def load(self, store: Store, hub: str) -> None:
        query = (
            "SELECT instance, execution, task, count FROM repeats"
            " WHERE instance IN (SELECT key FROM instances WHERE hub = ?)"
        )
        for key, execution_id, task_id, count in store.rows(query, (hub,)):
            self._counts[key][execution_id, task_id] = count

    def note(self, key: int, execution_id: str, task_id: int) -> None:
        """Note that an activity will be handed out again. The instance is written with the next batch."""
        self._counts[key][execution_id, task_id] += 1
        self._changed.add((key, execution_id, task_id))

    def of(self, instance: Instance) -> Mapping[int, int]:
        """Return the counts of the present or last execution of an instance, by the ids of its activities."""
        counts = self._counts.get(instance.key, Counter())
        return {task_id: count for (execution, task_id), count in counts.items() if execution == instance.execution_id}

    def forget(self, key: int) -> None:
        """Forget an instance that is removed."""
        if self._counts.pop(key, None) is not None:
            self._gone.add(key)

    def forget_all(self) -> None:
        for key in list(self._counts):
            self.forget(key)

    def collect_rows(self, rows: Rows) -> None:
        """Add the rows of what has changed."""
        for key in self._gone:
            rows[sql.DELETE_REPEATS].append((key,))
        for key, execution_id, task_id in self._changed:
            if key in self._counts:
                count = self._counts[key][execution_id, task_id]
                rows[sql.PUT_REPEATS].append((key, execution_id, task_id, count))
        self._gone.clear()
        self._changed.clear()
