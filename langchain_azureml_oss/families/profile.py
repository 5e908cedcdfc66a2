"""A row of the family table: what is special about one kind of model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.language_models import ModelProfile

from langchain_azureml_oss.families.reasoning import ReasoningTags
from langchain_azureml_oss.families.templates import PLAIN_TURNS, ChatTemplate

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
    """How the model writes tool calls as text; see dialects.py."""
    short_call_ids: bool = False
    """Whether ids of calls must have nine letters or digits; others are replaced, always alike."""
    reasoning_field: str | None = None
    """Field of an assistant's turn that its reasoning goes back in, where the turn calls tools and
    no user has spoken since; None: the model needs none of it."""
    context_window: int | None = None
    """Tokens, where all the family's catalog entries agree."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Settings of a row of your own, sent unless the user sets others. No row of the table has any:
    what nobody set is not sent."""
    recommended: dict[str, Any] = field(default_factory=dict)
    """Settings that the model's makers recommend; the doctor says so, and nothing sends them."""

    @property
    def model_profile(self) -> ModelProfile:
        """The row as LangChain's profile of a model; what differs within a family is left out."""
        known = ModelProfile(
            text_inputs=True,
            text_outputs=True,
            tool_calling=True,
            tool_choice=True,
            # To LangChain this says that tools and a form go together in one request. A server that
            # constrains decoding to the form can call no tool any more, so it is off until known.
            structured_output=False,
            reasoning_output=bool(self.reasoning or self.reasoning_field),
        )
        if self.context_window is not None:
            known["max_input_tokens"] = self.context_window
        return known
