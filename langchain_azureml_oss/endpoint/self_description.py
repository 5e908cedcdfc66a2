"""What the models tell Python's tools about their arguments, made when it is asked for."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    Model = BaseModel
else:
    Model = object  # mixed into models, and none itself: an import is to be quick


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
