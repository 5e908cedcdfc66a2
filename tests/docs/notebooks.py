"""Runs the notebooks of the cookbook. As a command, keeps what they print:

.venv/bin/python tests/docs/notebooks.py [NAME ...]
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import documents
import nbclient
import nbformat

FOLDER = documents.ROOT / "cookbook"
BIN = Path(sys.executable).parent
PATHS = sorted(FOLDER.glob("*.ipynb"))
MODEL_WORDS = "model-words"
"""The tag of a cell that prints a real model's words: another processor may give others."""

VARIES = "varies"
"""The tag of a cell that prints seconds or ids: all else stays the same."""

_VARYING = re.compile(r"(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|[\d.\s])+")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def needs_model(path):
    return "smollm2" in path.read_text(encoding="utf-8")


def run(path, folder):
    """A notebook with the outputs of a run in this folder."""
    notebook = read(path)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        record_timing=False,
    )
    # A user's shell finds the command where this Python is.
    client.execute(env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"})
    for cell in code_cells(notebook):
        # Two streams have no order between them.
        cell.outputs.sort(key=lambda one: one.get("name") != "stderr")
    # What the kernel says about itself is another one on each machine.
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def shown(cell):
    """What stands below a cell and is the same in each run."""
    tags = cell.metadata.get("tags", [])
    if MODEL_WORDS in tags:
        return [one.get("name", one.output_type) for one in cell.outputs]
    texts = [one.get("text") or one.get("data") for one in cell.outputs]
    return [_VARYING.split(text) for text in texts] if VARIES in tags else texts


def said(notebook):
    """All the text that stands below the cells."""
    outputs = [one for cell in code_cells(notebook) for one in cell.outputs]
    return "".join(one.get("text") or one.data.get("text/plain", "") for one in outputs)


def main(names):
    for path in PATHS:
        if not names or path.stem in names:
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(run(path, folder), path)


if __name__ == "__main__":
    main(sys.argv[1:])
