"""The whole standard suite, in every tool dialect, native and prompted, on a scripted model."""

from __future__ import annotations

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from integration.endpoints import endpoint
from langchain_azureml_oss import AzureMLOSSChatModel


class Suite(ChatModelIntegrationTests):
    family = "LLAMA"
    path = "/v1/chat/completions"
    options: ClassVar = {}

    @property
    def chat_model_class(self):
        return AzureMLOSSChatModel

    @property
    def chat_model_params(self):
        running = endpoint("scripted", **self.options)
        return {"connection": running.connection(self.family, self.path), "max_retries": 0}

    @property
    def supports_model_override(self):
        """The server answers in its own model's name, whatever is asked for."""
        return False

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True


# Off: supports_video_inputs, which no test of the suite looks at (tests/models/test_messages.py
# does); supported_usage_metadata_details, which this engine does not report, see tests/wire for
# them; enable_vcr_tests, which only times a replayed answer.
# Of a file without a name, langchain-core warns.
@pytest.mark.filterwarnings("ignore:OpenAI may require a filename:UserWarning")
class AtOpenAI(Suite):
    @property
    def supports_image_inputs(self):
        return True

    @property
    def supports_image_urls(self):
        return True

    @property
    def supports_audio_inputs(self):
        return True

    @property
    def supports_pdf_inputs(self):
        return True

    @property
    def supports_image_tool_message(self):
        return True

    @property
    def supports_pdf_tool_message(self):
        return True


class TestNative(AtOpenAI):
    """Tools go to the server, whatever the family's dialect."""


class TestNativeWithoutToolRole(AtOpenAI):
    """A family that takes turns strictly, and whose template has no tool results."""

    family = "MISTRAL"


class Refused(AtOpenAI):
    options: ClassVar = {"refuse_tools": True}


class TestRefusedLlama(Refused):
    family = "LLAMA"


class TestRefusedHermes(Refused):
    family = "QWEN"


class TestRefusedMistral(Refused):
    family = "MISTRAL"


class TestRefusedJson(Refused):
    family = "GEMMA"


class TestRefusedWithoutSchemas(Refused):
    """Microsoft's own server: no tools, and a `response_format` without schemas."""

    family = "PHI"
    options: ClassVar = {"refuse_tools": True, "json_schema": False}


class AtScore(Suite):
    """/score carries texts only, and today's servers report no usage."""

    path = "/score"

    @property
    def chat_model_params(self):
        return super().chat_model_params | {"max_tokens": 256}

    @property
    def supports_model_override(self):
        """The server names no model, so the one that was asked for is named."""
        return True

    @property
    def model_override_value(self):
        return "another"

    @property
    def returns_usage_metadata(self):
        return False


class TestScoreLlama(AtScore):
    family = "LLAMA"


class TestScoreHermes(AtScore):
    family = "QWEN"


class TestScoreMistral(AtScore):
    family = "MISTRAL"


class TestScoreJson(AtScore):
    family = "GEMMA"


class TestScoreOfLaterServers(AtScore):
    """They report usage, and their model's name."""

    family = "DEEPSEEK"
    options: ClassVar = {"extended": True}

    @property
    def supports_model_override(self):
        return False

    @property
    def returns_usage_metadata(self):
        return True


class TestScoreOfLaterServersNative(TestScoreOfLaterServers):
    """They take tools inside `parameters`."""

    @property
    def chat_model_params(self):
        return super().chat_model_params | {"tool_calling": "native"}
