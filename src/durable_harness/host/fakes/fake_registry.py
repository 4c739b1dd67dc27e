"""Which functions are faked, what their fakes answer, and the calls that they got."""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, NoReturn, NotRequired, TypedDict

from durable_harness.wording.places import FAKE

Kind = Literal["activity", "entity", "http", "chat"]
OF_PATTERNS = frozenset({"http", "chat"})
"""Kinds of fakes whose name is a pattern: of URLs, of agents."""


class Raised(TypedDict):
    """An error that a fake raises: its class by name, its message, and the line of the test that it comes from."""

    type: str
    message: str
    place: NotRequired[str]


class FakeAnswer(TypedDict, total=False):
    """One of its members: how a fake answers."""

    returns: str
    """The JSON text of a value."""
    raises: Raised
    asks: bool
    """The test is asked for the answer to each call."""


MOST_CALLS = 10_000
"""How many calls of one fake are remembered, the latest ones."""
ENDED: FakeAnswer = {"raises": {"type": "FakeEndedError", "message": "the test ended before its fake answered"}}


class FakedError(Exception):
    """What a fake raises. Its class is made with the name that the test gave."""


@dataclass
class InstalledFake:
    """One fake."""

    number: int
    kind: Kind
    name: str
    answer: FakeAnswer
    delay_s: float = 0.0
    method: str | None = None
    calls: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    count: int = 0
    """How many calls there were, also those that are forgotten."""

    def answers_for(self, kind: Kind, name: str, method: str | None) -> bool:
        """Whether a call is this fake's: by the function's name, or by a pattern."""
        if kind != self.kind or (self.method and (method or "").upper() != self.method):
            return False
        if kind == "http":  # `?` begins the query of a URL: only `*` stands for other text
            return fnmatch.fnmatchcase(name, self.name.replace("[", "[[]").replace("?", "[?]"))
        return fnmatch.fnmatchcase(name, self.name) if kind in OF_PATTERNS else name.lower() == self.name


class Fakes:
    """The fakes of a host. The one that was made last answers."""

    def __init__(self) -> None:
        self.installed: dict[int, InstalledFake] = {}
        """By their numbers."""
        self._numbers = itertools.count(1)
        self._questions: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        self._asked: dict[int, tuple[int, asyncio.Future[FakeAnswer]]] = {}

    def add(
        self, kind: Kind, name: str, answer: FakeAnswer, delay_s: float, method: str | None = None
    ) -> InstalledFake:
        """Make a fake answer from now on."""
        named = name if kind == "http" else name.lower()
        fake = InstalledFake(next(self._numbers), kind, named, answer, delay_s, method.upper() if method else None)
        self.installed[fake.number] = fake
        return fake

    def get(self, number: int) -> InstalledFake:
        """Return a fake. Raises ValueError if there is none: it has ended, or the process is another one."""
        if number not in self.installed:
            raise ValueError(f"fake {number} is unknown here: it has ended, or the host was started again")
        return self.installed[number]

    def end(self, number: int | None = None) -> None:
        """End one fake, or all. A call that waits for the test's answer fails."""
        if number is None:
            self._questions.put_nowait(None)
        ended = list(self.installed) if number is None else [self.get(number).number]
        for each in ended:
            del self.installed[each]
        for fake, answered in list(self._asked.values()):
            if fake in ended and not answered.done():
                answered.set_result(ENDED)

    def find(self, kind: Kind, name: str, method: str | None = None) -> InstalledFake | None:
        """Return the fake that answers a call, None if the app does."""
        fitting = (fake for fake in reversed(self.installed.values()) if fake.answers_for(kind, name, method))
        return next(fitting, None)

    async def answer(self, fake: InstalledFake, call: dict[str, object]) -> str:
        """Note a call and return the JSON text that it is answered with, or raise what the test wants to be raised."""
        fake.calls.append({**call, "at_s": time.time()})
        fake.count += 1
        answer = await self._ask(fake, call) if "asks" in fake.answer else fake.answer
        if "raises" in answer:
            raised = answer["raises"]
            module, _, name = raised["type"].rpartition(".")
            error = type(name, (FakedError,), {"__module__": module or "builtins"})(raised["message"])
            raise_at(raised.get("place", ""), error)
        return str(answer["returns"])

    async def next_question(self, timeout_s: float) -> dict[str, object] | None:
        """Return the next call that the test is asked about, None if there is none for a while, or all fakes ended."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._questions.get()
        except TimeoutError:
            return None

    def take_answer(self, question: int, answer: FakeAnswer) -> None:
        """Take the test's answer; one to a question that is over is dropped."""
        _, answered = self._asked.get(question, (0, None))
        if answered is not None and not answered.done():
            answered.set_result(answer)

    async def _ask(self, fake: InstalledFake, call: dict[str, object]) -> FakeAnswer:
        question = next(self._numbers)
        answered: asyncio.Future[FakeAnswer] = asyncio.get_running_loop().create_future()
        self._asked[question] = (fake.number, answered)
        self._questions.put_nowait({"question": question, "fake": fake.number, "call": call})
        try:
            return await answered
        finally:
            del self._asked[question]


def raise_at(place: str, error: FakedError) -> NoReturn:
    """Raise an error as if the line of the test raised it, which is then in each report of the error."""
    file, _, line = place.rpartition(":")
    if not (file and line.isdecimal()):
        raise error
    code = compile("\n" * (int(line) - 1) + "raise error", file, "exec").replace(co_name=FAKE)
    exec(code, {"error": error})  # noqa: S102 - the code is the line above
    raise error


def decoded(text: str | None) -> object:
    """Return an input as JSON has it; text that is not JSON as it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
