"""Answers in the form of a schema: `with_structured_output` and its three methods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, cast

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser, BaseOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.json import parse_json_markdown, parse_partial_json
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from langchain_azureml_oss.errors import RefusalError, harmless
from langchain_azureml_oss.tools import (
    Method,
    answer_function,
    fitted,
    is_typeddict,
    json_in,
    unfilled,
    without_nulls,
)

Schema = dict[str, Any] | type

# langchain-core has it since 1.7.5.
_Refusal: type[Exception] = getattr(exceptions, "ModelRefusalError", RefusalError)


def structured_model(
    model: BaseChatModel,
    schema: Schema | None,
    *,
    method: Method,
    include_raw: bool = False,
    strict: bool | None = None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, Any]:
    """Return the model followed by the parser of its answer.

    Args:
        model: The chat model.
        schema: Pydantic class, TypedDict or JSON schema; `json_mode` can do without.
        method: How the form is asked for.
        include_raw: Whether to return a dict of `raw`, `parsed` and `parsing_error` instead.
        strict: Whether the server must keep to the schema, where it can.
        **kwargs: Bound to the model as well.

    Raises:
        ValueError: there is no schema, or the method is unknown or takes no other tools.
    """
    if method not in _BINDERS:
        msg = f"method {method!r} is none of {', '.join(_BINDERS)}."
        raise ValueError(msg)
    if schema is None and method != "json_mode":
        msg = f"method {method!r} needs a schema."
        raise ValueError(msg)
    if kwargs.get("tools") and method == "function_calling":
        msg = "tools= beside a schema needs method 'json_schema': here, the schema is the tool."
        raise ValueError(msg)
    if strict is not None and method == "json_mode":
        msg = "strict is for function_calling and json_schema; json_mode has no schema to keep to."
        raise ValueError(msg)
    function = answer_function(schema, strict=strict) if schema else None
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    bound, parser = _BINDERS[method](
        model, schema, function, {**kwargs, "ls_structured_output_format": traced}
    )
    if not include_raw:
        return bound | parser
    # Here a wrong answer is shown and not raised, so a stream of it simply ends.
    may_call = {"may_call": True} if kwargs.get("tools") else {}
    shown = parser.model_copy(update={"checks_stream": False, **may_call})
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | shown, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


class _Checked:
    """Makes a parser of langchain-core raise for every answer that is not what was asked for."""

    checks_stream: bool
    """Whether a stream too ends with an error, where its answer is wrong as a whole."""
    form: Any

    def _fitted(self, result: list[Generation], message: AIMessage) -> list[Generation]:
        """Return the answer with what is known about its form applied."""
        return result

    def _transform(self, input: Iterator[Any]) -> Iterator[Any]:  # noqa: A002
        chunks: list[Any] = []

        def kept() -> Iterator[Any]:
            for chunk in input:
                chunks.append(chunk)
                yield chunk

        said = False
        for parsed in cast("Any", super())._transform(kept()):  # noqa: SLF001
            said = True
            yield parsed
        last = self._check(chunks)
        if not said and last is not None:
            yield last  # found only in the whole

    async def _atransform(self, input: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: A002
        chunks: list[Any] = []

        async def kept() -> AsyncIterator[Any]:
            async for chunk in input:
                chunks.append(chunk)
                yield chunk

        said = False
        async for parsed in cast("Any", super())._atransform(kept()):  # noqa: SLF001
            said = True
            yield parsed
        last = self._check(chunks)
        if not said and last is not None:
            yield last

    def _check(self, chunks: list[Any]) -> Any:
        """Return the whole answer; raise where the chunks add up to a wrong one."""
        if chunks and self.checks_stream:
            whole = sum(chunks[1:], start=chunks[0])
            return self.parse_result([ChatGeneration(message=whole)])
        return None

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Return the parsed answer.

        Raises:
            ModelRefusalError: the model refused.
            OutputParserException: the answer does not have the form that was asked for.
        """
        inner = cast("Any", super())
        if partial:
            return inner.parse_result(result, partial=True)
        message = _message(result)
        if message.additional_kwargs.get("refusal"):
            raise _refused(message)
        try:
            parsed = inner.parse_result(self._fitted(result, message))
        except OutputParserException:
            raise
        except ValueError as error:  # pydantic's ValidationError, of either version
            raise _misfit(str(error), message) from error
        if parsed is None:
            errors = [call["error"] for call in message.invalid_tool_calls if call["error"]]
            raise _misfit("; ".join(errors) or _NO_CALL, message)
        self._refuse_unfilled(message)
        return parsed

    def _refuse_unfilled(self, message: AIMessage) -> None:
        """Raise where a form that was shown in words was not filled in: its schema may take all."""
        if "misfit" not in message.response_metadata:
            return
        said = [call["args"] for call in message.tool_calls] or [json_in(_text(message))]
        reasons = [reason for one in said if (reason := unfilled(one, self.form.schema))]
        if reasons:
            raise _misfit("; ".join(reasons), message)


class _ToolParser(_Checked, JsonOutputKeyToolsParser):
    checks_stream: bool = True
    form: Any = None

    def _fitted(self, result: list[Generation], message: AIMessage) -> list[Generation]:
        calls = [
            {**call, "args": self.form.dict_of(call["args"], message)}
            if call["name"] == self.key_name
            else call
            for call in message.tool_calls
        ]
        return [ChatGeneration(message=AIMessage(message.content, tool_calls=calls))]


class _PydanticToolParser(_Checked, PydanticToolsParser):
    checks_stream: bool = True
    form: Any = None

    def _fitted(self, result: list[Generation], message: AIMessage) -> list[Generation]:
        calls = [
            {**call, "args": without_nulls(call["args"], self.form.schema)}
            for call in message.tool_calls
        ]
        return [ChatGeneration(message=AIMessage(message.content, tool_calls=calls))]


class _Form:
    """What an answer is judged by: the class where there is one, else the JSON schema."""

    def __init__(self, given: Any, function: Mapping[str, Any] | None) -> None:
        self.schema: Mapping[str, Any] = function["parameters"] if function else {}
        self.given = given

    def dict_of(self, value: Any, message: AIMessage) -> Any:
        """Return a dict's plain values as the schema has them."""
        if is_typeddict(self.given):
            try:
                return TypeAdapter(self.given).validate_python(value)
            except PydanticUserError:
                pass  # Python's own TypedDict, before Python 3.12
            except ValueError as error:
                raise _misfit(_in_words(error, value, self.schema), message) from error
        found, reason = fitted(value, self.schema)
        if reason:
            raise _misfit(reason, message)
        return found

    def instance_of(self, value: Any) -> Any:
        """Return an instance of the pydantic class."""
        if isinstance(value, dict):
            value = without_nulls(value, self.schema)
        is_v2 = issubclass(self.given, BaseModel)
        return (self.given.model_validate if is_v2 else self.given.parse_obj)(value)


def _in_words(error: ValueError, value: Any, schema: Mapping[str, Any]) -> str:
    return fitted(value, schema)[1] or str(error)


class _JsonParser(BaseCumulativeTransformOutputParser[Any]):
    """JSON that fits a schema, as a dict, or as an instance of a pydantic class."""

    form: Any = None
    is_class: bool = False

    def parse(self, text: str) -> Any:
        return self.parse_result([Generation(text=text)])

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if partial:
            return self._so_far(result[0].text)
        message = _message(result)
        try:
            parsed = json_in(_text(message))
        except ValueError:
            raise _misfit("it is no JSON", message) from None
        if self.is_class:
            return self.form.instance_of(parsed)
        return self.form.dict_of(parsed, message)

    def _so_far(self, text: str) -> Any:
        try:
            parsed = parse_json_markdown(text, parser=parse_partial_json)
            return self.form.instance_of(parsed) if self.is_class else parsed
        except ValueError:
            return None  # not all of it is there yet


def _text(message: AIMessage) -> str:
    """Return the text; what vLLM's reasoning parser took for thoughts where there is none."""
    if message.text.strip():
        return message.text
    blocks = message.content_blocks
    return "".join(b.get("reasoning") or "" for b in blocks if b["type"] == "reasoning")


class _CheckedJsonParser(_Checked, _JsonParser):
    checks_stream: bool = True
    may_call: bool = False
    """Whether the model may call a tool instead, of which nothing is parsed."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if self.may_call and not partial and _message(result).tool_calls:
            return None
        return super().parse_result(result, partial=partial)


def _message(result: list[Generation]) -> AIMessage:
    return cast("AIMessage", cast("ChatGeneration", result[0]).message)


def _refused(message: AIMessage) -> Exception:
    """Return the error of a refusal, with the message that holds it."""
    refusal = message.additional_kwargs["refusal"]
    if _Refusal is RefusalError:
        return RefusalError(refusal)
    known: Any = _Refusal  # since 1.7.5 it keeps the message
    return cast("Exception", known(refusal, raw_message=message))


_NO_CALL = "it holds no call of the schema's function (method='json_schema' asks for no call)"
_ENDED_EARLY = "the answer ended early, at the limit of tokens (max_tokens); "


def _misfit(reason: str, message: AIMessage) -> OutputParserException:
    if message.response_metadata.get("finish_reason") == "length":
        reason = _ENDED_EARLY + reason
    written = message.text or str([*message.tool_calls, *message.invalid_tool_calls])
    msg = f"The answer does not have the form that was asked for: {reason}. It was: {written}"
    return OutputParserException(harmless(msg), llm_output=written)


_Bound = tuple[Runnable[LanguageModelInput, AIMessage], BaseOutputParser[Any]]


def _with_function(
    model: BaseChatModel, schema: Any, function: Any, kwargs: Mapping[str, Any]
) -> _Bound:
    tool = {"type": "function", "function": function}
    bound = model.bind_tools([tool], tool_choice=function["name"], **kwargs)
    form = _Form(schema, function)
    if _is_pydantic(schema):
        return bound, _PydanticToolParser(tools=[schema], first_tool_only=True, form=form)
    return bound, _ToolParser(key_name=function["name"], first_tool_only=True, form=form)


def _with_json_schema(
    model: BaseChatModel, schema: Any, function: Any, kwargs: Mapping[str, Any]
) -> _Bound:
    form = {key: function[key] for key in ("name", "description", "strict") if key in function}
    form["schema"] = function["parameters"]
    wanted = {"type": "json_schema", "json_schema": form}
    return model.bind(response_format=wanted, **kwargs), _json_parser(schema, function)


def _with_json_mode(
    model: BaseChatModel, schema: Any, function: Any, kwargs: Mapping[str, Any]
) -> _Bound:
    bound = model.bind(response_format={"type": "json_object"}, **kwargs)
    return bound, _json_parser(schema, function)


def _json_parser(schema: Any, function: Any) -> BaseOutputParser[Any]:
    return _CheckedJsonParser(form=_Form(schema, function), is_class=_is_pydantic(schema))


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


_BINDERS: Mapping[str, Callable[[BaseChatModel, Any, Any, Mapping[str, Any]], _Bound]] = {
    "function_calling": _with_function,
    "json_schema": _with_json_schema,
    "json_mode": _with_json_mode,
}
