"""Memory for the large arrays that a trace makes, used again by the next one.

A gradient makes the same arrays on every call and drops them all at its end. `malloc` gives such memory back to the system
each time, and getting it again costs more than computing in it: a page of 4 KiB takes the time of some 500 multiplications
to fault in. So large results get their memory here. It comes in blocks, and a block is free again when the array
that was made in it dies, and with that every view of it; numpy keeps the array alive for its views, the array keeps the block.

At most `KEPT` bytes of free blocks are kept, which is what glibc's malloc keeps at most; `release_memory` lets go of them.
"""

from __future__ import annotations

import mmap
import sys
import weakref
from typing import Any

import numpy as np

ndarray = np.ndarray
F8 = np.dtype(float)

RESULT = 2048  # elements from which on a result that the tape will keep gets its memory here
LARGE = 1 << 17  # and from which on every result does
KEPT = 64 << 20
_HUGE_PAGES = 4 << 20  # bytes from which on numpy asks for huge pages, too


class Block(mmap.mmap):
    """Memory of one array."""


class _Lease(weakref.ref[Any]):
    """Says when the array in a block has died."""

    __slots__ = ("block", "home")
    block: Block
    home: list[Block]


_homes: dict[int, list[Block]] = {}  # size in bytes -> the free blocks of that size
_leases: dict[int, _Lease] = {}
_kept = 0


def empty(shape: tuple[int, ...], size: int) -> Any:
    """A float64 array of undefined content; `size` is the number of elements of `shape`."""
    global _kept
    home = _homes.get(size)
    if home is None:
        home = _homes.setdefault(size, [])
    try:
        block = home.pop()
        _kept -= 8 * size
    except IndexError:
        block = _new(8 * size)
    array = ndarray(shape, F8, block)
    lease = _Lease(array, _give_back)
    lease.block = block
    lease.home = home
    _leases[id(lease)] = lease
    return array


def _new(size: int) -> Block:
    if sys.platform == "win32":
        return Block(-1, size)
    # private: a process that is forked off must not write into the arrays of this one
    block = Block(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _HUGE_PAGES and hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _give_back(lease: Any, leases: dict[int, _Lease] = _leases) -> None:
    """Called when an array dies, in any thread, between any two steps of the interpreter: hence no lock."""
    global _kept
    leases.pop(id(lease), None)
    size = len(lease.block)
    if _kept + size > KEPT:
        _kept = 0
        for other in list(_homes.values()):
            if other is lease.home:
                _kept += size * len(other)
            else:
                other.clear()
        if _kept + size > KEPT:
            return
    _kept += size
    lease.home.append(lease.block)


def release_memory() -> None:
    """Give the memory that is kept for the next gradient, at most 64 MiB, back to the system."""
    global _kept
    for home in list(_homes.values()):
        home.clear()
    _kept = 0


def is_ours(x: Any) -> bool:
    """Whether an array has all of its memory to itself: its own, or a block."""
    base = x.base
    return base is None or type(base) is Block


def unary(ufunc: Any, x: Any) -> Any:
    """`ufunc(x)` for a large array."""
    if x.dtype is F8 and x.flags.c_contiguous:
        return ufunc(x, empty(x.shape, x.size))
    return ufunc(x)


def binary(ufunc: Any, x: Any, y: Any) -> Any:
    """`ufunc(x, y)` where `x` is a large array, or `y`."""
    a, b = type(x) is ndarray, type(y) is ndarray
    if (not a or (x.dtype is F8 and x.flags.c_contiguous)) and (
        not b or (y.dtype is F8 and y.flags.c_contiguous)
    ):
        if a and (not b or x.shape == y.shape or not y.shape):
            return ufunc(x, y, empty(x.shape, x.size))
        if b and (not a or not x.shape):
            return ufunc(x, y, empty(y.shape, y.size))
        shape = np.broadcast_shapes(x.shape, y.shape)
        size = 1
        for n in shape:
            size *= n
        return ufunc(x, y, empty(shape, size))
    return ufunc(x, y)


def times(x: Any, y: Any) -> Any:
    """`x * y`, for an `x` of any kind and size."""
    if type(x) is ndarray and x.size >= LARGE:
        return binary(np.multiply, x, y)
    return x * y
