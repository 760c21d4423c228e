"""Functions of arrays that any library can compute that speaks numpy's protocols,
and numbers for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

rng = np.random.default_rng(5)
X, W, V = rng.normal(size=(7, 5)), rng.normal(size=(5, 3)), rng.normal(size=5)
P, S = np.abs(X) + 0.5, X.T @ X + np.eye(5)

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    # reductions
    "sum": (lambda x: np.sum(np.sum(x, axis=0) ** 2), (X,)),
    "sum, keepdims": (lambda x: np.sum(x / np.sum(x**2, axis=1, keepdims=True)), (X,)),
    "sum, two axes": (lambda x: np.sum(x, axis=(0, 1)) ** 2, (X,)),
    "method": (lambda x: x.sum(axis=1) @ np.arange(7.0), (X,)),
    "mean": (lambda x: np.mean(x, axis=1) @ np.arange(7.0), (X,)),
    "var": (lambda x: np.sum(np.var(x, axis=0) * np.arange(5.0)), (X,)),
    "std": (lambda x: np.sum(np.std(x, axis=1, keepdims=True, ddof=1) * x), (X,)),
    "average": (lambda x: np.sum(np.average(x, axis=0) ** 2), (X,)),
    "max": (lambda x: np.sum(np.max(x, axis=1) ** 2), (X,)),
    "min": (lambda x: np.min(x), (X,)),
    "prod": (lambda x: np.prod(x[0]) + np.sum(np.prod(x, axis=0)), (X,)),
    "ptp": (lambda x: np.ptp(x) ** 2, (X,)),
    "nansum": (lambda x: np.nansum(x**2) + np.nanmean(np.where(X > 1, np.nan, x) ** 2), (X,)),
    "cumsum": (lambda x: np.sum(np.cumsum(x, axis=0) ** 2), (X,)),
    "cumprod": (lambda x: np.sum(np.cumprod(x, axis=1)), (P,)),
    "norm": (lambda x: np.linalg.norm(x) + np.sum(np.linalg.norm(x, axis=1)), (X,)),
    "cov": (lambda x: np.sum(np.cov(x) ** 2), (X,)),
    # products
    "matmul": (lambda x, w: np.sum((x @ w) ** 2), (X, W)),
    "matrix @ vector": (lambda x, v: np.sum((x @ v) ** 2), (X, V)),
    "dot": (lambda x, w, v: np.sum(np.dot(x, w) ** 2) + np.dot(v, v), (X, W, V)),
    "tensordot": (lambda x, w: np.sum(np.tensordot(x, w, axes=([1], [0])) ** 3), (X, W)),
    "einsum": (lambda x, w: np.sum(np.einsum("ij,jk->ik", x, w) ** 2), (X, W)),
    "einsum to a number": (lambda x: np.einsum("ij,ij->", x, x) ** 2, (X,)),
    "outer": (lambda v: np.sum(np.outer(v, v) ** 3), (V,)),
    "x.T @ x": (lambda x: np.sum((x.T @ x) ** 2), (X,)),
    # elementwise
    "broadcasting": (lambda x, v: np.sum((x * v + v) ** 2 / (1.0 + v**2) - v), (X, V)),
    "exp, log": (lambda x: np.log(np.sum(np.exp(x - np.max(x)))), (X,)),
    "logsumexp of rows": (
        lambda x: np.sum(np.log(np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1))),
        (X,),
    ),
    "logaddexp": (lambda x, v: np.sum(np.logaddexp(x, v)), (X, V)),
    "unary": (
        lambda x: np.sum(np.sqrt(x) * np.log(x) + np.sin(x) * np.cos(x) + np.tanh(x) + np.log1p(x)),
        (P,),
    ),
    "powers": (lambda x: np.sum(x**1.5 + x**x + 2.0**x + np.square(x) + 1 / x), (P,)),
    "abs, sign": (lambda x: np.sum(np.abs(x) * x * np.sign(x)), (X,)),
    "maximum": (lambda x, v: np.sum(np.maximum(x, 0.1) ** 2 + np.minimum(x, v) ** 2), (X, V)),
    "clip": (lambda x: np.sum(np.clip(x, -0.5, 0.5) ** 2), (X,)),
    "arctan2, hypot": (lambda x, v: np.sum(np.arctan2(x, v) + np.hypot(x, v)), (X, V)),
    "where": (lambda x: np.sum(np.where(x > 0, x**2, -x) + np.where(X > 1, 2.0, x)), (X,)),
    "select": (lambda x: np.sum(np.select([x > 1, x < -1, x > 2], [x, x**2, x**3], 0.5)), (X,)),
    "argmax": (lambda x: np.sum(np.argmax(x, axis=1) * x[:, 0]), (X,)),
    "complex": (lambda x: np.sum(np.real(x * (1 + 1j)) ** 2 + np.abs(x * 1j) ** 3), (X,)),
    # shapes
    "concatenate": (lambda x: np.sum(np.concatenate([x, x * 2], axis=1) ** 2), (X,)),
    "stack": (lambda x: np.sum(np.stack([x, x * 2], axis=1) ** 3), (X,)),
    "vstack, hstack": (lambda x: np.sum(np.vstack([x, x]) ** 2) + np.sum(np.hstack([x, 2 * x]) ** 3), (X,)),
    "block": (lambda x, v: np.sum(np.block([[x], [2.0 * v]]) ** 2), (X, V)),
    "reshape": (lambda x: np.sum(x.reshape(7, 5, 1)[:, :, 0] ** 2) + np.sum(x.reshape(-1) ** 3), (X,)),
    "ravel": (lambda x: np.sum(np.ravel(x) ** 2) + np.sum(x.flatten() ** 3), (X,)),
    "axes": (
        lambda x: np.sum(np.transpose(x, (1, 0)) ** 3 + np.swapaxes(x, 0, 1) * np.moveaxis(x, 0, 1)),
        (X,),
    ),
    "broadcast_to": (lambda v: np.sum(np.broadcast_to(v, (4, 5)) ** 2), (V,)),
    "axes of one": (lambda x: np.sum(np.squeeze(x[:1]) ** 2) + np.sum(np.expand_dims(x, 1) ** 3), (X,)),
    "tile, repeat, pad": (
        lambda v: np.sum(np.tile(v, 3) ** 2) + np.sum(np.repeat(v, 3) ** 3) + np.sum(np.pad(v, 2) ** 2),
        (V,),
    ),
    "roll, flip": (lambda x: np.sum(np.roll(x, 2, axis=0) * x + np.flip(x, 0) * x), (X,)),
    "diff": (lambda x: np.sum(np.diff(x, axis=0) ** 2), (X,)),
    "diagonals": (
        lambda s, v: np.trace(s) ** 2 + np.sum(np.diag(s) ** 2 + np.diag(np.diag(v)) ** 2 + np.diag(s, 0)),
        (S, V),
    ),
    "tril": (lambda s: np.sum(np.tril(s) ** 2 * s.T), (S,)),
    "split": (lambda x: np.sum(np.split(x, [2], axis=1)[0] ** 2), (X,)),
    "astype": (lambda x: np.sum(x.astype("f4") ** 2), (X,)),
    # indices
    "slices": (lambda x: np.sum(x[1:-1, ::2] ** 2) + np.sum(x[::-1, 3] * x[::-2][1, 1]), (X,)),
    "numbers": (lambda x: x[2, 3] * x[1, 0] * np.sum(x[-1]), (X,)),
    "new axes": (lambda v: np.sum((v[:, None] - v[None, :]) ** 2 * np.arange(5.0)), (V,)),
    "Ellipsis": (lambda x: np.sum(x[..., 0] ** 2 * x[..., 1]), (X,)),
    "gather": (lambda x: np.sum(x[[0, 2, 2, -1]] ** 2) + np.sum(x[:, np.array([3, 3, 3])] ** 3), (X,)),
    "take": (lambda x: np.sum(np.take(x, [0, 2, 2], axis=0) ** 2 * x[:3]), (X,)),
    "mask": (lambda x: np.sum(x[X[:, 0] > 0] ** 2) + np.sum(x[:, X[0] > 0] ** 3), (X,)),
}  # fmt: skip
