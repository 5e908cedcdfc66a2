"""Tells LangChain about the models' classes what it would not find, or look up each time."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TypeVar

from langchain_core.load.serializable import Serializable

# The package's function of the same name hides the module from an import statement.
core_load = import_module("langchain_core.load.load")

S = TypeVar("S", bound=type[Serializable])

PROVIDER = "azureml_oss"


def loadable(cls: S) -> S:
    """Let `allowed_objects="all"` load this class, as it does the integrations that it knows.

    langchain-core holds a table of them, which lists no package from outside its repository. The
    caller of `loads` still has to name this package in `valid_namespaces`.
    """
    path = tuple(cls.lc_id())
    core_load.ALL_SERIALIZABLE_MAPPINGS[path] = path
    # The set that was computed from the table before, if there is one.
    known: dict[str, set[tuple[str, ...]]] = getattr(core_load, "_default_class_paths_cache", {})
    known.get("all", set()).add(path)
    return cls


def signed(cls: S) -> S:
    """Keep the signatures that langchain-core asks for at each call; it takes long to make one."""
    for name in ("_generate", "_agenerate"):
        function = vars(cls)[name]
        function.__signature__ = inspect.signature(function)
    return cls


def register() -> None:
    """Let `init_chat_model("azureml_oss:NAME")` of langchain make an AzureMLOSSChatModel.

    langchain keeps a table of the packages that it knows, which lists none from outside its
    repository, and has no way to add one. This adds a row to that table, for this process; nothing
    is changed until it is called. What follows the colon becomes `model`.

    Raises:
        ImportError: langchain is not installed.
        RuntimeError: this version of langchain keeps its table elsewhere.
    """
    from langchain.chat_models import base  # noqa: PLC0415 - optional

    table = getattr(base, "_BUILTIN_PROVIDERS", None)
    if not isinstance(table, dict):
        msg = (
            "This version of langchain keeps its table of providers elsewhere. Make the model"
            " by its class: AzureMLOSSChatModel(model=..., ...)."
        )
        raise RuntimeError(msg)  # noqa: TRY004 - nobody passed it
    table[PROVIDER] = (__package__.partition(".")[0], "AzureMLOSSChatModel", _make)


def _make(cls: type, **arguments: object) -> object:
    return cls(**arguments)
