"""These tests import modules of azure-functions-durable 1.x: where 2.x is installed they are skipped."""

import pytest

from sdk_generation import NEEDS_OTHER_SDK, SDK


class _Skipped(pytest.Module):
    """A module that is not imported."""

    def collect(self):
        pytest.skip(NEEDS_OTHER_SDK, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return _Skipped.from_parent(parent, path=module_path) if SDK == 2 else None
