"""What is special about a model, all of it: a new family is a row in `table.py`.

`profile.py` says what a row may hold, `folding.py` brings a conversation into the form that a row
asks for, `templates.py` makes one prompt of it, `dialects.py` writes tools and calls as text.
Imports `wire` and `errors`. Public: `FamilyProfile`, `ModelFamily`, `ChatTemplate` and
`ReasoningTags`.
"""

from langchain_azureml_oss.families.dialects import (
    DIALECTS,
    END_MARKS,
    CallMark,
    ToolDialect,
    harmless,
    in_marks,
    read_arguments,
    show_calls,
    show_result,
    show_tools,
)
from langchain_azureml_oss.families.folding import fold, render
from langchain_azureml_oss.families.profile import FamilyProfile
from langchain_azureml_oss.families.reasoning import ReasoningTags
from langchain_azureml_oss.families.table import (
    KNOWN_FAMILIES,
    MODEL_NAMES,
    ModelFamily,
    family,
    profile,
)
from langchain_azureml_oss.families.templates import PLAIN_TURNS, ChatTemplate, plain_text

__all__ = [
    "DIALECTS",
    "END_MARKS",
    "KNOWN_FAMILIES",
    "MODEL_NAMES",
    "PLAIN_TURNS",
    "CallMark",
    "ChatTemplate",
    "FamilyProfile",
    "ModelFamily",
    "ReasoningTags",
    "ToolDialect",
    "family",
    "fold",
    "harmless",
    "in_marks",
    "plain_text",
    "profile",
    "read_arguments",
    "render",
    "show_calls",
    "show_result",
    "show_tools",
]
