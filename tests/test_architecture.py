"""Imports go one way, and the rules of the house hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import langchain_azureml_oss

NAME = "langchain_azureml_oss"
PACKAGE = Path(langchain_azureml_oss.__file__).parent
ROOT = PACKAGE.parent

LAYERS = [
    {"_version", "errors", "http_types"},
    {
        *("error_replies", "sse", "retry", "stops", "credentials", "usage", "reasoning"),
        *("parameters", "replies", "tools", "prompts", "lenient_json", "tool_schemas"),
        *("tool_calls_in_json", "tool_calls_in_text", "tool_dialects", "follow_up"),
        *("refusals", "prompted_json", "loading", "nearest", "endpoint_urls"),
    },
    {"messages"},
    {"tool_prompting"},
    {"formatters"},
    {"families"},
    {"discovery", "connection_files", "promptflow_store"},
    {"connection"},
    {"answers"},
    {"exchange"},
    {"transports"},
    {"endpoint_fields"},
    {"call_options", "endpoint_calls"},
    {"structured_output"},
    {"chat_models", "llms"},
    {"local", "batch"},
    {"cli"},
]
"""From the bottom up; a module imports from lower layers, or from its own without cycles."""

HEIGHTS = {room: height for height, layer in enumerate(LAYERS) for room in layer}
HEIGHTS[""] = len(LAYERS) - 1  # the package itself, whose names are imported at first use

HOMES = {
    "requests": ("transports/sync.py", "transports/sync_pool.py"),
    "urllib3": ("transports/sync.py", "transports/sync_pool.py"),
    "aiohttp": ("transports/aio.py", "local/"),
}
LAZY = {"azure", "promptflow", "ray", "typer", "rich", "xllamacpp"}
"""Optional packages: imported inside functions, but for rich and typer in the command."""

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports(source, file):
    """(module, whether at top level) of each import that runs; those for type checkers do not."""
    tree = ast.parse(source)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    in_functions = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    folder = [NAME, *file.split("/")[:-1]]
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            inner = [f"{NAME}.{alias.name}" for alias in node.names]
            names = inner if module == NAME else [module]
        else:
            continue
        for name in names:
            yield name, id(node) not in in_functions


def room_of(module):
    """The file or folder, one step below the package, that a module of the package is in."""
    room = module.removeprefix(NAME).lstrip(".").split(".")[0]
    return room if room in HEIGHTS else ""


def faults(source, file):
    """What is wrong with the imports of this source, were it in this file of the package."""
    own = file.removesuffix(".py").split("/")[0]
    own = "" if own == "__init__" else own
    if own not in HEIGHTS:
        return [f"{file} is in no layer"]
    found = []
    for module, is_top in imports(source, file):
        top = module.split(".")[0]
        if top == NAME:
            other = room_of(module)
            if module != NAME and HEIGHTS[other] > HEIGHTS[own]:
                found.append(f"{file} imports {module}, which is above it")
        elif top in HOMES and not any(file.startswith(home) for home in HOMES[top]):
            found.append(f"{file} imports {top}, which is for {' and '.join(HOMES[top])}")
        elif top in LAZY and is_top and not (top in {"rich", "typer"} and file.startswith("cli/")):
            found.append(f"{file} imports {top} at its top level")
    return found


@pytest.mark.parametrize("file", FILES)
def test_imports_go_downwards(file):
    assert faults((PACKAGE / file).read_text(), file) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("sse.py", f"from {NAME}.chat_models import AzureMLOSSChatModel"),
        ("sse.py", "from .exchange import exchange"),
        ("sse.py", f"from {NAME} import exchange"),
        ("formatters/base.py", "from ..families import fold"),
        ("families.py", f"def f():\n    import {NAME}.connection"),
        ("exchange.py", "import requests"),
        ("connection.py", "def f():\n    import requests.adapters"),
        ("transports/sync.py", "import aiohttp"),
        ("endpoint_fields.py", "from urllib3.util import Retry"),
        ("discovery.py", "from azure.ai.ml import MLClient"),
        ("batch/rays.py", "import ray.data"),
        ("local/endpoint.py", "import rich"),
        ("gossip.py", ""),
    ],
)
def test_a_wrong_import_is_found(file, source):
    assert len(faults(source, file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("discovery.py", "def f():\n    from azure.ai.ml import MLClient"),
        ("sse.py", f"if TYPE_CHECKING:\n    from {NAME}.chat_models import AzureMLOSSChatModel"),
        ("cli/chat.py", f"import rich\nfrom {NAME} import AzureMLOSSChatModel"),
        ("local/app.py", "from aiohttp import web"),
        ("chat_models.py", f"from {NAME}.errors import AzureMLOSSError"),
    ],
)
def test_a_right_import_passes(file, source):
    assert faults(source, file) == []


def module_graph():
    """Module -> the modules of the package that it imports at top level."""
    names = {f"{NAME}." + f.removesuffix(".py").replace("/", "."): f for f in FILES}
    names = {name.removesuffix(".__init__"): file for name, file in names.items()}
    return {
        name: {
            module
            for module, is_top in imports((PACKAGE / file).read_text(), file)
            if is_top and module in names and module not in {name, NAME}
        }
        for name, file in names.items()
    }


def cycle(graph):
    """A path that comes back to where it began, or nothing."""
    done = set()

    def walk(node, path):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            if found := walk(other, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def test_no_module_imports_itself_by_a_detour():
    assert cycle(module_graph()) == []


def test_a_cycle_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_the_graph_holds_what_everyone_knows():
    assert f"{NAME}.exchange" in module_graph()[f"{NAME}.transports.sync"]


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_long(file):
    assert len((PACKAGE / file).read_text().splitlines()) <= 400


@pytest.mark.parametrize("file", FILES)
def test_a_name_says_what_a_file_holds(file):
    assert not re.search(r"(^|[/_])(utils?|common|helpers?|misc)(?=[/_.])", file)


def test_family_quirks_stand_in_the_table_alone():
    quirk = re.compile(r"\b(model_)?family\s*(==|!=|is|in)\s*(ModelFamily\.|[\"'({\[])")
    offenders = [
        file
        for file in FILES
        if file != "families.py" and quirk.search((PACKAGE / file).read_text())
    ]
    assert offenders == []


@pytest.mark.parametrize("file", ["chat_models.py", "llms.py"])
def test_the_entry_points_are_short(file):
    entries = {"_generate", "_agenerate", "_stream", "_astream"}
    lengths = {
        node.name: node.body[-1].end_lineno - node.body[0].lineno + 1
        for node in ast.walk(ast.parse((PACKAGE / file).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in entries
    }
    assert lengths.keys() == entries
    assert max(lengths.values()) <= 12


def test_what_is_always_imported_is_a_declared_dependency():
    declared = {
        re.split(r"[<>=\[ ]", line)[0].replace("-", "_")
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    own = {NAME, "urllib3"} | set(sys.stdlib_module_names)  # urllib3 belongs to requests' interface
    core = [file for file in FILES if not file.startswith(("cli/", "local/"))]
    used = {
        (module.split(".")[0], file)
        for file in core
        for module, is_top in imports((PACKAGE / file).read_text(), file)
        if is_top
    }
    assert sorted((module, file) for module, file in used if module not in own | declared) == []


def run(code):
    """Run in a fresh interpreter, and return what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_importing_the_package_is_cheap():
    code = f"import sys, {NAME}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = set(run(code))
    assert NAME in loaded
    assert loaded.isdisjoint({"requests", "aiohttp", "langchain_core", "pydantic", "urllib3"})


def test_the_models_import_no_optional_package():
    code = (
        f"import sys; from {NAME} import AzureMLOSSChatModel, AzureMLOSSLLM, CustomConnection;"
        " print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = set(run(code))
    assert "requests" in loaded
    assert loaded.isdisjoint(LAZY)


def test_the_public_names_are_these():
    assert langchain_azureml_oss.__all__ == [
        "AzureMLOSSChatModel",
        "AzureMLOSSLLM",
        "ContentFormatter",
        "CustomConnection",
        "FamilyProfile",
        "ModelFamily",
        "__version__",
        "register_formatter",
    ]


def test_every_public_name_is_there():
    for name in langchain_azureml_oss.__all__:
        assert getattr(langchain_azureml_oss, name) is not None
    assert dir(langchain_azureml_oss) == langchain_azureml_oss.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'gossip'"):
        _ = langchain_azureml_oss.gossip


def test_the_version_is_the_top_entry_of_the_changelog():
    top = re.search(r"^## \[?([\w.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert top is not None
    assert langchain_azureml_oss.__version__ == top[1]
