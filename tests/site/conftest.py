"""The site, built once for the tests of a process as `make docs` builds it."""

from pathlib import Path

import pytest
from sites import BUILD_S, ROOT, Site, build


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site of the pages as they are."""
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return Site(out)


def pytest_collection_modifyitems(items):
    """Extend the limit of the first test of a process, which builds the site."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(BUILD_S + 100))
