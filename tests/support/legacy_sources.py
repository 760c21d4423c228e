"""A hypothesis strategy for modules of legacy rules:
random signatures, pullbacks, structures and zeros.

The gradients of a generated rule are not those of its function (only the legacy rule and its
conversion are compared), but every entry has the structure of its argument. A module is assembled
from small choices, each named by what it varies;
hypothesis shrinks towards the first of each list, which is the plainest.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from hypothesis import strategies as st

PRELUDE = '''\
"""Generated."""
import functools
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Literal, NamedTuple, Optional, Tuple, Union

import numpy as np
{imports}


@dataclass
class P:
    u: Any
    v: Any
    tag: str = ""


class N(NamedTuple):
    a: Any
    b: Any


BLANK = {{"u": None, "v": None, "tag": None}}


def or_zero(d):
    return 0.0 if d is None else d


def p_grad(u=None, v=None):
    return {{"u": u, "v": v, "tag": None}}


def scaled(d, k):
    if d is None:
        return None
    return k * d


def packed(*entries):
    return entries


def put(g, key, value):
    g[key] = value


def forward(f, x):
    y, back = pullback(f, x)
    return y, back


def only_first(back, d):
    return back(d)[0]


def logged(back):
    @functools.wraps(back)
    def wrapped(d):
        return back(d)
    return wrapped


'''

IMPORTS = {
    "from": (
        "from zygote_rules import _pullback, accum, adjoint, gradient, pullback",
        "adjoint",
        "",
    ),
    "as": (
        "from zygote_rules import _pullback, accum, gradient, pullback\nfrom zygote_rules import adjoint as adj",
        "adj",
        "",
    ),
    "module": ("import zygote_rules", "zygote_rules.adjoint", "zygote_rules."),
    "module as": ("import zygote_rules as zr", "zr.adjoint", "zr."),
    "assigned": (
        "import zygote_rules as zr\nfrom zygote_rules import _pullback, accum, gradient, pullback\n\n_rule = zr.adjoint",
        "_rule",
        "",
    ),
    "try": (
        (
            "try:\n    from zygote_rules import _pullback, accum, adjoint, gradient, pullback\n"
            "except ImportError:\n    adjoint = None"
        ),
        "adjoint",
        "",
    ),
    "star": ("from zygote_rules import *\nfrom zygote_rules import _pullback", "adjoint", ""),
}


@dataclass(frozen=True)
class Kind:
    """One kind of argument: how it is annotated and written,
    and which gradients it may have (`d` is a float)."""

    annotations: tuple[str, ...]
    value: str
    scalar: str | None  # a float made of the argument `{x}`
    entries: tuple[str, ...] = ()  # expressions; `{k}` a factor
    blocks: tuple[str, ...] = ()  # statements that leave the gradient in `{g}`


KINDS = {
    "float": Kind(
        ("", "float", '"float"', "Union[float, np.ndarray]"),
        "1.5",
        "{x}",
        ("{k} * d", "accum({k} * d, None)", "None if {x} == 0 else {k} * d", "scaled(d, {k})"),
        (
            "{g} = None\nif d != 0:\n    {g} = {k} * d",
            "{g} = {k} * d",
            "{g} = None\nfor _i in range(2):\n    {g} = accum({g}, {k} * d)",
            "{g} = d\n{g} = {k} * {g} if {g} is not None else None",
        ),
    ),
    "array": Kind(
        ("", "np.ndarray", "Optional[np.ndarray]"),
        "np.array([0.5, 1.5])",
        "np.sum({x})",
        ("{k} * d * np.ones(2)", "np.full(2, {k} * d)", "accum(None, {k} * d * {x})"),
        (
            "{g} = np.zeros_like({x})\n{g}[0] = {k} * d",
            "{g} = None\n{g} = accum({g}, {k} * d * {x})",
        ),
    ),
    "str": Kind(("str", "", 'Literal["a", "b"]', "Optional[str]"), '"a"', None),
    "int": Kind(("int", ""), "2", None),
    "bool": Kind(("bool",), "True", None),
    "none": Kind(("", "Optional[float]"), "None", None),
    "P": Kind(
        ("P", '"P"', "", "Optional[P]", "Union[P, None]", "Any"),
        'P(1.5, np.array([0.5, 1.5]), "t")',
        "{x}.u",
        (
            '{{"u": {k} * d, "v": None, "tag": None}}',
            '{{"u": {k} * d}}',
            "dict(u={k} * d, v=d * {x}.v)",
            '{{**BLANK, "v": {k} * d * {x}.v}}',
            "p_grad(u={k} * d)",
            "p_grad({k} * d, d * {x}.v)",
            '{{n: {k} * d if n == "u" else None for n in ("u", "v", "tag")}}',
            'accum({{"u": d}}, {{"u": {k} * d, "v": None}})',
            '{{"u": {k} * d}} or None',
        ),
        (
            '{g} = {{}}\n{g}["u"] = {k} * d\n{g}["tag"] = None',
            '{g} = dict.fromkeys(("u", "v", "tag"))\n{g}.update(u={k} * d)',
            '{g} = dict(BLANK)\nif d != 0:\n    {g}["v"] = {k} * d * {x}.v',
            '{g} = {{"u": None}}\n{g}["u"] = accum({g}["u"], {k} * d)',
            '{g} = None\n{g} = accum({g}, {{"u": {k} * d, "v": None}})',
            '{g} = {{}}\n{g}.setdefault("u", {k} * d)',
            '{g} = {{}}\nput({g}, "u", {k} * d)',
            '{g} = {{}}\n_h = {g}\n_h["u"] = {k} * d\n_h["v"] = None',
            '{g} = dict.fromkeys(vars({x}))\n{g}["v"] = {k} * d * {x}.v',
            '{g} = {{}}\nfor _n in ("u", "v"):\n    {g}[_n] = {k} * d * getattr({x}, _n) if _n == "v" else None',
            '{g} = dict(zip(("u", "v"), ({k} * d, None)))',
            '{g} = {{"u": None}}\nif {x}.u > 0:\n    {g} = {{**{g}, "u": {k} * d}}\nelse:\n    {g} = None',
            "def _make{g}(u, v=None):\n    return dict(u=u, v=v)\n{g} = _make{g}({k} * d)",
            '{g} = {{"u": {k} * d}} if d != 0 else {{}}\n{g} = {g} or None',
            '{g} = {{"u": {k} * d, "w": None}}\ndel {g}["w"]',
            '{g} = {{"u": {k} * d}} | {{"tag": None}}',
        ),
    ),
    "N": Kind(
        ("N", "", '"N"'),
        "N(1.5, 0.5)",
        "{x}.a",
        (
            '{{"a": {k} * d, "b": None}}',
            "({k} * d, None)",
            "(None, {k} * d)",
            '{{"b": {k} * d}}',
            "tuple({k} * d for _ in range(2))",
        ),
    ),
    "tuple": Kind(
        ("tuple", "", "Tuple[float, np.ndarray]"),
        "(1.5, np.array([0.5, 1.5]))",
        "{x}[0]",
        (
            "({k} * d, None)",
            "({k} * d, d * {x}[1])",
            "({k} * d,) + (None,)",
            "(None, d * {x}[1])",
            "tuple(None if i else {k} * d for i in range(2))",
            "accum(({k} * d, None), (d, None))",
        ),
        ("{g} = ({k} * d,)\n{g} += (None,)", "_l = [None] * 2\n_l[0] = {k} * d\n{g} = tuple(_l)"),
    ),
    "list": Kind(
        ("list", "", "List[float]"),
        "[1.5, 0.5]",
        "{x}[0]",
        ("[{k} * d, None]", "[{k} * d for _ in {x}]", "[None, {k} * d]"),
        (
            "{g} = []\nfor _v in {x}:\n    {g}.append({k} * d * _v)",
            "{g} = [None] * len({x})\n{g}[-1] = {k} * d",
        ),
    ),
    "dict": Kind(
        ("dict", "", "Dict[str, float]"),
        '{"k": 1.5, "l": 0.5}',
        '{x}["k"]',
        (
            '{{"k": {k} * d, "l": None}}',
            "{{n: {k} * d * v for n, v in {x}.items()}}",
            '{{n: d if n == "k" else None for n in {x}}}',
        ),
        ("{g} = {{}}\nfor _n in {x}:\n    {g}[_n] = {k} * d",),
    ),
    "nested": Kind(
        ("", "Tuple[P, list]"),
        "(P(1.5, 2.0), [0.5, (1.0, 2.0)])",
        "{x}[0].u",
        (
            '({{"u": {k} * d, "v": None}}, [d, (None, {k} * d)])',
            "(None, [d, None])",
            "(p_grad({k} * d), None)",
        ),
    ),
}

#: Values of a rule by structure, made of the float `s`;
#: and statements that make the float `d` of the cotangent.
VALUES: dict[str, tuple[str, tuple[str, ...]]] = {
    "scalar": ("s", ("d = dy", "d = 1.0 * dy")),
    "tuple": (
        "(s, 2 * s)",
        (
            "d = or_zero(dy[0]) + or_zero(dy[1])",
            "a, b = dy\nd = (0.0 if a is None else a) + (0.0 if b is None else 2 * b)",
            "d = 0.0\nfor w, g in zip((1, 2), dy):\n    if g is not None:\n        d = d + w * g",
            "d = 0.0\nfor g in dy:\n    if g is None:\n        continue\n    d += g",
            "d = sum(g for g in dy if g is not None)",
            "if dy[0] is None and dy[1] is None:\n    return None\nd = or_zero(dy[0]) + or_zero(dy[1])",
            "d = None\nd = accum(d, dy[0])\nd = accum(d, scaled(dy[1], 2))\nif d is None:\n    return None",
            "d = (dy[0] or 0.0) - (dy[1] or 0.0)",
            "if (d := dy[0]) is None:\n    d = 0.0\nif not dy[-1] is None:\n    d = d + dy[-1]",
            "if all(g is None for g in dy):\n    return None\nd = sum(map(or_zero, dy))",
            "first, *rest = dy\nd = or_zero(first) + sum(or_zero(g) for g in rest)",
            "d = sum(filter(lambda g: g is not None, dy))",
            "if isinstance(dy, tuple):\n    d = or_zero(dy[0])\nelse:\n    d = 0.0",
            (
                "if None is dy[0]:\n    d = or_zero(dy[1])\nelif dy[1] == None:\n    d = dy[0]\nelse:\n"
                "    d = dy[0] + dy[1]"
            ),
            "def part(i):\n    g = dy[i]\n    return 0.0 if g is None else g\nd = part(0) + part(1)",
            "d = (lambda a, b: or_zero(a) + or_zero(b))(*dy)",
        ),
    ),
    "list": (
        "[s, 2 * s, 3 * s]",
        (
            "d = sum(or_zero(g) for g in dy)",
            "d = 0.0\nfor i in range(len(dy)):\n    if dy[i] is not None:\n        d = d + (i + 1) * dy[i]",
            "*head, last = dy\nd = or_zero(last) + sum(g for g in head if g is not None)",
            "present = [g for g in dy if g is not None]\nd = sum(present) if present else 0.0",
        ),
    ),
    "dict": (
        '{"p": s, "q": 2 * s}',
        (
            'd = or_zero(dy["p"]) + or_zero(dy["q"])',
            'd = or_zero(dy.get("p")) + or_zero(dy.get("q", None))',
            "d = 0.0\nfor k, g in dy.items():\n    if g is not None:\n        d = d + g",
            "d = sum(g for g in dy.values() if g is not None)",
            'dy = dict(dy)\nif dy.get("p") is None:\n    dy["p"] = 0.0\nd = dy["p"]',
            'd = (dy["p"] if dy["p"] is not None else 0.0)',
            'if isinstance(dy, dict) and dy["p"] is not None:\n    d = dy["p"]\nelse:\n    d = 0.0',
            'd = sum(dy[k] for k in ("p", "q") if dy.get(k) is not None)',
            'full = {"p": 0.0, **{k: v for k, v in dy.items() if v is not None}}\nd = full["p"]',
        ),
    ),
    "object": (
        'P(s, np.array([s, s]), "o")',
        (
            'd = or_zero(dy["u"]) + np.sum(or_zero(dy["v"]))',
            (
                'd = 0.0\nif dy["u"] is not None:\n    d = d + dy["u"]\n'
                'if dy.get("v") is not None:\n    d = d + np.sum(dy["v"])'
            ),
            (
                'du, dv = dy["u"], dy["v"]\nif du is None and dv is None:\n    return None\n'
                "d = or_zero(du) + (0.0 if dv is None else dv[0])"
            ),
            (
                'd = None\nfor n in ("u", "v"):\n    if (g := dy[n]) is not None:\n        d = accum(d, np.sum(g))\n'
                "d = 0.0 if d is None else d"
            ),
        ),
    ),
    "named": (
        "N(s, 2 * s)",
        (
            'd = or_zero(dy["a"]) + or_zero(dy["b"])',
            "d = or_zero(dy[0]) + or_zero(dy[1])",
            "a, b = dy\nd = or_zero(a) + 2 * or_zero(b)",
            'd = 0.0 if dy["a"] is None else dy["a"]\nif dy[1] is not None:\n    d += dy[1]',
            'd = or_zero(dy.get("a"))',
        ),
    ),
    "nested": (
        '((s, 2 * s), {"k": s})',
        (
            (
                "pair, table = dy\nd = 0.0\nif pair is not None:\n    d = d + sum(or_zero(g) for g in pair)\n"
                'if table is not None:\n    d = d + or_zero(table["k"])'
            ),
            (
                "d = 0.0\nif dy[0] is not None and dy[0][1] is not None:\n    d = dy[0][1]\n"
                'if dy[1] is not None:\n    d = d + or_zero(dy[1].get("k"))'
            ),
            (
                "(a, b), t = dy if dy[0] is not None else ((None, None), dy[1])\n"
                'd = or_zero(a) + or_zero(b) + (0.0 if t is None else or_zero(t["k"]))'
            ),
        ),
    ),
}

#: How the AD is used: statements of the rule,
#: statements of the pullback that leave the gradient in `gx`.
AD_FORWARD = (
    "z, back_f = pullback(f, x)",
    "out = pullback(f, x)\nz, back_f = out",
    "z, back_f = pullback(lambda v: f(v), x)",
    "pairs = [pullback(f, x)]\nz, back_f = pairs[0]",
)
AD_BACKWARD = (
    "gx = back_f(d * np.ones(2))[0]",
    "gx, = back_f(d * np.ones(2))",
    "(gx,) = back_f(d * np.ones(2))",
    "grads = back_f(d * np.ones(2))\ngx = grads[-1]",
    "grads = list(back_f(d * np.ones(2)))\ngx = grads.pop()",
    "gx = None\nfor g in back_f(d * np.ones(2)):\n    gx = accum(gx, g)",
    "gx, *_rest = back_f(d * np.ones(2))\nassert not _rest",
    "gx = back_f(d * np.ones(2))[0]\nif gx is None:\n    gx = 0.0 * x",
    "g = back_f(None if d == 0 else d * np.ones(2))\ngx = None if g is None else g[0]",
    "[gx] = [g for g in back_f(d * np.ones(2))]",
)
AD_PAIRS = (
    (
        "backs = []\nz = x\nfor _ in range(2):\n    z, b = pullback(f, z)\n    backs.append(b)",
        "gx = d * np.ones(2)\nfor b in reversed(backs):\n    gx = b(gx)[0]",
    ),
    (
        "backs, z = (), x\nfor _ in range(2):\n    z, b = pullback(f, z)\n    backs = (b, *backs)",
        "gx = d * np.ones(2)\nfor b in backs:\n    gx, = b(gx)",
    ),
    (
        "z, b1 = pullback(f, x)\nw, back_f = pullback(f, z)",
        "gx = b1(*back_f(d * np.ones(2)))[0]",
    ),
    (
        'pairs = {k: pullback(f, x) for k in "ab"}\nz = pairs["a"][0]',
        "gx = accum(*[b(d * np.ones(2))[0] for _, b in pairs.values()])",
    ),
    (
        "runs = list(map(lambda v: pullback(f, v), [x, x]))\nz = runs[0][0]",
        "gs = [b(d * np.ones(2)) for _, b in runs]\ngx = accum(*[g[0] for g in gs])",
    ),
    (
        "zs, bs = zip(*[pullback(f, v) for v in (x, 2 * x)])\nz = zs[0]",
        (
            "gx = None\nfor b in bs:\n    g, = b(d * np.ones(2))\n"
            "    gx = g if gx is None else (gx if g is None else gx + g)"
        ),
    ),
    ("z, back_f = forward(f, x)", "gx = back_f(d * np.ones(2))[0]"),
    ("z, back_f = forward(f, x)", "gx = only_first(back_f, d * np.ones(2))"),
    ("z, back_f = pullback(f, x)\nagain = lambda t: back_f(t)", "gx = again(d * np.ones(2))[0]"),
    (
        "z, back_f = pullback(f, x)\nagain = functools.partial(back_f)",
        "gx = again(d * np.ones(2))[-1]",
    ),
    ("z, back_f = pullback(f, x)", "gx = [*map(back_f, [d * np.ones(2)])][0][0]"),
    (
        "(z, same), back_f = pullback(lambda v: (f(v), v), x)",
        "gx = back_f((d * np.ones(2), None))[0]",
    ),
    (
        "(z, same), back_f = pullback(lambda v: (f(v), v), x)",
        "cot = [None, None]\ncot[1] = d * np.ones(2)\ngx = back_f(tuple(cot))[0]",
    ),
    (
        'out, back_f = pullback(lambda v: {{"a": f(v), "b": v}}, x)\nz = out["a"]'.replace(
            "{{", "{"
        ).replace("}}", "}"),
        'cot = dict.fromkeys(out)\ncot["a"] = d * np.ones(2)\ngx = back_f(cot)[0]',
    ),
    (
        "out, back_f = pullback(lambda v: P(f(v), v), x)\nz = out.u",
        'gx = back_f({"u": d * np.ones(2), "v": None})[0]',
    ),
    (
        "out, back_f = pullback(lambda v: P(f(v), v), x)\nz = out.u",
        "gx, = back_f(p_grad(v=d * np.ones(2)))",
    ),
    (
        "out, back_f = pullback(lambda v: N(f(v), v), x)\nz = out.a",
        "gx, = back_f((d * np.ones(2), None))",
    ),
    (
        "out, back_f = pullback(lambda v: N(f(v), v), x)\nz = out.a",
        'gx, = back_f({"a": None, "b": d * np.ones(2)})',
    ),
    (
        "out, back_f = pullback(lambda v: [f(v), v, 2 * v], x)\nz = out[0]",
        "gx, = back_f([None] * 2 + [d * np.ones(2)])",
    ),
    (
        "state = {}\nstate['z'], state['b'] = pullback(f, x)\nz = state['z']",
        "gx = state['b'](d * np.ones(2))[0]",
    ),
    (
        "z, back_f = pullback(lambda v, w: f(v) + w, x, 2 * x)",
        "g1, g2 = back_f(d * np.ones(2))\ngx = accum(g1, None if g2 is None else 2 * g2)",
    ),
    (
        "z, back_f = pullback(lambda v, w: f(w), x, x)",
        (
            "g1, g2 = back_f(d * np.ones(2))\nif g1 is None and g2 is None:\n    gx = None\n"
            "elif g1 is None:\n    gx = g2\nelse:\n    gx = accum(g1, g2)"
        ),
    ),
    (
        "z = f(x)",
        "gx = gradient(lambda v: np.sum(f(v)), x)[0]\ngx = None if gx is None else d * gx",
    ),
    ("z = f(x)", "(gx,) = gradient(lambda v: np.sum(d * f(v)), x)"),
)
AD_FUNCTIONAL = (
    ("z, back_f = _pullback(__context__, f, x)", "df, gx = back_f(d * np.ones(2))"),
    ("z, back_f = _pullback(__context__, f, x)", "df, *r = back_f(d * np.ones(2))\ngx = r[0]"),
    ("z, back_f = _pullback(__context__, f, x)", "g = back_f(d * np.ones(2))\ndf, gx = g[0], g[1]"),
)

RETURNS = (
    "return {entries}",
    "return ({entries})",
    "out = ({entries})\nreturn out",
    "return tuple([{entries}])",
    "return packed({entries})",
    "return (*[{entries}],)",
    "try:\n    return ({entries})\nfinally:\n    pass",
    "return tuple(e for e in ({entries}))",
    "grads = []\nfor e in ({entries}):\n    grads.append(e)\nreturn tuple(grads)",
    "if d == 0:\n    return None\nreturn {entries}",
    "return ({first}) + ({others})",
    "return None if d == 0 else ({entries})",
    "with np.errstate(all='ignore'):\n    return {entries}",
    "def finish():\n    return {entries}\nreturn finish()",
    "out = [None] * len(({entries}))\nfor i, e in enumerate(({entries})):\n    out[i] = e\nreturn tuple(out)",
    "named = dict(enumerate(({entries})))\nreturn tuple(named[i] for i in sorted(named))",
    "head, *tail = ({entries})\nreturn (head, *tail)",
    "out = ()\nfor e in ({entries}):\n    out += (e,)\nreturn out",
    "result = None\nif d != 0:\n    result = ({entries})\nreturn result",
    "match d != 0:\n    case True:\n        return {entries}\n    case _:\n        return None",
    "while True:\n    if d == 0:\n        return\n    return {entries}",
    "if d != 0:\n    return {entries}",
    "return (lambda *es: es)({entries})",
    "return functools.reduce(lambda a, b: a + (b,), ({entries}), ())",
)


@dataclass
class _Rule:
    """The pieces of one rule while it is put together."""

    params: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    scalars: list[str] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    backward: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


def _assigned(forward: list[str]) -> list[str]:
    """The names that the statements of a rule bind and its pullback may use."""
    found: list[str] = []
    for node in ast.walk(ast.parse("\n".join(forward))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in found:
            found.append(node.id)
    return [name for name in found if name not in ("k", "v", "_", "w")]


def _indent(text: str, by: int) -> str:
    return "\n".join(" " * by + line if line else line for line in text.splitlines())


@st.composite
def rules(draw: st.DrawFn, name: str, prefix: str, adjoint: str) -> str:
    """One function with its rule, and the case that calls it (as `CASES.append(...)`)."""
    rule = _Rule()
    style = draw(st.sampled_from(["bare", "target", "call", "method", "functor"]))
    if style in ("method", "functor"):
        rule.entries.append(draw(st.sampled_from(["None", '{"w": None}', '{"w": 2 * d}'])))
    value, reductions = VALUES[draw(st.sampled_from(list(VALUES)))]
    rule.backward.append(draw(st.sampled_from(reductions)))
    ad = draw(st.sampled_from([None, None, "pullback", "_pullback"]))
    if ad is not None:
        _add_callback(draw, rule, ad)
    for i, kind_name in enumerate(
        draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3))
    ):
        _add_argument(draw, rule, KINDS[kind_name], i)
    entries = ", ".join(rule.entries) + ("," if len(rule.entries) == 1 else "")
    rest = "".join(f"{entry}, " for entry in rule.entries[1:]).strip()
    form = draw(st.sampled_from(RETURNS))
    rule.backward.append(form.format(entries=entries, first=f"{rule.entries[0]},", others=rest))
    keyword = draw(st.sampled_from(["", "", "opt: float = 1.0", "**kw"]))
    pull = draw(st.sampled_from(["nested", "nested", "factory", "partial", "lambda", "decorated"]))
    before, body = _rule_body(name, rule, value, pull, entries)
    if prefix:
        for legacy in ("accum", "gradient", "pullback", "_pullback"):
            before, body = _qualified(before, legacy, prefix), _qualified(body, legacy, prefix)
    return before + _definition(
        draw, name, adjoint, style, rule, value, body, keyword, ad == "_pullback"
    )


def _add_callback(draw: st.DrawFn, rule: _Rule, ad: str) -> None:
    """A function argument `f` and its argument `x`, differentiated by the AD."""
    rule.params += ["f" + draw(st.sampled_from(["", ": Callable"])), "x"]
    functions = ["np.sin", "lambda v: v * np.cos(v)", "lambda v: np.ones(2)"]
    rule.values += [draw(st.sampled_from(functions)), "np.array([0.3, -0.4])"]
    rule.scalars.append("np.sum(z)")
    if ad == "pullback":
        if draw(st.booleans()):
            forward, backward = (
                draw(st.sampled_from(AD_FORWARD)),
                draw(st.sampled_from(AD_BACKWARD)),
            )
        else:
            forward, backward = draw(st.sampled_from(AD_PAIRS))
        rule.forward.append(forward)
        rule.backward.append(backward)
        rule.entries += ["None", "gx"]
    else:
        forward, backward = draw(st.sampled_from(AD_FUNCTIONAL))
        rule.forward.append(forward)
        rule.backward.append(backward)
        rule.entries += [draw(st.sampled_from(["df", "None"])), "gx"]


def _add_argument(draw: st.DrawFn, rule: _Rule, kind: Kind, i: int) -> None:
    """The parameter `p<i>` and its entry:
    an expression, a variable, or statements that build it."""
    name, variable = f"p{i}", f"g{i}"
    annotation = draw(st.sampled_from(kind.annotations))
    rule.params.append(name + (f": {annotation}" if annotation else ""))
    rule.values.append(kind.value)
    if kind.scalar is not None:
        rule.scalars.append(kind.scalar.format(x=name))
    entry = draw(st.sampled_from(["None", *kind.entries, *kind.blocks]))
    filled = entry.format(x=name, g=variable, k=draw(st.sampled_from(["2", "0.5", "-3"])))
    if entry in kind.blocks:
        rule.backward.append(filled)
        rule.entries.append(variable)
    elif entry == "None" and draw(st.booleans()):
        rule.backward.append(f"{variable} = None")
        rule.entries.append(variable)
    else:
        rule.entries.append(filled)


def _rule_body(name: str, rule: _Rule, value: str, pull: str, entries: str) -> tuple[str, str]:
    """What stands before the rule (a function that makes its pullback), and the rule's body."""
    back = "\n".join(rule.backward)
    captured = [p.split(":")[0] for p in rule.params] + _assigned(rule.forward)
    body = [*rule.forward, f"s = {' + '.join(rule.scalars) or '1.0'}"]
    before = ""
    if pull == "factory":
        arguments = ", ".join(captured)
        before = f"def _make_{name}({arguments}):\n    def back(dy):\n{_indent(back, 8)}\n    return back\n\n\n"
        body.append(f"return {value}, _make_{name}({arguments})")
    elif pull == "partial":
        before = f"def _back_{name}({', '.join([*captured, 'dy'])}):\n{_indent(back, 4)}\n\n\n"
        body.append(f"return {value}, functools.partial(_back_{name}, {', '.join(captured)})")
    elif pull == "lambda" and len(rule.backward) == 2 and "\n" not in rule.backward[0]:
        reduction = rule.backward[0].removeprefix("d = ")
        body.append(f"return {value}, lambda dy: (lambda d: ({entries}))({reduction})")
    else:
        decorator = "@logged\n" if pull == "decorated" else ""
        body.append(
            f"{decorator}def {name}_back(dy):\n{_indent(back, 4)}\nreturn {value}, {name}_back"
        )
    return before, "\n".join(body)


def _definition(
    draw: st.DrawFn,
    name: str,
    adjoint: str,
    style: str,
    rule: _Rule,
    value: str,
    body: str,
    keyword: str,
    context: bool,
) -> str:
    """The function, its rule in one of the forms of `adjoint`, and the case."""
    params = list(rule.params)
    if len(params) > 1 and draw(st.integers(0, 5)) == 5:
        params.insert(1, "/")
    options = [] if not keyword else [keyword] if keyword.startswith("**") else ["*", keyword]
    mine = [*params, *options]
    theirs = mine
    if context:
        theirs = [*params, "*", "__context__", *(o for o in options if o != "*")]
    total = " + ".join(rule.scalars).replace("np.sum(z)", "np.sum(f(x))") or "1.0"
    primal = f"s = {total}\nreturn {value}"
    arguments = "".join(f"{v}, " for v in rule.values)
    if style in ("method", "functor"):
        method, cls = "go" if style == "method" else "__call__", name.title()
        call = (
            f"{cls}.go, ({cls}(1.5), {arguments})"
            if style == "method"
            else f"{cls}(1.5), ({arguments})"
        )
        return (
            f"class {cls}:\n    def __init__(self, w):\n        self.w = w\n\n"
            f"    def {method}({', '.join(['self', *mine])}):\n{_indent(primal, 8)}\n\n"
            f"    @{adjoint}\n    def {method}({', '.join(['self', *theirs])}):\n{_indent(body, 8)}\n\n\n"
            f'CASES.append(("{name}", {call}, {{}}))\n\n\n'
        )
    text = f"def {name}({', '.join(mine)}):\n{_indent(primal, 4)}\n\n\n"
    theirs_text = f"({', '.join(theirs)}):\n{_indent(body, 4)}\n\n\n"
    if style == "bare":
        text += f"@{adjoint}\ndef {name}{theirs_text}"
    elif style == "target":
        text += f"@{adjoint}({name})\ndef _{theirs_text}"
    else:
        text += f"def {name}_rule{theirs_text}{adjoint}({name})({name}_rule)\n"
    return f'{text}CASES.append(("{name}", {name}, ({arguments}), {{}}))\n\n\n'


def _qualified(text: str, name: str, prefix: str) -> str:
    return re.sub(rf"(?<![\w.]){name}\(", f"{prefix}{name}(", text)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """The text of a module of one to three legacy rules that ends with `cases()`."""
    imports, adjoint, prefix = IMPORTS[draw(st.sampled_from(list(IMPORTS)))]
    names = ["alpha", "beta", "gamma"][: draw(st.integers(1, 3))]
    prelude = PRELUDE.format(imports=imports)
    if prefix:
        prelude = _qualified(prelude, "pullback", prefix)
    if draw(st.booleans()):
        # others use the helpers too
        prelude += "CHECK = [or_zero(None), scaled(1.0, 2), p_grad(1.0), packed(1, None), put({}, 1, None)]\n"
    prelude += "CASES = []\n\n\n"
    parts = [draw(rules(name, prefix, adjoint)) for name in names]
    return prelude + "".join(parts) + "def cases():\n    return CASES\n"
