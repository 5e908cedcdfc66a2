"""Writes `llms.txt`: what each page of the site is about, in the order of its navigation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_ABOUT: dict[str, str] = {}


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Keep the first paragraph of a page."""
    first = re.search(r"(?s)<p>(.*?)</p>", html)
    _ABOUT[page.file.src_uri] = " ".join(re.sub("<[^>]+>", "", first[1]).split()) if first else ""
    return html


def on_post_build(config: Any, **_: Any) -> None:
    """Write the file beside the pages."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}"]
    for part in config.nav:
        for title, pages in part.items():
            lines += ["", f"## {title}", ""]
            for entry in pages:
                for name, path in entry.items():
                    url = path.removesuffix("index.md").removesuffix(".md")
                    where = f"{url}/" if url else "./"
                    lines.append(f"- [{name}]({where}): {_ABOUT[path]}".removesuffix(": "))
    Path(config.site_dir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
