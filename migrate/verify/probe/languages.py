"""A call's value and its derivatives, in the legacy language and by what its rules became."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tables import Table, difference, fields_of, flat
from .task import first_line, runtime, speaks_autograd, task
from .watching import Watch

#: Of each argument its gradient; None where the legacy language has none.
Gradients = list[Table | None]


@dataclass(frozen=True)
class Results:
    """What one call gave, and the ids of the rules that ran. `gradients` are those of the callee
    and of the arguments, `second` those of a number made of one gradient, by that argument."""

    value: Table
    gradients: Gradients
    second: Gradients
    ran: list[str]
    trouble: str = ""  # with the second derivatives

    @property
    def tables(self) -> list[Table]:
        """All that are known."""
        return [self.value, *(one for one in (*self.gradients, *self.second) if one is not None)]


def cotangent(y: Any, rng: np.random.Generator) -> Any:
    """A random cotangent of a result, in the legacy language;
    None if nothing is to differentiate."""
    if isinstance(y, (bool, np.bool_, int, np.integer, str, bytes)) or y is None:
        return None
    if isinstance(y, (complex, np.complexfloating)):
        return complex(rng.standard_normal(), rng.standard_normal())
    if isinstance(y, (float, np.floating)):
        return float(rng.standard_normal())
    if isinstance(y, np.ndarray):
        if y.dtype.kind == "c":
            return rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)
        return rng.standard_normal(y.shape) if y.dtype.kind == "f" else None
    if isinstance(y, (tuple, list)) and not hasattr(type(y), "_fields"):
        items = [cotangent(part, rng) for part in y]
        return type(y)(items) if any(item is not None for item in items) else None
    if hasattr(type(y), "_fields"):
        parts = {name: cotangent(getattr(y, name), rng) for name in y._fields}
    elif isinstance(y, dict):
        parts = {key: cotangent(part, rng) for key, part in y.items()}
    else:
        parts = {name: cotangent(part, rng) for name, part in fields_of(y).items()}
    return parts if any(part is not None for part in parts.values()) else None


def run(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seed: int,
    like: Results | None = None,
    autograd: bool = False,
) -> Results:
    """Value and derivatives: those of the legacy language, or those that it had (`like`), by the
    runtime or by the rules that `autograd` has now."""
    random.seed(seed)
    np.random.seed(seed)
    call = _Call(f, args, dict(kwargs), seed)
    watch = Watch()
    sys.setprofile(watch)
    try:
        if autograd or (task["variant"] == "old" and speaks_autograd()):
            found = _by_autograd(call, like)
        elif like is None or (None not in like.gradients[1:] and not like.second):
            found = _by_shim(call)
        else:
            found = _by_runtime(call, like)
    finally:
        sys.setprofile(None)
    value, gradients, second, trouble = found
    return Results(value, gradients, second, watch.ran(), trouble)


#: A value, gradients, second derivatives, and what is wrong with these.
Found = tuple[Table, Gradients, Gradients, str]


class _Call:
    """A call, as a function of one of its arguments too."""

    def __init__(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int) -> None:
        self.f, self.args, self.kwargs, self.seed = f, args, kwargs, seed

    def by(self, *places: int) -> Callable[..., Any]:
        def of_some(*xs: Any) -> Any:
            args = list(self.args)
            for k, x in zip(places, xs):
                args[k] = x
            return self.f(*args, **self.kwargs)

        return of_some

    def cotangent(self, y: Any) -> Any:
        return cotangent(y, np.random.default_rng(self.seed))

    def weights(self, k: int) -> Any:
        """Which number is made of the gradient of an argument."""
        return cotangent(self.args[k], np.random.default_rng(self.seed + 1))


def _by_shim(call: _Call) -> Found:
    f, args = call.f, call.args
    y, back = runtime("legacy")._pullback(None, f, *args, **call.kwargs)
    table = flat(y)
    dy = call.cotangent(y)
    if dy is None:
        return table, [], [], ""
    got = back(dy)
    got = got if isinstance(got, tuple) else (None,) * (len(args) + 1)
    gradients: Gradients = [flat(dx, x, gradient=True) for dx, x in zip(got, (f, *args))]
    return table, gradients, [], ""


def _by_runtime(call: _Call, like: Results) -> Found:
    """The derivatives that the legacy language has, too."""
    args = call.args
    known = [k for k in range(len(args)) if like.gradients and like.gradients[1 + k] is not None]
    y, back = runtime("legacy")._pullback(None, call.by(*known), *[args[k] for k in known])
    dy = call.cotangent(y)
    gradients: Gradients = [None] * len(like.gradients)
    for k, one in zip(known, back(dy)[1:] if known else ()):
        gradients[1 + k] = flat(one, args[k], gradient=True)
    second: Gradients = [None] * len(like.second)
    trouble = ""
    tape, dy = runtime("tape"), runtime("bridge").from_legacy(dy, y)
    for k, wanted in enumerate(like.second):
        if wanted is None:
            continue

        def number(x: Any, k: int = k) -> Any:
            dx = tape.pullback(call.by(k), x)[1](dy)[0]
            return np.sum(np.real(np.conj(call.weights(k)) * dx))

        try:
            dx = tape.gradient(number, args[k])[0]
        except Exception as error:
            trouble = f"the tape has no second derivative ({first_line(error)})"
            continue
        second[k] = own = flat(dx, args[k], gradient=True)
        if difference(own, wanted) and _is_slope(number, args[k], dx):
            second[k] = None
            trouble = (
                f"autograd's second derivative of argument {k + 1} is not that of its gradient"
            )
    return flat(y), gradients, second, trouble


def _is_slope(f: Callable[[Any], Any], x: Any, dx: Any) -> bool:
    """Whether `dx` is the gradient of `f`, by differences along some directions."""
    rng, step = np.random.default_rng(0), 1e-5
    for _ in range(3):
        v = cotangent(x, rng)
        slope = (f(x + step * v) - f(x - step * v)) / (2 * step)
        if not np.isclose(slope, np.sum(np.real(np.conj(dx) * v)), rtol=1e-4, atol=1e-6):
            return False
    return True


# -- HIPS autograd, which pairs complex numbers without conjugation --------------------------------


def _by_autograd(call: _Call, like: Results | None) -> Found:
    """By each argument alone, for autograd has no rule for some; those that it had no gradient by
    are left out."""
    import autograd.numpy as anp
    from autograd import make_vjp

    args = call.args
    y = call.f(*args, **call.kwargs)
    table, dy = flat(y), call.cotangent(y)
    if dy is None:
        return table, [], [], ""
    gradients: Gradients = [{}, *[None] * len(args)]
    second: Gradients = [None] * len(args)
    trouble: Exception | None = None
    for k, x in enumerate(args):
        if not _is_smooth(x) or (like and like.gradients and like.gradients[1 + k] is None):
            continue
        try:
            vjp, ans = make_vjp(call.by(k))(x)
            g = _whole(dy, ans)
            gradients[1 + k] = _gradient(vjp(g), x)
        except Exception as error:
            if type(error) not in _SAID:
                raise  # the input makes no sense
            trouble = error
            continue
        if gradients[1 + k] is None or isinstance(x, (tuple, list, dict)):
            continue

        def number(x: Any, k: int = k, g: Any = g) -> Any:
            dx = make_vjp(call.by(k))(x)[0](g)
            return anp.sum(anp.real(call.weights(k) * dx))

        try:
            second[k] = _gradient(make_vjp(number)(x)[0](1.0), x)
        except Exception:  # it has none
            continue
    if trouble is not None and not any(one is not None for one in gradients[1:]):
        raise trouble
    return table, gradients, second, ""


#: What makers raise that are not there, or that say that there is no derivative.
_SAID = (NotImplementedError, KeyError, AssertionError, ValueError, RuntimeError, Exception)


def _is_smooth(x: Any) -> bool:
    if isinstance(x, (tuple, list)):
        return bool(x) and all(map(_is_smooth, x))
    if isinstance(x, dict):
        return bool(x) and all(map(_is_smooth, x.values()))
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fc"
    return isinstance(x, (float, complex, np.inexact))


def _whole(dy: Any, y: Any) -> Any:
    """A cotangent as autograd gives it: with all its parts."""
    if isinstance(y, dict):
        return {key: _whole(dy and dy.get(key), part) for key, part in y.items()}
    if isinstance(y, (tuple, list)):
        given: Sequence[Any] = [None] * len(y) if dy is None else _in_order(dy)
        parts = [_whole(one, part) for one, part in zip(given, y)]
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
    return np.zeros(np.shape(y), np.result_type(y, float))[()] if dy is None else np.conj(dy)


def _in_order(dy: Any) -> Sequence[Any]:
    return list(dy.values()) if isinstance(dy, dict) else dy


def _gradient(dx: Any, x: Any) -> Table | None:
    """What autograd gives, as a gradient: of a real number a real one. None where it is of another
    shape than the argument, which autograd does not look at."""
    if isinstance(x, (tuple, list, dict)):
        return {path: np.conj(part) for path, part in flat(dx, x, gradient=True).items()}
    if np.shape(dx) != np.shape(x):
        return None
    return flat(np.conj(dx) if np.iscomplexobj(x) else np.real(dx), x, gradient=True)
