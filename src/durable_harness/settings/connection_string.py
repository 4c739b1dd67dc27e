"""The connection string of a Durable Task Scheduler: `Endpoint=…;Authentication=…;TaskHub=…`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from durable_harness.errors import ConfigurationError

AUTHENTICATION_TYPES = (
    "None",
    "DefaultAzure",
    "ManagedIdentity",
    "WorkloadIdentity",
    "Environment",
    "AzureCLI",
    "AzurePowerShell",
    "VisualStudioCode",
    "InteractiveBrowser",
)
EXAMPLE = "Endpoint=http://localhost:8080;Authentication=None"


@dataclass(frozen=True)
class SchedulerAddress:
    """Where a scheduler is and how to sign in. `authentication` is spelled as in AUTHENTICATION_TYPES."""

    endpoint: str
    authentication: str
    task_hub: str | None = None
    client_id: str | None = None
    tenant_id: str | None = None
    token_file_path: str | None = None
    additionally_allowed_tenants: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Return `host:port` for gRPC."""
        parts = urlsplit(self.endpoint)
        return f"{parts.hostname}:{parts.port or (443 if self.secure else 80)}"

    @property
    def secure(self) -> bool:
        return self.endpoint.startswith("https://")


def parse_connection_string(text: str, *, where: str, key: str) -> SchedulerAddress:
    """Return the address that a connection string gives; errors name `where` and `key`, which the user has to correct.

    Keys are read in any case, spaces around keys and values are dropped, of a key given twice the last counts.
    """
    values = _read_pairs(text, where, key)
    for needed in ("endpoint", "authentication"):
        if not values.get(needed):
            raise ConfigurationError(
                where, key, f"the connection string has no {needed.capitalize()}.", f"An example: {EXAMPLE}"
            )
    return SchedulerAddress(
        endpoint=_endpoint(values["endpoint"], where, key),
        authentication=_authentication(values["authentication"], where, key),
        task_hub=values.get("taskhub") or None,
        client_id=values.get("clientid") or None,
        tenant_id=values.get("tenantid") or None,
        token_file_path=values.get("tokenfilepath") or None,
        additionally_allowed_tenants=tuple(
            tenant.strip() for tenant in values.get("additionallyallowedtenants", "").split(",") if tenant.strip()
        ),
    )


def _read_pairs(text: str, where: str, key: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, separator, value = part.partition("=")
        if not separator:
            raise ConfigurationError(
                where, key, f"'{part.strip()}' in the connection string is not key=value.", f"An example: {EXAMPLE}"
            )
        values[name.strip().lower()] = value.strip()
    return values


def _endpoint(value: str, where: str, key: str) -> str:
    endpoint = value if "://" in value else f"https://{value}"
    parts = urlsplit(endpoint)
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            where, key, f"Endpoint={value} is not an http or https address with a host.", f"An example: {EXAMPLE}"
        )
    return endpoint


def _authentication(value: str, where: str, key: str) -> str:
    for known in AUTHENTICATION_TYPES:
        if value.lower() == known.lower():
            return known
    raise ConfigurationError(
        where, key, f"Authentication={value} is not supported.", f"Use one of: {', '.join(AUTHENTICATION_TYPES)}."
    )
