"""The opt-in by which langchain's `init_chat_model` knows this package."""

from __future__ import annotations

PROVIDER = "azureml_oss"


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
        raise RuntimeError(msg)
    table[PROVIDER] = (__package__, "AzureMLOSSChatModel", _make)


def _make(cls: type, **arguments: object) -> object:
    return cls(**arguments)
