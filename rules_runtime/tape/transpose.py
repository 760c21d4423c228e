"""The way forwards: a pullback is linear, so that its own pullback, by the tape,
takes tangents from arguments to results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import RuleError, TangentError
from ..leaves import is_traced, take_apart, tangent, tangents_of_leaves
from ..projection import ProjectTo
from ..tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, ZeroTangent
from ..thunks import unthunk
from ..vectors import is_number
from .record import gather
from .trace import TapeConfig, trace_pullback
from .tracer import primal

_tape = TapeConfig()


def transpose(
    pull: Callable[..., tuple[Any, ...]], ys: Sequence[Any]
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """The transpose of a linear function `pull` that takes cotangents of the leaves `ys`;
    both give and take tuples of leaves.

    Where the tape cannot follow `pull`, it is run once for each number in `ys`.

    >>> transpose(lambda g: (3.0 * g, g), [2.0])([1.0, 10.0])
    (13.0,)
    """
    # somewhere that is not zero: rules may ask whether a cotangent is
    random = np.random.default_rng(0)
    at = [_like(random, y) for y in ys]
    try:
        ds, back = trace_pullback(_tape, pull, tuple(at), {})
    except Exception:
        # A pullback that the tape cannot follow (it writes into arrays of its own, it counts with
        # Python's floats) still can be run. What is wrong otherwise is raised there.
        ds, back = pull(*at), _by_units(pull, at)

    def push(vs: Sequence[Any]) -> tuple[Any, ...]:
        dys = back(Tangent[tuple](*vs))[1:]  # type: ignore[type-arg]
        found = written_out([fitted(dy, g) for dy, g in zip(dys, at, strict=True)], at)
        _check_products(ds, vs, at, found)
        return found

    return push


def _check_products(
    ds: Sequence[Any], vs: Sequence[Any], gs: Sequence[Any], dys: Sequence[Any]
) -> None:
    """The pullback takes `gs` to `ds`, what was found to be its transpose takes `vs` to `dys`:
    their products are the same, or the pullback is not linear.

    Raises `RuleError` where they are not.
    """
    if any(map(is_traced, (*ds, *vs, *dys))):
        return
    parts = [*_real_products(ds, vs), *[-p for p in _real_products(gs, dys)]]
    single = any(np.asarray(x).dtype.itemsize < 8 for x in (*ds, *dys))
    if abs(sum(parts)) > (3e-2 if single else 1e-3) * sum(map(abs, parts)):
        raise RuleError(
            "there is no way forwards along this pullback: it is not linear in the cotangent, as those of derivatives are "
            "(it adds a constant, clips, or asks what its cotangent is), or a rule that it uses is wrong. Register an frule "
            "(frule.register)"
        )


def _by_units(
    pull: Callable[..., tuple[Any, ...]], at: Sequence[Any]
) -> Callable[[Any], tuple[Any, ...]]:
    """The pullback of a linear function that cannot be traced: it is run for each number."""
    zeros = [zero_like(g) for g in at]
    rows: list[list[tuple[complex, tuple[Any, ...]]]] = []
    for k, zero in enumerate(zeros):
        rows.append([])
        for place in np.ndindex(np.shape(zero)):
            for one in (1.0, 1j) if np.iscomplexobj(zero) else (1.0,):
                unit = np.array(zero)
                unit[place] = one
                rows[k].append((one, pull(*zeros[:k], unit[()], *zeros[k + 1 :])))

    def back(vs: Any) -> tuple[Any, ...]:
        dys: list[Any] = [NoTangent()]
        for zero, of_leaf in zip(zeros, rows):
            found = [one * sum(_real_products(ds, vs)) for one, ds in of_leaf]
            if np.iscomplexobj(zero):
                found = [re + im for re, im in zip(found[::2], found[1::2])]
            dys.append(np.reshape(np.array(found), np.shape(zero)) if np.shape(zero) else found[0])
        return tuple(dys)

    return back


def _real_products(ds: Iterable[Any], vs: Iterable[Any]) -> list[Any]:
    return [np.sum(np.real(np.conj(d) * v)) for d, v in zip(ds, vs, strict=True)]


def pushforward(
    y: Any, pullback: Callable[[Any], tuple[Any, ...]], xs: Sequence[Any], vs: Sequence[Any]
) -> Any:
    """The tangent of `y` where `xs` move along `vs`; `pullback` gives the tangents of `xs`.

    Raises `TangentError` where one of `vs` is no tangent of its argument.

    >>> pushforward(6.0, lambda dy: (3.0 * dy, 2.0 * dy), (2.0, 3.0), (1.0, ZeroTangent()))
    3.0
    """
    leaves: list[Any] = []
    parts = [take_apart(x, is_number, leaves) for x in xs]
    moves: list[Any] = []
    for k, (part, v) in enumerate(zip(parts, vs, strict=True)):
        v = unthunk(v)
        if not part.size and not is_zero(v):
            raise TangentError(
                f"a tangent, {v!r}, for {xs[k]!r}, which cannot be moved: NoTangent() is its only one"
            )
        tangents_of_leaves(part, ZeroTangent() if v is None else v, lambda _: True, moves)
    moved = [k for k, v in enumerate(moves) if v is not None]
    for k in moved:
        moves[k] = _checked(moves[k], leaves[k])
    ys: list[Any] = []
    result = take_apart(y, is_number, ys)
    if not moved or not ys:
        return ZeroTangent() if ys else NoTangent()

    def pull(*gs: Any) -> tuple[Any, ...]:
        own = pullback(tangent(result, iter(gs)))
        found: list[Any] = []
        for part, dx in zip(parts, own, strict=True):
            tangents_of_leaves(part, dx, moved.__contains__, found)
        at = [leaves[k] for k in moved]
        return written_out([fitted(found[k], leaves[k]) for k in moved], at)

    return tangent(result, iter(transpose(pull, ys)([moves[k] for k in moved])))


def is_zero(v: Any) -> bool:
    """Whether a tangent is a zero of any kind."""
    if v is None or isinstance(v, AbstractZero):
        return True
    return isinstance(v, (np.ndarray, np.generic, float, int, complex)) and not np.any(v)


def _checked(v: Any, x: Any) -> Any:
    v = unthunk(v)
    if isinstance(v, NotImplementedTangent):
        float(v)  # raises, and says why
    if np.shape(primal(v)) != np.shape(primal(x)):
        raise TangentError(
            f"a tangent of shape {np.shape(primal(v))} for an argument of shape {np.shape(primal(x))}"
        )
    if np.iscomplexobj(primal(v)) and not np.iscomplexobj(primal(x)):
        raise TangentError("a complex tangent for a real argument: give its real part")
    return v


def fitted(dx: Any, x: Any) -> Any:
    """A tangent of the leaf `x` in the space of `x`; `None` for zero. Raises where the rule
    declares that it does not know."""
    if dx is None:
        return None
    if type(dx) is np.ndarray is type(x) and dx.dtype == x.dtype and dx.shape == x.shape:
        return dx
    dx = unthunk(dx)
    if isinstance(dx, AbstractZero):
        return None
    if type(dx) is np.ndarray and dx.dtype.kind == "O":
        dx = gather(dx)  # `np.array` of what the tape traces
    if isinstance(dx, NotImplementedTangent):
        float(dx)  # raises, and says why
    if is_traced(x):
        return np.real(dx) if np.iscomplexobj(dx) and not np.iscomplexobj(x) else dx
    if type(dx) is np.ndarray is type(x) and dx.dtype == x.dtype and dx.shape == x.shape:
        return dx  # of a thunk
    return ProjectTo(x)(dx)


def written_out(ds: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
    """Gradients with zeros for `None`."""
    return tuple([zero_like(x) if d is None else d for d, x in zip(ds, xs, strict=True)])


def zero_like(x: Any) -> Any:
    """The zero of a leaf's tangent space."""
    if is_traced(x):
        return x * 0.0
    x = np.asarray(x)
    return np.zeros(x.shape, x.dtype if x.dtype.kind in "fc" else float)[()]


def _like(random: np.random.Generator, y: Any) -> Any:
    while is_traced(y):
        y = y.__traced_value__()
    y = np.asarray(y)
    g = random.uniform(0.5, 1.5, y.shape)
    if y.dtype.kind == "c":
        g = g + 1j * random.uniform(0.5, 1.5, y.shape)
    return np.asarray(g, y.dtype if y.dtype.kind in "fc" else float)[()]
