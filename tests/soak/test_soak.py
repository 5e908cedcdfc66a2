"""The short form of the soak: in a process of its own, since it measures memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .endpoint import Traffic
from .load import Figures

ROOT = Path(__file__).parents[2]


def test_a_short_soak_finds_nothing_wrong():
    short = ["--calls", "1500", "--at-once", "100", "--max-connections", "20", "--warm-up", "1000"]
    command = [sys.executable, "-m", "tests.soak", *short]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "belong to their question: 1,500\n" in done.stdout
    assert "most connections: 20 (max_connections=20)" in done.stdout


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"wrong": ["question 1: echo: question 2"]}, "question 2"),
        ({"growth": 5.0}, "5.0 MiB"),
        ({"descriptors": 1}, "1 file descriptors"),
        ({"traffic": Traffic(9, 1, 21, 20)}, "21 requests"),
        ({"traffic": Traffic(9, 1, 20, 21)}, "21 connections"),
        ({"traffic": Traffic(9, 0, 20, 20)}, "no fault"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_not_as_promised_is_said(figures, words):
    good = {"wrong": [], "growth": 4.9, "descriptors": 0, "traffic": Traffic(9, 1, 20, 20)}
    common = {"calls": 9, "at_once": 9, "max_connections": 20, "seconds": 1.0}
    assert Figures(**common, **good).problems() == []
    (problem,) = Figures(**common, **(good | figures)).problems()
    assert words in problem
