"""Where a binding leads: the queue, path or table in its settings, with the expressions in it replaced."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping

from durable_harness.documents import JsonObject
from durable_harness.host.app.functions import Function
from durable_harness.host.triggers.binding_data import data_of
from durable_harness.host.triggers.expressions import Resolved, resolve

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
SELECTING_KEYS = ("id", "partitionKey", "rowKey", "filter", "parameters")
"""Settings that choose documents and rows. They are not part of a target, but their expressions need values too."""
BRINGERS = {"httptrigger": "The request", "activitytrigger": "The input of the activity"}
"""What expressions have their values from, if that is not what a test gives to a trigger."""
SETTING = re.compile(r"%([^%\s]+)%")


def target_of(binding: Mapping[str, object]) -> str:
    """Return where a binding leads, "" if its settings name nothing. Expressions in braces are kept."""
    found = next((str(binding[key]) for key in TARGET_KEYS if binding.get(key)), "")
    return SETTING.sub(lambda match: os.environ.get(match[1], match[0]), found)


def target_for(function: Function, binding: Mapping[str, object], source: object) -> Resolved:
    """Return where a function's binding leads in an invocation. `source` is what its trigger brought."""
    target = target_of(binding)
    others = [value for key in SELECTING_KEYS if "{" in (value := str(binding.get(key) or ""))]
    data = data_of(function, source) if others or "{" in target else {}
    found, *rest = [resolve(template, data, function.name) for template in (target, *others)]
    missing = dict.fromkeys(name for one in (found, *rest) for name in one.missing)
    return Resolved(found.text, tuple(missing))


def advice_on(function: Function, missing: Iterable[str]) -> str:
    """Return what a person can do about expressions without a value, "" if there are none."""
    names = list(missing)
    if not names:
        return ""
    listed = ", ".join(f"{{{name}}}" for name in names)
    bringer = BRINGERS.get(function.trigger_type.lower())
    if bringer is not None:
        return f"{bringer} has no value for {listed}: in Azure the invocation fails."
    return (
        f"The trigger brings no value for {listed}: in Azure the invocation fails. A test can give one in its data, or"
        f" by operations.trigger(…, metadata={_example(names)})."
    )


def _example(names: Iterable[str]) -> str:
    """Return metadata with these names, those with dots nested."""
    example: JsonObject = {}
    for name in names:
        *holders, last = name.partition(":")[0].split(".")
        members = example
        for holder in holders:
            members = members.setdefault(holder, {})
            if not isinstance(members, dict):
                break
        else:
            members[last] = "…"
    return json.dumps(example, ensure_ascii=False)
