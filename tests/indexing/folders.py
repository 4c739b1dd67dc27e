"""Small apps of function.json files, as `generated` has them of decorated functions."""

import json
from dataclasses import dataclass, field

from generated import HOST

ACTIVITY = {"name": "value", "type": "activityTrigger", "direction": "in"}
REQUEST = {"name": "req", "type": "httpTrigger", "direction": "in"}
RESPONSE = {"name": "$return", "type": "http", "direction": "out"}
CLIENT = {"name": "client", "type": "durableClient", "direction": "in"}
QUEUE = {"name": "out", "type": "queue", "direction": "out", "queueName": "q", "connection": "C"}
MAIN = "def main(value):\n    return value\n"


@dataclass(frozen=True)
class FolderApp:
    """Two functions: `Good`, which is right, and `One`, which has the matter."""

    code: str = MAIN
    bindings: tuple = (ACTIVITY,)
    verdict: str | None = None
    place: str = "One"
    keys: dict = field(default_factory=dict)
    text: str | None = None
    """The whole of function.json, in place of one that is made."""
    more: dict = field(default_factory=dict)

    @property
    def files(self):
        made = json.dumps({"bindings": list(self.bindings), **self.keys}, indent=2)
        files = {
            "Good/function.json": json.dumps({"bindings": [ACTIVITY]}),
            "Good/__init__.py": MAIN,
            "One/function.json": self.text if self.text is not None else made,
            "One/__init__.py": self.code,
        }
        return {name: text for name, text in (files | self.more).items() if text is not None}

    @property
    def is_the_hosts(self):
        return (self.verdict or "").startswith(HOST)

    @property
    def gist(self):
        return (self.verdict or "").removeprefix(HOST)


HTTP_CODE = "import azure.functions as func\nimport azure.durable_functions as df\n\n\n"


def http(signature, verdict=None, bindings=(REQUEST, RESPONSE), place="One/__init__.py, line"):
    return FolderApp(f"{HTTP_CODE}def main{signature}:\n    return '1'\n", bindings, verdict, place)


FOLDERS = {
    # ---- annotations, as in decorated apps
    "request": http("(req: func.HttpRequest) -> func.HttpResponse"),
    "dict as request": http("(req: dict)", "req"),
    "union returned": http("(req) -> func.HttpResponse | None", "return"),
    "client as text": http("(req, client: str) -> str", bindings=(REQUEST, RESPONSE, CLIENT)),
    "client as a class": http(
        "(req, client: df.DurableOrchestrationClient)", "client", bindings=(REQUEST, RESPONSE, CLIENT)
    ),
    "old client": http(
        "(req, starter: str) -> str",
        bindings=(REQUEST, RESPONSE, {"name": "starter", "type": "orchestrationClient", "direction": "in"}),
    ),
    "output": http("(req, out: func.Out[str]) -> str", bindings=(REQUEST, RESPONSE, QUEUE)),
    "output as text": http("(req, out: str) -> str", "out", bindings=(REQUEST, RESPONSE, QUEUE)),
    "response by name": http(
        "(req, res: func.Out[func.HttpResponse])",
        bindings=(REQUEST, {"name": "res", "type": "http", "direction": "out"}),
    ),
    "context": http("(req, context: func.Context)"),
    "another context": http("(req, context: dict)", "context"),
    "unbound parameter": http("(req, who)", "who"),
    "unknown binding": http("(req)", "out", bindings=(REQUEST, RESPONSE, QUEUE)),
    "builtin generic": FolderApp("def main(value: dict[str, int]):\n    return value\n", verdict="value"),
    "inout": http("(req, out)", "inout", bindings=(REQUEST, RESPONSE, {**QUEUE, "direction": "inout"})),
    "input as return": http("(req)", "$return", bindings=(REQUEST, {**RESPONSE, "direction": "in"})),
    # ---- scripts and their functions
    "entryPoint": FolderApp("def other(value):\n    return value\n", keys={"entryPoint": "other"}),
    "no entryPoint": FolderApp(keys={"entryPoint": "other"}, verdict="other", place="One/function.json"),
    "no main": FolderApp("def other(value):\n    return value\n", verdict="main", place="One/function.json"),
    "main is no function": FolderApp("main = 5\n", verdict="main", place="One/function.json"),
    "script of another name": FolderApp(code=None, keys={"scriptFile": "handler.py"}, more={"One/handler.py": MAIN}),
    "script in a folder below": FolderApp(keys={"scriptFile": "deep/handler.py"}, more={"One/deep/handler.py": MAIN}),
    "the only script": FolderApp(code=None, more={"One/handler.py": MAIN}, keys={"scriptFile": "handler.py"}),
    "script beside the folders": FolderApp(keys={"scriptFile": "../main.py"}, more={"main.py": MAIN}),
    "no such script": FolderApp(
        keys={"scriptFile": "handler.py"}, verdict="scriptFile", place="One/function.json, line"
    ),
    "script of another language": FolderApp(
        keys={"scriptFile": "handler.js"},
        more={"One/handler.js": "1"},
        verdict="Python file",
        place="One/function.json",
    ),
    "script outside of the app": FolderApp(
        keys={"scriptFile": "../../../main.py"}, verdict="scriptFile", place="One/function.json"
    ),
    "relative import": FolderApp(
        "from ..shared.words import WORD\nfrom . import helper\n" + MAIN,
        more={"shared/words.py": "WORD = 1\n", "One/helper.py": ""},
    ),
    "import of another function": FolderApp("from ..Good import main\n"),
    "import by the package's name": FolderApp(
        "from __app__.shared import words\n" + MAIN, more={"shared/words.py": ""}
    ),
    "import from the app's folder": FolderApp("import shared.words\n" + MAIN, more={"shared/words.py": ""}),
    "import that fails": FolderApp("import nothing_of_that_name\n" + MAIN, verdict="nothing_of_that_name"),
    "import that fails in shared code": FolderApp(
        "from ..shared import words\n" + MAIN,
        more={"shared/words.py": "1 / 0\n"},
        verdict="ZeroDivision",
        place="shared/words.py, line 1",
    ),
    "syntax error": FolderApp("def main(:\n", verdict="SyntaxError"),
    # ---- function.json
    "comments": FolderApp(text='{"bindings": [{"name": "value", "type": "activityTrigger"},], /* last */}'),
    "keys in another case": FolderApp(
        text='{"Bindings": [{"Name": "value", "Type": "activityTrigger", "Direction": "IN"}]}'
    ),
    "not JSON": FolderApp(text='{"bindings": [\n', verdict="host: in line 2", place="One/function.json"),
    "a list": FolderApp(text="[]", verdict="host: object", place="One/function.json"),
    "no bindings": FolderApp(bindings=(), verdict="host: bindings", place="One/function.json, line"),
    "no trigger": FolderApp(bindings=(RESPONSE,), verdict="host: no trigger", place="One/function.json, line"),
    "two triggers": FolderApp(bindings=(ACTIVITY, REQUEST), verdict="host: 2 triggers", place="One/function.json"),
    "one name twice": FolderApp(
        bindings=(ACTIVITY, QUEUE, {**QUEUE, "name": "OUT"}), verdict="host: OUT", place="One/function.json, line"
    ),
    "binding without a type": FolderApp(
        bindings=({"name": "value"},), verdict="host: bindings[0].type", place="One/function.json, line 4"
    ),
    "binding without a name": FolderApp(
        bindings=(ACTIVITY, {"type": "queue"}), verdict="host: bindings[1].name", place="One/function.json, line 9"
    ),
    "unknown direction": FolderApp(
        bindings=({**ACTIVITY, "direction": "sideways"},), verdict="host: sideways", place="One/function.json, line"
    ),
    "unknown disabled": FolderApp(keys={"disabled": 3}, verdict="host: disabled", place="One/function.json, line"),
    "binding that is text": FolderApp(
        bindings=("value",), verdict="host: bindings[0]", place="One/function.json, line"
    ),
}
