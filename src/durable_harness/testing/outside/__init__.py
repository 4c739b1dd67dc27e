"""Outside services that a test answers for: the `durable_http` fixture."""

from durable_harness.testing.outside.request_rules import HttpCall
from durable_harness.testing.outside.services import DurableHttp, OutsideService, http_of

__all__ = ["DurableHttp", "HttpCall", "OutsideService", "http_of"]
