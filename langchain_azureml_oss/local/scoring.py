"""`POST /score`: the contracts that catalog models speak, of today and of 2023.

A contract is a row: how to read its request, the shape of its answer, and what wraps each text.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from langchain_azureml_oss.local.embeddings import score_vectors
from langchain_azureml_oss.local.engines.base import JSON, EngineError, only
from langchain_azureml_oss.local.refusals import Refusal, error, from_engine
from langchain_azureml_oss.local.score_settings import LATER, NAMES, wrong_parameter
from langchain_azureml_oss.local.state import STATE, visit

if TYPE_CHECKING:
    from langchain_azureml_oss.local.options import CompletionShape, EndpointOptions, Task

logger = logging.getLogger(__name__)

_DEFAULT_MAX_TOKENS = 16


@dataclass(frozen=True)
class ScoreCall:
    """A request, whatever contract it came in: either messages or prompts."""

    messages: list[JSON] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    parameters: JSON = field(default_factory=dict)

    def settings(self) -> JSON:
        """The parameters under the engines' names."""
        known = {
            name: self.parameters[theirs]
            for theirs, name in NAMES.items()
            if self.parameters.get(theirs) is not None
        }
        return {"max_tokens": _DEFAULT_MAX_TOKENS} | known


@dataclass(frozen=True)
class ScoreContract:
    """How one contract reads and writes; `read` says None to what is not its own."""

    read: Callable[[JSON], ScoreCall | None]
    shape: CompletionShape
    wrap: Callable[[str | None], object] = lambda text: text


async def score(request: web.Request) -> web.Response:
    """Answers `POST /score`."""
    state = request.app[STATE]
    body = _parsed(visit(request).raw)
    if state.options.task == "embeddings":
        return web.json_response(await score_vectors(request, body))
    for contract in CONTRACTS[state.options.contract]:
        call = contract.read(body) if isinstance(body, dict) else None
        call = call and _of_task(call, state.options.task)
        if call is not None and _acceptable(call, state.options):
            answered = _chat(request, call) if call.messages else _complete(request, contract, call)
            return web.json_response(await answered)
    # A wrong shape is no error here: the server finds nothing to do, and that went well.
    return web.json_response({})


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())
    except UnicodeDecodeError:
        raise Refusal(400, {"message": "The request body is not UTF-8."}) from None
    except (ValueError, RecursionError) as problem:
        raise error(500, f"Failed to parse the request body: {problem}") from None


def _of_task(call: ScoreCall, task: Task) -> ScoreCall | None:
    """The call as a model of this task takes it; None where it finds nothing to do."""
    if task == "completion" and call.messages:
        # Word for word what Microsoft's server does, in silence.
        return replace(call, prompts=[str(message) for message in call.messages], messages=[])
    return None if task == "chat" and call.prompts else call


def _acceptable(call: ScoreCall, options: EndpointOptions) -> bool:
    plain = all(isinstance(message.get("content"), str) for message in call.messages)
    if not plain and not options.extended:
        return False
    wrong = wrong_parameter(call.parameters, extended=options.extended)
    if wrong:
        logger.warning("The answer is {}: %s", wrong)
    return wrong is None


async def _chat(request: web.Request, call: ScoreCall) -> JSON:
    state = request.app[STATE]
    asked = {"messages": call.messages, **call.settings(), **state.passed_on(request)}
    if state.options.extended:
        given = call.parameters
        asked |= {name: given[name] for name in LATER if name in given}
    try:
        whole = await only(state.engine.chat(asked))
    except EngineError as problem:
        if state.options.is_gateway:
            raise from_engine(problem) from problem
        logger.info("The engine refused: %s", problem)
        if state.options.extended:
            inner = {"status_code": problem.status, "body": problem.body}
            return {"output": None, "error": inner}
        return {"output": "None"}
    choice = whole["choices"][0]
    message = choice["message"]
    output: JSON = {"output": message.get("content") or ""}
    if state.options.extended:
        output |= {
            "message": message,
            "finish_reason": choice["finish_reason"],
            "usage": whole.get("usage"),
            "model": state.model_name(request),
            "id": whole["id"],
        }
        extras = ("tool_calls", "reasoning_content")
        output |= {name: message[name] for name in extras if message.get(name)}
    return output


async def _complete(request: web.Request, contract: ScoreContract, call: ScoreCall) -> object:
    state = request.app[STATE]
    shape = state.options.completion_shape or contract.shape
    # The later servers' answer has room for one text: the others are lost.
    single = state.options.first_prompt_only or shape == "extended"
    prompts = call.prompts[:1] if single else call.prompts
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_continue(request, call, prompt)) for prompt in prompts]
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None
    return _SHAPES[shape]([task.result() for task in tasks], contract.wrap)


async def _continue(request: web.Request, call: ScoreCall, prompt: str) -> JSON | None:
    """The completion of one prompt, or None when the engine refused that prompt."""
    state = request.app[STATE]
    asked = {"prompt": prompt, **call.settings(), **state.passed_on(request)}
    try:
        whole = await only(state.engine.complete(asked))
    except EngineError as problem:
        if state.options.is_gateway:
            raise from_engine(problem) from problem
        logger.info("The engine refused: %s", problem)
        return None
    choice: JSON = whole["choices"][0]
    if call.parameters.get("return_full_text", True):
        choice["text"] = prompt + choice["text"]
    return choice | {"usage": whole.get("usage")}


def _call(inputs: object, parameters: object, *, chats: bool = False) -> ScoreCall | None:
    """A call over prompts, or where the contract has chats over messages; None for the rest."""
    found = {} if parameters is None else parameters
    if not isinstance(found, dict) or not isinstance(inputs, list) or not inputs:
        return None
    if all(isinstance(item, str) for item in inputs):
        return ScoreCall(prompts=inputs, parameters=found)
    if chats and all(_is_message(item) for item in inputs):
        return ScoreCall(messages=inputs, parameters=found)
    return None


def _is_message(item: object) -> bool:
    return isinstance(item, dict) and "content" in item and isinstance(item.get("role"), str)


def _read_score(body: JSON) -> ScoreCall | None:
    data = body.get("input_data")
    if not isinstance(data, dict):
        return None
    # Parameters beside `input_data` are ignored without a word.
    return _call(data.get("input_string"), data.get("parameters"), chats=True)


def _read_score_params(body: JSON) -> ScoreCall | None:
    return _call(body.get("input_data"), body.get("params"))


def _read_gpt2(body: JSON) -> ScoreCall | None:
    return _call(_strings(body.get("inputs")), body.get("parameters"))


def _read_falcon(body: JSON) -> ScoreCall | None:
    return _call(body.get("inputs"), body.get("parameters"))


def _read_dolly(body: JSON) -> ScoreCall | None:
    return _call(_strings(body.get("input_data")), body.get("parameters"))


def _strings(holder: object) -> object:
    return holder.get("input_string") if isinstance(holder, dict) else None


Texts = list[JSON | None]
Wrap = Callable[[str | None], object]


def _text(answered: JSON | None) -> str | None:
    return None if answered is None else answered["text"]


def _keyed(answers: Texts, wrap: Wrap) -> object:
    return [{str(index): wrap(_text(one)) for index, one in enumerate(answers)}]


def _listed(answers: Texts, wrap: Wrap) -> object:
    return [wrap(_text(one)) for one in answers]


def _extended(answers: Texts, wrap: Wrap) -> object:
    first = answers[0] or {}
    return {
        "output": [wrap(_text(answers[0]))],
        "finish_reason": first.get("finish_reason"),
        "usage": first.get("usage"),
    }


_SHAPES: dict[str, Callable[[Texts, Wrap], object]] = {
    "keyed": _keyed,
    "list": _listed,
    "extended": _extended,
}

CONTRACTS: dict[str, tuple[ScoreContract, ...]] = {
    "score": (ScoreContract(_read_score, "keyed"), ScoreContract(_read_score_params, "list")),
    "gpt2-2023": (ScoreContract(_read_gpt2, "keyed"),),
    "falcon-2023": (ScoreContract(_read_falcon, "list", lambda text: {"generated_text": text}),),
    "dolly-2023": (ScoreContract(_read_dolly, "list"),),
}
