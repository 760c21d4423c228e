"""What there is to convert in a module."""

from __future__ import annotations

import pytest

from migrate.dialects.zygote.find import lines_of, target_text
from migrate.syntax.silence import skip_marker
from tests.support.converting import view_of

HEAD = "import numpy as np\nfrom zygote_rules import adjoint, nograd, literal_getproperty\n"


def rules(text: str) -> list[str]:
    """`name: form target` for each registration, with the flags that are set."""
    view, found = view_of(HEAD + text)
    shown = []
    for rule in found.rules:
        for registration in rule.registrations:
            flags = [f for f in ("mutating", "functor", "getter") if getattr(registration, f)]
            problem = ["problem"] if registration.problem else []
            target = target_text(rule, registration, view)
            shown.append(" ".join([f"{rule.name}:", registration.form, target, *flags, *problem]))
    return shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("adjoint", id="a name"),
        pytest.param("@np.adjoint\ndef f(x): pass", id="an attribute of another module"),
        pytest.param("adjoint = lambda f: f\n@adjoint\ndef f(x): pass", id="rebound"),
        pytest.param("x = '''\n@adjoint\ndef f(x): pass\n'''", id="a string"),
    ],
)
def test_no_rule(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("@adjoint\ndef f(x): pass", ["f: bare f"], id="bare"),
        pytest.param("@adjoint()\ndef f(x): pass", ["f: bare f"], id="bare, called"),
        pytest.param("@adjoint\nasync def f(x): pass", ["f: bare f"], id="coroutine"),
        pytest.param("@adjoint(np.sin)\ndef f(x): pass", ["f: target np.sin"], id="target"),
        pytest.param(
            "@adjoint(make('x'))\ndef f(x): pass", ["f: target make('x')"], id="computed target"
        ),
        pytest.param(
            "@adjoint(a)\n@adjoint(b)\ndef f(x): pass",
            ["f: target a", "f: target b"],
            id="two targets",
        ),
        pytest.param(
            "class C:\n    @adjoint\n    def __call__(self): pass",
            ["__call__: bare __call__ functor"],
            id="in a class",
        ),
        pytest.param(
            "@adjoint\ndef __call__(self): pass", ["__call__: bare __call__"], id="in no class"
        ),
        pytest.param(
            "@adjoint(C.__call__)\ndef f(x): pass", ["f: target C.__call__ functor"], id="functor"
        ),
        pytest.param(
            "t = C.__call__\n@adjoint(t)\ndef f(x): pass",
            ["f: target t functor"],
            id="functor by name",
        ),
        pytest.param(
            "for t in (C.__call__, D.__call__):\n    @adjoint(t)\n    def f(x): pass",
            ["f: target t functor"],
            id="functors in a loop",
        ),
        pytest.param(
            "for t in (C.__call__, np.sin):\n    @adjoint(t)\n    def f(x): pass",
            ["f: target t problem"],
            id="sometimes a functor",
        ),
        pytest.param(
            "@adjoint(f, mutating=True)\ndef g(x): pass", ["g: target f mutating"], id="mutating"
        ),
        pytest.param(
            "@adjoint(mutating=True)\ndef g(x): pass", ["g: bare g mutating"], id="mutating, bare"
        ),
        pytest.param(
            "@adjoint(f, mutating=flag)\ndef g(x): pass",
            ["g: target f problem"],
            id="perhaps mutating",
        ),
        pytest.param(
            "flag = False\n@adjoint(f, mutating=flag)\ndef g(x): pass",
            ["g: target f"],
            id="not mutating, in a variable",
        ),
        pytest.param(
            "flag = True\n@adjoint(f, mutating=flag)\ndef g(x): pass",
            ["g: target f mutating"],
            id="mutating, in a variable",
        ),
        pytest.param(
            "adjoint(np.sin)", ["<call>: call np.sin problem"], id="a call without a rule"
        ),
        pytest.param(
            "for_f = adjoint(f)\n@for_f\ndef g(x): pass", ["<call>: call f problem"], id="kept"
        ),
        pytest.param("@adjoint\nclass C: pass", ["<call>: bare <call> problem"], id="a class"),
        pytest.param(
            "@adjoint(f)\ndef g(x): pass\ndef adjoint(m): return m\n@adjoint\ndef h(x): pass",
            ["g: target f"],
            id="rebound further down",
        ),
        pytest.param(
            "@adjoint(f)\ndef g(x): pass\ndel adjoint", ["g: target f"], id="deleted further down"
        ),
        pytest.param(
            "if (adjoint := other.adjoint): pass\n@adjoint\ndef f(x): pass",
            [],
            id="rebound by a walrus",
        ),
        pytest.param(
            "def make():\n    @adjoint(f)\n    def g(x): pass\nadjoint = other",
            ["g: target f problem"],
            id="in a function that may run later",
        ),
        pytest.param(
            "class R:\n    adjoint = adjoint\n@R.adjoint(f)\ndef g(x): pass",
            ["g: target f"],
            id="an attribute of a class",
        ),
        pytest.param(
            "class R:\n    a = staticmethod(adjoint)\n@R.a(f)\ndef g(x): pass",
            ["g: target f"],
            id="a static method of a class",
        ),
        pytest.param(
            "@adjoint(f, other=1)\ndef g(x): pass", ["g: target f problem"], id="unknown option"
        ),
        pytest.param("@adjoint(f, h)\ndef g(x): pass", ["g: target f problem"], id="two arguments"),
        pytest.param("@adjoint(*f)\ndef g(x): pass", ["g: target *f problem"], id="starred"),
        pytest.param(
            "@adjoint(literal_getproperty)\ndef g(x, n): pass",
            ["g: target getattr getter"],
            id="attributes",
        ),
        pytest.param(
            "@adjoint\ndef literal_getproperty(x, n): pass",
            ["literal_getproperty: bare getattr getter"],
            id="attributes, bare",
        ),
        pytest.param("def g(x): pass\nadjoint(f)(g)", ["g: call f"], id="called"),
        pytest.param("adjoint(f)(lambda x: x)", ["<lambda>: call f"], id="called with a lambda"),
        pytest.param(
            "g = lambda x: x\nadjoint(f)(g)", ["<lambda>: call f"], id="called with a named lambda"
        ),
        pytest.param(
            "def make():\n    def r(x): pass\n    return r\nadjoint(f)(make())",
            ["r: call f"],
            id="called with what a factory makes",
        ),
        pytest.param(
            "from m import g\nadjoint(f)(g)", ["<call>: call f"], id="called with something else"
        ),
        pytest.param(
            "def g(x): pass\nadjoint(f)(g)\nadjoint(h)(g)",
            ["g: call f", "g: call h"],
            id="called twice",
        ),
        pytest.param(
            "if x:\n    @adjoint\n    def f(x): pass\nelse:\n    @adjoint\n    def f(x): pass",
            ["f: bare f"] * 2,
            id="branches",
        ),
    ],
)
def test_rules(text: str, expected: list[str]) -> None:
    assert rules(text) == expected


@pytest.mark.parametrize(
    ("text", "decorator", "statement"),
    [
        pytest.param("nograd(f)", False, True, id="statement"),
        pytest.param("g = nograd(f)", False, False, id="expression"),
        pytest.param("@nograd\ndef f(): pass", True, False, id="decorator"),
    ],
)
def test_nograd(text: str, decorator: bool, statement: bool) -> None:
    _, found = view_of(HEAD + text)
    assert [(n.decorator, n.statement is not None) for n in found.nograds] == [
        (decorator, statement)
    ]


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# rrule-migrate: skip", "skip"),
        ("#rrule-migrate:skip", "skip"),
        ("# rrule-migrate: skip-file", "skip-file"),
        ("# rrule-migrate: skip because it is slow", "skip"),
        ("# rrule-migrate skip", None),
        ("# rrule-migrate: skipping", None),
        ("# please, rrule-migrate: skip", None),
        ("# skip", None),
    ],
)
def test_markers(comment: str, expected: str | None) -> None:
    assert skip_marker(comment) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("@adjoint\ndef f(x): pass  #", True, id="on the def"),
        pytest.param("@adjoint  #\ndef f(x): pass", True, id="on the decorator"),
        pytest.param("@adjoint\n@g(\n  1,  #\n)\ndef f(x): pass", True, id="inside a decorator"),
        pytest.param("@adjoint\ndef f(\n  x,  #\n):\n    pass", True, id="inside the parameters"),
        pytest.param("@adjoint\ndef f(x):\n    pass  #", False, id="in the body"),
        pytest.param("#\n@adjoint\ndef f(x): pass", False, id="above"),
        pytest.param("adjoint(f)(lambda x: x)  #", True, id="on the call"),
    ],
)
def test_skipped(text: str, expected: bool) -> None:
    view, found = view_of(HEAD + text.replace("#", "# rrule-migrate: skip"))
    skipped = [not lines_of(rule).isdisjoint(view.skipped_lines) for rule in found.rules]
    assert skipped == [expected]
