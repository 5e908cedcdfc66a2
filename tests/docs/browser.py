"""Chromium without a window, told what to do over its own protocol. Nothing is installed for it."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_INSTALL = (
    "no Chromium was found, and the pages of the documents are looked at in one. Install it"
    " (apt-get install chromium), or say where it is (CHROMIUM=/path/to/chrome); make test"
    " ARGS='-m \"not browser\"' leaves these tests out"
)


def program():
    """The path of a Chromium; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self._last = 0
        self.problems = []
        """What the page wrote to the console as an error, threw, or could not load."""

    async def tell(self, method, **params):
        """Send a command, and return its result. What happens meanwhile is noted."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while (said := await self._socket.receive_json()).get("id") != self._last:
            self._note(said)
        assert "error" not in said, said
        return said["result"]

    async def open(self, url):
        """Go to a page, and wait until it is loaded."""
        await self.tell("Page.navigate", url=url)
        while (said := await self._socket.receive_json()).get("method") != "Page.loadEventFired":
            self._note(said)

    async def ask(self, expression):
        """The value of a JavaScript expression; of a promise, what it resolves to."""
        said = await self.tell(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def look(self, width, scheme, height=900):
        """Take a width in pixels, and `light` or `dark`."""
        await self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.tell(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    async def save(self, path):
        """Write a picture of what is seen."""
        said = await self.tell("Page.captureScreenshot", format="png")
        Path(path).write_bytes(base64.b64decode(said["data"]))  # noqa: ASYNC240 -- a picture

    def _note(self, said):
        params = said.get("params", {})
        match said.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] == "error":
                self.problems.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.problems.append(params["entry"]["text"])


@asynccontextmanager
async def page(chromium):
    """A tab of a browser that is started for it, and ended after it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking"),
            *("--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with aiohttp.ClientSession() as session:
                tab = await _tab(session, await _port(process))
                async with session.ws_connect(tab, max_msg_size=0) as socket:
                    made = Page(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await made.tell(f"{domain}.enable")
                    yield made
        finally:
            process.kill()
            await process.communicate()


async def _port(process):
    """The port that the browser says it listens on."""
    said = b""
    async for line in process.stderr:
        said += line
        if line.startswith(b"DevTools listening on"):
            return int(line.split(b":")[2].split(b"/")[0])
    raise AssertionError(said.decode(errors="replace"))


async def _tab(session, port):
    while True:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
            for target in await response.json():
                if target["type"] == "page":
                    return target["webSocketDebuggerUrl"]
        await asyncio.sleep(0.05)
