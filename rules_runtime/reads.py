"""Which attributes are being read by rules for `getattr`:
a rule may end by reading the very one that it was asked for."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

_running: ContextVar[frozenset[tuple[int, str]]] = ContextVar("_running", default=frozenset())


def is_being_read(x: Any, name: str) -> bool:
    """Whether a rule for reading this attribute of this object is running.

    >>> is_being_read(1.0, "real")
    False
    """
    return (id(x), name) in _running.get()


def noting(function: Any) -> Any:
    """The function of a rule for `getattr`, so that what it reads is known while it runs.

    >>> noting(lambda _, x, name: is_being_read(x, name))(getattr, 1.0, "real")
    True
    """

    @functools.wraps(function)
    def rule(*args: Any, **kwargs: Any) -> Any:
        token = _running.set(_running.get() | {(id(args[-2]), args[-1])})
        try:
            return function(*args, **kwargs)
        finally:
            _running.reset(token)

    return rule
