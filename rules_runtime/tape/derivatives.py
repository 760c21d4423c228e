"""What users call: pullback, gradient, value_and_gradient, jacobian, hessian, vjp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..registry import rrule
from ..structure import parts_of
from ..tangents import NoTangent
from .structures import is_leaf
from .sweep import sweep
from .trace import TapeConfig, Trace, finished, trace_pullback
from .tracer import Tracer, primal

ndarray = np.ndarray
_config = TapeConfig()
Y = TypeVar("Y")


def pullback(
    f: Callable[..., Y], *args: Any, **kwargs: Any
) -> tuple[Y, Callable[[Any], tuple[Any, ...]]]:
    """`(y, back)`: the value `f(*args, **kwargs)`, and the function that takes a cotangent of it back to the arguments.

    `back(dy)` gives a tuple with one gradient for each of `args`, in the shape of that argument: arrays for arrays (real
    for real), floats for floats, a `Tangent` for tuples, lists, dicts and objects, `NoTangent()` for what cannot be
    perturbed. `dy` has the structure of `y`. `back` can be called any number of times.

    Raises `MissingRuleError` where `f` uses a function that has no rule on a traced value, and `ValueError` where the shape
    of `dy` is not that of `y`.

    >>> y, back = pullback(lambda x, y: x * y, 2.0, 3.0)
    >>> y, back(1.0)
    (6.0, (3.0, 2.0))
    """
    y, back = differentiate(f, args, kwargs)
    return y, lambda dy: back(dy)[1:]


def differentiate(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """`(y, back)` with a tangent for `f` first, zeros written out."""
    trace = Trace(_config, f, args, kwargs)
    return trace.y, lambda dy: trace.tangents(dy, written_out=True)


def gradient(f: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """The gradient of a function with one real number as result: a tuple with one entry for each argument.

    Raises `TypeError` where the result is no real number, or no argument holds a floating point number.

    >>> gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0]))
    (array([2., 4.]),)
    """
    return value_and_gradient(f, *args)[1]


def value_and_gradient(f: Callable[..., Y], *args: Any) -> tuple[Y, tuple[Any, ...]]:
    """`(f(*args), gradients)`, where `f` gives one real number and `gradients` has one entry for each argument.

    Entries are as those of `pullback`'s `back`. What the forward pass kept is released on the way back.

    Raises `TypeError` where the result is no real number, or no argument holds a floating point number.

    >>> value_and_gradient(lambda x, y: x * y, 2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    trace = Trace(_config, f, args, {}, _nothing_to_differentiate)
    y: Any = trace.y
    if type(y) is not np.float64 and type(y) is not float:
        _check_real_number(primal(y))
    return y, trace.gradients_of_number()


def _nothing_to_differentiate(args: tuple[Any, ...]) -> None:
    if args:
        given = ", ".join(map(_described, args))
        raise TypeError(
            f"there is nothing to differentiate: no argument has a floating point number ({given}). "
            "Write 3.0 for 3, x.astype(float) for an array of integers."
        )


def _check_real_number(y: Any) -> None:
    numbers = (float, np.floating, ndarray, int, np.integer)
    if np.iscomplexobj(y) and np.shape(y) == ():
        raise TypeError(
            "gradient needs a real result, not a complex number: take np.real(y) or np.abs(y)**2"
        )
    if np.shape(y) != () or not (isinstance(y, numbers) or hasattr(y, "__array_function__")):
        raise TypeError(
            f"gradient needs a function with one real number as result, not {_described(y)}; "
            "for anything else there is pullback(f, *args), for arrays jacobian(f, x)"
        )


def _described(y: Any) -> str:
    if isinstance(y, ndarray):
        return f"an array of shape {y.shape}" + ("" if y.dtype.kind in "fc" else f" of {y.dtype}")
    return f"a {type(y).__name__}"


def vjp(f: Callable[..., Any], args: tuple[Any, ...], dy: Any) -> tuple[Any, tuple[Any, ...]]:
    """`(y, gradients)`: the value at `args` and the vector-Jacobian product with the cotangent `dy`.

    >>> vjp(lambda x: x**2, (np.array([1.0, 2.0]),), np.array([1.0, 10.0]))
    (array([1., 4.]), (array([ 2., 40.]),))
    """
    trace = Trace(_config, f, tuple(args), {})
    return trace.y, trace.tangents(dy, once=True, written_out=True)[1:]


def jacobian(f: Callable[..., Any], x: Any) -> Any:
    """The Jacobian of `f` at `x`, of shape `np.shape(f(x)) + np.shape(x)`. One pass back for each element of the result.

    Of a complex result it has the derivative of the real part plus i times that of the imaginary part, for a real `x`.

    >>> jacobian(lambda x: x[:2] * x[2], np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    trace = Trace(_config, f, (x,), {}, _nothing_to_differentiate)
    y = trace.y
    if not is_leaf(y):
        if parts_of(y) is None:
            return np.zeros(np.shape(y) + np.shape(x))
        raise TypeError(f"jacobian needs an array or a number as result, not {_described(y)}")
    shape = np.shape(primal(y))
    rows = []
    is_complex = np.iscomplexobj(primal(y))
    for place in np.ndindex(shape):
        unit = np.zeros(shape, complex if is_complex else float)
        unit[place] = 1.0
        row = trace.tangents(unit[()], written_out=True)[1]
        if is_complex:
            row = row + 1j * trace.tangents((1j * unit)[()], written_out=True)[1]
        rows.append(row)
    if not rows:
        return np.zeros(shape + np.shape(x))
    return np.stack(rows).reshape(shape + np.shape(x))


def hessian(f: Callable[..., Any], x: Any) -> Any:
    """The matrix of second derivatives of a function with one real number as result, of shape `2 * np.shape(x)`.

    >>> hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(lambda x: gradient(f, x)[0], x)


__all__ = [
    "NoTangent",
    "TapeConfig",
    "Tracer",
    "finished",
    "gradient",
    "hessian",
    "jacobian",
    "pullback",
    "rrule",
    "sweep",
    "trace_pullback",
    "value_and_gradient",
    "vjp",
]
