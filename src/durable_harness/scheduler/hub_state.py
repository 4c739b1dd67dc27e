"""The state of one task hub, and the steps that change it.

All changes happen on the event loop's thread, each in one synchronous step that ends in `settle`. What a change makes
possible (work to hand out, a request to answer) is done when the journal has committed it: `offer`, `on_commit`.
"""

from __future__ import annotations

import asyncio
import functools

from google.protobuf.message import Message

from durable_harness.protocol import TERMINAL_STATUSES, new_id, pb, wrap_text
from durable_harness.scheduler.clock import STEP_NS, Clock
from durable_harness.scheduler.dispatch import Dispatcher, Work
from durable_harness.scheduler.entities import EntityStore
from durable_harness.scheduler.instances.execution_events import Execution, event
from durable_harness.scheduler.instances.instance_state import Instance, Parent, execution_started
from durable_harness.scheduler.instances.registry import Registry
from durable_harness.scheduler.instances.repeats import Repeats
from durable_harness.scheduler.storage.journal import Action, Journal, Rows
from durable_harness.scheduler.tasks import restore_tasks
from durable_harness.scheduler.timings import Timings
from durable_harness.scheduler.turns import TurnWork, end_at_once, end_untaken
from durable_harness.scheduler.unfinished import Unfinished, warn_of_unfinished
from durable_harness.scheduler.waiters import Waiters

NOT_STORED = "NotStored"
TERMINATION_GRACE_S = 1.0
"""How long a worker has to take a termination: one that hangs never would, and there may be no worker."""


class HubState:
    """Instances, entities and the work that they have, in memory and in the journal's store."""

    def __init__(self, name: str, clock: Clock, journal: Journal, lease_timeout_s: float) -> None:
        self.name = name
        self.clock = clock
        self.journal = journal
        self.dispatcher = Dispatcher(lease_timeout_s)
        self.timings = Timings()
        self.repeats = Repeats()
        self.in_hand = self.journal.store.in_hand
        self.instances = Registry(name, self.journal, self)
        self.entities = EntityStore(self)
        self.waiters = Waiters()
        self.journal.on_refusal(self.waiters.refuse)
        self.clock.on_step(self._clock_was_set)

    def load(self) -> None:
        """Continue what the store holds: instances, their timers, activities and entities."""
        self.repeats.load(self.journal.store, self.name)
        terminated: list[tuple[Instance, Execution]] = []
        unfinished: list[Unfinished] = []
        for instance in self.instances.load():
            assert instance.execution is not None
            is_terminated = instance.execution.inbox.has_any({"executionTerminated"})
            with self.instances.reading(instance.instance_id):
                self._begin_where_it_ended(instance)
                if not is_terminated:
                    activities = restore_tasks(self, instance, instance.execution)
                    unfinished += [self._unfinished(instance, past) for past in activities]
            if is_terminated:
                terminated.append((instance, instance.execution))
            if instance.execution.not_before_ns > self.clock.elapsed_ns(instance.epoch_ns):
                self._begin_at(instance.execution.not_before_ns, instance)
            self.settle(instance)
        self.entities.load()
        for instance, execution in terminated:  # now that their parents are here, and no worker can have them
            end_untaken(self, instance, execution)
        if self.journal.store.was_left_open:
            warn_of_unfinished(self.journal.store.path, unfinished)

    def _unfinished(self, instance: Instance, past: pb.HistoryEvent) -> Unfinished:
        """Return an activity that had no outcome when a process ended; count it if a worker had it then."""
        task, had = (instance.key, past.eventId), self.in_hand
        was_in_hand = had is not None and task in had.left
        if had is not None and was_in_hand:
            self.repeats.note(instance.key, instance.execution_id, past.eventId)
            self.on_commit(functools.partial(had.release, had.left.pop(task)))
        times = self.repeats.of(instance).get(past.eventId, 0)
        return Unfinished(past.taskScheduled.name, instance.instance_id, times, was_in_hand=was_in_hand)

    def _begin_where_it_ended(self, instance: Instance) -> None:
        """Continue an instance's time from the latest that it had, if the wall clock is behind that.

        From its own latest and no other's: of the wall clock's mistakes it shares only those that it saw.
        """
        latest_ns = instance.latest_ns
        instance.epoch_ns = self.epoch_not_before(latest_ns)
        instance.is_modelled |= latest_ns > self.clock.now_ns() + STEP_NS

    def epoch_not_before(self, time_ns: int) -> int:
        """Return an epoch by which it is not earlier than this time now."""
        return max(self.clock.epoch_ns, time_ns - self.clock.elapsed_ns())

    def _clock_was_set(self) -> None:
        """Note that times of what is under way are no measurements: the wall clock was set in between."""
        for instance in self.instances.living():
            if instance.status not in TERMINAL_STATUSES:
                instance.is_modelled = True
                self.instances.mark_changed(instance)

    def collect_rows(self, rows: Rows) -> Action:
        """Add the rows of all changes since the last call; return what to do once they are written."""
        self.entities.saver.collect_rows(rows)
        self.repeats.collect_rows(rows)
        return self.instances.collect_rows(rows)

    def on_commit(self, action: Action) -> None:
        """Do something when all that has happened so far is committed."""
        self.journal.mark(self, action)

    def _wake_waiters_of(self, *instance_ids: str) -> None:
        """Wake who waits for these instances, when what happened to them is committed."""
        self.on_commit(functools.partial(self.waiters.wake, instance_ids))

    def create(  # noqa: PLR0913 - the fields of an instance
        self,
        instance_id: str,
        name: str,
        *,
        version: str | None,
        input_text: str | None,
        scheduled_start_ns: int = 0,
        parent: Parent | None = None,
        tags: dict[str, str] | None = None,
        trace_context: pb.TraceContext | None = None,
        epoch_ns: int | None = None,
    ) -> Instance:
        """Create an instance whose id is free, and make its first turn ready (at its scheduled start).

        `epoch_ns` is that of the orchestration which it works for, the present one if there is none.
        """
        epoch_ns = self.clock.epoch_ns if epoch_ns is None else epoch_ns
        now_ns = self.clock.elapsed_ns(epoch_ns)
        instance = Instance(
            next(self.journal.instance_keys),
            instance_id,
            name,
            version,
            input_text,
            now_ns,
            now_ns,
            new_id(),
            scheduled_start_ns=scheduled_start_ns,
            parent=parent,
            tags=tags,
            trace_context=trace_context,
            epoch_ns=epoch_ns,
        )
        instance.execution = Execution(instance.execution_id, not_before_ns=scheduled_start_ns)
        instance.execution.inbox.append(execution_started(instance, now_ns))
        self.instances.add(instance)
        if scheduled_start_ns > now_ns:
            self._begin_at(scheduled_start_ns, instance)
        self.settle(instance)
        return instance

    def _begin_at(self, due_ns: int, instance: Instance) -> None:
        """Make the first turn ready at a scheduled start, unless the instance was removed or replaced until then."""

        def is_there() -> bool:
            return self.instances.get(instance.instance_id) is instance

        def begin() -> None:
            if is_there():
                self.settle(instance)

        self.clock.call_at(due_ns, begin, instance.epoch_ns, is_wanted=is_there)

    def remove(self, instance: Instance) -> None:
        """Delete an instance. Results of work that still runs for it are dropped."""
        self.entities.release_locks_of(instance.instance_id)
        self.timings.forget(instance.instance_id)
        self.repeats.forget(instance.key)
        self.instances.remove(instance)
        self._wake_waiters_of(instance.instance_id)

    def forget_all(self) -> None:
        """Delete every instance and entity. Results of work that workers still do for them are dropped."""
        self.instances.forget_all()
        self.entities.forget_all()
        self.repeats.forget_all()
        self.timings.forget_all()
        self.dispatcher.drop_unawaited()
        self._wake_waiters_of(*self.waiters.waiting)

    def withdraw(self, created: Instance, replaced: Instance | None) -> None:
        """Take back a creation that is not committed, and the removal of the instance that was in its place."""
        if self.instances.get(created.instance_id) is created:
            self.remove(created)
            if replaced is not None:
                self.instances.restore(replaced)

    def refuse(self, key: int, problem: str) -> None:
        """End an instance whose row the store refuses. Its callers, its parent and its readers get the reason."""
        instance = self.instances.living_by_key(key)
        if instance is None:
            return
        instance.is_stored = self.instances.is_in_store(key)
        failure = pb.TaskFailureDetails(errorType=NOT_STORED, errorMessage=problem)
        if instance.status not in TERMINAL_STATUSES and instance.execution is not None:
            ending = pb.CompleteOrchestrationAction(
                orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=failure
            )
            end_at_once(self, instance, instance.execution, ending)
        elif instance.failure is None or instance.failure.errorType != NOT_STORED:
            instance.status, instance.failure = pb.ORCHESTRATION_STATUS_FAILED, failure
            instance.output = instance.custom_status = None
            self.settle(instance)
        else:
            self.remove(instance)

    def version_of(self, instance: Instance) -> str:
        """Return the version by which workers filter an instance and its calls: its own, else that of its callers."""
        caller: Instance | None = instance
        callers = {instance.instance_id}
        while caller is not None and not caller.version and caller.parent is not None:
            caller = self.instances.get(caller.parent.instance_id)
            if caller is not None and caller.instance_id in callers:
                return ""  # an id that was used again below itself, or a damaged row
            callers.add(caller.instance_id if caller is not None else "")
        return (caller and caller.version) or ""

    def deliver(self, instance: Instance, **kind: Message) -> None:
        """Put an event, of the present, into the inbox of an instance; one that has ended takes no more."""
        if instance.status in TERMINAL_STATUSES or instance.execution is None:
            return
        instance.execution.inbox.append(event(self.clock.elapsed_ns(instance.epoch_ns), **kind))
        self.settle(instance)

    def remember(self, instance: Instance, **kind: Message) -> None:
        """Keep what came for an instance after it had failed: a rewind may still need it."""
        late = event(self.clock.elapsed_ns(instance.epoch_ns), **kind)
        self.instances.revive(instance).history.extend((late,))
        self.instances.mark_changed(instance)

    def terminate(self, instance: Instance, reason: str | None, *, recurse: bool) -> None:
        """Send an instance its termination, and end it if no worker takes that within the grace."""
        terminated = pb.ExecutionTerminatedEvent(input=wrap_text(reason), recurse=recurse)
        execution = instance.execution
        self.deliver(instance, executionTerminated=terminated)
        if execution is not None:
            end_if_untaken = functools.partial(end_untaken, self, instance, execution)
            asyncio.get_running_loop().call_later(TERMINATION_GRACE_S, end_if_untaken)

    def rewind(self, instance: Instance, reason: str | None) -> None:
        """Bring a failed instance back: a worker rewrites its history without the failures."""
        instance.epoch_ns = self.epoch_not_before(instance.updated_ns)
        now_ns = self.clock.elapsed_ns(instance.epoch_ns)
        execution = self.instances.revive(instance)
        execution.last_turn = None
        instance.status, instance.output, instance.failure = pb.ORCHESTRATION_STATUS_RUNNING, None, None
        instance.completed_ns, instance.updated_ns = 0, now_ns
        instance.costs = None  # parts of it are dispatched again, and children may be replaced
        rewound = pb.ExecutionRewoundEvent(reason=wrap_text(reason))
        if instance.parent is not None:
            rewound.parentExecutionId.value = instance.parent.execution_id
        execution.inbox.append(event(now_ns, executionRewound=rewound))
        self.settle(instance)

    def settle(self, instance: Instance) -> None:
        """Save a change and, once that is done, do what it made possible: a turn to run, waiters to wake."""
        execution = instance.execution
        if (
            execution is not None
            and not (execution.queued or execution.turn)
            and (execution.inbox.events or execution.replay_due)
            and self._may_begin(instance, execution)
        ):
            execution.queued = True
            self.offer(instance.instance_id, TurnWork(self, instance, execution))
        if self.clock.is_moved:
            instance.is_modelled = True
        if instance.instance_id in self.waiters.waiting:  # who comes later has seen this change
            self._wake_waiters_of(instance.instance_id)
        self.instances.mark_changed(instance)

    def _may_begin(self, instance: Instance, execution: Execution) -> bool:
        """Whether a turn may begin now. One that waits or is suspended still listens for its end."""
        if instance.status in TERMINAL_STATUSES:
            return False
        suspended = instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED
        is_too_early = execution.not_before_ns > 0 and execution.not_before_ns > self.clock.elapsed_ns(
            instance.epoch_ns
        )
        if not (suspended or is_too_early):
            return True
        urgent = {"executionTerminated", "executionResumed"} if suspended else {"executionTerminated"}
        return execution.inbox.has_any(urgent)

    def offer(self, subject_id: str, work: Work) -> None:
        """Make work of an instance or entity ready for a worker, when what it rests on is committed."""
        self.timings.note(subject_id, work.times)
        self.journal.mark(self, functools.partial(self.dispatcher.offer, work))
