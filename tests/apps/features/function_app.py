"""Every feature of azure-functions-durable, one small function each; tests drive it over HTTP.

Inputs choose the work, so one orchestrator serves many tests. Modules keep one feature each, as blueprints; what is
declared here directly shows that both ways of declaring work side by side.
"""

import azure.durable_functions as df
import azure.functions as func
import children
import clients
import contexts
import entities
import events
import fans
import http_calls
import renewals
import retries
import works

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (works, retries, fans, events, children, renewals, contexts, entities, http_calls, clients):
    app.register_functions(module.bp)


class Money:
    """A custom class that lives in the script file itself, as many apps have it."""

    def __init__(self, cents):
        self.cents = cents

    def to_json(self):
        return {"cents": self.cents}

    @classmethod
    def from_json(cls, data):
        return cls(data["cents"])


@app.orchestration_trigger(context_name="context")
def pay_twice(context):
    paid = yield context.call_activity("double_money", Money(context.get_input()))
    return {"type": type(paid).__name__, "cents": paid.cents}


@app.activity_trigger(input_name="money")
def double_money(money):
    return Money(money.cents * 2)
