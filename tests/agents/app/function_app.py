"""An app of Microsoft's Agent Framework: agents as entities, in orchestrators, in workflows that ask a person."""

import json
from dataclasses import dataclass

import azure.durable_functions as df
import azure.functions as func
from agent_framework import (
    Agent,
    AgentExecutorResponse,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    Executor,
    Message,
    ResponseStream,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from agent_framework_azurefunctions import AgentFunctionApp, WorkflowHitlContext


class BackwardsClient(BaseChatClient):
    """Stands in for a model: says the last message backwards, and how many messages of the user it has seen."""

    def _inner_get_response(self, *, messages, stream, options, **kwargs):
        if "fail" in messages[-1].text:
            raise ConnectionError("no model answers")
        asked = sum(str(message.role) == "user" for message in messages)
        pieces = [f"{asked}:", *messages[-1].text[::-1].split(" ")]
        return self._streamed(pieces) if stream else self._whole(pieces)

    def _streamed(self, pieces):
        async def updates():
            for piece in pieces:
                yield ChatResponseUpdate(role="assistant", contents=[Content.from_text(piece + " ")])

        return ResponseStream(updates(), finalizer=ChatResponse.from_updates)

    async def _whole(self, pieces):
        return ChatResponse(messages=[Message("assistant", [" ".join(pieces)])], response_id="one")


class Updates:
    """Notes what agents stream while they answer."""

    def __init__(self):
        self.pieces = []

    async def on_streaming_response_update(self, update, context):
        self.pieces.append([context.agent_name, context.session_id, update.text])

    async def on_agent_response(self, response, context):
        self.pieces.append([context.agent_name, context.session_id, "end"])


@dataclass
class Draft:
    text: str


class Review(Executor):
    """Asks a person about what the agent wrote."""

    @handler
    async def ask(self, draft: AgentExecutorResponse, ctx: WorkflowContext) -> None:
        await ctx.request_info(Draft(draft.agent_response.text), bool)

    @response_handler
    async def answered(self, draft: Draft, approved: bool, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(f"{'published' if approved else 'dropped'}: {draft.text}")


class Publish(Executor):
    @handler
    async def publish(self, verdict: str, ctx: WorkflowContext[None, str]) -> None:
        hitl = WorkflowHitlContext.from_context(ctx)
        await ctx.yield_output(f"{verdict} in {hitl.workflow_name}")


def made_agent(name):
    return Agent(client=BackwardsClient(), name=name, instructions="Say it backwards.")


def made_workflow() -> Workflow:
    author, review, publish = made_agent("Author"), Review(id="review"), Publish(id="publish")
    building = WorkflowBuilder(name="publishing", start_executor=author, output_from=[publish])
    return building.add_edge(author, review).add_edge(review, publish).build()


updates = Updates()
app = AgentFunctionApp(
    agents=[made_agent("Writer"), made_agent("Editor")],
    workflows=[made_workflow()],
    http_auth_level=func.AuthLevel.ANONYMOUS,
    enable_mcp_tool_trigger=True,
    default_callback=updates,
)


@app.orchestration_trigger(context_name="context")
def write_and_edit(context: df.DurableOrchestrationContext):
    """Two turns of one agent in one session, then two agents at once."""
    writer, editor = app.get_agent(context, "Writer"), app.get_agent(context, "Editor")
    session = writer.create_session()
    first = yield writer.run(context.get_input(), session=session)
    second = yield writer.run("and more", session=session)
    both = yield context.task_all([writer.run(second.text.strip()), editor.run(first.text.strip())])
    return [answer.text.strip() for answer in (first, second, *both)]


@app.route(route="streamed", methods=["GET"])
def streamed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(updates.pieces), mimetype="application/json")


@app.route(route="begin", methods=["POST"])
@app.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("write_and_edit", client_input=req.get_body().decode())
    return client.create_check_status_response(req, instance_id)
