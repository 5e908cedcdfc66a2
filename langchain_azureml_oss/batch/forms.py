"""How a row's fields become a question: a conversation, a prompt, or a chain's variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage, convert_to_messages

from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the user said about it."""

    system: str | None = None
    """Goes before a conversation that does not begin with a system message."""
    column: str = "prompt"
    """Holds the text of a row that has no conversation."""

    def prompt(self, row: Row) -> str:
        """Return the text of a row that has no conversation.

        Raises:
            UnsupportedInputError: there is none.
        """
        prompt = row.input.get(self.column)
        if isinstance(prompt, str) and prompt.strip():
            return prompt
        has = ", ".join(row.input) or "nothing"
        raise UnsupportedInputError(
            f"Row {row.number} has no text in `{self.column}`; it has {has}."
        )

    def messages(self, row: Row) -> list[BaseMessage]:
        """Return the conversation; a prompt is a user's turn.

        Raises:
            UnsupportedInputError: there are neither messages nor a prompt.
        """
        given = row.input.get("messages") or [{"role": "user", "content": self.prompt(row)}]
        if not isinstance(given, list) or not all(isinstance(turn, dict) for turn in given):
            msg = f"Row {row.number}: `messages` must be a list of objects with role and content."
            raise UnsupportedInputError(msg)
        try:
            messages = convert_to_messages(given)
        except Exception as error:  # noqa: BLE001 - whatever langchain-core makes of such turns
            said = str(error).partition("\n")[0]
            msg = f"Row {row.number}: `messages` is not valid: {type(error).__name__}: {said}"
            raise UnsupportedInputError(msg) from None
        if self.system and not isinstance(messages[0], SystemMessage):
            return [SystemMessage(self.system), *messages]
        return messages

    def variables(self, row: Row) -> dict[str, Any]:
        """Return a chain's input: the row's own fields."""
        return dict(row.input)
