"""What the SDK does again for each client and could do once.

Every call of a function with a client makes a client. Each of these reads the SDK's own version from the disk, which
takes longer than the rest of a start.
"""

from __future__ import annotations

import functools
import importlib.metadata

from azure.durable_functions.internal import azurefunctions_grpc_interceptor


def read_version_once() -> None:
    """Make the SDK's clients keep the version that the first of them has read."""
    if getattr(azurefunctions_grpc_interceptor, "version", None) is importlib.metadata.version:
        azurefunctions_grpc_interceptor.version = functools.cache(importlib.metadata.version)
