"""The blob that a blob trigger fires for: its path, and the parts of it that the trigger's own path names."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.triggers.expressions import captured, resolve
from durable_harness.host.triggers.targets import SETTING, target_of


def blob_metadata(trigger: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Return metadata that a person gives, with the blob's path and its parts. One follows from the other.

    Raises UnusableValueError for a path that the trigger's does not fit: in Azure the function does not run for it.
    """
    pattern = target_of(trigger)
    path = _given_path(given)
    if path is None:
        whole = resolve(pattern, given, "")
        return _at(whole.text, given) if "/" in pattern and not whole.missing else dict(given)
    parts = _parts(pattern, path) if pattern else {}
    if parts is None:
        raise UnusableValueError(
            f"the blob '{path}' does not fit the trigger's path '{pattern}', so the function would not run for it."
            " Expected a path with the container, CONTAINER/BLOB"
        )
    return {**parts, **_at(path, given)}


def _at(path: str, given: Mapping[str, object]) -> dict[str, object]:
    return {"Uri": f"http://localhost/{path}", **given, "BlobTrigger": path}


def _given_path(given: Mapping[str, object]) -> str | None:
    """Return the path that is given as such, or as a URL."""
    if given.get("BlobTrigger"):
        return str(given["BlobTrigger"]).lstrip("/")
    if not given.get("Uri"):
        return None
    try:
        return unquote(urlsplit(str(given["Uri"])).path).lstrip("/")
    except ValueError as error:
        raise UnusableValueError(f"metadata 'Uri': {given['Uri']!r} is not a URL: {error}") from error


def _parts(pattern: str, path: str) -> dict[str, str] | None:
    """A container's name has no slash, so container and blob are matched each for itself."""
    pattern = SETTING.sub("{?}", pattern)  # a setting that is not set may be any name
    container, _, blob = path.partition("/")
    container_pattern, slash, blob_pattern = pattern.partition("/")
    found = captured(container_pattern, container)
    rest = captured(blob_pattern, blob) if slash and blob_pattern else {}
    return None if found is None or rest is None or not blob else {**found, **rest}
