"""A runner that compares the second delivery of work with the first, for both generations of the SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar, cast

from durable_harness.host.sdk.generation import Runner, RunnerAround
from durable_harness.host.stages import CURRENT
from durable_harness.host.twice.answer_comparison import OUTCOMES, SAME, Answer, compared, operation_answers
from durable_harness.host.twice.effects import SCOPE, Scope
from durable_harness.host.twice.twice_records import Delivered, TwiceRecords, repeated
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import pb, unwrap_text
from durable_harness.protocol.activity_names import shown_name

A = TypeVar("A")
Call = Callable[[], Awaitable[object]]
logger = own_logger(HOST_LOGGER)


class ComparingRunner(RunnerAround):
    """Implements `durable_harness.host.sdk.generation.Runner`. Orchestrators are replayed, and not compared."""

    def __init__(self, runner: Runner, records: TwiceRecords) -> None:
        super().__init__(runner)
        self._records = records
        self.turn = runner.turn

    async def activity(self, request: pb.ActivityRequest) -> str:
        """Run an activity; compare what it comes to if it was run before under the same token."""
        name = shown_name(request.name)

        def delivered(scope: Scope, outcome: str | BaseException) -> Delivered:
            answer = Answer.of_error(outcome) if isinstance(outcome, BaseException) else Answer(outcome)
            return Delivered([(name, answer)], scope, outcome)

        return await self._compared(("activity", name), lambda: self._runner.activity(request), delivered)

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        """Run a batch of an entity, likewise; each operation is compared, and the state that it leaves."""
        entity = request.instanceId.removeprefix("@").partition("@")[0]
        names = [f"{entity}.{_operation(event)}" for event in request.operationRequests]

        def delivered(scope: Scope, outcome: pb.EntityBatchResult | BaseException) -> Delivered:
            if isinstance(outcome, BaseException):
                return Delivered([(name, Answer.of_error(outcome)) for name in names], scope, outcome)
            answers = operation_answers(outcome, len(names))
            state = Answer(unwrap_text(outcome, "entityState"))
            return Delivered(list(zip(names, answers, strict=False)), scope, outcome, state)

        return await self._compared(("entity", entity), lambda: self._runner.batch(request), delivered)

    async def _compared(
        self,
        work: tuple[str, str],
        call: Callable[[], Awaitable[A]],
        delivered: Callable[[Scope, A | BaseException], Delivered],
    ) -> A:
        stages = CURRENT.get()
        token = stages.token if stages is not None else ""
        if not self._records.is_delivered_twice(token):
            return await call()
        first = self._records.take_first(token)
        if first is not None and first.scope.is_faked:  # the test counts its calls, and nothing is done outside
            self._records.note_faked(work[1])
            return _result(cast("A", first.outcome))  # of the same work
        scope = Scope(earlier=[] if first is None else [*first.scope.answers])
        outcome = await watched(scope, call)
        if first is None:
            self._records.keep_first(token, delivered(scope, outcome))
        else:
            record(self._records, work[0], first, lambda: delivered(scope, outcome))
        return _result(outcome)


def record(records: TwiceRecords, kind: str, first: Delivered, second: Callable[[], Delivered]) -> None:
    """Keep how a second delivery fared; what cannot be compared is no matter of the app's."""
    try:
        for function in _functions(kind, first, second()):
            records.add(function)
    except Exception:
        logger.exception("A second delivery could not be compared with the first")


async def watched(scope: Scope, call: Callable[[], Awaitable[A]]) -> A | BaseException:
    """Return what a call returned or raised."""
    token = SCOPE.set(scope)
    try:
        return await call()
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        return error
    finally:
        SCOPE.reset(token)
        scope.close()


def _result(outcome: A | BaseException) -> A:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _functions(kind: str, first: Delivered, second: Delivered) -> Iterator[dict[str, object]]:
    """Yield how each function of a piece of work fared; what a batch did outside is that of its operations together."""
    twice, again = repeated(first.scope.effects, second.scope.effects)
    last = len(second.answers) - 1
    for number, ((name, one), (_, other)) in enumerate(zip(first.answers, second.answers, strict=False)):
        outcome, detail = compared(one, other)
        if outcome == SAME and number == last and first.state is not None and second.state is not None:
            outcome, detail = compared(first.state, second.state, "state")
        yield {
            "kind": kind,
            "name": name,
            "delivered": 1,
            **{each: int(each == outcome) for each in OUTCOMES},
            "details": [detail] if detail else [],
            "twice": _counts(twice) if number == last else {},
            "again": _counts(again) if number == last else {},
        }


def _counts(texts: list[str]) -> dict[str, int]:
    return {text: texts.count(text) for text in texts}


def _operation(event: pb.HistoryEvent) -> str:
    return str(getattr(event, event.WhichOneof("eventType")).operation)
