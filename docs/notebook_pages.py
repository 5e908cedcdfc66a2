"""Makes a page of each notebook of the cookbook, as it was kept: its words, code and outputs.

The documents link to the notebooks themselves; on the site these links lead to the pages.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).parents[1] / "cookbook"
_LINK = re.compile(r"\]\(((?:\.\./)*)\.\./cookbook/([\w-]+)\.ipynb\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages, at `cookbook/`."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        files.append(File.generated(config, f"cookbook/{path.stem}.md", content=page_of(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead the links to notebooks to their pages: `docs/` is the root of the site."""
    return _LINK.sub(r"](\1cookbook/\2.md)", markdown)


def page_of(path: Path) -> str:
    """A notebook as Markdown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = [part for cell in cells for part in _parts(cell)]
    parts.append(f"This page is the notebook `cookbook/{path.name}` of the repository.")
    return "\n\n".join(parts) + "\n"


def _parts(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        # The notebooks see the pictures from beside `docs/`, the pages from inside.
        return [source.replace("](../docs/", "](../")]
    shown = ("".join(one.get("text") or one["data"]["text/plain"]) for one in cell["outputs"])
    language = "bash" if source.startswith("%%bash") else "python"
    return [_fenced(language, source), *(_fenced("text", text.rstrip()) for text in shown)]


def _fenced(language: str, text: str) -> str:
    return f"````{language}\n{text}\n````"
