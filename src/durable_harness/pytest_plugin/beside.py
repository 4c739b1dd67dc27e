"""Options of plugins that the documentation uses beside this one: where one is missing, pytest's complaint says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

OPTIONS = {"xdist": ("-n", "--numprocesses", "--dist"), "pytest_cov": ("--cov",)}
"""For each module of a plugin how its options begin."""


def add_remedies(parser: pytest.Parser, args: list[str]) -> None:
    """Add the remedy to what pytest prints of an option that it does not know."""
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
