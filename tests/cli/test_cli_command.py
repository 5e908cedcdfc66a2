"""The command as such."""

from __future__ import annotations

import subprocess
import sys

import pytest

from langchain_azureml_oss import __version__


def test_version(command):
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"langchain-azureml-oss {__version__}\n")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("chat", "--help"), ("serve", "-h")])
def test_help(run, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Usage: " in result.stdout


def test_help_names_every_command(run):
    shown = run("--help").stdout
    assert "chat" in shown
    assert "serve" in shown


def test_no_command(run):
    result = run()
    assert result.exit_code == 2
    assert "Usage: " in result.output


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = ['--version']\n"
        "from langchain_azureml_oss.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert 'pip install "langchain-azureml-oss[cli]"' in done.stderr


def test_help_does_not_wait_for_heavy_imports():
    code = (
        "import sys\n"
        "from langchain_azureml_oss.cli.app import build_app; build_app()\n"
        "slow = {'langchain_azureml_oss.chat_models', 'aiohttp', 'requests', 'pydantic_settings'}\n"
        "sys.exit(', '.join(slow & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert done.stderr.strip() == ""
