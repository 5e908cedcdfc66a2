"""No regular expression of the package takes more steps than in proportion to the text.

Each one is found in the source, and fed with what it is made of, again and again, at three lengths.
Steps are counted by a matcher of the tests' own, since Python's has no counter.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
from pathlib import Path

import pytest
from counting.backtracking import Matcher, samples

import langchain_azureml_oss
from langchain_azureml_oss.errors import redaction
from langchain_azureml_oss.families import DIALECTS
from langchain_azureml_oss.tools.around_calls import Words
from langchain_azureml_oss.wire import ValueEnd

PACKAGE = Path(langchain_azureml_oss.__file__).parent
CALLS = {"compile", "search", "match", "fullmatch", "sub", "split", "finditer", "findall"}
MADE_LATER = {
    "tools/around_calls.py": [
        pattern
        for dialect in DIALECTS.values()
        for words in [Words(dialect)]
        for pattern in (words.opener, words.token, *words.body_ends.values())
    ],
    "wire/lenient_json.py": [ValueEnd(stops)._structure for stops in ("", "<", "`")],
}
"""Patterns that are made of an instance's own words."""
BOUNDED = {
    redaction._LONG.pattern: redaction._MOST_SHOWN,
}
"""Patterns that begin anew at each place -> the characters that they are given at most."""


def patterns():
    """Yield each pattern, and whether it is only looked for at one place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file, source = path.relative_to(PACKAGE).as_posix(), path.read_text()
        if not re.search(r"\bre\.", source):
            continue
        names = path.relative_to(PACKAGE).with_suffix("").parts
        module = importlib.import_module(".".join([PACKAGE.name, *names]))
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) in CALLS:
                anchored = is_anchored(node, tree, source)
                for found in made(file, node, module):
                    yield pytest.param(found, anchored, id=f"{file}:{node.lineno}")


def called(node):
    """The function of `re` that is called, if one is."""
    function = node.func
    of_re = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "re"
    return function.attr if of_re and function.attr != "escape" else None


def made(file, node, module):
    given = [argument.value for argument in node.keywords if argument.arg == "flags"]
    if called(node) == "compile":
        given += node.args[1:]
    flags = [eval(ast.unparse(one), vars(module)) for one in given]
    try:
        return [re.compile(eval(ast.unparse(node.args[0]), vars(module)), *flags)]
    except NameError:
        return MADE_LATER[file]


def is_anchored(node, tree, source):
    """Whether all uses are `match` or `fullmatch`, which begin at one place."""
    if called(node) != "compile":
        return called(node) in {"match", "fullmatch"}
    names = [
        ast.unparse(target)
        for assigned in ast.walk(tree)
        if isinstance(assigned, ast.Assign)
        for target, value in pairs(assigned.targets[0], assigned.value)
        if value is node
    ]
    uses = {use for name in names for use in re.findall(rf"\b{name}\.(\w+)\(", source)}
    return bool(uses) and uses <= {"match", "fullmatch"}


def pairs(target, value):
    """What is assigned to what, one by one."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return zip(target.elts, value.elts, strict=True)
    return [(target, value)]


def steps(pattern, text, *, anchored):
    matcher = Matcher(pattern, text)
    with contextlib.suppress(RecursionError):
        matcher.match() if anchored else matcher.search()
    return matcher.steps


LENGTHS = (12, 24, 48)


def growing(pattern, *, anchored):
    """The texts whose length a pattern takes more steps than in proportion to."""
    beginnings, parts = samples(pattern)
    for beginning in beginnings[:6]:
        for part in parts[:12]:
            for ending in ("", "\x00"):
                first, second, third = (
                    steps(pattern, beginning + part * length + ending, anchored=anchored)
                    for length in LENGTHS
                )
                if third - second > 2.4 * (second - first) + 100:
                    yield beginning, part, ending, (first, second, third)


@pytest.mark.parametrize(("pattern", "anchored"), list(patterns()))
def test_steps_grow_with_the_text(pattern, anchored):
    found = next(growing(pattern, anchored=anchored), None)
    if pattern.pattern in BOUNDED:
        assert found, "it grows with the text: take it off the list"
    else:
        assert found is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+b", "aaaaac"),
        (r"x*y|xx", "xxxz"),
        (r"(?i)[a-c]{2,}?d", "zABCD"),
        (r"(\w)\1\b", "abccd bb"),
        (r"(?<=\n)a$", "b\na"),
        (r"(?m)^\s*+#(?!x)", "a\n  #x\n #y"),
        (r"(?>a|ab)c", "abc ac"),
        (r"[^\W\d]{3}\Z", "12abc"),
    ],
)
def test_the_matcher_finds_what_re_finds(pattern, text):
    found = re.search(pattern, text)
    assert Matcher(re.compile(pattern), text).search() == (found and found.span())


def test_the_measure_sees_what_starts_anew():
    for pattern in (r"\s*x", r"<title[^>]*>", r"(?=\w*[0-9])\w{3,}", r"(a|a)*b"):
        if pattern != r"(a|a)*b":
            assert next(growing(re.compile(pattern), anchored=False), None)
    assert next(growing(re.compile(r"\s*x"), anchored=True), None) is None
    assert steps(re.compile(r"(a|a)*b"), "a" * 12, anchored=True) > 2**12
