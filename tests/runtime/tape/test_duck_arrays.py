"""Arrays of another library (CuPy's, say) go through the rules without becoming numpy arrays:
tests/support/duck.py stands for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, jacobian, pullback, rrule, unthunk, value_and_gradient
from tests.support.array_functions import FUNCTIONS, P, S, V, W, X, rng
from tests.support.duck import Duck, plain

C = X + 1j * P
HARMONIC = rng.normal(size=(7, 3)) + 1j * rng.normal(size=(7, 3))
MIXED = {"method", "mean", "var", "nansum", "where", "new axes"}  # with arrays of numpy's
MORE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "mean, var": (lambda x: np.sum(np.mean(x, axis=1) ** 2) + np.var(x) + np.sum(x.std(axis=0)), (X,)),
    "nan": (lambda x: np.nanvar(x) + np.nanstd(x) + np.nanmax(x) + np.nanprod(x[0]) + np.nanmean(x), (X,)),
    "solve": (lambda s, v: np.sum(np.linalg.solve(s, v) ** 2) + np.sum(np.linalg.inv(s) ** 2), (S, V)),
    "determinants": (lambda s: np.linalg.det(s) + np.linalg.slogdet(s)[1], (S,)),
    "cholesky": (lambda s: np.sum(np.linalg.cholesky(s) ** 2 * s), (S,)),
    "eigh": (lambda s: np.sum(np.linalg.eigh(s)[0] ** 2) + np.sum(np.linalg.eigh(s)[1][:, 0] ** 4), (S,)),
    "svd": (lambda x: np.sum(np.linalg.svd(x, full_matrices=False)[0] ** 4) + np.sum(np.linalg.svd(x)[1] ** 3), (X,)),
    "qr, pinv": (lambda x: np.sum(np.linalg.qr(x)[1] ** 4) + np.sum(np.linalg.pinv(x) ** 2), (X,)),
    "matrix_power": (lambda s: np.sum(np.linalg.matrix_power(s, 3)) + np.linalg.cond(s), (S,)),
    "norms": (lambda x: np.linalg.norm(x, "nuc") + np.linalg.norm(x, 1) + np.linalg.norm(x, 2), (X,)),
    "multi_dot": (lambda x: np.sum(np.linalg.multi_dot([x, x.T, x]) ** 2), (X,)),
    "fft": (lambda x: np.sum(np.abs(np.fft.fft(x, axis=1)) ** 3) + np.sum(np.abs(np.fft.fft2(x)) ** 3), (X,)),
    "rfft": (lambda x: np.sum(np.abs(np.fft.rfft(x, axis=1)) ** 3), (X,)),
    "irfft": (lambda z: np.sum(np.fft.irfft(z, axis=1) ** 3), (HARMONIC,)),
    "sort": (lambda x: np.sum(np.sort(x, axis=0) ** 2 * x) + np.sum(np.partition(x, 2, axis=0)[:2] ** 2), (X,)),
    "convolve": (lambda v: np.sum(np.convolve(v, v) ** 2) + np.sum(np.correlate(v, v[1:]) ** 2), (V,)),
    "gradient": (lambda x: np.sum(np.gradient(x, axis=0) ** 2), (X,)),
    "trapezoid": (lambda x: np.sum((np.trapezoid if hasattr(np, "trapezoid") else np.trapz)(x, axis=0) ** 2), (X,)),
    "products": (lambda w: np.sum(np.kron(w, w) ** 2) + np.sum(np.cross(w, w[::-1]) ** 2) + np.sum(np.inner(w, w) ** 2), (W,)),
    "vdot": (lambda v: np.vdot(v, v) ** 2, (V,)),
    "stacks of matrices": (lambda x: np.sum((np.stack([x, x]) @ np.stack([x.T, 2 * x.T])) ** 2), (X,)),
    "einsum of three": (lambda x, w: np.einsum("ij,jk,il->", x, w, x), (X, W)),
    "triangles": (lambda s: np.sum(np.triu(s, 1) ** 2 * s) + np.sum(np.rot90(s) ** 2 * s), (S,)),
    "delete, insert": (lambda x: np.sum(np.delete(x, 1, 0) ** 2) + np.sum(np.insert(x, 1, 2.0, 0) ** 2), (X,)),
    "resize, append": (lambda x: np.sum(np.resize(x, (3, 4)) ** 2) + np.sum(np.append(x, x) ** 2), (X,)),
    "meshgrid": (lambda v: np.sum(np.meshgrid(v, v)[0] ** 2 * np.meshgrid(v, v)[1]), (V,)),
    "broadcast_arrays": (lambda x, v: np.sum(np.broadcast_arrays(x, v)[1] ** 2 * x), (X, V)),
    "windows": (lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 2, axis=0) ** 2), (X,)),
    "remainders": (lambda x: np.sum(np.round(x) * x + x % 0.7 * x + x // 0.7 * x), (X,)),
    "more of one": (
        lambda x: np.sum(np.float_power(x, 1.3) + np.sinc(x) + np.i0(x) + np.cbrt(x) + np.deg2rad(x) + np.fmax(x, 0.1)),
        (P,),
    ),
    "more of two": (lambda x: np.sum(np.logaddexp2(x, x * 2) + np.heaviside(x, 0.5) * x + np.copysign(x, -1.0) * x), (X,)),
    "unwrap": (lambda v: np.sum(np.unwrap(v) ** 2) + np.sum(np.ediff1d(v) ** 2), (V,)),
    "complex numbers": (
        lambda z: np.sum(np.angle(z) + np.real(np.conj(z) * z**2) + np.imag(z) ** 2 + np.abs(z) ** 3),
        (C,),
    ),
    "polynomials": (lambda v: np.polyval(v, 1.5) ** 2 + np.sum(np.vander(v) ** 2), (V,)),
    "corrcoef": (lambda x: np.sum(np.corrcoef(x) ** 3) + np.sum(np.average(x, axis=1) ** 2), (X,)),
    "methods of ufuncs": (
        lambda x: np.sum(np.multiply.reduce(x) ** 2) + np.sum(np.add.accumulate(x) ** 2) + np.sum(np.multiply.outer(x[0], x[1]) ** 3),
        (X,),
    ),
    "choose, compress": (lambda x: np.sum(np.choose(0, [x, x * 2])) + np.sum(np.compress([True, False, True], x, axis=1) ** 2), (X,)),
    "several index arrays": (lambda x: np.sum(x[[0, 0, 3], [1, 1, -1]] ** 2) + np.sum(x[[[0, 1], [1, 1]]] ** 3), (X,)),
    "apply_along_axis": (lambda x: np.sum(np.apply_along_axis(lambda r: np.sum(r) ** 2, 1, x)), (X,)),
}  # fmt: skip
ALL = {**{name: f for name, f in FUNCTIONS.items() if name not in MIXED}, **MORE}


@pytest.mark.parametrize("name", ALL)
def test_values_and_gradients(name: str) -> None:
    f, args = ALL[name]
    want, wanted = value_and_gradient(f, *args)
    value, grads = value_and_gradient(f, *map(Duck, args))
    assert type(value) is Duck
    np.testing.assert_allclose(plain(value), want, 1e-6)
    for g, expected in zip(grads, wanted, strict=True):
        assert type(g) is Duck
        np.testing.assert_allclose(plain(g), expected, 1e-6, 1e-9)


def test_float32_stays() -> None:
    (g,) = gradient(lambda x: np.sum(np.tanh(x) * x), Duck(X.astype(np.float32)))
    assert g.dtype == np.float32


def test_second_order_and_jacobians() -> None:
    f = lambda x: np.sum(gradient(lambda x: np.sum(np.sin(x) ** 2 * x[:, :1]), x)[0] ** 2)
    np.testing.assert_allclose(plain(gradient(f, Duck(X))[0]), gradient(f, X)[0])
    g = lambda x: x[:2] * x[2]
    np.testing.assert_allclose(plain(jacobian(g, Duck(V))), jacobian(g, V))


def test_updates_in_place() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        y[0] = x[1] * x[2]
        y[:, 1:3] *= x[:, :2]
        y += x
        row = y[1]
        row *= 2.0
        return np.sum(y**2)

    np.testing.assert_allclose(plain(gradient(f, Duck(X))[0]), gradient(f, X)[0])


def test_structures_and_constants() -> None:
    constant = Duck(X)
    f = lambda p: np.sum((constant @ p["w"] + p["b"]) ** 2)
    (g,) = gradient(f, {"w": Duck(W), "b": Duck(W[0]), "unused": Duck(V)})
    (want,) = gradient(lambda p: np.sum((X @ p["w"] + p["b"]) ** 2), {"w": W, "b": W[0]})
    np.testing.assert_allclose(plain(g["w"]), want["w"])
    np.testing.assert_allclose(plain(g["b"]), want["b"])
    assert type(g["unused"]) is Duck
    np.testing.assert_array_equal(plain(g["unused"]), 0 * V)


def test_rules_without_the_tape() -> None:
    y, back = rrule(np.matmul, Duck(X), Duck(W))
    _, dx, _ = back(Duck(np.ones(y.shape)))
    np.testing.assert_allclose(plain(unthunk(dx)), np.ones((7, 3)) @ W.T)
    constant = Duck(W)
    y, back = pullback(lambda x: np.exp(x) @ constant, Duck(X))
    np.testing.assert_allclose(
        plain(back(Duck(np.ones(y.shape)))[0]), np.exp(X) * (np.ones((7, 3)) @ W.T)
    )


def test_what_needs_the_numbers_is_an_error_that_says_so() -> None:
    for f, message in (
        (lambda x: np.sum(np.median(x, axis=0)), "median"),
        (lambda x: np.sum(x[x > 0]), r"np\.where"),
        (lambda x: np.sum(np.maximum.accumulate(x)), "running maximum"),
        (lambda x: np.sum(np.piecewise(x, [x > 0], [np.sin])), r"np\.where"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            gradient(f, Duck(X))
