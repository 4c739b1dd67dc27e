"""Chat clients of the Agent Framework, answered by a test in place of a model, whichever service they are for.

What a client sends to its model is one method of its class. The framework's own layers around it (calls of tools,
middleware, telemetry) run as they are.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from typing import Protocol

from durable_harness.documents import JsonObject
from durable_harness.host.fakes.fake_registry import FakedError, Fakes, InstalledFake
from durable_harness.host.fakes.working import instance_now
from durable_harness.host.library_methods import Method
from durable_harness.host.stages import CURRENT
from durable_harness.host.twice.effects import SCOPE, Scope
from durable_harness.protocol.alarms import AlarmClock

FRAMEWORK = "agent_framework"
METHOD = "_inner_get_response"
AGENT_PREFIX = "dafx-"
"""How the framework names the entity of an agent."""


class _Content(Protocol):
    """A part of a message of the framework."""

    type: str
    call_id: str
    name: str
    arguments: object


class _Message(Protocol):
    """A message of the framework."""

    contents: Iterable[_Content]
    role: object
    text: str


_Options = Mapping[str, object] | None


class StubbedChat:
    """The chat clients of the app, answered by fakes if there are any."""

    def __init__(self, fakes: Fakes, clock: AlarmClock) -> None:
        self._fakes = fakes
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._names: dict[str, str] = {}
        """The agents of the app by their names in lower case, as entities have them."""
        self._stubbed: weakref.WeakSet[type] = weakref.WeakSet()

    def install(self, agents: Iterable[str]) -> None:
        """Stub all classes of clients that there are by now, of these agents of the app.

        Raises ValueError if the app has no Agent Framework.
        """
        framework = sys.modules.get(FRAMEWORK)
        if framework is None:
            raise ValueError("the app does not use the Agent Framework: it does not import the package agent_framework")
        self._loop = asyncio.get_running_loop()
        self._names = {name.lower(): name for name in agents}
        for kind in _with_subclasses(framework.BaseChatClient):
            if METHOD in vars(kind) and kind not in self._stubbed:
                self._stubbed.add(kind)
                setattr(kind, METHOD, self._stub(getattr(kind, METHOD)))

    def _stub(self, real: Method) -> Method:
        @functools.wraps(real)
        def respond(
            client: object, *, messages: Iterable[_Message], stream: bool, options: _Options, **others: object
        ) -> object:
            instance_id = instance_now()
            agent = agent_of(instance_id)
            fake = self._fakes.find("chat", agent)
            if fake is None:
                return real(client, messages=messages, stream=stream, options=options, **others)
            stages = CURRENT.get()
            call: dict[str, object] = {
                "input": {"agent": self._names.get(agent, agent), **_described(messages, options)},
                "instance_id": instance_id,
            }
            received = self._received(fake, call, stages.token if stages is not None else "", SCOPE.get())
            return _streamed(received) if stream else _whole(received)

        return respond

    async def _received(
        self, fake: InstalledFake, call: dict[str, object], token: str, scope: Scope | None
    ) -> JsonObject:
        """Return what the test answers; to work that is delivered again what it answered the first time."""
        text = None if scope is None else scope.earlier_answer()
        if text is None:
            text = await self._asked(fake, call, token)
        if scope is not None:
            scope.answers.append(text)
        if isinstance(text, BaseException):
            raise text
        answer: JsonObject = json.loads(text)
        return answer

    async def _asked(self, fake: InstalledFake, call: dict[str, object], token: str) -> str | FakedError:
        """Ask the test. Agents run on an event loop of the framework's, fakes on that of the host."""
        assert self._loop is not None
        asked = asyncio.run_coroutine_threadsafe(self._text(fake, call, token), self._loop)
        try:
            return await asyncio.wrap_future(asked)
        except FakedError as error:
            return error

    async def _text(self, fake: InstalledFake, call: dict[str, object], token: str) -> str:
        if fake.delay_s > 0:
            await self._clock.sleep(token, fake.delay_s)
        return await self._fakes.answer(fake, call)


def agent_of(instance_id: str) -> str:
    """Return the agent whose entity an instance is, in lower case as entities are; empty if it is not an agent's."""
    name = instance_id[1:].partition("@")[0].lower() if instance_id.startswith("@") else ""
    return name.removeprefix(AGENT_PREFIX) if name.startswith(AGENT_PREFIX) else ""


async def _whole(received: Awaitable[JsonObject]) -> object:
    framework = sys.modules[FRAMEWORK]
    answer = await received
    message = framework.Message("assistant", _contents(answer))
    return framework.ChatResponse(messages=[message], response_id=answer["id"])


def _streamed(received: Awaitable[JsonObject]) -> object:
    framework = sys.modules[FRAMEWORK]

    async def updates() -> AsyncIterator[object]:
        answer = await received
        for content in _contents(answer):
            yield framework.ChatResponseUpdate(role="assistant", contents=[content], response_id=answer["id"])

    return framework.ResponseStream(updates(), finalizer=framework.ChatResponse.from_updates)


def _contents(answer: JsonObject) -> list[object]:
    content = sys.modules[FRAMEWORK].Content
    text = [content.from_text(answer["text"])] if answer["text"] else []
    calls = (
        content.from_function_call(call["call_id"], call["name"], arguments=json.dumps(call["arguments"]))
        for call in answer["tool_calls"]
    )
    return [*text, *calls]


def _described(messages: Iterable[_Message], options: _Options) -> dict[str, object]:
    """Return what a client sends to its model, as JSON."""
    given = options or {}
    tools = given.get("tools") or []
    return {
        "messages": [_message(message) for message in messages],
        "instructions": given.get("instructions"),
        "tools": [str(getattr(tool, "name", tool)) for tool in (tools if isinstance(tools, list | tuple) else [tools])],
    }


def _message(message: _Message) -> dict[str, object]:
    contents = list(message.contents)
    return {
        "role": str(getattr(message.role, "value", message.role)),
        "text": message.text,
        "tool_calls": [
            {"call_id": one.call_id, "name": one.name, "arguments": _arguments(one.arguments)}
            for one in contents
            if one.type == "function_call"
        ],
        "tool_results": [
            {"call_id": one.call_id, "result": _result(one)} for one in contents if one.type == "function_result"
        ],
    }


def _arguments(given: object) -> object:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _result(content: object) -> str | None:
    failed = getattr(content, "exception", None)
    result = getattr(content, "result", None)
    return str(failed) if failed and result is None else None if result is None else str(result)


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    below: type
    for below in kind.__subclasses__():
        yield from _with_subclasses(below)
