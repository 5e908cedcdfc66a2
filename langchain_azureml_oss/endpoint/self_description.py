"""What the models tell Python's tools about their arguments, made when it is asked for."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PrivateAttr, SecretStr

from langchain_azureml_oss.errors import is_like_a_key

if TYPE_CHECKING:
    Model = BaseModel
else:
    Model = object  # mixed into models, and none itself: an import is to be quick

_NAMES_AND_PATHS = ("deployment_name", "model", "credential_scope", "ca_bundle", "client_cert")


class _SignatureOnDemand:
    """pydantic's signature of a class, whose making is put off until the first instance."""

    def __get__(self, _: object, cls: type[BaseModel]) -> inspect.Signature:
        cls.model_rebuild()  # puts the signature in the place of this
        return inspect.signature(cls)


class SelfDescribing(Model):
    """Shows all arguments, and what is written below each field."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.__signature__ = _SignatureOnDemand()  # type: ignore[assignment]

    def _misplaced_keys(self) -> list[str]:
        """Return the fields for names and paths that hold what is like a key."""
        found = [name for name in _NAMES_AND_PATHS if is_like_a_key(getattr(self, name, None))]
        is_shown = self._shown_url == getattr(self, "endpoint_url", None)
        return found if is_shown else [*found, "endpoint_url"]

    if TYPE_CHECKING:
        _shown_url: str = PrivateAttr()
        """The URL for people: a gateway may take a key as a part of the path."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show no key in the place of a name or a path."""
        shown: dict[str, Any] = dict.fromkeys(self._misplaced_keys(), SecretStr("hidden"))
        shown["endpoint_url"] = self._shown_url
        for name, value in super().__repr_args__():
            yield name, shown.get(name or "", value)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the JSON schema of the fields; what JSON cannot hold is anything there."""
        from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415 - seldom used

        class Lenient(GenerateJsonSchema):
            def handle_invalid_for_json_schema(self, *_: Any) -> dict[str, Any]:
                return {}

            ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012

        schema = super().model_json_schema(*args, **{"schema_generator": Lenient, **kwargs})
        for name, field in schema.get("properties", {}).items():
            field.setdefault("description", descriptions(cls).get(name, ""))
        return schema


@functools.cache
def descriptions(cls: type) -> dict[str, str]:
    """Return the text below each field of a class and of its bases, where there is source code."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        except (OSError, TypeError, SyntaxError):
            continue
        for field, text in pairwise(getattr(tree, "body", ())):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(name)),
                    ast.Expr(value=ast.Constant(value=str(said))),
                ):
                    found[name] = inspect.cleandoc(said)
    return found
