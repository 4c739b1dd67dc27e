"""A Node process that is asked by JSON lines: clients and workers of the JavaScript SDK, for tests in Python."""

import itertools
import json
import os
import subprocess
import threading
import time
import uuid
from concurrent.futures import Future
from pathlib import Path

SCRIPT = Path(__file__).parent / "room.js"
DEADLINE_S = 30
POLL_S = 0.01
END_TIMEOUT_S = 10


class JsError(Exception):
    """What JavaScript threw: its class, its message, and gRPC's code if it has one."""

    def __init__(self, name, message, code):
        super().__init__(f"{name}: {message}")
        self.name, self.message, self.code = name, message, code


class JsRoom:
    """The process. Orders are answered as they are done, in any order."""

    def __init__(self, node, modules, address, log):
        self._log = log
        self._numbers = itertools.count()
        self._waiting = {}
        self._lock = threading.Lock()
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [node, str(SCRIPT), address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "NODE_PATH": str(modules)},
            )
        self._reader = threading.Thread(target=self._read, name="answers from JavaScript")
        self._reader.start()

    def begin(self, order, **details):
        """Send a command and return the future of its result."""
        future = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
            self._process.stdin.write(json.dumps({"number": number, "order": order, **details}) + "\n")
            self._process.stdin.flush()
        return future

    def do(self, order, **details):
        """Send a command and return its result, or raise what it threw."""
        return self.begin(order, **details).result(DEADLINE_S)

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            future = self._waiting.pop(answer["number"])
            if "error" in answer:
                future.set_exception(JsError(**answer["error"]))
            else:
                future.set_result(answer["result"])
        for future in self._waiting.values():
            future.set_exception(AssertionError(f"Node has ended: {self._log.read_text()[-2000:]}"))

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()


class JsHub:
    """A task hub of its own for a test, as JavaScript's client and workers see it."""

    def __init__(self, room):
        self.room, self.name = room, uuid.uuid4().hex

    def work(self, *orchestrators, activities=None, entities=None, **options):
        """Run a worker with all functions, or with the named orchestrators and no others; return its name."""
        known = {"activities": activities, "entities": entities, "orchestrators": list(orchestrators) or None}
        name = uuid.uuid4().hex
        given = {kind: names for kind, names in known.items() if names is not None}
        self.room.do("work", hub=self.name, name=name, known=given, **options)
        return name

    def stop(self, worker):
        self.room.do("stop", name=worker)

    def later(self, method, *args):
        return self.room.begin("call", hub=self.name, method=method, args=args)

    def call(self, method, *args):
        """Call a method of the client."""
        return self.later(method, *args).result(DEADLINE_S)

    def start(self, name, given=None, instance_id=None, **options):
        """Start an instance and return its id."""
        if instance_id is not None:
            options["instanceId"] = instance_id
        return self.call("scheduleNewOrchestration", name, given, options)

    def reuse(self, name, instance_id, statuses, given=None):
        return self.room.do(
            "startReusing", hub=self.name, name=name, instanceId=instance_id, statuses=statuses, input=given
        )

    def wait(self, instance_id):
        return self.call("waitForOrchestrationCompletion", instance_id)

    def run(self, name, given=None, instance_id=None, **options):
        """Start an instance and return its state when it has ended."""
        return self.wait(self.start(name, given, instance_id, **options))

    def output(self, *args, **options):
        """Return what an instance returns."""
        return output_of(self.run(*args, **options))

    def state(self, instance_id):
        return self.call("getOrchestrationState", instance_id)

    def status(self, instance_id):
        return self.state(instance_id)["runtimeStatus"]

    def begun(self, instance_id):
        """Wait until an instance has run its first turn."""
        return self.call("waitForOrchestrationStart", instance_id)

    def raise_event(self, instance_id, name="go", data=None):
        self.call("raiseOrchestrationEvent", instance_id, name, data)

    def history(self, instance_id):
        return self.call("getOrchestrationHistory", instance_id)

    def purge(self, *args):
        """Purge and return how many instances that were."""
        return self.call("purgeOrchestration", *args)["deletedInstanceCount"]

    def ids(self, **query):
        return [state["instanceId"] for state in self.call("getAllInstances", query)["items"]]

    def signal(self, key, operation, given=None, name="Counter", **options):
        args = [] if given is None and not options else [given]
        self.call("signalEntity", entity(key, name), operation, *args, *([options] if options else []))

    def entity(self, key, name="Counter"):
        return self.call("getEntity", entity(key, name))

    def total(self, key):
        found = self.entity(key)
        return found and found["state"]["total"]


def output_of(state):
    assert state["runtimeStatus"] == "COMPLETED", state
    return json.loads(state["serializedOutput"])


def kinds(history):
    return [event["type"] for event in history]


def numbered(history):
    """Return kind and id of each event."""
    return [(event["type"], event["eventId"]) for event in history]


def entity(key, name="Counter"):
    return {"$entity": [name, key]}


def status(*names):
    return [{"$status": name} for name in names]


def date(moment):
    return {"$date": moment.isoformat()}


def until(check):
    """Return what a check returns as soon as that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := check()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(POLL_S)
    return found
