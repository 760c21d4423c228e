"""The adjoint of a maximum or minimum: to the elements that attain it, in equal shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from .others import primal, send

ndarray = np.ndarray


def extremum_cotangent(g: Any, x: Any, y: Any, axes: tuple[int, ...], into: Any = None) -> Any:
    """The cotangent of `x` from `g`, that of its extremum `y` over `axes` (kept as ones or not).

    Where each is attained once, it is written to single places: those of `into`, an array of the
    caller's that it is added to, or of zeros. As many hits as extrema alone do not tell: one may be
    attained twice, and one not at all (not-a-numbers, `initial=`).
    """
    kept = tuple([1 if k in axes else n for k, n in enumerate(np.shape(x))])
    if type(x) is type(g) is ndarray or (type(x) is ndarray and issubclass(type(g), np.generic)):
        if into is None and x.size <= _FEW:
            return _shares(g.reshape(kept), x == y.reshape(kept), axes)
    elif into is None:
        done = send(extremum_cotangent, (g, x, y, axes))
        if done is not NotImplemented:
            return done
    shape = np.shape(x)
    hits = primal(x) == np.reshape(primal(y), kept)
    g = np.reshape(g, kept)
    if type(hits) is ndarray and np.count_nonzero(hits) == g.size:
        if type(g) is ndarray and axes == (len(shape) - 1,) and hits.flags.c_contiguous:
            rows = hits.reshape(-1, shape[-1])
            places = rows.argmax(axis=1)
            places += np.arange(0, rows.size, shape[-1])
            if rows.reshape(-1)[places].all():
                if into is not None and into.flags.c_contiguous:
                    into.reshape(-1)[places] += g.reshape(-1)
                    return into
                out = np.zeros(shape, g.dtype)
                out.reshape(-1)[places] = g.reshape(-1)
                return out
        elif hits.any(axis=axes).all():
            return g * hits
    return _shares(g, hits, axes)


_FEW = 512  # elements up to which passes over an array cost nothing beside the calls


def _shares(g: Any, hits: Any, axes: tuple[int, ...]) -> Any:
    """The cotangent in equal shares to what attains an extremum."""
    counts = (np.add.reduce if type(hits) is ndarray else np.sum)(hits, axis=axes, keepdims=True)
    if type(counts) is ndarray and np.count_nonzero(counts == 1) == counts.size:
        return g * hits
    return g * (hits / np.maximum(counts, 1))
