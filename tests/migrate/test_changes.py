"""Syntax changes by name, and keeps its layout and its comments."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import libcst as cst
import pytest

from migrate.syntax import changes

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("text", "lead", "drop", "annotate", "expected"),
    [
        pytest.param("x, y", [], NONE, {}, "x, y", id="nothing to do"),
        pytest.param("x, y", ["_"], NONE, {}, "_, x, y", id="callee"),
        pytest.param("", ["_"], NONE, {}, "_", id="no parameters"),
        pytest.param(
            "x",
            ["config: RuleConfig[HasReverseMode]", "_"],
            NONE,
            {},
            "config: RuleConfig[HasReverseMode], _, x",
            id="config",
        ),
        pytest.param("x,", ["_"], NONE, {}, "_, x", id="a comma at the end"),
        pytest.param("x, /, y", ["_"], NONE, {}, "_, x, /, y", id="positional only"),
        pytest.param("x=1", ["_"], NONE, {}, "_, x=1", id="default"),
        pytest.param("*xs", ["_"], NONE, {}, "_, *xs", id="varargs"),
        pytest.param("*, k=1", ["_"], NONE, {}, "_, *, k=1", id="keyword only"),
        pytest.param("**kw", ["_"], NONE, {}, "_, **kw", id="keywords"),
        pytest.param(
            "f, x, *, __context__=None",
            ["_"],
            frozenset({"__context__"}),
            {},
            "_, f, x",
            id="context goes",
        ),
        pytest.param(
            "f, __context__=None",
            ["_"],
            frozenset({"__context__"}),
            {},
            "_, f",
            id="positional context goes",
        ),
        pytest.param(
            "f, *, __context__=None, k=1",
            [],
            frozenset({"__context__"}),
            {},
            "f, *, k=1",
            id="context goes, others stay",
        ),
        pytest.param(
            "f, *a, __context__=None",
            [],
            frozenset({"__context__"}),
            {},
            "f, *a",
            id="context after varargs",
        ),
        pytest.param(
            "x, name: Val", ["_"], NONE, {"name": "str"}, "_, x, name: str", id="annotation changes"
        ),
        pytest.param(
            "x, name", ["_"], NONE, {"name": "str"}, "_, x, name: str", id="annotation is added"
        ),
        pytest.param(
            "\n    x,  # first\n    y,\n",
            ["_"],
            NONE,
            {},
            "\n    _,\n    x,  # first\n    y,\n",
            id="one a line",
        ),
        pytest.param(
            "x: 'int'  =  1 , y=2", ["_"], NONE, {}, "_, x: 'int'  =  1 , y=2", id="spaces stay"
        ),
        pytest.param(" x ", ["_"], NONE, {}, " _, x ", id="spaces around"),
        pytest.param("x,\n    y", ["_"], NONE, {}, "_, x,\n    y", id="two lines"),
        pytest.param(
            "  # all of them\n    x, y",
            ["_"],
            NONE,
            {},
            "  # all of them\n    _, x, y",
            id="comment",
        ),
        pytest.param("\\\n    x", ["_"], NONE, {}, "\\\n    _, x", id="continued line"),
        pytest.param("*, a, b,\n", ["_"], NONE, {}, "_, *, a, b,\n", id="last comma stays"),
    ],
)
def test_parameters(
    text: str, lead: list[str], drop: frozenset[str], annotate: dict[str, str], expected: str
) -> None:
    change = changes.with_parameters(lead, drop, annotate)
    code = cst.Module([change(cst.parse_statement(f"def f({text}): pass"))]).code
    ast.parse(code)
    assert code == f"def f({expected}): pass\n"


@pytest.mark.parametrize(
    ("text", "drop", "expected"),
    [
        pytest.param(
            "\n    h,  # a function\n    *,\n    c,  # for calling back\n",
            {"c"},
            "\n    _,\n    h,  # a function\n    # for calling back\n",
            id="beside the last",
        ),
        pytest.param(
            "\n    h,\n    *,  # by name only\n    c,\n    # the end\n",
            {"c"},
            "\n    _,\n    h,\n    # by name only\n    # the end\n",
            id="beside the star, and below",
        ),
        pytest.param(
            "\n    c,  # first\n    x,  # second\n",
            {"c"},
            "\n    # first\n    _, x,  # second\n",
            id="beside the first",
        ),
        pytest.param(
            "x,  # kept\n    c=1,  # gone\n    *, k=2",
            {"c"},
            "_, x,  # kept\n    # gone\n    *, k=2",
            id="in the middle",
        ),
        pytest.param("\n    h, *,\n    c  # without a comma\n", {"c"}, None, id="without a comma"),
    ],
)
def test_comments_beside_a_parameter_that_goes_stay(
    text: str, drop: set[str], expected: str | None
) -> None:
    change = changes.with_parameters(["_"], frozenset(drop))
    code = cst.Module([change(cst.parse_statement(f"def f({text}): pass"))]).code
    names = [a.arg for a in ast.parse(code).body[0].args.args]  # type: ignore[attr-defined]
    assert names[0] == "_"
    assert "c" not in names
    assert code.count("#") == text.count("#")
    if expected is not None:
        assert code == f"def f({expected}): pass\n"


def expression(text: str, change: Callable[[Any], Any]) -> str:
    return cst.Module([]).code_for_node(change(cst.parse_expression(text)))


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        pytest.param("x", changes.replaced("y + 1"), "y + 1", id="replaced"),
        pytest.param("((x))", changes.replaced("y"), "((y))", id="replaced in parentheses"),
        pytest.param("( (a, b) )", changes.replaced("c"), "( c )", id="replaced tuple"),
        pytest.param("(x)", changes.wrapped("f({}, 1)"), "f((x), 1)", id="wrapped"),
        pytest.param("a, b", changes.wrapped("f({})"), "f((a, b))", id="wrapped loose tuple"),
        pytest.param("(x)", changes.wrapped("{}[1:]", inside=True), "(x[1:])", id="inside"),
        pytest.param(
            "((a, b))", changes.wrapped("f({})", inside=True), "(f((a, b)))", id="tuple, inside"
        ),
        pytest.param("a + b", changes.wrapped("(n, *{})"), "(n, *a + b)", id="loose"),
        pytest.param("a + b", changes.wrapped("(n, *{})", tight=True), "(n, *(a + b))", id="tight"),
        pytest.param(
            "(a + b)", changes.wrapped("(n, *{})", tight=True), "(n, *(a + b))", id="tight yet"
        ),
        pytest.param("[ a, *b ]", changes.as_call("T[list]"), "T[list]( a, *b )", id="list"),
        pytest.param("((a,))", changes.as_call("T"), "(T(a,))", id="tuple"),
        pytest.param("a, b", changes.as_call("T"), "T(a, b)", id="loose tuple"),
        pytest.param("()", changes.as_call("T"), "T()", id="empty tuple"),
        pytest.param(
            "{'a': x, ('b'): y,}",
            changes.as_keywords("T", ["a", "b"], frozenset()),
            "T(a=x, b=y,)",
            id="keywords",
        ),
        pytest.param(
            "{'a': x, 'b': y}",
            changes.as_keywords("T", ["a", "b"], frozenset({1})),
            "T(a=x)",
            id="last keyword goes",
        ),
        pytest.param(
            "{\n  'a': x,\n  'b': y,\n}",
            changes.as_keywords("T", ["a", "b"], frozenset({0, 1})),
            "T()",
            id="all keywords go",
        ),
        pytest.param("(a, b)", changes.prepended("n()"), "(n(), a, b)", id="prepended"),
        pytest.param("()", changes.prepended("n()"), "(n(),)", id="prepended to nothing"),
        pytest.param(
            "(a,)", changes.prepended("n()", untrail=True), "(n(), a)", id="prepended to one"
        ),
        pytest.param("a,", changes.prepended("n()", untrail=True), "n(), a,", id="prepended, bare"),
        pytest.param(
            "(  # all\n  a,  # first\n)",
            changes.prepended("n()"),
            "(  # all\n  n(),\n  a,  # first\n)",
            id="prepended on its line",
        ),
        pytest.param("f()", changes.first_argument("c"), "f(c)", id="only argument"),
        pytest.param("f( x)", changes.first_argument("c"), "f( c, x)", id="first argument"),
        pytest.param(
            "f(x for x in y)",
            changes.first_argument("c"),
            "f(c, (x for x in y))",
            id="argument before a generator",
        ),
        pytest.param("f(x)", changes.last_argument("z", "k"), "f(x, k=z)", id="last argument"),
        pytest.param("f(x,)", changes.last_argument("z"), "f(x, z)", id="after a comma"),
        pytest.param(
            "f(\n  x,  # c\n)",
            changes.last_argument("z"),
            "f(\n  x,  # c\n  z,\n)",
            id="one a line",
        ),
        pytest.param(
            "f(x, y=1)", changes.without_arguments(frozenset({1})), "f(x)", id="without an argument"
        ),
        pytest.param("d[ k ]", changes.read_with("z"), "d.get( k, z)", id="read"),
        pytest.param(
            "n(*fs)", changes.over_each("m", "f"), "[m(f) for f in (*fs,)]", id="over each"
        ),
        pytest.param(
            "None in (d)",
            changes.filled_by("any({})", lambda node: node.comparisons[0].comparator),
            "any((d))",
            id="filled by a part",
        ),
        pytest.param(
            "lambda: 0",
            changes.with_parameters(["_"]),
            "lambda _: 0",
            id="lambda without parameters",
        ),
        pytest.param("lambda*a: 0", changes.with_parameters(["_"]), "lambda _, *a: 0", id="lambda"),
    ],
)
def test_expressions(text: str, change: Callable[[Any], Any], expected: str) -> None:
    result = expression(text, change)
    ast.parse(result, mode="eval")
    assert result == expected


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        pytest.param(
            "@a  # one\n# two\n@b\ndef f(): pass\n",
            changes.without_decorators(frozenset({0})),
            "# one\n# two\n@b\ndef f(): pass\n",
            id="decorator goes",
        ),
        pytest.param(
            "@a  # one\ndef f(): pass\n",
            changes.without_decorators(frozenset({0})),
            "# one\ndef f(): pass\n",
            id="only decorator goes",
        ),
        pytest.param(
            "@a\ndef f(): pass\n",
            changes.with_decorator(1, "b"),
            "@a\n@b\ndef f(): pass\n",
            id="decorator",
        ),
        pytest.param("def  f ( ): pass\n", changes.renamed("g"), "def  g ( ): pass\n", id="name"),
        pytest.param(
            "def f(d): a; b\n",
            changes.ending_with("return c"),
            "def f(d): a; b; return c\n",
            id="ending",
        ),
        pytest.param(
            "return g(x)  # why\n",
            changes.handed_on("y, back", "y, h"),
            "y, back = g(x)\nreturn y, h  # why\n",
            id="handed on",
        ),
        pytest.param(
            "a; return g(x)\n",
            changes.handed_on("y, back", "y, h"),
            "a; y, back = g(x); return y, h\n",
            id="handed on, on one line",
        ),
        pytest.param(
            "return (y), lambda d , : (d,)  # why\n",
            changes.as_function("f", "  "),
            "def f(d):\n  return (d,)\n\nreturn y, f  # why\n",
            id="lambda becomes a function",
        ),
        pytest.param("a\n", changes.commented(["# b"]), "a  # b\n", id="comment"),
        pytest.param(
            "f(  # one\n    a,  # two\n    # three\n    b,\n    # four\n)  # five\n",
            changes.lines_of_one_each("g"),
            "# one\ng(a)  # two\n# three\n# four\ng(b)  # five\n",
            id="a line for each argument",
        ),
        pytest.param(
            "f(a, b  # one\n)  # two\n",
            changes.lines_of_one_each("g"),
            "g(a)\ng(b)  # one  # two\n",
            id="comments meet",
        ),
    ],
)
def test_statements(text: str, change: Callable[[Any], Any], expected: str) -> None:
    changed = change(cst.parse_statement(text))
    body = changed if isinstance(changed, cst.FlattenSentinel) else [changed]
    assert cst.Module([*body]).code == expected


def test_one_statement_each() -> None:
    line: Any = cst.parse_statement("f(a, b); c\n")
    changed = changes.one_each("g")(line.body[0])
    assert cst.Module([line.with_changes(body=[*changed, *line.body[1:]])]).code == (
        "g(a); g(b); c\n"
    )
