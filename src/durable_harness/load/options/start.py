"""How operations start, from the options that load runs, `ab` and `capacity` share."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durable_harness.load.options import shared_options
from durable_harness.load.options.declared_option import declared, read_fields
from durable_harness.network.redirects import secrets_of
from durable_harness.operations import ServiceDescription
from durable_harness.wording.foreign_text import hide


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of the request that starts an operation; what they leave open is decided elsewhere."""

    path: str | None = declared(shared_options.START_PATH)
    method: str | None = declared(shared_options.START_METHOD)
    payload: Any = declared(shared_options.PAYLOAD)
    """JSON in which `{token}`, `{duration}` and `{number}` are filled in; None if it is not given."""
    event: tuple[str, Any] | None = declared(shared_options.RAISE_EVENT)
    """The name of an event, and its data, to raise for every operation once it is accepted."""
    headers: Mapping[str, str] = declared(shared_options.HEADERS, in_repr=False)
    found_path: str | None = None
    """The path of the app's only starter. It counts if neither an option nor the scenario names a path."""
    found_method: str | None = None
    """Its method, which belongs to that path alone."""

    @classmethod
    def read(cls, parsed: argparse.Namespace) -> StartOptions:
        """Return the typed options; raise ArgumentTypeError, which names the option, for an unusable value."""
        start = cls(
            **read_fields(cls, parsed),
            found_path=getattr(parsed, FOUND_PATH, None),
            found_method=getattr(parsed, FOUND_METHOD, None),
        )
        hide(secrets_of(start.headers))
        return start

    def path_for(self, own: str | None, default: str) -> str:
        """Return where operations start: a given path, or else that of the app's starter."""
        return self.path or own or self.found_path or default

    def method_for(self, own_path: str | None, own_method: str | None, default: str) -> str:
        """Return the method of the start: that of the app's starter only if its path is used."""
        is_found = self.path is None and own_path is None and self.found_path is not None
        return self.method or own_method or (self.found_method if is_found else None) or default

    def on(self, service: ServiceDescription) -> ServiceDescription:
        """Return a service with these options; without a path in them, `path_for` decides it."""
        start, status = service.start, service.status
        headers = {**start.headers, **self.headers}
        return dataclasses.replace(
            service,
            start=dataclasses.replace(
                start,
                path=self.path or start.path,
                method=self.method or start.method,
                body=start.body if self.payload is None else self.payload,
                headers=headers,
            ),
            status=dataclasses.replace(status, headers={**status.headers, **self.headers}),
        )


FOUND_PATH, FOUND_METHOD = "found_start_path", "found_start_method"
"""The attributes of parsed options in which a starter that was found travels to the workers."""


def as_plain_text(payload: Any) -> str:
    """Return a payload as the option's text, for a process that cannot read the file."""
    return "" if payload is None else json.dumps(payload)
