"""Serves the web chat of the cookbook and talks to it in Chromium. As a command, takes its picture:

.venv/bin/python tests/docs/web_chat.py
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from contextlib import asynccontextmanager

import browser
import documents
import notebooks

PICTURE = documents.ROOT / "docs/pictures/web-chat.png"
PATIENCE_S = 60
QUESTIONS = ["What is CI?", "What did I ask first?"]

_LINES = '[...document.querySelectorAll("main p")].map(line => [line.className, line.textContent])'
_COMPLETE = """new Promise(done => {
    const look = () => document.querySelectorAll("p.model[data-complete]").length === COUNT
        ? done(true) : setTimeout(look, 10);
    look();
})"""


@asynccontextmanager
async def served():
    """The address of the notebook's server, run in this loop: its cells up to the first visit."""
    *cells, end = notebooks.code_cells(notebooks.read(notebooks.FOLDER / "web-chat.ipynb"))
    names = {"__name__": "__main__"}
    for cell in cells:
        await _run(cell.source, names)
        if "address" in names:
            break
    try:
        yield names["address"]
    finally:
        await _run(end.source, names)


async def _run(source, names):
    code = compile(source, "web-chat", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    result = eval(code, names)
    if inspect.isawaitable(result):
        await result


async def talk(page, address):
    """Type the questions, and return what then stands on the page."""
    await page.look(560, "light", height=400)
    await page.open(address)
    await page.tell("Page.bringToFront")
    for count, question in enumerate(QUESTIONS, 1):
        await page.ask('document.querySelector("input").focus()')
        await page.tell("Input.insertText", text=question)
        for kind in ("keyDown", "keyUp"):
            await page.tell("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r")
        async with asyncio.timeout(PATIENCE_S):
            await page.ask(_COMPLETE.replace("COUNT", str(count)))
    return await page.ask(_LINES)


async def main():
    async with served() as address, browser.page(browser.program()) as page:
        await talk(page, address)
        await page.save(PICTURE)


if __name__ == "__main__":
    asyncio.run(main())
