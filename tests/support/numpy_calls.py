"""Calls of numpy's (and scipy's) public functions with numbers by which
they can be differentiated, one or more for each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

X = np.array([0.31, 0.73, 0.52, 0.94])
N = np.array([3, 1, 2])
Y = np.array([0.62, 0.15, 0.88, 0.41])
M = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.2]])
B = np.array([0.7, 0.2, 0.5])
MASK = np.array([True, False, True, True])

# What a function is tried with where nothing is said of it below: the first that it takes.
POOL: list[tuple[Any, ...]] = [
    (X,), (M,), (X, Y), (M, B), (M, M), (X, 2), (M, 2), (M, 1), (X, 0.5), (X, (2, 2)), (MASK, X), (2, X), (0.3, X, Y), ([X, Y],), (X, 0, 1), (N,), (N, N), (N, 2),
]  # fmt: skip

# name (with the namespace, where it is not numpy) -> calls,
# each a tuple of arguments or (arguments, keywords)
CALLS: dict[str, list[Any]] = {
    "apply_along_axis": [(np.sum, 0, M)],
    "apply_over_axes": [(np.sum, M, [0])],
    "arccosh": [(X + 1.5,)],
    "acosh": [(X + 1.5,)],
    "arange": [(0.3, 4.1)],
    "astype": [(X, float)],
    "average": [(X,), ((X,), {"weights": Y})],
    "block": [([[M, M], [M, M]],)],
    "broadcast_to": [(X, (3, 4))],
    "choose": [(np.array([0, 1, 1, 0]), [X, Y])],
    "clip": [(X, 0.4, 0.8)],
    "compress": [(MASK, X)],
    "convolve": [(X, Y[:2])],
    "copyto": [(X.copy(), Y)],
    "corrcoef": [(np.stack([X, Y]),)],
    "cov": [(np.stack([X, Y]),), ((np.stack([X, Y]),), {"aweights": Y})],
    "cross": [(X[:3], Y[:3])],
    "delete": [(X, 1)],
    "diff": [(X,)],
    "digitize": [(X, np.array([0.2, 0.6]))],
    "dsplit": [(X.reshape(1, 2, 2), 2)],
    "einsum": [("ij,j->i", M, B)],
    "einsum_path": [("ij,j->i", M, B)],
    "expand_dims": [(X, 0)],
    "extract": [(MASK, X)],
    "fill_diagonal": [(M.copy(), 0.5)],
    "full": [((3,), 0.7)],
    "full_like": [(X, 0.7)],
    "fromfunction": [(lambda i: i * 2.0, (3,))],
    "fromiter": [([0.3, 0.4], float)],
    "frompyfunc": [(lambda a: a * a, 1, 1)],
    "geomspace": [(0.5, 2.0, 4)],
    "hsplit": [(X, 2)],
    "heaviside": [(X - 0.5, 0.5)],
    "histogram": [(X,), ((X,), {"weights": Y})],
    "histogram2d": [(X, Y)],
    "histogramdd": [(np.stack([X, Y], 1),)],
    "insert": [(X, 1, 0.5)],
    "interp": [(0.4, np.arange(4.0), X), (X, np.arange(4.0) / 3, Y)],
    "isin": [(X, Y)],
    "ix_": [(X, Y)],
    "kaiser": [(4, 2.0)],
    "ldexp": [(X, 2)],
    "lexsort": [((X, Y),)],
    "linspace": [(0.3, 0.8, 4)],
    "logspace": [(0.3, 0.8, 4)],
    "matvec": [(M, B)],
    "meshgrid": [(X, Y)],
    "moveaxis": [(M, 0, 1)],
    "pad": [(X, 2)],
    "partition": [(X, 2)],
    "percentile": [(X, 30.0)],
    "nanpercentile": [(X, 30.0)],
    "quantile": [(X, 0.3)],
    "nanquantile": [(X, 0.3)],
    "piecewise": [(X, [X > 0.5, X <= 0.5], [np.sin, np.cos])],
    "place": [(X.copy(), MASK, Y)],
    "poly": [(X,)],
    "polydiv": [(X, Y[:2])],
    "polyfit": [(X, Y, 2)],
    "polyval": [(X, Y)],
    "put": [(X.copy(), [1, 2], Y[:2])],
    "put_along_axis": [(X.copy(), np.array([1, 2]), Y[:2], 0)],
    "putmask": [(X.copy(), MASK, Y)],
    "repeat": [(X, 2)],
    "reshape": [(X, (2, 2))],
    "resize": [(X, (2, 3))],
    "roll": [(X, 1)],
    "rollaxis": [(M, 1)],
    "save": [(os.devnull, X)],
    "savetxt": [(os.devnull, X)],
    "savez": [(os.devnull, X)],
    "savez_compressed": [(os.devnull, X)],
    "searchsorted": [(np.sort(X), Y)],
    "select": [([X > 0.5, X <= 0.5], [X, Y])],
    "split": [(X, 2)],
    "array_split": [(X, 3)],
    "squeeze": [(X[None],)],
    "swapaxes": [(M, 0, 1)],
    "take": [(X, [1, 2])],
    "take_along_axis": [(X, np.array([1, 2]), 0)],
    "tensordot": [(M, M)],
    "tile": [(X, 2)],
    "tri": [(3,)],
    "unravel_index": [(np.array([1, 2]), (2, 2))],
    "vander": [(X,)],
    "vecmat": [(B, M)],
    "vsplit": [(M, 3)],
    "where": [(MASK, X, Y)],
    "linalg.multi_dot": [([M, M, B],)],
    "linalg.lstsq": [(M, B)],
    "linalg.matrix_power": [(M, 3)],
    "linalg.tensorsolve": [(M, B)],
    "linalg.tensorinv": [((M, 1), {}), ],
    "linalg.cross": [(X[:3], Y[:3])],
    "linalg.vecdot": [(X, Y)],
    "fft.fftfreq": [(6, 0.4)],
    "fft.rfftfreq": [(6, 0.4)],
    "fft.irfft": [(X,)],
    "emath.logn": [(2.0, X)],
    "scipy.special.eval_jacobi": [(2, 0.5, 0.7, X)],
    "scipy.special.expn": [(2, X)],
    "scipy.special.hyp2f1": [(0.5, 1.2, 2.0, X)],
    "scipy.special.kn": [(2, X)],
    "scipy.special.polygamma": [(1, X)],
    "scipy.special.yn": [(2, X)],
    "scipy.stats.bernoulli": [(1, 0.4)],
    "scipy.stats.binom": [(2, 5, 0.4)],
    "scipy.linalg.cho_solve": [((np.linalg.cholesky(M), True), B)],
    "scipy.linalg.solve_banded": [((1, 1), np.array([[0, 0.3, 0.2], [2, 1.5, 1.2], [0.3, 0.2, 0]]), B)],
    "scipy.linalg.solve_sylvester": [(M, M, M)],
    "scipy.linalg.solve_triangular": [(M, B)],
    "scipy.integrate.odeint": [(lambda y, t: -y * y, B, np.array([0.0, 0.4, 0.9]))],
}  # fmt: skip


class Call:
    """One call: a function, its arguments,
    and the places of those that are floating point numbers."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.by_name = [k for k, x in kwargs.items() if _is_smooth(x)]
        self.places = [k for k, x in enumerate(args) if _is_smooth(x)]

    def one_by_one(self) -> Iterator[Call]:
        """The same call by each of its positional arguments alone."""
        for place in self.places:
            alone = Call(self.function, self.args, self.kwargs)
            alone.places, alone.by_name = [place], []
            yield alone

    @property
    def numbers(self) -> list[Any]:
        """The arguments by which it can be differentiated."""
        return [*(self.args[k] for k in self.places), *(self.kwargs[k] for k in self.by_name)]

    def __call__(self, *numbers: Any, function: Any = None) -> Any:
        """The sum of all floating point numbers of the result, each with a weight of its own."""
        args, given = list(self.args), iter(numbers)
        for k in self.places:
            args[k] = _own(next(given))
        kwargs = {**self.kwargs, **{name: _own(next(given)) for name in self.by_name}}
        y = (function or self.function)(*args, **kwargs)
        return weighted(args[0] if y is None else y)


def _is_smooth(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return bool(x) and all(map(_is_smooth, x))
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind in "fc")


def _own(x: Any) -> Any:
    """An argument that may be written to."""
    return x.copy() if type(x) is np.ndarray else x


def weighted(y: Any) -> Any:
    """A number made of all floating point numbers in a result."""
    if isinstance(y, (tuple, list)):
        return sum((weighted(part) * (1.0 + k / 7) for k, part in enumerate(y)), 0.0)
    kind = getattr(getattr(y, "dtype", None), "kind", "f" if isinstance(y, float) else "")
    if kind not in ("f", "c"):
        return 0.0
    w = np.cos(np.arange(float(np.prod(np.shape(y))))).reshape(np.shape(y))
    if kind == "c":
        return (y.real * w).sum() + (y.imag * (w + 0.5)).sum()
    return (y * w).sum()


def calls(name: str, function: Callable[..., Any]) -> Iterator[Call]:
    """The calls of a function of that name;
    of the pool, if there are none for it, the first that it takes."""
    given = CALLS.get(name)
    for one in given if given is not None else POOL:
        keywords = len(one) == 2 and isinstance(one[0], tuple) and isinstance(one[1], dict)
        call = Call(function, *one) if keywords else Call(function, one, {})
        if given is not None:
            yield call
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call(*call.numbers)
            except Exception:
                continue
        yield call
        return
