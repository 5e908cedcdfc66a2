"""Bulk scoring: a file of questions -> a file of answers, on one machine, with resume.

    from langchain_azureml_oss.batch import score_file

    progress = score_file(chat, "questions.jsonl", "answers.jsonl")

`azureml-oss batch` does the same from the command line. Public. Imports any room below but `local`.
"""

from __future__ import annotations

from langchain_azureml_oss.batch.scoring import Progress, ascore_file, score_file

__all__ = ["Progress", "ascore_file", "score_file"]
