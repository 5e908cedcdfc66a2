"""Other packages are used through their public names, but for a list; each of it is still there."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from pathlib import Path

import pytest

from langchain_azureml_oss import transports
from langchain_azureml_oss.transports import PRIVATE_NAMES, aio, sync_answer, sync_session
from langchain_azureml_oss.transports import sync_connection as connection

FILES = sorted(Path(transports.__file__).parent.glob("*.py"))
FOREIGN = ("requests", "urllib3", "http", "aiohttp")


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def resolved(path):
    """The object at a dotted path: a module, then its attributes."""
    module, names = path, []
    while True:
        try:
            found = importlib.import_module(module)
        except ImportError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)
            continue
        for name in names:
            found = getattr(found, name)
        return found


@pytest.mark.parametrize("path", PRIVATE_NAMES)
def test_each_private_name_is_there(path):
    """`test_drips.py` has what depends on it: TLS inside TLS, whose waits end in time."""
    assert list(inspect.signature(resolved(path)).parameters) == ["self", "hostname", "sock"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_other_private_attribute_is_read(file):
    """Those of `self`, and of what a file defines itself, are its own."""
    tree = ast.parse(file.read_text())
    own = {
        *(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)),
        *(node.attr for node in ast.walk(tree) if is_self(node)),
    }
    allowed = own | {path.rpartition(".")[2] for path in PRIVATE_NAMES}
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr)
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(FOREIGN)
        for alias in node.names
    }
    assert read - allowed == set()
    assert {name for name in imported if is_private(name)} == set()


def is_self(node):
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id == "self")
    )


def test_no_name_of_ours_is_a_private_one_of_a_base_class():
    """A new release may take a name of ours for its own, too."""
    found = set()
    for module in (aio, sync_answer, connection, sync_session):
        for name, cls in vars(module).items():
            if not isinstance(cls, type) or cls.__module__ != module.__name__:
                continue
            bases = [base for base in cls.__mro__ if base.__module__.startswith(FOREIGN)]
            taken = {attribute for base in bases for attribute in vars(base)}
            taken |= {attribute for base in bases for attribute in set_by(base)}
            mine = {attribute for attribute in {*vars(cls), *set_by(cls)} if is_private(attribute)}
            found |= {f"{name}.{attribute}" for attribute in mine & taken - {"_abc_impl"}}
    assert found == {"_TLSConnection._connect_tls_proxy"}


def set_by(cls):
    """The attributes that a class's methods set on `self`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    return {node.attr for node in ast.walk(tree) if is_self(node)}
