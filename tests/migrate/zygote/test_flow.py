"""What an expression can be: the data flow through small functions."""

from __future__ import annotations

import ast

import pytest

from migrate.dialects.zygote.flow.flow import Flow
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    NUMERIC,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
)
from migrate.syntax.scopes import all_parameters
from tests.support.converting import view_of

HEAD = """
import functools, math
import numpy as np
from functools import partial
from zygote_rules import accum, adjoint, gradient, ignore, pullback, _pullback
import elsewhere

"""
GIVEN = {"a": ARRAY, "p": PLAIN, "d": TANGENT, "u": UNKNOWN}


def shown(atoms: Atoms, depth: int = 0) -> str:
    """`ARRAY|None|tuple[ARRAY, TANGENT]`;
    `*` marks elements whose positions are not known, `;` what was stored later."""
    found = []
    for atom in atoms:
        if isinstance(atom, Nothing):
            found.append("None")
        elif isinstance(atom, Held):
            site = atom.site
            if depth > 3:
                found.append(site.kind)
            elif site.exact is not None and not site.inexact:
                known = ", ".join(shown(e, depth + 1) for e in site.exact)
                more = {a for atoms in site.by_key.values() for a in atoms} | site.rest
                stored = f"; {shown(more, depth + 1)}" if more else ""
                found.append(f"{site.kind}[{known}{stored}]")
            else:
                found.append(f"{site.kind}[*{shown(site.elements(), depth + 1)}]")
        elif isinstance(atom, Back):
            found.append(f"Back({atom.kind})")
        elif isinstance(atom, Function):
            found.append(getattr(atom.node, "name", "<lambda>"))
        elif isinstance(atom, Bound):
            found.append("Bound")
        else:
            found.append(repr(atom))
    return "|".join(sorted(set(found))) or "nothing"


def returned(body: str) -> str:
    """What `f(a, p, d, u)` returns, by its body; of parameters, the letter says the kind."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    view, _ = view_of(HEAD + f"@adjoint(elsewhere.f)\ndef f(a, p, d, u):\n{lines}")
    function = view.source.tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    flow = Flow(view)
    flow.add(function)
    for arg in all_parameters(function.args):
        flow.give(flow.parameter(function, arg), {GIVEN[arg.arg]})
    flow.run()
    found: Atoms = set()
    for node in ast.walk(function):
        around = view.scopes.enclosing(node, ast.FunctionDef, ast.Lambda)
        if isinstance(node, ast.Return) and node.value is not None and around is function:
            found |= flow.atoms(node.value)
    return shown(found)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # values
        pytest.param("return 1.0", "ARRAY", id="number"),
        pytest.param("return None", "None", id="None"),
        pytest.param("return a, p, d, u", "tuple[ARRAY, PLAIN, TANGENT, UNKNOWN]", id="parameters"),
        pytest.param("return [a, None]", "list[ARRAY, None]", id="list"),
        pytest.param("return (a, (None, d))", "tuple[ARRAY, tuple[None, TANGENT]]", id="nested"),
        pytest.param("return a if p else None", "ARRAY|None", id="conditional expression"),
        pytest.param("return (x := a), x", "tuple[ARRAY, ARRAY]", id="walrus"),
        pytest.param("return p or None", "None|PLAIN", id="or"),
        # arithmetic
        pytest.param("return -a", "ARRAY", id="minus"),
        pytest.param("return a * d", "ARRAY", id="arithmetic gives no container and no zero"),
        pytest.param("return 2 * a + 1", "ARRAY", id="sum of numbers"),
        pytest.param("return (a, None) + (d,)", "tuple[ARRAY, None, TANGENT]", id="tuples added"),
        pytest.param("return (None,) * 2", "tuple[None, None; None]", id="tuple repeated"),
        pytest.param("return [None] * p", "list[*None]", id="list repeated some times"),
        pytest.param("return a < a", "ARRAY", id="comparison"),
        # variables
        pytest.param("x = None\nx = a\nreturn x", "ARRAY", id="another life"),
        pytest.param(
            "x = None\nif p: x = a\nreturn x", "ARRAY|None", id="two bindings that may reach"
        ),
        pytest.param("d = dict(d)\nd = d['a']\nreturn d", "TANGENT", id="the lives of a parameter"),
        pytest.param("x = y = None\nreturn x, y", "tuple[None, None]", id="chained assignment"),
        pytest.param("x, y = a, None\nreturn y, x", "tuple[None, ARRAY]", id="unpacking"),
        pytest.param(
            "x, *y = a, None, d\nreturn x, y", "tuple[ARRAY, list[*None|TANGENT]]", id="starred"
        ),
        pytest.param("x, y = d\nreturn x, y", "tuple[TANGENT, TANGENT]", id="a tangent unpacked"),
        pytest.param("x = a\nx += d\nreturn x", "ARRAY", id="augmented"),
        pytest.param("for x in (a, None): pass\nreturn x", "ARRAY|None", id="loop"),
        pytest.param(
            "for i, x in enumerate(d): pass\nreturn i, x", "tuple[ARRAY, TANGENT]", id="enumerate"
        ),
        pytest.param(
            "for x, y in zip(d, [a, None]): pass\nreturn x, y",
            "tuple[TANGENT, ARRAY|None]",
            id="zip",
        ),
        pytest.param(
            "def g():\n    nonlocal x\n    x = None\nx = a\ng()\nreturn x",
            "ARRAY|None",
            id="nonlocal",
        ),
        pytest.param(
            "match p:\n    case 1: x = a\n    case _: x = None\nreturn x", "ARRAY|None", id="match"
        ),
        pytest.param("try: x = a\nexcept E: x = None\nreturn x", "ARRAY|None", id="try"),
        pytest.param("with p as x: return None\nreturn a", "ARRAY|None", id="two returns"),
        # containers
        pytest.param(
            "x = []\nx.append(a)\nx.append(None)\nreturn x", "list[*ARRAY|None]", id="append"
        ),
        pytest.param(
            "x = [None, a]\nx[0] = d\nreturn x",
            "list[None, ARRAY; TANGENT]",
            id="store at an index",
        ),
        pytest.param("x = [None, a]\nx[p] = d\nreturn x[1]", "ARRAY|TANGENT", id="store somewhere"),
        pytest.param("return (a, None, d)[1]", "None", id="index"),
        pytest.param("return (a, None, d)[-1]", "TANGENT", id="index from the end"),
        pytest.param("return (a, None, d)[p]", "ARRAY|None|TANGENT", id="index that is not known"),
        pytest.param("return (a, None, d)[1:]", "tuple[*ARRAY|None|TANGENT]", id="slice"),
        pytest.param(
            "return d['k'], d[0], d.k", "tuple[TANGENT, TANGENT, TANGENT]", id="parts of a tangent"
        ),
        pytest.param(
            "x = {'k': a, 'l': None}\nreturn x['k'], x['l']", "tuple[ARRAY, None]", id="dict by key"
        ),
        pytest.param("x = {}\nx['k'] = None\nreturn x['k']", "None", id="dict stored"),
        pytest.param("x = {'k': a}\nx.update(l=None)\nreturn x['l']", "None", id="dict updated"),
        pytest.param("return dict(k=None)['k']", "None", id="dict called"),
        pytest.param("return {**{'k': None}}['k']", "None", id="dict unpacked"),
        pytest.param("return tuple([a, None])", "tuple[ARRAY, None]", id="tuple of a list"),
        pytest.param(
            "return tuple(x for x in (a, None))", "tuple[*ARRAY|None]", id="tuple of a generator"
        ),
        pytest.param("return [None for _ in p]", "list[*None]", id="comprehension"),
        pytest.param(
            "return (a, *(None, d))", "tuple[ARRAY, None, TANGENT]", id="display unpacked"
        ),
        pytest.param("return list(map(lambda x: None, p))", "list[*None]", id="map"),
        pytest.param("return list(reversed([a, None]))", "list[None, ARRAY]", id="reversed"),
        # calls
        pytest.param("return np.sin(p)", "ARRAY", id="numpy"),
        pytest.param("return math.exp(p)", "ARRAY", id="math"),
        pytest.param("return elsewhere.g(a)", "UNKNOWN", id="another module"),
        pytest.param(
            "def g(x): return x, None\nreturn g(a)", "tuple[ARRAY, None]", id="a local function"
        ),
        pytest.param("def g(x, y=None): return y\nreturn g(a)", "None", id="default"),
        pytest.param("def g(x, y=None): return y\nreturn g(a, y=d)", "None|TANGENT", id="keyword"),
        pytest.param("def g(*x): return x\nreturn g(a, None)", "tuple[*ARRAY|None]", id="varargs"),
        pytest.param(
            "def g(x):\n    if x: return x\nreturn g(a)", "ARRAY|None", id="falls off its end"
        ),
        pytest.param(
            "def g(n): return None if n else g(n - 1)\nreturn g(a)", "None", id="recursion"
        ),
        pytest.param("g = lambda x: (x, None)\nreturn g(d)", "tuple[TANGENT, None]", id="lambda"),
        pytest.param(
            "g = partial(lambda x, y: (y, x), a)\nreturn g(None)",
            "tuple[None, ARRAY]",
            id="partial",
        ),
        pytest.param(
            "def g(): yield None; yield a\nreturn tuple(g())", "tuple[*ARRAY|None]", id="generator"
        ),
        # the AD
        pytest.param("return pullback(p, a)[1]", "Back(args)", id="back"),
        pytest.param("return _pullback(p, p, a)[1]", "Back(all)", id="back with the callee"),
        pytest.param("y, b = pullback(p, a)\nreturn y", "PLAIN", id="its value"),
        pytest.param("y, b = pullback(p, a)\nreturn b(d)[0]", "TANGENT", id="its tangents"),
        pytest.param(
            "y, b = pullback(p, a)\n(x,) = b(d)\nreturn x", "TANGENT", id="its tangents unpacked"
        ),
        pytest.param("return accum(a, d)", "ARRAY|TANGENT", id="accum"),
        pytest.param("x, = gradient(p, a)\nreturn x", "TANGENT", id="gradient"),
    ],
)
def test_returned(body: str, expected: str) -> None:
    assert returned(body) == expected


def test_helpers_are_told_apart_from_opaque_ones() -> None:
    view, _ = view_of(
        HEAD + "def g(x): return None\n@adjoint(elsewhere.f)\ndef f(a): return g(a)\n"
    )
    view.owned = {view.source.tree.body[-2]}
    g, f = view.source.tree.body[-2:]
    assert isinstance(g, ast.FunctionDef) and isinstance(f, ast.FunctionDef)
    for opaque, expected in ((frozenset(), "None"), (frozenset({g}), "UNKNOWN")):
        flow = Flow(view, opaque)
        flow.add(f)
        flow.run()
        assert isinstance(f.body[0], ast.Return) and f.body[0].value is not None
        assert shown(flow.atoms(f.body[0].value)) == expected


def test_numpy_functions_as_values() -> None:
    assert returned("return np.sin") == repr(NUMERIC)
    assert returned("g = np.sin\nreturn g(a)") == "ARRAY"
