"""The emulator's variables for its task hubs, which our scheduler reads as well."""

from __future__ import annotations

DEFAULT_HUB = "default"
HUBS_VARIABLE = "DTS_TASK_HUB_NAMES"
DYNAMIC_HUBS_VARIABLE = "DTS_USE_DYNAMIC_TASK_HUBS"
