"""A debugger as an editor is one: a client of the Debug Adapter Protocol, on a socket."""

import itertools
import json
import queue
import socket
import threading

ANSWER_TIMEOUT_S = 60
GREETING_TIMEOUT_S = 15
CONNECTIONS = 3


class DebugClient:
    """Attached to a process. Each call waits for its answer; `event` waits for what the adapter sends by itself."""

    def __init__(self, port, **attach):
        self._numbers = itertools.count(1)
        self._answers, self._events = queue.Queue(), queue.Queue()
        self._seen = []
        self._connect(port)
        # Answered when the configuration is done.
        self._attached = self._send("attach", {"justMyCode": True, **attach})
        self.event("initialized")

    def _connect(self, port):
        """Connect until the adapter answers: seen once in 30 runs, it left a connection to a new process unanswered."""
        for _ in range(CONNECTIONS):
            self._socket = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=self._read, args=[self._socket.makefile("rb")], daemon=True).start()
            number = self._send("initialize", {"adapterID": "debugpy", "linesStartAt1": True, "pathFormat": "path"})
            try:
                self._answer(number, GREETING_TIMEOUT_S)
            except queue.Empty:
                self._socket.close()
            else:
                return
        raise AssertionError(f"the adapter at port {port} does not answer")

    def break_at(self, path, line, condition=None):
        """Set a breakpoint and let the process run."""
        at = {"line": line, **({"condition": condition} if condition else {})}
        self.call("setBreakpoints", source={"path": str(path)}, breakpoints=[at])
        self.run()

    def run(self):
        self.call("configurationDone")

    def call(self, command, **arguments):
        return self._answer(self._send(command, arguments), ANSWER_TIMEOUT_S)

    def _answer(self, number, timeout_s):
        while True:
            answer = self._answers.get(timeout=timeout_s)
            if answer["request_seq"] == number:
                assert answer["success"], answer
                return answer.get("body", {})

    def event(self, name):
        """Return the body of the next event of this name."""
        for event in list(self._seen):
            if event["event"] == name:
                self._seen.remove(event)
                return event.get("body", {})
        while (event := self._events.get(timeout=ANSWER_TIMEOUT_S))["event"] != name:
            self._seen.append(event)
        return event.get("body", {})

    def stopped_in(self):
        """Wait for a breakpoint; return its thread, the innermost frame's name and line, and its local variables."""
        thread = self.event("stopped")["threadId"]
        frame = self.call("stackTrace", threadId=thread)["stackFrames"][0]
        scopes = self.call("scopes", frameId=frame["id"])["scopes"]
        found = self.call("variables", variablesReference=scopes[0]["variablesReference"])["variables"]
        return thread, frame["name"], frame["line"], {one["name"]: one["value"] for one in found}

    def close(self):
        """Detach, so that the process continues without a debugger."""
        self._send("disconnect", {"terminateDebuggee": False})
        self._socket.close()

    def _send(self, command, arguments):
        number = next(self._numbers)
        body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return number

    def _read(self, file):
        try:
            while line := file.readline():
                length = int(line.split(b":")[1])
                file.readline()
                message = json.loads(file.read(length))
                (self._events if message["type"] == "event" else self._answers).put(message)
        except (OSError, ValueError):
            return
