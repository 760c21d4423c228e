"""Where a replay keeps what it computes: buffers made once,
used again as soon as nobody reads them.

Views of them are made with the code, not by it: a slice costs nothing in a replay.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

ndarray = np.ndarray


class Root:
    """One buffer, and how many instructions still read it."""

    __slots__ = ("flat", "is_kept", "left")

    def __init__(self, flat: Any, left: int, is_kept: bool) -> None:
        self.flat, self.left, self.is_kept = flat, left, is_kept


class Ref:
    """How the code names a value: `text`; with `array` where it is one of the buffers' views,
    whose memory is `root`."""

    __slots__ = ("array", "is_contiguous", "root", "text")

    def __init__(
        self, text: str, array: Any = None, root: Root | None = None, is_contiguous: bool = True
    ) -> None:
        self.text, self.array, self.root = text, array, root
        self.is_contiguous = bool(array.flags.c_contiguous) if array is not None else is_contiguous


class Arena:
    """Buffers by size and dtype."""

    def __init__(self) -> None:
        self.free: dict[Any, list[Any]] = {}
        self.nbytes = 0
        self._views: dict[Any, Any] = {}

    def take(self, shape: tuple[int, ...], dtype: Any, left: int, is_kept: bool = False) -> Root:
        """Memory for an array; what is kept is nobody else's, ever."""
        size, free = math.prod(shape), self.free.get((math.prod(shape), dtype))
        if free and not is_kept:
            flat = free.pop()
        else:
            flat = np.empty(size, dtype)
            self.nbytes += flat.nbytes
        return Root(flat, left, is_kept)

    def reshaped(self, a: Any, shape: tuple[int, ...]) -> Any:
        """A buffer as an array: one object for one shape, so that the code names few of them."""
        key = (id(a), shape)
        if key not in self._views:
            self._views[key] = (a.reshape(shape), a)
        return self._views[key][0]

    def release(self, root: Root) -> None:
        root.left -= 1
        if root.left == 0 and not root.is_kept:
            self.free.setdefault((root.flat.size, root.flat.dtype), []).append(root.flat)


class Names:
    """The global names of the code: one for each object."""

    def __init__(self) -> None:
        self.space: dict[str, Any] = {}
        self._known: dict[Any, tuple[str, Any]] = {}
        self._count = 0

    def of(self, prefix: str, value: Any) -> str:
        key = (prefix, id(value))
        if key not in self._known:
            name = f"{prefix}{len(self._known)}"
            self._known[key] = (name, value)
            self.space[name] = value
        return self._known[key][0]

    def function(self, f: Any) -> str:
        name = getattr(f, "__name__", "f")
        return self.of(f"{name if name.isidentifier() else 'f'}_", f)

    def equal(self, prefix: str, value: Any) -> str:
        """The name of something that has no identity, a tuple of numbers say."""
        return self.once((prefix, value), prefix, lambda: value)

    def once(self, key: Any, prefix: str, make: Any) -> str:
        """The name of something that is made when it is first asked for."""
        if key not in self._known:
            value = make()
            self._known[key] = (self.of(prefix, value), value)
        return self._known[key][0]

    def fresh(self, prefix: str = "v") -> str:
        """A local name."""
        self._count += 1
        return f"{prefix}{self._count}"
