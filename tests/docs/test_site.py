"""The site, built and looked at in a browser: on a phone and on a desk, by day and by night."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag

import browser
import documents
import pytest

pytestmark = pytest.mark.browser

WIDTHS = (390, 1280)
SCHEMES = {"light": "default", "dark": "slate"}

SEEN = """({
    scheme: document.body.dataset.mdColorScheme,
    over: document.documentElement.scrollWidth - innerWidth,
    cut: [...document.querySelectorAll("td code")].filter(
        name => name.getClientRects().length > 1).map(name => name.textContent),
    covered: [...document.querySelectorAll(".md-code__button, .md-clipboard")].filter(
        button => {
            const code = button.closest("pre").querySelector("code");
            const [at, text] = [button, code].map(one => one.getBoundingClientRect());
            return at.width && at.left < text.right && at.top < text.bottom;
        }).length,
    ink: getComputedStyle(document.querySelector(".md-content p, .md-content li")).color,
    paper: getComputedStyle(document.body).backgroundColor,
})"""
LINKS = '[...document.querySelectorAll("a[href]")].map(one => one.href)'
ANCHORS = '[...document.querySelectorAll("[id]")].map(one => one.id)'


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and its address while it is served."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(folder)],
        cwd=documents.ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def chromium():
    found = browser.program()
    if not found:
        pytest.fail(browser.HOW_TO_INSTALL)
    return found


def pages(folder):
    """The addresses of the site's pages, below its root."""
    found = (path.parent.relative_to(folder).as_posix() for path in folder.rglob("index.html"))
    return sorted("/" if name == "." else f"/{name}/" for name in found)


def brightness(colour):
    """The relative luminance of a CSS colour (WCAG 2)."""
    numbers = colour[colour.index("(") + 1 : -1].split(",")[:3]
    parts = [float(number) / 255 for number in numbers]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


async def test_every_page_is_good_to_read(site, chromium):
    folder, root = site
    wrong, links, anchors = [], {}, {}
    async with browser.page(chromium) as page:
        for number, path in enumerate(pages(folder)):
            # Each page in both widths and both schemes, and all four pairs among the pages.
            schemes = ("light", "dark") if number % 2 else ("dark", "light")
            for width, scheme in zip(WIDTHS, schemes, strict=True):
                await page.look(width, scheme)
                await page.open(root + path)
                problems = faults(await page.ask(SEEN), scheme)
                if problems:
                    wrong.append((path, width, scheme, problems))
            links[path], anchors[path] = await page.ask(LINKS), set(await page.ask(ANCHORS))
            wrong += [(path, problem) for problem in page.problems]
            page.problems.clear()
    assert wrong == [], "\n".join(map(str, wrong))
    assert broken(links, anchors, root, folder) == []
    assert len(links) > 30


def faults(seen, scheme):
    """What is wrong with what was seen of a page."""
    found = {key: seen[key] for key in ("over", "cut", "covered") if seen[key]}
    if seen["scheme"] != SCHEMES[scheme]:
        found["scheme"] = seen["scheme"]
    if contrast(seen["ink"], seen["paper"]) < 4.5:
        found["contrast"] = (seen["ink"], seen["paper"])
    return found


def broken(links, anchors, root, folder):
    """Links within the site that lead to no page, file or heading."""
    found = []
    for path, urls in links.items():
        for url in urls:
            page, anchor = urldefrag(url)
            if not page.startswith(root):
                continue
            target = page.removeprefix(root) or "/"
            is_there = target in anchors or (folder / target.lstrip("/")).is_file()
            if not is_there or (anchor and target in anchors and anchor not in anchors[target]):
                found.append((path, url.removeprefix(root)))
    return found


def test_a_broken_link_is_found(tmp_path):
    links = {"/": ["http://a/x/#one", "http://a/x/#two", "http://a/y/", "http://b/z"]}
    anchors = {"/": set(), "/x/": {"one"}}
    found = broken(links, anchors, "http://a", tmp_path)
    assert found == [("/", "/x/#two"), ("/", "/y/")]


async def test_what_is_wrong_with_a_page_is_found(tmp_path, chromium):
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<body><p style='width: 3000px'>wide</p><script>console.error('no'); gossip()</script>"
    )
    async with browser.page(chromium) as page:
        await page.look(390, "light")
        await page.open(wrong.as_uri())
        assert await page.ask("document.documentElement.scrollWidth") >= 3000
        assert len(page.problems) == 2


def test_models_that_read_get_a_list_of_the_pages(site):
    folder, _ = site
    text = (folder / "llms.txt").read_text()
    for part in ("Start", "Guides", "Reference", "Background"):
        assert f"\n## {part}\n" in text
    listed = {line.split("](")[1].split(")")[0] for line in text.splitlines() if "](" in line}
    assert {"/" + name.removeprefix("./") for name in listed} == set(pages(folder))


def test_a_machine_without_a_browser_is_told(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(Path(__file__).parent))
    assert browser.program() is None
    assert "apt-get install chromium" in browser.HOW_TO_INSTALL
