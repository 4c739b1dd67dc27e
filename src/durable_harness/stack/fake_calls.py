"""What a test may fake in the process of a host."""

from __future__ import annotations

import fnmatch

from durable_harness.control import Call
from durable_harness.host.agents import AGENT_PREFIX, StubbedChat
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.fakes.fake_registry import FakeAnswer, Fakes, Kind

LONGEST_WAIT_S = 10.0
EVERY_AGENT = "*"


def fake_calls(fakes: Fakes, app: FunctionApp, chat: StubbedChat) -> dict[str, Call]:
    """Return the calls by which a test makes fakes, reads their calls, answers for them, and ends them."""

    async def add(kind: Kind, name: str, answer: FakeAnswer, delay_s: float, method: str | None = None) -> int:
        known = {"activity": app.activities, "entity": app.entities}.get(kind)
        if known is not None and name.lower() not in known:
            raise ValueError(app.unknown(kind, name))
        if kind == "chat":
            agents = _agents_of(app)
            chat.install(agents)
            _check_agent(agents, name)
        return fakes.add(kind, name, answer, delay_s, method).number

    async def calls(number: int) -> dict[str, object]:
        fake = fakes.get(number)
        return {"calls": list(fake.calls), "count": fake.count}

    async def end(number: int | None = None) -> None:
        fakes.end(number)

    async def next_question() -> dict[str, object] | None:
        return await fakes.next_question(LONGEST_WAIT_S)

    async def answer(question: int, answer: FakeAnswer) -> None:
        fakes.take_answer(question, answer)

    return {
        "fakes/add": add,
        "fakes/calls": calls,
        "fakes/end": end,
        "fakes/next": next_question,
        "fakes/answer": answer,
    }


def _agents_of(app: FunctionApp) -> list[str]:
    """Return the names of the app's agents, as it writes them."""
    entities = (entity.name for entity in app.entities.values())
    return sorted(name[len(AGENT_PREFIX) :] for name in entities if name.startswith(AGENT_PREFIX))


def _check_agent(known: list[str], pattern: str) -> None:
    """Raise ValueError for a pattern that none of the app's agents fits."""
    if pattern != EVERY_AGENT and not fnmatch.filter([name.lower() for name in known], pattern.lower()):
        raise ValueError(f"the app has no agent '{pattern}'. It has: {', '.join(known) or 'none'}")
