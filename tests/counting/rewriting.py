"""The package once more, with each search that C carries out counted in characters.

A line of Python may read a whole text: `text.find(mark, place)`, `"".join(pieces)`, `text[place:]`.
Here the source is rewritten before it is compiled, as pytest does with `assert`: what a method of a
text or a pattern reads, what a slice or a sum copies, and what `in` looks through is added up.
The copy of the package lives beside the real one, under its own modules.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import re
import sys

NAME = "langchain_azureml_oss"
TEXTS = (str, bytes, bytearray)


class Counter:
    """How many characters were read, compared or copied."""

    characters = 0

    def called(self, owner, name, *args, **kwargs):
        result = getattr(owner, name)(*args, **kwargs)
        if isinstance(owner, re.Pattern):
            self.characters += _of_a_pattern(name, args, result)
        elif isinstance(owner, TEXTS):
            self.characters += _of_a_text(owner, name, args, result)
        return result

    def taken(self, owner, key):
        result = owner[key]
        if isinstance(key, slice) and isinstance(owner, (*TEXTS, list, tuple)):
            self.characters += len(result)
        return result

    def added(self, left, right):
        result = left + right
        if isinstance(result, TEXTS):
            self.characters += len(result)
        return result

    def appended(self, text, *before):
        if isinstance(text, TEXTS):
            self.characters += sum(map(len, [text, *before]))
        return text

    def contains(self, inner, whole):
        found = inner in whole
        if isinstance(whole, TEXTS) and isinstance(inner, TEXTS):
            self.characters += whole.find(inner) + len(inner) if found else len(whole)
        return found


COUNTER = Counter()


def _span(args, size):
    """The part of a text that begins and ends where the arguments say."""
    start, end, _ = slice(*(args + (None,) * 2)[:2]).indices(size)
    return start, max(start, end)


def _of_a_pattern(name, args, result):
    """A search reads up to the end of what it finds: tests/test_patterns.py says it does no more.

    What `match` reads before it fails is not told; one character is counted.
    """
    if name in {"sub", "subn"}:
        return len(args[1])
    start, end = _span(args[1:], len(args[0]))
    if name in {"search", "match", "fullmatch"} and result is not None:
        return result.end() - start + 1
    return 1 if name in {"match", "fullmatch"} else end - start + 1


def _of_a_text(owner, name, args, result):
    size = len(owner)
    if name in {"find", "index", "rfind", "rindex", "count"}:
        start, end = _span(args[1:], size)
        if name == "count" or result < 0:
            return end - start
        return end - result if name.startswith("r") else result - start + 1
    if name in {"startswith", "endswith"}:
        marks = args[0] if isinstance(args[0], tuple) else (args[0],)
        return sum(map(len, marks))
    if name == "join":
        return len(result)
    # strip and its like copy nothing where nothing is to be done; all others read all of it.
    return 1 if result is owner and ("strip" in name or "remove" in name) else size


class _Rewriter(ast.NodeTransformer):
    def visit_Call(self, node):
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Attribute) and not _is_super(function.value):
            name = ast.Constant(function.attr)
            return _call("called", [function.value, name, *node.args], node.keywords)
        return node

    def visit_Subscript(self, node):
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Slice):
            ends = [end or ast.Constant(None) for end in (node.slice.lower, node.slice.upper)]
            key = ast.Call(ast.Name("slice", ast.Load()), ends, [])
            return _call("taken", [node.value, key])
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        is_sum = isinstance(node.op, ast.Add)
        return _call("added", [node.left, node.right]) if is_sum else node

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            # CPython makes a local variable's text longer where it is; any other's is copied.
            before = [] if isinstance(node.target, ast.Name) else [_read(node.target)]
            node.value = _call("appended", [node.value, *before])
        return node

    def visit_Compare(self, node):
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            found = _call("contains", [node.left, node.comparators[0]])
            return found if isinstance(node.ops[0], ast.In) else ast.UnaryOp(ast.Not(), found)
        return node

    def visit_AnnAssign(self, node):
        """Leave type hints as they are."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node):
        return node


def _read(target):
    """The same place, read."""
    return ast.parse(ast.unparse(target), mode="eval").body


def _is_super(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super"


def _call(name, args, keywords=()):
    owner = ast.Name("__counter__", ast.Load())
    return ast.Call(ast.Attribute(owner, name, ast.Load()), args, list(keywords))


class _Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimization=-1):
        tree = ast.fix_missing_locations(_Rewriter().visit(ast.parse(data)))
        return compile(tree, path, "exec", dont_inherit=True)

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] != NAME:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.origin)
        return spec


@contextlib.contextmanager
def _of_the_copy():
    """Put the package's modules aside, and back."""
    aside = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_ours(name)}
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(aside)


def _is_ours(name):
    return name.partition(".")[0] == NAME


def counted(*names):
    """Return rooms or modules of the package, such as `tools`, whose searches are counted."""
    builtins.__counter__ = COUNTER
    with _of_the_copy():
        return [importlib.import_module(f"{NAME}.{name}") for name in names]
