"""A prompt template and its variables -> a prompt, or a conversation.

Templates are prompt flow's: Jinja in a sandbox, role marks, `![image]({{x}})`. What a flow's user
wrote is escaped, so that it never becomes a turn. Source: promptflow-core 1.18, _prompty_utils.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError, in_words
from langchain_azureml_oss.role_prompts import (
    ROLES,
    escape_roles,
    has_role_marks,
    messages_from_prompt,
)

_IMAGE = re.compile(r"!\[\s*image\s*\]\(\{\{\s*([^\s{}]+)\s*\}\}\)")
_PLACE = "\ufdd1"  # stands around an image's number; no character, so that no text has it
_PLACES = re.compile(f"{_PLACE}([0-9]+){_PLACE}")
_NO_MARKS = (
    "The Chat API requires a specific format for prompt definition, and the prompt should include"
    " separate lines as role delimiters: {roles}. Current parsed role {text!r} does not meet the"
    " requirement. If you intend to use the Completion API, please select the appropriate API type"
    " and deployment name. If you do intend to use the Chat API, please refer to the guideline at"
    " https://aka.ms/pfdoc/chat-prompt or view the samples in our gallery that contain 'Chat' in"
    " the name."
)  # prompt flow's words, which its documents and forums explain


def prompt_of(template: str, variables: Mapping[str, Any]) -> str:
    """Return the text that the Completion API continues.

    Raises:
        UnsupportedInputError: the template cannot be rendered, or holds an image.
    """
    seen = _Variables(template, variables, escaped=())
    text = _render(_IMAGE.sub(r"{{\1}}", template), seen.values)
    if _PLACES.search(text):
        msg = "The prompt holds an image, which the Completion API does not take; use api: chat."
        raise UnsupportedInputError(msg)
    return text


def conversation(
    template: str, variables: Mapping[str, Any], escaped: Collection[str] | None = None
) -> list[BaseMessage]:
    """Return the messages that the Chat API is asked with.

    Args:
        template: A role-marked Jinja template.
        variables: What is put into it.
        escaped: Names of the variables that hold users' text; None: all of them.

    Raises:
        UnsupportedInputError: the template cannot be rendered, or has no role mark.
    """
    seen = _Variables(template, variables, variables if escaped is None else escaped)
    text = _render(_IMAGE.sub(r"\n{{\1}}\n", template), seen.values)
    if not has_role_marks(text):
        roles = ",".join(f"'{role}:\\n'" for role in ("system", "user", "assistant", "tool"))
        raise UnsupportedInputError(_NO_MARKS.format(roles=roles, text=text.strip()[:40]))
    return [seen.filled(message) for message in messages_from_prompt(text)]


class _Variables:
    """Variables made ready for a template: texts escaped, images numbered, secrets refused."""

    def __init__(
        self, template: str, variables: Mapping[str, Any], escaped: Collection[str]
    ) -> None:
        self._images: list[dict[str, Any]] = []
        self._words: dict[str, str] = {}
        if not isinstance(template, str):
            raise UnsupportedInputError(
                f"The prompt must be a text, and is {type(template).__name__}."
            )
        pictured = set(_IMAGE.findall(template))
        try:
            self.values = {
                name: self._picture(value)
                if name in pictured and isinstance(value, str)
                else self._ready(name, value, is_users=name in escaped)
                for name, value in variables.items()
            }
        except UnsupportedInputError:
            raise
        except RecursionError:
            raise UnsupportedInputError("A template variable is nested too deeply.") from None
        except Exception as error:  # noqa: BLE001 - of a value's own methods
            kind = type(error).__name__
            msg = f"A template variable cannot be read: it raises {kind}."
            raise UnsupportedInputError(msg) from None

    def _ready(self, name: str, value: Any, *, is_users: bool) -> Any:
        if isinstance(value, str):
            return self._text(value, is_users=is_users)
        if hasattr(value, "to_base64"):  # prompt flow's Image
            return self._picture(
                getattr(value, "source_url", None) or value.to_base64(with_type=True)
            )
        if _holds_secrets(value):
            msg = (
                f"The template variable {name!r} is {type(value).__name__}, which holds secrets;"
                " a template gets text and numbers only. Pass a connection as connection=."
            )
            raise UnsupportedInputError(msg)
        if isinstance(value, Mapping):
            return {k: self._ready(name, v, is_users=is_users) for k, v in value.items()}
        if isinstance(value, list | tuple):
            items = [self._ready(name, item, is_users=is_users) for item in value]
            # Prompt flow has a list whose text is that of its items, one a line.
            return type(value)(items) if type(value).__str__ is not list.__str__ else items
        return value

    def _text(self, value: str, *, is_users: bool) -> str:
        mapping = getattr(value, "escaped_mapping", None)
        if mapping and isinstance(mapping, Mapping):
            # Prompt flow's PromptResult: the text with other words in the place of roles.
            self._words.update(mapping)
            value = value.escaped_string  # type: ignore[attr-defined]
        # A role alone is left as it is: `{{item.role}}:` makes turns of a history.
        is_users = is_users and value.strip().lower() not in ROLES
        value = value.replace(_PLACE, "")
        return escape_roles(value) if is_users else value

    def _picture(self, url: str) -> str:
        self._images.append({"type": "image_url", "image_url": {"url": url}})
        return f"{_PLACE}{len(self._images) - 1}{_PLACE}"

    def filled(self, message: BaseMessage) -> BaseMessage:
        """Return the message with the words of before, and with its images."""
        text = str(message.content)
        for stand_in, word in self._words.items():
            text = text.replace(stand_in, word)
        parts: list[Any] = []
        for place, part in enumerate(_PLACES.split(text)):
            if place % 2:
                # An index too high is a text of somebody who knew how places look.
                parts += self._images[int(part) : int(part) + 1] if len(part) < 9 else []
            elif part.strip():
                parts.append({"type": "text", "text": part.strip("\n")})
        has_images = any(part["type"] == "image_url" for part in parts)
        return message.model_copy(update={"content": parts if has_images else text})


def _holds_secrets(value: Any) -> bool:
    """Whether this is a connection, in any form that `connection=` takes, or a SecretStr."""
    return (
        hasattr(value, "secrets")
        or hasattr(value, "get_secret_value")
        or (isinstance(value, Mapping) and not {"endpoint_api_key", "secrets"}.isdisjoint(value))
    )


def _render(template: str, variables: Mapping[str, Any]) -> str:
    try:
        from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415 - optional
    except ImportError as error:
        msg = (
            "Prompt templates need the package jinja2"
            f' (pip install "langchain-azureml-oss[promptflow]"): {error}'
        )
        raise ConnectionConfigError(msg) from None
    try:
        environment = SandboxedEnvironment(trim_blocks=True, keep_trailing_newline=True)
        return environment.from_string(template).render(variables)
    except Exception as error:  # noqa: BLE001 - Jinja's, and whatever a value raises
        said = in_words(error, "jinja2").replace("\ufdd0", "")
        msg = f"The prompt template cannot be rendered: {said}"
    # Not where it was caught: the first error, with a value's own words, would hang on.
    raise UnsupportedInputError(msg)
