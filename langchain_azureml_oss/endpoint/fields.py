"""The fields that the models share, and their validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AllowInfNan,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.answers import ReasoningMemory
from langchain_azureml_oss.connections import (
    DEFAULT_SCOPE,
    ENVIRONMENT,
    Authorizer,
    CustomConnection,
    authorizer,
    check_url,
    environment_proxies,
    from_environment,
    missing,
    without_secret_query,
)
from langchain_azureml_oss.endpoint.arguments import ALIASES, understood, warn_of_unknown
from langchain_azureml_oss.endpoint.headers import (
    check_headers,
    hidden,
    named_deployment,
    shown,
    with_query,
)
from langchain_azureml_oss.endpoint.model_settings import SETTINGS, ModelSettings
from langchain_azureml_oss.endpoint.secret_settings import refuse_secrets
from langchain_azureml_oss.endpoint.self_description import SelfDescribing
from langchain_azureml_oss.errors import ConnectionConfigError, redact, url_without_keys
from langchain_azureml_oss.exchange import Retry
from langchain_azureml_oss.families import (
    FamilyProfile,
    ModelFamily,
    ReasoningTags,
    family,
    profile,
)
from langchain_azureml_oss.formatters import (
    AsTheyAre,
    ContentFormatter,
    check,
    contract_for,
    formatter,
    merge,
)
from langchain_azureml_oss.transports import (
    AsyncTransport,
    HttpSettings,
    SyncTransport,
)

_FINITE = AllowInfNan(allow_inf_nan=False)
_Seconds = Annotated[NonNegativeFloat, _FINITE]
_Timeout = Annotated[PositiveFloat, _FINITE]
PAIRS = ("default_headers", "default_query")
"""Fields of texts under names, to which a call may add."""


class EndpointFields(SelfDescribing, ModelSettings):
    """Where to call, as whom, and with which settings. See the table in docs/configuration.md."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        defer_build=True,  # an import is to be quick
        protected_namespaces=(),
        hide_input_in_errors=True,  # the input holds the key
    )

    connection: Any = Field(default=None, exclude=True)
    """CustomConnection, mapping, object with `configs` and `secrets`, or selector string."""
    endpoint_url: str | None = None
    """Wins over the connection's. Environment: AZUREML_ENDPOINT_URL."""
    endpoint_api_key: SecretStr | None = None
    """Wins over the connection's. Environment: AZUREML_ENDPOINT_API_KEY."""
    model_family: ModelFamily | FamilyProfile | None = None
    """Wins over the connection's. Environment: AZUREML_MODEL_FAMILY."""
    reasoning_tags: ReasoningTags | None = None
    """How the model marks its reasoning inside the text, where its family does not say or says
    something else: `("<think>", "</think>", True)` where the chat template writes the first."""
    deployment_name: str | None = None
    """None, blank and `default`: the endpoint's traffic rules. Environment:
    AZUREML_DEPLOYMENT_NAME."""
    credential: Any = Field(default=None, exclude=True, repr=False)
    """azure-core TokenCredential, or a function that returns a token, instead of a key."""
    credential_scope: str = DEFAULT_SCOPE
    """What an Entra ID token is asked for."""
    contract: str = "auto"
    """Name of a wire contract; `auto` decides from the URL's path and the family."""
    content_formatter: ContentFormatter | None = None
    """A formatter of your own, which wins over family and contract."""
    model: str | None = None
    """The `model` of OpenAI-style bodies; the name in traces."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Sent as it is; unknown constructor arguments land here with a warning."""
    timeout: _Timeout | tuple[_Timeout, _Timeout] = (10.0, 180.0)
    """Seconds: (to connect, longest silence between two bytes); a bare number is both."""
    deadline: float | None = Field(default=None, gt=0)
    """Seconds for a whole call, retries and all; None: no bound."""
    max_retries: int = Field(default=3, ge=0)
    """Tries after the first."""
    backoff: tuple[_Seconds, _Seconds] = (0.5, 8.0)
    """Seconds: (upper end of the first wait, of any wait); each is drawn at random up to it."""
    retry_read_timeouts: bool = False
    """Whether to send again what the endpoint had accepted and not answered in time."""
    on_retry: Callable[[Retry], object] | None = Field(default=None, exclude=True, repr=False)
    """Called before each wait with the number of the retry, the seconds and the error."""
    max_response_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    """Bytes of one response, streamed or not, beyond which a call fails."""
    max_connections: int = Field(default=100, ge=1)
    """Size of the pool, and so of the calls in flight."""
    default_headers: dict[str, str | SecretStr] | None = None
    """Added to every call; cannot replace the Authorization header. What looks like a secret by its
    name, such as `api-key`, is kept as one."""
    default_query: dict[str, str | SecretStr] | None = None
    """Added to the URL, as `?name=value`. Parameters of `endpoint_url` that may be keys, such as
    `?code=`, are kept here, as secrets."""
    allow_http: bool = False
    """Allow plain http to a host that is not this machine."""
    ca_bundle: str | None = None
    """Path of a bundle of certificate authorities, instead of the system's."""
    client_cert: str | tuple[str, str] | None = None
    """Path of a client certificate, or of the certificate and its key."""
    streaming: bool = False
    """Whether `invoke` streams too, for callbacks that want tokens."""
    stream_usage: bool = True
    """Whether a stream ends with the usage, where the contract has it."""

    if TYPE_CHECKING:  # pydantic would make private attributes of these, which are slow to read
        _formatter: ContentFormatter = PrivateAttr()
        _row: FamilyProfile = PrivateAttr()
        _renders: bool = PrivateAttr()
        """Whether a conversation becomes one prompt, in the family's template."""
        _authorizer: Authorizer = PrivateAttr()
        _refused: set[str] = PrivateAttr()
        """Features that the endpoint has refused, so that they are not sent again."""
        _tags_seen: ReasoningMemory = PrivateAttr()
        _leaves_calls: bool = PrivateAttr()
        _sync: SyncTransport = PrivateAttr()
        _async: AsyncTransport = PrivateAttr()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except ValidationError as error:
            # pydantic wraps every ValueError; the caller wants the one that says what to do.
            for item in error.errors(include_url=False, include_input=False):
                cause = item.get("ctx", {}).get("error")
                if isinstance(cause, ConnectionConfigError):
                    raise cause from None
            raise

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        """Take what the connection and the environment say, and sort unknown arguments."""
        fields = cls.model_fields
        known, unknown = understood(values, fields)
        # None is what was not said: ChatOpenAI's `max_retries=None`.
        known = {k: v for k, v in known.items() if v is not None or fields[k].default is None}
        if unknown:
            warn_of_unknown(cls.__name__, unknown, [*cls.model_fields, *ALIASES])
            known["model_kwargs"] = {**(known.get("model_kwargs") or {}), **unknown}
        connection = known.get("connection")
        if connection is not None:
            connection = known["connection"] = CustomConnection.of(connection)
            if known.get("credential") is None and known.get("endpoint_api_key") is None:
                known["credential"] = connection.credential
        for key in ENVIRONMENT:
            if known.get(key) is None:
                known[key] = (connection and connection.get(key)) or from_environment(key)
        return known

    @field_validator("model_family", mode="before")
    @classmethod
    def _find_family(cls, value: Any) -> Any:
        return None if value is None else family(value)

    @field_validator("endpoint_url")
    @classmethod
    def _trim_url(cls, value: str | None) -> str | None:
        return value.strip() if value else value

    @field_validator("deployment_name")
    @classmethod
    def _leave_out_default(cls, value: str | None) -> str | None:
        return named_deployment(value)

    @field_validator(*PAIRS, mode="before")
    @classmethod
    def _hide_secrets(cls, pairs: Any) -> Any:
        return hidden(pairs)

    @field_validator("default_headers")
    @classmethod
    def _check_headers(cls, headers: Any) -> Any:
        check_headers(headers or {})
        return headers

    @model_validator(mode="after")
    def _complete(self) -> Self:
        return self._connected()

    def _connected(self) -> Self:
        """Check that nothing is missing, and make what calls need."""
        given = {
            "endpoint_url": self.endpoint_url,
            "model_family": self.model_family is not None,
            "endpoint_api_key": self.credential is not None or self.endpoint_api_key,
        }
        absent = [key for key, value in given.items() if not value]
        if absent or self.endpoint_url is None or self.model_family is None:
            raise missing(absent[0], self.connection, *absent[1:])
        check_url(self.endpoint_url, allow_http=self.allow_http)
        self.endpoint_url, secret = without_secret_query(self.endpoint_url)
        if secret:
            self.default_query = hidden(self.default_query or {}) | {
                name: SecretStr(value) for name, value in secret.items()
            }
        key = self.endpoint_api_key.get_secret_value() if self.endpoint_api_key else None
        fields = {name: getattr(self, name) for name in SETTINGS}
        for source in (AsTheyAre(self.model_kwargs), fields):
            check(merge(source))
        refuse_secrets(self.model_kwargs, "model_kwargs", self.endpoint_api_key)
        self._shown_url = url_without_keys(redact(self.endpoint_url, key or ""))
        self._row = profile(self.model_family)
        self._formatter = self.content_formatter or (
            contract_for(self.endpoint_url, self._row)
            if self.contract == "auto"
            else formatter(self.contract)
        )
        takes_turns = self._row.chat or self._formatter.chats_at(self.endpoint_url)
        self._renders = not (takes_turns and self._formatter.traits.chat)
        self._authorizer = authorizer(key, self.credential, self.credential_scope)
        settings = HttpSettings(
            max_connections=self.max_connections,
            ca_bundle=self.ca_bundle,
            client_cert=self.client_cert,
            proxies=environment_proxies(self.endpoint_url),
        )
        self._sync, self._async = SyncTransport(settings), AsyncTransport(settings)
        self._refused, self._tags_seen, self._leaves_calls = set(), ReasoningMemory(), False
        self._add_version("langchain-azureml-oss", __version__)
        return self

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Left out of dumps; read from this environment variable when loaded."""
        hidden_names = {name: f"AZUREML_{name.upper()}" for name in self._misplaced_keys()}
        return {"endpoint_api_key": ENVIRONMENT["endpoint_api_key"], **hidden_names}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """What a dump says besides: what the environment may not decide, and no secret header."""
        return {
            "deployment_name": self.deployment_name or "default",
            **{name: shown(pairs) for name in PAIRS if (pairs := getattr(self, name))},
        }

    @property
    def model_name(self) -> str | None:
        """`model`, under the other name that the constructor takes for it."""
        return self.model

    @property
    def _url(self) -> str:
        return with_query(self.endpoint_url or "", self.default_query)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether langchain-core can dump and load it; the key is not in the dump."""
        return True

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; one with other fields connects anew."""
        copied = super().model_copy(update=update, deep=deep)
        if not update:
            return copied
        # langchain-core keeps it as part of a cache's key, and it says what the fields were.
        vars(copied).pop("_serialized", None)
        return copied._connected()  # noqa: SLF001

    def close(self) -> None:
        """Close the pooled connections of sync calls; the next call opens new ones."""
        self._sync.close()

    async def aclose(self) -> None:
        """Close the pooled connections of the running event loop, and those of sync calls."""
        self.close()
        await self._async.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a text has.

        Counted by `custom_get_token_ids`, where it is given; otherwise estimated as one token for
        each four characters (English text; other languages have more). Nothing is downloaded.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return math.ceil(len(text) / 4)

    def get_token_ids(self, text: str) -> list[int]:
        """Return the tokens of a text, by `custom_get_token_ids`.

        Raises:
            NotImplementedError: that is not given, and only the model's own tokenizer would know.
        """
        if self.custom_get_token_ids is None:
            msg = "Pass the model's tokenizer as custom_get_token_ids= for its token ids."
            raise NotImplementedError(msg)
        return self.custom_get_token_ids(text)


if TYPE_CHECKING:
    Mixin = EndpointFields
else:
    Mixin = object
"""What adds methods to these fields builds on this: an import takes 3 ms for each class that
pydantic makes a model of, and methods need none."""
