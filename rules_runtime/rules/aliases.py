"""Functions of numpy that are others under a second name,
above all those of the array API in `numpy.linalg`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import FORMS, Form, constant, derivative
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.rules import elementwise as _elementwise  # noqa: F401  (declares what is named here)
from rules_runtime.rules import products as _products  # noqa: F401
from rules_runtime.rules import shapes as _shapes  # noqa: F401
from rules_runtime.rules.shapes import diagonal_vjp, trace_vjp


def _same(module: Any, alias: str, original: Callable[..., Any]) -> None:
    """Give `module.alias`, where this numpy has it, the rule of `original`."""
    function = getattr(module, alias, None)
    if function is None or function in FORMS:
        return
    form = FORMS[original]
    needs = None
    if form.keeps is not None:
        needs = "".join(map(str, sorted(form.keeps))) + "y" * form.keeps_result
    forward = None if form.forward is original else form.forward
    FORMS[function] = Form(function, form.vjps, needs, forward, form.broadcasts)


_same(np.linalg, "matmul", np.matmul)
_same(np.linalg, "tensordot", np.tensordot)
_same(np.linalg, "outer", np.outer)
_same(np.linalg, "matrix_transpose", getattr(np, "matrix_transpose", np.transpose))
_same(np, "row_stack", np.vstack)
constant(np.around)

if hasattr(np.linalg, "diagonal"):
    derivative(
        np.linalg.diagonal,
        lambda g, y, x, /, *, offset=0: diagonal_vjp(g, y, x, offset, -2, -1),
        needs="",
    )
    derivative(
        np.linalg.trace,
        lambda g, y, x, /, *, offset=0, dtype=None: trace_vjp(g, y, x, offset, -2, -1),
        needs="",
    )


# -- products of stacks of vectors -----------------------------------------------------------------


def _vecdot_vjp(which: int) -> Callable[..., Any]:
    """The first factor is conjugated."""

    def vjp(g: Any, y: Any, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
        mine, other = (x1, x2) if which == 0 else (x2, x1)
        found = (np.conj(g) if which == 0 else g)[..., None] * other
        return np.moveaxis(unbroadcast(found, mine.shape), -1, axis)

    return vjp


def _matvec_matrix(g: Any, y: Any, a: Any, x: Any, /) -> Any:
    return unbroadcast(g[..., :, None] * np.conj(x)[..., None, :], a.shape)


def _matvec_vector(g: Any, y: Any, a: Any, x: Any, /) -> Any:
    return unbroadcast(np.sum(np.conj(a) * g[..., :, None], axis=-2), x.shape)


def _vecmat_vector(g: Any, y: Any, x: Any, a: Any, /) -> Any:
    return unbroadcast(np.sum(np.conj(g)[..., None, :] * a, axis=-1), x.shape)


def _vecmat_matrix(g: Any, y: Any, x: Any, a: Any, /) -> Any:
    return unbroadcast(x[..., :, None] * g[..., None, :], a.shape)


if hasattr(np, "vecdot"):
    derivative(np.vecdot, _vecdot_vjp(0), _vecdot_vjp(1), needs="01")
    derivative(np.linalg.vecdot, _vecdot_vjp(0), _vecdot_vjp(1), needs="01")
if hasattr(np, "matvec"):
    derivative(np.matvec, _matvec_matrix, _matvec_vector, needs="01")
    derivative(np.vecmat, _vecmat_vector, _vecmat_matrix, needs="01")
