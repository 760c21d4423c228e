"""An array of another library, as numpy sees it:
it speaks numpy's protocols, and refuses to become a numpy array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Duck(NDArrayOperatorsMixin):
    """Wraps a numpy array. As CuPy's arrays do, it works with its own kind and with numbers,
    and not with numpy's arrays."""

    __slots__ = ("__weakref__", "wrapped")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, wrapped: Any) -> None:
        assert type(wrapped) is np.ndarray
        self.wrapped = wrapped

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise AssertionError("a duck was made a numpy array")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, np.ndarray) and x.ndim for x in inputs):
            return NotImplemented
        if "out" in kwargs:
            kwargs["out"] = plain(kwargs["out"])
        return ducks(getattr(ufunc, method)(*map(plain, inputs), **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, Duck) for kind in types):
            return NotImplemented
        return ducks(function(*plain(args), **plain(kwargs)))

    def __getattr__(self, name: str) -> Any:
        if name not in _SHARED:
            raise AttributeError(f"a duck has no {name}")
        found = getattr(self.wrapped, name)
        if callable(found):
            return lambda *args, **kwargs: ducks(found(*plain(args), **plain(kwargs)))
        return ducks(found)

    def __getitem__(self, index: Any) -> Any:
        return ducks(self.wrapped[plain(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("a numpy array was written into a duck")
        self.wrapped[plain(index)] = plain(value)

    def __len__(self) -> int:
        return len(self.wrapped)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.wrapped)

    def __float__(self) -> float:
        return float(self.wrapped)

    def __repr__(self) -> str:
        return f"Duck({self.wrapped!r})"


_SHARED = frozenset(
    "shape ndim size dtype T real imag nbytes itemsize sum mean prod max min var std cumsum cumprod dot squeeze ravel "
    "reshape transpose swapaxes repeat take trace diagonal clip round conj conjugate copy astype flatten argmax argmin "
    "any all nonzero item".split()
)


def plain(x: Any) -> Any:
    """A structure with numpy's arrays in the place of ducks."""
    if type(x) is Duck:
        return x.wrapped
    if type(x) in (tuple, list):
        return type(x)(map(plain, x))
    return {key: plain(value) for key, value in x.items()} if type(x) is dict else x


def ducks(x: Any) -> Any:
    """A structure with ducks in the place of arrays, also of numpy's numbers:
    CuPy has arrays without axes for these."""
    if isinstance(x, (np.ndarray, np.generic)):
        return Duck(np.array(x))  # no views, so that nobody leans on them
    if isinstance(x, (tuple, list)):
        made = [ducks(part) for part in x]
        return type(x)(*made) if hasattr(x, "_fields") else type(x)(made)
    return x
