"""The extras of this package: the packages of each, and the command that installs what is missing."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping

from durable_harness.errors import UsageError

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "load": {
        "locust": "locust",
        "gevent": "gevent",
        "numpy": "numpy",
        "pyarrow": "pyarrow",
        "hdrh": "hdrhistogram",
        "httptools": "httptools",
        "prometheus_client": "prometheus-client",
    },
    "otel": {
        "opentelemetry.sdk": "opentelemetry-sdk",
        "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    },
    "azure": {"durabletask.azuremanaged": "durabletask-azuremanaged", "azure.identity": "azure-identity"},
    "https": {"cryptography": "cryptography"},
    "emulator": {"testcontainers": "testcontainers"},
    "test": {"pytest": "pytest", "xdist": "pytest-xdist", "pytest_cov": "pytest-cov", "trustme": "trustme"},
    "reload": {"watchfiles": "watchfiles"},
    "debug": {"debugpy": "debugpy"},
}
"""For each extra its modules, and the package that each is in."""


class MissingExtraError(UsageError):
    """Raised when something is asked for whose packages are not installed. The message has the command that helps."""


def install_command(extra: str) -> str:
    """Return the command that installs an extra; its quotes are those that every shell takes, Windows' included."""
    return f'pip install "durable-harness[{extra}]"'


def missing_text(what: str, package: str, extra: str) -> str:
    """Return what is missing for a command, an option or a setting, and how to install it."""
    return f"{what} needs the package {package}, which is not installed.\n  Install it: {install_command(extra)}"


def require(extra: str, what: str) -> None:
    """Raise MissingExtraError unless all packages of an extra are installed. Nothing is imported."""
    for module, package in EXTRAS[extra].items():
        if not is_installed(module):
            raise MissingExtraError(missing_text(what, package, extra))


@contextlib.contextmanager
def importing(extra: str, what: str) -> Iterator[None]:
    """Raise MissingExtraError if an import of packages of this extra fails in the block."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = error.name or ""
        raise MissingExtraError(missing_text(what, _package_of(module, extra) or module, extra)) from None


@contextlib.contextmanager
def naming_extras(what: str) -> Iterator[None]:
    """Raise MissingExtraError if any import in the block fails because of a package that an extra has."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = next((extra for extra in EXTRAS if _package_of(error.name or "", extra)), None)
        if extra is None:
            raise
        with importing(extra, what):
            raise


def _package_of(module: str, extra: str) -> str | None:
    return next((package for name, package in EXTRAS[extra].items() if f"{module}.".startswith(f"{name}.")), None)


def is_installed(module: str) -> bool:
    """Return whether a module can be found. It is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False
