"""An app of Microsoft's Agent Framework whose agents have tools, and whose model no test can reach."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
from agent_framework import Agent, BaseChatClient, FunctionInvocationLayer, tool
from agent_framework_azurefunctions import AgentFunctionApp


class Model(FunctionInvocationLayer, BaseChatClient):
    """Stands for a service on the internet."""

    def _inner_get_response(self, *, messages, stream, options, **kwargs):
        raise ConnectionError("no model can be reached")


@tool(approval_mode="never_require")
def weather(city: str) -> str:
    """Return the weather of a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"sunny in {city}"


def made_agent(name):
    return Agent(client=Model(), name=name, instructions=f"You are the {name}.", tools=[weather])


app = AgentFunctionApp(
    agents=[made_agent("Forecaster"), made_agent("Critic")], http_auth_level=func.AuthLevel.ANONYMOUS
)


@app.orchestration_trigger(context_name="context")
def forecast(context: df.DurableOrchestrationContext):
    forecaster, critic = app.get_agent(context, "Forecaster"), app.get_agent(context, "Critic")
    session = forecaster.create_session()
    first = yield forecaster.run(context.get_input(), session=session)
    second = yield critic.run(first.text or "nothing")
    return [first.text, second.text]


@app.orchestration_trigger(context_name="context")
def in_time(context: df.DurableOrchestrationContext):
    asked = app.get_agent(context, "Forecaster").run(context.get_input())
    late = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    winner = yield context.task_any([asked, late])
    if winner is asked:
        late.cancel()
        return asked.result.text
    answer = yield asked
    return f"too late: {answer.text}"
