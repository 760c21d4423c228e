"""Memory for the large arrays that a trace makes, used again by the next one.

A gradient makes the same arrays on every call and drops them all at its end. `malloc` gives such
memory back to the system each time, and getting it again costs more than computing in it: a page of
4 KiB takes the time of some 500 multiplications to fault in. So large results get their memory
here. It comes in blocks, and a block is free again when the array that was made in it dies, and
with that every view of it; numpy keeps the array alive for its views, the array keeps the block.

At most `KEPT` bytes of free blocks are kept, which is what glibc's malloc keeps at most;
`release_memory` lets go of them.
"""

from __future__ import annotations

import contextlib
import mmap
import operator
import sys
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

ndarray, float64 = np.ndarray, np.float64
F8 = np.dtype(float)

RESULT = 2048  # elements from which on a result that the tape will keep gets its memory here
LARGE = 1 << 17  # and from which on every result does
KEPT = 64 << 20
LEASES = (
    1 << 14
)  # arrays in blocks at one time: each may cost a mapping, of which Linux gives a process 65,530
_HUGE_PAGES = 4 << 20  # bytes from which on numpy asks for huge pages, too


class Block(mmap.mmap):
    """Memory of one array. Users can get at it as `x.base`;
    numpy would not notice that it is gone."""

    __slots__ = ()

    def close(self) -> NoReturn:
        raise BufferError("an array is in this memory")

    def resize(self, newsize: int) -> NoReturn:
        raise BufferError("an array is in this memory")


class _Lease(weakref.ref[Any]):
    """Says when the array in a block has died."""

    __slots__ = ("block", "size")
    block: Block
    size: int


_homes: dict[int, list[_Lease]] = {}  # number of elements -> leases of dead arrays: the free blocks
_leases: dict[int, _Lease] = {}
_kept = 0
_count: Callable[[Any], int] = getattr(sys, "getrefcount", lambda x: 0)


def empty(shape: tuple[int, ...], size: int) -> Any:
    """A float64 array of undefined content; `size` is the number of elements of `shape`."""
    global _kept
    block = None
    home = _homes.get(size)
    try:
        if home:
            old = home.pop()
            _kept -= 8 * size
            if _count(old.block) <= 2:  # the lease, the argument; else somebody took `x.base`
                block = old.block
    except IndexError:  # another thread was faster
        pass
    if block is None:
        block = _new(8 * size) if len(_leases) < LEASES else None
        if block is None:
            return np.empty(shape)
    array = ndarray(shape, F8, block)
    lease = _Lease(array, _give_back)
    lease.block = block
    lease.size = size
    _leases[id(lease)] = lease
    return array


def _new(size: int) -> Block | None:
    try:
        if sys.platform == "win32":
            return Block(-1, size)
        # private: a process that is forked off must not write into the arrays of this one
        block = Block(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # too many mappings, say; malloc may have memory still
        return None
    if size >= _HUGE_PAGES and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _give_back(
    lease: Any,
    leases: dict[int, _Lease] = _leases,
    finalizing: Callable[[], bool] = sys.is_finalizing,
) -> None:
    """Called when an array dies, in any thread, between any two steps of the interpreter:
    hence no lock."""
    global _kept
    if finalizing():  # the names of this module may be gone
        return
    leases.pop(id(lease), None)
    number = lease.size
    size = 8 * number
    home = _homes.get(number)
    if _kept + size > KEPT:
        _homes.clear()
        _kept = 0
        if home:
            _homes[number] = home
            _kept = size * len(home)
            if _kept + size > KEPT:
                return
    if not home:
        home = _homes.setdefault(number, [])
    _kept += size
    home.append(lease)


def release_memory() -> None:
    """Give the memory that is kept for the next gradient, at most 64 MiB, back to the system."""
    global _kept
    _homes.clear()
    _kept = 0
    # where an array died and nothing could be called (the recursion was too deep),
    # its lease is still here
    for key, lease in list(_leases.items()):
        if lease() is None:
            _leases.pop(key, None)


def unary(ufunc: Any, x: Any) -> Any:
    """`ufunc(x)` for a large array."""
    if x.dtype is F8 and x.flags.c_contiguous:
        return ufunc(x, empty(x.shape, x.size))
    return ufunc(x)


def binary(ufunc: Any, x: Any, y: Any) -> Any:
    """`ufunc(x, y)`, one of the four basic operations, where `x` is a large array, or `y`."""
    a, b = type(x) is ndarray, type(y) is ndarray
    if (x.dtype is F8 and x.flags.c_contiguous if a else type(x) in _numbers) and (
        y.dtype is F8 and y.flags.c_contiguous if b else type(y) in _numbers
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
    # complex numbers, values of an outer trace, arrays of other libraries:
    # they have a say in what comes of it
    return _OPERATORS[ufunc](x, y)


_numbers = (float64, float, int)
_OPERATORS: dict[Any, Callable[[Any, Any], Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
}


def times(x: Any, y: Any) -> Any:
    """`x * y`, for an `x` of any kind and size."""
    if type(x) is ndarray and x.size >= LARGE:
        return binary(np.multiply, x, y)
    return x * y
