"""Where a rule of autograd's goes without `@unconjugated`: what is proved from its text is what
its vjp does, and what cannot be proved is not said."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from migrate.dialects.autograd.conjugation import is_needless, takes_no_complex
from migrate.rules.module import Module
from migrate.syntax.scopes import analyse_scopes
from migrate.syntax.source import read_source

HEAD = (
    "import numpy as np\nimport scipy.stats, scipy.special, math\nfrom functools import partial\n"
)


def module_of(text: str) -> Module:
    source = read_source((HEAD + text).encode())
    return Module(source, analyse_scopes(source.tree))


def needless(text: str, *, cotangent: int | None = None) -> bool:
    """Whether that is proved of the maker `mk`."""
    module = module_of(text)
    found = module.scopes.module.bindings["mk"][0]
    if not isinstance(found, ast.FunctionDef):
        statement = module.scopes.parents[found]
        assert isinstance(statement, ast.Assign)
        return is_needless([statement.value], module, cotangent=cotangent)
    return is_needless([found], module, cotangent=cotangent)


def same(text: str, *args: Any, ans: Any = None, g: Any = None) -> bool:
    """Whether the vjp is the same between two conjugations, for one cotangent."""
    space: dict[str, Any] = {}
    exec(compile(HEAD + text, "<maker>", "exec"), space)
    vjp: Callable[[Any], Any] = space["mk"](ans, *args)
    return bool(np.allclose(vjp(g), np.conj(vjp(np.conj(g)))))


X = np.array([[1.0 + 2j, -0.5j, 3.0], [0.2, 1j, -2.0 + 1j]])
G = np.array([[0.3 - 1j, 2.0, 1j], [1.0, -1.0 + 0.5j, 0.25j]])

NEEDLESS = [
    "mk = lambda ans, x: lambda g: g * x.shape[0] ** 0.5 * np.pi**-0.5 * (x.ndim - 9) ** 2",
    "mk = lambda ans, x: lambda g: -2.0 * g",
    "mk = lambda ans, x: lambda g: np.reshape(g, x.shape) / x.size",
    "mk = lambda ans, x: lambda g: np.transpose(np.transpose(g, np.argsort([0, 1])))",
    "mk = lambda ans, x: lambda g: g * np.isfinite(x) * (ans != x)",
    "mk = lambda ans, x: lambda g: np.where(np.abs(x) > 1, g, 0.0)",
    "mk = lambda ans, x: lambda g: g[..., ::-1] * np.pi",
    """
def mk(ans, x, axis=-1):
    where = np.argsort(x, axis=axis)
    def vjp(g):
        out = np.zeros(np.shape(x), dtype=complex)
        np.add.at(out, (np.arange(2)[:, None], where), g)
        return out
    return vjp
""",
    """
def turned(g, n):
    if n == 0:
        return g
    return turned(np.roll(g, 1, axis=1), n - 1)

def mk(ans, x):
    n = np.ndim(x)
    return lambda h: turned(h, n)
""",
    """
def mk(ans, x):
    parts = []
    def vjp(g):
        for row in g:
            parts.append(3 * row)
        return np.stack(parts[-2:])
    return vjp
""",
]

NEEDED = [
    "mk = lambda ans, x: lambda g: g * (-8) ** (1 / 3)",
    "B = -2.0\nmk = lambda ans, x: lambda g: g * B**0.5",
    "mk = lambda ans, x: lambda g: g * (x.ndim - 9) ** 0.5",
    "mk = lambda ans, x: lambda g: g * pow(-2, 0.5)",
    "mk = lambda ans, x: lambda g: g.view(float)[::2] + 0.5 * g.view(float)[1::2]",
    "mk = lambda ans, x: lambda g: g * x",
    "mk = lambda ans, x: lambda g: g * ans if x.ndim else g",
    "mk = lambda ans, x: lambda g: 1j * g",
    "mk = lambda ans, x: lambda g: np.imag(g)",
    "mk = lambda ans, x: lambda g: np.fft.fft(g)",
    "mk = lambda ans, x: lambda g: x",
    "mk = lambda ans, x: lambda g: np.where(g.imag > 0, g, 0.0)",
    "W = np.array([1j, 2.0, 3.0])\nmk = lambda ans, x: lambda g: g * W",
    "mk = lambda ans, x: lambda g: np.exp(1j * np.ndim(x)) * g",
    """
def scaled(g, by):
    return g * by

def mk(ans, x):
    return lambda g: scaled(g, by=x)
""",
    """
def mk(ans, x):
    out = np.zeros(np.shape(x), dtype=complex)
    def vjp(g):
        total = out.copy()
        np.add.at(total, np.arange(2), g * x)
        return total
    return vjp
""",
    """
def mk(ans, x):
    y = x
    for _ in range(2):
        y = y + 1
    return lambda g: g / y
""",
]


@pytest.mark.parametrize("text", NEEDLESS)
def test_what_goes_with_conjugation(text: str) -> None:
    assert needless(text)
    assert same(text, X, ans=2 * X, g=G)


@pytest.mark.parametrize("text", NEEDED)
def test_what_does_not(text: str) -> None:
    """Each of them does give another tangent: the test would see a decorator too few."""
    assert not needless(text)
    assert not same(text, X, ans=2 * X, g=G)


@pytest.mark.parametrize(
    "text",
    [
        "from elsewhere import f\nmk = lambda ans, x: lambda g: f(g)",
        "from elsewhere import C\nmk = lambda ans, x: lambda g: C * g",
        "from elsewhere import dot\nmk = lambda ans, x: lambda g: dot(g, 2.0)",  # not numpy's
        "from .here import reshape, shape\nmk = lambda ans, x: lambda g: reshape(g, shape(x))",
        "import elsewhere\nmk = lambda ans, x: lambda g: elsewhere.reshape(g, x.shape)",
        "mk = lambda ans, x: lambda g: ans.turned(g)",
        "mk = lambda ans, x: lambda g: np.sort(g)",
        "mk = lambda ans, *args: lambda g: g * args[0]",
        "def mk(ans, x):\n    return sorted",
    ],
)
def test_what_nobody_can_tell(text: str) -> None:
    assert not needless(text)


def test_the_first_parameter_may_be_the_cotangent() -> None:
    assert needless("mk = lambda g, ans, vs, gvs, x: np.reshape(g, vs.shape)", cotangent=0)
    assert not needless("mk = lambda g, ans, vs, gvs, x: g * x", cotangent=0)
    assert not needless("mk = lambda g, ans, vs, gvs, x: g + vs", cotangent=0)
    assert needless("mk = lambda k, g, ans, vs, gvs, x, y: g if k else -g", cotangent=1)
    assert not needless("mk = lambda k, g, ans, vs, gvs, x, y: y * g if k else -g", cotangent=1)


def test_arguments_of_an_enclosing_function_may_be_complex() -> None:
    module = module_of("def make(c):\n    return register(lambda ans, x: lambda g: g * c)\n")
    maker = next(n for n in ast.walk(module.source.tree) if isinstance(n, ast.Lambda))
    assert not is_needless([maker], module)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("f = primitive(np.floor)", True),
        ("f = primitive(np.exp)", False),
        ("f = primitive(scipy.stats.gamma.pdf)", True),
        ("f = math.fsum", True),
        ("f = scipy.special.polygamma", True),
        ("def f(x: float, n: int = 2) -> float:\n    return x**n", True),
        ("def f(x: float) -> complex:\n    return 1j * x", False),
        ("def f(x: float):\n    return 1j * x", False),  # nothing is said of the result
        ("def f(x: np.ndarray) -> float:\n    return x.sum()", False),
        ("def f():\n    return 1.0", False),
    ],
)
def test_functions_for_real_values(text: str, refuses: bool) -> None:
    module = module_of(text + "\nused(f)\n")
    call = module.source.tree.body[-1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert takes_no_complex(call.value.args[0], module) is refuses
