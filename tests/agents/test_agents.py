"""Apps of Microsoft's Agent Framework run as they stand: agents, orchestrators over them, workflows with a person."""

from pathlib import Path

import pytest

import rooms
from durable_harness.stack import embedded_stack

ROOM = Path(__file__).parent
pytestmark = [
    pytest.mark.timeout(rooms.ROOM_TIMEOUT_S),
    pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1),
]


@pytest.fixture(scope="session")
def agents_stack(tmp_path_factory):
    """Yield the running app, in an environment that has the framework beside what these tests run in."""
    python = rooms.environment_beside_ours(rooms.AGENTS)
    log_path = tmp_path_factory.mktemp("agents") / "host.log"
    with embedded_stack(ROOM / "app", log_path=log_path, python=str(python)) as stack:
        yield stack


@pytest.fixture
def agents(agents_stack, client_of):
    """Return the client of that app."""
    return client_of(agents_stack)


def ask(client, message, session_id, agent="Writer"):
    """Ask an agent by its own endpoint; return its answer."""
    response = client.post(f"/api/agents/{agent}/run", json={"message": message, "session_id": session_id})
    assert response.status_code == 200, response.text
    return response.json()


def test_an_agent_remembers_its_session(agents, key):
    """An agent is an entity: in a session it sees the messages before, in another one it does not."""
    assert ask(agents, "hello there", key)["response"].split() == ["1:", "ereht", "olleh"]
    assert ask(agents, "again", key)["response"].split() == ["2:", "niaga"]
    assert ask(agents, "again", f"{key}-other")["response"].split() == ["1:", "niaga"]


def test_an_agent_that_is_not_waited_for(agents, key, wait_until):
    """Without waiting the request is accepted at once, and the agent works anyway."""
    given = {"message": "hello", "session_id": key, "wait_for_response": False}
    assert agents.post("/api/agents/Editor/run", json=given).status_code == 202
    wait_until(lambda: ["Editor", key, "end"] in agents.get("/api/streamed").json(), "the agent's answer")


def test_what_an_agent_streams(agents, key):
    """The app's callback gets each piece of an answer while the agent still makes it, then the end."""
    ask(agents, "to be", key)
    pieces = [piece for _, session, piece in agents.get("/api/streamed").json() if session == key]
    assert pieces == ["1: ", "eb ", "ot ", "end"]


def test_agents_in_an_orchestrator(agents):
    """An orchestrator has two turns with an agent in one session, then asks two agents at once."""
    started = agents.post("/api/begin", data=b"a story")
    status = agents.wait_terminal(started.json()["id"])
    assert (status["runtimeStatus"], status["output"]) == (
        "Completed",
        ["1: yrots a", "2: erom dna", "1: and more :2", "1: a story :1"],
    )


@pytest.mark.parametrize(("approved", "verdict"), [(True, "published"), (False, "dropped")])
def test_a_workflow_waits_for_a_person(agents, wait_until, approved, verdict):
    """A workflow stops at a question, shows where to answer it, and continues with the answer."""
    started = agents.post("/api/workflow/publishing/run", data=b"a book").json()
    status_path = f"/api/workflow/publishing/status/{started['instanceId']}"
    asked = wait_until(lambda: agents.get(status_path).json().get("pendingHumanInputRequests"), "the question")
    path = asked[0]["respondUrl"].removeprefix(agents.stack.base_url.replace("127.0.0.1", "localhost"))
    assert agents.post(path, json=approved).status_code == 200
    agents.wait_terminal(started["instanceId"])
    assert agents.get(status_path).json()["output"] == [f"{verdict}: 1: koob a  in publishing"]


def test_a_model_that_fails(agents, key):
    """What the chat client raises is in the log; the framework answers with nothing, and the session lives on."""
    assert ask(agents, "fail", key)["response"] == ""
    assert "ConnectionError: no model answers" in agents.stack.log_path.read_text()
    assert ask(agents, "again", key)["response"].split() == ["2:", "niaga"]


def test_the_functions_that_the_framework_registers(agents):
    """Agents, workflows and MCP tools are listed by the framework's names."""
    listed = agents.stack.log_path.read_text()
    for name in (
        "dafx-Writer: entityTrigger",
        "dafx-publishing: orchestrationTrigger",
        "mcptool-Writer: mcpToolTrigger",
    ):
        assert f"\t{name}" in listed
    assert agents.get("/api/health").json()["agent_count"] == 3
