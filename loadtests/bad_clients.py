"""Bad clients: malformed starts and unknown ids among good operations: to refuse them must cost little."""

import json
from random import Random
from typing import NamedTuple

from durable_harness.load import Arrival, ArrivalUser, ScenarioOption, read_share
from durable_harness.operations import Request

SHARE = ScenarioOption("--bad-share", read_share, "0.3", "Share of the arrivals that are bad requests, 0 to 1.")

REFUSED = frozenset({400, 413, 422})
UNKNOWN = frozenset({401, 404})
"""A webhook may want a key before it says that it does not know an id."""


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
    other than the sample.
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

    def bad_requests(self) -> list[BadRequest]:
        """Return what bad clients send."""
        start = self.described.start
        bodies = {
            "no JSON": b'{"operation_type": ',
            "no object": b"[1, 2, 3]",
            "wrong type": json.dumps({"operation_type": 7}).encode(),
            "out of range": json.dumps({"duration": -1}).encode(),
            "not a number": b'{"duration": NaN}',
        }
        webhook = f"/runtime/webhooks/durabletask/instances/{self.unknown_id}"
        return [
            *(BadRequest(f"start: {name}", start.method, start.path, REFUSED, body) for name, body in bodies.items()),
            BadRequest("status: unknown id", "GET", f"/api/status/{self.unknown_id}", UNKNOWN),
            BadRequest("terminate: unknown id", "POST", f"{webhook}/terminate", UNKNOWN),
        ]
