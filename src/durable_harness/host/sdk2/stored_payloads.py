"""Payloads that an app of SDK 2.x keeps in a store of its own: histories have references in their place."""

from __future__ import annotations

import sys
from typing import TypeVar

from azure.durable_functions.internal import payloads
from durabletask.payload import deexternalize_payloads
from google.protobuf.message import Message

from durable_harness.errors import UsageError
from durable_harness.host.sdk.generation import SdkState
from durable_harness.protocol import copy_of, pb

EXPORT_MODULE = "azure.durable_functions.internal.history_export_compat"
M = TypeVar("M", bound=Message)


def with_payloads(message: M) -> M:
    """Return a message with its payloads instead of references; itself if the app has no store for them."""
    store = payloads.get_transport_payload_store()
    if store is None:
        return message
    whole = copy_of(message)
    try:
        deexternalize_payloads(whole, store)
        if isinstance(whole, pb.OrchestratorRequest):
            payloads.hydrate_entity_request(whole, store)
    except Exception as error:
        raise UsageError(f"The app's payload store does not have what the history refers to: {error}") from error
    return whole


def swap_state(state: SdkState | None) -> SdkState:
    """Put in the store and the writer that an app gave the SDK for its process; return those of the app before."""
    export = sys.modules.get(EXPORT_MODULE)  # imported by apps that export histories, which few do
    before = (payloads._payload_store, export and export._export_writer)
    payloads._payload_store, writer = state or (None, None)
    if export is not None:
        export._export_writer = writer  # type: ignore[attr-defined]
    return before
