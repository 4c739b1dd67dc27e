"""The generation of azure-functions-durable that is installed, and apps loaded with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from durable_harness.collection import resting_collector
from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.loading import load_app
from durable_harness.host.sdk.generation import Generation
from durable_harness.host.sdk.installed import check_wanted, installed_version, other_generation
from durable_harness.host.sdk.needed import needed_generation, takes_input
from durable_harness.rpc.choice import begin_check
from durable_harness.settings.environment import without_host_json


def installed_generation() -> Generation:
    """Return the installed generation of the SDK. Raises UnsupportedSdkError if this host does not support it."""
    if installed_version().major == 1:
        with without_host_json(), resting_collector():
            from durable_harness.host.sdk1.generation import Sdk1  # noqa: PLC0415 - imports what exists in 1.x only

        return Sdk1()
    begin_check()
    with resting_collector():
        from durable_harness.host.sdk2.generation import Sdk2  # noqa: PLC0415 - imports what exists in 2.x only

    return Sdk2()


def generation_for(directory: Path) -> Generation:
    """Return the installed generation, checked to work. Raises UnsupportedSdkError if an app needs another one."""
    check_wanted(directory, installed_version())
    generation = installed_generation()
    generation.check()
    return generation


def load_durable_app(
    directory: Path, only: Collection[str] | None = None, allowed: Collection[str] | None = None
) -> FunctionApp:
    """Load an app by `load_app`. Raises UnsupportedSdkError where it fails as it is written for another generation."""
    try:
        app = load_app(directory, only, allowed)
    except AppLoadError as error:
        version = installed_version()
        needed = needed_generation(error, version.major)
        if needed is None:
            raise
        raise other_generation(version, needed.generation, f"it uses {needed.name}:\n  {error}\n ") from error
    _check_parameters(app)
    return app


def _check_parameters(app: FunctionApp) -> None:
    """Raise UnsupportedSdkError for functions in durabletask's own form, which SDK 1.x calls without an input."""
    if app.is_passthrough:
        return
    for function in (*app.orchestrators.values(), *app.entities.values()):
        if takes_input(function.call):
            reason = f"its function {function.name} takes two parameters, context and input"
            raise other_generation(installed_version(), 2, reason)
