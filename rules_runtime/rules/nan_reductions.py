"""Reductions that leave out not-a-numbers:
`numpy.nansum`, `nanmean`, `nanvar`, `nanmax` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import as_array
from rules_runtime.rules.reductions import mean_vjp, prod_vjp, std_vjp, sum_vjp, var_vjp

_DEFAULT: Any = getattr(np, "_NoValue", None)


def _is_number(a: Any, where: Any) -> Any:
    """Which values take part: those that are numbers, and chosen by `where`."""
    mask = ~np.isnan(as_array(primal(a)))
    return mask if where is True else mask & where


def _skipping(rule: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """The rule of a reduction of the numbers alone, by that of the reduction with `where=`;
    `names` are the arguments behind `out`."""

    def vjp(g: Any, y: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *rest: Any, **options: Any) -> Any:  # fmt: skip
        options.update(zip(names, rest))
        options = {k: v for k, v in options.items() if v is not _DEFAULT}
        mask = _is_number(a, options.pop("where", True))
        values = np.where(mask, a, 0.0)
        return np.where(mask, rule(g, y, values, axis, where=mask, **options), 0.0)

    return vjp


derivative(np.nansum, _skipping(sum_vjp, "keepdims", "initial", "where"), needs="0")
derivative(np.nanmean, _skipping(mean_vjp, "keepdims"), needs="0")
derivative(np.nanprod, _skipping(prod_vjp, "keepdims", "initial", "where"))
derivative(np.nanvar, _skipping(var_vjp, "ddof", "keepdims"), needs="0")
derivative(np.nanstd, _skipping(std_vjp, "ddof", "keepdims"))
