"""The site has a page of each notebook, with its outputs, and links that lead there."""

from __future__ import annotations

import importlib.util
import re

import documents
import notebooks
import pytest

DOCS = documents.ROOT / "docs"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("notebook_pages", DOCS / "notebook_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", notebooks.PATHS, ids=lambda path: path.stem)
def test_a_page_has_all_of_its_notebook(path, pages):
    notebook, page = notebooks.read(path), pages.page_of(path)
    assert [cell.source for cell in notebooks.code_cells(notebook) if cell.source not in page] == []
    assert notebooks.said(notebook).splitlines()[-1] in page
    assert "](../docs/" not in page
    assert page.startswith("# ")


def test_every_notebook_is_in_the_list_and_in_the_navigation():
    names = {path.stem for path in notebooks.PATHS}
    listed = re.findall(r"\(\.\./cookbook/([\w-]+)\.ipynb\)", (DOCS / "cookbook.md").read_text())
    shown = re.findall(r": cookbook/([\w-]+)\.md", (documents.ROOT / "mkdocs.yml").read_text())
    assert len(names) == 10
    assert sorted(listed) == sorted(shown) == sorted(names)


@pytest.mark.parametrize(
    ("written", "on_the_site"),
    [
        ("[a](../cookbook/rag.ipynb)", "[a](cookbook/rag.md)"),
        ("[a](../../cookbook/web-chat.ipynb)", "[a](../cookbook/web-chat.md)"),
        ("[a](../SECURITY.md)", "[a](../SECURITY.md)"),
    ],
)
def test_a_link_to_a_notebook_leads_to_its_page(written, on_the_site, pages):
    assert pages.on_page_markdown(written) == on_the_site
