"""The three contracts of 2023, still deployed. Source: see docs/contracts.md.

Their `parameters` go to transformers' generate(), which refuses arguments that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from langchain_azureml_oss.formatters.base import ModelCall, Traits
from langchain_azureml_oss.formatters.parameters import ContractNames
from langchain_azureml_oss.formatters.score import ScoreFamilyFormatter


class _LegacyFormatter(ScoreFamilyFormatter):
    traits = Traits(chat=False, several_prompts=True, echoes=True)
    parameter_names: ClassVar[ContractNames] = {
        "max_tokens": ("max_new_tokens",),
        "stop": (),
        "seed": (),
        "response_format": (),
    }


class GPT2Formatter2023(_LegacyFormatter):
    """`{"inputs": {"input_string": [...]}, "parameters": {}}`."""

    name = "gpt2-2023"

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the body."""
        prompts = {"input_string": list(call.prompts)}
        return {"inputs": prompts, "parameters": dict(call.parameters)}


class FalconFormatter2023(_LegacyFormatter):
    """`{"inputs": [...], "parameters": {}}`."""

    name = "falcon-2023"

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the body."""
        return {"inputs": list(call.prompts), "parameters": dict(call.parameters)}


class DollyFormatter2023(_LegacyFormatter):
    """`{"input_data": {"input_string": [...]}, "parameters": {}}`."""

    name = "dolly-2023"

    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the body; unlike today's contract, `parameters` stands beside `input_data`."""
        prompts = {"input_string": list(call.prompts)}
        return {"input_data": prompts, "parameters": dict(call.parameters)}
