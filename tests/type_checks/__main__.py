"""Runs Pyright, and mypy with and without pydantic's plugin, over the public API and the README.

All three are as strict as they can be. They run at the same time, since each mostly waits for
itself; mypy keeps a cache for each of its two ways.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.documents import blocks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

PYRIGHT = {
    "typeCheckingMode": "strict",
    "enableTypeIgnoreComments": False,  # those are mypy's
    "reportUnnecessaryTypeIgnoreComment": "error",
    "reportDuplicateImport": "none",  # each block of the README imports what it needs
    "extraPaths": [str(ROOT)],
    "pythonVersion": "3.11",
}
MYPY = "[mypy]\nstrict = true\npython_version = 3.11\nenable_error_code = ignore-without-code\n"
PLUGIN = "plugins = pydantic.mypy\n"
INIT = "[pydantic-mypy]\ninit_forbid_extra = true\ninit_typed = true\n"


def readme():
    """The README's blocks as one module."""
    python = [b for b in blocks((ROOT / "README.md").read_text("utf-8")) if b.language == "python"]
    return "\n\n".join(block.text for block in python) + "\n"


def checkers(folder):
    """The name of each checker -> its command."""
    (folder / "readme.py").write_text(readme())
    (folder / "public_api.py").write_text((HERE / "public_api.py").read_text())
    files = [str(folder / "readme.py"), str(folder / "public_api.py")]
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    commands = {
        "pyright": [
            *("basedpyright", "--project", str(folder), "--pythonpath", sys.executable),
            *("--level", "error"),
        ]
    }
    for name, text in {"mypy": MYPY, "mypy with pydantic's plugin": MYPY + PLUGIN + INIT}.items():
        config = folder / f"{name.replace(' ', '-')}.ini"
        config.write_text(text)
        cache = ROOT / ".mypy_cache" / config.stem
        commands[name] = ["mypy", "--config-file", str(config), "--cache-dir", str(cache), *files]
    return {name: [sys.executable, "-m", *command] for name, command in commands.items()}


def main():
    """Return how many of the checkers found something."""
    with tempfile.TemporaryDirectory() as name:
        running = {
            checker: subprocess.Popen(command, cwd=name, stdout=subprocess.PIPE, text=True)
            for checker, command in checkers(Path(name)).items()
        }
        said = {
            checker: (process.communicate()[0], process) for checker, process in running.items()
        }
    failed = {checker: text for checker, (text, process) in said.items() if process.returncode}
    for checker, text in failed.items():
        print(f"{checker}:\n{text.replace(name + '/', '')}")  # noqa: T201
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
