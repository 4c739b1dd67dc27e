"""A page in a headless Chromium that is used by script: what is evaluated in it, by its DevTools."""

import asyncio
import contextlib
import re
import subprocess
import tempfile

import aiohttp

FILL = """((name, value) => {
  const field = document.querySelector(`input[name="${name}"]`);
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
  field.dispatchEvent(new Event("input", {bubbles: true}));
})"""
PRESS = """(text => [...document.querySelectorAll("button")].find(one => one.textContent.trim() === text).click())"""


class Page:
    """A page in a browser of its own. Use it as a context."""

    def __init__(self, browser, url):
        self._words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._url, self._number = url, 0
        self._loop = asyncio.new_event_loop()
        self._exits = contextlib.ExitStack()

    def __enter__(self):
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._process = subprocess.Popen(
            [*self._words, f"--user-data-dir={folder}", self._url], stderr=subprocess.PIPE, text=True
        )
        found = (re.search(r"ws://([^/]+)/", line) for line in self._process.stderr)
        self._address = next(match[1] for match in found if match)
        self._do(self._open())
        return self

    def __exit__(self, *_):
        self._do(self._session.close())
        self._process.terminate()
        self._process.communicate()
        self._loop.close()
        self._exits.close()

    def evaluate(self, script):
        """Return the value of an expression in the page."""
        return self._do(self._evaluate(script))

    def text(self):
        """Return what the page shows."""
        return self.evaluate("document.body.innerText") or ""

    def fill(self, name, value):
        """Write into a field."""
        self.evaluate(f"{FILL}({name!r}, {value!r})")

    def press(self, text):
        """Press a button."""
        self.evaluate(f"{PRESS}({text!r})")

    def _do(self, what):
        return self._loop.run_until_complete(what)

    async def _open(self):
        self._session = aiohttp.ClientSession()
        while True:
            async with self._session.get(f"http://{self._address}/json") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            if pages:
                break
            await asyncio.sleep(0.05)
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"])

    async def _evaluate(self, script):
        self._number += 1
        parameters = {"expression": script, "awaitPromise": True, "returnByValue": True}
        await self._socket.send_json({"id": self._number, "method": "Runtime.evaluate", "params": parameters})
        async for message in self._socket:
            answer = message.json()
            if answer.get("id") == self._number:
                return answer["result"]["result"].get("value")
        return None
