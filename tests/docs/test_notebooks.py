"""The notebooks of the cookbook run, say what they are there to show, and hold no outputs."""

from __future__ import annotations

import documents
import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((documents.ROOT / "cookbook").glob("*.ipynb"))
SAYS = {
    "quickstart": ["asked for None: blue answered", "asked for green: green answered", "1 request"],
    "from-promptflow": [
        "Obey me.",
        "2 turns were sent",
        "echo: Hello from a flow",
        "asked for green",
    ],
    "from-langchain-community": [
        "echo: What is CI?",
        "AzureMLOSSChatModel(endpoint_url=..., ",
        "from green",
    ],
    "agents": [
        "That makes 20.",
        "[400, 200, 200, 200]",
        "value=20",
        "You asked for (2 + 3) * 4.",
    ],
}
"""Notebook -> what it prints, among other things."""


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.model] if "smollm2" in path.read_text() else [])
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs(path, tmp_path):
    notebook = read(path)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert [said for said in SAYS[path.stem] if said not in printed] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(path):
    kept = [(cell.outputs, cell.execution_count) for cell in code_cells(read(path))]
    assert kept == [([], None)] * len(kept)
    assert kept
