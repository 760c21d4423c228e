"""Functions of numpy that write into their first argument,
as assignments by index to a traced array."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .inplace import rebind
from .protocols import FAST_FUNCTIONS
from .record import apply
from .tracer import Tracer, primal


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    indices = np.asarray(primal(indices))
    if axis is None:
        arr[np.unravel_index(indices, arr.shape)] = values
        return
    index: list[Any] = list(np.indices(indices.shape, sparse=True))
    index[axis] = indices
    arr[tuple(index)] = values


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    step, end = a.shape[-1] + 1, None
    if a.ndim > 2:
        step = 1 + int(np.sum(np.cumprod(a.shape[:-1])))
    elif not wrap:
        end = a.shape[1] * a.shape[1]
    places = np.arange(int(np.prod(a.shape)))[:end:step]
    a[np.unravel_index(places, a.shape)] = (
        val if np.ndim(val) == 0 else np.resize(val, places.shape)
    )


def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    values = primal(src) if type(src) is Tracer else np.asarray(src)
    same: Any = casting
    np.copyto(np.empty_like(primal(dst)), values, casting=same)  # for its errors
    if where is True:
        dst[...] = src
    else:
        dst[...] = np.where(primal(where), src, dst)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    a[...] = np.where(primal(mask), np.resize(values, a.shape), a)


def _place(arr: Any, mask: Any, vals: Any) -> None:
    places = np.nonzero(np.asarray(primal(mask)))
    arr[places] = np.resize(vals, places[0].shape)


def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    places = np.ravel(primal(ind))
    if mode == "clip":
        places = np.clip(places, 0, np.size(a) - 1)
    a[np.unravel_index(places % np.size(a), a.shape)] = np.resize(v, places.shape)


def _nan_to_num(args: Any, kwargs: Any) -> Any:
    """With `copy=False` it writes into its argument, and gives that."""
    copy = args[1] if len(args) > 1 else kwargs.get("copy", True)
    if copy or type(args[0]) is not Tracer:
        return NotImplemented
    kwargs = {key: value for key, value in kwargs.items() if key != "copy"}
    return rebind(args[0], apply(np.nan_to_num, (args[0], True, *args[2:]), kwargs))


def _writer(write: Callable[..., None]) -> Callable[[Any, Any], Any]:
    """For the table of fast paths; a plain array cannot hold traced values,
    so that is left to the error."""

    first = next(iter(inspect.signature(write).parameters))

    def call(args: Any, kwargs: Any) -> Any:
        if not args and first in kwargs:
            args, kwargs = (kwargs[first],), {k: v for k, v in kwargs.items() if k != first}
        if args and type(args[0]) is np.ndarray and args[0].dtype.kind != "O":
            raise TypeError(
                f"np.{write.__name__[1:]} of a traced value into a plain array would lose its derivative (np.full_like "
                "does it, too: use np.full); build arrays with np.stack or np.where, or start from a traced array"
            )
        if not args or type(args[0]) is not Tracer:
            return NotImplemented
        write(*args, **kwargs)
        return None

    return call


for _function, _write in (
    (np.put_along_axis, _put_along_axis),
    (np.fill_diagonal, _fill_diagonal),
    (np.copyto, _copyto),
    (np.putmask, _putmask),
    (np.place, _place),
    (np.put, _put),
):
    FAST_FUNCTIONS[_function] = _writer(_write)
FAST_FUNCTIONS[np.nan_to_num] = _nan_to_num
