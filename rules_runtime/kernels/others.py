"""Arrays of other libraries (dask's, CuPy's):
the kernels that numpy's own arrays have, by numpy's functions alone.

Nothing here writes into such an array, looks at its numbers, or makes a numpy array of it;
what is lazy stays lazy.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import Any

import numpy as np

ndarray = np.ndarray


def primal(x: Any) -> Any:
    """`x` without any tracer around it, for what a derivative does not depend on:
    masks, indices, orders."""
    while hasattr(type(x), "__traced_value__"):
        x = x.__traced_value__()
    return x


def is_other(x: Any) -> bool:
    """Whether `x` is an array of another library: not numpy's, and not traced."""
    kind = type(x)
    return (
        kind is not ndarray
        and hasattr(kind, "__array_function__")
        and not hasattr(kind, "__traced_value__")
        and (not isinstance(x, ndarray) or hasattr(kind, "__recorded__"))
    )


def is_recorded(x: Any) -> bool:
    """Whether `x` notes what is called with it, so that a call of a kernel is to be one call."""
    return hasattr(type(x), "__recorded__")


def is_lazy(x: Any) -> bool:
    """Whether `x` is an array of another library, whose numbers cannot be looked at."""
    return is_other(x) and not is_recorded(x)


def recorded_among(values: Any) -> Any:
    """The first of several values, and of what is in lists and tuples of them, that records calls;
    None where none does, or one is traced."""
    found = None
    todo = list(values)
    for x in todo:
        kind = type(x)
        if kind is tuple or kind is list:
            todo += x
        elif hasattr(kind, "__traced_value__"):
            return None
        elif found is None and hasattr(kind, "__recorded__"):
            found = x
    return found


def send(function: Any, args: Any, kwargs: Any = MappingProxyType({})) -> Any:
    """Have an argument, or a part of one, that records calls compute a function;
    NotImplemented where none does, or one is traced."""
    x = recorded_among((*args, *kwargs.values()))
    if x is None:
        return NotImplemented
    return type(x).__array_function__(x, function, (type(x),), args, dict(kwargs))


def as_array(x: Any) -> Any:
    """`np.asarray(x)`, but for the arrays of other libraries, which stay what they are."""
    return x if is_other(x) else np.asarray(x)


def like(constant: Any, x: Any) -> Any:
    """An array of numpy's as one of the library that `x` is of,
    whose arrays may not work with numpy's."""
    x = primal(x)
    return np.asarray(constant, like=x) if is_other(x) else constant


def broadcast_like(g: Any, shape: tuple[int, ...], x: Any) -> Any:
    """`np.broadcast_to(g, shape)`, where `shape` is that of `x`:
    in the chunks of `x`, where it has any."""
    chunks = getattr(x, "chunks", None)
    if chunks is None or not hasattr(g, "chunks") or hasattr(type(g), "__traced_value__"):
        return np.broadcast_to(g, shape)
    lead = len(shape) - g.ndim
    g = g.rechunk({k: chunks[lead + k] for k, n in enumerate(g.shape) if n == shape[lead + k] != 1})
    return sys.modules["dask.array"].broadcast_to(g, shape, chunks)


def scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `g` added at `index`: the adjoint of `x[index]`.

    Raises `NotImplementedError` where the index is itself an array of another library,
    whose numbers cannot be looked at.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [_concrete(part) for part in parts]
    if 0 in g.shape:  # dask does not index such arrays by numbers
        return np.zeros_like(g, shape=shape)
    named = sum(1 if np.ndim(part) == 0 or part.dtype != bool else part.ndim for part in parts if part is not None and part is not Ellipsis and not isinstance(part, slice))  # fmt: skip
    named += sum(isinstance(part, slice) for part in parts)
    rest = [slice(None)] * (len(shape) - named)
    at = next((k for k, part in enumerate(parts) if part is Ellipsis), None)
    parts = [*parts, *rest] if at is None else [*parts[:at], *rest, *parts[at + 1 :]]
    arrays = [part for part in parts if isinstance(part, ndarray)]
    if len(arrays) > 1 or (arrays and any(isinstance(part, int) for part in parts)):
        return _by_number(g, tuple(parts), shape)
    at = axis = 0
    for part in parts:
        if part is None:
            g = np.squeeze(g, axis=at)
            continue
        n = shape[axis]
        if isinstance(part, int):
            g = _placed(np.expand_dims(g, at), at, range(part % n, part % n + 1), n)
        elif isinstance(part, slice):
            g = _placed(g, at, range(*part.indices(n)), n)
        elif part.ndim == 1:
            g = _placed(g, at, part, n)
        else:
            return _by_number(g, tuple(parts), shape)
        at, axis = at + 1, axis + 1
    return g


def _concrete(part: Any) -> Any:
    """A part of an index: None, Ellipsis, an int, a slice, or an array of numbers."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if is_other(part):
        raise NotImplementedError(
            f"the cotangent of x[index] where the index is a {type(part).__module__}.{type(part).__name__}: which elements it "
            "names is not known. Use np.where(mask, x, 0.0) in the place of x[mask], or an index that is a numpy array."
        )
    if isinstance(part, (int, np.integer)) and not isinstance(part, bool):
        return int(part)
    array = np.asarray(part)
    return np.flatnonzero(array) if array.dtype == bool and array.ndim == 1 else array


def check_index(index: Any) -> None:
    """Raise `NotImplementedError` where an index holds an array of another library."""
    for part in index if isinstance(index, tuple) else (index,):
        if not is_recorded(part):
            _concrete(part)


def _by_number(g: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Any index: by the numbers of the elements that it names."""
    size = 1
    for n in shape:
        size *= n
    places = np.arange(size).reshape(shape)[index]
    return np.reshape(_placed(np.reshape(g, (-1,)), 0, places.reshape(-1), size), shape)


def _placed(g: Any, axis: int, places: Any, n: int) -> Any:
    """What is at k along an axis of `g` goes to `places[k]` of n;
    what goes to one place is added up."""
    if len(places) == 0:
        return np.zeros_like(g, shape=g.shape[:axis] + (n,) + g.shape[axis + 1 :])
    if isinstance(places, range):
        if places.step < 0:
            g, places = np.flip(g, axis), places[::-1]
        if len(places) == n:
            return g
        if places.step == 1 or len(places) == 1:
            start, stop = places.start, places.start + len(places)
            widths = [(start, n - stop) if k == axis else (0, 0) for k in range(g.ndim)]
            return np.pad(g, widths)
    places = np.asarray(places, int) % max(n, 1)
    count = len(places)
    times = np.bincount(places, minlength=n)
    most = int(times.max())
    order = np.append(np.argsort(places, kind="stable"), count)
    # row k: who goes to k, then as often as need be the zeros that are put behind g
    number = np.arange(most)
    first = (np.cumsum(times) - times)[:, None]
    who = order[np.where(number < times[:, None], np.minimum(first + number, count), count)]
    behind = np.zeros_like(g[(slice(None),) * axis + (slice(0, 1),)])
    joined: Any = np.concatenate([g, behind], axis=axis)
    chunks = getattr(joined, "chunks", None)
    if chunks is not None and 0 in chunks[axis]:  # dask's take divides by the mean size of chunks
        joined = joined.rechunk({axis: tuple(size for size in chunks[axis] if size)})
    found = np.take(joined, who.reshape(-1), axis=axis)
    if most == 1:
        return found
    shape = g.shape[:axis] + (n, most) + g.shape[axis + 1 :]
    return np.sum(np.reshape(found, shape), axis=axis + 1)
