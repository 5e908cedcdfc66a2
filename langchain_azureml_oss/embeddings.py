"""AzureMLOSSEmbeddings: texts as vectors, by an embedding model on an Azure ML endpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, Unpack

from langchain_core.embeddings import Embeddings
from pydantic import Field, field_validator

from langchain_azureml_oss.endpoint import (
    SETTINGS,
    EndpointFields,
    PlainCalls,
    SharedArguments,
    all_at_once,
    loadable,
)
from langchain_azureml_oss.errors import ConnectionConfigError, UnsupportedInputError, quoted
from langchain_azureml_oss.exchange import Call
from langchain_azureml_oss.families import ModelFamily, family
from langchain_azureml_oss.formatters import (
    Vector,
    check_contract,
    check_lengths,
    embeddings_request,
    read_vectors,
)


class EmbeddingsArguments(SharedArguments, total=False):
    """Arguments of AzureMLOSSEmbeddings."""

    dimensions: int | None
    batch_size: int
    query_kwargs: Mapping[str, Any]
    input_columns: Sequence[str]


@loadable
class AzureMLOSSEmbeddings(PlainCalls, EndpointFields, Embeddings):
    """Embedding model on Azure Machine Learning online endpoints.

    The fields are those of the chat model, with two differences: `model_family` may be left out,
    and what a chat model is told about its answer, such as `temperature`, is not sent.

    Setup:
        ```bash
        pip install langchain-azureml-oss
        export AZUREML_ENDPOINT_URL=https://my-ep.eastus2.inference.ml.azure.com/v1/embeddings
        export AZUREML_ENDPOINT_API_KEY=...
        ```

    Key init args:
        `connection`, or `endpoint_url` and `endpoint_api_key`: where and with whose key.
        `deployment_name`, `model`, `dimensions`, `batch_size`, `query_kwargs`, `timeout`,
        `max_retries` and `model_kwargs`: how. Each field below says what it means.

    Instantiate:
        ```python
        from langchain_azureml_oss import AzureMLOSSEmbeddings

        embeddings = AzureMLOSSEmbeddings(
            endpoint_url="https://my-ep.eastus2.inference.ml.azure.com/v1/embeddings",
            endpoint_api_key="...",
        )
        ```

    Embed a text:
        ```python
        vector = embeddings.embed_query("What is CI?")
        ```

    Embed texts:
        `batch_size` of them share a request.
        ```python
        vectors = embeddings.embed_documents(["CI builds each change.", "CD ships it."])
        ```

    Async:
        ```python
        import asyncio

        asyncio.run(embeddings.aembed_query("What is CI?"))
        ```

    Search:
        ```python
        from langchain_core.vectorstores import InMemoryVectorStore

        store = InMemoryVectorStore.from_texts(["CI builds each change.", "Tea"], embeddings)
        found = store.similarity_search("What does CI do?", k=1)
        ```

    Dimensions:
        Sent where the contract has it, and checked in each answer.
        ```python
        short = AzureMLOSSEmbeddings(model="mine", dimensions=64)
        assert len(short.embed_query("What is CI?")) == 64
        ```

    Contracts:
        The URL's path decides what is spoken, `contract=` overrides it.
        ```python
        at_score = AzureMLOSSEmbeddings(
            endpoint_url="https://my-ep.eastus2.inference.ml.azure.com/score",
            endpoint_api_key="...",
            contract="score",
        )
        ```

    MLflow models:
        `contract="score-params"` is theirs. Where the model takes a table, name its columns; the
        last is for the texts.
        ```python
        clip = AzureMLOSSEmbeddings(
            endpoint_url="https://my-ep.eastus2.inference.ml.azure.com/score",
            endpoint_api_key="...",
            contract="score-params",
            input_columns=["image", "text"],
        )
        ```

    Model kwargs:
        ```python
        aware = AzureMLOSSEmbeddings(
            model_kwargs={"input_type": "document"}, query_kwargs={"input_type": "query"}
        )
        aware.embed_query("What is CI?")
        ```

    Raises:
        ConnectionConfigError: when it is made, the configuration is incomplete or wrong.
        AzureMLOSSError: when it is called; see `langchain_azureml_oss.errors`.
    """

    dimensions: int | None = Field(default=None, ge=1)
    """Numbers in a vector; sent where the contract has it, and checked in each answer."""
    batch_size: int = Field(default=32, ge=1)
    """Texts sent in one request."""
    query_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Settings for queries, over `model_kwargs`: `{"input_type": "query"}` for models that tell
    queries from documents."""
    input_columns: tuple[str, ...] = ()
    """Columns of an MLflow model that takes a table, the texts' last: `("image", "text")` for CLIP.
    With `contract="score-params"`."""
    custom_get_token_ids: Callable[[str], list[int]] | None = Field(default=None, exclude=True)
    """The model's tokenizer, for `get_num_tokens`."""

    def __init__(self, **arguments: Unpack[EmbeddingsArguments]) -> None:
        super().__init__(**arguments)

    @field_validator("model_family", mode="before")
    @classmethod
    def _find_family(cls, value: Any) -> Any:
        # Nothing of a family is about vectors, so that none has to be named.
        return ModelFamily.OPENAI if value is None else family(value)

    @field_validator("input_columns", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        if isinstance(value, str):
            msg = f"Input should be several names; write input_columns=({quoted(value)},)."
            raise ValueError(msg)  # noqa: TRY004 - pydantic takes it for a wrong value
        return value

    def _connected(self) -> Self:
        super()._connected()
        if self.content_formatter is not None:
            msg = "content_formatter: embeddings have none; contract= says all."
            raise ConnectionConfigError(msg)
        if check_contract(self._formatter.name) != "score-params" and self.input_columns:
            msg = "input_columns: a table is sent with contract='score-params' alone;"
            msg += " pass contract='score-params' too."
            raise ConnectionConfigError(msg)
        unused = [name for name in SETTINGS if getattr(self, name) is not None]
        if unused:
            msg = f"{', '.join(unused)}: no setting of an embedding model; not sent."
            warnings.warn(msg, stacklevel=2)
        return self

    def _add_version(self, pkg: str, version: str) -> None:
        """Embeddings have no metadata of traces that would hold it."""

    def embed_documents(self, texts: list[str]) -> list[Vector]:
        """Return the vector of each text, in their order.

        Raises:
            UnsupportedInputError: one of them is no text.
            ResponseFormatError: vectors are missing, or not of one length.
        """
        calls = self._calls(texts, self.model_kwargs)
        return self._joined(map(self._answer, calls))

    async def aembed_documents(self, texts: list[str]) -> list[Vector]:
        """Return the vector of each text, in their order; see `embed_documents`."""
        calls = self._calls(texts, self.model_kwargs)
        return self._joined(await all_at_once(map(self._aanswer, calls)))

    def embed_query(self, text: str) -> Vector:
        """Return the vector of a query, by which texts are found; see `embed_documents`."""
        (call,) = self._calls([text], {**self.model_kwargs, **self.query_kwargs})
        (vector,) = self._joined([self._answer(call)])
        return vector

    async def aembed_query(self, text: str) -> Vector:
        """Return the vector of a query, by which texts are found; see `embed_documents`."""
        (call,) = self._calls([text], {**self.model_kwargs, **self.query_kwargs})
        (vector,) = self._joined([await self._aanswer(call)])
        return vector

    def _calls(self, texts: Sequence[str], settings: Mapping[str, Any]) -> list[Call[list[Vector]]]:
        """Return one call for each `batch_size` texts."""
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            msg = "Embeddings are made of texts: embed_documents takes a list of str, embed_query"
            raise UnsupportedInputError(f"{msg} one str.")
        starts = range(0, len(texts), self.batch_size)
        return [self._call(texts[start : start + self.batch_size], settings) for start in starts]

    def _call(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Call[list[Vector]]:
        request = embeddings_request(
            self._formatter.name,
            self._url,
            texts,
            settings,
            model=self.model,
            dimensions=self.dimensions,
            columns=self.input_columns,
        )
        return self._plain(request, lambda response: read_vectors(response.body, len(texts)))

    def _joined(self, batches: Iterable[list[Vector]]) -> list[Vector]:
        vectors = [vector for batch in batches for vector in batch]
        check_lengths(vectors, self.dimensions)
        return vectors
