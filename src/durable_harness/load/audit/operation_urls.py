"""The URLs of one operation, from which those of the others follow: as a rule they differ only in the id.

Where they do not, as with a Location that hides the id, the URL of each operation is kept.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from durable_harness.network.redirects import is_same_origin
from durable_harness.operations import Operation

LISTING = re.compile(r"(?P<listing>/.*durabletask/instances)/[^/]+(/terminate)?")
ORIGIN = re.compile(r"\w+://[^/?#]*")
NOT_FOR_LISTING = frozenset({"reason"})
MOST_KEPT_CHARS = 64 * 1024 * 1024
"""Of URLs and ids that a process keeps; some 500,000 operations."""
ENCODINGS: tuple[Callable[[str], str], ...] = (functools.partial(quote, safe=""), quote, str)
"""How services write an id in a URL."""


@dataclass(frozen=True, slots=True)
class OperationUrls:
    """The URLs of an operation that was accepted. They may carry keys: never show them."""

    scenario: str
    instance_id: str | None
    status_url: str
    """As the answer to the start gave it."""
    terminate_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """To be sent with requests of a status at the home of the run."""
    webhook_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The same without a function key, which would win over the key in the URL of a durable webhook."""
    home: str = ""
    """Where operations are started: no other origin gets the headers."""
    token: str = ""
    worker: str = ""
    """The process that followed the operation."""
    urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Status URLs of other operations, where they differ by more than the id, by the operations' keys."""
    not_kept: int = 0
    """How many such URLs were too many to keep."""

    @classmethod
    def of(cls, operation: Operation) -> OperationUrls | None:
        """Return those of an operation that was accepted, None for any other."""
        url, record, home = operation.first_status_url, operation.record, operation.plan.start_url
        if url is None:
            return None
        return cls(
            *(record.scenario, record.instance_id, url, operation.terminate_url),
            headers=dict(operation.status_headers),
            webhook_headers=dict(operation.plan.service.status.headers),
            home=home,
            token=record.token,
        )

    @property
    def origin(self) -> str:
        """Scheme and address of the host that operations are started at."""
        home = urlsplit(self.home or self.status_url)
        return f"{home.scheme}://{home.netloc}"

    @property
    def key(self) -> str:
        """The key of the operation in the audit: a service may give it no id."""
        return self.instance_id or self.token

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

    def status_url_of(self, key: str, instance_id: str | None) -> str | None:
        """Return the status URL of an operation; None if it was not kept, and does not follow from the id."""
        if key in self.urls:
            return self.urls[key]
        if key == self.key:
            return self.status_url
        if instance_id is None or self.instance_id is None:
            return None
        template = _template_of(self.status_url, self.instance_id)
        return None if template is None else template.url_of(instance_id)

    def headers_for(self, url: str) -> Mapping[str, str]:
        """Return the headers for a request of a status."""
        return self.headers if self._is_at_home(url) else {}

    def headers_for_webhook(self, url: str) -> Mapping[str, str]:
        """Return the headers for a request to a durable webhook: the listing, a history."""
        return self.webhook_headers if self._is_at_home(url) else {}

    def _is_at_home(self, url: str) -> bool:
        return not self.home or is_same_origin(url, self.home)

    def to_wire(self) -> dict[str, Any]:
        """Return a value of plain types that `OperationUrls(**wire)` turns into an equal one."""
        return asdict(self)


class _Template(NamedTuple):
    """A URL without the id that it has."""

    parts: tuple[str, ...]
    encode: Callable[[str], str]

    def url_of(self, instance_id: str) -> str:
        return self.encode(instance_id).join(self.parts)


@functools.lru_cache(maxsize=1024)
def _template_of(url: str, instance_id: str) -> _Template | None:
    """Find an id in a URL, rather as a whole step of the path or a value of the query than as a part of one."""
    origin = ORIGIN.match(url)
    beginning, rest = (origin[0], url[origin.end() :]) if origin else ("", url)
    for encode in ENCODINGS:
        own = re.escape(encode(instance_id))
        for pattern in (rf"(?<=[/=]){own}(?=[/?&#]|$)", own):
            first, *others = re.split(pattern, rest)
            if others:
                return _Template((beginning + first, *others), encode)
    return None


class Addresses:
    """Collects the operations of a process as they end, and keeps as little as is needed for the URL of each."""

    def __init__(self, worker: str = "") -> None:
        self._worker = worker
        self._samples: dict[str, OperationUrls] = {}
        self._urls: dict[str, dict[str, str]] = {}
        self._chars = 0
        self._not_kept: Counter[str] = Counter()

    def note(self, operation: Operation) -> None:
        """Take an operation that has ended; only one that was accepted is anywhere."""
        # The generator waits meanwhile: of all but the first operation of a scenario, look at its URL alone.
        record, url = operation.record, operation.first_status_url
        sample = self._samples.get(record.scenario)
        if sample is None:
            if (where := OperationUrls.of(operation)) is not None:
                self._samples[record.scenario] = where
        elif url is not None:
            key = record.instance_id or record.token
            if sample.status_url_of(key, record.instance_id) != url:
                self._keep(record.scenario, key, url)

    def _keep(self, scenario: str, key: str, url: str) -> None:
        self._chars += len(key) + len(url)
        if self._chars > MOST_KEPT_CHARS:
            self._not_kept[scenario] += 1
        else:
            self._urls.setdefault(scenario, {})[key] = url

    def samples(self) -> list[OperationUrls]:
        """Return the URLs of one operation of each scenario."""
        return [replace(sample, worker=self._worker) for sample in self._samples.values()]

    def all(self) -> list[OperationUrls]:
        """Return the same with what was kept of the others."""
        return [
            replace(sample, urls=self._urls.get(sample.scenario, {}), not_kept=self._not_kept[sample.scenario])
            for sample in self.samples()
        ]
