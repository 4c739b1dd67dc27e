"""Small apps, each with one thing that Azure's Python worker takes or refuses, and its answer.

The verdict `None` means accepted. Else it is what the reason is about: words that our message must have. Reasons that
begin with "host:" are not the worker's but the Functions host's behind it, whose rules the referee does not know.
"""

from dataclasses import dataclass, replace

import rooms

HOST = "host: "
HEAD = """
from __future__ import annotations
""".lstrip()
IMPORTS = """
import functools
import typing
from typing import Annotated, Any, Dict, Generic, List, Literal, NewType, Optional, Protocol, Tuple, TypedDict, TypeVar
from typing import TYPE_CHECKING, Union

import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
""".lstrip()
ONE = "@app.route(route='one')\n"
ACTIVITY = "@app.activity_trigger(input_name='value')\n"
QUEUE = "@app.queue_output(arg_name='out', queue_name='q', connection='C')\n"


@dataclass(frozen=True)
class App:
    code: str
    verdict: str | None = None
    needs: str = ""
    """The package without which it cannot be imported, beside azure-functions."""

    @property
    def files(self):
        return {"function_app.py": self.code}

    @property
    def place(self):
        return "function_app.py"

    @property
    def is_the_hosts(self):
        """Whether the Functions host refuses it, after the worker has taken it."""
        return (self.verdict or "").startswith(HOST)

    @property
    def gist(self):
        """Return words that the reason must have."""
        return (self.verdict or "").removeprefix(HOST)


def http(signature, verdict=None, *, above="", setup="", body='return func.HttpResponse("1")', kind="def"):  # noqa: PLR0913 - the parts of a function
    code = f"{IMPORTS}{setup}\n\n{above}{ONE}{kind} one({signature.partition(' -> ')[0]})"
    code += f" -> {signature.partition(' -> ')[2]}" if " -> " in signature else ""
    return App(f"{code}:\n    {body}\n", verdict)


def activity(annotation, verdict=None, setup="", returns=""):
    return App(f"{IMPORTS}{setup}\n\n{ACTIVITY}def one(value: {annotation}){returns}:\n    return value\n", verdict)


def rest(code, verdict=None, needs=""):
    return App(IMPORTS + code.lstrip("\n"), verdict, needs)


def retried(code, verdict=None):
    app = rest(code, verdict)
    return replace(app, code=app.code.replace("df.DFApp", "func.FunctionApp"))  # the DFApp of version 2 has no retry


EVERY_APP = {
    # ---- the trigger's parameter of an HTTP function
    "http plain": http("req: func.HttpRequest -> func.HttpResponse"),
    "http without annotations": http("req"),
    "http text": http("req: str -> str", body='return "1"'),
    "http bytes": http("req: bytes -> str", body='return "1"'),
    "http dict": http("req: dict -> func.HttpResponse", "req"),
    "http int": http("req: int -> func.HttpResponse", "req"),
    "http object": http("req: object", "req"),
    "http any": http("req: Any", "req"),
    "http optional request": http("req: Optional[func.HttpRequest]", "req"),
    "http request or none": http("req: func.HttpRequest | None", "req"),
    "http annotated request": http('req: Annotated[func.HttpRequest, "x"]'),
    "http own request": http("req: Own", setup="class Own(func.HttpRequest): pass\n"),
    "http response as request": http("req: func.HttpResponse", "req"),
    "http protocol": http("req: Req", "req", setup="class Req(Protocol):\n    method: str\n"),
    "http type variable": http("req: T", "req", setup="T = TypeVar('T')\n"),
    "http new type": http("req: N", "req", setup="N = NewType('N', func.HttpRequest)\n"),
    "http typing text": http("req: typing.Text"),
    "http list": http("req: List[str]", "req"),
    "http builtin list": http("req: list[str]", "req"),
    "http out": http("req: func.Out[str]", "req"),
    "http number as annotation": http("req: 5", "req"),
    "http none": http("req: None", "req"),
    # ---- what an HTTP function returns
    "return dict": http("req -> dict", "return"),
    "return none": http("req -> None", "return"),
    "return optional": http("req -> Optional[func.HttpResponse]", "return"),
    "return union": http("req -> Union[func.HttpResponse, str]", "return"),
    "return union of bars": http("req -> func.HttpResponse | str", "return"),
    "return annotated": http('req -> Annotated[func.HttpResponse, "x"]'),
    "return text": http("req -> str", body='return "1"'),
    "return bytes": http("req -> bytes", "return"),
    "return any": http("req -> Any", "return"),
    "return list": http("req -> List[str]", "return"),
    "return tuple": http("req -> Tuple[str, int]", "return"),
    "return out": http("req -> func.Out[str]", "return"),
    "return own response": http("req -> Own", setup="class Own(func.HttpResponse): pass\n"),
    "return own text": http("req -> Own", setup="class Own(str): pass\n"),
    "return typed dict": http("req -> Own", "return", setup="class Own(TypedDict):\n    a: int\n"),
    # ---- the context
    "context unannotated": http("req, context"),
    "context right": http("req, context: func.Context"),
    "context dict": http("req, context: dict", "context"),
    "context any": http("req, context: Any", "context"),
    "context optional": http("req, context: Optional[func.Context]", "context"),
    "context in text": http("req, context: 'func.Context'"),
    "context of another package": http("req, context: Context", setup="class Context: pass\n"),
    "context misspelt": http("req, context: 'Contxt'", "Contxt"),
    "context first": http("context: func.Context, req: func.HttpRequest"),
    # ---- text annotations and names
    "future annotations": App(HEAD + http("req: func.HttpRequest -> func.HttpResponse").code),
    "future annotations misspelt": App(HEAD + http("req: func.HttpRequst").code, "HttpRequst"),
    "only for type checkers": App(
        HEAD + http("req: Request -> str", setup="if TYPE_CHECKING:\n    from x import Request\n").code, "Request"
    ),
    "text annotation": http("req: 'func.HttpRequest' -> 'func.HttpResponse'"),
    "text annotation without sense": http("req: 'func.HttpRequest ['", "annotation"),
    "local name": http("req: 'Local'", "Local", setup="def f():\n    class Local(func.HttpRequest): pass\n"),
    # ---- parameters and bindings
    "unbound parameter": http("req, who", "who"),
    "unbound parameter with default": http("req, who=1", "who"),
    "unbound keyword": http("req, *, who", "who"),
    "any arguments": http("req, *args", "args"),
    "any keywords": http("**kwargs", "kwargs"),
    "no parameter": http("", "req"),
    "another name": http("request", "request"),
    "name of the trigger given": rest("""
@app.route(route="one", trigger_arg_name="request")
def one(request: func.HttpRequest) -> func.HttpResponse: return func.HttpResponse("1")
"""),
    "keyword only request": http("*, req"),
    "coroutine": http("req: func.HttpRequest -> func.HttpResponse", kind="async def"),
    "client": http("req, client", above="@app.durable_client_input(client_name='client')\n", kind="async def"),
    "client annotated": http(
        "req, client: df.DurableOrchestrationClient",
        above="@app.durable_client_input(client_name='client')\n",
        kind="async def",
    ),
    "client annotated as text": http(
        "req, client: 'df.DurableOrchestrationClient'",
        above="@app.durable_client_input(client_name='client')\n",
        kind="async def",
    ),
    "client of another name": http("req, c", "client", above="@app.durable_client_input(client_name='client')\n"),
    "client below the route": rest("""
@app.route(route="one")
@app.durable_client_input(client_name="client")
async def one(req: func.HttpRequest, client) -> func.HttpResponse: return func.HttpResponse("1")
"""),
    "generic client": http(
        "req, client: str", above="@app.generic_input_binding(arg_name='client', type='durableClient')\n"
    ),
    "generic client of a class": http(
        "req, client: df.DurableOrchestrationClient",
        "client",
        above="@app.generic_input_binding(arg_name='client', type='durableClient')\n",
    ),
    # ---- outputs
    "out text": http("req, out: func.Out[str]", above=QUEUE),
    "out bytes": http("req, out: func.Out[bytes]", above=QUEUE),
    "out message": http("req, out: func.Out[func.QueueMessage]", above=QUEUE),
    "out list": http("req, out: func.Out[List[str]]", above=QUEUE),
    "out typing list of messages": http("req, out: func.Out[List[func.QueueMessage]]", "out", above=QUEUE),
    "out builtin list": http("req, out: func.Out[list[str]]", "out", above=QUEUE),
    "out int": http("req, out: func.Out[int]", "out", above=QUEUE),
    "out optional": http("req, out: func.Out[Optional[str]]", "out", above=QUEUE),
    "out bare": http("req, out: func.Out", "out", above=QUEUE),
    "out missing": http("req, out: str", "out", above=QUEUE),
    "out unannotated": http("req, out", above=QUEUE),
    "out in text": http("req, out: 'func.Out[str]'", above=QUEUE),
    "out of an own class": http(
        "req, out: Out[str]", above=QUEUE, setup="T = TypeVar('T')\nclass Out(Generic[T]): pass\n"
    ),
    "out of an event": http(
        "req, out: func.Out[str]",
        above="@app.event_grid_output(arg_name='out', topic_endpoint_uri='a', topic_key_setting='b')\n",
    ),
    "out of documents": http(
        "req, out: func.Out[func.Document]",
        above="@app.cosmos_db_output(arg_name='out', connection='C', database_name='d', container_name='c')\n",
    ),
    "input of a blob as stream": http(
        "req, blob: func.InputStream", above="@app.blob_input(arg_name='blob', path='a/b', connection='C')\n"
    ),
    "input of a blob as text": http(
        "req, blob: str", above="@app.blob_input(arg_name='blob', path='a/b', connection='C')\n"
    ),
    "input of a blob as dict": http(
        "req, blob: dict", "blob", above="@app.blob_input(arg_name='blob', path='a/b', connection='C')\n"
    ),
    "input of a blob as out": http(
        "req, blob: func.Out[str]", "blob", above="@app.blob_input(arg_name='blob', path='a/b', connection='C')\n"
    ),
    # ---- activities
    "activity unannotated": rest(f"\n\n{ACTIVITY}def one(value): return value\n"),
    "activity text": activity("str", returns=" -> str"),
    "activity dict": activity("dict", returns=" -> dict"),
    "activity typing dict": activity("Dict[str, int]"),
    "activity typing list": activity("List[str]", returns=" -> List[str]"),
    "activity builtin dict": activity("dict[str, int]", "value"),
    "activity builtin list": activity("list[str]", "value"),
    "activity builtin return": activity("str", returns=" -> dict[str, int]"),
    "activity union return": activity("str", returns=" -> str | None"),
    "activity optional": activity("Optional[str]", "value"),
    "activity union": activity("str | int", "value"),
    "activity tuple": activity("Tuple[str, int]", "value"),
    "activity bare tuple": activity("tuple"),
    "activity any": activity("Any"),
    "activity literal": activity("Literal['a']"),
    "activity class": activity("Own", setup="class Own: pass\n"),
    "activity typed dict": activity("Own", setup="class Own(TypedDict):\n    a: int\n"),
    "activity generic": activity("Own[int]", setup="T = TypeVar('T')\nclass Own(Generic[T]): pass\n"),
    "activity new type": activity("N", "value", setup="N = NewType('N', str)\n"),
    "activity type variable": activity("T", "value", setup="T = TypeVar('T')\n"),
    "activity callable": activity("typing.Callable[[], str]", "value"),
    "activity annotated": activity("Annotated[dict, 'x']"),
    "activity annotated builtin": activity("Annotated[dict[str, int], 'x']", "value"),
    "activity of another name": rest(f"\n\n{ACTIVITY}def one(v): return v\n", "value"),
    "activity with two parameters": rest(f"\n\n{ACTIVITY}def one(value, other): return value\n", "other"),
    "activity with context": rest(f"\n\n{ACTIVITY}def one(value, context): return value\n"),
    "activity called context": rest("""
@app.activity_trigger(input_name="context")
def one(context: dict): return context
"""),
    "activity async": rest(f"\n\n{ACTIVITY}async def one(value: dict) -> dict: return value\n"),
    "activity with a client": rest("""
@app.activity_trigger(input_name="value")
@app.durable_client_input(client_name="client")
async def one(value: str, client): return value
"""),
    "activity partial": rest(
        """
def add(value, other): return value
app.activity_trigger(input_name="value")(functools.wraps(add)(functools.partial(add, other=1)))
""",
        "function add",
    ),
    "activity wrapped": rest("""
def twice(f):
    @functools.wraps(f)
    def inner(value): return f(f(value))
    return inner

@app.activity_trigger(input_name="value")
@twice
def one(value: int) -> int: return value
"""),
    "activity wrapped and renamed": rest(
        """
def loose(f):
    def inner(*args, **kwargs): return f(*args, **kwargs)
    inner.__name__ = f.__name__
    return inner

@app.activity_trigger(input_name="value")
@loose
def one(value: int) -> int: return value
""",
        "args",
    ),
    # ---- orchestrators and entities
    "orchestrator": rest("""
@app.orchestration_trigger(context_name="context")
def one(context): yield context.call_activity("x")
"""),
    "orchestrator annotated": rest("""
@app.orchestration_trigger(context_name="context")
def one(context: df.DurableOrchestrationContext) -> str: yield context.call_activity("x")
"""),
    "orchestrator with another annotation": rest("""
@app.orchestration_trigger(context_name="context")
def one(context: dict) -> Optional[str]: yield 1
"""),
    "orchestrator's context of another name": rest(
        """
@app.orchestration_trigger(context_name="ctx")
def one(ctx): yield ctx.call_activity("x")
""",
        "ctx",
    ),
    "orchestrator's function of another name": rest("""
@app.orchestration_trigger(context_name="context")
def one(ctx): yield ctx.call_activity("x")
"""),
    "orchestrator with an unknown annotation": rest("""
@app.orchestration_trigger(context_name="context")
def one(context: "df.Nothing"): yield 1
"""),
    "entity": rest("""
@app.entity_trigger(context_name="context")
def one(context: df.DurableEntityContext): context.set_state(1)
"""),
    "entity's context of another name": rest(
        """
@app.entity_trigger(context_name="ctx")
def one(ctx): ctx.set_state(1)
""",
        "ctx",
    ),
    "client function around an orchestrator's name": rest("""
@app.function_name(name="Renamed")
@app.orchestration_trigger(context_name="context")
def one(context): yield 1
"""),
    # ---- triggers
    "timer": rest("""
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer: func.TimerRequest) -> None: pass
"""),
    "timer as text": rest("""
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer: str) -> None: pass
"""),
    "timer as dict": rest(
        """
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer: dict) -> None: pass
""",
        "timer",
    ),
    "queue": rest("""
@app.queue_trigger(arg_name="msg", queue_name="q", connection="C")
def one(msg: func.QueueMessage): pass
"""),
    "queue as list": rest(
        """
@app.queue_trigger(arg_name="msg", queue_name="q", connection="C")
def one(msg: List[func.QueueMessage]): pass
""",
        "msg",
    ),
    "event hub in batches": rest("""
@app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
def one(events: List[func.EventHubEvent]): pass
"""),
    "event hub in builtin batches": rest(
        """
@app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
def one(events: list[func.EventHubEvent]): pass
""",
        "events",
    ),
    "service bus": rest("""
@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="C")
def one(msg: func.ServiceBusMessage): pass
"""),
    "generic trigger": rest("""
@app.generic_trigger(arg_name="msg", type="somethingTrigger")
def one(msg: str): pass
"""),
    "generic trigger as dict": rest(
        """
@app.generic_trigger(arg_name="msg", type="somethingTrigger")
def one(msg: dict): pass
""",
        "msg",
    ),
    "no trigger": rest(
        """
@app.queue_output(arg_name="out", queue_name="q", connection="C")
def one(out: func.Out[str]): pass
""",
        "trigger",
    ),
    "only a name": rest(
        """
@app.function_name(name="one")
def one(req): pass
""",
        "trigger",
    ),
    "two triggers": rest(
        """
@app.route(route="one")
@app.activity_trigger(input_name="value")
def one(req, value): pass
""",
        "trigger",
    ),
    "one route twice": rest(
        """
@app.route(route="a")
@app.route(route="b")
def one(req): pass
""",
        "trigger",
    ),
    # ---- retry policies
    "retries after a fixed delay": retried(
        """
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:05")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
    ),
    "retries after a growing delay": retried(
        """
@app.retry(strategy="exponential_backoff", max_retry_count=3, minimum_interval="00:00:01", maximum_interval="00:10:00")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
    ),
    "retries without intervals": retried(
        """
@app.retry(strategy="exponential_backoff", max_retry_count="3")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
    ),
    "retries after no delay": retried(
        """
@app.retry(strategy="fixed_delay", max_retry_count="3")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
        "delay_interval",
    ),
    "retries after seconds": retried(
        """
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="5")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
        "delay_interval",
    ),
    "retries after a day": retried(
        """
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="24:00:00")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
        "delay_interval",
    ),
    "retries up to an odd interval": retried(
        """
@app.retry(strategy="exponential_backoff", max_retry_count="3", maximum_interval="soon")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
        "maximum_interval",
    ),
    "retries often": retried(
        """
@app.retry(strategy="exponential_backoff", max_retry_count="often")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def one(timer): pass
""",
        "max_retry_count",
    ),
    # ---- names
    "name given": rest("""
@app.function_name(name="Some-Name_1")
@app.route(route="one")
def one(req): pass
"""),
    "name given below": rest("""
@app.route(route="one")
@app.function_name(name="Below")
def one(req): pass
"""),
    "name with a space": rest(
        """
@app.function_name(name="bad name")
@app.route(route="one")
def one(req): pass
""",
        "host: name",
    ),
    "name that begins with an underscore": rest(
        """
@app.route(route="one")
def _one(req): pass
""",
        "host: name",
    ),
    "name of the host": rest(
        """
@app.function_name(name="host")
@app.route(route="one")
def one(req): pass
""",
        "host: name",
    ),
    "name of other letters": rest(
        """
@app.route(route="one")
def größe(req): pass
""",
        "host: name",
    ),
    "same name twice": rest(
        """
@app.route(route="one")
def one(req): pass

@app.route(route="two")
@app.function_name(name="one")
def two(req): pass
""",
        "one",
    ),
    "same name in another case": rest("""
@app.route(route="one")
def one(req): pass

@app.route(route="two")
def ONE(req): pass
"""),
    # ---- app objects
    "no functions": rest("", "host: no functions"),
    "no app": App("import azure.functions as func\n", "app object"),
    "two apps": rest("other = func.FunctionApp()\n" + ONE + "def one(req): pass\n", "app object"),
    "one app under two names": rest("same = app\n" + ONE + "def one(req): pass\n", "app object"),
    "app of another name": App(
        IMPORTS.replace("app =", "mine =") + ONE.replace("@app", "@mine") + "def one(req): pass\n"
    ),
    "app in a function": App(
        "import azure.functions as func\ndef make():\n    app = func.FunctionApp()\n", "app object"
    ),
    "plain app": App(IMPORTS.replace("df.DFApp", "func.FunctionApp") + ONE + "def one(req): pass\n"),
    "a blueprint is no app": App(
        "import azure.functions as func\nbp = func.Blueprint()\n\n@bp.route(route='one')\ndef one(req): pass\n",
        "app object",
    ),
    # ---- blueprints
    "blueprint": rest("""
bp = df.Blueprint()

@bp.orchestration_trigger(context_name="context")
def one(context): yield 1

app.register_functions(bp)
"""),
    "blueprint registered twice": rest(
        """
bp = func.Blueprint()

@bp.route(route="one")
def one(req): pass

app.register_functions(bp)
app.register_functions(bp)
""",
        "one",
    ),
    "blueprint not registered": rest("""
bp = func.Blueprint()

@bp.route(route="one")
def one(req: dict): pass

@app.route(route="two")
def two(req): pass
"""),
    "blueprint with a bad function": rest(
        """
bp = func.Blueprint()

@bp.route(route="one")
def one(req: dict): pass

app.register_functions(bp)
""",
        "req",
    ),
    "same name in two blueprints": rest(
        """
first, second = func.Blueprint(), func.Blueprint()

@first.route(route="one")
def one(req): pass

@second.route(route="two")
def one(req): pass

app.register_functions(first)
app.register_functions(second)
""",
        "one",
    ),
    # ---- decorators in odd orders, classes, other callables
    "outputs around the trigger": rest("""
@app.queue_output(arg_name="first", queue_name="q", connection="C")
@app.route(route="one")
@app.queue_output(arg_name="second", queue_name="q", connection="C")
def one(req: func.HttpRequest, first: func.Out[str], second: func.Out[str]) -> str: return "1"
"""),
    "one binding twice": rest("""
@app.queue_output(arg_name="out", queue_name="q", connection="C")
@app.queue_output(arg_name="out", queue_name="r", connection="C")
@app.route(route="one")
def one(req, out: func.Out[str]): pass
"""),
    "plain decorator above": rest("""
def seen(f): return f

@seen
@app.route(route="one")
def one(req): pass
"""),
    "static method": rest("""
class Handlers:
    @staticmethod
    @app.route(route="one")
    def one(req: func.HttpRequest) -> str: return "1"
"""),
    "method": rest(
        """
class Handlers:
    @app.route(route="one")
    def one(self, req: func.HttpRequest) -> str: return "1"
""",
        "self",
    ),
    "decorated twice under one name": rest(
        """
@app.route(route="one")
def one(req): pass

@app.route(route="two")
def one(req): pass
""",
        "one",
    ),
    # ---- types of extensions
    "blob client at a trigger": rest(
        """
import azurefunctions.extensions.bindings.blob as blob

@app.blob_trigger(arg_name="client", path="p/x", connection="C")
def one(client: blob.BlobClient): pass
""",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "container client at an input": rest(
        """
import azurefunctions.extensions.bindings.blob as blob

@app.route(route="one")
@app.blob_input(arg_name="client", path="p/x", connection="C")
def one(req: func.HttpRequest, client: blob.ContainerClient) -> str: return "1"
""",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "optional blob client": rest(
        """
import azurefunctions.extensions.bindings.blob as blob

@app.route(route="one")
@app.blob_input(arg_name="client", path="p/x", connection="C")
def one(req: func.HttpRequest, client: Optional[blob.BlobClient]) -> str: return "1"
""",
        "client",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "blob client at a queue": rest(
        """
import azurefunctions.extensions.bindings.blob as blob

@app.queue_trigger(arg_name="client", queue_name="p", connection="C")
def one(client: blob.BlobClient): pass
""",
        "client",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "blob client as an output": rest(
        """
import azurefunctions.extensions.bindings.blob as blob

@app.route(route="one")
@app.blob_output(arg_name="client", path="p/x", connection="C")
def one(req: func.HttpRequest, client: func.Out[blob.BlobClient]) -> str: return "1"
""",
        "client",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "messages of the extension in batches": rest(
        """
import azurefunctions.extensions.bindings.servicebus as bus

@app.service_bus_queue_trigger(arg_name="msg", queue_name="p", connection="C", cardinality="many")
def one(msg: List[bus.ServiceBusReceivedMessage]): pass
""",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "settlement of messages": rest(
        """
import azurefunctions.extensions.bindings.servicebus as bus

@app.service_bus_queue_trigger(arg_name="msg", queue_name="p", connection="C")
def one(msg: bus.ServiceBusReceivedMessage, actions: bus.ServiceBusMessageActions): pass
""",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "settlement of messages without an annotation": rest(
        """
import azurefunctions.extensions.bindings.servicebus as bus

@app.service_bus_queue_trigger(arg_name="msg", queue_name="p", connection="C")
def one(msg: bus.ServiceBusReceivedMessage, actions): pass
""",
        "actions",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    "a second parameter beside the settlement": rest(
        """
import azurefunctions.extensions.bindings.servicebus as bus

@app.service_bus_queue_trigger(arg_name="msg", queue_name="p", connection="C")
def one(msg: bus.ServiceBusReceivedMessage, actions: bus.ServiceBusMessageActions, who): pass
""",
        "who",
        needs="azurefunctions.extensions.bindings.blob",
    ),
    # ---- extensions
    "streams": rest(
        """
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, StreamingResponse

@app.route(route="one")
async def one(req: Request) -> StreamingResponse: return StreamingResponse(iter("1"))

@app.route(route="two")
async def two(req: Request) -> JSONResponse: return JSONResponse({})
""",
        needs="azurefunctions.extensions.http.fastapi",
    ),
    "streams beside a plain request": rest(
        """
from azurefunctions.extensions.http.fastapi import Request, Response

@app.route(route="one")
async def one(req: Request) -> Response: return Response("1")

@app.route(route="two")
def two(req: func.HttpRequest) -> func.HttpResponse: return func.HttpResponse("1")
""",
        "req",
        needs="azurefunctions.extensions.http.fastapi",
    ),
    "streams beside an unannotated function": rest(
        """
from azurefunctions.extensions.http.fastapi import Request

@app.route(route="one")
async def one(req: Request): return "1"

@app.route(route="two")
def two(req): return "1"
""",
        needs="azurefunctions.extensions.http.fastapi",
    ),
    "streams that return a dict": rest(
        """
from azurefunctions.extensions.http.fastapi import Request

@app.route(route="one")
async def one(req: Request) -> dict: return {}
""",
        needs="azurefunctions.extensions.http.fastapi",
    ),
    "streams that return bytes": rest(
        """
from azurefunctions.extensions.http.fastapi import Request

@app.route(route="one")
async def one(req: Request) -> bytes: return b""
""",
        "return",
        needs="azurefunctions.extensions.http.fastapi",
    ),
    "fastapi without its extension": rest(
        """
from fastapi import Request

@app.route(route="one")
def one(req: Request) -> func.HttpResponse: return func.HttpResponse("1")
""",
        "req",
        needs="fastapi",
    ),
}

TAKEN_BY_2 = (
    "no functions",
    "generic client of a class",
    "activity wrapped and renamed",
    "orchestrator's context of another name",
    "entity's context of another name",
)
"""Version 2 wraps functions in ones that have the right parameters, types the clients itself, and brings functions."""


def apps_for(generation):
    """Return the apps with the verdicts that hold for a generation of azure-functions-durable."""
    taken = TAKEN_BY_2 if generation > 1 else ()
    return {name: replace(app, verdict=None) if name in taken else app for name, app in EVERY_APP.items()}


APPS = apps_for(rooms.sdk_generation())
