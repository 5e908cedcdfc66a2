"""How a row's fields become a question: a conversation, a prompt, or a chain's variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage, convert_to_messages

from langchain_azureml_oss.batch.extras import needed
from langchain_azureml_oss.batch.rows import Row
from langchain_azureml_oss.errors import UnsupportedInputError, in_words
from langchain_azureml_oss.role_prompts import escape_roles, messages_from_prompt


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the user said about it."""

    system: str | None = None
    """Goes before a conversation that does not begin with a system message."""
    column: str = "prompt"
    """Holds the text of a row that has no conversation."""
    template: str | None = None
    """Jinja template that makes this text of the row's columns."""

    @cached_property
    def _plain(self) -> Callable[..., str]:
        return self._compiled(lambda value: value)

    @cached_property
    def _escaping(self) -> Callable[..., str]:
        return self._compiled(_text_only)

    def _compiled(self, finalize: Callable[[Any], Any]) -> Callable[..., str]:
        """Return what renders the template, in a sandbox, since it may come with a file.

        Values are never read as a part of the template.

        Args:
            finalize: What is put in, of a value.
        """
        jinja, sandbox = needed("jinja2", "templates"), needed("jinja2.sandbox", "templates")
        environment = sandbox.ImmutableSandboxedEnvironment(
            undefined=jinja.StrictUndefined, finalize=finalize
        )
        try:
            return environment.from_string(self.template or "").render  # type: ignore[no-any-return]
        except jinja.TemplateError as error:
            said = str(error).rstrip(".")
            raise UnsupportedInputError(f"The template cannot be read: {said}.") from None

    def prompt(self, row: Row, *, has_roles: bool = False) -> str:
        """Return the text of a row that has no conversation.

        Args:
            row: The row.
            has_roles: Whether lines such as `user:` will begin turns; those of a template do, and
                those in its values are escaped.

        Raises:
            UnsupportedInputError: there is none.
        """
        if self.template is not None:
            return self._text(row, self._escaping if has_roles else self._plain)
        prompt = row.fields.get(self.column)
        if isinstance(prompt, str) and prompt.strip():
            return prompt
        messages, has = row.fields.get("messages"), _columns(row)
        is_empty = isinstance(messages, list) and not messages
        also = "an empty list of `messages`, and " if is_empty else ""
        raise UnsupportedInputError(
            f"Row {row.number} has {also}no text in `{self.column}`; it has {has}. Name its column"
            " (--column, column=), or make the text by a template (--template, template=)."
        )

    def messages(self, row: Row) -> list[BaseMessage]:
        """Return the conversation; a prompt is a user's turn, and a template may have several.

        Raises:
            UnsupportedInputError: there are neither messages nor a prompt.
        """
        if self.template is not None:
            text = self.prompt(row, has_roles=True)
            try:
                turns = messages_from_prompt(text)
            except UnsupportedInputError as error:
                raise UnsupportedInputError(f"Row {row.number}: {error}") from None
            return self._with_system(turns)
        given = row.fields.get("messages") or [{"role": "user", "content": self.prompt(row)}]
        if not isinstance(given, list) or not all(isinstance(turn, dict) for turn in given):
            msg = f"Row {row.number}: `messages` must be a list of objects with role and content."
            raise UnsupportedInputError(msg)
        try:
            messages = convert_to_messages(given)
        except Exception as error:  # noqa: BLE001 - whatever langchain-core makes of such turns
            said = str(error).partition("\n")[0]
            msg = f"Row {row.number}: `messages` is not valid: {type(error).__name__}: {said}"
            raise UnsupportedInputError(msg) from None
        return self._with_system(messages)

    def _with_system(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        if self.system and not isinstance(messages[0], SystemMessage):
            return [SystemMessage(self.system), *messages]
        return messages

    def variables(self, row: Row) -> dict[str, Any]:
        """Return a chain's input: the row's own fields."""
        return dict(row.fields)

    def _text(self, row: Row, rendered: Callable[..., str]) -> str:
        try:
            text = rendered(**{str(name): value for name, value in row.fields.items()})
        except UnsupportedInputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a template does with a value
            said = in_words(error, "jinja2").rstrip(".")
            if isinstance(error, needed("jinja2", "templates").UndefinedError):
                said += f"; the row has {_columns(row)}"
            msg = f"Row {row.number} does not fit the template: {said}."
            raise UnsupportedInputError(msg) from None
        if not text.strip():
            raise UnsupportedInputError(f"Row {row.number}: the template makes no text of it.")
        return text


def _columns(row: Row) -> str:
    return ", ".join(row.fields) or "nothing"


def _text_only(value: Any) -> Any:
    """Return a value that begins no turn, whatever it holds: lists and objects are text as well."""
    return value if isinstance(value, bool | int | float) else escape_roles(str(value))
