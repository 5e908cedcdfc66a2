"""What prompt flow runs for a node of the tool. Imported by prompt flow alone.

No postponed annotations here: prompt flow finds the template by the class that annotates it.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from opentelemetry import trace
from promptflow.connections import CustomConnection
from promptflow.contracts.types import PromptTemplate
from promptflow.core import tool
from promptflow.exceptions import ErrorTarget, UserErrorException

from langchain_azureml_oss.errors import AzureMLOSSError, ConnectionConfigError, quoted
from langchain_azureml_oss.promptflow.asking import Answer, Question, settings
from langchain_azureml_oss.promptflow.package_tools import DEFAULTS
from langchain_azureml_oss.promptflow.tool_traces import tell_run, tell_span


@tool(streaming_option_parameter="stream")  # type: ignore[untyped-decorator]
def open_source_llm(  # noqa: PLR0913, PLR0917 - the inputs of both generations of prompt flow's tool
    prompt: PromptTemplate,
    api: str,
    connection: CustomConnection | None = None,
    endpoint_name: str = "",
    deployment_name: str = "",
    temperature: float | None = None,
    max_new_tokens: int | None = None,
    top_p: float | None = None,
    model_kwargs: dict | str | None = None,  # type: ignore[type-arg]  # prompt flow reads it
    stream: bool = False,  # noqa: FBT001, FBT002 - passed by name
    **variables: Any,
) -> str:
    """Ask an open model; the inputs are those of the first generation, or of the later one.

    Raises:
        UserErrorException: whatever fails, with this package's words.
    """
    try:
        question = Question(
            prompt=prompt,
            api=api,
            connection=connection or _selector(_text(endpoint_name), _text(deployment_name)),
            model_kwargs=_settings(
                model_kwargs,
                {
                    "temperature": _number("temperature", temperature, float),
                    "max_new_tokens": _number("max_new_tokens", max_new_tokens, int),
                    "top_p": _number("top_p", top_p, float),
                },
                is_later=not connection,
            ),
            deployment_name=_text(deployment_name) or None,
            escaped=variables.pop("_inputs_to_escape", None) or (),
            variables=variables,
        )
        if stream:
            pieces = question.pieces()
            # What is wrong with the question, or refused, fails the node, not who reads its output.
            first = next(pieces, Answer("", {}))
            # The node's span is no longer the current one while the flow's user reads.
            span = trace.get_current_span()
            return _streamed(chain([first], pieces), span)  # type: ignore[return-value]
        answer = question.answer()
    except AzureMLOSSError as error:
        raise _prompt_flows(error) from error
    tell_span(trace.get_current_span(), answer.details)
    tell_run(answer.details)
    return answer.text


def _selector(endpoint_name: str, deployment_name: str) -> str | None:
    """Return `endpoint_name`, with the deployment, since that tells the model's family."""
    is_online = endpoint_name.casefold().startswith("onlineendpoint/")
    if (
        is_online
        and endpoint_name.count("/") == 1
        and deployment_name.lower() not in {"", "default"}
    ):
        return f"{endpoint_name}/{deployment_name}"
    return endpoint_name or None


def _text(given: Any) -> str:
    """Return an input as text: a blank one comes as None, a name such as 2024 as a number."""
    return "" if given is None else str(given).strip()


def _number(name: str, given: Any, kind: type[float]) -> float | None:
    """Return an input that is a number, or the text of one; a blank one is not given."""
    if given is None or not str(given).strip():
        return None
    try:
        return kind(given)
    except (TypeError, ValueError):
        raise ConnectionConfigError(f"{name} must be a number, and is {quoted(given)}.") from None


def _settings(model_kwargs: Any, inputs: dict[str, Any], *, is_later: bool) -> dict[str, Any]:
    """Return what is sent to the model; what a flow says itself wins over the tool's defaults."""
    said = settings(model_kwargs)
    given = {name: value for name, value in inputs.items() if value is not None}
    spelled = {"max_new_tokens": {"max_tokens", "max_gen_len", "max_completion_tokens"}}
    defaults = {
        name: value
        for name, value in (DEFAULTS if is_later else {}).items()
        if not said.keys() & spelled.get(name, set())
    }
    return {**defaults, **said, **settings(given)}


def _streamed(pieces: Iterator[Answer], span: trace.Span) -> Iterator[str]:
    details: dict[str, Any] = {}
    try:
        for piece in pieces:
            details |= piece.details
            if piece.text:
                yield piece.text
    except AzureMLOSSError as error:
        raise _prompt_flows(error) from error
    tell_span(span, details)


def _prompt_flows(error: AzureMLOSSError) -> UserErrorException:
    words = f"{type(error).__name__}: {error}"
    return UserErrorException(message=words, target=ErrorTarget.TOOL, module=__name__)
