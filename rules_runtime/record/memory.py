"""Where a replay keeps what it computes: buffers made once,
used again as soon as nobody reads them.

Views of them are made with the code, not by it: a slice costs nothing in a replay.
"""

from __future__ import annotations

import math
import operator
import types
from typing import Any, NamedTuple

import numpy as np

ndarray = np.ndarray
SMALL = 4096  # elements of a buffer that may be kept for one node alone


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
        self.buffers: list[tuple[Any, bool]] = []  # and whether the code relies on what they hold
        self._views: dict[Any, Any] = {}

    def take(self, shape: tuple[int, ...], dtype: Any, left: int, is_kept: bool = False) -> Root:
        """Memory for an array; what is kept is nobody else's, ever."""
        size, free = math.prod(shape), self.free.get((math.prod(shape), dtype))
        if free and not is_kept:
            flat = free.pop()
        else:
            flat = self._new(size, dtype, is_kept and size <= SMALL)
        return Root(flat, left, is_kept)

    def cell(self, dtype: Any) -> Any:
        """Memory for a number."""
        return self._new((), dtype, False)

    def _new(self, shape: Any, dtype: Any, is_written: bool) -> Any:
        made = np.empty(shape, dtype)
        self.nbytes += made.nbytes
        self.buffers.append((made, is_written))
        return made

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
        self._functions: dict[int, str] = {}
        self._count = 0

    def of(self, prefix: str, value: Any) -> str:
        key = (prefix, id(value))
        if key not in self._known:
            name = f"{prefix}{len(self._known)}"
            self._known[key] = (name, value)
            self.space[name] = value
        return self._known[key][0]

    def function(self, f: Any) -> str:
        known = self._functions.get(id(f))
        if known is None:
            name = getattr(f, "__name__", "f")
            known = self._functions[id(f)] = self.of(f"{name if name.isidentifier() else 'f'}_", f)
        return known

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


class _Part(NamedTuple):
    """A view of a buffer."""

    buffer: int
    shape: tuple[int, ...]
    dtype: Any
    offset: int
    strides: tuple[int, ...]
    is_writeable: bool


class _Method(NamedTuple):
    """A method of a view."""

    part: _Part
    name: str


class Copies:
    """The global names of the code without its buffers; with new ones as often as one asks, so that
    several threads can run it."""

    def __init__(self, space: dict[str, Any], arena: Arena) -> None:
        self._buffers = [
            (a.shape, a.dtype, a.copy() if is_written else None) for a, is_written in arena.buffers
        ]
        self._known = {id(a): k for k, (a, _) in enumerate(arena.buffers)}
        self._space = {name: self._without(x) for name, x in space.items()}

    def _without(self, x: Any) -> Any:
        """Views of buffers as parts, also in tables, and as what methods belong to."""
        if type(x) is tuple or type(x) is list:
            parts = [self._without(part) for part in x]
            return x if all(map(operator.is_, parts, x)) else type(x)(parts)
        if isinstance(x, types.BuiltinMethodType) and type(x.__self__) is ndarray:
            part = self._without(x.__self__)
            return _Method(part, x.__name__) if type(part) is _Part else x
        if type(x) is not ndarray:
            return x
        owner = x
        while id(owner) not in self._known:
            if type(owner.base) is not ndarray:
                return x
            owner = owner.base
        offset = x.ctypes.data - owner.ctypes.data if x.size else 0
        place = self._known[id(owner)]
        return _Part(place, x.shape, x.dtype, offset, x.strides, x.flags.writeable)

    def make(self) -> dict[str, Any]:
        """The names with buffers of their own."""
        buffers = [
            np.empty(shape, dtype) if content is None else content.copy()
            for shape, dtype, content in self._buffers
        ]
        made: dict[Any, Any] = {}

        def part(x: _Part) -> Any:
            if x not in made:
                _, shape, dtype, offset, strides, is_writeable = x
                made[x] = np.ndarray(shape, dtype, buffers[x.buffer], offset, strides)
                made[x].flags.writeable = is_writeable
            return made[x]

        def whole(x: Any) -> Any:
            if type(x) is _Part:
                return part(x)
            if type(x) is _Method:
                return getattr(part(x.part), x.name)
            if type(x) is tuple or type(x) is list:
                parts = [whole(p) for p in x]
                return x if all(map(operator.is_, parts, x)) else type(x)(parts)
            return x

        return {name: whole(x) for name, x in self._space.items()}
