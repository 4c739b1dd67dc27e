"""Where the server tells of one operation, and so of the others: URLs differ by the id alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from durable_harness.operations import Operation

LISTING = re.compile(r"(?P<listing>/.*durabletask/instances)/[^/]+(/terminate)?")
NOT_FOR_LISTING = frozenset({"reason"})


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The URLs of an operation that was accepted. They may carry keys: never show them."""

    scenario: str
    instance_id: str
    status_url: str
    terminate_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """To be sent with requests of `status_url`."""

    @classmethod
    def of(cls, operation: Operation) -> Whereabouts | None:
        """Return those of an operation that was accepted with an id, None for any other."""
        record = operation.record
        if record.instance_id is None or operation.first_status_url is None:
            return None
        return cls(
            *(record.scenario, record.instance_id, operation.first_status_url, operation.terminate_url),
            headers=dict(operation.poll_headers),
        )

    def listing_url(self, **query: str) -> str | None:
        """Return the URL of the durable webhooks' paged query; None if the service has none."""
        for url in (self.status_url, self.terminate_url):
            parts = urlsplit(url or "")
            match = LISTING.fullmatch(parts.path)
            if match:
                kept = {key: value for key, value in parse_qsl(parts.query) if key not in NOT_FOR_LISTING}
                return urlunsplit(parts._replace(path=match["listing"], query=urlencode({**kept, **query})))
        return None

    def history_url(self, instance_id: str) -> str | None:
        """Return the URL of another operation's history; None if the service has no durable webhooks."""
        listing = self.listing_url(showHistory="true", showInput="false")
        if listing is None:
            return None
        parts = urlsplit(listing)
        return urlunsplit(parts._replace(path=f"{parts.path}/{quote(instance_id, safe='')}"))

    def status_url_of(self, instance_id: str) -> str | None:
        """Return the status URL of another operation; None if the URL does not show how it depends on the id."""
        own = quote(self.instance_id, safe="")
        parts = urlsplit(self.status_url)
        if own not in parts.path:
            return None
        return urlunsplit(parts._replace(path=parts.path.replace(own, quote(instance_id, safe=""))))

    def to_wire(self) -> dict[str, Any]:
        """Return a value of plain types that `Whereabouts(**wire)` turns into an equal one."""
        return asdict(self)
