"""Values for input bindings that this host has no service for: tests give them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from durable_harness.host.app.functions import Function
from durable_harness.host.app.indexing import direction_of
from durable_harness.host.triggers.converting import UnusableValueError, datum, decode, decode_plain, text_datum
from durable_harness.host.triggers.expressions import Resolved
from durable_harness.host.triggers.targets import advice_on, target_of

SERVED = frozenset({"durableclient", "orchestrationclient"})


class MissingInputError(LookupError):
    """Raised when a function runs whose input binding has no value."""


@dataclass(frozen=True)
class GivenInput:
    """A value for the input bindings of this name: a parameter, `function.parameter`, or where the binding leads."""

    number: int
    name: str
    value: object


class Inputs:
    """The values that were given, the latest first in force."""

    def __init__(self) -> None:
        self._given: dict[int, GivenInput] = {}
        self._numbers = itertools.count(1)

    def give(self, name: str, value: object) -> int:
        """Provide a value until `take_back` is called with the number that is returned."""
        given = GivenInput(next(self._numbers), name, value)
        self._given[given.number] = given
        return given.number

    def take_back(self, numbers: list[int]) -> None:
        """Forget values; the ones that were given before them are in force again."""
        for number in numbers:
            self._given.pop(number, None)

    def value(self, function: Function, binding: Mapping[str, object], target: Resolved) -> object:
        """Return what an input parameter receives. Raises MissingInputError, and UnusableValueError if it cannot be."""
        known = names_of(function, binding) | {target.text.lower()}
        given = next((given for given in reversed(self._given.values()) if given.name.lower() in known), None)
        if given is None:
            advice = advice_on(function, target.missing)
            raise MissingInputError(
                f"Function '{function.name}' needs {described(binding, target.text)}, and this host has no such"
                f' service. A test can give it a value: operations.give("{binding["name"]}", …).'
                f"{' ' if advice else ''}{advice}"
            )
        binding_type, plain_type = str(binding["type"]), function.plain_types.get(str(binding["name"]))
        content = datum(None) if given.value is None else text_datum(given.value)
        try:
            return decode_plain(plain_type, content) if plain_type else decode(binding_type, content, {})
        except UnusableValueError as error:
            raise UnusableValueError(f"The value that was given for '{given.name}': {error}") from error


def names_of(function: Function, binding: Mapping[str, object]) -> set[str]:
    """Return the names, in lower case, by which a test may mean a binding."""
    parameter = str(binding["name"]).lower()
    names = {parameter, f"{function.name.lower()}.{parameter}", target_of(binding).lower()}
    return names - {""}


def described(binding: Mapping[str, object], target: str) -> str:
    """Return an input binding in words."""
    where = f", {target}" if target else ""
    return f"the input binding '{binding['name']}' ({binding['type']}{where})"


def is_output(binding: Mapping[str, object]) -> bool:
    """Return whether a function writes to a binding."""
    return direction_of(binding) == "out"


def is_unserved_input(function: Function, binding: Mapping[str, object]) -> bool:
    """Return whether a binding is an input that has a value only if a test gives one."""
    return (
        not is_output(binding)
        and binding["name"] != function.trigger_parameter
        and binding["name"] not in function.sdk_types
        and str(binding["type"]).lower() not in SERVED
    )
