"""dask is told about tracers. It takes whatever looks like a numpy
array for a piece of its own arrays, and tracers do."""

from __future__ import annotations

import sys
from typing import Any

from .tracer import Tracer


def tell_dask() -> None:
    """Have a dask array leave operations with a traced value to that,
    once `dask.array` has been imported."""
    core: Any = sys.modules["dask.array.core"]
    ask = getattr(core, "_should_delegate", None)  # None while another thread imports it
    if ask is None or hasattr(ask, "knows_tracers"):
        return

    def _should_delegate(self: Any, other: Any) -> bool:
        return type(other) is Tracer or bool(ask(self, other))

    _should_delegate.knows_tracers = True  # type: ignore[attr-defined]
    for name in ("dask.array.core", "dask.array._array_expr._collection"):
        if hasattr(sys.modules.get(name), "_should_delegate"):
            sys.modules[name]._should_delegate = _should_delegate  # type: ignore[attr-defined]
