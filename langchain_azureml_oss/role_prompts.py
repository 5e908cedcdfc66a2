"""Prompt flow's role-marked prompt texts -> messages."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_azureml_oss.errors import UnsupportedInputError
from langchain_azureml_oss.wire import decode_json

ROLES: Mapping[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
    "tool": ToolMessage,
}

# Source: parse_chat in prompt flow's _prompty_utils.py: one # at most. But where four spaces stand
# before it, it is an example in somebody's text, as in Markdown. Letters are ASCII's: to Python, an
# old long s would be one of `system` too.
_MARK = re.compile(rf" {{0,3}}(?:#[ \t]*)?((?ai:{'|'.join(ROLES)}))\s*:\s*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_IDS = ("name", "tool_call_id")
_HEADERS = (*_IDS, "tool_calls", "content")
_HEADER = re.compile(rf"\s*#{{0,2}} ?((?ai:{'|'.join(_HEADERS)}))\s*:(.*)")

_USERS = "\ufdd0"
"""Stands in each line of an escaped text: Unicode keeps it for a program's own use, for ever."""

_WORDS = (*ROLES, *_HEADERS)
_ENDINGS = "|".join(word[start:] for word in _WORDS for start in range(len(word)))
# What can make a mark, a header or a fence of a line, alone or together with what the template has
# before and behind it: a line of the end of a word (or nothing) and a colon; a word that the
# template's colon may follow; a beginning of a fence; a line break at either end.
_TELLTALE = re.compile(
    rf"^(?:[^\S\n]|\#)*+(?:(?:(?ai:{_ENDINGS})[^\S\n]*+)?:|(?ai:{'|'.join(_WORDS)})[^\S\n]*+\Z)"
    r"|^ {0,3}+[`~]|\A[^\S\n]*+\n|\n(?:[^\S\n]|\#)*+\Z",
    re.MULTILINE,
)


def escape_roles(text: str) -> str:
    """Return a text that stays text wherever it is put into a role-marked prompt.

    Without it, a line `system:` in what a user writes begins a turn. The same holds for `## name:`,
    `## tool_calls:` and their like, and for fences of code, which hide the marks that follow. What
    is escaped comes back as it was from `messages_from_prompt` and `AzureMLOSSLLM(api="chat")`.
    A text that can do nothing of the kind is returned as it is.

    Args:
        text: What is to be one of a template's values. U+FDD0, which is no character, is left out.

    Returns:
        The text, with U+FDD0 in each of its lines. Escaping it again changes nothing.

    Raises:
        UnsupportedInputError: it is no text.
    """
    text = _checked(text).replace(_USERS, "")
    if not _TELLTALE.search(text):
        return text
    return f"{_USERS}{text.replace(chr(10), chr(10) + _USERS)}{_USERS}"


def messages_from_prompt(text: str) -> list[BaseMessage]:
    """Split a role-marked prompt text, as prompt flow writes them, into messages.

    A mark is a line of its own holding `system:`, `user:`, `assistant:` or `tool:`, in any case,
    with or without `# ` before it. A mark inside a fenced code block, or indented by four spaces or
    more, is text. After a mark, `## name:`, `## tool_call_id:` and `## tool_calls:` (each with its
    value behind it or on the next line) may stand before `## content:`. Blank lines around a
    message's text are dropped; the text itself is kept as it is. A text without any mark is one
    user message. What `escape_roles` has returned is text, and nothing else.

    Args:
        text: The prompt.

    Returns:
        The messages, in order.

    Raises:
        UnsupportedInputError: it is no text, words stand before the first mark, or a turn's headers
            are wrong.
    """
    turns = _turns(_checked(text))
    if len(turns) == 1:
        return [HumanMessage(_as_written(text))]
    preface = _as_written("".join(turns.pop(0)[1])).strip()
    if preface:
        msg = (
            f"The prompt begins with {preface[:40]!r}, before any role. Begin it with one of"
            f" {', '.join(f'{role}:' for role in ROLES)}, on a line of its own."
        )
        raise UnsupportedInputError(msg)
    return [_turn(role, lines) for role, lines in turns]


def _checked(text: Any) -> str:
    if isinstance(text, str):
        return text
    # Without its text: to ask for that may fail, and it may be a secret's.
    raise UnsupportedInputError(f"A text is expected, not {type(text).__name__}.")


def has_role_marks(text: str) -> bool:
    """Whether a line of this text is a role's mark."""
    return len(_turns(text)) > 1


def warn_of_role_marks(messages: Sequence[BaseMessage]) -> None:
    """Warn where a whole role-marked prompt is about to be sent as one user turn."""
    if (
        len(messages) != 1
        or messages[0].type != "human"
        or not isinstance(messages[0].content, str)
    ):
        return
    text = messages[0].content
    first, _, rest = text.lstrip().partition("\n")
    if rest and _MARK.fullmatch(first):
        warnings.warn(
            "The prompt begins with a role mark, and is sent as one user turn. Role marks are"
            ' read by AzureMLOSSLLM(api="chat"), and by messages_from_prompt(text).',
            stacklevel=2,
        )


def parse_role_prompt(text: str) -> list[BaseMessage]:
    """Split a role-marked prompt text: `messages_from_prompt` by the name that it had first."""
    return messages_from_prompt(text)


def _as_written(text: str) -> str:
    """Return an escaped text as it was."""
    return text.replace(_USERS, "")


def _turns(text: str) -> list[tuple[str, list[str]]]:
    """Return (role, lines) of each turn; the first has no role, and what stands before any mark."""
    turns: list[tuple[str, list[str]]] = [("", [])]
    fence = ""
    for line in re.split(r"(?<=\n)", text):
        fence = _fence_after(line, fence)
        mark = None if fence else _MARK.fullmatch(line)
        if mark:
            turns.append((mark[1].lower(), []))
        else:
            turns[-1][1].append(line)
    return turns


def _fence_after(line: str, fence: str) -> str:
    """Return the fence that is open after this line: the one that opened it, or nothing."""
    found = _FENCE.match(line)
    if not found:
        return fence
    if not fence:
        return found[1]
    closes = found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _turn(role: str, lines: list[str]) -> BaseMessage:
    headers, text = _headers(role, lines)
    headers = {name: _as_written(value) for name, value in headers.items()}
    details: dict[str, Any] = {}
    if "name" in headers:
        details["name"] = headers["name"]
    if role == "tool":
        details["tool_call_id"] = headers.get("tool_call_id", "")
    elif role == "assistant" and "tool_calls" in headers:
        details["tool_calls"] = _tool_calls(headers["tool_calls"])
    return ROLES[role](_as_written(text), **details)


def _headers(role: str, lines: list[str]) -> tuple[dict[str, str], str]:
    """Split `name:` and the like from the text, where a `content:` follows them."""
    values: dict[str, list[str]] = {}
    key = ""
    for number, line in enumerate(lines):
        found = _HEADER.fullmatch(line.rstrip("\r\n"))
        if found:
            key, value = found[1].lower(), found[2].strip()
            if key == "content":
                headers = _joined(values)
                if not headers or any(" " in headers.get(one, "") for one in _IDS):
                    break  # as in prompt flow, where names and ids have no spaces
                return headers, _trim([value + "\n" if value else "", *lines[number + 1 :]])
            values[key] = [value]
        elif key:
            values[key].append(line.strip())
        elif line.strip():
            break
    if role == "assistant" and "tool_calls" in values:
        return _joined(values), ""
    return {}, _trim(lines)


def _joined(values: dict[str, list[str]]) -> dict[str, str]:
    return {key: "".join(parts) for key, parts in values.items()}


def _trim(lines: list[str]) -> str:
    """Drop the blank lines around a text, and the line break behind it."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return "".join(lines[filled[0] : filled[-1] + 1]).rstrip("\r\n") if filled else ""


def _tool_calls(text: str) -> list[dict[str, Any]]:
    """Read OpenAI's tool calls, written in a prompt as JSON, or as Python shows a list.

    Prompt flow reads the latter, since its templates write `{{ tool_calls }}`.
    """
    try:
        return [
            {
                "name": call["function"]["name"],
                "args": _literal(call["function"]["arguments"]),
                "id": call.get("id"),
            }
            for call in _literal(text)
        ]
    except (LookupError, ValueError, TypeError, AttributeError, *_UNREADABLE) as error:
        msg = f"tool_calls of an assistant turn must be OpenAI's list of calls: {error!r}"
        raise UnsupportedInputError(msg) from None


_UNREADABLE = (SyntaxError, RecursionError, MemoryError)
"""What ast.literal_eval raises besides, and json for what is nested too deeply."""


def _literal(text: str) -> Any:
    try:
        return decode_json(text.encode())
    except ValueError:
        return ast.literal_eval(text)
