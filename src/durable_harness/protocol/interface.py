"""The interface of a task hub: what a gRPC client of a scheduler offers, with Python names and one error type.

Requests and answers are the protocol's own messages (`durable_harness.protocol.pb`), named after the methods of
`TaskHubSidecarService`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from enum import StrEnum
from typing import Protocol

from durabletask.internal import orchestrator_service_pb2 as pb

from durable_harness.protocol.costs import Measurement
from durable_harness.protocol.listing import InstanceChoices, InstanceListRequest, InstancePage
from durable_harness.protocol.timings import Document


class RpcStatus(StrEnum):
    """The gRPC status codes that a scheduler answers with."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"


class RpcError(Exception):
    """Raised when a scheduler refuses a request: `status` is the gRPC status, the message its detail."""

    def __init__(self, status: RpcStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Scheduler(Protocol):
    """One task hub of a scheduler, embedded or remote. Every method raises RpcError when it is refused."""

    async def start_instance(self, request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        """Start an orchestration; ALREADY_EXISTS unless the reuse policy allows it."""

    async def get_instance(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        """Return the state of an instance; `exists` is false for an unknown id."""

    async def wait_for_instance_start(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        """Return the state of an instance once it has started."""

    async def wait_for_instance_completion(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        """Return the state of an instance once it has ended."""

    async def raise_event(self, request: pb.RaiseEventRequest) -> pb.RaiseEventResponse:
        """Raise an event; NOT_FOUND for an unknown id."""

    async def terminate_instance(self, request: pb.TerminateRequest) -> pb.TerminateResponse:
        """Terminate an instance."""

    async def suspend_instance(self, request: pb.SuspendRequest) -> pb.SuspendResponse:
        """Suspend an instance."""

    async def resume_instance(self, request: pb.ResumeRequest) -> pb.ResumeResponse:
        """Resume an instance."""

    async def rewind_instance(self, request: pb.RewindInstanceRequest) -> pb.RewindInstanceResponse:
        """Rewind an instance; FAILED_PRECONDITION unless the instance has failed."""

    async def restart_instance(self, request: pb.RestartInstanceRequest) -> pb.RestartInstanceResponse:
        """Restart an instance; FAILED_PRECONDITION while the instance is active."""

    async def query_instances(self, request: pb.QueryInstancesRequest) -> pb.QueryInstancesResponse:
        """Return instances in pages ordered by creation time."""

    async def list_instance_ids(self, request: pb.ListInstanceIdsRequest) -> pb.ListInstanceIdsResponse:
        """Return the IDs of ended instances in pages ordered by the time of the end."""

    async def purge_instances(self, request: pb.PurgeInstancesRequest) -> pb.PurgeInstancesResponse:
        """Delete instances; only ended instances are deleted."""

    def stream_instance_history(self, request: pb.StreamInstanceHistoryRequest) -> AsyncIterator[pb.HistoryChunk]:
        """Yield the history of an instance in chunks."""

    async def measure_instances(self, ids: Collection[str]) -> Mapping[str, Measurement]:
        """Return times and costs by instance id; ids that are not known are left out. Not part of the protocol."""

    async def instance_timings(self, instance_id: str) -> Document:
        """Return when what happened to an instance; NOT_FOUND for an unknown id. Not part of the protocol."""

    async def list_instances(self, request: InstanceListRequest) -> InstancePage:
        """Return one page of a list for people. Not part of the protocol."""

    async def instance_choices(self) -> InstanceChoices:
        """Return the names, versions and tags that lists can be filtered by. Not part of the protocol."""

    async def signal_entity(self, request: pb.SignalEntityRequest) -> pb.SignalEntityResponse:
        """Signal an entity."""

    async def get_entity(self, request: pb.GetEntityRequest) -> pb.GetEntityResponse:
        """Return the metadata of an entity."""

    async def query_entities(self, request: pb.QueryEntitiesRequest) -> pb.QueryEntitiesResponse:
        """Return entities in pages ordered by entity id."""

    async def clean_entity_storage(self, request: pb.CleanEntityStorageRequest) -> pb.CleanEntityStorageResponse:
        """Clean the storage of entities: empty entities and orphaned locks are removed."""

    async def skip_graceful_orchestration_terminations(
        self, request: pb.SkipGracefulOrchestrationTerminationsRequest
    ) -> pb.SkipGracefulOrchestrationTerminationsResponse:
        """End instances at once, without their workers; the answer has the IDs of those that were not running."""

    def get_work_items(
        self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False
    ) -> AsyncIterator[pb.WorkItem]:
        """Yield work items; closing the iterator gives unfinished work back.

        For a worker that keeps executions, turns with a long history may come without the part that it has seen:
        `durable_harness.protocol.continuing`.
        """

    async def complete_orchestrator_task(self, request: pb.OrchestratorResponse) -> pb.CompleteTaskResponse:
        """Complete a turn; NOT_FOUND for a token that holds no lease."""

    async def complete_activity_task(self, request: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        """Complete an activity; NOT_FOUND for a token that holds no lease."""

    async def complete_entity_task(self, request: pb.EntityBatchResult) -> pb.CompleteTaskResponse:
        """Complete a batch of an entity; NOT_FOUND for a token that holds no lease."""

    async def abandon_orchestrator_task(
        self, request: pb.AbandonOrchestrationTaskRequest
    ) -> pb.AbandonOrchestrationTaskResponse:
        """Return a turn to the scheduler; the work is ready again at once."""

    async def abandon_activity_task(self, request: pb.AbandonActivityTaskRequest) -> pb.AbandonActivityTaskResponse:
        """Return an activity to the scheduler; the work is ready again at once."""

    async def abandon_entity_task(self, request: pb.AbandonEntityTaskRequest) -> pb.AbandonEntityTaskResponse:
        """Return a batch of an entity to the scheduler; the work is ready again at once."""
