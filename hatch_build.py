"""Makes the text that a package index shows of README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)[^)\s]+\)")


class Readme(MetadataHookInterface):
    """Leaves the words of links between files: an index has no other file, so they lead nowhere."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`, which pyproject.toml says is dynamic."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": _RELATIVE.sub(r"\1", text)}
