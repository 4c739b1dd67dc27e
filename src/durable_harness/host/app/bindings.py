"""Management URLs and the value of a durableClient binding."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

WEBHOOK_PATH = "/runtime/webhooks/durabletask"
INSTANCE_PLACEHOLDER = "INSTANCEID"


@dataclass(frozen=True)
class DurableEndpoints:
    """The addresses of the durable HTTP API of one host. `code` is the key in its URLs.

    `rpc_base_url` is None if host.json switches the local RPC endpoint off; the SDK's client then refuses to work.
    """

    origin: str
    rpc_base_url: str | None = field(repr=False)
    task_hub: str
    connection: str
    code: str = field(repr=False)

    @functools.cached_property
    def key_query(self) -> str:
        """What opens the API, as a part of a query string."""
        return f"code={quote(self.code, safe='')}"

    def management_urls(
        self, instance_id: str, *, origin: str | None = None, query: str | None = None, rewind: bool
    ) -> dict[str, str]:
        """Return the URLs that manage an instance, in the order in which the Durable extension lists them."""
        # Whatever is in the ID stays one part of the path: `a%41` is not `aA`, and `a b` has no `+` there.
        instance = f"{origin or self.origin}{WEBHOOK_PATH}/instances/{quote(instance_id, safe='')}"
        query = query or self._own_query
        urls = {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{query}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
        }
        if rewind:
            urls["rewindPostUri"] = f"{instance}/rewind?reason={{text}}&{query}"
        return urls | {
            "purgeHistoryDeleteUri": f"{instance}?{query}",
            "restartPostUri": f"{instance}/restart?{query}",
            "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
        }

    def client_binding(self, binding: Mapping[str, object]) -> str:
        """Return the JSON text that a durableClient parameter receives; the binding may name another hub."""
        hub = str(binding.get("taskHub") or self.task_hub)
        connection = str(binding.get("connectionName") or self.connection)
        base = f"{self.origin}{WEBHOOK_PATH}"
        start = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        return json.dumps(
            {
                "taskHubName": hub,
                "connectionName": None,  # as the extension writes it: the name is in the URLs
                "creationUrls": {
                    "createNewInstancePostUri": f"{start}?{self.key_query}",
                    "createAndWaitOnNewInstancePostUri": f"{start}?{wait}&{self.key_query}",
                },
                "managementUrls": self.management_urls(
                    INSTANCE_PLACEHOLDER, query=self._query(hub, connection), rewind=True
                ),
                "baseUrl": base,
                "requiredQueryStringParameters": self.key_query,
                "rpcBaseUrl": self.rpc_base_url,
                "httpBaseUrl": None,
            }
        )

    @functools.cached_property
    def _own_query(self) -> str:
        return self._query(self.task_hub, self.connection)

    def _query(self, hub: str, connection: str) -> str:
        return f"taskHub={quote(hub, safe='')}&connection={quote(connection, safe='')}&{self.key_query}"
