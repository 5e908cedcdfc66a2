"""Bulk scoring: a file of questions -> a file of answers, with resume, on one machine or on many.

    from langchain_azureml_oss.batch import score_file

    progress = score_file(chat, "questions.jsonl", "answers.jsonl")

`azureml-oss batch` does the same from the command line. `scoring.py` puts a run together:
`rows.py` reads questions, `openai_requests.py` those of OpenAI's batch files, `forms.py` and
`scorers.py` ask them, `run.py` does so for all, `duplicates.py` the same one once, `pacing/` says
when one more may be asked. `outcomes.py` says what came of each, a place of `sinks.py` takes it,
which is `answer_file.py` for a file; `row_numbers.py` knows the rows in it. `run_card.py` keeps
with what it was made, `exports.py` makes tables of it, `counts.py` and `progress.py` count,
`reporting/` shows how it went, `estimating.py` how it would go, and `machines/` does all of it on
others. `extras.py` imports what not everyone has. Public. Imports any room below but `local`.
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
