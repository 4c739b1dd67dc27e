"""The host that was given at the start: keys and headers of a service are meant for it, and for no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.target import public_url, read_host
from durable_harness.network.redirects import is_same_origin


class Home:
    """Decides which hosts the web form may choose: any, if nothing secret would go there."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def read(self, host: str | None, options: LoadOptions, user_classes: Iterable[Any]) -> str:
        """Return the base URL of a run; raise UsageError for what is no URL, or must not get what is secret."""
        base_url = read_host(host)
        if base_url in (self.base_url, public_url(self.base_url)):
            # The form shows it without the user name and password that it may have.
            return self.base_url
        secret = _secret(options, user_classes)
        if secret and not is_same_origin(base_url, self.base_url):
            raise UsageError(
                f"{public_url(base_url)} does not get {secret}: it is meant for {public_url(self.base_url)}, the host "
                "of the start. Start Locust again with the other --host."
            )
        return base_url


def _secret(options: LoadOptions, user_classes: Iterable[Any]) -> str:
    """Name what is sent to the host that may be secret; empty if nothing is."""
    if options.function_key:
        return "the function key"
    for user_class in user_classes:
        describe = getattr(user_class, "described_by", None)
        service = describe(options) if describe else None
        if service is not None and (service.start.headers or service.status.headers):
            return f"the headers of the service '{service.name}'"
    return ""
