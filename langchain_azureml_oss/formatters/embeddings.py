"""Texts -> requests for vectors, and the vectors in the answers, in the contracts that have any.

Source: docs/contracts.md, "Embeddings", which says what is certain and what is not. Every shape of
an answer is read with every contract: they do not collide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    ConnectionConfigError,
    ResponseFormatError,
    quoted,
)
from langchain_azureml_oss.formatters.base import error_inside, outline
from langchain_azureml_oss.formatters.openai import api_url
from langchain_azureml_oss.wire import HttpRequest, decode_json, encode_json

Vector = list[float]

_CONTRACTS = ("openai", "score", "score-params")
_KNOWN_FIELDS = frozenset({"input", "model", "dimensions", "encoding_format", "input_type"})
_NUMBERS = frozenset({int, float})
_FEATURES = "text_features"
"""Where models of images and texts have the vectors of texts."""


def check_contract(name: str) -> str:
    """Return the name of a contract that embedding models speak.

    Raises:
        ConnectionConfigError: it is another one.
    """
    if name in _CONTRACTS:
        return name
    msg = (
        f"Embeddings have no contract {quoted(name)}; known are: {', '.join(_CONTRACTS)}. A URL"
        " that ends in /v1/embeddings or in /score says which by itself: contract='auto'."
    )
    raise ConnectionConfigError(msg)


def embeddings_request(
    contract: str,
    url: str,
    texts: Sequence[str],
    settings: Mapping[str, Any],
    *,
    model: str | None = None,
    dimensions: int | None = None,
    columns: Sequence[str] = (),
) -> HttpRequest:
    """Return the request for the vectors of these texts.

    Args:
        contract: One that `check_contract` lets through.
        url: As the user configured it.
        texts: At least one.
        settings: Sent as they are.
        model: The `model` of OpenAI's body.
        dimensions: Sent where the contract has it, which is `openai` alone.
        columns: Those of `score-params` where it takes a table; the last is for the texts.
    """
    headers = {"content-type": "application/json"}
    if contract == "score":
        data: dict[str, Any] = {"input_string": list(texts)}
        if settings:
            data["parameters"] = dict(settings)
        return HttpRequest(url, encode_json({"input_data": data}), headers)
    if contract == "score-params":
        given = {"params": dict(settings)} if settings else {}
        data_of_texts = _table(columns, texts) if columns else list(texts)
        return HttpRequest(url, encode_json({"input_data": data_of_texts, **given}), headers)
    told = {"model": model, "dimensions": dimensions}
    body = {"input": list(texts), **{k: v for k, v in told.items() if v is not None}, **settings}
    if not _KNOWN_FIELDS.issuperset(body):
        headers["extra-parameters"] = "pass-through"
    return HttpRequest(api_url(url, "/embeddings"), encode_json(body), headers)


def read_vectors(body: bytes, texts: int) -> list[Vector]:
    """Return the vectors in a 200, one for each text, all of one length.

    Raises:
        ResponseFormatError: it has another shape, other than `texts` vectors, or vectors of several
            lengths.
        AzureMLOSSError: the server wrote an error into it.
    """
    data: Any = body
    try:
        data = decode_json(body)
        if isinstance(data, str):  # of a score.py that makes a text of its answer
            data = decode_json(data.encode("utf-8", "surrogatepass"))
        vectors = [_vector(item) for item in _items(data)]
    except AzureMLOSSError:
        raise
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        vectors = []
    if not vectors:
        msg = (
            f"The answer is {outline(data)}; expected was a list of numbers for each text: a list"
            ' of these, {"data": [{"embedding": [...]}]}, {"0": [...]}, {"predictions": ...} or'
            ' [{"text_features": [...]}]. A chat model has no'
            " vectors, and one that answers a vector for each token needs pooling in its score.py."
        )
        raise ResponseFormatError(msg)
    if len(vectors) != texts:
        msg = f"{texts} texts were sent, and {len(vectors)} vectors came: nobody knows whose."
        raise ResponseFormatError(f"{msg} batch_size=1 sends each text alone.")
    check_lengths(vectors)
    return vectors


def check_lengths(vectors: Sequence[Vector], dimensions: int | None = None) -> None:
    """Check that all vectors are of one length.

    Args:
        vectors: Those of one request, or of all requests of a call.
        dimensions: The length that was asked for; None: any.

    Raises:
        ResponseFormatError: they are not.
    """
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        msg = f"The vectors are of several lengths ({lengths[0]} to {lengths[-1]})."
        raise ResponseFormatError(f"{msg} Deployments of several models may have answered.")
    if dimensions is not None and lengths not in ([], [dimensions]):
        msg = (
            f"dimensions={dimensions} was asked for, and the vectors have {lengths[0]}: the server"
            " ignores it. Leave dimensions out, or take a model that has this many."
        )
        raise ResponseFormatError(msg)


def _table(columns: Sequence[str], texts: Sequence[str]) -> dict[str, Any]:
    """Return a row for each text, with nothing in the columns before it."""
    *others, _ = columns
    rows = [[*("" for _ in others), text] for text in texts]
    return {"columns": list(columns), "index": list(range(len(texts))), "data": rows}


def _items(data: Any) -> Sequence[Any]:
    """Return the vectors in the order of the texts, whatever they are."""
    if isinstance(data, Mapping) and "predictions" in data:
        data = data["predictions"]
    rows = data if isinstance(data, list) else [data]
    features = [row[_FEATURES] for row in rows if isinstance(row, Mapping) and _FEATURES in row]
    if features:  # a row's vector, or a list of those of all rows
        return [item for given in features for item in (given if _is_lists(given) else [given])]
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], Mapping):
        data = data[0]
    if isinstance(data, list):
        return data
    error = error_inside(data)
    if error is not None:
        raise error
    if "data" in data:
        listed = list(data["data"])
        by_place = {item.get("index", place): item for place, item in enumerate(listed)}
        # Places that are not those of the texts are a KeyError.
        return [by_place[place]["embedding"] for place in range(len(listed))]
    return [data[str(place)] for place in range(len(data))]


def _is_lists(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(item, list) for item in given)


def _vector(item: Any) -> Vector:
    numbers = list(item) if isinstance(item, list) else []
    if not numbers or not _NUMBERS.issuperset(map(type, numbers)):
        raise TypeError
    vector = [float(number) for number in numbers]
    if not all(map(math.isfinite, vector)):
        raise ValueError
    return vector
