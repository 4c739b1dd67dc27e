"""Methods of Python and of libraries that the host puts its own around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]  # type: ignore[explicit-any]  # of any library, which may not be installed
