"""Bad clients: malformed starts and unknown ids among good operations: to refuse them must cost little."""

import json
from random import Random
from typing import NamedTuple

from durable_harness.load import Arrival, ArrivalUser, ScenarioOption, read_share
from durable_harness.operations import Request, ServiceDescription, UrlKind, durable_webhooks

SHARE = ScenarioOption("--bad-share", read_share, "0.3", "Share of the arrivals that are bad requests, 0 to 1.")

REFUSED = frozenset({400, 413, 422})
UNKNOWN = frozenset({401, 404})
"""A webhook may want a key before it answers that it does not know an id."""


class BadRequest(NamedTuple):
    """What a bad client sends, and the HTTP codes that are right answers to it."""

    name: str
    method: str
    path: str
    expected: frozenset[int]
    body: bytes | None = None


class BadClients(ArrivalUser):
    """The bad requests have rows of their own in Locust's table and are in no latency of the operations.

    Any other answer than a refusal is an unexpected answer, which the gates forbid. Override `bad_requests` for an app
    other than the sample; to a service that `--service` describes goes what any JSON API must refuse.
    """

    is_poisson = True
    unknown_id = "no-such-operation"

    def arrive(self, arrival: Arrival) -> None:
        random = arrival.random()
        if random.random() < SHARE.of(self):
            self.misbehave(random, arrival)
        else:
            self.start_operation(arrival)

    def misbehave(self, random: Random, arrival: Arrival) -> None:
        """Send one of the bad requests at the arrival's moment."""
        bad = random.choice(self.bad_requests())
        headers = {"Content-Type": "application/json", **self.key_headers}
        request = Request(bad.method, f"{self.host}{bad.path}", headers, bad.body)
        self.send_expecting(request, f"bad {bad.name}", bad.expected, arrival.intended)

    @classmethod
    def check_service(cls, service: ServiceDescription) -> str | None:
        if cls.bad_requests is not BadClients.bad_requests or cls.is_durable(service) or cls.status_paths(service):
            return None
        return (
            f"the service '{service.name}' has no route that an unknown id could be asked for at. Name it last in "
            '[start], status_url = ["header:Location", "path:/reports/{id}"], or override bad_requests.'
        )

    def bad_requests(self) -> list[BadRequest]:
        """Return what bad clients send: to a service of another kind only what any JSON API must refuse."""
        start = self.described.start
        bodies = {"no JSON": b'{"operation_type": ', "no object": b"[1, 2, 3]"}
        if self.is_durable(self.described):
            bodies |= {
                "wrong type": json.dumps({"operation_type": 7}).encode(),
                "out of range": json.dumps({"duration": -1}).encode(),
                "not a number": b'{"duration": NaN}',
            }
        starts = [
            BadRequest(f"start: {name}", start.method, start.path, REFUSED, body) for name, body in bodies.items()
        ]
        return [*(starts if start.method != "GET" else ()), *self.unknown_ids()]

    def unknown_ids(self) -> list[BadRequest]:
        """Return requests about an operation that does not exist."""
        if not self.is_durable(self.described):
            paths = [path.replace("{id}", self.unknown_id) for path in self.status_paths(self.described)]
            return [BadRequest("status: unknown id", "GET", path, UNKNOWN) for path in paths]
        webhook = f"/runtime/webhooks/durabletask/instances/{self.unknown_id}"
        return [
            BadRequest("status: unknown id", "GET", f"/api/status/{self.unknown_id}", UNKNOWN),
            BadRequest("terminate: unknown id", "POST", f"{webhook}/terminate", UNKNOWN),
        ]

    @staticmethod
    def is_durable(service: ServiceDescription) -> bool:
        """Return whether the service is a durable app, with the routes of the sample and the durable webhooks."""
        return service.terminate == durable_webhooks().terminate

    @staticmethod
    def status_paths(service: ServiceDescription) -> list[str]:
        """Return the routes of a status that a description makes from an id."""
        sources = service.start.status_url
        return [source.value for source in sources if source.kind is UrlKind.PATH and "{id}" in source.value]
