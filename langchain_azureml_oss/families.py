"""What is special about each model family: one table, and the fold that applies a row of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Self

from langchain_core.language_models import ModelProfile

from langchain_azureml_oss.errors import ConnectionConfigError
from langchain_azureml_oss.messages import WireMessage, plain_text
from langchain_azureml_oss.prompts import PLAIN_TURNS, ChatTemplate
from langchain_azureml_oss.reasoning import ReasoningTags

Part = dict[str, Any]

CHAT_ROLES = frozenset({"system", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True)
class FamilyProfile:
    """One row of the table. Pass your own as `model_family=` for a model that is not in it."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other names, compared without case, spaces, dots, `-` and `_`."""
    chat: bool = True
    """Whether the model takes conversations; otherwise `template` makes one prompt of them."""
    contract: str = "score"
    """The contract at a URL whose path says nothing."""
    system: Literal["allowed", "folded", "dropped"] = "allowed"
    """System messages: sent, put before the first user turn, or left out with a warning."""
    alternates: bool = False
    """Whether user and assistant must take turns, so that neighbours of one role are merged."""
    tool_role: bool = True
    """Whether the chat template knows tool results; otherwise they go into a user turn."""
    roles: frozenset[str] | None = CHAT_ROLES
    """Roles that the chat template knows; None: any. A turn of another role becomes a user turn
    that names it, since most templates leave such a turn out without a word."""
    template: ChatTemplate = PLAIN_TURNS
    """How a completion-only model, or a contract that takes prompts only, sees a conversation."""
    reasoning: ReasoningTags | None = None
    tool_dialect: str = "json"
    """How the model writes tool calls as text; see tools.py."""
    context_window: int | None = None
    """Tokens, where all the family's catalog entries agree."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Settings of the model's own sample without which it does not do its work; any setting of the
    user's wins. Sampling and lengths that a sample just shows are the user's to choose."""

    @property
    def model_profile(self) -> ModelProfile:
        """The row as LangChain's profile of a model; what differs within a family is left out."""
        known = ModelProfile(
            text_inputs=True,
            text_outputs=True,
            tool_calling=True,
            tool_choice=True,
            structured_output=True,
            reasoning_output=self.reasoning is not None,
        )
        if self.context_window is not None:
            known["max_input_tokens"] = self.context_window
        return known


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
        ("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "meta-llama"),
        roles=None,
        tool_dialect="llama",
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
    )
    MIXTRAL = FamilyProfile(
        "MIXTRAL",
        ("mistralai-mixtral",),
        # mistralai/Mixtral-8x7B-Instruct-v0.1: as Mistral v0.1.
        system="folded",
        alternates=True,
        tool_role=False,
        tool_dialect="mistral",
    )
    # microsoft/Phi-3.5-mini-instruct, Phi-4: system, user, assistant.
    PHI = FamilyProfile("PHI", ("microsoft-phi", "phi3", "phi3.5", "phi4"), tool_role=False)
    QWEN = FamilyProfile(
        "QWEN",
        ("qwen2", "qwen2.5", "qwen3"),
        # Qwen/Qwen3-8B: <tool_call> in the Hermes way; thinks between tags.
        reasoning=ReasoningTags("<think>", "</think>"),
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
        # deepseek-ai/DeepSeek-R1, README: thinks between tags; temperature 0.6 and top_p 0.95
        # against endless repetition.
        reasoning=ReasoningTags("<think>", "</think>"),
        defaults={"temperature": 0.6, "top_p": 0.95},
    )
    OPENAI = FamilyProfile("OPENAI", ("openai-compatible", "plain"), contract="openai", roles=None)

    @classmethod
    def _missing_(cls, value: object) -> ModelFamily | None:
        if not isinstance(value, str):
            return None
        names = ((member, name) for member in cls for name in (member.value, *member.row.aliases))
        return next((member for member, name in names if _plain(name) == _plain(value)), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]", "", name).casefold()


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
        msg = (
            f"Unknown model_family {value!r}; known are: {', '.join(m.value for m in ModelFamily)}."
            " For another model that takes conversations, OPENAI is a plain one without quirks."
        )
        raise ConnectionConfigError(msg) from None


def profile(family: ModelFamily | FamilyProfile) -> FamilyProfile:
    """Return the family's row."""
    return family if isinstance(family, FamilyProfile) else family.row


def fold(messages: Sequence[WireMessage], row: FamilyProfile) -> list[WireMessage]:
    """Return the conversation as the family's chat template takes it."""
    folded: list[WireMessage] = []
    system: list[WireMessage] = []
    for message in messages:
        if message["role"] == "system" and row.system != "allowed":
            system.append(message)
        elif row.roles is None or message["role"] in row.roles:
            folded.append(message)
        else:
            folded.append(_as_user(message))
    if system and row.system == "dropped":
        warnings.warn(
            f"The family {row.name} knows no system role: system messages are left out.",
            stacklevel=2,
        )
    elif system:
        folded = _before_first_user(system, folded)
    return _alternating(folded) if row.alternates else folded


def render(messages: Sequence[WireMessage], row: FamilyProfile, contract: str) -> str:
    """Return the conversation as one prompt, in the family's template.

    Raises:
        UnsupportedInputError: a role or a content block that a prompt cannot hold.
    """
    known = {*row.template.turns, *CHAT_ROLES}
    told = [m if m["role"] in known else _as_user(m) for m in messages]
    carrier = f"The contract {contract!r}" if row.chat else f"The family {row.name}"
    return row.template.render([(m["role"], plain_text(m, carrier)) for m in told])


def _as_user(message: WireMessage) -> WireMessage:
    """Tell a turn of a role that the family does not know, and who speaks in it."""
    speaker = " ".join([message["role"], *([message["name"]] if message.get("name") else [])])
    content = message["content"]
    if isinstance(content, str):
        return {"role": "user", "content": f"{speaker}: {content}"}
    return {"role": "user", "content": [{"type": "text", "text": f"{speaker}: "}, *content]}


def _before_first_user(
    system: Sequence[WireMessage], others: Sequence[WireMessage]
) -> list[WireMessage]:
    """Put the system messages in front of the first user turn, or make one of them."""
    first = next((i for i, m in enumerate(others) if m["role"] == "user"), None)
    merged = {**system[0], "role": "user"}
    rest = [*system[1:], *(others[first : first + 1] if first is not None else ())]
    for message in rest:
        merged = _merge(merged, message)
    if first is None:
        return [merged, *others]
    return [*others[:first], merged, *others[first + 1 :]]


def _alternating(messages: Sequence[WireMessage]) -> list[WireMessage]:
    merged: list[WireMessage] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"] in {"user", "assistant"}:
            merged[-1] = _merge(merged[-1], message)
        else:
            merged.append(message)
    return merged


def _merge(first: WireMessage, second: WireMessage) -> WireMessage:
    """Return one message with the content and the tool calls of both."""
    a, b = first["content"], second["content"]
    if isinstance(a, str) and isinstance(b, str):
        content: Any = "\n\n".join(text for text in (a, b) if text)
    else:
        content = _joined(_parts(a), _parts(b))
    merged = {**second, **first, "content": content}
    if first.get("name", merged.get("name")) != second.get("name", merged.get("name")):
        del merged["name"]  # nobody said all of it
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    return {**merged, "tool_calls": calls} if calls else merged


def _joined(first: Sequence[Part], second: Sequence[Part]) -> list[Part]:
    """Return the parts of both, with a blank line between text and text."""
    if first and second and first[-1]["type"] == second[0]["type"] == "text":
        second = [{**second[0], "text": f"\n\n{second[0]['text']}"}, *second[1:]]
    return [*first, *second]


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)
