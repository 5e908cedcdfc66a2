"""Imports go one way, and the rules of the house hold."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

import langchain_azureml_oss
from langchain_azureml_oss import _moved

NAME = "langchain_azureml_oss"
PACKAGE = Path(langchain_azureml_oss.__file__).parent
ROOT = PACKAGE.parent

ROOMS = [
    *("_version", "_moved", "wire", "errors", "families", "tools", "messages", "role_prompts"),
    *("formatters", "connections", "answers", "exchange", "transports", "endpoint"),
    *("structured_output", "chat_models", "llms", "embeddings", "promptflow", "compat"),
    *("local", "batch", "doctor", "cli"),
]
"""From the bottom up; what is in a room imports from its own and from lower ones."""

HEIGHTS = {room: height for height, room in enumerate(ROOMS)}
HEIGHTS[""] = len(ROOMS) - 1  # the package itself, whose names are imported at first use

DOORS = {"local", "batch", "cli", ""}
"""Rooms whose files are entered by others; of the others, only the names in `__all__` are used."""

HOMES = {
    "requests": ("transports/sync",),
    "urllib3": ("transports/sync",),
    "aiohttp": ("transports/aio.py", "local/"),
}
LAZY = {"azure", "promptflow", "ray", "typer", "rich", "xllamacpp"}
"""Optional packages: imported inside functions, but where they are what a file is for."""
AT_TOP = {"rich": "cli/", "typer": "cli/", "promptflow": "promptflow/tool"}

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MODULES = {
    f"{NAME}.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__"): file
    for file in FILES
}


def imports(source, file, *, typed=False):
    """(module, whether at top level) of each import that runs; `typed`: and of the others."""
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
        if id(node) in for_types and not typed:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            inner = [f"{module}.{alias.name}" for alias in node.names]
            names = [one if module == NAME or one in MODULES else module for one in inner]
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
        return [f"{file} is in no room"]
    found = []
    for module, is_top in imports(source, file):
        top = module.split(".")[0]
        if top == NAME:
            other = room_of(module)
            if module != NAME and HEIGHTS[other] > HEIGHTS[own]:
                found.append(f"{file} imports {module}, which is above it")
        elif top in HOMES and not any(file.startswith(home) for home in HOMES[top]):
            found.append(f"{file} imports {top}, which is for {' and '.join(HOMES[top])}")
        elif top in LAZY and is_top and not file.startswith(AT_TOP.get(top, "nowhere")):
            found.append(f"{file} imports {top} at its top level")
    return found


@pytest.mark.parametrize("file", FILES)
def test_imports_go_downwards(file):
    assert faults((PACKAGE / file).read_text(), file) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("wire/sse.py", f"from {NAME}.chat_models import AzureMLOSSChatModel"),
        ("wire/sse.py", "from ..exchange import exchange"),
        ("wire/sse.py", f"from {NAME} import exchange"),
        ("families/table.py", "from ..formatters import formatter"),
        ("families/table.py", f"def f():\n    import {NAME}.connections"),
        ("exchange/generator.py", "import requests"),
        ("connections/files.py", "def f():\n    import requests.adapters"),
        ("transports/sync.py", "import aiohttp"),
        ("endpoint/fields.py", "from urllib3.util import Retry"),
        ("connections/workspace/loading.py", "from azure.ai.ml import MLClient"),
        ("batch/rays.py", "import ray.data"),
        ("local/endpoint.py", "import rich"),
        ("promptflow/asking.py", "from promptflow.core import tool"),
        ("gossip.py", ""),
    ],
)
def test_a_wrong_import_is_found(file, source):
    assert len(faults(source, file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("connections/files.py", "def f():\n    from azure.ai.ml import MLClient"),
        (
            "wire/sse.py",
            f"if TYPE_CHECKING:\n    from {NAME}.chat_models import AzureMLOSSChatModel",
        ),
        ("cli/chat.py", f"import rich\nfrom {NAME} import AzureMLOSSChatModel"),
        ("local/app.py", "from aiohttp import web"),
        ("chat_models.py", f"from {NAME}.errors import AzureMLOSSError"),
    ],
)
def test_a_right_import_passes(file, source):
    assert faults(source, file) == []


PACKAGES = sorted(room for room in ROOMS if (PACKAGE / room / "__init__.py").is_file())


def welcome(room):
    """What a room says of itself: its docstring."""
    doc = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))
    return " ".join(doc.split())


def offered(room):
    """The names of a room that the others may use."""
    return getattr(importlib.import_module(f"{NAME}.{room}"), "__all__", ())


def may_import(room):
    """The rooms that a room says it imports."""
    said = re.search(r"Imports (?:only )?(.*?)\.(?: |$)", welcome(room))[1]
    if "below" in said or "any room" in said:
        left_out = set(re.findall(r"`(\w+)`", said))
        return {other for other in ROOMS if HEIGHTS[other] < HEIGHTS[room]} - left_out
    return {"_version", *re.findall(r"`(\w+)`", said)}


@pytest.mark.parametrize("room", PACKAGES)
def test_a_room_imports_what_it_says_and_only_the_names_that_the_others_offer(room):
    wrong = []
    for file in (file for file in FILES if file.startswith(f"{room}/")):
        for module, _ in imports((PACKAGE / file).read_text(), file, typed=True):
            other = room_of(module) if module.startswith(f"{NAME}.") else ""
            if not other or other == room:
                continue
            if other not in may_import(room):
                wrong.append(f"{file} imports {module}: its room does not say so")
            path = module.split(".")[2:]
            is_offered = path[:1] == ["workspace"] or path[0] in offered(other) if path else True
            if other not in DOORS and not is_offered:
                wrong.append(f"{file} imports {module}: not by the room's door")
    assert wrong == []


@pytest.mark.parametrize("room", PACKAGES)
def test_what_a_room_offers_is_there(room):
    module = importlib.import_module(f"{NAME}.{room}")
    assert offered(room) or room == "cli"
    assert [name for name in offered(room) if not hasattr(module, name)] == []


def drawn_layers():
    """The table of rooms in docs/architecture.md."""
    rows = ["| Room | What it answers | Imports |", "|---|---|---|"]
    for room in ROOMS:
        if room.startswith("_"):
            continue
        is_folder = room in PACKAGES
        path = PACKAGE / (f"{room}/__init__.py" if is_folder else f"{room}.py")
        doc = ast.get_docstring(ast.parse(path.read_text()))
        files = {f for f in FILES if f.split("/")[0].removesuffix(".py") == room}
        used = {
            room_of(module)
            for file in files
            for module, _ in imports((PACKAGE / file).read_text(), file)
            if module.startswith(f"{NAME}.")
        }
        listed = [f"`{other}`" for other in ROOMS if other in used - {room, "", "_version"}]
        name = f"`{room}/`" if is_folder else f"`{room}.py`"
        first = " ".join(doc.split("\n\n")[0].split()).replace("|", "\\|")
        rows.append(f"| {name} | {first} | {', '.join(listed) or 'none'} |")
    return "\n".join(rows)


def test_the_document_shows_the_rooms_as_they_are():
    document = (ROOT / "docs" / "architecture.md").read_text()
    drawn = drawn_layers()
    assert drawn in document, f"put this into docs/architecture.md:\n\n{drawn}"


def module_graph():
    """Module -> the modules of the package that it imports at top level, or for type checkers."""
    return {
        name: {
            module
            for module, is_top in imports((PACKAGE / file).read_text(), file, typed=True)
            if is_top and module in MODULES and module not in {name, NAME}
        }
        for name, file in MODULES.items()
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
    assert len((PACKAGE / file).read_text().splitlines()) <= 350


def test_no_folder_is_crowded():
    def holds(entry):
        return entry.suffix == ".py" or (entry.is_dir() and entry.name != "__pycache__")

    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    counts = {f.name: len({e for e in f.iterdir() if holds(e)}) for f in folders}
    assert {name: count for name, count in counts.items() if count > 25} == {}


@pytest.mark.parametrize("old", _moved.MOVED)
def test_an_import_path_of_before_keeps_working(old):
    names = {
        "connection": ["CustomConnection"],
        "discovery": ["Workspace", "list_endpoints", "read_endpoint"],
        "endpoint_fields": ["EndpointFields"],
        "prompts": ["ChatTemplate", "parse_role_prompt"],
        "reasoning": ["ReasoningTags"],
        "replies": ["Choice", "Reply"],
    }[old]
    module = importlib.import_module(f"{NAME}.{old}")
    for name in names:
        with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} is in {NAME}\.\w+"):
            assert getattr(module, name).__name__ == name
    with pytest.raises(AttributeError, match="gossip"):
        _ = module.gossip


@pytest.mark.parametrize("file", FILES)
def test_a_name_says_what_a_file_holds(file):
    assert not re.search(r"(^|[/_])(utils?|common|helpers?|misc)(?=[/_.])", file)


ESSAYS = {
    *("exchange/generator.py", "answers/event_reader.py"),
    *("tools/calls_in_text.py", "batch/answer_file.py"),
}
"""State machines: their states and rules are told before the code."""


@pytest.mark.parametrize("file", sorted(ESSAYS))
def test_a_state_machine_is_explained_first(file):
    essay = ast.get_docstring(ast.parse((PACKAGE / file).read_text())).splitlines()
    assert 10 <= sum(map(bool, essay)) <= 30


def test_each_new_thing_has_a_name_and_a_place():
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"(?m)^\| (.+?) \| (.+) \|$", text.partition("| New | Place |")[2])
    assert len(rows) > 10
    for new, place in rows:
        assert "`" not in new
        for path in re.findall(r"`([\w/]+(?:\.py|/))`", place):
            assert (PACKAGE / path).exists(), path


def test_family_quirks_stand_in_the_table_alone():
    quirk = re.compile(r"\b(model_)?family\s*(==|!=|is|in)\s*(ModelFamily\.|[\"'({\[])")
    offenders = [
        file
        for file in FILES
        if not file.startswith("families/") and quirk.search((PACKAGE / file).read_text())
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
    core = [file for file in FILES if not file.startswith(("cli/", "local/", *AT_TOP.values()))]
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


def test_few_classes_below_the_models_are_pydantics():
    """An import takes 3 ms for each, and methods need none: what adds only these is mixed in."""
    found = [
        base.__name__
        for base in langchain_azureml_oss.AzureMLOSSChatModel.__mro__
        if issubclass(base, BaseModel) and base.__module__.startswith(NAME)
    ]
    assert found == ["AzureMLOSSChatModel", "TokenCounts", "EndpointFields", "ModelSettings"]


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
