"""Every function of numbers that has a rule, by real and by complex arguments:
first and second derivatives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

from rules_runtime import pullback
from rules_runtime.forms import FORMS, Unknown
from rules_runtime.tape.calls import name_of
from rules_runtime.tape.record import load_areas

load_areas()
BASE = np.array([0.3, 0.7, 0.45])
TURN = 1j * np.array([0.4, -0.3, 0.2])
WHOLE = np.array([2, 3, 1])

# where the functions have other arguments than the general ones
POINTS: dict[Any, tuple[Any, ...]] = {
    np.arccosh: (BASE + 1.2,),
    sp.ellipkinc: (BASE + 0.3, BASE - 0.1),
    sp.ellipeinc: (BASE + 0.3, BASE - 0.1),
    sp.betainc: (BASE + 0.5, BASE + 1, BASE),
    sp.betaincinv: (BASE + 0.5, BASE + 1, BASE),
    sp.gammaincinv: (BASE + 0.5, BASE),
    sp.gammainccinv: (BASE + 0.5, BASE),
    sp.hyp2f1: (BASE + 0.5, BASE + 1, BASE + 1.5, BASE - 0.2),
    sp.expn: (WHOLE, BASE),
    sp.yn: (WHOLE, BASE),
    sp.kn: (WHOLE, BASE),
    sp.pdtr: (WHOLE, BASE),
    sp.pdtrc: (WHOLE, BASE),
}
for _name in ("betaincc", "betainccinv"):
    if hasattr(sp, _name):
        POINTS[getattr(sp, _name)] = (BASE + 0.5, BASE + 1, BASE)
# scipy has no trigamma of complex numbers; a rule that needs it says so
NO_TRIGAMMA = {sp.gamma, sp.loggamma, sp.rgamma, sp.psi, sp.digamma}

UFUNCS = sorted((f for f in FORMS if isinstance(f, np.ufunc) and f.signature is None), key=name_of)


def points(f: Any) -> tuple[Any, ...]:
    if f in POINTS:
        return POINTS[f]
    found = [BASE + 0.31 * k for k in range(f.nin)]
    if f.__name__.startswith("eval_"):
        found[0] = WHOLE + 1.0
    return tuple(found)


def complex_arguments(f: Any) -> tuple[Any, ...] | None:
    """All arguments complex, or the last alone; None where the function takes none."""
    real = points(f)
    every = tuple(x + TURN if x.dtype.kind == "f" else x for x in real)
    for args in (every, (*real[:-1], every[-1])):
        try:
            f(*args)
        except TypeError:
            continue
        return args
    return None


def parts(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


def cotangents(y: Any, seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        rng.normal(size=np.shape(p))
        + (1j * rng.normal(size=np.shape(p)) if np.iscomplexobj(p) else 0.0)
        for p in parts(y)
    )


def differences(f: Any, x: Any, w: Any, h: float) -> Any:
    """The gradient of the real part of ``w^H f(x)``."""

    def total(x: Any) -> Any:
        return sum(np.sum(np.real(np.conj(wk) * yk)) for wk, yk in zip(w, parts(f(x)), strict=True))

    found = np.zeros(x.shape, x.dtype)
    for k, direction in itertools.product(range(x.size), (1.0, 1j)):
        if direction == 1j and x.dtype.kind != "c":
            continue
        e = np.zeros(x.shape, x.dtype)
        e[k] = h * direction
        found[k] += direction * (total(x + e) - total(x - e)) / (2 * h)
    return found


def vjp(f: Any, x: Any, w: Any) -> Any:
    y, back = pullback(f, x)
    return back(w if isinstance(y, tuple) else w[0])[0]


def check(f: Any, args: tuple[Any, ...], k: int) -> None:
    def of_one(x: Any) -> Any:
        return f(*args[:k], x, *args[k + 1 :])

    x = args[k]
    y = of_one(x)
    assert all(np.isfinite(p).all() for p in parts(y))
    w = cotangents(y, k)
    form = FORMS[f]
    if form.of_complex is not None and np.iscomplexobj(x):
        form = form.of_complex
    if form.constant:
        assert np.allclose(differences(of_one, x, w, 1e-6), 0.0)
        return
    if form.vjps[k] is None or isinstance(form.vjps[k], Unknown):
        return
    if f in NO_TRIGAMMA and x.dtype.kind == "c":
        with pytest.raises(NotImplementedError, match="trigamma"):
            vjp(lambda x: vjp(of_one, x, w), x, w)
        if f in (sp.psi, sp.digamma):
            return
        assert np.allclose(vjp(of_one, x, w), differences(of_one, x, w, 1e-6), 2e-5, 1e-6)
        return
    first = vjp(of_one, x, w)
    assert np.allclose(first, differences(of_one, x, w, 1e-6), 2e-5, 1e-6)
    assert first.dtype == x.dtype
    w2 = cotangents(first, k + 9)
    second = vjp(lambda x: vjp(of_one, x, w), x, w2)
    assert np.allclose(second, differences(lambda x: vjp(of_one, x, w), x, w2, 1e-5), 2e-4, 1e-5)


@pytest.mark.parametrize("f", UFUNCS, ids=name_of)
def test_real(f: Any) -> None:
    args = points(f)
    if not any("d" in kinds for kinds in f.types):  # of whole numbers or dates; of complex ones
        assert FORMS[f].constant or all("D" in kinds or "F" in kinds for kinds in f.types)
        return
    if f in (np.ldexp, sp.eval_hermite, sp.eval_hermitenorm):
        args = (BASE, WHOLE) if f is np.ldexp else (WHOLE, BASE)
    for k, x in enumerate(args):
        if x.dtype.kind == "f" and f is not np.frexp and f is not np.divmod:
            check(f, args, k)


@pytest.mark.parametrize("f", UFUNCS, ids=name_of)
def test_complex(f: Any) -> None:
    args = complex_arguments(f)
    if args is None or not any(x.dtype.kind == "c" for x in args):
        return
    for k, x in enumerate(args):
        if x.dtype.kind == "c":
            check(f, args, k)


Z = BASE + TURN
REDUCTIONS: dict[str, Any] = {
    "sinc": np.sinc,
    "sinc near 0": lambda z: np.sinc(z * 1e-3),
    "angle": lambda z: np.angle(z, deg=True),
    "real": np.real,
    "imag": np.imag,
    "nan_to_num": np.nan_to_num,
    "real_if_close": lambda z: np.real_if_close(z),
    "logsumexp": sp.logsumexp,
    "logsumexp with weights": lambda z: sp.logsumexp(z, b=np.array([1.0, -0.5, 0.3]) + 0.2j),
    "weights of logsumexp": lambda z: sp.logsumexp(np.array([0.1, 0.4, 0.2]), b=z),
    "softmax": sp.softmax,
    "log_softmax": sp.log_softmax,
    "lambertw": sp.lambertw,
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "prod": np.prod,
    "cumprod": np.cumprod,
    "cumsum": np.cumsum,
    "norm": np.linalg.norm,
    "norm 1": lambda z: np.linalg.norm(z, 1),
    "norm 3": lambda z: np.linalg.norm(z, 3),
    "max": np.max,
    "sort": np.sort,
    "dot": lambda z: np.dot(z, z),
    "vdot": lambda z: np.vdot(z, z * z),
    "outer": lambda z: np.outer(z, np.conj(z)),
    "inner": lambda z: np.inner(z, 2j * z),
    "convolve": lambda z: np.convolve(z, z),
    "correlate": lambda z: np.correlate(z, z, "full"),
    "where": lambda z: np.where([True, False, True], z, 2j * z),
    "interp": lambda z: np.interp([0.2, 0.8], [0.0, 0.5, 1.0], z),
    "average": lambda z: np.average(z, weights=np.array([1.0, 2.0, 0.5])),
    "trapezoid": lambda z: np.trapezoid(z, dx=0.3),
    "diff": np.diff,
    "gradient": np.gradient,
    "polyval": lambda z: np.polyval(z, 0.3 + 0.2j),
    "i at": lambda z: np.emath.sqrt(z),
    "log": lambda z: np.emath.log(z),
    "power": lambda z: z**z,
    "power by a number": lambda z: z**2.5,
    "base": lambda z: 2.0**z,
    "cov": lambda z: np.cov(np.stack([z, z * z])),
    "kron": lambda z: np.kron(z, z),
    "ptp": lambda z: np.ptp(np.abs(z)),
    "unwrap": lambda z: np.unwrap(np.angle(z * 9)),
    "copyto": lambda z: _copied(z, True),
    "copyto where": lambda z: _copied(z, np.array([True, False, True])),
    "putmask": lambda z: _masked(z),
}


def _copied(z: Any, where: Any) -> Any:
    d = z * 1.0
    np.copyto(d, z**2, where=where)
    return d * z


def _masked(z: Any) -> Any:
    d = z * 1.0
    np.putmask(d, np.array([True, False, True]), z[::-1])
    return d * z


@pytest.mark.parametrize("name", REDUCTIONS)
def test_complex_functions_of_arrays(name: str) -> None:
    f = REDUCTIONS[name]
    w = cotangents(f(Z), 3)
    first = vjp(f, Z, w)
    assert np.allclose(first, differences(f, Z, w, 1e-6), 2e-5, 1e-6)
    w2 = cotangents(first, 4)
    second = vjp(lambda z: vjp(f, z, w), Z, w2)
    assert np.allclose(second, differences(lambda z: vjp(f, z, w), Z, w2, 1e-5), 2e-4, 1e-5)


def test_the_sign_of_zero_and_of_real_numbers_stands_still() -> None:
    _, back = pullback(np.sign, np.array([0.0 + 0.0j, 3.0 + 4.0j]))
    assert np.allclose(back(np.array([1j, 1j]))[0], [0.0, 1j * (3 + 4j) * 0.6 / 25])
    y, _ = pullback(lambda x: np.sign(x), np.array([1.0, -2.0]))
    assert np.array_equal(y, [1.0, -1.0])


def test_copyto_does_not_cast_where_numpy_does_not() -> None:
    def f(x: Any) -> Any:
        d = x * 1.0
        np.copyto(d, x * 1j)
        return np.sum(d)

    for call in (f, lambda x: pullback(f, x)):
        with pytest.raises(TypeError, match="according to the rule 'same_kind'"):
            call(BASE)

    def named(x: Any) -> Any:
        d = x * 1.0
        np.copyto(src=x**2, dst=d)
        return d

    assert np.allclose(pullback(named, BASE)[1](np.ones(3))[0], 2 * BASE)
