"""Briefs at an even rate. Serve the app with `BRIEFS_MODEL=rehearsed`: the load is for the app, not for the model."""

from typing import Any

from durable_harness.load import ArrivalUser


class Briefs(ArrivalUser):
    """Each brief has a topic of its own, which must be what its text is about."""

    start_path = "/api/briefs"

    def payload(self, token: str) -> Any:
        return {"topic": f"topic {token}"}

    def check_output(self, sent: Any, output: Any) -> str | None:
        if output["state"] != "accepted":
            return f"the brief is {output['state']}"
        return None if sent["topic"] in output["brief"] else "the brief is about another topic"
