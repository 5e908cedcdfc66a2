"""The table of model families: a new family is a row."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from langchain_azureml_oss.errors import ConnectionConfigError, quoted
from langchain_azureml_oss.families.profile import FamilyProfile
from langchain_azureml_oss.families.reasoning import ReasoningTags
from langchain_azureml_oss.families.templates import ChatTemplate


class ModelFamily(StrEnum):
    """The table of families: a row is a member, found by any of its names in any case.

    Sources of the facts: the chat templates in the models' tokenizer_config.json, and the catalog's
    model pages.
    """

    _value_: str
    row: FamilyProfile

    # Any: to a type checker, ModelFamily("LLAMA") comes here too.
    def __new__(cls, row: Any) -> Self:
        """Make a member of a row; its value is the row's name."""
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.row = row
        return member

    # meta-llama/Llama-3.1-8B-Instruct: takes any order of turns, tool results, and any role, which
    # it writes into the turn's header.
    LLAMA = FamilyProfile(
        "LLAMA",
        ("llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "meta-llama"),
        roles=None,
        tool_dialect="llama",
    )
    # meta-llama/Llama-2-7b-chat-hf, chat_template: "Conversation roles must alternate
    # user/assistant/user/assistant/..."; the system text stands inside the first user turn.
    LLAMA2 = FamilyProfile(
        "LLAMA2",
        ("llama2chat", "meta-llama-2"),
        system="folded",
        alternates=True,
        tool_role=False,
        context_window=4096,  # config.json: max_position_embeddings
    )
    DOLLY = FamilyProfile(
        "DOLLY",
        ("databricks-dolly", "dolly-v2"),
        chat=False,
        tool_role=False,
        # databricks/dolly-v2-12b, instruct_pipeline.py: INSTRUCTION_KEY, RESPONSE_KEY, END_KEY.
        template=ChatTemplate(
            intro="Below is an instruction that describes a task. Write a response that"
            " appropriately completes the request.\n\n",
            turns={
                "system": "{}\n\n",
                "user": "### Instruction:\n{}\n\n",
                "assistant": "### Response:\n{}\n\n",
            },
            ending="### Response:\n",
            stop=("### End", "### Instruction:"),
        ),
        # Its sample in the catalog, Azure/azureml-assets: max_new_tokens 50, do_sample.
        context_window=2048,  # dolly-v2 model card: GPT-NeoX, max_position_embeddings 2048
    )
    # A plain language model: it was never shown turns or roles.
    GPT2 = FamilyProfile(
        "GPT2",
        ("gpt-2",),
        chat=False,
        tool_role=False,
        template=ChatTemplate(
            turns={"system": "{}\n\n", "user": "{}\n", "assistant": "{}\n"},
        ),
        # Its sample in the catalog: top_p 1, temperature 0.8, max_new_tokens 100, do_sample.
        context_window=1024,  # its page in the catalog, and config.json: n_positions
    )
    FALCON = FamilyProfile(
        "FALCON",
        ("tiiuae-falcon",),
        chat=False,
        tool_role=False,
        # tiiuae/falcon-7b-instruct, tokenizer_config.json: chat_template.
        template=ChatTemplate(
            turns={
                "system": "{}\n\n",
                "user": "User: {}\n\n",
                "assistant": "Assistant: {}\n\n",
            },
            ending="Assistant:",
            stop=("\nUser:",),
        ),
        # Its sample in the catalog: top_p 0.9, temperature 0.6, max_new_tokens 120, do_sample.
        context_window=2048,  # its page in the catalog: sequence length 2048
    )
    MISTRAL = FamilyProfile(
        "MISTRAL",
        ("mistralai",),
        # mistralai/Mistral-7B-Instruct-v0.3: "After the optional system message, conversation roles
        # must alternate"; v0.1 and v0.2 have no system role.
        system="folded",
        alternates=True,
        tool_role=False,
        tool_dialect="mistral",
        # The same template: "Tool call IDs should be alphanumeric strings with length 9!"
        short_call_ids=True,
    )
    MIXTRAL = FamilyProfile(
        "MIXTRAL",
        ("mistralai-mixtral",),
        # mistralai/Mixtral-8x7B-Instruct-v0.1: as Mistral v0.1.
        system="folded",
        alternates=True,
        tool_role=False,
        tool_dialect="mistral",
        # The same template: "Tool call IDs should be alphanumeric strings with length 9!"
        short_call_ids=True,
    )
    # microsoft/Phi-3.5-mini-instruct, Phi-4: system, user, assistant.
    PHI = FamilyProfile("PHI", ("microsoft-phi", "phi3", "phi3.5", "phi4"), tool_role=False)
    QWEN = FamilyProfile(
        "QWEN",
        ("qwen2", "qwen2.5", "qwen3"),
        # Qwen/Qwen3-8B: <tool_call> in the Hermes way; thinks between tags.
        reasoning=ReasoningTags("<think>", "</think>"),
        # The same template: message.reasoning_content, for turns behind the last user query.
        reasoning_field="reasoning_content",
        tool_dialect="hermes",
    )
    GEMMA = FamilyProfile(
        "GEMMA",
        ("google-gemma", "gemma2", "gemma3"),
        # google/gemma-2-9b-it: "System role not supported", "Conversation roles must alternate".
        system="folded",
        alternates=True,
        tool_role=False,
    )
    DEEPSEEK = FamilyProfile(
        "DEEPSEEK",
        ("deepseek-ai", "deepseek-r1", "deepseek-v3"),
        # deepseek-ai/DeepSeek-R1, README: thinks between tags; recommends temperature 0.6 and top_p
        # 0.95 against endless repetition.
        reasoning=ReasoningTags("<think>", "</think>"),
        # api-docs.deepseek.com, Thinking Mode: in tool calls "the user needs to send the reasoning
        # content back to the API"; it is left out once a new question begins.
        reasoning_field="reasoning_content",
        recommended={"temperature": 0.6, "top_p": 0.95},
    )
    # moonshotai/Kimi-K2-Thinking: thinks between tags, which a server's parser may take out.
    KIMI = FamilyProfile(
        "KIMI",
        ("moonshotai", "moonshot", "kimi-k2"),
        reasoning=ReasoningTags("<think>", "</think>"),
        # platform.moonshot.ai, Using thinking models: keep reasoning_content in the context of tool
        # calls; without it, the second request of a loop is a 400.
        reasoning_field="reasoning_content",
    )
    # openai/gpt-oss-120b: thinks in a channel of its own, which every server takes out.
    GPT_OSS = FamilyProfile(
        "GPT_OSS",
        ("gpt-oss", "openai-gpt-oss"),
        # vLLM, entrypoints/openai/parser/harmony_utils.py: of a turn with calls, `reasoning` goes
        # into the analysis channel; it drops what an answer has ended.
        reasoning_field="reasoning",
    )
    OPENAI = FamilyProfile("OPENAI", ("openai-compatible", "plain"), contract="openai", roles=None)

    @classmethod
    def _missing_(cls, value: object) -> ModelFamily | None:
        if not isinstance(value, str):
            return None
        names = {_plain(name): member for member in cls for name in member.names}
        return names.get(_plain(value)) or _of_catalog_name(value)

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, its own first."""
        return (self.value, *self.row.aliases)


MODEL_NAMES: Mapping[str, ModelFamily] = {
    "llama-2": ModelFamily.LLAMA2,
    "meta-llama-2": ModelFamily.LLAMA2,
    "llama": ModelFamily.LLAMA,
    "meta-llama": ModelFamily.LLAMA,
    "tiiuae-falcon": ModelFamily.FALCON,
    "databricks-dolly": ModelFamily.DOLLY,
    "gpt2": ModelFamily.GPT2,
    "mistral": ModelFamily.MISTRAL,
    "mixtral": ModelFamily.MISTRAL,
    "phi": ModelFamily.PHI,
    "microsoft-phi": ModelFamily.PHI,
    "qwen": ModelFamily.QWEN,
    "gemma": ModelFamily.GEMMA,
    "google-gemma": ModelFamily.GEMMA,
    "deepseek": ModelFamily.DEEPSEEK,
    "kimi": ModelFamily.KIMI,
    "moonshotai": ModelFamily.KIMI,
    "gpt-oss": ModelFamily.GPT_OSS,
    "openai-gpt-oss": ModelFamily.GPT_OSS,
}
"""What a model's name begins with -> its family; the first that fits. Source: docs/contracts.md."""


def _of_catalog_name(value: str) -> ModelFamily | None:
    """Return the family of a model's name in the catalog, such as `mistral-7b`, as a workspace's.

    A name without a number or a separator is a family's, and perhaps a misspelt one.
    """
    name = re.sub(r"/(versions|labels)/[^/]*$", "", value.strip()).rpartition("/")[2].lower()
    if not re.search(r"[\d_-]", name):
        return None
    return next((found for start, found in MODEL_NAMES.items() if name.startswith(start)), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]", "", name).casefold()


KNOWN_FAMILIES = (
    f"Known families are: {', '.join(member.value for member in ModelFamily)}. For another model"
    " that takes conversations, OPENAI is a plain one without quirks."
)


def family(value: ModelFamily | FamilyProfile | str) -> ModelFamily | FamilyProfile:
    """Return the family of this name.

    Raises:
        ConnectionConfigError: no family has this name.
    """
    if isinstance(value, FamilyProfile):
        return value
    try:
        return ModelFamily(value)
    except ValueError:
        known = {_plain(name): member for member in ModelFamily for name in member.names}
        near = difflib.get_close_matches(_plain(str(value)), known, 1)
        hint = f" Did you mean {known[near[0]].value}?" if near else ""
        msg = f"Unknown model_family {quoted(value)}.{hint} {KNOWN_FAMILIES}"
        raise ConnectionConfigError(msg) from None


def profile(family: ModelFamily | FamilyProfile) -> FamilyProfile:
    """Return the family's row."""
    return family if isinstance(family, FamilyProfile) else family.row
