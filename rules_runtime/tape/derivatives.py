"""What users call: pullback, gradient, value_and_gradient, jacobian, hessian, vjp."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

import numpy as np

from ..arithmetic import add
from ..errors import RuleError
from ..registry import rrule
from ..structure import parts_of
from ..tangents import NoTangent, ZeroTangent
from .by_rule import has_rule, try_rule
from .calls import tape_of
from .structures import spread, tangent_of, tree_of
from .sweep import sweep
from .trace import TapeConfig, Trace, finished, trace_pullback
from .tracer import Tracer, primal
from .transpose import transpose

ndarray = np.ndarray
_config = TapeConfig()
Y = TypeVar("Y")


def pullback(
    f: Callable[..., Y], *args: Any, **kwargs: Any
) -> tuple[Y, Callable[[Any], tuple[Any, ...]]]:
    """`(y, back)`: the value `f(*args, **kwargs)`,
    and the function that takes a cotangent of it back to the arguments.

    `back(dy)` gives a tuple with one gradient for each of `args`, in the shape of that argument:
    arrays for arrays (real for real), floats for floats, a `Tangent` for tuples, lists, dicts and
    objects, `NoTangent()` for what cannot be perturbed. `dy` has the structure of `y`. `back` can
    be called any number of times.

    Raises `MissingRuleError` where `f` uses a function that has no rule on a traced value, and
    `ValueError` where the shape of `dy` is not that of `y`.

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


@overload
def gradient(
    f: Callable[..., Any], *args: Any, has_aux: Literal[True], **kwargs: Any
) -> tuple[Any, Any]: ...
@overload
def gradient(f: Callable[..., Any], *args: Any, argnums: int, **kwargs: Any) -> Any: ...
@overload
def gradient(
    f: Callable[..., Any], *args: Any, argnums: Sequence[int] | None = None, **kwargs: Any
) -> tuple[Any, ...]: ...
def gradient(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    **kwargs: Any,
) -> Any:
    """The gradient of a function with one real number as result:
    a tuple with one entry for each argument.

    With `argnums` only these arguments are differentiated: a tuple of them gives a tuple, one
    number the gradient itself. Keyword arguments are handed to `f`. With `has_aux` the function
    gives `(number, anything)`, and what comes back is `(gradients, anything)`.

    Raises `TypeError` where the result is no real number,
    or no argument holds a floating point number.

    >>> gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0]))
    (array([2., 4.]),)
    >>> gradient(lambda x, n: x**n, 3.0, 2, argnums=0)
    6.0
    """
    y, gradients = value_and_gradient(f, *args, argnums=argnums, has_aux=has_aux, **kwargs)
    return (gradients, y[1]) if has_aux else gradients


@overload
def value_and_gradient(
    f: Callable[..., Y], *args: Any, argnums: int, has_aux: bool = False, **kwargs: Any
) -> tuple[Y, Any]: ...
@overload
def value_and_gradient(
    f: Callable[..., Y],
    *args: Any,
    argnums: Sequence[int] | None = None,
    has_aux: bool = False,
    **kwargs: Any,
) -> tuple[Y, tuple[Any, ...]]: ...
def value_and_gradient(
    f: Callable[..., Y],
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    **kwargs: Any,
) -> tuple[Y, Any]:
    """`(f(*args), gradients)`, where `f` gives one real number and
    `gradients` has one entry for each argument.

    Entries are as those of `pullback`'s `back`. What the forward pass kept is released on the way
    back. `argnums` and keyword arguments are as with `gradient`; with `has_aux` the function gives
    `(number, anything)`, of which the number is differentiated.

    Raises `TypeError` where the result is no real number,
    or no argument holds a floating point number.

    >>> value_and_gradient(lambda x, y: x * y, 2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    if argnums is not None:
        numbers = _positions(argnums, len(args))
        f, kwargs = _of_chosen(f, args, kwargs, numbers), {}
        args = tuple([args[k] for k in numbers])
    trace = Trace(_config, f, args, kwargs, _nothing_to_differentiate)
    value: Any = trace.y
    y = _without_aux(trace) if has_aux else value
    if type(y) is not np.float64 and type(y) is not float:
        _check_real_number(primal(y))
    gradients = trace.gradients_of_number()
    return value, gradients[0] if isinstance(argnums, int) else gradients


def _without_aux(trace: Trace) -> Any:
    """The number of a function that gives `(number, anything)`;
    the trace is that of the number from here on."""
    if not isinstance(trace.y, tuple) or len(trace.y) != 2:
        raise TypeError(
            f"with has_aux the function gives (number, anything), a tuple of two, not {_described(trace.y)}"
        )
    trace.y = trace.y[0]
    trace.outputs = trace.outputs and trace.outputs.get(0)
    return trace.y


def _positions(argnums: int | Sequence[int], count: int) -> list[int]:
    """The positions that `argnums` names, of so many arguments;
    negative ones count from the end."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for k in numbers:
        if not -count <= k < count:
            raise IndexError(f"argnums={argnums}: there are {count} positional arguments")
    numbers = [k % count for k in numbers]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"argnums={argnums} names an argument twice")
    return numbers


def _of_chosen(
    f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], numbers: list[int]
) -> Callable[..., Any]:
    """`f` as a function of some of its arguments; the others are as they are."""

    def of_chosen(*chosen: Any) -> Any:
        whole = list(args)
        for k, x in zip(numbers, chosen):
            whole[k] = x
        tape = tape_of(whole, {})
        if tape is not None and has_rule(f):
            y = try_rule(tape, f, tuple(whole), kwargs)
            if y is not NotImplemented:
                return y
        return f(*whole, **kwargs)

    return of_chosen


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
    """`(y, gradients)`: the value at `args` and the vector-Jacobian
    product with the cotangent `dy`.

    >>> vjp(lambda x: x**2, (np.array([1.0, 2.0]),), np.array([1.0, 10.0]))
    (array([1., 4.]), (array([ 2., 40.]),))
    """
    trace = Trace(_config, f, tuple(args), {})
    return trace.y, trace.tangents(dy, once=True, written_out=True)[1:]


def jacobian(f: Callable[..., Any], x: Any) -> Any:
    """The Jacobian of `f` at `x`, of shape `np.shape(f(x)) + np.shape(x)`.

    It takes one pass back for each number of the result, or one forwards for each number
    of `x` where those are fewer by far.

    Of a structure (a tuple, a dict, an object ...) it is a `Tangent` with the Jacobian by each
    part; of a structured result a `Tangent` with the Jacobian of each part. Of a complex result it
    has the derivative of the real part plus i times that of the imaginary part, for a real `x`.

    >>> jacobian(lambda x: x[:2] * x[2], np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    >>> jacobian(lambda p: p["a"] * p["b"], {"a": np.ones(2), "b": 2.0})["b"]
    array([1., 1.])
    """
    trace = Trace(_config, f, (x,), {}, _nothing_to_differentiate)
    columns = _by_columns(trace, x)
    if columns is not None:
        return columns
    numbers = itertools.count()
    tree = tree_of(trace.y, lambda leaf: next(numbers), once=True)
    if tree is None and parts_of(trace.y) is None:  # an integer
        return _stacked([], np.shape(trace.y), x)

    def of_leaf(value: Any, number: int) -> Any:
        shape, is_complex = np.shape(primal(value)), np.iscomplexobj(primal(value))
        rows = []
        for place in np.ndindex(shape):
            unit = np.zeros(shape, complex if is_complex else float)
            unit[place] = 1.0
            row = back(number, unit[()])
            rows.append(add(row, 1j * back(number, (1j * unit)[()])) if is_complex else row)
        return _stacked(rows, shape, x)

    def back(number: int, unit: Any) -> Any:
        dy = tangent_of(trace.y, tree, lambda _, n: unit if n == number else ZeroTangent())
        return trace.tangents(dy, written_out=True)[1]

    return tangent_of(trace.y, tree, of_leaf)


#: The way forwards is traced once more, and its passes are longer: so many results for each number
#: of the argument make up for that.
_TALL = 4


def _by_columns(trace: Trace, x: Any) -> Any:
    """The Jacobian by one pass forwards for each number of `x`; `None` where rows are cheaper."""
    y: Any = trace.y
    if not (type(y) is ndarray and type(x) in (ndarray, float, np.float64) and y.dtype.kind == "f"):
        return None
    like = np.asarray(x)
    if like.dtype != y.dtype or not like.size or y.size <= _TALL * (like.size + 1):
        return None
    push = transpose(lambda dy: (trace.tangents(dy, written_out=True)[1],), [y])
    columns = []
    for place in np.ndindex(like.shape):
        unit = np.zeros_like(like)
        unit[place] = 1.0
        try:
            columns.append(push([unit[()]])[0])
        except RuleError:  # a cotangent is clipped somewhere: rows are what the rules say
            return None
    return np.stack(columns, axis=-1).reshape(y.shape + like.shape)


def _stacked(rows: list[Any], shape: tuple[int, ...], x: Any) -> Any:
    """Tangents of `x`, of which each belongs to a number of an array of that shape,
    as one Jacobian."""
    numbers = itertools.count()
    tree = tree_of(x, lambda leaf: next(numbers), once=True)
    parts = [spread(tree, row, x) for row in rows]

    def of_leaf(value: Any, number: int) -> Any:
        whole = shape + np.shape(value)
        if not rows:
            return np.zeros(whole)
        return np.stack([row[number][1] for row in parts]).reshape(whole)

    return tangent_of(x, tree, of_leaf)


def hessian(f: Callable[..., Any], x: Any) -> Any:
    """The matrix of second derivatives of a function with one real number as result,
    of shape `2 * np.shape(x)`.

    Of a structure it is a `Tangent` of `Tangent`s:
    `hessian(f, p)["a"]["b"]` is by `p["a"]` and `p["b"]`.

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
