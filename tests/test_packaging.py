"""The wheel and the sdist, built without a network, hold what they should."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import langchain_azureml_oss

ROOT = Path(langchain_azureml_oss.__file__).parents[1]
VERSION = langchain_azureml_oss.__version__
NEEDED = [
    *("Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"),
    *("mkdocs.yml", "pyproject.toml", "requirements.lock", "requirements.bootstrap.lock"),
    *("requirements.bench.lock", "bench/run.py", "cookbook/quickstart.ipynb"),
    *("tests/conftest.py", "tests/type_checks/public_api.py", "docs/stylesheets/extra.css"),
    *(".github/ISSUE_TEMPLATE/bug.yml", "hatch_build.py"),
]
"""What the sdist's tests read, and its Makefile's targets use."""
SUFFIXES = {".py", ".md", ".json", ".typed", ".ipynb", ".png", ".svg"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_sdist_holds_what_its_tests_and_documents_need(built):
    with tarfile.open(built / f"langchain_azureml_oss-{VERSION}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert [name for name in NEEDED if name not in names] == []
    package = {
        path.relative_to(ROOT).as_posix()
        for folder in ("langchain_azureml_oss", "tests", "docs", "cookbook")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in SUFFIXES
    }
    assert sorted(package - names) == []
    assert not any(name.startswith((".venv", ".git/", "site/")) for name in names)


def test_the_tests_and_documents_of_the_sdist_can_be_collected(built, tmp_path):
    """From its own files alone: what is read while these are collected is in it."""
    with tarfile.open(built / f"langchain_azureml_oss-{VERSION}.tar.gz") as sdist:
        sdist.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    reading = ["tests/docs", "tests/contracts", "tests/families", "tests/test_architecture.py"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *reading]
    said = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert said.returncode == 0, said.stdout[-2000:]
    assert "tests/docs/test_documents.py::" in said.stdout
    where = [sys.executable, "-c", "import langchain_azureml_oss as it; print(it.__file__)"]
    imported = subprocess.run(where, check=True, capture_output=True, text=True, cwd=folder).stdout
    assert imported.startswith(str(folder))


def test_the_readme_of_a_package_index_has_no_link_that_leads_nowhere(built):
    with zipfile.ZipFile(built / f"langchain_azureml_oss-{VERSION}-py3-none-any.whl") as wheel:
        name = f"langchain_azureml_oss-{VERSION}.dist-info/METADATA"
        shown = wheel.read(name).decode().partition("\n\n")[2]
    links = re.findall(r"\]\(([^)]+)\)", shown)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert shown.strip() == re.sub(r"\[([^]]+)\]\((?!https:|#)[^)]+\)", r"\1", readme).strip()


def test_the_wheel_holds_the_package_alone_and_works(built, tmp_path):
    wheel = built / f"langchain_azureml_oss-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"langchain_azureml_oss", f"langchain_azureml_oss-{VERSION}.dist-info"}
    assert "langchain_azureml_oss/py.typed" in names
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, chat_models\n"
        "import langchain_azureml_oss.cli\n"
        "print(chat_models.__file__)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert said.stdout.startswith(str(tmp_path))
