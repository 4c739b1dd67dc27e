"""An option of a load run, declared once: its flag, reader, default and meaning. All else follows from these.

The twin in the environment, the help, the field of the typed options and its place in the web form are derived, so that
they cannot differ. This module is imported to build the command line of every command: it must stay light.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from durable_harness.load.options.option_values import checked, choice

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
ENVIRONMENT_PREFIX = "DURABLE_HARNESS_"
TRUE_WORDS = ("1", "true", "yes")
"""What turns a switch on in the environment, in any case: the words that Locust's parser takes too."""
_METADATA_KEY = "option"


@dataclass(frozen=True, slots=True)
class DeclaredOption(Generic[T_co]):
    """An option of a load run, `ab` or `capacity`.

    Parsed options hold numbers and switches as they are, and everything else as its text, since Locust sends them to
    its workers as plain values. `of` returns the typed value.
    """

    flag: str
    read: Callable[[str], T_co]
    """Return the typed value of a text, or raise ArgumentTypeError."""
    default: str | float
    """As it is typed; a number or a switch as itself."""
    meaning: str
    """Shown in help: a phrase that begins in lower case and has no full stop at its end."""
    metavar: str = "VALUE"
    default_text: str = ""
    """What help says of the default, if that is not the value itself."""
    check: Callable[[str], object] | None = None
    """What the command line checks instead of `read`, if `read` depends on the process, or checks less."""
    choices: tuple[str, ...] = ()
    former_flags: tuple[str, ...] = ()
    """Flags that are accepted still."""
    dest: str = ""
    """The attribute of parsed options, if the flag does not give it."""
    in_web_form: bool = True
    """False for what pages must not choose: secrets, files, ports, the app."""
    has_twin: bool = True

    @property
    def key(self) -> str:
        """The attribute of parsed options."""
        return self.dest or self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The twin in the environment."""
        return ENVIRONMENT_PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()

    @property
    def shown_default(self) -> str:
        """The default as help shows it."""
        is_number = isinstance(self.default, int | float)
        return self.default_text or (f"{self.default:g}" if is_number else str(self.default)) or "none"

    @property
    def sentence(self) -> str:
        """The help in the style of Locust's own: sentences, the last of them about the default."""
        meaning = f"{self.meaning[:1].upper()}{self.meaning[1:]}."
        return meaning if self._is_switch else f"{meaning} Defaults to {self.shown_default}."

    @property
    def phrase(self) -> str:
        """The help in the style of the other commands: a phrase, with the default in parentheses."""
        return self.meaning if self._is_switch else f"{self.meaning} ({self.shown_default})"

    def of(self, parsed: argparse.Namespace) -> T_co:
        """Return the typed value; raise ArgumentTypeError, which names the option, for one that no run can use."""
        given: Any = getattr(parsed, self.key, self.default)
        try:
            if self.choices:
                choice(self.choices)(given)
            return self.read("" if given is None else given)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(f"{self.flag}: {error}") from error

    def default_value(self) -> T_co:
        """Return the typed default. A number is its own, so that nothing is asked of the process."""
        is_number = isinstance(self.default, int | float) and not self._is_switch
        return cast("T_co", self.default) if is_number else self.read(cast("str", self.default))

    def add_to_locust(self, parser: argparse.ArgumentParser, default: str | None = None) -> None:
        """Add the option to Locust's parser, which reads the environment too; a `default` replaces the declared one."""
        parser.add_argument(
            *self._flags,
            **self._kind(f"<{self.metavar.lower()}>"),
            dest=self.key,
            default=self.default if default is None else default,
            env_var=self.variable,
            include_in_web_ui=self.in_web_form,
            help=self.sentence,
        )

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the option to a parser of this project, or to a group of one."""
        parser.add_argument(
            *self._flags, **self._kind(self.metavar), dest=self.key, default=self._given_default(), help=self.phrase
        )

    @property
    def _is_switch(self) -> bool:
        return isinstance(self.default, bool)

    @property
    def _flags(self) -> tuple[str, ...]:
        return (self.flag, *self.former_flags)

    def _given_default(self) -> str | float:
        text = os.environ.get(self.variable, "") if self.has_twin else ""
        if self._is_switch:
            return text.lower() in TRUE_WORDS if text else self.default
        return text or self.default

    def _kind(self, metavar: str) -> dict[str, Any]:
        """Return the arguments of `add_argument` that differ between switches, choices and values."""
        if self._is_switch:
            return {"action": "store_true"}
        if self.choices:
            return {"choices": self.choices}
        check = self.check or self.read
        return {"type": check if isinstance(self.default, int | float) else checked(check), "metavar": metavar}


def declared(option: DeclaredOption[T], *, in_repr: bool = True) -> T:
    """Return the field of a dataclass that holds the value of an option."""
    # To a type checker the field is the value that it will hold, as with `dataclasses.field` itself.
    return dataclasses.field(default_factory=option.default_value, repr=in_repr, metadata={_METADATA_KEY: option})


def options_of(declaring: type) -> Iterator[DeclaredOption[Any]]:
    """Yield the options that a dataclass declares in its fields."""
    for field in dataclasses.fields(declaring):
        if _METADATA_KEY in field.metadata:
            yield field.metadata[_METADATA_KEY]


def read_fields(declaring: type, parsed: argparse.Namespace) -> Mapping[str, Any]:
    """Return the values of the fields that declare an option; raise ArgumentTypeError for one that no run can use."""
    return {
        field.name: field.metadata[_METADATA_KEY].of(parsed)
        for field in dataclasses.fields(declaring)
        if _METADATA_KEY in field.metadata
    }


def twins_text(example: DeclaredOption[object]) -> str:
    """Return the sentence of help about the twins of options in the environment."""
    return f"each has a twin in the environment, as {example.flag} has {example.variable}"


def switch(flag: str, meaning: str, *, in_web_form: bool = True) -> DeclaredOption[bool]:
    """Return an option without a value, which is off by default."""
    return DeclaredOption(flag, bool, default=False, meaning=meaning, in_web_form=in_web_form)


def choose(flag: str, choices: tuple[str, ...], default: str, meaning: str) -> DeclaredOption[str]:
    """Return an option that takes one of some words."""
    return DeclaredOption(flag, str, default, meaning, choices=choices)


def or_none(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """Return a reader for which an empty text is None."""
    return lambda text: read(text) if text else None
