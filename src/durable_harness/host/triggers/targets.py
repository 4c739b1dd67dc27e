"""Where a binding leads: the queue, path or table in its settings, with the expressions in it replaced."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from durable_harness.host.payloads import parse_or_text

TARGET_KEYS = (
    "queueName",
    "topicName",
    "path",
    "eventHubName",
    "containerName",
    "collectionName",
    "tableName",
    "topic",
    "commandText",
    "topicEndpointUri",
    "hubName",
)
SETTING = re.compile(r"%([^%\s]+)%")
EXPRESSION = re.compile(r"\{([^{}]+)\}")
MADE_UP: Mapping[str, Callable[[], str]] = {
    "rand-guid": lambda: str(uuid.uuid4()),
    "sys.randguid": lambda: str(uuid.uuid4()),
    "datetime": lambda: datetime.now(UTC).isoformat(timespec="seconds"),
    "sys.utcnow": lambda: datetime.now(UTC).isoformat(timespec="seconds"),
}


def target_of(binding: Mapping[str, Any]) -> str:
    """Return where a binding leads, "" if its settings name nothing. Expressions in braces are kept."""
    found = next((str(binding[key]) for key in TARGET_KEYS if binding.get(key)), "")
    return SETTING.sub(lambda match: os.environ.get(match[1], match[0]), found)


def resolved(target: str, trigger_parameter: str, trigger_value: Any) -> str:
    """Replace the expressions of a target by what the trigger brought; one that is not known stays as it is."""
    if "{" not in target:
        return target
    known = _known(trigger_parameter, trigger_value)

    def replacement(match: re.Match[str]) -> str:
        name = match[1].lower()
        made_up = MADE_UP.get(name.partition(":")[0])
        return made_up() if made_up else str(known.get(name, match[0]))

    return EXPRESSION.sub(replacement, target)


def matches(pattern: str, target: str) -> bool:
    """Return whether a target is one that a binding's settings, with expressions, may lead to."""
    parts = EXPRESSION.split(pattern)[::2]
    return re.fullmatch(".+".join(re.escape(part) for part in parts), target, re.IGNORECASE) is not None


def _known(parameter: str, value: Any) -> dict[str, Any]:
    """Return the members of what a trigger brought by their names in lower case, those of nested objects dotted."""
    body = _body(value)
    known = _flat(body, "") if isinstance(body, dict) else {}
    if isinstance(body, str):
        known[parameter.lower()] = body
    known |= {name.lower(): item for name, item in (getattr(value, "route_params", None) or {}).items()}
    if isinstance(getattr(value, "name", None), str):  # a blob
        known |= {"blobtrigger": value.name, "name": value.name.rpartition("/")[2]}
    return known


def _body(value: Any) -> Any:
    get_body = getattr(value, "get_body", None)
    body = get_body() if callable(get_body) else value
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        return parse_or_text(body) if body.strip() else body
    return body


def _flat(members: Mapping[str, Any], before: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in members.items():
        path = f"{before}{name}".lower()
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat
