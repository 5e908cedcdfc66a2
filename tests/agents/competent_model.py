"""A script that plays a competent model, deterministically: for `LocalEndpoint("scripted", ...)`.

It knows of tools and schemas what a model can know: the request's own fields on a server that takes
them, and otherwise nothing but the words of the conversation, which it answers in the dialect in
which it was asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_TOOL = re.compile(r'\{"type":\s*"function"')
_RESULTS = re.compile(
    r"The function \w+ returned:\n(?P<plain>.*?)(?=\n\nThe function |\n\nAnswer with nothing|\Z)"
    r"|<tool_response>\n(?P<hermes>.*?)\n</tool_response>"
    r'|\[TOOL_RESULTS\] \{"name": "\w+", "content": (?P<mistral>".*?")\} \[/TOOL_RESULTS\]',
    re.DOTALL,
)
_COMPLAINT = "That answer does not fit"
_FORM = "nothing but a JSON object like this: "
_REQUEST = re.compile(r"\n\nAnswer with nothing but (?:one JSON|a JSON|a function|a call)")
_MUST = re.compile(
    r"(?:nothing but|next answer must be) a (?:function call|call of (?P<name>\w+))"
    r"(?: like this: (?P<forms>(?:(?!\n\n).)*))?",
    re.DOTALL,
)
_BLANK = re.compile(r"<(?P<kind>\w+)[^<>\n]*>")


@dataclass
class Situation:
    """What the model is asked, wherever it was said."""

    question: str
    results: list[str]
    tools: list[dict]
    must_call: str = ""
    """Empty; `any`; or a name."""
    dialect: str = ""
    """Empty: the server takes tool calls."""
    schema: dict | None = None


def competent(body: dict) -> dict:
    """Answers the body of a chat request."""
    situation = _situation(body)
    text = _text(situation)
    calls = [] if text else [_call(situation)]
    if calls and situation.dialect:
        text, calls = written(situation.dialect, calls), []
    thought = "Let me see." if "reasoning_effort" in body else ""
    usage = _usage(body["messages"], len(text.split()) + 5 * len(calls), len(thought.split()))
    return {"content": text, "reasoning_content": thought, "tool_calls": calls, "usage": usage}


def _usage(messages: list[dict], said: int, thought: int) -> dict:
    """Words for tokens; the turns before the last are those of the prompt before, so cached."""
    asked, cached, sounds = (
        sum(len(_words(message).split()) for message in messages),
        sum(len(_words(message).split()) for message in messages[:-1]),
        sum(_words(message).count("(input_audio)") for message in messages[-1:]),
    )
    return {
        "prompt_tokens": asked,
        "completion_tokens": said + thought,
        "total_tokens": asked + said + thought,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": asked - cached - sounds,
            "audio_tokens": sounds,
        },
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def written(dialect: str, calls: list[dict]) -> str:
    """Calls (`name`, `args`) as models of a dialect write them."""
    key = "parameters" if dialect == "llama" else "arguments"
    texts = [
        json.dumps({"name": call["name"], key: call["args"]}, ensure_ascii=False) for call in calls
    ]
    if dialect == "hermes":
        return "\n".join(f"<tool_call>\n{text}\n</tool_call>" for text in texts)
    if dialect == "mistral":
        return f"[TOOL_CALLS] [{', '.join(texts)}]"
    return "\n".join(texts)


def spoken_dialect(text: str) -> str:
    """The dialect in which a conversation shows its tools."""
    if "<tools>" in text or "<tool_call>" in text:
        return "hermes"
    if "[AVAILABLE_TOOLS]" in text or "[TOOL_CALLS]" in text:
        return "mistral"
    return (
        "llama" if re.search(r'"parameters": (?:\{|dictionary of argument name)', text) else "json"
    )


def filled(schema: dict, root: dict | None = None) -> object:
    """A value that fits a schema; texts repeat what their field is for."""
    root = root or schema
    if "$ref" in schema:
        found = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return filled(found, root)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return filled(schema[union][0], root)
    if "enum" in schema or "const" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: filled(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema.get("items", {"type": "string"}), root)]
    values = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
    return values.get(kind, schema.get("description") or schema.get("title") or "text")


def _situation(body: dict) -> Situation:
    messages = body["messages"]
    texts = [_words(message) for message in messages]
    everything = "\n\n".join(texts)
    asked = max(place for place, message in enumerate(messages) if _asks(message))
    question = _REQUEST.split(texts[asked])[0].split("\n\n")[-1]
    results = [
        text
        for message in messages[asked:]
        for text in ([_words(message)] if message["role"] == "tool" else _results(_words(message)))
    ]
    situation = Situation(question, results, [], schema=_schema(body, everything))
    if "tools" in body:
        choice = body.get("tool_choice", "auto")
        if choice != "none":
            situation.tools = body["tools"]
        if choice == "required":
            situation.must_call = "any"
        elif isinstance(choice, dict):
            situation.must_call = choice["function"]["name"]
        return situation
    situation.tools = [
        json.JSONDecoder().raw_decode(everything, match.start())[0]
        for match in _TOOL.finditer(everything)
    ]
    told = [*_MUST.finditer(everything)][-1:]  # the last: an example stands in front
    if told:
        situation.must_call = told[0]["name"] or "any"
        situation.tools = situation.tools or _shown_as_forms(told[0]["forms"] or "")
    if situation.tools:
        situation.dialect = spoken_dialect(everything)
    return situation


def _shown_as_forms(text: str) -> list[dict]:
    """The tools whose calls are shown with blanks in them."""
    tools = []
    for match in re.finditer(r'\{"name": ', text):
        fields = _schema_of(text[match.start() :])["properties"]
        parameters = fields.get("arguments") or fields["parameters"]
        function = {"name": fields["name"]["const"], "parameters": parameters}
        tools.append({"type": "function", "function": function})
    return tools


def _asks(message: dict) -> bool:
    text = _words(message)
    is_result = bool(_results(text)) and not _TOOL.search(text)
    return message["role"] == "user" and not is_result and not text.startswith(_COMPLAINT)


def _results(text: str) -> list[str]:
    found = []
    for match in _RESULTS.finditer(text):
        quoted = match["mistral"]
        found.append(json.loads(quoted) if quoted else match["plain"] or match["hermes"])
    return found


def _schema(body: dict, everything: str) -> dict | None:
    """The schema that the answer must fit, whoever says so."""
    wanted = body.get("response_format") or {}
    if _FORM in everything:
        return _schema_of(everything.rpartition(_FORM)[2])
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"]["schema"]
    keys = re.search(r"JSON with '(\w+)' and\s+'(\w+)' keys", everything)
    if keys:
        return {"type": "object", "properties": {key: {"type": "string"} for key in keys.groups()}}
    return {"type": "object"} if wanted.get("type") == "json_object" else None


def _schema_of(form: str) -> dict:
    """A schema that has the fields of a form, whose blanks name the types."""
    quoted = re.sub(r'(?<=[:\[] )?(?<!")<(\w+)[^<>"\n]*>', r'"<\1>"', form).replace(", ...]", "]")
    quoted = re.sub(r' or ("<\w+>"|\{\})', "", quoted)
    return _typed(json.JSONDecoder().raw_decode(quoted)[0])


def _typed(form: object) -> dict:
    if isinstance(form, dict):
        return {"type": "object", "properties": {name: _typed(part) for name, part in form.items()}}
    if isinstance(form, list):
        return {"type": "array", "items": _typed(form[0])}
    kind = _BLANK.match(str(form))
    known = {"string", "integer", "number", "boolean", "null"}
    if kind and kind["kind"] in known:
        return {"type": kind["kind"]}
    return {"const": str(form).strip("<>").partition(" or ")[0].partition(";")[0]}


def _text(situation: Situation) -> str:
    """The answer in words; empty where a call is the answer."""
    if situation.must_call or len(situation.results) < len(_plan(situation)):
        return ""
    if situation.schema is not None:
        return json.dumps(filled(situation.schema))
    if situation.results:
        return f"The answer is {situation.results[-1]}."
    return f"You said: {situation.question}"


def _plan(situation: Situation) -> list[dict]:
    """The tools that the question names, in its order."""
    named = []
    for tool in situation.tools:
        name = tool["function"]["name"]
        words = [name, *(word for word in name.split("_") if len(word) > 4)]
        places = [situation.question.lower().find(word.lower()) for word in words]
        found = [place for place in places if place >= 0]
        if found:
            named.append((min(found), tool))
    return [tool for _, tool in sorted(named, key=lambda pair: pair[0])]


def _call(situation: Situation) -> dict:
    plan, done = _plan(situation), len(situation.results)
    if situation.must_call not in {"", "any"}:
        tool = next(t for t in situation.tools if t["function"]["name"] == situation.must_call)
    else:
        tool = plan[done] if done < len(plan) else situation.tools[0]
    schema = tool["function"].get("parameters") or {}
    numbers = [int(number) for number in re.findall(r"(?<![\w.])-?\d+", situation.question)]
    if done:
        # The first call took two numbers, and every later one its predecessor's result and one.
        numbers = [int(situation.results[-1]), *numbers[done + 1 :]]
    args = {}
    for name, part in schema.get("properties", {}).items():
        if part.get("type") == "integer":
            args[name] = numbers.pop(0) if numbers else 1
        elif part.get("type") == "string":
            args[name] = _said(situation.question) or part.get("description") or name
        else:
            args[name] = filled(part, schema)
    return {"name": tool["function"]["name"], "args": args}


def _said(question: str) -> str:
    """What the question quotes, or the place that it is about."""
    found = re.search(r"'([^']+)'| in ([^?.]+)", question)
    return (found[1] or found[2]) if found else ""


def _words(message: dict) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or f"({part['type']})" for part in content)
