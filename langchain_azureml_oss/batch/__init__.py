"""Bulk scoring: a file of questions -> a file of answers, with resume, on one machine or on many.

    from langchain_azureml_oss.batch import score_file

    progress = score_file(chat, "questions.jsonl", "answers.jsonl")

`azureml-oss batch` does the same from the command line. `rows.py` reads questions, `forms.py` and
`scorers.py` ask them, `run.py` does so for all, `pacing/` says when one more may be asked,
`answer_file.py` keeps what came of it, `run_card.py` with what it was made, `exports.py` makes
tables of it, `reporting/` shows how it went, and `machines/` does all of it on others. Public.
Imports any room below but `local`.
"""

from __future__ import annotations

from langchain_azureml_oss.batch.estimating import Estimate, aestimate_file, estimate_file
from langchain_azureml_oss.batch.machines.ray_engine import score_dataset
from langchain_azureml_oss.batch.progress import Progress
from langchain_azureml_oss.batch.scoring import ascore_file, score_file

__all__ = [
    "Estimate",
    "Progress",
    "aestimate_file",
    "ascore_file",
    "estimate_file",
    "score_dataset",
    "score_file",
]
