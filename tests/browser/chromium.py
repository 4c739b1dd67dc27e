"""A page in a headless Chromium that is used by script: what is evaluated in it, by its DevTools."""

import asyncio
import base64
import contextlib
import re
import subprocess
import tempfile

import aiohttp

BLANK = "about:blank"
FILL = """((name, value) => {
  const field = document.querySelector(`input[name="${name}"]`);
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
  field.dispatchEvent(new Event("input", {bubbles: true}));
})"""
PRESS = """(text => [...document.querySelectorAll("button")].find(one => one.textContent.trim() === text).click())"""


class Page:
    """A page in a browser of its own. Use it as a context."""

    def __init__(self, browser, url, *, width=None, dark=False):
        self._words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._url, self._number = url, 0
        self._width, self._scheme = width, "dark" if dark else "light"
        self.problems = []
        """What the browser's console complains of: scripts that fail, and what a page's policy forbids."""
        self.asked = []
        """The URLs that the page has asked for since it was shown."""
        self._loop = asyncio.new_event_loop()
        self._exits = contextlib.ExitStack()

    def __enter__(self):
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._process = subprocess.Popen(
            [*self._words, f"--user-data-dir={folder}", BLANK], stderr=subprocess.PIPE, text=True
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

    def show(self, url, width, *, dark=False):
        """Go to another page, in a window of this width, light or dark, and watch what it asks for."""
        self._do(self._command("Network.enable"))
        self._width, self._scheme = width, "dark" if dark else "light"
        self.asked.clear()
        self._do(self._go(url))
        while self.evaluate("[location.href, document.readyState].join(' ')") != f"{url} complete":
            pass

    def point_at(self, x, y):
        """Move the mouse to a place in the window."""
        self._do(self._command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y))

    def picture(self):
        """Return a picture of the whole page, as PNG."""
        shot = self._do(self._command("Page.captureScreenshot", captureBeyondViewport=True))
        return base64.b64decode(shot["data"])

    def act(self, script):
        """Do something as a person does: where it leads is an entry of its own in the browser's history."""
        self._do(self._command("Runtime.evaluate", expression=script, userGesture=True))

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
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        for domain in ("Log", "Runtime", "Page"):
            await self._command(f"{domain}.enable")
        await self._go(self._url)

    async def _go(self, url):
        if self._width:
            size = {"width": self._width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            await self._command("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": self._scheme}
        await self._command("Emulation.setEmulatedMedia", features=[scheme])
        await self._command("Page.navigate", url=url)

    async def _evaluate(self, script):
        answer = await self._command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer.get("result", {}).get("value")

    async def _command(self, method, **parameters):
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async for message in self._socket:
            answer = message.json()
            if answer.get("id") == self._number:
                return answer.get("result", {})
            self._note(answer)
        return {}

    def _note(self, event):
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(event["params"]["exceptionDetails"]["exception"].get("description"))
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(event["params"]["request"]["url"])
        if event.get("method") == "Log.entryAdded":
            self.problems.append(event["params"]["entry"]["text"])
