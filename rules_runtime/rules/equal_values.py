"""How the vectors of equal eigenvalues (and singular values) mix:
not known from the cotangent, and never guessed.

A rule divides the cotangent of the mixing of two vectors by the gap of their values. At a gap of 0
the cotangent ``x = V^H gV`` vanishes in its antisymmetric part for every function that has a
derivative there, and the quotient is 0/0. It is 0 for a function of the subspace (a projector) and
something else for a function of the matrix (a square root), and both have the same cotangent. So it
is 0 where nothing of the cotangent lies within the tie, or where the caller has said that only
subspaces matter; else NaN, with a warning.

Where the cotangent of both vectors vanishes and that of their values does not, it may be that of a
logarithm at 1, whose value is 0 there: that, too, is NaN.
Gaps of a few units of rounding are rounding.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from rules_runtime.forms import primal
from rules_runtime.kernels.others import is_lazy
from rules_runtime.rules.python_functions import python_function
from rules_runtime.tangents import AbstractZero
from rules_runtime.ties import only_subspaces_matter

GAP = 8  # how many units of rounding, times the size of the matrix, are no gap
NOTHING = 64  # the same for a cotangent that is nothing


def _largest(x: Any) -> Any:
    """The largest absolute value of each matrix of a stack."""
    return np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0.0)


def rounding(w: Any) -> Any:
    """What a computed value may be off by; `w` are the values of a stack of matrices.
    With two more axes of length 1."""
    w = primal(w)
    units = GAP * max(w.shape[-1], 8) * float(np.finfo(w.dtype).eps)
    return units * np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]


class Cotangent:
    """How much of the cotangent of vectors, and of their values, there is:
    to see what of it is nothing but rounding."""

    def __init__(self, w: Any, gw: Any, *vectors: Any) -> None:
        given = [np.abs(primal(gv)) for gv in vectors]
        w = primal(w)
        eps = float(np.finfo(w.dtype).eps)
        self.nothing = NOTHING * max(w.shape[-1], 8) * eps * sum(map(_largest, given))
        self.columns: Any = sum(np.sum(gv, axis=-2) for gv in given)[..., None, :] > self.nothing
        if isinstance(gw, AbstractZero):
            self.values: Any = np.zeros(self.columns.shape, dtype=bool)
        else:
            size = np.abs(primal(gw))[..., None, :]
            scale = np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]
            # what both say of the matrix: gw of its size, gV of its size over that of the values
            whole = np.max(size, axis=-1, keepdims=True, initial=0.0) * scale
            self.values = size * scale > NOTHING * eps * whole + self.nothing
            self.values = self.values | ((scale == 0.0) & (size > 0.0))


def divided(x: Any, gaps: Any) -> Any:
    """``x / gaps`` where none are tied. Of arrays whose numbers cannot be looked at: 0/0 is 0."""
    if not is_lazy(primal(gaps)):
        return x / gaps
    tied, nothing = primal(gaps) == 0.0, primal(x) == 0.0
    return x * np.where(tied, np.where(nothing, 0.0, np.nan), 1.0 / np.where(tied, 1.0, gaps))


def quotient(x: Any, gaps: Any, tied: Any, known: Any, function: str) -> Any:
    """``x / gaps``; where they are `tied` 0 if that is `known`, and NaN if not.

    Warns of the latter, and names the function.
    How the zeros change is known only if the caller has said so.
    """
    if (tied & ~known).any():
        _warn(function)
    fill = np.where(known, 0.0, np.nan)
    found = x * np.where(tied, fill, 1.0 / np.where(tied, 1.0, gaps))
    return found if only_subspaces_matter() else found + unknown(x, tied & known, function)


def commuted(x: Any, gaps: Any, tied: Any, known: Any, block: Any, function: str) -> Any:
    """The `quotient` where the values of each tie are the eigenvalues
    of a `block` of the matrix: ``y w - w y = x``.

    At the point the block is diagonal. Off the diagonal it is zeros that change with the matrix,
    which the derivative of this derivative needs.
    """
    y = quotient(x, gaps, tied, known, function)
    if block is None:
        return y
    return y + (block @ y - y @ block) * np.where(tied, 0.0, 1.0 / np.where(tied, 1.0, gaps))


def is_traced(x: Any) -> bool:
    return hasattr(type(x), "__traced_value__")


def unknown(x: Any, places: Any, function: str) -> Any:
    """Zeros. How they change with x at some places, nobody knows: that is NaN, with a warning."""
    return _unknown(x, places, function) if is_traced(x) else 0.0


def _unknown(x: Any, places: Any, function: str) -> Any:
    return np.zeros(np.shape(x), x.dtype)


def _unknown_vjp(g: Any, y: Any, x: Any, places: Any, function: str) -> Any:
    size = np.abs(primal(g))
    missing = places & (size > NOTHING * np.finfo(size.dtype).eps * _largest(size))
    if missing.any():
        _warn(function)
    return np.where(missing, np.nan, 0.0)


python_function(_unknown, _unknown_vjp)


def _warn(function: str) -> None:
    what = "singular" if function == "svd" else "eigen"
    space = " " if what == "singular" else ""
    warnings.warn(
        f"a derivative of {function} is NaN: some {what}{space}values are equal (up to rounding), and how their vectors "
        "turn into each other is asked for. If the function depends on nothing but the subspace that they span, take its "
        "gradient inside `with rules_runtime.tied_subspaces():`. If it is a function of the matrix, use one that has a rule "
        "(scipy.linalg.sqrtm, logm, expm, np.linalg.inv, ...), or write a rule for it.",
        RuntimeWarning,
        stacklevel=2,
    )
