"""What is replayed beside what the tape gives: functions of every area, random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats

from rules_runtime import compiled, gradient, value_and_gradient
from rules_runtime.record.results import is_close
from tests.runtime.tape.test_random_programs import program
from tests.support.array_functions import FUNCTIONS

sl: Any = scipy.linalg
sp: Any = scipy.special
st: Any = scipy.stats


def compare(f: Any, calls: list[Any]) -> None:
    fast = compiled(f)
    for args in calls:
        want, found = value_and_gradient(f, *args), fast(*args)
        assert is_close(want, found), (want, found)
    assert fast.refused is None
    assert fast._program.replays == len(calls) - 2, fast.explain()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    f, args = FUNCTIONS[name]
    moved = tuple([x * 1.01 for x in args])
    compare(f, [args, args, moved, args])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_single_precision(name: str) -> None:
    f, args = FUNCTIONS[name]
    args = tuple([x.astype("f4") for x in args])
    try:
        value_and_gradient(f, *args)
    except Exception:
        pytest.skip("not a function of such numbers")
    compare(f, [args, args, args])


@pytest.mark.parametrize("shape", [(4,), (3, 2), (40, 20)], ids=str)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1000 + seed)
    compare(program(seed, 12), [[rng.normal(size=shape) for _ in range(2)] for _ in range(4)])


@pytest.mark.parametrize("seed", range(12))
def test_second_order_of_random_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, c = program(seed, 6), rng.normal(size=4)
    g = lambda *xs: sum(np.sum(d * c) for d in gradient(f, *xs))
    compare(g, [[rng.normal(size=4) for _ in range(2)] for _ in range(4)])


def _states(w: Any, u: Any, b: Any, xs: Any) -> Any:
    h, kept = np.zeros((5, w.shape[0])), []
    for x in xs:
        z = x @ u + h @ w + b
        gates = 1.0 / (1.0 + np.exp(-z[:, :3]))
        h = np.concatenate([gates * np.tanh(z[:, 3:]), h[:, :1]], axis=1)
        kept.append(h)
    return np.sum(np.stack(kept) ** 2)


def _sinkhorn(k: Any, a: Any, b: Any) -> Any:
    v = np.ones(len(b))
    for _ in range(6):
        u = a / (k @ v)
        v = b / (k.T @ u)
    return np.sum(u[:, None] * k * v)


def _advection(u: Any, c: Any) -> Any:
    u = u.copy()
    for _ in range(5):
        u[1:] -= c * u[1:] * (u[1:] - u[:-1])
        u[0] = u[-1]
        u[1:-1] += 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u**3)


def _forms(x: Any, m: Any, y: Any) -> Any:
    q = np.einsum("bi,ij,bj->b", x, m, y)
    return np.sum(np.tanh(q)) + np.sum(np.einsum("bi,bi->i", x, y) * np.std(x, axis=0))


def _attention(x: Any, w: Any) -> Any:
    s = np.einsum("bqd,bkd->bqk", x @ w, x)
    s = s - np.max(s, axis=-1, keepdims=True)
    p = np.exp(s) / np.sum(np.exp(s), axis=-1, keepdims=True)
    return np.mean((p @ x) ** 2)


def _rotations(t: Any, s: Any) -> Any:
    for k in range(len(t)):
        s = np.cos(t[k]) * s - 1j * np.sin(t[k]) * s[::-1] * np.exp(0.1j * t[k])
    return np.sum(np.abs(s[:3]) ** 2)


def _ordered(x: Any) -> Any:
    s = np.sort(x)
    return np.sum(np.diff(s) ** 2) + np.median(x) ** 2 + np.sum(np.maximum.accumulate(x) * s)


def _definite(a: Any) -> Any:
    return a @ a.T + 5.0 * np.eye(len(a))


# Functions of scipy's that are written in Python, on what is traced and on what is not.
SCIPY: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "cho_solve": (
        lambda a, b: b @ sl.cho_solve(sl.cho_factor(_definite(a)), b),
        [(4, 4), (4,)],
    ),
    "triangular": (
        lambda a, b: np.sum(sl.solve_triangular(_definite(a), b, lower=True) ** 2),
        [(4, 4), (4,)],
    ),
    "expm": (lambda a, x: np.sum((sl.expm(a) @ x) ** 2), [(4, 4), (4,)]),
    "eigh": (lambda a: np.sum(sl.eigh(_definite(a))[0] ** 2), [(4, 4)]),
    "logsumexp": (lambda x: np.sum(sp.logsumexp(x, axis=1) * sp.logsumexp(x)), [(4, 3)]),
    "logsumexp, kept": (lambda x: np.sum(x / sp.logsumexp(x, (0, 2), None, True)), [(4, 3, 2)]),
    "logsumexp, weights": (lambda x, b: sp.logsumexp(x, b=np.exp(b)), [(4, 3), (4, 3)]),
    "softmax": (lambda x: np.sum(sp.softmax(x, axis=0) ** 2 + sp.softmax(x)), [(4, 3)]),
    "log_softmax": (lambda x: np.sum(sp.log_softmax(x, axis=-1) ** 2), [(4, 3)]),
    "normal": (lambda x, m: np.sum(st.norm.logpdf(x, m[0], np.exp(m[1]))), [(9,), (2,)]),
    "data": (lambda x: np.sum(x * st.norm.cdf(_DATA) + sp.logsumexp(_DATA)), [(9,)]),
}
_DATA = np.linspace(-1.0, 1.0, 9)


@pytest.mark.parametrize("name", SCIPY)
def test_functions_of_scipy(name: str) -> None:
    f, shapes = SCIPY[name]
    rng = np.random.default_rng(0)
    compare(f, [[rng.normal(size=shape) for shape in shapes] for _ in range(5)])


def test_logsumexp_of_what_is_infinite() -> None:
    compare(
        lambda x: np.sum(sp.logsumexp(x, axis=1)), [[np.array([[-np.inf, 1.0], [2.0, 3.0]])]] * 4
    )
    compare(lambda x: sp.logsumexp(x), [[np.array([-np.inf, -np.inf])]] * 4)


def _padded(mode: str, widths: Any) -> Any:
    def f(x: Any) -> Any:
        y = np.pad(x, widths, mode=mode)
        return np.sum(y**2 * np.arange(1.0, y.size + 1.0).reshape(y.shape))

    return f


# Functions that a recording has in other words: their usual forms, and those that stay one call.
WRITTEN: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    **{
        f"pad, {mode}, {widths}": (_padded(mode, widths), [(4, 5)])
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "mean")
        for widths in (1, (2, 0), ((1, 2), (0, 3)), ((0, 0), (3, 3)), 5)
    },
    "gradient": (lambda x: np.sum(np.gradient(x)[0] ** 2 * np.gradient(x)[1]), [(4, 5)]),
    "gradient, steps": (lambda x: np.sum(np.gradient(x, 0.1, 0.2)[0] ** 2), [(4, 5)]),
    "gradient, axis": (lambda x: np.sum(np.gradient(x, 0.1, axis=-1) ** 2), [(4, 5)]),
    "gradient, axes": (lambda x: np.sum(np.gradient(x, axis=(1, 0))[0] ** 2), [(4, 5)]),
    "gradient, edges": (lambda x: np.sum(np.gradient(x, edge_order=2)[0] ** 2), [(4, 5)]),
    "gradient, places": (lambda x: np.sum(np.gradient(x, np.arange(9.0) ** 2) ** 2), [(9,)]),
    "polyval": (lambda c, x: np.sum(np.polyval(c, x) ** 2), [(4,), (3, 2)]),
    "polyval, a list": (lambda x: np.sum(np.polyval([1.0, 2.0, 3.0], x) ** 2), [(3, 2)]),
    "polyval, a number": (lambda c: np.polyval(c, c[0]) ** 2, [(4,)]),
    "take": (lambda x: np.sum(np.take(x, [1, 1, -1], axis=1) ** 2), [(4, 5)]),
    "take, flat": (lambda x: np.sum(np.take(x, np.array([[1, 1], [3, 13]])) ** 2), [(4, 5)]),
    "take, one": (lambda x: np.sum(x.take(2, axis=0) ** 2), [(4, 5)]),
    "take, clipped": (lambda x: np.sum(np.take(x, [2, 9], axis=0, mode="clip") ** 2), [(4, 5)]),
    "quantile": (lambda x: np.quantile(x, 0.3) ** 2 + np.percentile(x[0], 77), [(4, 5)]),
    "quantile, ends": (lambda x: np.quantile(x, 0) ** 2 + np.quantile(x, 1.0), [(4, 5)]),
    "quantile, of one": (lambda x: np.quantile(x[0], 0.3) + np.median(x[0]), [(1, 1)]),
    "quantile, axis": (lambda x: np.sum(np.quantile(x, [0.3, 0.4], axis=0) ** 2), [(4, 5)]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_functions_in_other_words(name: str) -> None:
    f, shapes = WRITTEN[name]
    rng = np.random.default_rng(0)
    compare(f, [[rng.normal(size=shape) for shape in shapes] for _ in range(4)])


_PLACES = np.array([0, 3, 3, 5, 1, 0, 2])


def _filled(b: Any) -> Any:
    x = np.zeros_like(b)
    x[0] = b[0]
    x[1:] = b[1:] * x[0]
    return np.sum(x**2)


def _filled_while_a_view_is_kept(b: Any) -> Any:
    x = np.zeros_like(b)
    v = x[1:]
    x[:] = b
    x[2] = 5 * b[0]
    return np.sum(v**2 * np.arange(5.0))


def _solved_from_below(b: Any) -> Any:
    x = np.zeros_like(b)
    for i in range(5, -1, -1):
        x[i] = (b[i] - np.arange(5.0 - i) @ x[i + 1 :]) / (2.0 + i)
    return np.sum(x**2)


def _scattered(b: Any) -> Any:
    x, m = np.zeros(6), np.zeros_like(b[:, None] * b[:2])
    np.add.at(x, _PLACES, b[_PLACES])
    np.add.at(m, _PLACES, b[_PLACES][:, None] * np.ones((7, 2)))
    return np.sum(x**3) + np.sum(m**2)


def _filled_with_data(b: Any) -> Any:
    x, y, z = np.zeros(6), np.empty_like(_LEVELS), np.empty(6)
    x[1:] = _LEVELS[1:]
    x += _LEVELS
    x[_PLACES[:3]] = _LEVELS[:3]
    for k in range(6):
        y[k] = np.sin(_LEVELS[k])
    np.copyto(z, _LEVELS)
    np.multiply(z, 2.0, out=z)
    return np.sum(b * x) + np.sum(y * b**2) + z @ b


def _numbers_of_data(b: Any) -> Any:
    knots, weights = np.linspace(0.0, 1.0, 6), np.ones(6)
    at = np.searchsorted(knots, _LEVELS) - 1
    weights[_LEVELS > 0.5] = 2.0
    return np.sum(weights * b[at] * knots[at])


def _picked_by_numbers(b: Any) -> Any:
    return sum(b[k] * (1.0 + k) for k in _PLACES[:3]) ** 2 + np.sum(b[_PLACES[1] :] ** 2)


_LEVELS = np.array([0.9, 0.2, 0.6, 0.3, 0.8, 0.1])
FILLED = (
    _filled, _filled_while_a_view_is_kept, _solved_from_below, _scattered, _filled_with_data,
    _numbers_of_data, _picked_by_numbers,
)  # fmt: skip


@pytest.mark.parametrize("f", FILLED)
def test_arrays_that_are_filled(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    calls = [[rng.normal(size=6)] for _ in range(5)]
    compare(f, calls)
    fast = compiled(f)
    for k, args in enumerate(calls):
        monkeypatch.setitem(globals(), "_LEVELS", np.roll(np.linspace(0.1, 0.9, 6), k))
        assert is_close(value_and_gradient(f, *args), fast(*args))


LOOPS: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "states": (_states, [(4, 6), (3, 6), (6,), (7, 5, 3)]),
    "sinkhorn": (lambda k, a, b: _sinkhorn(np.exp(k), np.exp(a), np.exp(b)), [(9, 8), (9,), (8,)]),
    "advection": (lambda u, c: _advection(0.1 * u, np.sum(c) * 0.1), [(2000,), (3,)]),
    "advection, short": (lambda u, c: _advection(0.1 * u, np.sum(c) * 0.1), [(12,), (3,)]),
    "forms": (_forms, [(40, 30), (30, 30), (40, 30)]),
    "attention": (_attention, [(2, 20, 30), (30, 30)]),
    "rotations": (lambda t, a: _rotations(t, a + 1j * a[::-1]), [(5,), (8,)]),
    "ordered": (_ordered, [(301,)]),
    "cubes": (lambda x: np.sum(x**3 + x**4) + np.sum(x[:3] ** 3), [(400,)]),
    "gathered": (lambda x: np.sum(x[np.arange(6000) % 500] ** 2), [(500,)]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_what_is_planned_for_them(name: str) -> None:
    f, shapes = LOOPS[name]
    rng = np.random.default_rng(0)
    compare(f, [[rng.normal(size=shape) for shape in shapes] for _ in range(5)])
