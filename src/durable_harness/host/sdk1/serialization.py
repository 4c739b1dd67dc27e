"""Values of the app as JSON: the functions that azure-functions has for it, which any 1.x of the SDK reads and writes.

azure-functions-durable passes the same two on since 1.6. Before, it had only the hooks for custom objects, as
azure-functions 2.0 and 2.1 have; the text is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from azure.functions import _durable_functions as functions_of_azure


def _dumps(value: object) -> str:
    return json.dumps(value, default=functions_of_azure._serialize_custom_object)


def _loads(text: str) -> object:
    return json.loads(text, object_hook=functions_of_azure._deserialize_custom_object)


df_dumps: Callable[[object], str] = getattr(functions_of_azure, "df_dumps", _dumps)
df_loads: Callable[[str], object] = getattr(functions_of_azure, "df_loads", _loads)
