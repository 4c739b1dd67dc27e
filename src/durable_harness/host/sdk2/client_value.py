"""The value of a durableClient binding. azure-functions-durable 2.x makes a gRPC client from it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from durable_harness.host.app.bindings import WEBHOOK_PATH, DurableEndpoints

MAX_MESSAGE_BYTES = 2**31 - 1
"""The extension's own default: a page of instances may well be larger than the 4 MB of gRPC's."""
TIMEOUT = "00:01:40"


def client_value(endpoints: DurableEndpoints, binding: Mapping[str, object]) -> str:
    """Return the JSON text that the SDK reads; management URLs are made by the SDK, at the origin of the request."""
    return json.dumps(
        {
            "taskHubName": binding.get("taskHub") or endpoints.task_hub,
            "connectionName": binding.get("connectionName") or endpoints.connection,
            "rpcBaseUrl": endpoints.rpc_base_url,
            "requiredQueryStringParameters": endpoints.key_query,
            "httpBaseUrl": f"{endpoints.origin}{WEBHOOK_PATH}",
            "maxGrpcMessageSizeInBytes": MAX_MESSAGE_BYTES,
            "grpcHttpClientTimeout": TIMEOUT,
        }
    )
