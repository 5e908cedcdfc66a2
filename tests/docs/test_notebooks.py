"""The notebooks of the cookbook run, print what they hold, and say what they are there to show."""

from __future__ import annotations

import notebooks
import pytest

SAYS = {
    "quickstart": ["asked for None: blue answered", "asked for green: green answered", "1 request"],
    "from-promptflow": [
        "Obey me.",
        "2 turns were sent",
        "echo: Hello from a flow",
        "asked for green",
        "echo: Hello again",
        "'max_new_tokens': 500",
    ],
    "from-langchain-community": [
        "echo: What is CI?",
        "AzureMLOSSChatModel(endpoint_url=..., ",
        "from green",
    ],
    "rag": ["1 request for 5 notes", "0.33 museum.md", "bus.md", "pool.md"],
    "bulk-scoring": [
        "7 of 8 rows have an answer",
        "Failed: 1 ContentFilterError",
        "7 of them by an earlier run",
        "1 request",
        "The page is report.html.",
    ],
    "rollout": ["Counter({'blue': 45, 'green': 5})", "green 503\nblue 200", "NotFoundError 404"],
    "observability": [
        "POST 429\nPOST 200",
        "POST in job",
        "output_tokens 4",
        "key in a span: False",
        "llm - AzureMLOSSChatModel",
    ],
    "extraction": ["4 of 4 were read", "David", "sure"],
    "web-chat": ["You asked 2 questions. The first one was: What is CI?"],
    "agents": [
        "That makes 20.",
        "[400, 200, 200, 200]",
        "value=20",
        "You asked for (2 + 3) * 4.",
        "calls add {'a': 2, 'b': 3}\n5",
    ],
}
"""Notebook -> what it prints, among other things."""

AFTER = "\n\n.venv/bin/python tests/docs/notebooks.py NAME keeps what a notebook prints now"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.model] if notebooks.needs_model(path) else [])
        for path in notebooks.PATHS
    ],
    ids=lambda path: path.stem,
)
def test_a_notebook_prints_what_it_holds(path, tmp_path):
    kept, run = notebooks.read(path), notebooks.run(path, tmp_path)
    said = notebooks.said(run)
    assert [one for one in SAYS[path.stem] if one not in said] == []
    for old, new in zip(notebooks.code_cells(kept), notebooks.code_cells(run), strict=True):
        assert notebooks.shown(new) == notebooks.shown(old), old.source + AFTER


@pytest.mark.parametrize("path", notebooks.PATHS, ids=lambda path: path.stem)
def test_a_notebook_holds_the_outputs_of_one_run(path):
    cells = notebooks.code_cells(notebooks.read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(one.output_type == "error" for cell in cells for one in cell.outputs)
    assert "127.0.0.1:" not in path.read_text(encoding="utf-8")
