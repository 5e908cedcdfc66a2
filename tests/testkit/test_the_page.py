"""The tests that docs/testing.md shows pass, in a suite as the page says to make it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import documents

from langchain_azureml_oss.local import LocalEndpoint

assert LocalEndpoint  # imported before the suite is run, which forgets what it has imported
pytest_plugins = ["pytester"]


def shown():
    page = (documents.ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    return [block for block in documents.blocks(page) if block.language == "python"]


@pytest.mark.parametrize("configured", [False, True])
def test_the_tests_of_the_page_pass(pytester, configured):
    tests = [block.text for block in shown() if "def test_" in block.text]
    [conftest] = [block.text for block in shown() if block.words == "conftest.py"]
    pytester.makepyfile("\n\n".join(tests))
    pytester.makeconftest(conftest if configured else "")
    ran = pytester.runpytest_inprocess("-p", "no:asyncio", "--strict-markers", "-W", "error")
    ran.assert_outcomes(passed=len(tests))
    assert len(tests) == 3
