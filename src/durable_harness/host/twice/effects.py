"""What a function did that is seen from outside: requests, files, processes, rows, messages.

The delivery that is under way is in a context variable, so that whatever notices an effect knows whose it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

MOST_EFFECTS = 1_000
"""How many effects of one delivery are kept."""
FILE = "file"
MOST_COMPARED_BYTES = 4 * 1024 * 1024
"""Of files up to this size the contents are compared."""


@dataclass
class Effect:
    """One thing that was done outside."""

    kind: str
    text: str
    """What people are shown, without values that could be secrets."""
    identity: tuple[object, ...]
    """What makes it the same as another one."""
    is_repeatable: bool = False
    """Whether doing the very same again leaves the outside as doing it once does."""
    was_refused: bool = False
    """Whether the service answered that it did not do it."""


@dataclass
class Scope:
    """One delivery of a piece of work, while its function runs."""

    is_open: bool = True
    is_faked: bool = False
    """Whether a test answered for the function."""
    effects: list[Effect] = field(default_factory=list)
    answers: list[str | BaseException] = field(default_factory=list)
    """What a test answered for models that were asked in it, in order: texts, and errors that it raised."""
    earlier: list[str | BaseException] = field(default_factory=list)
    """Those of the first delivery, which a second one is given in turn: the test is asked once."""

    def earlier_answer(self) -> str | BaseException | None:
        """Return the next answer of the first delivery, None if there is none left."""
        return self.earlier.pop(0) if self.earlier else None

    def note(self, effect: Effect) -> None:
        if self.is_open and len(self.effects) < MOST_EFFECTS:
            self.effects.append(effect)

    def drop(self, kind: str, *identities: tuple[object, ...]) -> None:
        """Forget effects that another one describes better."""
        self.effects = [one for one in self.effects if one.kind != kind or one.identity not in identities]

    def close(self) -> None:
        """End the delivery. Files that are gone by now were temporary."""
        self.is_open = False
        kept = [one for one in self.effects if not one.was_refused]
        self.effects = [one for one in kept if one.kind != FILE or _is_file(str(one.identity[0]))]
        for effect in self.effects:
            if effect.kind == FILE:
                # What reads a file, adds to it and writes it again does not repeat itself.
                effect.identity = (*effect.identity, _digest(str(effect.identity[0])))


def _is_file(path: str) -> bool:
    """Whether a file is still there; `tempfile` opens the folder of one."""
    return os.path.lexists(path) and not Path(path).is_dir()


def _digest(path: str) -> str | None:
    """Return what a file has become, None if it is large or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_COMPARED_BYTES + 1)
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest() if len(content) <= MOST_COMPARED_BYTES else None


SCOPE: ContextVar[Scope | None] = ContextVar("delivery under way", default=None)
IN_CLIENT: ContextVar[bool] = ContextVar("a client notes what goes over its connections", default=False)
_IN_THREADS = "_durable_harness_scope"


def current_scope() -> Scope | None:
    """Return the delivery that this code belongs to, None if it is the host's own or not watched."""
    scope = SCOPE.get()
    if scope is None:
        scope = getattr(threading.current_thread(), _IN_THREADS, None)
    return scope if scope is not None and scope.is_open else None


def hand_to_thread(thread: object) -> None:
    """Assign what a new thread does to the delivery that starts it: threads do not inherit context variables."""
    scope = SCOPE.get()
    if scope is not None and isinstance(thread, threading.Thread):
        setattr(thread, _IN_THREADS, scope)


def note(kind: str, text: str, *identity: object, is_repeatable: bool = False) -> Effect | None:
    """Note an effect of the code that calls; None if it is not watched."""
    scope = current_scope()
    if scope is None:
        return None
    effect = Effect(kind, text, identity, is_repeatable)
    scope.note(effect)
    return effect


@contextlib.contextmanager
def within_client() -> Iterator[None]:
    """Take connections that are opened meanwhile for no effects of their own."""
    token = IN_CLIENT.set(True)
    try:
        yield
    finally:
        IN_CLIENT.reset(token)


def is_unwatched() -> bool:
    """Whether this code is not watched, or a client that called it notes it already."""
    return IN_CLIENT.get() or current_scope() is None


def note_fake() -> None:
    """Note that a test answers for the function under way."""
    scope = SCOPE.get()
    if scope is not None:
        scope.is_faked = True
