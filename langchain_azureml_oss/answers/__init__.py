"""Bytes of a response -> answers, whole or event by event.

`sniffing.py` tells which of the two came, `readers.py` reads a whole response, `event_reader.py` a
stream, both with the steps that every text goes through: `stops.py`, `reasoning.py`, and the calls
and forms of `tools`. `follow_up.py` asks once more where the answer has not the form that was asked
for. Imports `wire`, `errors`, `families`, `tools` and `formatters`. Internal.
"""

from langchain_azureml_oss.answers.event_reader import EventReader
from langchain_azureml_oss.answers.follow_up import AnswerMisfitError
from langchain_azureml_oss.answers.readers import (
    AnswerRules,
    Reader,
    WholeReader,
    engine_failed,
    only_choice,
    whole_reply,
)
from langchain_azureml_oss.answers.reasoning import ReasoningMemory
from langchain_azureml_oss.answers.sniffing import SniffingReader

__all__ = [
    "AnswerMisfitError",
    "AnswerRules",
    "EventReader",
    "Reader",
    "ReasoningMemory",
    "SniffingReader",
    "WholeReader",
    "engine_failed",
    "only_choice",
    "whole_reply",
]
