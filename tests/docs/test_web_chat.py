"""The web chat of the cookbook, in a browser: it answers, remembers, and shows text as text."""

from __future__ import annotations

import aiohttp
import browser
import pytest
import web_chat

pytestmark = pytest.mark.browser


@pytest.fixture
def chromium():
    return browser.program() or pytest.fail(browser.HOW_TO_INSTALL)


async def test_a_visitor_is_answered_and_remembered(chromium, tmp_path):
    async with web_chat.served() as address, browser.page(chromium) as page:
        assert await web_chat.talk(page, address) == [
            ["you", "What is CI?"],
            ["model", "CI builds and tests each change as soon as it is made."],
            ["you", "What did I ask first?"],
            ["model", "You asked 2 questions. The first one was: What is CI?"],
        ]
        await page.save(tmp_path / "seen.png")
        assert page.problems == []
    assert (tmp_path / "seen.png").stat().st_size > 1000
    assert web_chat.PICTURE.read_bytes()[:4] == b"\x89PNG"


async def test_what_a_visitor_writes_stays_text(chromium, monkeypatch):
    asked = "<img src=x onerror=alert(1)>"
    monkeypatch.setattr(web_chat, "QUESTIONS", [asked, asked])
    async with web_chat.served() as address, browser.page(chromium) as page:
        lines = await web_chat.talk(page, address)
        assert lines[0] == ["you", asked]
        assert asked in lines[3][1]
        assert await page.ask('document.querySelectorAll("img").length') == 0
        assert page.problems == []


async def test_two_visitors_share_no_memory_and_a_stranger_has_none():
    async with web_chat.served() as address:
        for _ in range(2):
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(address, cookie_jar=jar) as visitor:
                await visitor.get("/")
                async with visitor.post("/answer", json={"question": "Hello"}) as response:
                    assert (await response.text()).startswith("CI builds")
        async with (
            aiohttp.ClientSession(address) as stranger,
            stranger.post("/answer", json={"question": "Hello"}) as response,
        ):
            assert response.status == 403
