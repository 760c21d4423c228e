"""The zeros, `ZeroTangent()` and `NoTangent()`, and the base of all types of tangents.

They are neutral for `+` and absorbing for `*`, whatever stands on the other side, numpy arrays
included. As in ChainRulesCore, `NoTangent` wins against
`ZeroTangent` in sums and loses in products.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from .errors import TangentError


class AbstractTangent:
    """Base of the types of tangents of this package;
    arrays and numbers are tangents too, without it."""

    __slots__ = ()

    def is_zero(self) -> bool:
        """Whether this is a zero of its tangent space."""
        return False


def is_zero(x: Any) -> bool:
    """Whether a tangent is zero: `ZeroTangent()` and `NoTangent()`, numbers and arrays,
    structures of these.

    >>> is_zero(NoTangent()), is_zero(np.zeros(2)), is_zero(1.0)
    (True, True, False)
    """
    if isinstance(x, AbstractTangent):
        return x.is_zero()
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "biufc" and not np.any(x)
    return isinstance(x, (int, float, complex)) and x == 0


class AbstractZero(AbstractTangent):
    """A tangent that is zero whatever its primal is: `ZeroTangent()` or `NoTangent()`.

    Every part of a zero is a zero, so `z.a`, `z["a"]` and `z[0]` are `ZeroTangent()`. A zero is
    false, has no length and cannot be iterated,
    since it does not know of how many parts it is made.

    >>> isinstance(NoTangent(), AbstractZero), bool(NoTangent())
    (True, False)
    """

    __slots__ = ()
    _instance: ClassVar[Any] = None

    def __new__(cls) -> Self:
        found: Self | None = cls.__dict__.get("_instance")
        if found is None:
            found = cls._instance = super().__new__(cls)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __bool__(self) -> bool:
        return False

    def is_zero(self) -> bool:
        """True."""
        return True

    # arithmetic: neutral for +, absorbing for *

    def __add__(self, other: Any) -> Any:
        if isinstance(other, AbstractZero):
            return _no_tangent if self is _no_tangent or other is _no_tangent else _zero_tangent
        return other

    def __radd__(self, other: Any) -> Any:
        return other

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, AbstractZero):
            return _zero_tangent if self is not other else self
        return self

    def __rmul__(self, other: Any) -> Any:
        return self

    __matmul__ = __mul__
    __rmatmul__ = __rmul__

    def __truediv__(self, other: Any) -> Any:
        return self

    def __neg__(self) -> Any:
        return self

    __pos__ = __neg__

    # parts

    def __getitem__(self, key: Any) -> Any:
        return _zero_tangent

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ARRAY_ATTRIBUTES:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return _zero_tangent

    __iter__ = None

    def __contains__(self, key: Any) -> bool:
        return False

    def get(self, key: Any, default: Any = ...) -> Any:
        """The default: no part of a zero was given. Without a default it is `ZeroTangent()`."""
        return _zero_tangent if default is ... else default

    def keys(self) -> tuple[()]:
        """No key: none was given."""
        return ()

    values = items = keys

    # numpy

    @property
    def real(self) -> Any:
        """The zero itself."""
        return self

    imag = T = real

    def conj(self) -> Any:
        """The zero itself."""
        return self

    conjugate = copy = conj

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """The zero itself, as of zeros: `sum`, `max`, `reshape`, `transpose`, `astype` ..."""
        return self

    mean = prod = max = min = reshape = transpose = ravel = squeeze = astype = sum

    def any(self, *args: Any, **kwargs: Any) -> bool:
        """False, as of zeros."""
        return False

    all = any

    def __float__(self) -> float:
        return 0.0

    def __complex__(self) -> complex:
        return 0j

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.zeros((), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = self._ufunc(ufunc, inputs) if method == "__call__" else NotImplemented
        out = kwargs.get("out")
        if out is None or result is NotImplemented:
            return result
        out[0][...] = 0 if isinstance(result, AbstractZero) else result
        return out[0]

    def _ufunc(self, ufunc: Any, inputs: Sequence[Any]) -> Any:
        name = ufunc.__name__
        if name in _ZERO_OF_ZERO:
            return self
        if len(inputs) == 2:
            a, b = inputs
            if name == "add":
                return a + b if isinstance(a, AbstractZero) else a
            if name == "subtract":
                return a - b if isinstance(a, AbstractZero) else a
            if name in ("multiply", "matmul", "vecdot"):
                return a * b if isinstance(a, AbstractZero) else b
            if name in ("divide", "true_divide") and isinstance(a, AbstractZero):
                return a
            if name == "equal":
                return is_zero(a) and is_zero(b)
            if name == "not_equal":
                return not (is_zero(a) and is_zero(b))
        return NotImplemented

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = func.__name__
        if name in _LINEAR_FUNCTIONS and isinstance(args[0], AbstractZero):
            return args[0]
        if name in _MULTILINEAR_FUNCTIONS:
            return _zero_tangent
        zero: Any = 0.0
        if name == "stack":
            shapes = [np.shape(x) for x in args[0] if not isinstance(x, AbstractZero)]
            if not shapes:
                return _zero_tangent
            zero = np.zeros(shapes[0])
        if name in _JOINING and any(map(_has_length, args)):
            raise TangentError(
                f"np.{name} is given a zero part, which has no shape: "
                "write `dy = filled(dy, y)` before it, with the value y that dy belongs to"
            )
        given = [_with(zero, x) for x in args]
        named = {key: _with(zero, x) for key, x in kwargs.items()}
        if not any(
            a is not b for a, b in zip((*args, *kwargs.values()), (*given, *named.values()))
        ):
            return NotImplemented  # a zero within something else: numpy says that it cannot
        return func(*given, **named)


def _is_several(x: Any) -> bool:
    """Whether it is the tangent of a structure."""
    return isinstance(x, AbstractTangent) and isinstance(x, Iterable)


def _has_length(x: Any) -> bool:
    """Whether an argument of a function of numpy is an array that is no number, or has such."""
    if isinstance(x, AbstractZero):
        return False
    if isinstance(x, (list, tuple)) or _is_several(x):
        return any(map(_has_length, x))
    return np.ndim(x) > 0


def _with(zero: Any, x: Any) -> Any:
    """An argument of a function of numpy,
    with a zero that numpy can compute with in the place of ours."""
    if isinstance(x, AbstractZero):
        return zero
    if type(x) is list or type(x) is tuple:
        parts = [_with(zero, part) for part in x]
        return x if all(map(operator.is_, parts, x)) else type(x)(parts)
    return [_with(zero, part) for part in x] if _is_several(x) else x


_ZERO_OF_ZERO = frozenset("negative positive conjugate absolute fabs square sign".split())
# linear in their first argument
_LINEAR_FUNCTIONS = frozenset(
    "real imag real_if_close sum mean cumsum diff trace diagonal diag tril triu reshape ravel squeeze "
    "expand_dims transpose swapaxes moveaxis rollaxis flip fliplr flipud rot90 roll repeat tile "
    "broadcast_to take".split()
)
# linear in each of their arrays: zero where one of them is
_MULTILINEAR_FUNCTIONS = frozenset(
    "dot vdot inner outer tensordot einsum kron cross convolve correlate".split()
)
# of as many numbers as their parts have, and nobody knows how many a zero stands for
_JOINING = frozenset("concatenate hstack vstack dstack column_stack append block insert".split())
# a zero is no array, and must not look like one to numpy
ARRAY_ATTRIBUTES = frozenset(("shape", "dtype", "ndim", "size", "strides", "flags"))


class ZeroTangent(AbstractZero):
    """The zero of every tangent space: the result does not depend on this value.

    >>> ZeroTangent() + 3.0, 3.0 * ZeroTangent(), ZeroTangent() == 0.0
    (3.0, ZeroTangent(), True)
    """

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        return self is other or (other is not _no_tangent and is_zero(other))

    def __hash__(self) -> int:
        return 0


class NoTangent(AbstractZero):
    """The tangent of what cannot be perturbed:
    a string, an index, a boolean, a function without fields.

    >>> NoTangent() + 3.0, NoTangent() + ZeroTangent(), NoTangent() == ZeroTangent()
    (3.0, NoTangent(), False)
    """

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        return self is other

    def __hash__(self) -> int:
        return 1


_zero_tangent: Any = ZeroTangent()
_no_tangent: Any = NoTangent()
