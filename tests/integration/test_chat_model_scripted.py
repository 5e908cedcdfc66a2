"""The whole standard suite, in every tool dialect, native and prompted, on a scripted model."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import ClassVar

import pytest
from langchain_core.messages import HumanMessage
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
    def enable_vcr_tests(self):
        return True

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True


SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


class Detailed:
    """What the script counts apart. No answer here is sound, so `audio_output` is off."""

    counted: ClassVar = ["cache_read_input", "cache_creation_input"]

    @property
    def supported_usage_metadata_details(self):
        return {"invoke": self.counted, "stream": self.counted}

    def invoke_with_audio_input(self, *, stream=False):
        message = self._answer([HumanMessage([{"type": "text", "text": "Hello"}, SOUND])], stream)
        assert message.usage_metadata["input_token_details"]["audio"] == 1
        return message

    def invoke_with_reasoning_output(self, *, stream=False):
        message = self._answer("Hello", stream, reasoning_effort="low")
        assert message.usage_metadata["output_token_details"]["reasoning"] == 3
        return message

    def invoke_with_cache_read_input(self, *, stream=False):
        message = self._answer([("user", "one two"), ("ai", "three"), ("user", "four")], stream)
        counts = {"cache_read": 3, "cache_creation": 1, "audio": 0}
        assert message.usage_metadata["input_token_details"] == counts
        return message

    invoke_with_cache_creation_input = invoke_with_cache_read_input

    def _answer(self, question, stream, **settings):
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke(question, **settings)
        return reduce(add, model.stream(question, **settings))


# Off: supports_video_inputs, which no test of the suite looks at (tests/models/test_messages.py
# does); supports_model_override: Microsoft's server answers in its model's own name.
# Of a file without a name, langchain-core warns.
@pytest.mark.filterwarnings("ignore:OpenAI may require a filename:UserWarning")
class AtOpenAI(Detailed, Suite):
    counted: ClassVar = [*Detailed.counted, "audio_input", "reasoning_output"]

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


class TestScoreOfLaterServers(Detailed, AtScore):
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
