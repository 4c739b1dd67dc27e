"""Which azure-functions-durable is installed, and whether it is one that this host and this app can use.

Only metadata is read. The package itself must not be imported before its generation is known.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from durable_harness.errors import UnsupportedSdkError

PACKAGE = "azure-functions-durable"
SUPPORTED = {1: ">=1.3.3,<1.8", 2: ">=2.0.0b2,<2.1"}
"""The versions that this host works with, by generation."""
ALSO_TRIED = ("0.0", "999.0")
"""Versions of a generation that stand for all in between when the app's requirement is read."""
_SDK = re.compile(r"azure[-_.]+functions[-_.]+durable(?![A-Za-z0-9])", re.IGNORECASE)
_PLAIN = re.compile(rf"{_SDK.pattern}\s*(?P<versions>[^\[\](){{}};@]*)", re.IGNORECASE)
_NAMED = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc|\.dev|\.post)\d+)*")


def installed_version() -> Version:
    """Return the installed version. Raises UnsupportedSdkError if there is none, or none that this host supports."""
    try:
        version = Version(importlib.metadata.version(PACKAGE))
    except importlib.metadata.PackageNotFoundError:
        raise UnsupportedSdkError(
            f"{PACKAGE} is not installed in this environment.\n  Install what the app needs: pip install -r"
            " requirements.txt"
        ) from None
    if not any(SpecifierSet(versions).contains(version, prereleases=True) for versions in SUPPORTED.values()):
        raise UnsupportedSdkError(
            f"{PACKAGE} {version} is installed, which this host does not support.\n"
            f"  Supported are {_supported()}. Install one: pip install '{PACKAGE}{SUPPORTED[1]}'"
        )
    return version


def check_wanted(directory: Path, version: Version) -> None:
    """Raise UnsupportedSdkError if the requirements.txt of an app excludes the installed generation of the SDK."""
    wanted = _requirement(directory / "requirements.txt")
    if wanted is None or _allows(wanted.versions, version.major):
        return
    other = next((generation for generation in SUPPORTED if _allows(wanted.versions, generation)), None)
    if other is not None:
        raise other_generation(version, other, f"requirements.txt has {wanted.line}")


def other_generation(version: Version, needed: int, reason: str) -> UnsupportedSdkError:
    """Return the error of an app that needs another generation of the SDK than the one that is installed."""
    return UnsupportedSdkError(
        f"The app needs {PACKAGE} {needed}.x ({reason}), but {version} is installed.\n"
        f"  Install the other one: pip install {_pre(needed)}'{PACKAGE}{SUPPORTED[needed]}'{_python(needed)}"
    )


def _supported() -> str:
    return " and ".join(SUPPORTED.values())


def _pre(generation: int) -> str:
    return "--pre " if SpecifierSet(SUPPORTED[generation]).prereleases else ""


def _python(generation: int) -> str:
    return " (on Python 3.13 or later)" if generation > 1 else ""


class Wanted(NamedTuple):
    """What a requirements file asks of the SDK: its line, and the versions that it allows."""

    line: str
    versions: SpecifierSet


def _requirement(file: Path) -> Wanted | None:
    """Return what a requirements file asks of the SDK in this environment, None if nothing of it can be read."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next(_requirements(lines), None)


def _requirements(lines: Iterable[str]) -> Iterator[Wanted]:
    for line in lines:
        text = re.split(r"\s(?:#|--)", line, maxsplit=1)[0].strip().removesuffix("\\").strip()
        if not _SDK.match(text):
            continue
        plain = _PLAIN.fullmatch(text)
        with contextlib.suppress(InvalidSpecifier):
            wanted = SpecifierSet(plain["versions"]) if plain else _whole_requirement(text)
            if wanted is not None:
                yield Wanted(text, wanted)


def _whole_requirement(text: str) -> SpecifierSet | None:
    """Return the versions of a requirement with extras, a marker or a URL; None if it does not count here."""
    # These parsers take longer to import than all that is read here, and few apps need them.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    is_sdk = re.sub(r"[-_.]+", "-", found.name).lower() == PACKAGE
    return found.specifier if is_sdk and (found.marker is None or found.marker.evaluate()) else None


def _allows(wanted: SpecifierSet, generation: int) -> bool:
    """Whether a requirement allows any version of a generation."""
    named = [match[0] for spec in wanted for match in _NAMED.finditer(spec.version)]
    tried = [
        *named,
        *(f"{generation}.{rest}" for rest in ALSO_TRIED),
        *(spec.version for spec in SpecifierSet(SUPPORTED[generation])),
    ]
    return any(Version(each).major == generation and wanted.contains(each, prereleases=True) for each in tried)
