"""The pytest plugin: its options, ini values, markers and fixtures, asked of pytest itself."""

import inspect
from typing import Any

from _pytest.fixtures import FixtureFunctionDefinition

from durable_harness import pytest_plugin
from durable_harness.pytest_plugin import old_names
from durable_harness.pytest_plugin.twice_option import MARKERS as TWICE_MARKERS
from reference_pages.commands import without_default
from reference_pages.markdown import directive, plain, table

OURS = "(durable-harness)"


class _Group:
    """Takes the options as pytest's parser does."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []
        self.ini: list[tuple[str, dict[str, Any]]] = []

    def getgroup(self, *_: str) -> "_Group":
        return self

    def addoption(self, flag: str, **given: Any) -> None:
        self.options.append((flag, given))

    def addini(self, name: str, text: str, **given: Any) -> None:
        self.ini.append((name, {"help": text, **given}))


def declared() -> _Group:
    """Return the options and the ini values that the plugin adds."""
    group = _Group()
    pytest_plugin.pytest_addoption(group)  # type: ignore[arg-type]
    return group


def markers() -> list[tuple[str, str]]:
    """Return each marker with what it does."""
    texts = (*pytest_plugin.MARKERS, *TWICE_MARKERS)
    return [(head, text.replace(OURS, "").strip()) for head, _, text in (marker.partition(": ") for marker in texts)]


def fixtures() -> list[tuple[str, FixtureFunctionDefinition]]:
    """Return the fixtures for users by their names, those by old names at the end."""
    found = [
        (name, value)
        for module in (pytest_plugin, old_names)
        for name, value in vars(module).items()
        if isinstance(value, FixtureFunctionDefinition) and not name.startswith("_")
    ]
    return sorted(found, key=lambda pair: (not pair[0].startswith("durable_"), pair[0]))


def write() -> str:
    """Return the sections of the page."""
    return "\n\n".join(section() for section in (_options, _ini, _markers, _fixtures))


def _options() -> str:
    lines = ["## Options", directive("program", "pytest", "")]
    for flag, given in declared().options:
        value = "" if given.get("action") == "store_true" else f" {given.get('metavar', 'VALUE')}"
        text, default = without_default(given["help"], "")
        lines.append(
            directive(
                "option",
                f"{flag}{value}",
                f"{plain(text)}\n\n" + (f"Default: `{default}`." if default not in ("", "none") else ""),
            )
        )
    return "\n\n".join(lines)


def _ini() -> str:
    rows = [
        (f"`{name}`", f"`{given['help'].partition(':')[0]}`", f"{given.get('type', 'string')}", f"`{given['default']}`")
        for name, given in declared().ini
    ]
    text = "Each option has a twin in `pytest.ini`, `pyproject.toml` and the other files that pytest reads.\n"
    return f"## Ini values\n\n{text}\n{table(('Ini value', 'Option', 'Type', 'Default'), rows)}"


def _markers() -> str:
    rows = [(f"`@pytest.mark.{head}`", plain(text)) for head, text in markers()]
    return f"## Markers\n\n{table(('Marker', 'What it does'), rows)}"


def _fixtures() -> str:
    return "\n\n".join(["## Fixtures", *(_fixture(name, fixture) for name, fixture in fixtures())])


def _fixture(name: str, fixture: FixtureFunctionDefinition) -> str:
    function = fixture._get_wrapped_function()  # noqa: SLF001 - pytest has no other way to it
    scope = fixture._fixture_function_marker.scope  # noqa: SLF001 - same
    gives = str(inspect.signature(function).return_annotation)
    gives = gives.removeprefix("Iterator[").removesuffix("]") if gives.startswith("Iterator[") else gives
    return (
        f"### {name}\n\n```python\n{name}: {gives}\n```\n\nScope: {scope}.\n\n{plain(inspect.getdoc(function) or '')}"
    )
