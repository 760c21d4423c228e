"""Which traced arrays share memory: an update in place of either would change both."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .structures import (
    leaves,
)
from .tracer import Tape, Tracer, primal

ndarray = np.ndarray


def note_if_view(args: Any, number: Any, view: Tracer) -> None:
    """Where a result is a view of the traced argument, remember so:
    an update in place of either would change both."""
    if type(number) is int:
        x, base = primal(args[number]), getattr(primal(view), "base", None)
        if type(x) is not ndarray or base is None:
            return
        # what as_strided gives has a base of its own
        if (
            base is x
            or base is x.base
            or (type(base) is not ndarray and np.may_share_memory(x, primal(view)))
        ):
            view.base = (args[number], None)
            note_view(args[number], view)


def note_views(y: Any, tape: Tape, args: Any) -> Any:
    """`y`, with what shares memory with a traced argument remembered as a view of it."""
    results = [t for _, t in leaves(y, lambda leaf: type(leaf) is Tracer)]
    results = [t for t in results if type(primal(t)) is ndarray]
    if results:
        for _, x in leaves(args, lambda leaf: type(leaf) is Tracer and leaf.tape is tape):
            value = primal(x)
            for t in results:
                if t is not x and type(value) is ndarray and np.may_share_memory(primal(t), value):
                    t.base = (x, None)
                    note_view(x, t)
    return y


def note_view(base: Tracer, view: Tracer) -> None:
    """Remember a view of a traced array, so that updates in place reach it."""
    try:
        views = base.views
    except AttributeError:
        base.views = [weakref.ref(view)]
        return
    views.append(weakref.ref(view))
    if len(views) > _VIEWS and len(views) & (len(views) - 1) == 0:
        views[:] = [r for r in views if r() is not None]


_VIEWS = 32
