"""A conversation as one prompt text, for models and contracts that know no turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import WireMessage


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """How a completion model is shown a conversation; `{}` stands for a turn's text."""

    turns: Mapping[str, str]
    """Role -> the text of such a turn."""
    ending: str = ""
    """What comes last, so that the model goes on as the assistant."""
    intro: str = ""
    """What comes first, where the conversation has no system message."""
    stop: tuple[str, ...] = field(default=())
    """Texts that begin a turn which is not the model's."""

    def render(self, turns: Sequence[tuple[str, str]]) -> str:
        """Return the prompt for these (role, text) turns.

        Raises:
            UnsupportedInputError: a role that the template does not have.
        """
        prompt = "" if any(role == "system" for role, _ in turns) else self.intro
        for role, text in turns:
            if role not in self.turns:
                msg = f"Unknown role {role!r}; this family's template has {', '.join(self.turns)}."
                raise UnsupportedInputError(msg)
            # Not str.format: the text is the user's, and may hold braces.
            before, _, after = self.turns[role].partition("{}")
            prompt += before + text + after
        return prompt + self.ending


PLAIN_TURNS = ChatTemplate(
    turns={
        "system": "System: {}\n\n",
        "user": "User: {}\n\n",
        "assistant": "Assistant: {}\n\n",
        "tool": "Tool: {}\n\n",
    },
    ending="Assistant:",
    stop=("\nUser:",),
)
"""For a chat family behind a contract that takes prompts only."""


def plain_text(message: WireMessage, carrier: str) -> str:
    """Return the content of a wire message as one text, for what carries only text.

    Args:
        message: The message.
        carrier: What carries only text, as a sentence begins with it.

    Raises:
        UnsupportedInputError: the content holds an image, a sound or the like.
    """
    content = message["content"]
    if isinstance(content, str):
        return content
    for part in content:
        if part["type"] != "text":
            msg = (
                f"{carrier} carries text only, and the {message['role']} message holds a block of"
                f" type {part['type']!r}. A model that takes it is called in the contract 'openai',"
                " at …/v1/chat/completions."
            )
            raise UnsupportedInputError(msg)
    return "".join(part["text"] for part in content)
