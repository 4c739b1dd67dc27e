"""Briefs that two agents write: one drafts with the help of a tool, the other accepts a draft or asks for changes."""

import json
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
from agent_framework import Agent, tool
from agent_framework_azurefunctions import AgentFunctionApp
from models import chat_client

MOST_DRAFTS = 3
MINUTES_TO_WRITE = 30
SOURCES = {"heat pumps": "A heat pump moves three units of heat for each unit of electricity."}


@tool(approval_mode="never_require")
def look_up(topic: str) -> str:
    """Return what the library has about a topic."""
    return SOURCES.get(topic.lower(), "nothing")


writer = Agent(
    client=chat_client(),
    name="Writer",
    instructions="Write a brief of at most 100 words. Look the topic up first.",
    tools=[look_up],
)
editor = Agent(client=chat_client(), name="Editor", instructions="Answer accept, or say what to change.")
app = AgentFunctionApp(agents=[writer, editor], http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("briefs", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_brief(req: func.HttpRequest, client) -> func.HttpResponse:
    """Start a brief about a topic."""
    try:
        topic = req.get_json()["topic"]
    except (ValueError, KeyError, TypeError):
        return func.HttpResponse(json.dumps({"error": 'expected {"topic": "…"}'}), status_code=400)
    instance_id = await client.start_new("write_brief", client_input=topic)
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def write_brief(context: df.DurableOrchestrationContext):
    """Have drafts written until the editor accepts one, three at most, each within half an hour."""
    agent = app.get_agent(context, "Writer")
    session = agent.create_session()
    wish = context.get_input()
    for number in range(1, MOST_DRAFTS + 1):
        draft = yield from _in_time(context, agent.run(wish, session=session))
        if draft is None:
            return {"state": "too late", "drafts": number}
        wish = (yield app.get_agent(context, "Editor").run(draft)).text
        if wish.strip().lower() == "accept":
            return {"state": "accepted", "drafts": number, "brief": draft}
    return {"state": "not accepted", "drafts": MOST_DRAFTS, "brief": draft}


def _in_time(context, asked):
    """Return the text of an agent's answer, or None if it takes too long; an agent that failed has no text."""
    limit = context.create_timer(context.current_utc_datetime + timedelta(minutes=MINUTES_TO_WRITE))
    if (yield context.task_any([asked, limit])) is limit:
        return None
    limit.cancel()
    if not asked.result.text:
        raise RuntimeError("the writer gave no answer: the log has the reason")
    return asked.result.text
