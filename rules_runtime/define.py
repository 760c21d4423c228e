"""Short ways to define rules: functions without a derivative, functions of numbers,
what goes through a pullback."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .annotations import Scope, Unresolved
from .arithmetic import add
from .errors import RuleError
from .kernels.broadcast import unbroadcast
from .patterns import ANYTHING
from .projection import ProjectTo
from .registry import rrule, signature_from
from .signatures import Signature, location_of, parameters_of, signature_of
from .tangents import AbstractZero, NoTangent, NotImplementedTangent
from .thunks import unthunk

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def non_differentiable(f: F, *signature: Any) -> F:
    """Declare that nothing flows back through calls of `f`:
    a rule with `NoTangent()` for every argument. Gives `f`.

    With types, as in `non_differentiable(f, str, int)`, only calls with exactly these types of
    positional arguments are meant; more specific rules still apply. Also a decorator.

    Raises `RuleError` where `f` cannot be called, or what follows it is a function and no type.

    >>> import math
    >>> non_differentiable(math.floor)
    <built-in function floor>
    >>> y, pullback = rrule(math.floor, 2.5)
    >>> y, pullback(1.0)
    (2, (NoTangent(), NoTangent()))
    """
    for annotation in signature:
        if inspect.isroutine(annotation) or hasattr(type(annotation), "__asks_first__"):
            raise RuleError(
                f"non_differentiable(f, *types): {annotation!r} is no type; declare one function at a time"
            )
    matched = (
        signature_from(signature, sys._getframe(1)) if signature else Signature((), rest=ANYTHING)
    )
    module = sys._getframe(1).f_globals.get("__name__", "")
    rrule.add_rule(f, _without_derivative, matched, non_differentiable=True, module=module)
    return f


def _without_derivative(callee: Any, /, *args: Any, **kwargs: Any) -> Any:
    # in functor form the instance is the callee; either way it has a tangent of its own
    tangents = (NoTangent(),) * (1 + len(args))
    return callee(*args, **kwargs), lambda dy: tangents


def scalar_rule(f: F, *partials: Callable[..., Any]) -> F:
    """Define the rule of a function of numbers by its partial derivatives. Gives `f`.

    `scalar_rule(f, lambda y, x: ...)` for one argument; for more, one function that returns a tuple
    of partial derivatives, or one function for each. They are called with the result and the
    arguments. A partial derivative may be a zero, such as `NoTangent()`, or a
    `NotImplementedTangent`. Functions that work elementwise on arrays may be defined so as well:
    cotangents are summed over the axes that were broadcast. Annotations of the arguments dispatch.

    A function that gives a tuple has a tuple of partial derivatives for each argument,
    one for each part of the result.

    The pullback multiplies by the conjugate, which is right for holomorphic functions,
    and projects.

    Raises `RuleError` where the partial derivatives cannot be
    called with the result and the arguments.

    >>> def mul(x, y): return x * y
    >>> _ = scalar_rule(mul, lambda z, x, y: (y, x))
    >>> rrule(mul, 2.0, 5.0)[1](1.0)
    (NoTangent(), 5.0, 2.0)
    """
    if not partials:
        raise RuleError("scalar_rule(f, lambda y, x: ...) needs the partial derivatives")
    signature = _signature_of_partials(partials, sys._getframe(1))

    def rrule_scalar(callee: Any, /, *args: Any, **kwargs: Any) -> Any:
        y = callee(*args, **kwargs)
        slopes = _slopes(partials, y, args)
        several = isinstance(y, tuple)
        projections = [ProjectTo(x) for x in args]
        shapes = [np.shape(x) for x in args]

        def scalar_pullback(dy: Any) -> tuple[Any, ...]:
            return (
                NoTangent(),
                *(
                    project(_summed(slope, dy, shape) if several else _times(slope, dy, shape))
                    for project, slope, shape in zip(projections, slopes, shapes)
                ),
            )

        return y, scalar_pullback

    rrule_scalar.__module__ = getattr(partials[0], "__module__", None) or __name__
    rrule.add_rule(f, rrule_scalar, signature)
    return f


def _signature_of_partials(partials: tuple[Callable[..., Any], ...], frame: Any) -> Signature:
    parameters = parameters_of(partials[0])
    if parameters is None:
        if len(partials) > 1:
            return Signature([ANYTHING] * len(partials))
        return Signature((), rest=ANYTHING)
    if not parameters or parameters[0].kind not in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL):
        raise RuleError(f"a partial derivative takes (y, *args): {location_of(partials[0])}")
    if parameters[0].kind in _POSITIONAL:
        parameters = parameters[1:]
    scope = Scope(partials[0], frame)
    try:
        return signature_of(parameters, scope)
    except Unresolved:
        return signature_of(parameters, scope, final=True)


def _slopes(
    partials: tuple[Callable[..., Any], ...], y: Any, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    if len(partials) == len(args) and len(args) > 1:
        return tuple(partial(y, *args) for partial in partials)
    slopes: Any = partials[0](y, *args)
    if not isinstance(slopes, tuple) or (
        isinstance(y, tuple) and len(args) == 1 and not isinstance(slopes[0], tuple)
    ):
        slopes = (slopes,)
    if len(slopes) != len(args):
        raise RuleError(
            f"{len(slopes)} partial derivatives were given for {len(args)} arguments: {location_of(partials[0])}"
        )
    return tuple(slopes)


def _summed(slopes: Any, dy: Any, shape: tuple[int, ...]) -> Any:
    """What all parts of a result that is a tuple give for one argument."""
    if isinstance(slopes, (AbstractZero, NotImplementedTangent)):
        return slopes
    dys = tuple(dy)
    if not isinstance(slopes, tuple) or len(slopes) != len(dys):
        raise RuleError(
            f"a function that gives {len(dys)} parts has so many partial derivatives for each argument, in a tuple; not {slopes!r}"
        )
    return functools.reduce(add, [_times(s, d, shape) for s, d in zip(slopes, dys)])


def _times(slope: Any, dy: Any, shape: tuple[int, ...]) -> Any:
    slope, dy = unthunk(slope), unthunk(dy)
    if isinstance(dy, AbstractZero):
        return dy
    if isinstance(slope, (AbstractZero, NotImplementedTangent)):
        return slope
    dx = np.conj(slope) * dy
    if np.shape(dx) == shape:
        return dx
    return unbroadcast(dx, shape)


# -- what goes through a pullback ------------------------------------------------------------------


def ignore_derivatives(x: T) -> T:
    """`x`, with nothing flowing back through it. It takes a value and calls nothing, not even a
    function: `@non_differentiable` is for all that one computes.

    >>> ignore_derivatives(3.0)
    3.0
    """
    if hasattr(type(x), "__traced_value__"):
        return ignore_derivatives(x.__traced_value__())  # type: ignore[attr-defined, no-any-return]
    return x


def hook(f: Callable[[Any], Any], x: T) -> T:
    """`x`; on the way back its cotangent goes through `f`, to be looked at, clipped or reversed.

    `f` receives an unthunked cotangent that is not a zero and returns one.

    >>> y, pullback = rrule(hook, lambda dx: -dx, 3.0)
    >>> y, pullback(1.0)
    (3.0, (NoTangent(), NoTangent(), -1.0))
    """
    return x


def primitive(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of its own that calls `f`, for rules to be attached to: those are none for `f`.

    `f` may be anything that can be called: a ufunc, a builtin, a bound method. Also a decorator.

    Raises `RuleError` where `f` cannot be called.

    >>> root = primitive(np.sqrt)
    >>> root is np.sqrt, float(root(4.0)), root.__name__
    (False, 2.0, 'sqrt')
    """
    if not callable(f):
        raise RuleError(f"primitive: {f!r} cannot be called")

    # not functools.wraps: what finds the function behind a wrapper would find f
    def own(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    for name in functools.WRAPPER_ASSIGNMENTS:
        with contextlib.suppress(AttributeError, TypeError):
            setattr(own, name, getattr(f, name))
    with contextlib.suppress(TypeError, ValueError):
        own.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return own


@rrule.register(ignore_derivatives)
def _rrule_ignore_derivatives(_: Any, x: Any) -> Any:
    return ignore_derivatives(x), lambda dx: (NoTangent(), NoTangent())


@rrule.register(hook)
def _rrule_hook(_: Any, f: Any, x: Any) -> Any:
    return x, lambda dx: (NoTangent(), NoTangent(), f(dx))


__all__ = ["hook", "ignore_derivatives", "non_differentiable", "primitive", "scalar_rule"]
