"""What changes is cut out, changed by libcst and put back; nothing else moves."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from migrate.syntax.changes import prepended, renamed, restated
from migrate.syntax.edits import Overlap, arranged
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.printing import Unprintable, print_changes
from migrate.syntax.scopes import analyse_scopes
from migrate.syntax.source import Source, read_source

Edit = Callable[[NodeEdits, Source], None]


def named(source: Source, name: str, kind: type[ast.AST] = ast.Name) -> ast.expr:
    """The first node that is written like this."""
    found = [
        n
        for n in ast.walk(source.tree)
        if isinstance(n, kind) and isinstance(n, ast.expr) and source.segment(n) == name
    ]
    return found[0]


def first(source: Source, kind: type[ast.stmt]) -> ast.stmt:
    return next(n for n in ast.walk(source.tree) if isinstance(n, kind))


def printed(text: str, edit: Edit) -> str:
    source = read_source(text.encode())
    edits = NodeEdits()
    edit(edits, source)
    pieces = print_changes(edits, source, analyse_scopes(source.tree)).replacements
    return source.spliced(arranged(pieces)).decode()


def to(name: str, new: str, kind: type[ast.AST] = ast.Name) -> Edit:
    return lambda edits, source: edits.replace(named(source, name, kind), new)


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        pytest.param("a = b\n", to("b", "c"), "a = c\n", id="a line"),
        pytest.param("a = b", to("b", "c"), "a = c", id="no last newline"),
        pytest.param("x; a = b; y  # z\n", to("b", "c"), "x; a = c; y  # z\n", id="a shared line"),
        pytest.param(
            "(1,\n 2); b; (\n 3)\n", to("b", "c"), "(1,\n 2); c; (\n 3)\n", id="a line of several"
        ),
        pytest.param("if x: b\n", to("b", "c"), "if x: c\n", id="on the line of an if"),
        pytest.param(
            "if 1:\n  pass\nelif b:\n    pass\n",
            to("b", "c"),
            "if 1:\n  pass\nelif c:\n    pass\n",
            id="elif",
        ),
        pytest.param(
            "if 1:\n  if 1:\n     pass\n  elif b: pass\n",
            to("b", "c"),
            "if 1:\n  if 1:\n     pass\n  elif c: pass\n",
            id="elif on one line",
        ),
        pytest.param(
            "try:\n  x\nexcept b:\n  y\n", to("b", "c"), "try:\n  x\nexcept c:\n  y\n", id="except"
        ),
        pytest.param(
            "match x:\n  case [1] if b:\n    y\n",
            to("b", "c"),
            "match x:\n  case [1] if c:\n    y\n",
            id="case",
        ),
        pytest.param(
            "class A:\n\t@b\n\t# c\n\tdef  f( self ) : # d\n\n\t\t# e\n\t\tx ; y\n",
            to("b", "c"),
            "class A:\n\t@c\n\t# c\n\tdef  f( self ) : # d\n\n\t\t# e\n\t\tx ; y\n",
            id="head of a definition",
        ),
        pytest.param(
            "if x: \\\n  a = b\n", to("b", "c"), "if x: \\\n  a = c\n", id="a continued line"
        ),
        pytest.param(
            "def f():\n  \x0c  a = b\n  \x0c\n  c\n",
            to("b", "c"),
            "def f():\n  \x0c  a = c\n  \x0c\n  c\n",
            id="form feed",
        ),
        pytest.param(
            "a = '\N{GREEK SMALL LETTER PI}', b, '\N{GREEK SMALL LETTER PI}'\n",
            to("b", "c"),
            "a = '\N{GREEK SMALL LETTER PI}', c, '\N{GREEK SMALL LETTER PI}'\n",
            id="other alphabets",
        ),
        pytest.param(
            "f(b for b in y)\n", to("(b for b in y)", "c", ast.GeneratorExp), None, id="generator"
        ),
        pytest.param("x[a:b]\n", to("a:b", "c:", ast.Slice), "x[c:]\n", id="slice"),
        pytest.param(
            "( ( a , b ) )\n",
            lambda e, s: e.change(named(s, "( a , b )", ast.Tuple), prepended("n")),
            "( ( n, a , b ) )\n",
            id="tuple in parentheses",
        ),
        pytest.param(
            "x = (\n    (\n        a,\n    )\n)\n",
            lambda e, s: e.change(named(s, "(\n        a,\n    )", ast.Tuple), prepended("n")),
            "x = (\n    (\n        n,\n        a,\n    )\n)\n",
            id="tuple on lines",
        ),
        pytest.param(
            "def f():\n    if x:\n        a  # b\n    # c\n\ny\n",
            lambda e, s: e.add_after(first(s, ast.FunctionDef), "z", 1),
            "def f():\n    if x:\n        a  # b\n\nz\n    # c\n\ny\n",
            id="a statement after",
        ),
        pytest.param(
            "def f():\n    if x:\n        a  # b",
            lambda e, s: e.end_with(first(s, ast.FunctionDef), "return z"),  # type: ignore[arg-type]
            "def f():\n    if x:\n        a  # b\n    return z",
            id="a last statement",
        ),
        pytest.param(
            "def f(): a  # b\n",
            lambda e, s: e.end_with(first(s, ast.FunctionDef), "return z"),  # type: ignore[arg-type]
            "def f(): a; return z  # b\n",
            id="a last statement on one line",
        ),
        pytest.param(
            "a\nb\n", lambda e, s: e.replace_line(s.tree.body[0], ""), "b\n", id="a line goes"
        ),
        pytest.param(
            "if 1:\n    a  # c\n",
            lambda e, s: e.replace_line(first(s, ast.Expr), "b\n    c"),
            "if 1:\n    b\n    c  # c\n",
            id="lines for a line",
        ),
    ],
)
def test_printed(text: str, edit: Edit, expected: str | None) -> None:
    assert printed(text, edit) == (expected or "f(c)\n")


def test_changes_of_one_node_come_in_order_and_after_its_replacement() -> None:
    def edit(edits: NodeEdits, source: Source) -> None:
        name = named(source, "x")
        edits.wrap(name, "f({})")
        edits.wrap(name, "g({})")
        edits.replace(name, "y")
        edits.wrap(named(source, "(x, 1)", ast.Tuple), "T[{}]")

    assert printed("a = (x, 1)\n", edit) == "a = T[(g(f(y)), 1)]\n"


def test_changes_inside_of_what_is_replaced_go_with_it() -> None:
    def edit(edits: NodeEdits, source: Source) -> None:
        edits.wrap(named(source, "x"), "f({})")
        edits.replace(named(source, "(x, 1)", ast.Tuple), "y")

    assert printed("a = (x, 1)\n", edit) == "a = y\n"


def test_changes_of_a_line_that_goes_go_with_it() -> None:
    def edit(edits: NodeEdits, source: Source) -> None:
        edits.wrap(named(source, "x"), "f({})")
        edits.replace_line(source.tree.body[0], "")

    assert printed("a = x\nb\n", edit) == "b\n"


def test_two_replacements_of_one_node_are_refused_unless_they_are_the_same() -> None:
    source = read_source(b"x\n")
    edits = NodeEdits()
    edits.replace(named(source, "x"), "y")
    edits.replace(named(source, "x"), "y")
    with pytest.raises(Overlap):
        edits.replace(named(source, "x"), "z")


def test_a_snapshot_is_something_to_go_back_to() -> None:
    source = read_source(b"x = y\n")
    scopes = analyse_scopes(source.tree)
    edits = NodeEdits()
    edits.wrap(named(source, "x"), "a[{}]")
    saved = edits.snapshot()
    edits.replace(named(source, "y"), "b")
    edits.wrap(named(source, "x"), "c[{}]")
    edits.change(source.tree.body[0], restated("pass"))
    edits.restore(saved)
    edits.wrap(named(source, "y"), "d({})")  # and the saved one does not grow with it
    edits.restore(saved)
    pieces = print_changes(edits, source, scopes).replacements
    assert source.spliced(arranged(pieces)) == b"a[x] = y\n"
    assert bool(edits)
    assert not NodeEdits()


def test_merging_is_adding_one_after_the_other() -> None:
    source = read_source(b"x = y\n")
    scopes = analyse_scopes(source.tree)
    one, two = NodeEdits(), NodeEdits()
    one.wrap(named(source, "y"), "f({})")
    two.wrap(named(source, "y"), "g({})")
    two.replace(named(source, "x"), "z")
    one.merge(two)
    pieces = print_changes(one, source, scopes).replacements
    assert source.spliced(arranged(pieces)) == b"z = g(f(y))\n"


def test_places_are_where_nodes_come_out() -> None:
    source = read_source(b"if 1:\n    x = f(a); g(b, c)\n")
    scopes = analyse_scopes(source.tree)
    edits = NodeEdits()
    call = named(source, "g(b, c)", ast.Call)
    edits.wrap(named(source, "a"), "long_name({})")
    edits.replace(named(source, "b"), "d")
    result = print_changes(edits, source, scopes, [call])
    piece, start, end = result.places[call]
    assert piece.text[start:end] == "g(d, c)"


LONG = " + x" * 600


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(x): int = b\n", id="a target in parentheses"),
        pytest.param("( x ) : (int) = f(b)\n", id="a target and an annotation in parentheses"),
        pytest.param(f"return_(b, x{LONG})\n", id="beside a long sum"),
        pytest.param(f"b{LONG}\n", id="in a long sum"),
        pytest.param("y = b" + ".x()" * 400 + "\n", id="before many calls"),
        pytest.param(f"def f(y=b, *, z=x{LONG}): pass\n", id="beside a long default"),
        pytest.param(f"@x{LONG}\ndef f(y=b):\n    pass\n", id="below a long decorator"),
        pytest.param(f"for b in x{LONG}: pass\n", id="a loop on one line"),
        pytest.param(
            "class A:\n  \x0c  @x\n\x0c  def f(self, y=b):\n    \x0c    pass\n",
            id="form feeds in a head",
        ),
        pytest.param("if 1: x; b\n\x0c\x0cif b: x; y\n", id="form feeds before lines"),
        pytest.param(
            "try:\n  x\n\x0c  z\nexcept b:\n  y\n  \x0c  if z:\n      z\n",
            id="form feeds in a block",
        ),
        pytest.param(f"g(_hole_0_, b, x{LONG}, y[1:(x{LONG}), x], *b2)\n", id="names like ours"),
    ],
)
def test_what_does_not_change_may_be_what_libcst_cannot_read(text: str) -> None:
    def edit(edits: NodeEdits, source: Source) -> None:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id == "b":
                edits.replace(node, "c")

    assert printed(text, edit) == re.sub(r"\bb\b", "c", text)


def test_a_call_around_what_libcst_cannot_read() -> None:
    text = f"a = (\n  b{LONG}\n)\n"
    result = printed(text, lambda e, s: e.wrap(named(s, f"b{LONG}", ast.BinOp), "new({})"))
    assert result == f"a = new((\n  b{LONG}\n))\n"


def test_what_is_not_printed_back_is_known_before() -> None:
    source = read_source(f"a\nb{LONG}\n".encode())
    edits = NodeEdits()
    edits.wrap(named(source, "b"), "c({})")
    with pytest.raises(Unprintable, match="line 2 "):
        print_changes(edits, source, analyse_scopes(source.tree))


def test_a_node_that_libcst_does_not_have_is_known_before() -> None:
    source = read_source(b"x[a, b]\n")
    edits = NodeEdits()
    edits.wrap(named(source, "a, b", ast.Tuple), "c({})")
    with pytest.raises(Unprintable):
        print_changes(edits, source, analyse_scopes(source.tree))


def test_a_definition_is_renamed_without_a_look_at_its_body() -> None:
    body = "    return " + " + ".join(["x"] * 600)
    text = f"def f(x):\n{body}\n"
    source = read_source(text.encode())
    edits = NodeEdits()
    edits.change(source.tree.body[0], renamed("g"))
    pieces = print_changes(edits, source, analyse_scopes(source.tree)).replacements
    assert source.spliced(arranged(pieces)).decode() == f"def g(x):\n{body}\n"
