"""The keys of host.json: those that this host honours, and those that have a meaning only elsewhere.

From Microsoft's references of host.json and of the Durable Task extension. A name stands for all that is below it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

HONOURED = (
    "version",
    "$schema",
    "id",
    "extensionBundle",
    "functions",
    "functionTimeout",
    "logging.logLevel",
    "extensions.http.routePrefix",
    "extensions.http.maxOutstandingRequests",
    "extensions.http.maxConcurrentRequests",
    "extensions.durableTask.hubName",
    "extensions.durableTask.defaultVersion",
    "extensions.durableTask.maxConcurrentActivityFunctions",
    "extensions.durableTask.maxConcurrentOrchestratorFunctions",
    "extensions.durableTask.maxConcurrentEntityFunctions",
    "extensions.durableTask.overridableExistingInstanceStates",
    "extensions.durableTask.localRpcEndpointEnabled",
    "extensions.durableTask.httpSettings.defaultAsyncRequestSleepTimeMilliseconds",
    "extensions.durableTask.storageProvider.type",
    "extensions.durableTask.storageProvider.connectionStringName",
    "extensions.durableTask.storageProvider.connectionName",
    "extensions.durableTask.storageProvider.workItemFilteringEnabled",
)
"""`id` and `extensionBundle` say what a host must load or be; ours is it already."""
DURABLE_WITHOUT_EFFECT = (
    "azureStorageConnectionStringName",
    "appLeaseOptions",
    "controlQueueBatchSize",
    "controlQueueVisibilityTimeout",
    "customLifeCycleNotificationHelperType",
    "entityMessageReorderWindowInMinutes",
    "eventGridKeySettingName",
    "eventGridPublishEventTypes",
    "eventGridPublishRetryCount",
    "eventGridPublishRetryInterval",
    "eventGridTopicEndpoint",
    "extendedSessionIdleTimeoutInSeconds",
    "extendedSessionsEnabled",
    "grpcHttpClientTimeout",
    "httpSettings.useForwardedHost",
    "logReplayEvents",
    "maxEntityOperationBatchSize",
    "maxGrpcMessageSizeInBytes",
    "maxOrchestrationActions",
    "maxQueuePollingInterval",
    "notifications",
    "partitionCount",
    "rollbackEntityOperationsOnExceptions",
    "storageProvider.controlQueueBatchSize",
    "storageProvider.controlQueueBufferThreshold",
    "storageProvider.controlQueueVisibilityTimeout",
    "storageProvider.fetchLargeMessagesAutomatically",
    "storageProvider.largePayloadStorageEnabled",
    "storageProvider.largePayloadStorageThresholdBytes",
    "storageProvider.maxQueuePollingInterval",
    "storageProvider.partitionCount",
    "storageProvider.partitionManagement",
    "storageProvider.queueClientMessageEncoding",
    "storageProvider.storageConnectionName",
    "storageProvider.eventHubsConnectionName",
    "storageProvider.cacheSizeMB",
    "storageProvider.schemaName",
    "storageProvider.createDatabaseIfNotExists",
    "storageProvider.taskEventBatchSize",
    "storageProvider.taskEventLockTimeout",
    "storageProvider.trackingStoreConnectionName",
    "storageProvider.trackingStoreConnectionStringName",
    "storageProvider.trackingStoreNamePrefix",
    "storageProvider.useLegacyPartitionManagement",
    "storageProvider.useTablePartitionManagement",
    "storageProvider.workItemQueueVisibilityTimeout",
    "storeInputsInOrchestrationHistory",
    "throwStatusExceptionsOnRaiseEvent",
    "traceInputsAndOutputs",
    "tracing",
    "trackingStoreConnectionStringName",
    "trackingStoreNamePrefix",
    "useAppLease",
    "useGracefulShutdown",
    "versionFailureStrategy",
    "versionMatchStrategy",
    "workItemQueueVisibilityTimeout",
)
OTHER_EXTENSIONS = (
    "blobs",
    "cosmosDB",
    "dapr",
    "eventGrid",
    "eventHubs",
    "kafka",
    "kusto",
    "mcp",
    "mySql",
    "queues",
    "rabbitMQ",
    "redis",
    "sendGrid",
    "serviceBus",
    "signalR",
    "sql",
    "tables",
    "warmup",
    "webPubSub",
)
WITHOUT_EFFECT = (
    "aggregator",
    "concurrency",
    "configurationProfile",
    "customHandler",
    "healthMonitor",
    "logging.applicationInsights",
    "logging.console",
    "logging.fileLoggingMode",
    "managedDependency",
    "retry",
    "sendGrid",
    "singleton",
    "telemetryMode",
    "watchDirectories",
    "watchFiles",
    "extensions.http.customHeaders",
    "extensions.http.dynamicThrottlesEnabled",
    "extensions.http.hsts",
    *(f"extensions.{name}" for name in OTHER_EXTENSIONS),
    *(f"extensions.durableTask.{key}" for key in DURABLE_WITHOUT_EFFECT),
)


def notes_on(content: dict[str, Any]) -> tuple[str, ...]:
    """Return warnings about the keys of a host.json: those without effect here, and unknown ones."""
    found = list(_classified(content, ""))
    idle = sorted({key for key, is_known in found if is_known})
    unknown = sorted({key for key, is_known in found if not is_known})
    notes = []
    if idle:
        notes.append(f"host.json: without effect in this host: {', '.join(idle)}.")
    if unknown:
        notes.append(f"host.json: unknown, and without effect: {', '.join(map(_with_advice, unknown))}.")
    return tuple(notes)


_HONOURED, _WITHOUT_EFFECT = ({key.lower(): key for key in keys} for keys in (HONOURED, WITHOUT_EFFECT))
_SECTIONS = frozenset(
    ".".join(parts[:length])
    for parts in (key.split(".") for key in (*_HONOURED, *_WITHOUT_EFFECT))
    for length in range(1, len(parts))
)


def _classified(node: dict[str, Any], above: str) -> Iterator[tuple[str, bool]]:
    """Yield the keys that are not honoured, as they are spelt, and whether they are known."""
    for name, value in node.items():
        key = f"{above}{name}"
        lower = key.lower()
        if lower in _HONOURED:
            continue
        if lower in _WITHOUT_EFFECT:
            yield key, True
        elif lower not in _SECTIONS:
            yield key, False
        elif isinstance(value, dict):
            yield from _classified(value, f"{key}.")


def _with_advice(key: str) -> str:
    close = difflib.get_close_matches(key.lower(), [*_HONOURED, *_WITHOUT_EFFECT], n=1, cutoff=0.85)
    return f"{key} (did you mean {_HONOURED.get(close[0]) or _WITHOUT_EFFECT[close[0]]}?)" if close else key
