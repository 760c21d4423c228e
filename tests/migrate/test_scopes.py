"""Which variable a name means."""

from __future__ import annotations

import ast

import pytest

from migrate.syntax.scopes import Scopes, analyse_scopes
from tests.support.converting import scopes_of


def meaning(text: str, line: int, name: str = "x") -> str:
    """The line of the first binding of `name` as it is read in a line,
    "builtin" where it has none."""
    _, scopes = scopes_of(text)
    reads = [
        n
        for n in scopes.around
        if isinstance(n, ast.Name)
        and n.id == name
        and n.lineno == line
        and isinstance(n.ctx, ast.Load)
    ]
    assert reads, "it is not read there"
    variables = {scopes.of(n) for n in reads}
    assert len(variables) == 1
    variable = variables.pop()
    if variable.scope is None:
        return "builtin"
    return ", ".join(
        str(line) for line in sorted(getattr(b, "lineno", 0) for b in variable.bindings)
    )


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        pytest.param("y = x", 1, "builtin", id="unknown name"),
        pytest.param("x = 1\nx", 2, "1", id="module"),
        pytest.param("x = 1\nx = 2\nx", 3, "1, 2", id="bound twice"),
        pytest.param("x = 1\ndef f():\n    return x", 3, "1", id="read from a function"),
        pytest.param("x = 1\ndef f():\n    x = 2\n    return x", 4, "3", id="local"),
        pytest.param(
            "x = 1\ndef f():\n    y = x\n    x = 2", 3, "4", id="local before it is bound"
        ),
        pytest.param("x = 1\ndef f(x):\n    return x", 3, "2", id="parameter"),
        pytest.param("x = 1\ndef f(y=x):\n    x = 2", 2, "1", id="a default is read outside"),
        pytest.param("x = 1\ndef f(x: x):\n    pass", 2, "1", id="an annotation is read outside"),
        pytest.param("x = 1\n@x\ndef f(x):\n    pass", 2, "1", id="a decorator is read outside"),
        pytest.param(
            "x = 1\nclass C:\n    x = 2\n    def f(self):\n        return x",
            5,
            "1",
            id="class names are hidden",
        ),
        pytest.param(
            "x = 1\nclass C:\n    x = 2\n    y = x", 4, "3", id="but not in the class body"
        ),
        pytest.param(
            "x = 1\nclass C:\n    x = 2\n    def f(self, y=x):\n        pass",
            4,
            "3",
            id="nor in defaults",
        ),
        pytest.param("x = 1\nclass C(x):\n    x = 2", 2, "1", id="bases are read outside"),
        pytest.param("x = 1\n[x\nfor x in y]", 2, "3", id="comprehension element"),
        pytest.param("x = 1\n[y for y in\nx]", 3, "1", id="comprehension source"),
        pytest.param(
            "class C:\n    x = 1\n    y = [z for z in\n        x]",
            4,
            "2",
            id="class comprehension source",
        ),
        pytest.param(
            "x = 1\nclass C:\n    x = 2\n    y = [\n     x for z in w]",
            5,
            "1",
            id="class comprehension element",
        ),
        pytest.param(
            "def f():\n    [(x := y) for y in z]\n    return x",
            3,
            "2",
            id="walrus leaves a comprehension",
        ),
        pytest.param("x = 1\nf = lambda x: x", 2, "2", id="lambda parameter"),
        pytest.param("x = 1\nf = lambda y=x: y", 2, "1", id="lambda default"),
        pytest.param("x = 1\ndef f():\n    global x\n    x = 2\nx", 5, "1, 4", id="global"),
        pytest.param(
            "def f():\n    global x\n    x = 2\ndef g():\n    return x", 5, "3", id="global alone"
        ),
        pytest.param(
            "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    return x",
            6,
            "2, 5",
            id="nonlocal",
        ),
        pytest.param(
            "def f():\n    def g():\n        nonlocal x\n        x = 2\n    x = 1\n    return x",
            6,
            "4, 5",
            id="nonlocal first",
        ),
        pytest.param("import x\nx", 2, "1", id="import"),
        pytest.param("import x.y.z\nx", 2, "1", id="dotted import"),
        pytest.param("from m import y as x\nx", 2, "1", id="import as"),
        pytest.param("for x in y: pass\nx", 2, "1", id="loop"),
        pytest.param("with y as x: pass\nx", 2, "1", id="with"),
        pytest.param("try: pass\nexcept E as x:\n    x", 3, "2", id="except"),
        pytest.param("match y:\n    case [x, *_]:\n        x", 3, "2", id="match"),
        pytest.param("match y:\n    case {'a': 1, **x}:\n        x", 3, "2", id="match rest"),
        pytest.param("match y:\n    case [*x]:\n        x", 3, "2", id="match star"),
        pytest.param("del x\nx", 2, "1", id="del binds, as for Python"),
        pytest.param("x: int\nx", 2, "1", id="bare annotation"),
        pytest.param("x += 1\nx", 2, "1", id="augmented"),
        pytest.param("(a, [x, *b]) = y\nx", 2, "1", id="unpacking"),
        pytest.param("class x: pass\nx", 2, "1", id="class"),
        pytest.param("async def x(): pass\nx", 2, "1", id="coroutine"),
    ],
)
def test_what_a_name_means(text: str, line: int, expected: str) -> None:
    assert meaning(text, line) == expected


def test_a_scope_for_every_node() -> None:
    """Whatever stands in a file has a scope around it and, but for the module, a parent."""
    tree, scopes = scopes_of(
        """
        import a
        @d(1)
        class C(B, k=1):
            x: int = 1
            async def f(self, *a, b=2, **k) -> int:
                async with a as b, c: yield
                return {i: j for i, j in k if i}
            g = lambda q, /, *, r=1: (q, r)
        try:
            pass
        except* E as e:
            raise
        match x:
            case C(a=[1, *r]) | {"k": v, **w} if y: pass
        """
    )
    skipped = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    for node in ast.walk(tree):
        if isinstance(node, skipped):
            continue
        assert node in scopes.around, ast.dump(node)
        assert node is tree or node in scopes.parents, ast.dump(node)


def test_deep_nesting_does_not_overflow() -> None:
    text = "x = 1" + " + 1" * 900 + "\n"
    assert isinstance(analyse_scopes(ast.parse(text)), Scopes)


def test_inside_and_enclosing() -> None:
    tree, scopes = scopes_of("def f():\n    def g():\n        return 1\n")
    f = tree.body[0]
    assert isinstance(f, ast.FunctionDef)
    g = f.body[0]
    assert isinstance(g, ast.FunctionDef)
    one = g.body[0]
    assert scopes.inside(one, f) and scopes.inside(f, f) and not scopes.inside(f, g)
    assert scopes.enclosing(one, ast.FunctionDef) is g
    assert scopes.enclosing(g, ast.FunctionDef) is f
    assert scopes.enclosing(f, ast.FunctionDef) is None
