"""How calls of numpy's functions become nodes of the graph:
few kinds of them, so that what comes after knows them all.

`build(graph, value, *args, **kwargs)` is given the call and what it gave, of which only shape and
dtype matter. What it declines (None) is recorded as one call, and so is what comes out otherwise
than numpy's result did.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import scatter as scatters
from ..kernels.einsum import einsum, pairs, parsed
from ..kernels.extrema import extremum_cotangent
from ..kernels.others import is_recorded
from .array import BUILDERS, FORMULAS, VALUES, _astype, operand
from .graph import F8, REDUCTIONS, Graph, Node, Unrecordable, frozen, normal_axes

ndarray = np.ndarray
Build = Callable[..., "Node | None"]


def builds(*functions: Any) -> Callable[[Build], Build]:
    def note(build: Build) -> Build:
        for function in functions:
            BUILDERS[function] = build
        return build

    return note


def _is_f8(n: Node) -> bool:
    return bool(n.dtype == F8)


# ---- what copies nothing -----------------------------------------------------------------


@builds(np.copy, np.ascontiguousarray)
def _same(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
    return operand(graph, x)


@builds(np.asarray, np.array, np.asanyarray)
def _as_array(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
    if is_recorded(x):
        return x.node if x.node.dtype == value.dtype and x.shape == value.shape else None
    return graph.constant(value)  # np.asarray(x, like=recorded)


@builds(_astype, scatters.astype)
def _cast(graph: Graph, value: Any, x: Any, dtype: Any) -> Node | None:
    return x.node if x.dtype == dtype else None


@builds(np.reshape)
def _reshape(graph: Graph, value: Any, x: Any, *args: Any, order: str = "C", **kw: Any) -> Any:
    return _in_order(graph, value, x, args[1] if len(args) > 1 else order)


@builds(np.ravel)
def _ravel(graph: Graph, value: Any, x: Any, order: str = "C") -> Node | None:
    return _in_order(graph, value, x, order)


def _in_order(graph: Graph, value: Any, x: Any, order: Any) -> Node | None:
    if order not in ("C", "F"):
        raise Unrecordable("it reads an array in the order that it has in memory")
    return graph.reshape(operand(graph, x), value.shape) if order == "C" else None


@builds(np.expand_dims, np.squeeze, np.atleast_1d)
def _other_shape(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
    return graph.reshape(operand(graph, x), np.shape(value))


def _permuted(f: Any) -> Build:
    def build(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
        n = operand(graph, x)
        # where each axis goes, told by axes of different lengths
        marked = f(np.empty(tuple(range(2, n.ndim + 2)), bool), *args, **kwargs)
        return graph.transpose(n, tuple([k - 2 for k in marked.shape]))

    return build


for _f in (np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose, np.linalg.matrix_transpose):
    BUILDERS[_f] = _permuted(_f)


@builds(np.broadcast_to)
def _broadcast_to(graph: Graph, value: Any, x: Any, shape: Any, subok: bool = False) -> Any:
    return graph.broadcast(operand(graph, x), value.shape)


@builds(np.diagonal)
def _diagonal(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
    given = dict(zip(("offset", "axis1", "axis2"), (0, 0, 1)), **kwargs)
    given.update(zip(given, args))
    spec = tuple([operator.index(given[k]) for k in ("offset", "axis1", "axis2")])
    return graph.view("diagonal", spec, operand(graph, x), value.shape)


@builds(np.diag)
def _diag(graph: Graph, value: Any, x: Any, k: Any = 0) -> Node | None:
    n = operand(graph, x)
    if n.ndim == 2:
        return graph.view("diagonal", (operator.index(k), 0, 1), n, value.shape)
    if operator.index(k) == 0:
        return graph.node("scatter", ("diag", value.shape), [n], value.shape, n.dtype)
    return None


@builds(np.real)
def _real(graph: Graph, value: Any, x: Any) -> Node | None:
    return x.node if x.dtype.kind != "c" else None


@builds(np.flip)
def _flip(graph: Graph, value: Any, x: Any, axis: Any = None) -> Node | None:
    n = operand(graph, x)
    axes = normal_axes(axis, n.ndim)
    back = tuple([slice(None, None, -1) if k in axes else slice(None) for k in range(n.ndim)])
    return graph.getitem(n, back, n.shape)


def basic_index(index: Any, ndim: int) -> tuple[Any, ...] | None:
    """A basic index with a part for each axis (and None for new ones); None for any other."""
    parts = index if type(index) is tuple else (index,)
    out: list[Any] = []
    named = 0
    for p in parts:
        if p is None or p is Ellipsis:
            continue
        named += 1
        if type(p) is slice:
            if any(is_recorded(e) for e in (p.start, p.stop, p.step)):
                return None
        elif type(p) is not int and not isinstance(p, np.integer):
            return None
    rest = [slice(None)] * (ndim - named)
    if not any(p is Ellipsis for p in parts):
        parts = (*parts, Ellipsis)
    for p in parts:
        if p is Ellipsis:
            out += rest
            rest = []
        elif type(p) is slice:
            out.append(
                slice(
                    *[None if e is None else operator.index(e) for e in (p.start, p.stop, p.step)]
                )
            )
        else:
            out.append(p if p is None else int(p))
    return tuple(out)


@builds(operator.getitem)
def _getitem(graph: Graph, value: Any, x: Any, index: Any) -> Node | None:
    if not is_recorded(x):
        return None
    basic = basic_index(index, x.ndim)
    return None if basic is None else graph.getitem(x.node, basic, np.shape(value))


@builds(scatters.scatter)
def _scatter(graph: Graph, value: Any, g: Any, index: Any, shape: Any, dtype: Any) -> Node | None:
    n = operand(graph, g)
    basic = basic_index(index, len(shape))
    if basic is None or n.dtype != dtype:
        return None
    kept, k = [], 0
    for p in basic:
        if p is None:
            k += 1
        elif type(p) is slice:
            kept.append(n.shape[k])
            k += 1
    n = graph.reshape(n, tuple(kept))
    index = tuple(
        [p % m if type(p) is int else p for p, m in zip([p for p in basic if p is not None], shape)]
    )
    return graph.scatter(n, index, tuple(shape))


@builds(scatters.scattered)
def _scattered(graph: Graph, value: Any, parts: Any, indices: Any, shape: Any, dtype: Any) -> Any:
    total = None
    for g, index in zip(parts, indices):
        n = _scatter(graph, value, g, index, shape, dtype)
        if n is None:
            return None
        total = n if total is None else graph.apply(np.add, [total, n], n.shape, n.dtype)
    return total


@builds(scatters.put)
def _put(graph: Graph, value: Any, x: Any, index: Any, v: Any) -> Node | None:
    n, new = operand(graph, x), operand(graph, v)
    basic = basic_index(index, n.ndim)
    if basic is None or None in basic or new.dtype != n.dtype or not n.ndim:
        return None
    if all(type(p) is slice and p.indices(m) == (0, m, 1) for p, m in zip(basic, n.shape)):
        return graph.broadcast(new, n.shape)  # whatever was there, np.empty's numbers too
    places = tuple([p % m if type(p) is int else p for p, m in zip(basic, n.shape)])
    return graph.node("put", frozen(places), [n, new], n.shape, n.dtype)


# ---- sums and other reductions -----------------------------------------------------------


def _reduction(name: str) -> Build:
    def build(
        graph: Graph, value: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None,
        keepdims: Any = False, **kwargs: Any,
    ) -> Node | None:  # fmt: skip
        n = operand(graph, x)
        if dtype is not None or kwargs or n.ndim == 0:
            return None
        kinds = "fcb" if name == "add" else "f"
        if n.dtype.kind not in kinds or (n.size == 0 and name not in ("add", "multiply")):
            return None
        found = getattr(value, "dtype", None)
        return graph.reduce(name, n, normal_axes(axis, n.ndim), bool(keepdims), found)

    return build


_sum, _max, _min = _reduction("add"), _reduction("maximum"), _reduction("minimum")
BUILDERS[np.sum] = _sum
BUILDERS[np.prod] = _reduction("multiply")


@builds(np.max)
def _amax(graph: Graph, value: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:  # fmt: skip
    return _max(graph, value, x, axis, None, None, keepdims, **kwargs)


@builds(np.min)
def _amin(graph: Graph, value: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:  # fmt: skip
    return _min(graph, value, x, axis, None, None, keepdims, **kwargs)


def _reduce_method(name: str) -> Build:
    build = _reduction(name)

    def method(graph: Graph, value: Any, x: Any, axis: Any = 0, **kwargs: Any) -> Node | None:
        return build(graph, value, x, axis, **kwargs)

    return method


_reduce_methods = {REDUCTIONS[name].reduce: _reduce_method(name) for name in REDUCTIONS}
BUILDERS.update(_reduce_methods)


@builds(np.mean)
def _mean(graph: Graph, value: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **kwargs: Any) -> Any:  # fmt: skip
    n = operand(graph, x)
    if not _is_f8(n) or dtype is not None or kwargs or n.ndim == 0 or n.size == 0:
        return None
    axes = normal_axes(axis, n.ndim)
    total = graph.reduce("add", n, axes, bool(keepdims), F8)
    return graph.f8(np.divide, total, float(math.prod([n.shape[k] for k in axes])))


def _spread_of(root: bool) -> Build:
    def build(graph: Graph, value: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, **kwargs: Any) -> Any:  # fmt: skip
        n = operand(graph, x)
        if not _is_f8(n) or dtype is not None or kwargs or n.ndim == 0 or n.size == 0:
            return None
        axes = normal_axes(axis, n.ndim)
        count = math.prod([n.shape[k] for k in axes])
        if type(ddof) is not int or count <= ddof:
            return None
        mean = graph.f8(np.divide, graph.reduce("add", n, axes, True, F8), float(count))
        square = graph.f8(np.square, graph.f8(np.subtract, n, mean))
        found = graph.reduce("add", square, axes, bool(keepdims), F8)
        found = graph.f8(np.divide, found, float(count - ddof))
        return graph.f8(np.sqrt, found) if root else found

    return build


BUILDERS[np.var], BUILDERS[np.std] = _spread_of(False), _spread_of(True)


@builds(np.trace)
def _trace(graph: Graph, value: Any, x: Any, *args: Any, **kwargs: Any) -> Node | None:
    n = operand(graph, x)
    if args or kwargs or n.ndim != 2 or not _is_f8(n):
        return None
    diagonal = graph.view("diagonal", (0, 0, 1), n, (min(n.shape),))
    return graph.reduce("add", diagonal, (0,), False, F8)


@builds(np.linalg.norm)
def _norm(graph: Graph, value: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:  # fmt: skip
    n = operand(graph, x)
    if ord is not None or not _is_f8(n) or isinstance(axis, tuple) or n.ndim == 0:
        return None
    square = graph.f8(np.multiply, n, n)
    return graph.f8(
        np.sqrt, graph.reduce("add", square, normal_axes(axis, n.ndim), bool(keepdims), F8)
    )


@builds(extremum_cotangent)
def _extremum_back(graph: Graph, value: Any, g: Any, x: Any, y: Any, axes: Any) -> Node | None:
    """Of few numbers in words; of more, the kernel finds the single places."""
    given, n, top = (operand(graph, z) for z in (g, x, y))
    if not (_is_f8(given) and _is_f8(n) and _is_f8(top)) or not 0 < n.size <= _FEW:
        return None
    kept = tuple([1 if k in axes else m for k, m in enumerate(n.shape)])
    hits = graph.apply(np.equal, [n, graph.reshape(top, kept)], n.shape, np.dtype(bool))
    one, zero = graph.constant(1.0), graph.constant(0.0)
    share = graph.node("where", None, [hits, one, zero], n.shape, F8)
    count = graph.f8(np.maximum, graph.reduce("add", share, tuple(axes), True, F8), 1.0)
    return graph.f8(np.multiply, graph.reshape(given, kept), graph.f8(np.divide, share, count))


_FEW = 256


# ---- elementwise -------------------------------------------------------------------------


@builds(np.where)
def _where(graph: Graph, value: Any, condition: Any, *choices: Any) -> Node | None:
    if not choices:
        return None
    nodes = [operand(graph, x) for x in (condition, *choices)]
    if nodes[0].dtype != bool:
        return None
    bare = [n.args[0] if n.op == "view" and n.f[0] == "broadcast" else n for n in nodes]
    shape = np.broadcast_shapes(*[n.shape for n in bare])
    return graph.broadcast(graph.node("where", None, bare, shape, value.dtype), value.shape)


@builds(np.logaddexp)
def _logaddexp(graph: Graph, value: Any, x: Any, y: Any) -> Node | None:
    """Of a number and an array as softplus, in a third of the time."""
    for c, z in ((x, y), (y, x)):
        if not isinstance(c, (float, int)) or not math.isfinite(c) or not is_recorded(z):
            continue
        if _is_f8(z.node) and z.shape:
            far = graph.f8(
                np.absolute, z.node if c == 0 else graph.f8(np.subtract, z.node, float(c))
            )
            tail = graph.f8(np.log1p, graph.f8(np.exp, graph.f8(np.negative, far)))
            return graph.f8(np.add, graph.f8(np.maximum, z.node, float(c)), tail)
    nodes = [operand(graph, z) for z in (x, y)]
    return graph.apply(np.logaddexp, nodes, np.shape(value), value.dtype)


@builds(np.clip)
def _clip(graph: Graph, value: Any, x: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:  # fmt: skip
    a_min, a_max = kwargs.pop("min", a_min), kwargs.pop("max", a_max)
    n = operand(graph, x)
    bounds = [b for b in (a_min, a_max) if b is not None]
    if kwargs or not _is_f8(n) or not all(isinstance(b, (float, int)) for b in bounds):
        return None
    if a_min is not None:
        n = graph.f8(np.maximum, n, float(a_min))
    return n if a_max is None else graph.f8(np.minimum, n, float(a_max))


def _triangle(f: Any) -> Build:
    def build(graph: Graph, value: Any, x: Any, k: Any = 0) -> Node | None:
        n = operand(graph, x)
        if n.ndim < 2 or not _is_f8(n):
            return None
        mask = f(np.ones(n.shape[-2:], bool), operator.index(k))
        nodes = [
            graph.constant(_kept(f, mask, n.shape[-2:], operator.index(k))),
            n,
            graph.constant(0.0),
        ]
        return graph.node("where", None, nodes, n.shape, F8)

    return build


_masks: dict[Any, Any] = {}


def _kept(f: Any, mask: Any, shape: Any, k: int) -> Any:
    if mask.size > 1 << 20:
        return mask
    if len(_masks) > 256:
        _masks.clear()
    return _masks.setdefault((f, shape, k), mask)


BUILDERS[np.tril], BUILDERS[np.triu] = _triangle(np.tril), _triangle(np.triu)


@builds(np.diff)
def _diff(
    graph: Graph, value: Any, x: Any, n: Any = 1, axis: Any = -1, *args: Any, **kwargs: Any
) -> Node | None:
    a = operand(graph, x)
    if n != 1 or args or kwargs or not _is_f8(a) or not isinstance(axis, int):
        return None
    lead = (slice(None),) * (axis % a.ndim)
    rest = (slice(None),) * (a.ndim - len(lead) - 1)
    later = graph.getitem(a, (*lead, slice(1, None), *rest), value.shape)
    return graph.f8(
        np.subtract, later, graph.getitem(a, (*lead, slice(None, -1), *rest), value.shape)
    )


# ---- constants of a shape -------------------------------------------------------------------


@builds(np.zeros_like, np.ones_like, np.empty_like)
def _constant(graph: Graph, value: Any, *args: Any, **kwargs: Any) -> Node | None:
    one = value.dtype.type(1 if value.size and np.all(value == 1) else 0)
    return graph.broadcast(graph.constant(one), value.shape)


@builds(np.full_like)
def _full_like(
    graph: Graph, value: Any, x: Any, fill: Any, *args: Any, **kwargs: Any
) -> Node | None:
    n = operand(graph, fill)
    if is_recorded(fill):
        return graph.broadcast(n, value.shape) if n.dtype == value.dtype else None
    return (
        graph.broadcast(graph.constant(value.reshape(-1)[0]), value.shape)
        if value.size and np.ndim(fill) == 0
        else None
    )


# ---- joining ----------------------------------------------------------------------------------


def _joined(graph: Graph, value: Any, parts: list[Node], axis: int) -> Node | None:
    if any(p.dtype != value.dtype for p in parts):
        return None
    parts = [p for p in parts if p.shape[axis]] if value.size else parts
    return (
        parts[0] if len(parts) == 1 else graph.node("concat", axis, parts, value.shape, value.dtype)
    )


@builds(np.concatenate)
def _concatenate(graph: Graph, value: Any, parts: Any, axis: Any = 0, **kwargs: Any) -> Node | None:
    if axis is None or kwargs or is_recorded(parts):
        return None
    return _joined(graph, value, [operand(graph, p) for p in parts], axis % value.ndim)


@builds(np.stack)
def _stack(graph: Graph, value: Any, parts: Any, axis: Any = 0, **kwargs: Any) -> Node | None:
    if kwargs or is_recorded(parts):
        return None
    axis %= value.ndim
    shape = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
    return _joined(graph, value, [graph.reshape(operand(graph, p), shape) for p in parts], axis)


@builds(np.roll)
def _roll(graph: Graph, value: Any, x: Any, shift: Any, axis: Any = None) -> Node | None:
    n = operand(graph, x)
    axis = 0 if axis is None and n.ndim == 1 else axis
    if not isinstance(axis, int) or not isinstance(shift, (int, np.integer)) or not n.size:
        return None
    axis %= n.ndim
    count = n.shape[axis]
    at = int(shift) % count
    if at == 0:
        return n
    parts = []
    for start, stop in ((count - at, count), (0, count - at)):
        index = tuple([slice(start, stop) if k == axis else slice(None) for k in range(n.ndim)])
        parts.append(graph.getitem(n, index, (*n.shape[:axis], stop - start, *n.shape[axis + 1 :])))
    return graph.node("concat", axis, parts, n.shape, n.dtype)


# ---- products ---------------------------------------------------------------------------------


def _product(graph: Graph, value: Any, x: Any, y: Any) -> Node | None:
    a, b = operand(graph, x), operand(graph, y)
    if a.dtype != b.dtype or a.dtype.kind not in "fc" or 0 in (a.ndim, b.ndim):
        return None
    return graph.matmul(a, b, a.dtype)


BUILDERS[np.matmul] = _product


@builds(np.dot)
def _dot(graph: Graph, value: Any, x: Any, y: Any) -> Node | None:
    a, b = operand(graph, x), operand(graph, y)
    if a.ndim == 0 or b.ndim == 0:
        return graph.apply(np.multiply, [a, b], np.shape(value), value.dtype)
    return _product(graph, value, x, y) if a.ndim <= 2 and b.ndim <= 2 else None


@builds(np.vdot, np.inner, np.vecdot)
def _inner(graph: Graph, value: Any, x: Any, y: Any, **kwargs: Any) -> Node | None:
    a, b = operand(graph, x), operand(graph, y)
    if a.ndim == b.ndim == 1 and a.dtype.kind == "f" and not kwargs:
        return _product(graph, value, x, y)
    return None


@builds(np.outer)
def _outer(graph: Graph, value: Any, x: Any, y: Any) -> Node | None:
    a, b = operand(graph, x), operand(graph, y)
    rows, row = graph.reshape(a, (a.size, 1)), graph.reshape(b, (1, b.size))
    return graph.apply(np.multiply, [rows, row], value.shape, value.dtype)


@builds(np.tensordot)
def _tensordot(graph: Graph, value: Any, x: Any, y: Any, axes: Any = 2) -> Node | None:
    a, b = operand(graph, x), operand(graph, y)
    if a.dtype != b.dtype or a.dtype.kind != "f":
        return None
    if isinstance(axes, int):
        of_a, of_b = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        of_a, of_b = ([k] if isinstance(k, int) else [*k] for k in axes)
    of_a, of_b = [k % a.ndim for k in of_a], [k % b.ndim for k in of_b]
    free_a = [k for k in range(a.ndim) if k not in of_a]
    free_b = [k for k in range(b.ndim) if k not in of_b]
    left = graph.matrix(a, tuple(free_a), tuple(of_a))
    right = graph.matrix(b, tuple(of_b), tuple(free_b))
    return graph.reshape(graph.matmul(left, right, a.dtype), np.shape(value))


VALUES[np.einsum] = einsum


@builds(np.einsum, einsum)
def _einsum(graph: Graph, value: Any, *args: Any, **kwargs: Any) -> Node | None:
    if set(kwargs) - {"optimize"} or type(args[0]) is not str:
        return None
    nodes = [operand(graph, x) for x in args[1:]]
    read = parsed(args[0], tuple([n.ndim for n in nodes]))
    if read is None or any(n.dtype != F8 for n in nodes):
        return None
    terms, out = list(read[0]), read[1]
    sizes = {c: m for term, n in zip(terms, nodes) for c, m in zip(term, n.shape)}
    if any(len(set(term)) < len(term) for term in (*terms, out)) or any(
        sizes[c] != m for term, n in zip(terms, nodes) for c, m in zip(term, n.shape)
    ):
        return None
    if len(nodes) > 2:
        for step in pairs(tuple(terms), out, tuple([n.shape for n in nodes])):
            picked = [(terms.pop(k), nodes.pop(k)) for k in sorted(step, reverse=True)][::-1]
            needed = set(out).union(*terms)
            made = "".join(sorted(set("".join([t for t, _ in picked])) & needed)) if nodes else out
            n = _pair(graph, [t for t, _ in picked], made, [m for _, m in picked], sizes)
            terms.append(made)
            nodes.append(n)
        return nodes[0]
    return _pair(graph, terms, out, nodes, sizes) if len(nodes) == 2 else None


def _pair(graph: Graph, terms: list[str], out: str, nodes: list[Node], sizes: Any) -> Node:
    """An Einstein sum of two operands (or of one): a product of elements, or of matrices."""
    if len(nodes) == 2:
        # what is in one operand alone, and not in the result, is summed first
        for k in (0, 1):
            other = set(out).union(terms[1 - k])
            nodes[k], terms[k] = _summed(graph, nodes[k], terms[k], other)
        (of_a, of_b), (a, b) = terms, nodes
        batch = [c for c in of_a if c in of_b and c in out]
        summed = [c for c in of_a if c in of_b and c not in out]
        free_a, free_b = [c for c in of_a if c not in of_b], [c for c in of_b if c not in of_a]
        if summed and (free_a or free_b or not batch):
            made = _batched(graph, (a, of_a, free_a), (b, of_b, free_b), batch, summed, sizes)
            term = "".join([*batch, *free_a, *free_b])
        else:
            term = "".join([*batch, *summed, *free_a, *free_b])
            made = graph.f8(
                np.multiply, *[_spread(graph, n, t, term, sizes) for n, t in zip(nodes, terms)]
            )
    else:
        (made,), (term,) = nodes, terms
    made, term = _summed(graph, made, term, set(out))
    return graph.transpose(made, tuple([term.index(c) for c in out]))


def _summed(graph: Graph, n: Node, term: str, kept: set[str]) -> tuple[Node, str]:
    axes = tuple([k for k, c in enumerate(term) if c not in kept])
    return graph.reduce("add", n, axes, False, n.dtype), "".join([c for c in term if c in kept])


def _spread(graph: Graph, n: Node, term: str, whole: str, sizes: Any) -> Node:
    n = graph.transpose(n, tuple([term.index(c) for c in whole if c in term]))
    return graph.reshape(n, tuple([sizes[c] if c in term else 1 for c in whole]))


def _batched(graph: Graph, left: Any, right: Any, batch: Any, summed: Any, sizes: Any) -> Node:
    (a, of_a, free_a), (b, of_b, free_b) = left, right

    def count(labels: list[str]) -> int:
        return math.prod([sizes[c] for c in labels])

    lead = tuple([sizes[c] for c in batch])
    if batch:
        a = graph.transpose(a, tuple([of_a.index(c) for c in (*batch, *free_a, *summed)]))
        b = graph.transpose(b, tuple([of_b.index(c) for c in (*batch, *summed, *free_b)]))
        a = graph.reshape(a, (*lead, count(free_a), count(summed)))
        b = graph.reshape(b, (*lead, count(summed), count(free_b)))
    else:
        rows, sums = ([of_a.index(c) for c in labels] for labels in (free_a, summed))
        a = graph.matrix(a, tuple(rows), tuple(sums))
        sums, columns = ([of_b.index(c) for c in labels] for labels in (summed, free_b))
        b = graph.matrix(b, tuple(sums), tuple(columns))
    shape = tuple([sizes[c] for c in (*batch, *free_a, *free_b)])
    return graph.reshape(graph.matmul(a, b, a.dtype), shape)


# ---- functions in other words -----------------------------------------------------------------


def written(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a formula of numpy's functions that gives what a function gives."""

    def note(formula: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS[function] = formula
        return formula

    return note


def _part(axis: int, *along: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, slice(*along))


@written(np.pad)
def _pad(x: Any, widths: Any, mode: Any = "constant", **options: Any) -> Any:
    if isinstance(widths, dict) or not np.ndim(x):
        return NotImplemented
    pairs = np.broadcast_to(np.asarray(widths), (np.ndim(x), 2)).tolist()
    if mode == "constant" and not options.get("constant_values"):
        index = tuple([slice(a, a + n) for (a, _), n in zip(pairs, np.shape(x))])
        shape = tuple([a + n + b for (a, b), n in zip(pairs, np.shape(x))])
        return scatters.scatter(x, index, shape, x.dtype)
    if mode not in ("edge", "reflect", "symmetric", "wrap") or options:
        return NotImplemented
    skipped = 1 if mode == "reflect" else 0
    most = [4 if mode == "edge" else n - skipped for n in np.shape(x)]
    if any(max(pair) > m or not n for pair, m, n in zip(pairs, most, np.shape(x))):
        return NotImplemented
    for axis, (a, b) in enumerate(pairs):
        n = np.shape(x)[axis]
        if mode == "edge":
            before, after = [x[_part(axis, 0, 1)]] * a, [x[_part(axis, n - 1, n)]] * b
        elif mode == "wrap":
            before, after = [x[_part(axis, n - a, n)]], [x[_part(axis, 0, b)]]
        else:
            before = [np.flip(x[_part(axis, skipped, a + skipped)], axis)]
            after = [np.flip(x[_part(axis, n - b - skipped, n - skipped)], axis)]
        if a or b:
            x = np.concatenate([*before[: a or 0], x, *after[: b or 0]], axis=axis)
    return x


@written(np.gradient)
def _gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    shape = np.shape(f)
    axes = normal_axes(axis, len(shape)) if axis is None or isinstance(axis, int) else None
    if edge_order != 1 or axes is None or np.result_type(f).kind not in "fc":
        return NotImplemented
    steps = spacing * len(axes) if len(spacing) == 1 else spacing or (1.0,) * len(axes)
    if len(steps) != len(axes) or any(np.ndim(h) for h in steps) or min(shape, default=0) < 2:
        return NotImplemented
    found = []
    for k, h in zip(axes, steps):
        inner = (f[_part(k, 2, None)] - f[_part(k, None, -2)]) / (2.0 * h)
        first = (f[_part(k, 1, 2)] - f[_part(k, 0, 1)]) / h
        last = (f[_part(k, -1, None)] - f[_part(k, -2, -1)]) / h
        found.append(np.concatenate([first, inner, last], axis=k))
    several: Any = type(np.gradient(np.eye(2)))  # a list before numpy 2
    return found[0] if len(found) == 1 else several(found)


@written(np.polyval)
def _horner(p: Any, x: Any) -> Any:
    if np.ndim(p) != 1 or len(p) > 32 or isinstance(x, np.poly1d):
        return NotImplemented
    y: Any = np.zeros_like(x)
    for k in range(len(p)):
        y = y * x + p[k]
    return y


@written(np.take)
def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    if out is not None or mode != "raise" or not (axis is None or isinstance(axis, int)):
        return NotImplemented
    a = np.reshape(a, -1) if axis is None else a
    at = indices if hasattr(indices, "dtype") else np.asarray(indices)
    return a[(*(slice(None),) * (0 if axis is None else axis % np.ndim(a)), at)]
