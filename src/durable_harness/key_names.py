"""How keys are passed from process to process: by these headers, and by this variable."""

from __future__ import annotations

FUNCTION_KEY_HEADER = "x-functions-key"
"""Carries a key of a Functions host, ours and Azure's."""
FUNCTION_KEY_VARIABLE = "DURABLE_HARNESS_FUNCTION_KEY"
"""Holds the key of all functions of a host: a host of ours takes it from here, and so do the commands that call one."""
CONTROL_KEY_HEADER = "x-control-key"
"""Carries the secret of a process that a test controls."""
