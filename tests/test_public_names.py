"""What is public is this list; the table in docs/reference.md is drawn from it."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

import langchain_azureml_oss

ROOT = Path(langchain_azureml_oss.__file__).parents[1]
NAME = "langchain_azureml_oss"

PUBLIC = {
    NAME: [
        *("AzureMLOSSChatModel", "AzureMLOSSEmbeddings", "AzureMLOSSLLM", "ContentFormatter"),
        "CustomConnection",
        *("FamilyProfile", "ModelFamily", "__version__", "escape_roles"),
        *("messages_from_prompt", "register", "register_formatter"),
    ],
    f"{NAME}.batch": [
        *("Estimate", "Progress", "aestimate_file", "ascore_file", "estimate_file"),
        *("score_dataset", "score_file"),
    ],
    f"{NAME}.chat_models": ["AzureMLOSSChatModel"],
    f"{NAME}.compat": [
        *("AzureMLChatOnlineEndpoint", "AzureMLEndpointApiType", "AzureMLOnlineEndpoint"),
        *("ContentFormatterBase", "CustomOpenAIChatContentFormatter"),
        *("CustomOpenAIContentFormatter", "DollyContentFormatter", "GPT2ContentFormatter"),
        *("HFContentFormatter", "LlamaChatContentFormatter", "LlamaContentFormatter"),
        *("MistralChatContentFormatter", "OSSContentFormatter"),
    ],
    f"{NAME}.connections": ["CustomConnection"],
    f"{NAME}.connections.workspace": ["list_endpoints"],
    f"{NAME}.embeddings": ["AzureMLOSSEmbeddings"],
    f"{NAME}.errors": [
        *("AuthenticationError", "AzureMLOSSError", "ConnectionConfigError"),
        *("ContentFilterError", "ContextLengthError", "EndpointConnectionError"),
        "ErrorResponse",
        *("InvalidRequestError", "ModelContainerError", "NotFoundError"),
        *("PermissionDeniedError", "RateLimitError", "RefusalError", "RequestTimeoutError"),
        *("ResponseFormatError", "ServerError", "StreamInterruptedError"),
        "UnsupportedInputError",
    ],
    f"{NAME}.families": ["ChatTemplate", "FamilyProfile", "ModelFamily", "ReasoningTags"],
    f"{NAME}.formatters": [
        *("Choice", "ContentFormatter", "ModelCall", "Reply", "Traits"),
        *("contract_names", "formatter", "register_formatter"),
    ],
    f"{NAME}.llms": ["AzureMLOSSLLM"],
    f"{NAME}.local": [
        *("FAULTS", "EngineError", "LocalEndpoint", "MissingEngineError", "RecordedRequest"),
    ],
    f"{NAME}.promptflow": ["list_package_tools", "open_source_llm"],
    f"{NAME}.role_prompts": ["escape_roles", "messages_from_prompt", "parse_role_prompt"],
}
"""Module -> what users may import from it. A name that goes, or moves, breaks somebody's code."""


def drawn():
    """The table of docs/reference.md."""
    rows = ["| Import from | Names |", "|---|---|"]
    rows += [f"| `{m}` | {', '.join(f'`{n}`' for n in names)} |" for m, names in PUBLIC.items()]
    return "\n".join(rows)


@pytest.mark.parametrize("module", PUBLIC)
def test_what_is_public_is_there(module):
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []
    offered = getattr(found, "__all__", PUBLIC[module])
    assert [name for name in PUBLIC[module] if name not in offered] == []


@pytest.mark.parametrize("module", [NAME, f"{NAME}.batch", f"{NAME}.local"])
def test_what_these_offer_is_all_public(module):
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


def test_every_error_is_public():
    errors = importlib.import_module(f"{NAME}.errors")
    classes = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert sorted(classes) == PUBLIC[f"{NAME}.errors"]


def test_the_reference_lists_them():
    text = (ROOT / "docs" / "reference.md").read_text()
    assert drawn() in text, f"put this into docs/reference.md:\n\n{drawn()}"


def test_the_documents_import_nothing_else():
    sys.path.insert(0, str(ROOT / "tests" / "docs"))
    import documents

    found = {
        (node.module, alias.name)
        for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for block in documents.blocks(path.read_text())
        if block.language == "python"
        for node in ast.walk(ast.parse(block.text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME)
        for alias in node.names
    }
    assert found
    known = {(module, name) for module, names in PUBLIC.items() for name in names}
    assert found - known == set()


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / NAME).glob("*/__init__.py")),
    ids=lambda path: path.parent.name,
)
def test_a_room_says_whether_it_is_public(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))
    word = r"\b[Pp]ublic\b" if f"{NAME}.{path.parent.name}" in PUBLIC else r"\bInternal\b"
    assert re.search(word, doc)
