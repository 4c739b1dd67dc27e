"""How payloads are written: the encodings that azure-functions-durable and its clients put on the wire.

An input that the SDK's client, a sub-orchestration or continue-as-new sends is a JSON string that contains JSON text;
one that came through the public webhooks is plain JSON. Both are stored as they came.
"""

from __future__ import annotations

import contextlib
import json

from durable_harness.protocol import MAX_JSON_DEPTH, is_too_deep


def wrap_json(text: str) -> str:
    """Return JSON text as a JSON string, the way it is stored for whatever the SDK itself starts."""
    return json.dumps(text)


def unwrap_json(stored: str | None) -> str | None:
    """Return the JSON text that user code is to decode: the content of a JSON string that holds JSON, else the text.

    A single-encoded string whose content happens to be JSON cannot be distinguished from a double-encoded value; it is
    read as a double-encoded one.
    """
    if stored is None:
        return None
    try:
        value = json.loads(stored)
    except (ValueError, RecursionError):
        return json.dumps(stored)
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(value)
            return value
    return stored


def entity_input(stored: str | None) -> str:
    """Return an operation's input as the SDK's entity context expects it: a JSON string that contains JSON text."""
    if stored is None:
        return "null"
    text = unwrap_json(stored)
    return "null" if text is None or text == "null" else wrap_json(text)


def parse_or_text(stored: str | None) -> object:
    """Return stored text as the JSON value it is; as text if it is not JSON, or nested deeper than can be written."""
    if stored is None:
        return None
    if not stored.strip():
        return ""
    if len(stored) > MAX_JSON_DEPTH and is_too_deep(stored):  # shorter text has too few brackets
        return stored
    try:
        return json.loads(stored)
    except (ValueError, RecursionError):
        return stored
