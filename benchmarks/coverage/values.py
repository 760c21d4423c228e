"""Numbers within arguments and results: read, replaced, conjugated, compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Numbers = dict[tuple[Any, ...], Any]  # where a number stands: what it is


def is_number(x: Any) -> bool:
    return (
        isinstance(x, (float, complex, np.ndarray, np.generic)) and np.asarray(x).dtype.kind in "fc"
    )


def dense(t: Any) -> Any:
    """A sparse cotangent of autograd's, written out."""
    if type(t).__name__ == "SparseObject":
        return t.mut_add(t.vs.zeros())
    if type(t).__name__ == "SparseArray":  # of 1.0
        whole = np.zeros(t.shape)
        np.add.at(whole, t.idx, t.val)
        return whole
    return t


def parts(x: Any) -> list[tuple[Any, Any]]:
    """The items of a container; nothing of what is none."""
    if isinstance(x, dict):
        return list(x.items())
    return list(enumerate(x)) if isinstance(x, (tuple, list)) else []


def numbers(x: Any, at: tuple[Any, ...] = ()) -> Numbers:
    if is_number(x):
        return {at: x}
    return {k: v for key, part in parts(x) for k, v in numbers(part, (*at, key)).items()}


def mapped(x: Any, f: Callable[[Any], Any]) -> Any:
    """`x` with `f` done to each number."""
    if is_number(x):
        return f(x)
    if isinstance(x, dict):
        return {k: mapped(v, f) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        values = [mapped(v, f) for v in x]
        return type(x)(*values) if hasattr(x, "_fields") else type(x)(values)
    return x


def conjugated(x: Any) -> Any:
    return mapped(x, lambda v: np.conj(v) if np.iscomplexobj(v) else v)


def like(x: Any, random: np.random.Generator) -> Any:
    """Random numbers in the place of those of `x`, zeros for what is none."""

    def fresh(v: Any) -> Any:
        value = random.normal(size=np.shape(v))
        if np.iscomplexobj(v):
            value = value + 1j * random.normal(size=np.shape(v))
        return np.asarray(value, np.asarray(v).dtype)[() if np.ndim(v) == 0 else ...]

    x = dense(x)
    if not is_number(x) and not parts(x):
        return 0.0
    return mapped(x, fresh) if is_number(x) else _each(x, random)


def _each(x: Any, random: np.random.Generator) -> Any:
    if isinstance(x, dict):
        return {k: like(v, random) for k, v in x.items()}
    values = [like(v, random) for v in x]
    return type(x)(*values) if hasattr(x, "_fields") else type(x)(values)


def inner(a: Any, b: Any) -> float:
    """The real inner product of two structures of numbers; what is missing counts as zero."""
    a, b = numbers(a), numbers(b)
    return float(sum(np.real(np.vdot(a[k], b[k])) for k in a if k in b))


def same(a: Any, b: Any, rtol: float, atol: float) -> bool:
    """Whether two arrays agree, in shape too."""
    return np.shape(a) == np.shape(b) and bool(
        np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    )
