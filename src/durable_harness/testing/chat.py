"""Fake models: scripted answers of a chat client, and what agents sent to it."""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from durable_harness.errors import UsageError

ALLOWED = "expected a text, ToolCall(name, arguments), an error to raise, or a list of texts and tool calls"


@dataclass(frozen=True)
class ToolCall:
    """A scripted answer of a model: it asks for a call of a tool.

        durable_activities.fake_chat(ToolCall("weather", {"city": "Rome"}), "It is sunny in Rome.")

    The agent framework calls the tool and sends the result with the next prompt.
    """

    name: str
    """The name of the tool."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the call, as a JSON object."""


@dataclass(frozen=True)
class ToolResult:
    """A call of a tool with its result, as the model received it."""

    name: str
    """The name of the tool."""
    arguments: Any
    """The arguments of the call."""
    result: str | None
    """The result as text; None if the tool returned nothing."""


@dataclass(frozen=True)
class ChatCall:
    """One request that an agent sent to its model."""

    agent: str
    """The name of the agent, as the app spells it; empty if the request came from outside an agent's entity."""
    session: str
    """The key of the agent's entity."""
    messages: Sequence[Mapping[str, Any]]
    """The messages of the conversation: dicts with `role`, `text`, `tool_calls` and `tool_results`."""
    instructions: str | None
    """The instructions that the agent sent with the messages."""
    tools: Sequence[str]
    """The names of the tools that the agent offered."""
    at_s: float = 0.0
    """When it was sent, in seconds since the epoch."""

    @property
    def prompt(self) -> str:
        """The text of the user's last message."""
        return next((str(one["text"]) for one in reversed(self.messages) if one["role"] == "user"), "")

    @property
    def tool_results(self) -> list[ToolResult]:
        """The calls of tools in these messages that have a result, in order."""
        return list(self.results_by_id().values())

    def results_by_id(self) -> dict[str, ToolResult]:
        """Return the calls of tools that have a result, by the IDs that the model gave them."""
        calls = {call["call_id"]: call for message in self.messages for call in message["tool_calls"]}
        results = (one for message in self.messages for one in message["tool_results"])
        known = ((calls[one["call_id"]], one["result"]) for one in results if one["call_id"] in calls)
        return {call["call_id"]: ToolResult(call["name"], call["arguments"], result) for call, result in known}

    @classmethod
    def of(cls, call: Mapping[str, Any]) -> ChatCall:
        """Make a call from the record that the host keeps of it."""
        instance_id = str(call["instance_id"])
        session = instance_id[1:].partition("@")[2] if instance_id.startswith("@") else ""
        return cls(session=session, at_s=call.get("at_s", 0.0), **call["input"])


Answer = str | ToolCall | BaseException | type[BaseException] | Sequence[str | ToolCall]
Answering = Callable[[ChatCall], Answer]


class Script:
    """The scripted answers of a test, used in order whichever agent asks."""

    def __init__(self, answers: Sequence[Answer], by: Answering | None) -> None:
        if bool(answers) == (by is not None):
            raise UsageError("fake_chat: give answers, or by=FUNCTION.")
        for answer in answers:
            _check(answer)
        self._count = len(answers)
        self._left = deque(answers)
        self._by = by
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def answer(self, call: Mapping[str, Any]) -> str:
        """Return the next answer as JSON, or raise it. Raises AssertionError if there is none left."""
        asked = ChatCall.of(call)
        answer = self._by(asked) if self._by is not None else self._next(asked)
        _check(answer)
        if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
            raise answer
        self._check_tools(asked, [answer] if isinstance(answer, str | ToolCall) else answer)
        return json.dumps(self._encoded([answer] if isinstance(answer, str | ToolCall) else list(answer)))

    @staticmethod
    def _check_tools(asked: ChatCall, parts: Iterable[Any]) -> None:
        """Raise UsageError for a call of a tool that the agent does not offer: the framework would answer it itself."""
        for part in parts:
            if isinstance(part, ToolCall) and part.name not in asked.tools:
                offered = ", ".join(asked.tools) or "none"
                raise UsageError(
                    f"fake_chat: {asked.agent or 'the client'} has no tool '{part.name}'. It has: {offered}."
                )

    def _next(self, asked: ChatCall) -> Answer:
        with self._lock:
            if self._left:
                return self._left.popleft()
        raise AssertionError(
            f"fake_chat: its {self._count} answers are used up, and a model was asked {asked.prompt!r}"
        )

    def _encoded(self, parts: Sequence[Any]) -> dict[str, Any]:
        number = next(self._numbers)
        calls = [part for part in parts if isinstance(part, ToolCall)]
        return {
            "id": f"fake-{number}",
            "text": "".join(part for part in parts if isinstance(part, str)),
            "tool_calls": [
                {"call_id": f"fake-{number}-{index}", "name": call.name, "arguments": dict(call.arguments)}
                for index, call in enumerate(calls, 1)
            ],
        }


class _Recorded(Protocol):
    @property
    def calls(self) -> Sequence[Any]: ...
    @property
    def count(self) -> int: ...
    def wait(self, count: int = 1, timeout_s: float = ...) -> Any: ...
    def end(self) -> None: ...


class ChatFake:
    """A fake model that gives scripted answers, until `end` or the end of the test.

        chat = durable_activities.fake_chat("Hello, Ada!")
        ...
        assert chat.prompts == ["Greet Ada."]

    `DurableActivities.fake_chat` returns it.
    """

    def __init__(self, fake: _Recorded) -> None:
        self._fake = fake

    def __repr__(self) -> str:
        return repr(self._fake)

    @property
    def calls(self) -> list[ChatCall]:
        """The requests that agents sent so far, in order.

        They include requests that only deliver the results of tools, and requests that were left unanswered.
        """
        return [
            ChatCall.of({"instance_id": one.instance_id, "input": one.input, "at_s": one.at_s})
            for one in self._fake.calls
        ]

    @property
    def count(self) -> int:
        """How many requests the model has received."""
        return self._fake.count

    @property
    def prompts(self) -> list[str]:
        """The text of the user's last message in each request."""
        return [call.prompt for call in self.calls]

    @property
    def tool_calls(self) -> list[ToolResult]:
        """The calls of tools that the agent framework made since the fake began, in order, with their results."""
        found: dict[str, ToolResult] = {}
        for call in self.calls:
            found |= call.results_by_id()
        return list(found.values())

    def wait(self, count: int = 1, timeout_s: float = 10.0) -> list[ChatCall]:
        """Wait until the model has received a number of requests, and return all requests so far.

        Args:
            count: the number of requests, from the start of the fake.
            timeout_s: how long to wait, in seconds.

        Raises:
            AssertionError: there were fewer requests in that time.
        """
        __tracebackhide__ = True
        self._fake.wait(count, timeout_s)
        return self.calls

    def end(self) -> None:
        """End the fake: agents ask their own model again."""
        self._fake.end()


def _check(answer: Any) -> None:
    parts = answer if isinstance(answer, list | tuple) else [answer]
    is_error = isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException))
    if not is_error and not all(isinstance(part, str | ToolCall) for part in parts):
        raise UsageError(f"fake_chat: got {answer!r} as an answer; {ALLOWED}.")
    for call in parts:
        if isinstance(call, ToolCall):
            _check_arguments(call)


def _check_arguments(call: ToolCall) -> None:
    try:
        json.dumps(dict(call.arguments))
    except (TypeError, ValueError) as error:
        raise UsageError(f"fake_chat: the arguments of {call!r} are no JSON object ({error}).") from None
