"""The adjoint of indexing: adding a cotangent into the places it was read from.

For basic indices a slice assignment does it. For one integer array, or integer arrays together, the
places are numbered and `np.bincount` adds them up, several times as fast as `np.add.at`,
which remains for everything else.
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np

from . import others
from .others import is_other

ndarray = np.ndarray
_basic = (int, slice, type(None), type(Ellipsis))


def is_basic(index: Any) -> bool:
    """Whether `x[index]` is basic indexing, so that no element is read twice."""
    if isinstance(index, tuple):
        return all(type(k) in _basic or isinstance(k, np.integer) for k in index)
    return type(index) in _basic or isinstance(index, np.integer)


def scatter(g: Any, index: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros of `shape` with `g` added at `index`: the adjoint of `x[index]`."""
    if type(g) is not ndarray and hasattr(type(g), "__traced_value__"):
        return type(g).__array_function__(g, scatter, (type(g),), (g, index, shape, dtype), {})
    if type(g) is ndarray and g.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        g = g.real
    if is_other(g):
        done = others.send(scatter, (g, index, shape, dtype))
        if done is not NotImplemented:
            return done
        return others.scatter(
            np.real(g) if g.dtype.kind == "c" != np.dtype(dtype).kind else g, index, shape
        )
    if is_basic(index):
        out = np.zeros(shape, dtype)
        out[index] = g
        return out
    if type(index) is not ndarray:
        done = others.send(scatter, (g, index, shape, dtype))
        if done is not NotImplemented:
            return done
    if isinstance(index, ndarray):
        if index.dtype == bool:
            out = np.zeros(shape, dtype)
            out[index] = g
            return out
        if index.dtype.kind in "iu" and len(shape) == 1:
            return _count(index, g, shape[0], dtype)
    if type(g) is ndarray and g.size <= 256:
        out = np.zeros(shape, dtype)
        np.add.at(out, index, g)
        return out
    numbered = _numbered(index, shape, g)
    if numbered is not None:
        return numbered.astype(dtype, copy=False)
    out = np.zeros(shape, dtype)
    np.add.at(out, index, g)
    return out


def scattered(parts: Any, indices: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros of `shape` with each of `parts` added at its place among `indices`."""
    done = others.send(scattered, (parts, indices, shape, dtype))
    if done is not NotImplemented:
        return done
    total = scatter(parts[0], indices[0], shape, dtype)
    for g, index in zip(parts[1:], indices[1:]):
        if is_basic(index) and type(total) is ndarray and total.dtype is getattr(g, "dtype", None):
            total[index] += g
        else:
            total = total + scatter(g, index, shape, dtype)
    return total


def _send(function: Any, args: tuple[Any, ...]) -> Any:
    """Have the first argument that is no plain array, and speaks numpy's protocol,
    compute a function of this module."""
    for x in args:
        if hasattr(type(x), "__traced_value__"):
            return type(x).__array_function__(x, function, (type(x),), args, {})
    return others.send(function, args)


def put(x: Any, index: Any, v: Any) -> Any:
    """A copy of `x` with `v` at `index`: `x[index] = v` as a function."""
    done = _send(put, (x, index, v))
    if done is not NotImplemented:
        return done
    out = np.array(x) if type(x) is ndarray else x.copy()
    out[index] = v
    return out


def add_at(x: Any, index: Any, v: Any) -> Any:
    """A copy of `x` with `v` added at `index`, in places that occur twice twice."""
    done = _send(add_at, (x, index, v))
    if done is not NotImplemented:
        return done
    if is_other(x):
        return x + others.scatter(np.broadcast_to(v, x[index].shape), index, x.shape)
    if x.ndim > 1 and np.size(v) > 256 and x.dtype.kind == "f" and np.ndim(v) == x.ndim:
        if type(index) is ndarray and v.shape == index.shape + x.shape[1:]:
            return x + scatter(v, index, x.shape, x.dtype)
    out = np.array(x)
    np.add.at(out, index, v)
    return out


def astype(x: Any, dtype: Any) -> Any:
    """`x.astype(dtype)` as a function, of numbers, too."""
    if type(x) is ndarray and x.dtype.kind == "f":
        return x.astype(dtype)[()]
    done = _send(astype, (x, dtype))
    if done is not NotImplemented:
        return done
    if np.iscomplexobj(x) and np.dtype(dtype).kind == "f":
        x = np.real(x)
    return x.astype(dtype) if is_other(x) else np.asarray(x).astype(dtype)[()]


def _count(index: Any, g: Any, n: int, dtype: Any) -> Any:
    """1-D scatter-add by counting."""
    places, weights = index.reshape(-1), np.asarray(g).reshape(-1)
    if not places.size:
        return np.zeros(n, dtype)
    if weights.dtype.kind == "c":
        out = np.empty(n, dtype)
        out.real = _count(index, np.ascontiguousarray(weights.real), n, float)
        out.imag = _count(index, np.ascontiguousarray(weights.imag), n, float)
        return out
    try:
        out = np.bincount(places, weights, n)
    except (ValueError, TypeError):
        out = np.bincount(places.astype(np.intp) % n, weights, n)
    return out.astype(dtype, copy=False)


def _numbered(index: Any, shape: tuple[int, ...], g: Any) -> Any:
    """Scatter-add for leading integer arrays and rows behind them; None where that does not fit."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) > len(shape) or not all(
        isinstance(k, (int, list, ndarray, np.integer)) and not isinstance(k, bool) for k in parts
    ):
        return None
    arrays = [np.asarray(k) for k in parts]
    if any(a.dtype.kind not in "iu" for a in arrays):
        return None
    lead, rest = shape[: len(parts)], shape[len(parts) :]
    if 0 in shape:
        return np.zeros(shape, np.asarray(g).dtype)
    width = 1
    for n in rest:
        width *= n
    places: Any = 0
    for a, n in zip(arrays, lead, strict=True):
        places = places * n + a.astype(np.intp, copy=False) % n  # small integers would overflow
    if width != 1:
        rows = _added_rows(np.asarray(places), g, width, lead)
        if rows is not None:
            return rows.reshape(shape)
        places = np.asarray(places)[..., None] * width + np.arange(width)
    total = width
    for n in lead:
        total *= n
    return _count(np.asarray(places), g, total, np.asarray(g).dtype).reshape(shape)


def _added_rows(places: Any, g: Any, width: int, lead: tuple[int, ...]) -> Any:
    """Rows added up by scipy's product of a sparse matrix: a tenth of the time that counting takes;
    None where they are few, or there is no scipy."""
    add = _product() if g.size >= _MANY and g.dtype.char in "df" else None
    if add is None:
        return None
    at = np.ascontiguousarray(places, np.intp).reshape(-1)
    out = np.zeros((math.prod(lead), width), g.dtype)
    ends, ones = np.arange(at.size + 1), np.ones(at.size, g.dtype)
    values = np.ascontiguousarray(g).reshape(-1)
    add(len(out), at.size, width, ends, at, ones, values, out.reshape(-1))
    return out


_MANY = 2048  # numbers


@functools.cache
def _product() -> Any:
    try:
        return importlib.import_module("scipy.sparse._sparsetools").csc_matvecs
    except (ImportError, AttributeError):  # which is none of scipy's promises
        return None
