"""The calls that programs are made of, which have a forward of their own: the same values as
numpy, to the last bit, and the gradients that differences give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, pullback
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

X, Y = np.random.default_rng(0).normal(size=(2, 4, 5))
V, W = X[0], Y[0]
MASK = Y > 0.2
CALLS: list[Any] = [
    (lambda x: np.where(MASK, x, 0.3), X),
    (lambda x: np.where(MASK, 2, x), X),
    (lambda x: np.where(MASK, x, x[0]), X),
    (lambda x: np.where(MASK, x, 2 * x), X),
    (lambda x: np.where(x > 0.1, x[:, :1], np.sum(x)), X),
    (lambda x: np.where([True, False, True, True, False], x, 1.5), V),
    (lambda x: np.clip(x, -0.5, 0.5), X),
    (lambda x: np.clip(x, None, 0), X),
    (lambda x: x.clip(0.5 * V[1], None), V),
    (lambda x: np.cumsum(x), V),
    (lambda x: np.cumsum(x, 0), X),
    (lambda x: x.cumsum(axis=-1), X),
    (lambda x: np.roll(x, 2), V),
    (lambda x: np.roll(x, -7, 1), X),
    (lambda x: np.roll(x, 0, axis=0), X),
    (lambda x: np.diff(x), X),
    (lambda x: np.diff(x, axis=0), X),
    (lambda x: np.diff(x), V[:1]),
    (lambda x: np.sort(x), X),
    (lambda x: np.sort(x, 0), X),
    (lambda x: np.sort(x), V),
    (lambda x: np.linalg.norm(x), X),
    (lambda x: np.linalg.norm(x, axis=1), X),
    (lambda x: np.linalg.norm(x, axis=0, keepdims=True), X),
    (lambda x: np.linalg.norm(x, axis=0), V),
    (lambda x: np.linalg.norm(x * np.array([[1.0], [0.0], [1.0], [1.0]]), axis=1), X),
    (lambda x: np.linalg.norm(0.0 * x), X),
    (lambda x: np.var(x), X),
    (lambda x: np.var(x, 0), X),
    (lambda x: x.var(axis=(0, 1), ddof=1), X),
    (lambda x: np.std(x, axis=1, keepdims=True), X),
    (lambda x: x.std(0, ddof=1), X),
    (lambda x: np.std(0.0 * x), X),
    (lambda x: np.median(x), X),
    (lambda x: np.median(x), V),
    (lambda x: np.outer(x, W), V),
    (lambda x: np.outer(W, x), V),
    (lambda x: np.outer(x, x), V),
    (lambda x: np.tensordot(x, W, 1), X),
    (lambda x: np.tensordot(x, x, axes=2), X),
    (lambda x: np.tensordot(x, x, 0), V),
    (lambda x: np.tensordot(Y, x, ([0], [0])), X),
    (lambda x: np.tensordot(x, Y.reshape(2, 5, 2), axes=((1, -1), [0, 1])), X.reshape(2, 2, 5)),
    (lambda x: np.tensordot(x, X.reshape(2, 2, 5), axes=(-1, 2)), X.reshape(2, 2, 5)[:, :1]),
    (lambda x: np.tensordot(x, X[:0], axes=(0, 0)), X[:0]),
    (lambda x: np.tensordot(x, X, axes=1), X[:0, :4]),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(CALLS)))
def test_to_the_last_bit(k: int) -> None:
    f, x = CALLS[k]
    y = pullback(f, x)[0]
    assert np.array_equal(y, f(x)) and np.asarray(y).dtype == np.asarray(f(x)).dtype


def test_what_is_no_common_case_goes_the_long_way() -> None:
    with pytest.raises(np.exceptions.AxisError):
        gradient(lambda x: np.sum(np.roll(x, 1, 3)), X)
    with pytest.raises(np.exceptions.AxisError):
        gradient(lambda x: np.sum(np.cumsum(x, 2)), X)
    assert np.isnan(pullback(np.median, np.array([1.0, np.nan, 2.0]))[0])
    y, back = pullback(lambda x: np.roll(x, (1, 2), (0, 1)), X)
    assert np.array_equal(back(np.roll(Y, (1, 2), (0, 1)))[0], Y)
    assert np.array_equal(y, np.roll(X, (1, 2), (0, 1)))


SQUARE, OTHER = X[:, :4] @ X[:, :4].T + np.eye(4), Y[:, :4]
MORE: list[Any] = [
    (lambda x: np.maximum(x, 0.1), X),
    (lambda x: np.maximum(x, x[:, ::-1]), X),
    (lambda x: np.minimum(np.where(MASK, 0.5, x), 0.5), X),
    (lambda x: np.abs(x) ** np.abs(x[::-1]), X),
    (lambda x: np.hypot(x, 0.0 * x), X),
    (lambda x: np.arctan2(x, x[::-1]), X),
    (lambda x: np.max(x, axis=1), X),
    (lambda x: np.amin(x, 0, keepdims=True), X),
    (lambda x: x.max(axis=(0, 1)), X),
    (lambda x: np.add.reduce(x), X),
    (lambda x: np.add.reduce(x, axis=None, keepdims=True), X),
    (lambda x: np.mean(x, axis=(0, 1)), X),
    (lambda x: np.hstack([x, 2.0 * x]), V),
    (lambda x: np.hstack([x, Y]), X),
    (lambda x: np.vstack([x, W, Y]), V),
    (lambda x: np.vstack([x[0], x]), X),
    (lambda x: np.column_stack([x[:, 0], x]), X),
    (lambda x: np.append(x, x[0]), X),
    (lambda x: np.append(W, x), V),
    (lambda x: np.append(x, Y, axis=0), X),
    (lambda x: np.inner(x, W), V),
    (lambda x: np.inner(x, Y), X),
    (lambda x: np.inner(x[0], x), X),
    (lambda x: np.vdot(x, x), V),
    (lambda x: np.trace(x), X),
    (lambda x: np.trace(x), X.T),
    (lambda x: np.trace(x, 1), X),
    (lambda x: np.squeeze(x[:, None]), X),
    (lambda x: np.squeeze(x[None, :, None], 0), X),
    (lambda x: np.linalg.cholesky(SQUARE + 0.1 * (x + x.T)), OTHER),
    (lambda x: np.einsum("ij,jk->ik", x, OTHER), SQUARE),
    (lambda x: np.einsum("ij,kj", x, x), X),
    (lambda x: np.einsum("ij,ij->", x, Y), X),
    (lambda x: np.einsum("ij,j->i", x, W[:1]), X[:, :1]),
    (lambda x: np.einsum("ij,ij->ij", x[:1], Y), X),
    (lambda x: np.einsum("i,ij,j->", x[:, 0], x, x[0]), X),
    (lambda x: np.einsum("i,ij->j", x[:, 0], x), X),
    (lambda x: np.einsum("...j,j", x, W), X),
    (lambda x: np.einsum("ij->ji", x) * 2.0, X),
    (lambda x: np.einsum("ij->i", x), X),
    (lambda x: np.einsum("ii->", x), OTHER),
    (lambda x: np.einsum("ii->i", x), OTHER),
    (lambda x: np.einsum("ii,i->", x, W[:4]), OTHER),
    (lambda x: np.einsum("iij->", x), X.reshape(2, 2, 5)),
    (lambda x: x * W[:1], X),
    (lambda x: x * x[:, :1], X),
    (lambda x: x / (x[0] + 3.0), X),
    (lambda x: x[:, None] * x[0], X),
    (lambda x: x * np.sum(x), X),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(CALLS + MORE)))
def test_by_differences(k: int) -> None:
    f, x = (CALLS + MORE)[k]
    y, back = pullback(f, x)
    assert np.array_equal(y, f(x)) or np.allclose(y, f(x), rtol=1e-14)
    assert_gradient(lambda x: np.sum(np.sin(f(x))), x)
    w = np.random.default_rng(k).normal(size=np.shape(y))[()]
    assert np.array_equal(back(w)[0], back(w)[0])
    assert_second_order(lambda x: np.sum(w * f(x) ** 2), x)


def test_shares_and_numbers_that_are_none() -> None:
    """What is attained twice goes in equal shares, what is no number nowhere."""
    x = np.array([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]])
    np.testing.assert_array_equal(gradient(np.max, x)[0], [[0, 0.5, 0.5], [0, 0, 0]])
    (dx,) = gradient(lambda x: np.sum(x.max(axis=1) * np.array([2.0, 5.0])), x)
    np.testing.assert_array_equal(dx, [[0, 1, 1], [5, 0, 0]])
    a, b = gradient(lambda a, b: np.sum(np.maximum(a, b)), x[0], x[0][::-1].copy())
    np.testing.assert_array_equal([a, b], [[0, 0.5, 1], [1, 0.5, 0]])
    x[0, 0] = np.nan
    np.testing.assert_array_equal(pullback(np.max, x)[1](1.0)[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(gradient(lambda x: np.sum(np.maximum(x, 1.0)), x)[0][0, 0], 0)


def test_limits_in_the_wrong_order() -> None:
    x = np.array([0.0, 1.0, 1.5, 2.0, 3.0])  # np.clip gives 1.0 everywhere
    for low, high in ((2.0, 1.0), (np.full(5, 2.0), np.ones(5))):
        dx = gradient(lambda x, a=low, b=high: np.sum(np.clip(x, a, b)), x)[0]
        np.testing.assert_array_equal(dx, np.zeros(5))


def test_a_view_by_einsum_is_no_copy() -> None:
    def f(x: Any) -> Any:
        y = np.einsum("ij->ji", x)
        x[0] = 0.0
        return np.sum(y * Y.T)

    with pytest.raises(TypeError):
        gradient(f, X)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
def test_variances_without_freedom_and_of_chosen_numbers() -> None:
    assert np.isnan(gradient(lambda x: np.var(x, ddof=1), np.ones(1))[0]).all()
    x = np.array([1.0, np.nan, 4.0, 5.0])
    chosen = ~np.isnan(x)
    for f, g in ((np.var, np.nanvar), (np.std, np.nanstd), (np.mean, np.nanmean)):
        dx = gradient(lambda x, f=f: f(x, where=chosen), x)[0]
        assert dx[1] == 0.0
        np.testing.assert_allclose(dx[chosen], gradient(f, x[chosen])[0])
        np.testing.assert_allclose(gradient(g, x)[0], dx)
