"""Bulk scoring: a file of questions -> a file of answers, on one machine, with resume.

from langchain_azureml_oss.batch import score_file

summary = score_file(chat, "questions.jsonl", "answers.jsonl")
"""

from __future__ import annotations

from langchain_azureml_oss.batch.scoring import Progress, ascore_file, score_file

__all__ = ["Progress", "ascore_file", "score_file"]
