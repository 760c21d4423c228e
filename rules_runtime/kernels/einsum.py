"""Einstein sums by batched matrix products, forward and back, planned once for each kind of call.

Two operands are a batched product whatever their subscripts: each label is in both and the result
(batch), in both only (contracted), or in one and the result (free). Transposing and reshaping to
(batch, free, contracted) leaves one `np.matmul`, which is BLAS. Labels that are in one operand
alone are summed first. What does not fit (a label twice in one operand) goes to `np.einsum`. The
adjoint with respect to one operand is again such a sum, of the cotangent and the other operands.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from .products import conj

ndarray = np.ndarray
_SMALL = 512  # steps of numpy's loop up to which there is nothing to plan


class Plan(NamedTuple):
    """How two operands become one batched product."""

    sum_x: tuple[int, ...]
    sum_y: tuple[int, ...]
    order_x: tuple[int, ...]
    order_y: tuple[int, ...]
    order_out: tuple[int, ...] | None
    batch: int
    free_x: int
    free_y: int
    contracted: int


@functools.lru_cache(maxsize=1024)
def parsed(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str] | None:
    """Subscripts of the operands and of the result, the ellipsis written out;
    None where they cannot be read."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        return None
    if "." in text:
        used = set(text)
        spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in used]
        widths = [n - len(term.replace("...", "")) for term, n in zip(inputs, ndims, strict=True)]
        longest = max(
            (w for w, term in zip(widths, inputs, strict=True) if "..." in term), default=0
        )
        dots = "".join(spare[:longest])
        inputs = [
            term.replace("...", dots[longest - w :]) if "..." in term else term
            for term, w in zip(inputs, widths, strict=True)
        ]
        if not arrow:
            flat = "".join(inputs)
            once = sorted(c for c in set(flat) if flat.count(c) == 1 and c not in dots)
            return tuple(inputs), dots + "".join(once)
        return tuple(inputs), right.replace("...", dots)
    if not arrow:
        flat = "".join(inputs)
        right = "".join(sorted(c for c in set(flat) if flat.count(c) == 1))
    return tuple(inputs), right


@functools.lru_cache(maxsize=1024)
def plan(x: str, y: str, out: str) -> Plan | None:
    """The batched product for `x,y->out`; None where a label occurs twice in one of them."""
    if len(set(x)) < len(x) or len(set(y)) < len(y) or len(set(out)) < len(out):
        return None
    if not set(out) <= set(x) | set(y):
        return None
    lone_x = [c for c in x if c not in y and c not in out]
    lone_y = [c for c in y if c not in x and c not in out]
    sum_x = tuple(x.index(c) for c in lone_x)
    sum_y = tuple(y.index(c) for c in lone_y)
    xs = [c for c in x if c not in lone_x]
    ys = [c for c in y if c not in lone_y]
    batch = [c for c in out if c in xs and c in ys]
    contracted = [c for c in xs if c in ys and c not in out]
    free_x = [c for c in out if c in xs and c not in ys]
    free_y = [c for c in out if c in ys and c not in xs]
    made = batch + free_x + free_y
    return Plan(
        sum_x,
        sum_y,
        tuple(xs.index(c) for c in batch + free_x + contracted),
        tuple(ys.index(c) for c in batch + contracted + free_y),
        tuple(made.index(c) for c in out) if made != list(out) else None,
        len(batch),
        len(free_x),
        len(free_y),
        len(contracted),
    )


def pair(x: Any, y: Any, p: Plan) -> Any:
    """The planned product of two plain arrays."""
    if p.sum_x:
        x = np.add.reduce(x, axis=p.sum_x)
    if p.sum_y:
        y = np.add.reduce(y, axis=p.sum_y)
    x, y = x.transpose(p.order_x), y.transpose(p.order_y)
    b, f, k = p.batch, p.free_x, p.contracted
    shape: tuple[int, ...] = ()
    if b:
        sizes = zip(x.shape[:b], y.shape[:b], strict=True)
        shape = tuple([max(m, n) if m != 0 and n != 0 else 0 for m, n in sizes])
    shape_x, shape_y = x.shape[b : b + f], y.shape[b + k :]
    shape += shape_x + shape_y
    if f != 1 or k != 1:
        x = x.reshape((*x.shape[:b], math.prod(shape_x), math.prod(x.shape[b + f :])))
    if k != 1 or p.free_y != 1:
        y = y.reshape((*y.shape[:b], math.prod(y.shape[b : b + k]), math.prod(shape_y)))
    if not k:
        z = x * y
    else:
        z = np.matmul(x, y) if b else np.dot(x, y)
    if z.shape != shape:
        z = z.reshape(shape)
    return z if p.order_out is None else z.transpose(p.order_out)


def fits(x: Any, y: Any, a: str, b: str) -> bool:
    """Whether labels have one size in both operands (np.einsum broadcasts size one)."""
    sizes = dict(zip(a, x.shape, strict=True))
    return all(sizes.get(c, n) == n for c, n in zip(b, y.shape, strict=True))


def einsum(subscripts: Any, *operands: Any, **kwargs: Any) -> Any:
    """`np.einsum`, two operands by a batched product."""
    if len(operands) == 2 and not kwargs and type(subscripts) is str:
        x, y = operands
        if (
            type(x) is ndarray
            and type(y) is ndarray
            and x.dtype.kind in "fc"
            and y.dtype.kind in "fc"
        ):
            if x.size * y.size <= _SMALL:
                return np.einsum(subscripts, x, y)
            terms = parsed(subscripts, (x.ndim, y.ndim))
            if terms is not None:
                (a, b), out = terms
                p = plan(a, b, out)
                if p is not None and len(a) == x.ndim and len(b) == y.ndim and fits(x, y, a, b):
                    if p.contracted and not p.free_x and not p.free_y:
                        # sums of products of elements:
                        # numpy's loops are faster than many products of vectors
                        return np.einsum(f"{a},{b}->{out}", x, y)
                    return pair(x, y, p)
    elif (
        len(operands) > 2
        and not kwargs
        and type(subscripts) is str
        and type(operands[0]) is ndarray
    ):
        if all(type(x) is ndarray and x.dtype.kind in "fc" for x in operands):
            terms = parsed(subscripts, tuple(x.ndim for x in operands))
            if terms is not None and math.prod([x.size for x in operands]) > _SMALL:
                return _many(*terms, operands)
    return np.einsum(subscripts, *operands, **kwargs)


def _many(inputs: tuple[str, ...], out: str, operands: tuple[Any, ...]) -> Any:
    """More than two operands, two at a time, in the order that numpy's planner gives."""
    terms, arrays = list(inputs), list(operands)
    for step in pairs(inputs, out, tuple(x.shape for x in operands)):
        picked = sorted(step, reverse=True)
        taken = [(terms.pop(k), arrays.pop(k)) for k in picked][::-1]
        needed = set(out).union(*terms) if arrays else set(out)
        made = out if not arrays else "".join(sorted(set("".join(t for t, _ in taken)) & needed))
        arrays.append(einsum(",".join(t for t, _ in taken) + "->" + made, *[x for _, x in taken]))
        terms.append(made)
    return arrays[0]


@functools.lru_cache(maxsize=256)
def pairs(inputs: tuple[str, ...], out: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
    """Which operands are combined when; never more than two."""
    shells = [np.broadcast_to(0.0, shape) for shape in shapes]
    path = np.einsum_path(",".join(inputs) + "->" + out, *shells, optimize="greedy")[0][1:]
    steps: list[tuple[int, ...]] = []
    count = len(inputs)
    for step in path:
        positions = sorted(step)
        while (
            len(positions) > 2
        ):  # the planner gave up: the first two, then the result with the next
            steps.append((positions[0], positions[1]))
            positions = [k - sum(k > p for p in positions[:2]) for k in positions[2:]]
            count -= 1
            positions.append(count - 1)
            positions.sort()
        steps.append(tuple(positions))
        count -= len(positions) - 1
    return steps


def einsum_vjp(g: Any, k: int, subscripts: Any, operands: tuple[Any, ...]) -> Any:
    """The cotangent of operand `k`: an Einstein sum of `g` and the other operands."""
    if type(subscripts) is not str:
        raise TypeError("np.einsum of a traced array takes its subscripts as a string")
    ndims = [x.ndim if type(x) is ndarray else np.ndim(x) for x in operands]
    found = _adjoint(subscripts, tuple(ndims), k)
    if found is None:
        raise ValueError(f"einsum subscripts {subscripts!r} do not fit {len(operands)} operands")
    text, have, wanted = found
    others = [conj(x) for x in operands[:k] + operands[k + 1 :]]
    dx = einsum(text, g, *others) if others or not text.startswith(have + "->") else g
    return _spread(dx, have, wanted, np.shape(operands[k]))


@functools.lru_cache(maxsize=1024)
def _adjoint(subscripts: str, ndims: tuple[int, ...], k: int) -> tuple[str, str, str] | None:
    """The sum that gives the cotangent of operand `k` from that of the result and the other
    operands, the labels that it has, and those of the operand."""
    terms = parsed(subscripts, ndims)
    if terms is None:
        return None
    inputs, out = terms
    given = [out, *inputs[:k], *inputs[k + 1 :]]
    have = "".join(dict.fromkeys(c for c in inputs[k] if c in "".join(given)))
    return ",".join(given) + "->" + have, have, inputs[k]


def _spread(dx: Any, have: str, wanted: str, shape: tuple[int, ...]) -> Any:
    """From the labels that were computed to those of the operand:
    repeat summed ones, put repeated ones on diagonals."""
    if have == wanted:
        return dx if np.shape(dx) == shape else _to_shape(dx, shape)
    unique = "".join(dict.fromkeys(wanted))
    sizes = dict(zip(wanted, shape, strict=True))
    inner = tuple(sizes[c] for c in unique)
    kept = tuple(n if c in have else 1 for c, n in zip(unique, inner, strict=True))
    if np.size(dx) == math.prod(kept):
        dx = np.broadcast_to(np.reshape(dx, kept), inner)
    if unique == wanted:
        return dx
    if type(dx) is ndarray:
        out = np.zeros(shape, dx.dtype)
        np.einsum(f"{wanted}->{unique}", out)[...] = dx
        return out
    for position, c in enumerate(wanted):
        if wanted.index(c) != position:
            first = wanted.index(c)
            eye = np.eye(shape[position])
            widen = [1] * (position + 1)
            widen[first], widen[position] = shape[first], shape[position]
            dx = np.expand_dims(dx, position) if np.ndim(dx) < len(wanted) else dx
            tail = np.ndim(dx) - position - 1
            dx = dx * np.reshape(eye, tuple(widen) + (1,) * tail)
    return dx


def _to_shape(dx: Any, shape: tuple[int, ...]) -> Any:
    from .broadcast import unbroadcast

    return unbroadcast(dx, shape)
