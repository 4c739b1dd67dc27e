"""A runner that makes fakes answer in place of the app's functions, for both generations of the SDK."""

from __future__ import annotations

import json

from durable_harness.host.fakes.fake_registry import Fakes, InstalledFake, decoded
from durable_harness.host.fakes.working import working_for
from durable_harness.host.payload_encoding import unwrap_json
from durable_harness.host.sdk.batches import operation_info
from durable_harness.host.sdk.generation import Runner, RunnerAround
from durable_harness.host.stages import CURRENT, Stages
from durable_harness.host.twice.effects import note_fake
from durable_harness.protocol import pb, unwrap_text, wrap_text
from durable_harness.protocol.activity_names import HTTP_ACTIVITIES
from durable_harness.protocol.alarms import AlarmClock


class FakedRunner(RunnerAround):
    """Implements `durable_harness.host.sdk.generation.Runner`."""

    def __init__(self, runner: Runner, fakes: Fakes, clock: AlarmClock) -> None:
        super().__init__(runner)
        self._fakes = fakes
        self._clock = clock
        self.turn = runner.turn

    async def activity(self, request: pb.ActivityRequest) -> str:
        """Run an activity, or answer for it; a call of `call_http` is one too."""
        if not self._fakes.installed:
            return await self._runner.activity(request)
        given = decoded(unwrap_text(request, "input"))
        fake, what = self._fake_of(request.name, given)
        instance_id = request.orchestrationInstance.instanceId
        if fake is None:
            with working_for(instance_id):
                return await self._runner.activity(request)
        return await self._answer(fake, {**what, "instance_id": instance_id})

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        """Run a batch of an entity, or answer for each of its operations; the entity's state stays what it was."""
        name = request.instanceId.removeprefix("@").partition("@")[0]
        fake = self._fakes.find("entity", name)
        if fake is None:
            with working_for(request.instanceId):
                return await self._runner.batch(request)
        return pb.EntityBatchResult(
            results=[await self._outcome(fake, request.instanceId, event) for event in request.operationRequests],
            entityState=wrap_text(unwrap_text(request, "entityState")),
            operationInfos=[operation_info(event) for event in request.operationRequests],
        )

    def _fake_of(self, name: str, given: object) -> tuple[InstalledFake | None, dict[str, object]]:
        if name in HTTP_ACTIVITIES and isinstance(given, dict):
            return self._fakes.find("http", str(given.get("uri")), str(given.get("method"))), {"input": given}
        return self._fakes.find("activity", name), {"input": given}

    async def _outcome(self, fake: InstalledFake, entity_id: str, event: pb.HistoryEvent) -> pb.OperationResult:
        detail = getattr(event, event.WhichOneof("eventType"))
        given = unwrap_text(detail, "input")
        given = unwrap_json(given) if self.wraps_operation_inputs else given
        call = {"input": decoded(given), "instance_id": entity_id, "operation": detail.operation}
        try:
            text = await self._answer(fake, call)
        except Exception as error:  # noqa: BLE001 - what the test wants to be raised
            kind = type(error)
            failure = pb.TaskFailureDetails(errorType=f"{kind.__module__}.{kind.__name__}", errorMessage=str(error))
            return pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=failure))
        return pb.OperationResult(success=pb.OperationResultSuccess(result=wrap_text(text)))

    async def _answer(self, fake: InstalledFake, call: dict[str, object]) -> str:
        note_fake()
        stages = CURRENT.get()
        if fake.delay_s > 0:
            _note(stages, f"is answered by a fake of the test, {fake.delay_s:,g} s after its call")
            await self._clock.sleep(stages.token if stages is not None else "", fake.delay_s)
        _note(stages, "is answered by a fake of the test, whose function has not returned")
        text = await self._fakes.answer(fake, call)
        return _http_answer(text) if fake.kind == "http" else text


def _note(stages: Stages | None, text: str) -> None:
    if stages is not None:
        stages.faked = text


def _http_answer(text: str) -> str:
    """Return what `call_http` gets: the test's {"status", "headers", "body"}, by the names of the extension."""
    answer = json.loads(text)
    return json.dumps({"statusCode": answer["status"], "headers": answer["headers"], "content": answer["body"]})
