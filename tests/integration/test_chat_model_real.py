"""The standard suite on a real model: SmolLM2, of 135M parameters.

What it is too weak for runs against the scripted model, in the file next to this one.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

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


class Suite(ChatModelIntegrationTests):
    family = "OPENAI"
    path = "/v1/chat/completions"
    options: ClassVar = {}

    @property
    def chat_model_class(self):
        return AzureMLOSSChatModel

    @property
    def chat_model_params(self):
        running = endpoint("smollm2", **self.options)
        return {"connection": running.connection(self.family, self.path), **SETTINGS}

    @pytest.fixture
    def model(self, request):
        """A call or a JSON object needs more tokens than a greeting."""
        calls = any(
            word in request.node.name
            for word in ("tool", "agent", "few_shot", "structured", "json")
        )
        fields = {"max_tokens": 64} if calls else {}
        fields |= getattr(request, "param", None) or {}
        return self.chat_model_class(**self.chat_model_params | fields)

    @property
    def supports_json_mode(self):
        return True


NESTED = '{"setup": {"punchline": "The cat was having a cat-themed party, but the cat had a special'
CAT = "A cat is a cat, right? A cat is a cat."


def endless(setup, punchline):
    """JSON that goes on until the limit, whatever it is, and is never finished."""
    return f'{{"setup": "{setup}", "punchline": "{punchline}…'


WAS = endless(
    "The cat was a cat.", "The cat was a cat and it was a cat and it was a cat and it was"
)


def schema_for(name, argument):
    """It repeats the schema of the function instead of filling it in."""
    arguments = f'{{"{argument}":{{"type":"string"}}}}'
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


class TestNative(Suite):
    too_weak: ClassVar = {
        # Asked to call magic_function: llama.cpp takes no name as tool_choice.
        "test_tool_choice": 'get_weather({"location": "London"})',
        "test_bind_runnables_as_tools": '{"answer_style": "Greeting style of speaking. This is a'
        " custom greeting to be used by the Pirate of choice. The answer to this greeting is a…",
        "test_structured_output[typeddict]": endless("][", "The cat was a cat, and the cat was"),
        "test_structured_output_async[typeddict]": endless("][", "The cat was a cat, and the cat"),
        "test_structured_output_pydantic_2_v1": WAS,
        "test_structured_output_optional_param": endless(
            "The cat is a cat.", "The cat is a cat and it's a cat and it's a cat and it's a cat"
        ),
        "test_json_mode": NESTED,
    }


class TestRefused(Suite):
    """Where a call is a must, the server's `response_format` constrains the model to one."""

    family = "QWEN"
    options: ClassVar = {"refuse_tools": True}
    too_weak: ClassVar = {
        "test_agent_loop": schema_for("get_weather", "location"),
        "test_structured_output[pydantic]": WAS,
        "test_structured_output[typeddict]": WAS,
        "test_structured_output_async[pydantic]": WAS,
        "test_structured_output_async[typeddict]": WAS,
        "test_structured_output_pydantic_2_v1": '{"setup": "2018-04-23T14:57:56.133", "punch…',
        "test_structured_output_optional_param": '{"setup": "2018-04-23T14:57:56.133", "punch…',
        "test_json_mode": NESTED,
    }


class TestScore(Suite):
    """Nothing but words asks for a call here, and nothing constrains the answer."""

    family = "QWEN"
    path = "/score"
    too_weak: ClassVar = {
        "test_tool_calling": '<tool_call>{"name": "magic_function", "arguments":'
        ' {"exclusiveMaximum":1000,"exclusiveMinimum":-1000,"type":"integer"}}</tool_call>',
        "test_tool_calling_async": '<tool_call>{"name":"magic_function","arguments":'
        '{"exclusiveMaximum":1000,"exclusiveMinimum":-1000,"type":"integer"}}</tool_call>',
        "test_tool_calling_with_no_arguments": '<tool_call>{"name": "magic_function_no_args",'
        ' "arguments": {"property":{"type":"number","value":"123"},"type":"object"}}</tool_call>',
        "test_bind_runnables_as_tools": '{"name": "greeting_generator", "arguments":'
        ' {"answer_style":{"type":"string"}},"required":["answer_style"],"type":"object"}}',
        "test_tool_choice": schema_for("get_weather", "location"),
        "test_agent_loop": schema_for("get_weather", "location"),
        "test_unicode_tool_call_integration": '{"name": "unicode_customer", "arguments":'
        ' {"customer_name": {"type":"string"},"description":{"type":"string"}}}',
        "test_structured_output": CAT,
        "test_structured_output_async": CAT,
        "test_structured_output_pydantic_2_v1": CAT,
        "test_structured_output_optional_param": "Here's a mockup of a joke about cats that"
        " doesn't have a punchline: def create_feline_joke(): …",
        "test_json_mode": '{"setup": {"setup": {"setup": {"punchline": "I\'m a cat!"…',
    }

    @property
    def returns_usage_metadata(self):
        return False
