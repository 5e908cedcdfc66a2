"""The standard suite on a real model: SmolLM2, of 135M parameters.

What it is too weak for is an expected failure that shows the model's words, see conftest.py. The
same tests must pass on the scripted model, in the file next to this one.
"""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from integration.conftest import Heard
from integration.endpoints import endpoint
from langchain_azureml_oss import AzureMLOSSChatModel

pytestmark = pytest.mark.model

SETTINGS = {
    "temperature": 0,
    "max_tokens": 8,
    "max_retries": 0,
    # Without it the model repeats itself at temperature 0.
    "model_kwargs": {"frequency_penalty": 0.4},
}
NEEDS_SKILL = re.compile("tool|agent|few_shot|structured|json")
"""Tests that need a call or a JSON object, and so more tokens than a greeting."""


class Suite(ChatModelIntegrationTests):
    family = "OPENAI"
    path = "/v1/chat/completions"
    options: ClassVar = {}
    forgiven = 0

    @classmethod
    def forgives(cls, test):
        """Of some 25 tests of skill in each suite, how many a weak model may fail.

        Its words depend a little on what it was asked before: alone 4 fail at /score, in a row 6.
        """
        cls.forgiven += 1
        return bool(NEEDS_SKILL.search(test)) and cls.forgiven <= 7

    @property
    def chat_model_class(self):
        return AzureMLOSSChatModel

    @property
    def chat_model_params(self):
        running = endpoint("smollm2", **self.options)
        return {"connection": running.connection(self.family, self.path), **SETTINGS}

    @pytest.fixture
    def model(self, request):
        fields = {"max_tokens": 96} if NEEDS_SKILL.search(request.node.name) else {}
        fields |= getattr(request, "param", None) or {}
        return self.chat_model_class(**self.chat_model_params | fields, callbacks=[Heard()])

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


class TestNative(Suite):
    """llama.cpp takes the tools."""


class TestRefused(Suite):
    """Where a call is a must, the server's `response_format` constrains the model to one."""

    family = "QWEN"
    options: ClassVar = {"refuse_tools": True}


class TestScore(Suite):
    """Nothing but words asks for a call here, and nothing constrains the answer."""

    family = "QWEN"
    path = "/score"

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


def test_a_function_chosen_by_name_is_called():
    """llama.cpp knows no such choice, so the local endpoint makes one that it knows."""

    def weather(city: str) -> str:
        """Tell the weather."""

    def greet(name: str) -> str:
        """Greet somebody."""

    connection = endpoint("smollm2").connection("OPENAI", Suite.path)
    chat = AzureMLOSSChatModel(connection=connection, **SETTINGS | {"max_tokens": 64})
    bound = chat.bind_tools([weather, greet], tool_choice="greet")
    called = bound.invoke("What is the weather in Oslo?")
    assert [c["name"] for c in [*called.tool_calls, *called.invalid_tool_calls]] == ["greet"]
