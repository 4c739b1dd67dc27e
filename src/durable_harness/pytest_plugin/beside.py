"""Options of other plugins that the documentation uses: if one is missing, pytest's error names its package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

OPTIONS = {"xdist": ("-n", "--numprocesses", "--dist"), "pytest_cov": ("--cov",)}
"""For each module of a plugin, the beginning of its options."""


def add_remedies(parser: pytest.Parser, args: list[str]) -> None:
    """Add the remedy to pytest's error for an unknown option."""
    for option, remedy in _missing(args):
        parser.extra_info[option] = remedy


def _missing(args: Iterable[str]) -> Iterator[tuple[str, str]]:
    for module, options in OPTIONS.items():
        asked = next((option for option in options if any(arg.startswith(option) for arg in args)), None)
        if asked is not None and (remedy := _remedy(module)):
            yield asked, remedy


def _remedy(module: str) -> str | None:
    from durable_harness.extras import EXTRAS, install_command, is_installed  # noqa: PLC0415 - most runs pay nothing

    if is_installed(module):
        return None
    return f"needs the package {EXTRAS['test'][module]}. Install it: {install_command('test')}"
