"""The extras as the package declares them, and as its messages name them."""

import re
import tomllib
from pathlib import Path

import pytest

from durable_harness.extras import EXTRAS, MissingExtraError, importing, naming_extras, require

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
DECLARED = PROJECT["optional-dependencies"]
NOT_FOR_USERS = {"sdk1", "sdk2", "build", "dev", "docs", "all"}


def names(requirements):
    return {re.match(r"[\w.-]+", one)[0] for one in requirements}


def test_every_extra_is_known_with_its_packages():
    """What messages name is what installing the extra brings."""
    assert DECLARED.keys() - NOT_FOR_USERS == EXTRAS.keys()
    for extra, modules in EXTRAS.items():
        assert names(DECLARED[extra]) | {"gevent"} >= set(modules.values())  # gevent comes with Locust
        assert names(DECLARED[extra]) <= set(modules.values()), extra


def test_all_is_every_extra_for_users():
    """The extra `all` has every other one, but for those that choose an SDK or are for work on this package."""
    (requirement,) = DECLARED["all"]
    assert set(re.search(r"\[(.+)]", requirement)[1].split(",")) == EXTRAS.keys()


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_missing_package_is_found_out(monkeypatch, extra):
    """An extra lacks something if any of its modules is missing; the message has its package and the command."""
    for module, package in EXTRAS[extra].items():
        monkeypatch.setattr("durable_harness.extras.is_installed", lambda name, missing=module: name != missing)
        with pytest.raises(MissingExtraError, match=f"x needs the package {package}, which is not installed") as error:
            require(extra, "x")
        assert str(error.value).endswith(f'pip install "durable-harness[{extra}]"')
        assert error.value.exit_code == 2


def test_a_failing_import_names_the_package_of_the_module():
    """The module's name is not always the package's."""
    with pytest.raises(MissingExtraError, match="the package hdrhistogram,"), importing("load", "x"):
        raise ModuleNotFoundError("No module named 'hdrh.histogram'", name="hdrh.histogram")
    with pytest.raises(MissingExtraError, match=r"durable-harness\[emulator\]"), naming_extras("x"):
        raise ModuleNotFoundError("No module named 'testcontainers.core'", name="testcontainers.core")


def test_a_module_of_no_extra_is_foreign():
    """An import that fails for another reason is not explained away."""
    with pytest.raises(ModuleNotFoundError, match="made_up"), naming_extras("x"):
        raise ModuleNotFoundError("No module named 'made_up'", name="made_up")
