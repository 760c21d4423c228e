"""Registrations of HIPS autograd as rrule functions: a maker is given the output and the arguments,
and gives the function from the cotangent of the one to those of the others.

For what cannot be read from the text of a registration. `unconjugated` is for any rule of an AD
that pairs complex cotangents as autograd does. Nothing of autograd is imported.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .callees import name_of
from .errors import RuleError
from .projection import ProjectTo
from .signatures import parameters_of
from .structure import can_be_perturbed, filled
from .tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, ZeroTangent
from .thunks import InplaceableThunk, Thunk

Maker = Callable[..., Any]
#: From `(moved, ans, args, kwargs, g)` to the tangents of the arguments at the places in `moved`.
_Tangents = Callable[[tuple[int, ...], Any, tuple[Any, ...], dict[str, Any], Any], list[Any]]


def from_vjpmakers(f: Any, *makers: Maker | None, argnums: Iterable[int] | None = None) -> Any:
    """`defvjp(f, *makers, argnums=argnums)` as an rrule function, to be registered:
    `rrule.register(f)(from_vjpmakers(f, ...))`.

    `maker(ans, *args, **kwargs)(g)` is the tangent of one argument. It runs when that is asked for.
    `None` stands for a zero. An argument without a maker has a `NotImplementedTangent`; makers
    without an argument are left out. `g` has all its parts, and complex numbers are paired without
    conjugation, as in autograd.

    Raises `RuleError` where a maker cannot be called.

    >>> from rules_runtime import rrule, unthunk
    >>> def area(a, b): return a * b
    >>> _ = rrule.register(area)(from_vjpmakers(area, lambda ans, a, b: lambda g: g * b, None))
    >>> unthunk(rrule(area, 2.0, 3.0)[1](1.0)[1]), rrule(area, 2.0, 3.0)[1](1.0)[2]
    (3.0, ZeroTangent())
    """
    table = dict(zip(itertools.count() if argnums is None else argnums, makers))
    for maker in makers:
        if maker is not None:
            _checked(maker, f)

    def tangents(moved: Any, ans: Any, args: Any, kwargs: Any, g: Any) -> list[Any]:
        def tangent(k: int) -> Any:
            if k not in table:
                return NotImplementedTangent(
                    f"{name_of(f)}: no derivative with respect to {_parameter(f, k)}"
                )
            maker = table[k]
            if maker is None:
                return ZeroTangent()
            return Thunk(lambda: _tangent(maker(ans, *args, **kwargs)(g), args[k]))

        return [tangent(k) for k in moved]

    return _rule(f, tangents, *makers)


def from_vjpmaker_argnum(f: Any, maker: Maker) -> Any:
    """`defvjp_argnum(f, maker)` as an rrule function: `maker(argnum, ans, args, kwargs)(g)`
    is the tangent of the argument at `argnum`. It runs when that is asked for.

    Raises `RuleError` where the maker cannot be called.
    """
    _checked(maker, f)

    def tangents(moved: Any, ans: Any, args: Any, kwargs: Any, g: Any) -> list[Any]:
        def tangent(k: int) -> Any:
            return Thunk(lambda: _tangent(maker(k, ans, args, kwargs)(g), args[k]))

        return [tangent(k) for k in moved]

    return _rule(f, tangents, maker)


def from_vjpmaker_argnums(f: Any, maker: Maker) -> Any:
    """`defvjp_argnums(f, maker)` as an rrule function: `maker(argnums, ans, args, kwargs)(g)` gives
    a tangent for each of `argnums`.

    It runs once for all arguments that can be perturbed, when the first tangent is asked for. Where
    it takes some of them only, and raises, it is asked for each by itself.

    Raises `RuleError` where the maker cannot be called.
    """
    _checked(maker, f)

    def tangents(moved: Any, ans: Any, args: Any, kwargs: Any, g: Any) -> list[Any]:
        def run(argnums: tuple[int, ...]) -> list[Any]:
            given = list(maker(argnums, ans, args, kwargs)(g))
            if len(given) != len(argnums):
                raise RuleError(
                    f"{name_of(f)}: its vjp gave {len(given)} tangents for the arguments {argnums}"
                )
            return [_tangent(t, args[k]) for t, k in zip(given, argnums)]

        together: list[Any] = []

        def computed(place: int) -> Any:
            if not together:
                try:
                    together.extend(run(moved))
                except Exception:
                    if len(moved) == 1:
                        raise
                    return run(moved[place : place + 1])[0]
            return together[place]

        return [Thunk(functools.partial(computed, place)) for place in range(len(moved))]

    return _rule(f, tangents, maker)


def _checked(maker: Any, f: Any) -> None:
    if not callable(maker):
        raise RuleError(
            f"{name_of(f)}: a maker of vjps is a function (None for a zero), not {maker!r}"
        )


def _rule(f: Any, tangents: _Tangents, *makers: Maker | None) -> Any:
    @unconjugated
    def rule(callee: Any, /, *args: Any, **kwargs: Any) -> Any:
        ans = callee(*args, **kwargs)
        moved = tuple([k for k, x in enumerate(args) if can_be_perturbed(x)])

        def vjp_pullback(g: Any) -> tuple[Any, ...]:
            found = [NoTangent()] * (1 + len(args))
            for k, tangent in zip(moved, tangents(moved, ans, args, kwargs, filled(g, ans))):
                found[1 + k] = tangent
            return tuple(found)

        return ans, vjp_pullback

    rule.__name__ = f"rrule_{getattr(f, '__name__', 'f')}"
    where = next((m for m in makers if m is not None), f)  # what stands in the user's own text
    rule.__module__ = getattr(where, "__module__", None) or __name__
    return rule


def _tangent(t: Any, x: Any) -> Any:
    """What a vjp of autograd gives, as a tangent of `x`."""
    if t is None:
        return ZeroTangent()
    if hasattr(t, "mut_add") and hasattr(t, "vs"):  # autograd's SparseObject
        t = t.mut_add(t.vs.zeros())
    return ProjectTo(x)(t) if isinstance(t, (tuple, list, dict)) else t


def _parameter(f: Any, k: int) -> str:
    names = [
        p.name
        for p in parameters_of(f) or ()
        if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    return names[k] if k < len(names) else f"argument {k}"


class Space:
    """Where an array or a number lives, as a vector space of autograd's says it; the value itself
    is not kept.

    >>> space = Space(np.ones((2, 3)))
    >>> space.shape, space.ndim, space.size, space.iscomplex, space.zeros().shape
    ((2, 3), 2, 6, False, (2, 3))
    """

    __slots__ = ("dtype", "iscomplex", "ndim", "shape", "size")

    def __init__(self, x: Any) -> None:
        self.shape: tuple[int, ...] = np.shape(x)
        self.ndim = len(self.shape)
        self.iscomplex = bool(np.iscomplexobj(x))
        self.size = int(np.prod(self.shape, dtype=int)) * (1 + self.iscomplex)  # of real numbers
        self.dtype = np.result_type(x)

    def zeros(self) -> Any:
        """The zero of the space."""
        return np.zeros(self.shape, self.dtype)

    def __repr__(self) -> str:
        return f"Space({self.shape}, {self.dtype})"


# -- complex numbers
# Here the cotangent of a complex `z` is `dL/dx + i dL/dy` of its parts, and a pullback applies the
# adjoint of the Jacobian, which conjugates. HIPS autograd and JAX apply its transpose to the
# conjugated cotangent. A rule that was written for them is right here between two conjugations.
# Real values are their own conjugates.


def unconjugated(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, whose pullback takes and gives complex cotangents as HIPS autograd's and JAX's do.

    It stands below `@rrule.register(f)`. Thunks stay thunks, parts of a `Tangent` are conjugated
    each; real numbers and zeros pass.

    >>> from rules_runtime import NoTangent, rrule
    >>> def square(z): return z * z
    >>> @rrule.register(square)
    ... @unconjugated
    ... def rrule_square(_, z):
    ...     return square(z), lambda g: (NoTangent(), g * 2 * z)
    >>> print(rrule(square, 1j)[1](1.0)[1])
    -2j
    """

    @functools.wraps(rule)
    def paired(*args: Any, **kwargs: Any) -> Any:
        result = rule(*args, **kwargs)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            return result  # none for this call, or a mistake that the registry names
        y, back = result

        @functools.wraps(back)
        def unconjugated_pullback(dy: Any) -> Any:
            tangents = back(_conjugate(dy))
            return tuple(map(_conjugate, tangents)) if isinstance(tangents, tuple) else tangents

        return y, unconjugated_pullback

    return paired


def _conjugate(t: Any) -> Any:
    if isinstance(t, InplaceableThunk):
        return InplaceableThunk(lambda total: _add_to(total, t), lambda: _conjugate(t.unthunk()))
    if isinstance(t, Thunk):
        return Thunk(lambda: _conjugate(t.unthunk()))
    if isinstance(t, Tangent):
        return t.map(_conjugate)
    if t is None or isinstance(t, (AbstractZero, NotImplementedTangent)):
        return t
    return np.conj(t) if np.iscomplexobj(t) else t


def _add_to(total: Any, t: InplaceableThunk) -> Any:
    if not np.iscomplexobj(total):
        return t.add_to(total)
    total += _conjugate(t.unthunk())
    return total
