"""What can be chosen about a local endpoint."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Awaitable, Callable

    from langchain_azureml_oss.local.engines.base import ScriptedReply

ContractName = Literal["score", "gpt2-2023", "falcon-2023", "dolly-2023"]
CompletionShape = Literal["keyed", "list", "extended"]
Faults = str | Mapping[str, float] | Sequence[str]
Auth = Literal["key", "aad_token"]
Task = Literal["any", "chat", "completion", "embeddings"]
Server = Literal["vllm", "llama.cpp", "azure"]


@dataclass(kw_only=True, eq=False)
class EndpointOptions:
    """The options of `LocalEndpoint`, with their defaults.

    Attributes:
        model: `smollm2` (a real model of 135M parameters), `echo` (no weights, deterministic),
            `scripted` (answers with `script`) or the path of a GGUF file.
        api_key: The endpoint's key; made up at random when empty.
        host: Address to bind. Only this machine can reach the default.
        port: Port to bind; 0 lets the system choose.
        ssl_context: Serves https when given.
        deployments: Deployment name to its share of the traffic. A gateway's are its upstream's.
        families: The model's name in answers and in `/info`: one name, or one for each deployment.
        auth: `key` takes the key, `aad_token` only tokens made by `issue_token`.
        contract: What `POST /score` speaks; `score` also takes `score-params`.
        completion_shape: Shape of a completion's answer at `/score`; None: the contract's own.
        first_prompt_only: `/score` answers the first prompt and loses the others.
        extended: `/score` chats as later servers do: it takes `tools` in `parameters`, and answers
            with message, usage and so on.
        task: `chat` refuses `/completions` and finds nothing to do for prompts at `/score`;
            `completion` refuses `/chat/completions` and takes messages at `/score` for prompts;
            `embeddings` refuses both, and `/score` answers texts with a list of vectors.
        server: Whose `/v1/models` and `/tokenize` there are; `azure` has neither.
        front_door: Everything but 200 from the container arrives as a 424, as on Azure. Otherwise
            only a crash does, and 4xx keep their own status.
        refuse_tools: 400 when a request has `tools` or `tool_choice`.
        refuse_stream_options: 400 when a request has `stream_options`.
        ignore_stream: Answers plain JSON when asked to stream.
        json_schema: Whether `response_format` takes `json_schema` (llama.cpp and vLLM do).
        faults: Probability of each fault, as a mapping or as `"429=0.05,slow=0.1"`; or a list of
            faults, one for each of the first requests.
        seed: Seed of the faults and of the traffic split.
        slow_s: Seconds that the `slow` fault waits.
        retry_after_s: Seconds in the `Retry-After` of a 429; None leaves the header out.
        script: Replies of the `scripted` engine: a sequence, or a function of the OpenAI body.
        token_delay_s: Seconds between two streamed tokens of `echo` and `scripted`.
        chat_template: Jinja template that replaces the GGUF file's own.
        n_ctx: Tokens of context of a GGUF model, shared by the requests in flight. Other models
            only say so.
        n_parallel: Requests that a GGUF model works on at the same time.
        n_threads: Threads of a GGUF model; None takes half of the processors.
        upstream: A connection, as the models take it: the endpoint asks there instead of a model of
            its own, and is a gateway for every OpenAI client. `model` is not used then.
        record: A file that keeps what the upstream answers; an old one is overwritten.
        replay: Such a file, which answers instead of the upstream, without network and key.
        keep_requests: How many requests `requests` remembers.
        keep_request_bytes: How many bytes the bodies of these may have together.
    """

    model: str | os.PathLike[str] = field(default="smollm2", kw_only=False)
    api_key: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    ssl_context: ssl.SSLContext | None = None
    deployments: Mapping[str, float] = field(default_factory=lambda: {"blue": 100})
    families: str | Mapping[str, str] | None = None
    auth: Auth = "key"
    contract: ContractName = "score"
    completion_shape: CompletionShape | None = None
    first_prompt_only: bool = False
    extended: bool = False
    task: Task = "any"
    server: Server = "vllm"
    front_door: bool = False
    refuse_tools: bool = False
    refuse_stream_options: bool = False
    ignore_stream: bool = False
    json_schema: bool = True
    faults: Faults = ""
    seed: int | None = None
    slow_s: float = 1.0
    retry_after_s: float | None = 1
    script: (
        Sequence[ScriptedReply]
        | Callable[[dict[str, Any]], ScriptedReply | Awaitable[ScriptedReply]]
        | None
    ) = field(default=None, repr=False)
    token_delay_s: float = 0.0
    chat_template: str | None = field(default=None, repr=False)
    n_ctx: int = 8192
    n_parallel: int = 4
    n_threads: int | None = None
    upstream: Any = field(default=None, repr=False)
    record: str | os.PathLike[str] | None = None
    replay: str | os.PathLike[str] | None = None
    keep_requests: int = 1000
    keep_request_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        self.api_key = self.api_key or secrets.token_urlsafe(24)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                listed = ", ".join(repr(choice) for choice in allowed)
                raise ValueError(f"{name}={getattr(self, name)!r}: it must be one of {listed}.")
        if not self.deployments or any(share < 0 for share in self.deployments.values()):
            raise ValueError("deployments needs at least one name, and shares of 0 or more.")
        if (self.script is not None) != (self.model == "scripted"):
            raise ValueError('model="scripted" and script= belong together.')
        if self.replay is not None and (self.upstream, self.record) != (None, None):
            raise ValueError("replay= answers alone: leave out upstream= and record=.")
        if self.record is not None and self.upstream is None:
            raise ValueError("record= needs upstream=, the endpoint whose answers are kept.")

    @property
    def is_gateway(self) -> bool:
        """Whether another endpoint answers, or has answered."""
        return self.upstream is not None or self.replay is not None

    def model_name(self, deployment: str, default: str) -> str:
        """The name under which a deployment's model answers."""
        if isinstance(self.families, str):
            return self.families
        return (self.families or {}).get(deployment, default)


_CHOICES: dict[str, tuple[object, ...]] = {
    "auth": get_args(Auth),
    "contract": get_args(ContractName),
    "completion_shape": (None, *get_args(CompletionShape)),
    "task": get_args(Task),
    "server": get_args(Server),
}
