"""An app loaded into this process to replay histories against it, without leaving a trace in it.

Its modules, its settings, its folder on the import path and as the current one are in place only while a replay runs:
several apps may have modules of one name.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from types import ModuleType

from durable_harness.host.app.function_json import PACKAGE
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.sdk.generation import Generation, SdkState
from durable_harness.host.sdk_choice import generation_for, installed_generation, load_durable_app
from durable_harness.settings import AppSettings, load_app_settings
from durable_harness.settings.environment import HOSTNAME_VARIABLE

NO_HOST = "localhost:7071"
"""The URL that the app would see if a host ran."""


class ReplayedApp:
    """The app of a folder. It is loaded when first entered, and only once, within what `in_time` returns."""

    def __init__(
        self, directory: Path, in_time: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    ) -> None:
        self.directory = directory.resolve()
        self._in_time = in_time
        self._modules: dict[str, ModuleType] = {}
        self._app: FunctionApp | None = None
        self._state: SdkState | None = None

    @contextlib.contextmanager
    def loaded(self) -> Iterator[FunctionApp]:
        """Yield the app until the block ends. Raises AppLoadError or ConfigurationError if it does not load."""
        with _restored(os.environ), _restored_path(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = load_app_settings(self.directory)
            os.environ.setdefault(HOSTNAME_VARIABLE, NO_HOST)  # apps read it as they are imported
            sdk = generation_for(self.directory) if self._app is None else installed_generation()
            with contextlib.chdir(self.directory), self._own_modules(), self._own_state(sdk):
                if self._app is None:
                    self._app = self._load(settings)
                yield self._app

    def _load(self, settings: AppSettings) -> FunctionApp:
        # Only the app's own import is limited: what interrupts the check of the SDK would count as a fault of the SDK.
        with self._in_time():
            return load_durable_app(self.directory, allowed=settings.host.functions)

    @contextlib.contextmanager
    def _own_state(self, sdk: Generation) -> Iterator[None]:
        """Allow the app to register what the SDK keeps once per process, even if another app has done so."""
        before = sdk.swap_state(self._state)
        try:
            yield
        finally:
            self._state = sdk.swap_state(before)

    @contextlib.contextmanager
    def _own_modules(self) -> Iterator[None]:
        """Take loaded modules with the names of the app's own out of the way until the block ends."""
        sys.path.insert(0, str(self.directory))
        names = {path.stem for path in self.directory.iterdir() if path.suffix == ".py" or path.is_dir()} | {PACKAGE}
        others = _take_out(names)
        sys.modules.update({name: module for name, module in others.items() if self._is_own(others, name)})
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            self._modules = _take_out(names)
            sys.modules.update(others)

    def _is_own(self, modules: dict[str, ModuleType], name: str) -> bool:
        """Return whether a loaded module is the app's: one that its tests have imported already."""
        top = modules.get(name.partition(".")[0])
        places = [Path(place) for place in getattr(top, "__path__", ())] or [Path(getattr(top, "__file__", None) or "")]
        return any(place.parent == self.directory for place in places)


def _take_out(names: set[str]) -> dict[str, ModuleType]:
    """Remove modules of these names, and those below them, from the loaded ones."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}


@contextlib.contextmanager
def _restored(variables: MutableMapping[str, str]) -> Iterator[None]:
    before = dict(variables)
    try:
        yield
    finally:
        variables.clear()
        variables.update(before)


@contextlib.contextmanager
def _restored_path() -> Iterator[None]:
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before
