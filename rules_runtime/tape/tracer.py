"""The traced value and the list it is recorded on.

A `Tape` is a list of entries, a tracer a primal value with its place in that list. Entries are
tuples of parents' places, a function, what it needs and a mode (see `sweep.py`). A
tracer's value may be a tracer of an outer tape: that is all there is to higher order. Of two tapes
the one with the higher level is the inner one; values of outer tapes are constants to it.

Operators are attached by `operators.py`, protocols by `protocols.py`,
in-place updates by `inplace.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ref

import numpy as np

_levels = itertools.count(1)


class _Open(dict[int, "Tape"]):
    """The traces that are open, by level. There is one such table in a process."""

    def __reduce__(self) -> str:
        return "OPEN"


OPEN = _Open()
_OBJECTS = 4096  # elements beyond which np.asarray of a traced array is an error


class FinishedTrace(RuntimeError):
    """A traced value was used after the function that it belongs to had returned."""


class Tape(list[Any]):
    """Entries of one trace, with the config whose rules it uses."""

    __slots__ = ("config", "in_rules", "level", "swept", "thread")

    sweep: Callable[..., None]  # set by trace.py

    def __init__(self, config: Any) -> None:
        self.config = config
        self.thread = get_ident()
        self.in_rules = 0  # how many rules are at work, that see nothing traced
        self.level = level = next(_levels)
        OPEN[level] = self

    def close(self) -> None:
        """No more entries: what still holds a tracer of this tape gets
        an error when it computes with it.

        While it is `swept` nothing is recorded and nothing is wrong:
        closures of pullbacks may hold tracers, constants by now.
        """
        OPEN.pop(self.level, None)
        self.swept = False
        if type(self) is Tape:
            self.__class__ = _ClosedTape


def record(tape: Tape, entry: Any) -> int:
    """Append an entry; its place. (Hot code writes this out,
    and asks for `place_of` where others have appended meanwhile.)"""
    i = len(tape)
    tape.append(entry)
    return i if len(tape) - i == 1 else place_of(entry, tape, i)


def appended(value: Any, tape: Tape, entry: Any) -> Tracer:
    """The tracer of a value, with an entry of its own."""
    t = Tracer()
    t.value = value
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def place_of(entry: Any, tape: Tape, start: int) -> int:
    """The place of an entry that was appended when the tape had `start` entries,
    while other threads appended theirs.

    A tape that is closed keeps no entry; then any place does.
    """
    return next((i for i in range(start, len(tape)) if tape[i] is entry), start)


class _ClosedTape(Tape):
    __slots__ = ()

    def append(self, entry: Any) -> None:
        if not self.swept:
            raise FinishedTrace(
                "a traced value was kept beyond the call of the function it was traced in, and used afterwards. "
                "Keep `ignore_derivatives(x)` instead, or return the value from the function."
            )


class _Placed:
    """What a `Tracer` has, and what may become one."""

    __slots__ = ("__weakref__", "base", "index", "tape", "value", "views")

    value: Any
    tape: Tape
    index: int
    base: Any
    views: list[Any]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) is True in a traced function too
        return self.value.__class__


class Tracer(_Placed):
    """A value under differentiation. It behaves as its primal value
    does and records what is done with it."""

    __slots__ = ()

    __array_priority__ = 1000.0  # CuPy leaves operations to what has more than its arrays

    if TYPE_CHECKING:  # attached by operators.py, methods.py and inplace.py

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __iter__(self) -> Iterator[Any]: ...
        def __mul__(self, other: Any) -> Any: ...

    def __traced_value__(self) -> Any:
        return self.value

    # -- what it looks like: all of this is the primal's ---------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(primal(self))

    @property
    def ndim(self) -> int:
        return np.ndim(primal(self))

    @property
    def size(self) -> int:
        return np.size(primal(self))

    @property
    def dtype(self) -> Any:
        value = primal(self)
        if type(value) is np.ndarray or hasattr(value, "dtype"):
            return value.dtype
        return np.result_type(value)

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> Any:
        return np.asarray(primal(self)).strides

    @property
    def flags(self) -> Any:
        return np.asarray(primal(self)).flags

    def __len__(self) -> int:
        return len(primal(self))

    def __repr__(self) -> str:
        return f"traced({self.value!r})"

    def __format__(self, spec: str) -> str:
        return format(primal(self), spec)

    def __hash__(self) -> int:
        raise TypeError(
            "a traced value cannot be a key of a dict, a set or a cache: functools.lru_cache would hand out a result "
            "without its gradient; use ignore_derivatives(x) for the key, or leave the cache out"
        )

    # -- control flow goes by the primal -------------------------------------------------

    def __bool__(self) -> bool:
        return bool(primal(self))

    def __int__(self) -> int:
        return int(primal(self))

    def __index__(self) -> int:
        return primal(self).__index__()  # type: ignore[no-any-return]

    def __round__(self, digits: int | None = None) -> Any:
        return round(primal(self), digits)

    def __floor__(self) -> int:
        return math.floor(primal(self))  # type: ignore[no-any-return]

    def __ceil__(self) -> int:
        return math.ceil(primal(self))  # type: ignore[no-any-return]

    def __trunc__(self) -> int:
        return math.trunc(primal(self))  # type: ignore[no-any-return]

    def __contains__(self, x: Any) -> bool:
        return primal(x) in primal(self)

    def __lt__(self, other: Any) -> Any:
        return primal(self) < primal(other)

    def __le__(self, other: Any) -> Any:
        return primal(self) <= primal(other)

    def __gt__(self, other: Any) -> Any:
        return primal(self) > primal(other)

    def __ge__(self, other: Any) -> Any:
        return primal(self) >= primal(other)

    def __eq__(self, other: Any) -> Any:
        return primal(self) == primal(other)

    def __ne__(self, other: Any) -> Any:
        return primal(self) != primal(other)

    def is_integer(self) -> bool:
        return primal(self).is_integer()  # type: ignore[no-any-return]

    # -- where the derivative would be lost: an error ------------------------------------

    def __float__(self) -> NoReturn:
        raise TypeError(
            "float(x), math.*, and writing into an untraced array would lose the derivative of a traced value. "
            "Use numpy's function (np.sin, not math.sin); build arrays with np.stack or np.concatenate; "
            "or take the plain value with ignore_derivatives(x)."
        )

    def __complex__(self) -> NoReturn:
        raise TypeError(
            "complex(x) and cmath.* would lose the derivative of a traced value: use numpy's functions "
            "(`a + 1j * b`), or take the plain value with ignore_derivatives(x)."
        )

    def item(self, *index: Any) -> Any:
        """The one element, still traced."""
        return self.reshape(-1)[index[0] if index else 0] if self.ndim else self

    def tolist(self) -> Any:
        """Nested lists of traced numbers."""
        return [x.tolist() for x in self] if self.ndim else self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if dtype is not None and np.dtype(dtype) != object:
            if np.dtype(dtype).kind in "iub":  # no derivative to lose
                return np.asarray(primal(self)).astype(dtype)
            raise TypeError(
                "np.array(x, dtype) or np.asarray(x, dtype) would lose the derivative of a traced value, and some functions do "
                "that to a list of traced numbers: np.mean([a, b]) is np.mean(np.stack([a, b])). Use x.astype(dtype), np.stack([...]), "
                "or ignore_derivatives(x) for the plain value."
            )
        if self.size > _OBJECTS:
            raise TypeError(
                "np.asarray(x) and np.array([x]) cannot see a traced array (numpy offers no way to do that): leave them "
                "out, use np.stack([...]), or take the plain value with ignore_derivatives(x)."
            )
        out = np.empty(self.shape, object)
        for place in np.ndindex(out.shape):
            out[place] = self[place] if place else self
        # np.asarray(x) would be x itself: what is written to either must not be missed by the other
        if not copy:
            out.flags.writeable = False
            self.views = [*getattr(self, "views", ()), ref(out)]
        return out

    def __dask_tokenize__(self) -> NoReturn:
        raise TypeError(
            "a traced value cannot be put into a dask graph, which would lose its derivative: use numpy's functions on dask arrays "
            "(np.sum, not dask.array.sum), or take the plain value with ignore_derivatives(x)"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a traced value cannot be pickled; take the plain value with ignore_derivatives(x)"
        )


class Blank(_Placed):
    """An array that traced code has made to fill in; it may become a `Tracer`, see `blanks.py`."""

    __slots__ = ()


def primal(x: Any) -> Any:
    """The plain value under all levels of tracing."""
    while type(x) is Tracer:
        x = x.value
    return x


def tracer(value: Any, tape: Tape, index: int) -> Tracer:
    """A new tracer. (Hot code writes these four lines out:
    a class without `__init__` is made twice as fast.)"""
    t = Tracer()
    t.value = value
    t.tape = tape
    t.index = index
    return t
