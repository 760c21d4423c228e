#!/usr/bin/env python3
"""What each way to write an operation costs on the tape, beside the nearest one that is fast.

    python benchmarks/cliffs.py [--only a,b] [--repeat N] [--all]

On small arrays, where the tape is all there is. The cost of a form is that of its forward and its
way back, less what numpy takes for the form (more, where that takes longer than for its sibling);
one that costs more than three times its sibling is printed, and makes the command fail where
that is by more than the noise.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime import pullback

LIMIT = 3.0
NOISE = 1.25  # by which a busy machine may have it wrong
TIMES = 20  # a form within one trace
Form = Callable[..., Any]

rng = np.random.default_rng(0)
x, y, v, w = rng.uniform(0.5, 1.5, (4, 10))
X, Y = rng.uniform(0.5, 1.5, (2, 4, 4))
S = X @ X.T + np.eye(4)
T = rng.uniform(size=(2, 3, 4))
u, q = rng.uniform(size=(2, 4))
s, t = np.float64(0.7), np.float64(1.3)
mask, idx, grid = x > 1.0, np.array([0, 3, 3]), np.linspace(0.0, 2.0, 10)
F, G = X.astype("f4"), Y.astype("f4")
f4, g4 = x.astype("f4"), y.astype("f4")
C, D = x + 1j * y, y - 1j * x

# group -> arguments, the form that is fast, the others
GROUPS: dict[str, tuple[tuple[Any, ...], dict[str, Form]]] = {
    "two arrays": ((x, y), {
        "x * y": lambda x, y: x * y,
        "x + y": lambda x, y: x + y,
        "x / y": lambda x, y: x / y,
        "np.multiply": np.multiply,
        "np.where": lambda x, y: np.where(mask, x, y),
    }),
    "an array and a constant": ((x,), {
        "x * 0.9": lambda x: x * 0.9,
        "np.float64 * x": lambda x: s * x,
        "x * array": lambda x: x * y,
        "x * np.array(0.9)": lambda x: x * np.asarray(0.9),
        "x ** 2": lambda x: x**2,
        "x ** 3": lambda x: x**3,
        "1 / x": lambda x: 1 / x,
        "x // 0.3": lambda x: x // 0.3,
        "x % 0.3": lambda x: x % 0.3,
        "np.power(x, 2)": lambda x: np.power(x, 2),
        "np.clip(x, 0, 1)": lambda x: np.clip(x, 0, 1),
        "x.clip(0, 1)": lambda x: x.clip(0, 1),
        "np.where(x > 1, x, 0.0)": lambda x: np.where(x > 1, x, 0.0),
    }),
    "powers": ((x, y), {
        "x ** 2.5": lambda x, y: x**2.5,
        "2.0 ** x": lambda x, y: 2.0**x,
        "x ** y": lambda x, y: x**y,
        "np.power": np.power,
        "np.float_power": np.float_power,
    }),
    "the larger of two": ((x, y), {
        "np.maximum(x, 0.0)": lambda x, y: np.maximum(x, 0.0),
        "np.maximum(0.0, x)": lambda x, y: np.maximum(0.0, x),
        "np.maximum(x, y)": np.maximum,
        "np.minimum(x, y)": np.minimum,
        "np.fmax": np.fmax,
    }),
    "functions of two arrays": ((x, y), {
        "np.arctan2": np.arctan2,
        "np.hypot": np.hypot,
        "np.logaddexp": np.logaddexp,
        "np.logaddexp(0.0, x)": lambda x, y: np.logaddexp(0.0, x),
    }),
    "one array": ((x,), {
        "np.sin": np.sin,
        "np.exp": np.exp,
        "np.sqrt": np.sqrt,
        "np.square": np.square,
        "np.abs": np.abs,
        "abs": abs,
        "np.sign": np.sign,
        "np.sinc": np.sinc,
        "-x": lambda x: -x,
        "np.copy": np.copy,
        "x.copy()": lambda x: x.copy(),
        "x.astype(float)": lambda x: x.astype(float),
        "x.astype('f4')": lambda x: x.astype("f4"),
    }),
    "shapes that broadcast": ((X, u), {
        "X + v": lambda X, v: X + v,
        "X * v": lambda X, v: X * v,
        "X * v[:, None]": lambda X, v: X * v[:, None],
        "X - v[:, None]": lambda X, v: X - v[:, None],
        "X / v[:, None]": lambda X, v: X / v[:, None],
        "X * v[0]": lambda X, v: X * v[0],
        "X * v[:1]": lambda X, v: X * v[:1],
    }),
    "numbers": ((s, t), {
        "s * t": lambda s, t: s * t,
        "s + t": lambda s, t: s + t,
        "s ** 2": lambda s, t: s**2,
        "max(s, t)": lambda s, t: max(s, t),
    }),
    "functions of numbers": ((s,), {
        "np.sin(s)": np.sin,
        "np.exp(s)": np.exp,
        "np.maximum(s, 0.0)": lambda s: np.maximum(s, 0.0),
    }),
    "single precision": ((f4, g4), {
        "x * y": lambda x, y: x * y,
        "x + y": lambda x, y: x + y,
        "x * 0.9": lambda x, y: x * 0.9,
        "np.sin": lambda x, y: np.sin(x),
    }),
    "complex": ((C, D), {
        "x * y": lambda x, y: x * y,
        "np.exp": lambda x, y: np.exp(x),
        "x + y": lambda x, y: x + y,
        "x * 1j": lambda x, y: x * 1j,
    }),
    "sums": ((X,), {
        "X.sum()": lambda X: X.sum(),
        "np.sum(X)": np.sum,
        "np.sum(X, axis=0)": lambda X: np.sum(X, axis=0),
        "np.sum(X, 0)": lambda X: np.sum(X, 0),
        "X.sum(0)": lambda X: X.sum(0),
        "X.sum(axis=1, keepdims=True)": lambda X: X.sum(axis=1, keepdims=True),
        "np.sum(X, axis=(0, 1))": lambda X: np.sum(X, axis=(0, 1)),
        "np.add.reduce(X)": np.add.reduce,
        "np.add.reduce(X, axis=None)": lambda X: np.add.reduce(X, axis=None),
        "np.mean(X)": np.mean,
        "X.mean()": lambda X: X.mean(),
        "np.average(X)": np.average,
        "np.nansum(X)": np.nansum,
        "np.var(X)": np.var,
        "np.std(X)": np.std,
        "np.prod(X)": np.prod,
        "X.max()": lambda X: X.max(),
        "np.max(X)": np.max,
        "np.amax(X)": np.amax,
        "X.max(axis=1)": lambda X: X.max(axis=1),
        "np.amax(X, axis=1)": lambda X: np.amax(X, axis=1),
        "np.min(X, axis=0)": lambda X: np.min(X, axis=0),
        "np.trace(X)": np.trace,
        "np.linalg.norm(X)": np.linalg.norm,
        "np.linalg.norm(X, axis=1)": lambda X: np.linalg.norm(X, axis=1),
        "np.median(X)": np.median,
    }),
    "single precision sums": ((F,), {
        "X.sum()": lambda X: X.sum(),
        "X.max()": lambda X: X.max(),
        "X.mean(axis=0)": lambda X: X.mean(axis=0),
    }),
    "products of matrices": ((X, Y), {
        "X @ Y": lambda X, Y: X @ Y,
        "X.dot(Y)": lambda X, Y: X.dot(Y),
        "np.dot": np.dot,
        "np.matmul": np.matmul,
        "np.tensordot": lambda X, Y: np.tensordot(X, Y, 1),
        "np.einsum('ij,jk->ik')": lambda X, Y: np.einsum("ij,jk->ik", X, Y),
        "np.einsum('ij,jk')": lambda X, Y: np.einsum("ij,jk", X, Y),
        "np.inner": np.inner,
        "np.kron": np.kron,
    }),
    "of single precision": ((X, Y), {
        "X @ Y": lambda X, Y: X @ Y,
    }),
    "matrix and vector": ((X, u), {
        "X @ v": lambda X, v: X @ v,
        "v @ X": lambda X, v: v @ X,
        "np.dot(X, v)": np.dot,
        "np.einsum('ij,j->i')": lambda X, v: np.einsum("ij,j->i", X, v),
        "np.einsum('i,ij,j->')": lambda X, v: np.einsum("i,ij,j->", v, X, v),
    }),
    "vectors": ((v, w), {
        "v @ w": lambda v, w: v @ w,
        "np.dot": np.dot,
        "np.inner": np.inner,
        "np.vdot": np.vdot,
        "np.outer": np.outer,
        "np.einsum('i,i->')": lambda v, w: np.einsum("i,i->", v, w),
        "np.sum(v * w)": lambda v, w: np.sum(v * w),
        "np.cross": lambda v, w: np.cross(v[:3], w[:3]),
    }),
    "einsum of one, and of all": ((X, Y), {
        "np.sum(X * Y)": lambda X, Y: np.sum(X * Y),
        "np.einsum('ij,ij->')": lambda X, Y: np.einsum("ij,ij->", X, Y),
        "np.einsum('ii->')": lambda X, Y: np.einsum("ii->", X),
        "np.einsum('ij->ji')": lambda X, Y: np.einsum("ij->ji", X),
    }),
    "elements": ((x,), {
        "x[3]": lambda x: x[3],
        "x[-1]": lambda x: x[-1],
        "x[np.int64(3)]": lambda x: x[np.int64(3)],
        "x.item(3)": lambda x: x.item(3),
    }),
    "all elements": ((u,), {
        "v[0], v[1], v[2], v[3]": lambda v: (v[0], v[1], v[2], v[3]),
        "a, b, c, d = v": lambda v: tuple(v),
        "sum(v)": sum,
    }),
    "slices": ((X,), {
        "X[1:]": lambda X: X[1:],
        "X[0]": lambda X: X[0],
        "X[:, 1]": lambda X: X[:, 1],
        "X[..., 0]": lambda X: X[..., 0],
        "X[:, None]": lambda X: X[:, None],
        "X[::-1]": lambda X: X[::-1],
        "X[1, 2]": lambda X: X[1, 2],
    }),
    "gathers": ((x,), {
        "x[idx]": lambda x: x[idx],
        "x[[0, 3, 3]]": lambda x: x[[0, 3, 3]],
        "x[mask]": lambda x: x[mask],
        "x.take(idx)": lambda x: x.take(idx),
        "np.take(x, idx)": lambda x: np.take(x, idx),
        "np.compress": lambda x: np.compress(mask, x),
        "np.roll": lambda x: np.roll(x, 1),
        "np.flip": np.flip,
        "np.sort": np.sort,
        "np.cumsum": np.cumsum,
        "np.diff": np.diff,
        "np.repeat": lambda x: np.repeat(x, 2),
        "np.tile": lambda x: np.tile(x, 2),
        "np.pad": lambda x: np.pad(x, 1),
        "np.split": lambda x: np.split(x, 2)[0],
        "np.interp": lambda x: np.interp(x, grid, y),
    }),
    "shapes": ((X,), {
        "X.reshape(-1)": lambda X: X.reshape(-1),
        "X.reshape(2, 8)": lambda X: X.reshape(2, 8),
        "np.reshape": lambda X: np.reshape(X, (2, 8)),
        "X.T": lambda X: X.T,
        "np.transpose": np.transpose,
        "X.ravel()": lambda X: X.ravel(),
        "X.flatten()": lambda X: X.flatten(),
        "X.swapaxes(0, 1)": lambda X: X.swapaxes(0, 1),
        "np.moveaxis": lambda X: np.moveaxis(X, 0, 1),
        "np.expand_dims": lambda X: np.expand_dims(X, 0),
        "np.squeeze": lambda X: np.squeeze(X[None]),
        "np.atleast_2d": lambda X: np.atleast_2d(X[0]),
        "np.broadcast_to": lambda X: np.broadcast_to(X, (2, 4, 4)),
    }),
    "parts of matrices": ((X,), {
        "np.diagonal": np.diagonal,
        "np.tril": np.tril,
        "np.triu": np.triu,
        "np.diag(X)": np.diag,
        "np.diag(v)": lambda X: np.diag(X[0]),
    }),
    "joining": ((u, q), {
        "np.concatenate": lambda v, w: np.concatenate((v, w)),
        "np.stack": lambda v, w: np.stack((v, w)),
        "np.hstack": lambda v, w: np.hstack((v, w)),
        "np.vstack": lambda v, w: np.vstack((v, w)),
        "np.column_stack": lambda v, w: np.column_stack((v, w)),
        "np.append": np.append,
        "np.array([v, w])": lambda v, w: np.array([v, w]),
    }),
    "joining numbers": ((s, t), {
        "np.stack([s, t])": lambda s, t: np.stack([s, t]),
        "np.array([s, t])": lambda s, t: np.array([s, t]),
        "np.array([[s, t], [t, s]])": lambda s, t: np.array([[s, t], [t, s]]),
    }),
    "linear algebra": ((S, u), {
        "np.linalg.inv": lambda S, v: np.linalg.inv(S),
        "np.linalg.solve": np.linalg.solve,
        "np.linalg.det": lambda S, v: np.linalg.det(S),
        "np.linalg.slogdet": lambda S, v: np.linalg.slogdet(S)[1],
        "np.linalg.cholesky": lambda S, v: np.linalg.cholesky(S),
        "np.linalg.matrix_power": lambda S, v: np.linalg.matrix_power(S, 3),
    }),
    "eigenvalues": ((S,), {
        "np.linalg.eigvalsh": np.linalg.eigvalsh,
        "np.linalg.svd": lambda S: np.linalg.svd(S)[1],
        "np.linalg.eigh": lambda S: np.linalg.eigh(S)[0],
    }),
    "updates": ((x,), {
        "z[2] = x[1]": lambda x: _set(x * 1, 2, x[1]),
        "z[2:4] += x[1:3]": lambda x: _add(x * 1, slice(2, 4), x[1:3]),
    }),
}  # fmt: skip
GROUPS["of single precision"][1]["single X @ Y"] = lambda X, Y: X @ Y
OTHER_ARGUMENTS = {"single X @ Y": (F, G)}


def _set(z: Any, index: Any, value: Any) -> Any:
    z[index] = value
    return z


def _add(z: Any, index: Any, value: Any) -> Any:
    z[index] += value
    return z


def seconds(run: Callable[[], Any], budget: float = 0.004) -> float:
    start = time.process_time()
    calls = 0
    while time.process_time() - start < budget:
        run()
        calls += 1
    return (time.process_time() - start) / calls / TIMES


def runs_of(form: Form, args: tuple[Any, ...]) -> dict[str, Callable[[], Any]]:
    def many(*args: Any) -> Any:
        return [form(*args) for _ in range(TIMES)]

    def none(*args: Any) -> Any:
        return [args[0] for _ in range(TIMES)]

    ones = [_ones(part) for part in many(*args)]
    same = [_ones(part) for part in none(*args)]
    return {
        "numpy": lambda: many(*args),
        "tape": lambda: pullback(many, *args)[1](ones),
        "empty": lambda: pullback(none, *args)[1](same),
    }


def _ones(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_ones, value))
    return np.ones_like(value)[()] if np.asarray(value).dtype.kind in "fc" else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="groups, or their beginnings, with commas")
    parser.add_argument("--repeat", type=int, default=7, help="rounds (7)")
    parser.add_argument("--all", action="store_true", help="print all forms, not those too slow")
    options = parser.parse_args()
    wanted = tuple(filter(None, options.only.split(",")))
    failed = 0
    print(f"{'form':32} {'numpy':>8} {'tape':>8} {'/ sibling':>10}")
    for group, (args, forms) in GROUPS.items():
        if wanted and not group.startswith(wanted):
            continue
        runs = {n: runs_of(f, OTHER_ARGUMENTS.get(n, args)) for n, f in forms.items()}
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in forms}
        for _ in range(options.repeat):
            for name, run in runs.items():
                numpy = seconds(run["numpy"])
                rounds[name].append((numpy, seconds(run["tape"]) - seconds(run["empty"])))
        cost = {n: [statistics.median(part) for part in zip(*found)] for n, found in rounds.items()}
        fast_numpy, fast = next(iter(cost.values()))
        print(f"-- {group}")
        for name, (numpy, tape) in cost.items():
            ratio = tape / fast / max(1.0, numpy / fast_numpy)
            failed += ratio > LIMIT * NOISE
            if options.all or ratio > LIMIT:
                flag = "  <--" if ratio > LIMIT * NOISE else ""
                print(f"{name:32} {numpy * 1e6:8.2f} {tape * 1e6:8.2f} {ratio:10.2f}{flag}")
    print(f"{failed} forms cost more than {LIMIT} times their sibling")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
