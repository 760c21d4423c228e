"""A call's value and its gradients, in the legacy language and by what its rules became."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .tables import Table, fields_of, flat
from .task import runtime
from .watching import Watch


def cotangent(y: Any, rng: np.random.Generator) -> Any:
    """A random cotangent of a result, in the legacy language;
    None if nothing is to differentiate."""
    if isinstance(y, (bool, np.bool_, int, np.integer, str, bytes)) or y is None:
        return None
    if isinstance(y, (complex, np.complexfloating)):
        return complex(rng.standard_normal(), rng.standard_normal())
    if isinstance(y, (float, np.floating)):
        return float(rng.standard_normal())
    if isinstance(y, np.ndarray):
        if y.dtype.kind == "c":
            return rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)
        return rng.standard_normal(y.shape) if y.dtype.kind == "f" else None
    if isinstance(y, (tuple, list)) and not hasattr(type(y), "_fields"):
        items = [cotangent(part, rng) for part in y]
        return type(y)(items) if any(item is not None for item in items) else None
    if hasattr(type(y), "_fields"):
        parts = {name: cotangent(getattr(y, name), rng) for name in y._fields}
    elif isinstance(y, dict):
        parts = {key: cotangent(part, rng) for key, part in y.items()}
    else:
        parts = {name: cotangent(part, rng) for name, part in fields_of(y).items()}
    return parts if any(part is not None for part in parts.values()) else None


def run(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], seed: int
) -> tuple[Table, list[Table], list[str]]:
    """Value, gradients and the ids of the rules that ran."""
    random.seed(seed)
    np.random.seed(seed)
    watch = Watch()
    sys.setprofile(watch)
    try:
        y, back = runtime("legacy")._pullback(None, f, *args, **kwargs)
        table = flat(y)
        dy = cotangent(y, np.random.default_rng(seed))
        gradients = []
        if dy is not None:
            got = back(dy)
            got = got if isinstance(got, tuple) else (None,) * (len(args) + 1)
            gradients = [flat(one, primal, gradient=True) for one, primal in zip(got, (f, *args))]
    finally:
        sys.setprofile(None)
    return table, gradients, watch.ran()
