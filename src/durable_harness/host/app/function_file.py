"""One `function.json` as checked values. Whatever is wrong with it is named with folder, key and line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from durable_harness.errors import AppLoadError, ConfigurationError
from durable_harness.host.app.models import FUNCTION_FILE
from durable_harness.host.app.retries import FIXED, RetryPolicy, read_policy, retry_problem
from durable_harness.settings.json_file import read_json_object

RETRY_KEYS = {
    "strategy": "strategy",
    "maxRetryCount": "max_retry_count",
    "delayInterval": "delay_interval",
    "minimumInterval": "minimum_interval",
    "maximumInterval": "maximum_interval",
}
"""The keys of a retry policy, and what decorators call them."""
DEFAULT_SCRIPT = "__init__.py"
DEFAULT_ENTRY_POINT = "main"
DIRECTIONS = frozenset({"in", "out", "inout"})
KEYS = ("scriptFile", "entryPoint", "bindings", "disabled", "retry")
BINDING_KEYS = ("name", "type", "direction", "dataType", "authLevel", "route", "methods")
TRIGGER_KEYS = ("orchestration", "activity", "entityName", "taskHub", "connectionName")


@dataclass(frozen=True)
class FunctionFile:
    """The contents of a folder's `function.json`."""

    folder: Path
    script: Path
    entry_point: str
    bindings: tuple[dict[str, object], ...]
    disabled: bool | str
    retry: RetryPolicy | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def shown(self) -> str:
        return f"{self.folder.name}/{FUNCTION_FILE}"


def read_function_file(folder: Path) -> FunctionFile:
    """Read and check a folder's function.json. Raises AppLoadError."""
    return _Reader(folder).read()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown = f"{folder.name}/{FUNCTION_FILE}"
        self._text = (folder / FUNCTION_FILE).read_text(encoding="utf-8-sig", errors="replace")

    def read(self) -> FunctionFile:
        document = _spelt(self._document(), KEYS)
        disabled = document.get("disabled", False)
        if not isinstance(disabled, bool | str):
            self._refuse("disabled", "expected true, false or the name of an app setting")
        return FunctionFile(
            self._folder,
            self._script(document),
            self._text_at(document, "entryPoint", DEFAULT_ENTRY_POINT),
            self._bindings(document),
            disabled,
            self._retry(document),
        )

    def _document(self) -> Mapping[str, object]:
        try:
            return read_json_object(self._folder / FUNCTION_FILE)
        except ConfigurationError as error:
            raise AppLoadError(f"{self._folder.name}/{error}") from error

    def _text_at(self, document: Mapping[str, object], key: str, default: str) -> str:
        value = document.get(key) or default
        if not isinstance(value, str):
            self._refuse(key, f"expected text, not {json.dumps(value)}")
        return value

    def _script(self, document: Mapping[str, object]) -> Path:
        named = self._text_at(document, "scriptFile", self._default_script())
        script = (self._folder / named).resolve()
        if script.suffix != ".py":
            self._refuse("scriptFile", f"'{named}' is not a Python file")
        if not script.is_relative_to(self._folder.parent):
            self._refuse("scriptFile", f"'{named}' is outside of the app's folder")
        if not script.is_file():
            self._refuse("scriptFile", f"there is no '{named}' in {self._folder.name}", "scriptFile")
        return script

    def _default_script(self) -> str:
        """Return `__init__.py`, or the only script if the folder has another one."""
        scripts = [file.name for file in self._folder.glob("*.py")]
        return scripts[0] if len(scripts) == 1 else DEFAULT_SCRIPT

    def _retry(self, document: Mapping[str, object]) -> RetryPolicy | None:
        given = document.get("retry")
        if given is None:
            return None
        if not isinstance(given, dict):
            self._refuse("retry", "expected an object with strategy and maxRetryCount")
        policy = {name: _spelt(given, tuple(RETRY_KEYS)).get(key) for key, name in RETRY_KEYS.items()}
        policy["strategy"] = FIXED if str(policy["strategy"]).lower() == "fixeddelay" else policy["strategy"]
        problem = retry_problem(policy)
        if problem is not None:
            self._refuse("retry", _as_spelt(problem))
        return read_policy(policy)

    def _bindings(self, document: Mapping[str, object]) -> tuple[dict[str, object], ...]:
        given = document.get("bindings")
        if not isinstance(given, list) or not given:
            self._refuse("bindings", "expected a list with at least a trigger")
        bindings = tuple(self._binding(number, binding) for number, binding in enumerate(given))
        triggers = [str(binding["name"]) for binding in bindings if str(binding["type"]).lower().endswith("trigger")]
        if len(triggers) != 1:
            found = f"{len(triggers)} triggers ({', '.join(triggers)})" if triggers else "no trigger"
            self._refuse("bindings", f"found {found}. A function has exactly one")
        self._check_unique([str(binding["name"]) for binding in bindings])
        return bindings

    def _binding(self, number: int, given: object) -> dict[str, object]:
        where = f"bindings[{number}]"
        if not isinstance(given, dict):
            self._refuse(where, f"expected an object with 'type' and 'name', not {json.dumps(given)}", "bindings")
        binding = _spelt(given, (*BINDING_KEYS, *TRIGGER_KEYS))
        for key in ("type", "name"):
            if not isinstance(binding.get(key), str) or not binding[key]:
                self._refuse(f"{where}.{key}", "expected text", self._sign_of(binding))
        binding.setdefault("direction", "in")
        if str(binding["direction"]).lower() not in DIRECTIONS:
            problem = f"'{binding['direction']}' is not a direction. Expected in or out"
            self._refuse(f"{where}.direction", problem, str(binding["name"]))
        return binding

    def _sign_of(self, binding: Mapping[str, object]) -> str:
        return next((value for value in binding.values() if isinstance(value, str)), "bindings")

    def _check_unique(self, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name.lower() in seen:
                self._refuse(
                    "bindings", f"two bindings have the name '{name}'. Names must differ by more than case", name
                )
            seen.add(name.lower())

    def _refuse(self, key: str, problem: str, sign: str | None = None) -> NoReturn:
        line = self._line_of(sign or key)
        raise AppLoadError(f"{self._shown}{line}: {key}: {problem}.")

    def _line_of(self, sign: str) -> str:
        """Return the last line that has a key or value in quotes, as text for the message; empty if none has."""
        lines = [
            number for number, line in enumerate(self._text.splitlines(), 1) if f'"{sign}"'.lower() in line.lower()
        ]
        return f", line {lines[-1]}" if lines else ""


def _as_spelt(problem: str) -> str:
    """Return what is wrong with a retry policy in the words of function.json."""
    for key, name in RETRY_KEYS.items():
        problem = problem.replace(name, key)
    return problem


def _spelt(given: Mapping[str, object], keys: tuple[str, ...]) -> dict[str, object]:
    """Return an object with its known keys in their usual case: the Functions host ignores it."""
    usual = {key.lower(): key for key in keys}
    return {usual.get(key.lower(), key): value for key, value in given.items()}
