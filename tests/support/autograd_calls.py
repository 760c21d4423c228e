"""Calls of autograd's own primitives, to compare what they give with what their rules give."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import autograd.misc.fixed_points
import autograd.numpy as anp
import autograd.scipy.integrate
import autograd.scipy.linalg
import autograd.scipy.signal
import autograd.scipy.special
import autograd.scipy.stats  # noqa: F401
import numpy as np
from autograd.core import primitive_vjps, vspace

from .numpy_calls import CALLS, POOL, B, M, X, Y

Z = X + 1j * Y
D = np.array([[2, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.2]])
_MORE: dict[str, list[tuple[Any, ...]]] = {
    "add": [(vspace(X), X, Y)],
    "mut_add": [(vspace(X), X.copy(), Y)],
    "scalar_mul": [(vspace(X), X, 0.3)],
    "covector": [(vspace(Z), Z)],
    "inner_prod": [(vspace(X), X, Y)],
    "container_take": [((X, Y), 1)],
    "sequence_extend_right": [((X,), Y)],
    "sequence_extend_left": [((X,), Y)],
    "make_sequence": [(tuple, X, Y)],
    "_make_dict": [(["a", "b"], [X, Y])],
    "dot_adjoint_0": [(M, M, M, vspace(M))],
    "dot_adjoint_1": [(M, M, M, vspace(M))],
    "tensordot_adjoint_0": [(M, M, M, 1, 2, 2)],
    "tensordot_adjoint_1": [(M, M, M, 1, 2, 2)],
    "concatenate_args": [(0, X, Y)],
    "make_diagonal": [(X, 0, -1, -2)],
    "array_from_args": [((), {}, 0.3, 0.4)],
    "_array_from_scalar_or_array": [((), {}, X)],
    "__getitem__": [(X, slice(1, 3)), (M, np.array([0, 0, 2]))],
    "untake": [(X[:2], np.array([1, 2]), vspace(X))],
    "truncate_pad": [(X, (3,))],
    "convolve": [(X, Y[:2])],
    "einsum": [("ij,jk->ik", M, M)],
    "pad": [(X, 2, "constant")],
    "fixed_point": [
        (lambda a: lambda x: 0.5 * (x + a / x), 2.0, 1.0, lambda a, b: abs(a - b), 1e-13)
    ],
    "full": [((3,), 0.7)],
    "gradient": [(X,)],
    "arctanh": [(X * 0.9,)],
    "arccos": [(X * 0.9,)],
    "vsplit": [(M, 3)],
    "hsplit": [(X, 2)],
    "multigammaln": [(X + 3, 2)],
    "polygamma": [(1, X)],
    "beta": [(X, Y)],
    "betainc": [(1.2, 2.1, X)],
    "jv": [(2, X)],
    "yn": [(2, X)],
    "iv": [(1.5, X)],
    "ive": [(1.5, X)],
    "gammainc": [(1.5, X)],
    "gammaincc": [(1.5, X)],
    "broadcast_to": [(X, (2, 4))],
    "linspace": [(0.3, 0.8, 4)],
    "eigh": [(M,)],
    "svd": [(M[:2],)],
    "odeint": [(lambda y, t, a: -y * a, B, np.array([0.0, 0.4, 0.9]), (0.7,))],
}
_POOL: list[tuple[Any, ...]] = [
    *[args for args in POOL if type(args[0]) is not list], (3, X), (np.array([1, 2]), X), (X, B[:1]), (X, 0.1, 1.5), (X, 2.0, 0.3, 1.2), (X, 2.5, 3.5), (np.array([1, 3]), 1.4), (X, X, M), (B, B, M), (B, B + 1), (X / X.sum(), X + 1), (D,),
]  # fmt: skip


def registrations() -> list[tuple[Any, Any]]:
    """Every primitive that autograd has a rule for, and its maker."""
    own = ("autograd", "numpy", "scipy")
    return [
        (f, maker)
        for f, maker in primitive_vjps.items()
        if maker.__module__.partition(".")[0] in own
    ]


def candidates(f: Any) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Arguments that `f` takes, each with the place of one that it can be differentiated by."""
    name = f.__name__
    given = _MORE.get(name) or [
        call
        for space in ("", "linalg.", "fft.", "scipy.special.", "scipy.linalg.")
        for call in CALLS.get(space + name, ())
        if not (len(call) == 2 and isinstance(call[1], dict))
    ]
    for args in copy.deepcopy(given or _POOL):  # a second argument of a ufunc is written into
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                finite = np.all(np.isfinite(anp.ravel(flat(f(*args)))))
            except Exception:
                continue
        if finite:
            for k, x in enumerate(args):
                if _is_smooth(x):
                    yield args, k


def _is_smooth(x: Any) -> bool:
    if isinstance(x, (tuple, list)):
        return bool(x) and all(map(_is_smooth, x))
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind in "fc")


def flat(y: Any) -> Any:
    """All numbers of a result."""
    if isinstance(y, dict):
        y = list(y.values())
    if isinstance(y, (tuple, list)):
        return anp.concatenate([flat(y[k]) for k in range(len(y))])
    if type(y).__name__ in ("SequenceBox", "DictBox"):
        keys = list(y.keys()) if hasattr(y, "keys") else range(len(y))
        return anp.concatenate([flat(y[k]) for k in keys])
    return anp.ravel(anp.real(y) * 0.7 + anp.imag(y) * 0.3 if anp.iscomplexobj(y) else y)
