"""The attributes that a scenario may set, from the classes that define them and the check of their values."""

import inspect
import re
from typing import Any

from durable_harness.load import ArrivalUser
from durable_harness.load.scenario.attributes import ATTRIBUTES
from durable_harness.load.scenario.described_scenario import DescribedScenario
from reference_pages.markdown import plain, table

ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
"""One attribute of the section `Attributes:` of a docstring."""


def write() -> str:
    """Return a table of the attributes, with what each may be and its default."""
    rows = [
        (f"`{name}`", plain(meaning), plain(ATTRIBUTES[name][1]), _default(of, name))
        for of in (DescribedScenario, ArrivalUser)
        for name, meaning in attributes_of(of).items()
    ]
    return table(("Attribute", "Meaning", "Value", "Default"), rows)


def attributes_of(described: type[Any]) -> dict[str, str]:
    """Return the attributes that a class documents in its docstring, with their meanings."""
    section = (inspect.getdoc(described) or "").partition("\nAttributes:\n")[2]
    return {name: " ".join(meaning.split()) for name, meaning in ENTRY.findall(section)}


def _default(described: type[Any], name: str) -> str:
    value = getattr(described, name)
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
