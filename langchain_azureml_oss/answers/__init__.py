"""Bytes of a response -> answers, whole or event by event.

`sniffing.py` tells which of the two came. `readers.py` takes a whole response, of which
`whole_reply.py` finds the answers, `event_reader.py` a stream; both apply `rules.py`, the steps
that every text goes through: `stops.py`, `reasoning.py`, and the calls of `tools`. `echo.py` finds
the prompt that a server repeats, `follow_up.py` asks once more where the answer does not have the
form that was asked for. Imports `wire`, `errors`, `families`, `tools` and `formatters`. Internal.
"""

from langchain_azureml_oss.answers.event_reader import EventReader
from langchain_azureml_oss.answers.follow_up import AnswerMisfitError
from langchain_azureml_oss.answers.readers import Reader, WholeReader
from langchain_azureml_oss.answers.reasoning import ReasoningMemory
from langchain_azureml_oss.answers.rules import AnswerRules
from langchain_azureml_oss.answers.sniffing import SniffingReader
from langchain_azureml_oss.answers.whole_reply import engine_failed, only_choice, whole_reply

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
