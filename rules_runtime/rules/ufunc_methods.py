"""Methods of ufuncs: `outer` of every binary ufunc, `accumulate`,
`reduce` and `reduceat` of those that have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import FORMS, Form, derivative, nonzero, primal
from rules_runtime.kernels.broadcast import kept, unbroadcast
from rules_runtime.kernels.others import is_lazy
from rules_runtime.kernels.scatter import scatter
from rules_runtime.rules import elementwise as _elementwise  # noqa: F401  (declares the ufuncs)
from rules_runtime.rules.cumulative import running_product_adjoint
from rules_runtime.rules.reductions import (
    along,
    extremum_vjp,
    prod_vjp,
    running_sum_back,
    sum_vjp,
)

# -- outer -----------------------------------------------------------------------------------------


def _outer_vjp(form: Form, which: int) -> Callable[..., Any]:
    """`outer(a, b)` is the ufunc of b and of a with as many ones behind its shape as b has axes."""

    def vjp(g: Any, y: Any, a: Any, b: Any, /, **kwargs: Any) -> Any:
        wide = np.reshape(a, np.shape(a) + (1,) * np.ndim(b))
        rule = form.vjps[which]
        assert rule is not None
        found = unbroadcast(rule(g, y, wide, b), np.shape((wide, b)[which]))
        return np.reshape(found, np.shape((a, b)[which]))

    return vjp


for _form in list(FORMS.values()):
    _ufunc: Any = _form.function
    if isinstance(_ufunc, np.ufunc) and _ufunc.nin == 2 and _ufunc.signature is None:
        if len(_form.vjps) == 2 and not _form.constant:
            derivative(
                _ufunc.outer, *[_outer_vjp(_form, k) if _form.vjps[k] else None for k in range(2)]
            )


# -- accumulate ------------------------------------------------------------------------------------


def _running_extremum_adjoint(g: Any, y: Any, x: Any, axis: int) -> Any:
    """Each result is the first element that is as large as what came before."""
    if is_lazy(primal(x)):
        raise NotImplementedError(
            f"a running maximum or minimum of a {type(primal(x)).__module__} array: which elements it is made of is not known"
        )
    values, best = np.asarray(primal(x)), np.asarray(primal(y))
    n = values.shape[axis]
    places = np.arange(n).reshape((-1,) + (1,) * (values.ndim - 1 - axis % values.ndim))
    new = np.ones(values.shape, dtype=bool)
    later = (slice(None),) * (axis % values.ndim) + (slice(1, None),)
    before = (slice(None),) * (axis % values.ndim) + (slice(None, -1),)
    new[later] = best[later] != best[before]
    origin = np.maximum.accumulate(np.where(new, places, 0), axis=axis)
    if values.ndim == 1:
        return scatter(g, origin, values.shape, g.dtype)
    grid: list[Any] = list(np.indices(values.shape, sparse=True))
    grid[axis] = origin
    return scatter(g, tuple(np.broadcast_arrays(*grid)), values.shape, g.dtype)


def _running_logsum_adjoint(g: Any, y: Any, x: Any, axis: int) -> Any:
    """Element j has the share ``exp(x[j] - y[i])`` in every result i from j on."""
    shift = np.max(primal(y), axis=axis, keepdims=True)
    return np.exp(x - shift) * running_sum_back(g * np.exp(shift - y), axis)


derivative(np.add.accumulate, along(lambda g, y, x, axis: running_sum_back(g, axis), 0), needs="")
derivative(np.multiply.accumulate, along(running_product_adjoint, 0))
derivative(np.maximum.accumulate, along(_running_extremum_adjoint, 0))
derivative(np.minimum.accumulate, along(_running_extremum_adjoint, 0))
derivative(np.logaddexp.accumulate, along(_running_logsum_adjoint, 0))


# -- reduce ----------------------------------------------------------------------------------------


def _reduce(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a named reduction; `reduce` takes the first axis where none is given."""

    def vjp(
        g: Any,
        y: Any,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        *options: Any,
        **also: Any,
    ) -> Any:
        if options or also:
            raise NotImplementedError(
                "ufunc.reduce with initial or where has no rule; use the named function"
            )
        return rule(g, y, array, axis, keepdims=keepdims)

    return vjp


def _logsum_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return kept(g, np.shape(x), axis) * np.exp(x - kept(y, np.shape(x), axis))


def _length_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return x * (kept(g, np.shape(x), axis) / nonzero(kept(y, np.shape(x), axis)))


derivative(np.add.reduce, _reduce(sum_vjp), needs="")
derivative(np.multiply.reduce, _reduce(prod_vjp))
derivative(np.maximum.reduce, _reduce(extremum_vjp))
derivative(np.minimum.reduce, _reduce(extremum_vjp))
derivative(np.logaddexp.reduce, _reduce(_logsum_vjp))
derivative(np.hypot.reduce, _reduce(_length_vjp))


# -- reduceat --------------------------------------------------------------------------------------


def add_reduceat_vjp(
    g: Any, y: Any, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    n = array.shape[axis]
    starts = np.asarray(indices) % n
    stops = np.append(starts[1:], n)
    lengths = np.where(stops > starts, stops - starts, 1)
    segment = np.repeat(np.arange(starts.size), lengths)
    within = np.arange(segment.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    element = starts[segment] + within
    moved = np.moveaxis(g, axis, 0)[segment]
    shape = (n, *moved.shape[1:])
    return np.moveaxis(scatter(moved, element, shape, moved.dtype), 0, axis)


derivative(np.add.reduceat, add_reduceat_vjp, needs="")
