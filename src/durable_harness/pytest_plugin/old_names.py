"""The fixture `base_url`, the old name of `durable_url`: registered only where no other plugin has that name.

pytest-base-url, which pytest-playwright needs, has a session's fixture `base_url` that its own fixtures rest on. Which
of the two plugins is loaded last is chance, so ours is left out wherever that one is there.
"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

OTHER_PLUGIN = "pytest_base_url.plugin"
REGISTERED_AS = "durable_harness_old_names"


def register_old_names(config: pytest.Config) -> None:
    """Add the old names that are free."""
    plugins = config.pluginmanager.get_plugins()
    if not any(isinstance(plugin, ModuleType) and plugin.__name__ == OTHER_PLUGIN for plugin in plugins):
        config.pluginmanager.register(sys.modules[__name__], REGISTERED_AS)


@pytest.fixture(scope="module")
def base_url(durable_url: str) -> str:
    """The old name of `durable_url`. It exists only if pytest-base-url is not installed."""
    return durable_url
