"""Reads the documents: their code blocks, tables, links and headings; and runs the blocks."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

EXAMPLE_HOST = "https://my-ep.eastus2.inference.ml.azure.com"
EXAMPLE_KEY = "..."

_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+) -->")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title, and the line on which its text begins."""

    language: str
    words: str
    text: str
    line: int
    reason: str = ""
    """Why it is not run."""


def blocks(text):
    """The fenced blocks of a document, in order."""
    found, lines, start = [], text.splitlines(), None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        language, _, words = lines[start][3:].partition(" ")
        words = words.removeprefix('title="').removesuffix('"')
        above = next((one for one in reversed(lines[:start]) if one.strip()), "")
        not_run = _NOT_RUN.fullmatch(above.strip())
        body = "\n".join(lines[start + 1 : number])
        reason = not_run["reason"] if not_run else ""
        found.append(Block(language, words, body, start + 2, reason))
        start = None
    assert start is None, f"the block of line {start} has no end"
    return found


def with_endpoint(text, endpoint):
    """The text of a block, with a running endpoint in the place of the example's."""
    text = text.replace(EXAMPLE_HOST, endpoint.url)
    text = text.replace(f'"{EXAMPLE_KEY}"', json.dumps(endpoint.api_key))
    return text.replace(f"_API_KEY={EXAMPLE_KEY}", f"_API_KEY={endpoint.api_key}")


def run_document(path, endpoint, setenv, read_output):
    """Run the Python blocks of a document in one namespace, and return how many there were.

    `export` lines of the bash blocks before them set the environment. A text block that comes right
    after a Python block is what that one prints; `…` in it stands for what differs each time.
    """
    namespace = {"__name__": "__main__"}
    every, ran = blocks(path.read_text(encoding="utf-8")), 0
    for block, following in zip(every, [*every[1:], None], strict=True):
        if block.reason:
            continue
        text = with_endpoint(block.text, endpoint)
        if block.language == "bash":
            for name, value in exports(text):
                setenv(name, value)
        elif block.language == "python":
            read_output()
            # The line numbers of a traceback are those of the document.
            code = compile("\n" * (block.line - 1) + text, str(path), "exec")
            exec(code, namespace)
            ran += 1
            printed = read_output().rstrip()
            expected = following.text.rstrip() if shows_output(following) else printed
            if not re.fullmatch(re.escape(expected).replace("…", "[^\n]+"), printed):
                wrong = f"line {block.line} of {path.name} prints\n{printed}"
                raise AssertionError(wrong)
    return ran


def shows_output(block):
    return block is not None and block.language == "text" and not block.reason


def commands(text):
    """The command lines of a bash block, as words."""
    joined = text.replace("\\\n", " ")
    return [words for line in joined.splitlines() if (words := shlex.split(line, comments=True))]


def exports(text):
    return [
        words[1].split("=", 1)
        for words in commands(text)
        if words[0] == "export" and "=" in words[1]
    ]


def prose(text):
    """A document without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def anchors(path):
    """What GitHub calls the headings of a document."""
    titles = re.findall(r"(?m)^#+ (.+)$", prose(path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(path):
    """The relative links of a document that lead nowhere."""
    broken = []
    for link in _LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def table(text, heading):
    """The rows of the table whose first column has this heading, each a list of cells."""
    rows, is_in = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not cells:
            is_in = False
        elif cells[0] == heading:
            is_in = True
        elif is_in and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


def section(text, title):
    """What stands between a heading and the next one of any level."""
    found = re.search(rf"(?ms)^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text)
    assert found, f"no section {title!r}"
    return found[1]


def code(cell):
    """The texts between backquotes."""
    return re.findall(r"`([^`]+)`", cell)


ROOT = Path(__file__).parents[2]
