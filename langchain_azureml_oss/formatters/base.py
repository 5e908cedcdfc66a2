"""The one interface between this package and the bytes of a contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Literal, NamedTuple

from langchain_azureml_oss.errors import (
    VECTORS_HINT,
    AzureMLOSSError,
    ResponseFormatError,
    from_inside_200,
)
from langchain_azureml_oss.formatters.parameters import ContractNames
from langchain_azureml_oss.wire import (
    Event,
    HttpRequest,
    HttpResponse,
    Reply,
    WireMessage,
    decode_json,
    encode_json,
)

Api = Literal["chat", "completion"]


class ModelCall(NamedTuple):
    """What to ask for: a conversation, or prompts; exactly one of the two is set."""

    parameters: Mapping[str, Any]
    """Settings under the contract's names."""
    messages: Sequence[WireMessage] = ()
    prompts: Sequence[str] = ()
    model: str | None = None
    """The `model` of OpenAI-style bodies."""
    stream: bool = False

    @property
    def api(self) -> Api:
        """Which of the two is asked for."""
        return "chat" if self.messages else "completion"


class Traits(NamedTuple):
    """What a contract can do."""

    chat: bool = True
    """Takes conversations; otherwise the family's template makes one prompt of them."""
    streams: bool = False
    several_prompts: bool = False
    """Takes several prompts in one request."""
    tools: bool = False
    """Takes tools by default; where it does not, they are shown to the model as text."""
    echoes: bool = False
    """A completion begins with its prompt, where the caller does not say `return_full_text`."""


class ContentFormatter(ABC):
    """Builds requests of one contract and reads its responses; stateless. Subclass it for yours.

    A subclass gives `body` and `read`, and for streams `read_event`. This one is for a server that
    takes prompts only, so that conversations come to it in the family's template:

        from langchain_azureml_oss import ContentFormatter, register_formatter
        from langchain_azureml_oss.formatters import Choice, Reply, Traits

        class MyFormatter(ContentFormatter):
            name = "mine"
            traits = Traits(chat=False)

            def body(self, call):
                return {"question": call.prompts[0], **call.parameters}

            def read(self, data, call):
                return Reply([Choice(text=data["answer"])])

    Pass an instance as `content_formatter=`, or `register_formatter(MyFormatter())` it and name it
    as `contract="mine"`. With `Traits(chat=True)`, which is the default, `call.messages` holds a
    conversation as OpenAI's dicts, and `call.prompts` is empty then.
    """

    name: ClassVar[str]
    """The contract's name; the class's, where it gives none."""
    traits: ClassVar[Traits] = Traits()
    parameter_names: ClassVar[ContractNames] = {}
    """What the contract calls a setting; see `parameters.ContractNames`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the class a name."""
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "name"):
            cls.name = cls.__name__

    @abstractmethod
    def body(self, call: ModelCall) -> Mapping[str, Any]:
        """Return the JSON object to send.

        Raises:
            UnsupportedInputError: the contract cannot carry something in `call`.
        """

    @abstractmethod
    def read(self, data: Any, call: ModelCall) -> Reply:
        """Return the answers in the JSON value of a 200.

        Raises:
            ResponseFormatError: `data` is not an answer of this contract.
        """

    def read_event(self, data: Any) -> Reply:
        """Return what the JSON value of one event of a stream brings."""
        raise self.mismatch(data)

    def headers(self, call: ModelCall, body: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the headers that the contract needs for this body."""
        return {}

    def chats_at(self, url: str) -> bool:
        """Whether a URL takes conversations alone, so that even a completion family's go there."""
        return False

    def url(self, url: str, api: Api) -> str:
        """Return where to send, given the URL that the user configured."""
        return url

    def build(self, call: ModelCall, url: str) -> HttpRequest:
        """Return the request for a call."""
        body = self.body(call)
        return HttpRequest(
            url=self.url(url, call.api),
            body=encode_json(body),
            headers={"content-type": "application/json", **self.headers(call, body)},
            stream=call.stream and self.traits.streams,
        )

    def parse(self, response: HttpResponse, call: ModelCall) -> Reply:
        """Return the answers in a 200.

        Raises:
            ResponseFormatError: the body is not JSON, or not an answer of this contract.
        """
        return self._read(response.body, lambda data: self.read(data, call))

    def parse_event(self, event: Event) -> Reply:
        """Return what one event of a stream brings.

        Raises:
            ResponseFormatError: its data is not JSON, or not an event of this contract.
        """
        return self._read(event.data, self.read_event)

    def advice(self, data: Any) -> str:
        """Return what to try after this answer of another shape, in a sentence."""
        return "Try another contract=, or run azureml-oss doctor."

    def mismatch(self, data: Any, expected: str = "") -> ResponseFormatError:
        """Return the error for an answer of another shape: it names keys and types, never text."""
        words = [f"The answer is {outline(data)}, which contract {self.name!r} does not have."]
        if expected:
            words.append(f"Expected was {expected}.")
        if isinstance(data, bytes) and data.lstrip()[:1] == b"<":
            words.append("A gateway or a sign-in page may have answered: check endpoint_url.")
        words.append(VECTORS_HINT if _has_vectors(data) else self.advice(data))
        return ResponseFormatError(" ".join(words))

    def _read(self, body: bytes, read: Callable[[Any], Reply]) -> Reply:
        """Read JSON that may be anything: what does not fit is one error, whatever went wrong."""
        data: Any = body
        try:
            data = decode_json(body)
            reply = read(data)
            if reply.is_well_formed:
                return reply
        except AzureMLOSSError:
            raise
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
            pass  # raised below, where the body's text is no part of the error's context
        raise self.mismatch(data)


def error_inside(data: Any) -> AzureMLOSSError | None:
    """Return the error that an engine wrote into a 200 or into a stream, if it is one.

    Two forms: `{"error": ...}`, and vLLM's `{"object": "error", "message": ..., "code": ...}`.
    """
    if not isinstance(data, dict):
        return None
    error = data if data.get("object") == "error" else data.get("error")
    return from_inside_200(error) if error else None


_AROUND_VECTORS = ("predictions", "data", "embedding", "text_features", "0")


def _has_vectors(data: Any) -> bool:
    """Whether an answer begins with a vector; one of whole numbers may be tokens."""
    while data and isinstance(data, list | Mapping):
        if isinstance(data, Mapping):
            data = next((data[name] for name in _AROUND_VECTORS if name in data), None)
        elif all(isinstance(item, int | float) for item in data):
            return any(isinstance(item, float) for item in data)
        else:
            data = data[0]
    return False


def outline(data: Any, depth: int = 2) -> str:
    """Describe a JSON value by its keys and types, without its texts."""
    if isinstance(data, bytes):
        start = data.lstrip()[:1]
        kind = "an HTML page" if start == b"<" else "broken JSON" if start in b"{[" else "not JSON"
        return f"{kind} ({len(data)} bytes)" if data else "empty"
    if isinstance(data, Mapping):
        if not data or not depth:
            return "{…}" if data else "{}"
        inner = (f"{_key(key)}: {outline(value, depth - 1)}" for key, value in data.items())
        return "{" + ", ".join(islice(inner, 8)) + "}"
    if isinstance(data, list):
        if data and not depth:
            return "[…]"
        return f"[{outline(data[0], depth - 1)}] ({len(data)} items)" if data else "[]"
    return "null" if data is None else type(data).__name__


def _key(key: str) -> str:
    """Show a key that is a name; a long one is a text, and may be a secret."""
    return repr(key) if len(key) <= 40 else "…"
