"""The graph of one recording: nodes in the order of the calls, kept in a normal form as they come.

What is rewritten is exact: equal calls are one node, `-x` floats outwards, `x * 1`, `x + 0` and
chains of views fall away, a broadcast is never made. Nothing here looks at the numbers of an array.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

ndarray = np.ndarray
F8 = np.dtype(float)
ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATIVE = (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.negative,
)
# the numbers that change nothing, on the left and on the right; nan is equal to none
_NONE = (math.nan, math.nan)
_NEUTRAL: dict[Any, tuple[float, float]] = {
    MULTIPLY: (1, 1), DIVIDE: (math.nan, 1), ADD: (0, 0), SUBTRACT: (math.nan, 0),
}  # fmt: skip
_COMMUTES = frozenset((MULTIPLY, ADD, np.maximum, np.minimum))
REDUCTIONS = {"add": np.add, "maximum": np.maximum, "minimum": np.minimum, "multiply": np.multiply}
Shape = tuple[int, ...]
_umath: Any = getattr(np, "_core", None) or np.core
_context: Any = getattr(_umath.umath, "_extobj_contextvar", None)
# what np.errstate has set, one object as long as it is the same
errors: Any = _context.get if _context is not None else lambda: sys.intern(str(np.geterr()))


class Unrecordable(Exception):
    """Something that cannot be recorded; the function stays with the eager tape."""


class Elsewhere(Exception):
    """What is to be recorded is part of another recording."""


class Node:
    """One call: `op`, what is static about it (`f`), its operands, and what it gives.

    in        the input number `f`                    const     `value`
    u         the ufunc `f` of its operands           where     np.where
    red       `f` is (name, axes, keepdims)           matmul    a product of two
    view      `f` is (kind, what): reshape, transpose, getitem, broadcast, diagonal
    elem      the element at `f`, a number            item      part `f` of a tuple
    scatter   zeros with the operand at an index; `f` is (index, shape)
    put       the first operand with the second at the index `f`
    concat    along the axis `f`                      call      `f` is (function, arguments)
    addn      a sum of several, signs `f`           esum      a sum of products, by np.einsum
    extremum  the cotangent of an extremum, added to an array
    (these three are made by the planner)
    """

    __slots__ = (
        "args", "dtype", "f", "i", "meta", "op", "shape", "shares", "size", "users", "value",
        "weak",
    )  # fmt: skip

    def __init__(
        self, op: str, f: Any, args: tuple[Node, ...], shape: Any, dtype: Any, i: float
    ) -> None:
        self.op, self.f, self.args, self.dtype, self.i = op, f, args, dtype, i
        self.shape: Any = shape
        self.size: int = math.prod(shape) if shape else 1
        self.value: Any = None
        self.weak = False  # a number of Python's, which leaves the dtype to the other operand
        # a call gives an operand's memory; the parts of a concatenation are read where they are
        self.shares = False
        self.users: list[Node] = []
        self.meta: dict[str, Any] = {}

    def reshape(self, shape: Shape) -> None:
        self.shape, self.size = shape, math.prod(shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        given = ", ".join(f"%{a.i}" for a in self.args)
        return f"%{self.i} = {self.op}[{getattr(self.f, '__name__', self.f)}]({given}) {self.shape} {self.dtype}"


def is_negative(n: Node) -> bool:
    return n.op == "u" and n.f is NEGATIVE


def is_broadcast(n: Node) -> bool:
    return n.op == "view" and n.f[0] == "broadcast"


def number_of(n: Node) -> Any:
    """The number that a constant node holds; None for anything else."""
    return n.value if n.op == "const" and type(n.value) in _NUMBERS else None


_NUMBERS = (float, int, np.float64)


class Graph:
    """Nodes and guards of one recording, and how nodes are made."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self.calls: dict[Any, Node] = {}  # what ufuncs of nodes gave
        self._known: dict[Any, Node] = {}
        self._unhashable: list[Node] = []
        # arrays by what they hold: the first of a recording, the second ...
        self._constants: dict[Any, list[Node]] = {}
        self.open = True
        self.guards: list[tuple[Node, str, Any]] = []
        self.errors = errors()
        self.caught: str | None = None  # an exception of a recorded call
        self._arrays: dict[int, tuple[bytes, Node]] = {}
        self._counts: dict[Any, int] = {}
        self._used: list[tuple[Node, ndarray[Any, Any], bytes]] = []

    def join(self, other: Graph) -> None:
        """Make the nodes of another recording, of calls of the same kind: what is the same in
        both recordings is one node then."""
        self.nodes, self.inputs, self.calls = other.nodes, other.inputs, other.calls
        self._known, self._unhashable = other._known, other._unhashable
        self._constants = other._constants

    # ---- nodes ------------------------------------------------------------------------

    def node(self, op: str, f: Any, args: Sequence[Node], shape: Any, dtype: Any) -> Node:
        key: Any = (op, f, tuple([a.i for a in args]), shape, dtype)
        try:
            found = self._known.get(key)
        except TypeError:
            return self._of_unhashable(op, f, tuple(args), shape, dtype)
        if found is None:
            found = self._known[key] = Node(op, f, tuple(args), shape, dtype, len(self.nodes))
            self.nodes.append(found)
        return found

    def _of_unhashable(
        self, op: str, f: Any, args: tuple[Node, ...], shape: Any, dtype: Any
    ) -> Node:
        for n in self._unhashable:
            if (n.op, n.f, n.args, n.shape, n.dtype) == (op, f, args, shape, dtype):
                return n
        n = Node(op, f, args, shape, dtype, len(self.nodes))
        self.nodes.append(n)
        self._unhashable.append(n)
        return n

    def input(self, value: Any) -> Node:
        n = Node("in", len(self.inputs), (), np.shape(value), _dtype(value), len(self.nodes))
        n.weak = type(value) in (float, int, complex, bool)
        self.nodes.append(n)
        self.inputs.append(n)
        return n

    def constant(self, value: Any) -> Node:
        """Numbers by value. An array by reference, so that a global array that changes is seen;
        where it changes while recording, what it was when it was used."""
        if isinstance(value, ndarray):
            if value.dtype.hasobject:
                raise Unrecordable("an array of objects")
            return self._array(value) if value.ndim else self.constant(value[()])
        sign = math.copysign(1, value) if value == 0 and isinstance(value, float) else 0
        key = (type(value), value if value == value else "nan", sign)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._constant(value)
            found.weak = type(value) in (float, int, complex, bool)
        return found

    def _array(self, value: ndarray[Any, Any]) -> Node:
        known, content = self._arrays.get(id(value)), value.tobytes()
        if known is not None and known[0] == content:
            return known[1]
        key = (value.shape, value.dtype, hash(content))
        k = self._counts[key] = self._counts.get(key, -1) + 1
        nodes = self._constants.setdefault(key, [])  # the recordings before have made these
        if k < len(nodes) and nodes[k].value.tobytes() == content:
            n = nodes[k]
        else:
            n = self._constant(value)
            nodes[k:] = [n]
        self._arrays[id(value)] = content, n
        self._used.append((n, value, content))
        return n

    def _constant(self, value: Any) -> Node:
        n = Node("const", None, (), np.shape(value), _dtype(value), len(self.nodes))
        n.value = value
        self.nodes.append(n)
        return n

    def settle(self) -> None:
        """Constant arrays that the function has changed meanwhile are what they were."""
        self.open = False
        for n, value, content in self._used:
            is_same = value.tobytes() == content
            n.value = value if is_same else np.frombuffer(content, n.dtype).reshape(n.shape)
        self._arrays.clear()
        for n in self.nodes:
            if n.op == "call":
                n.value = None

    # ---- views ------------------------------------------------------------------------

    def view(self, kind: str, spec: Any, x: Node, shape: Shape) -> Node:
        if not shape:
            if x.shape == ():
                return x
            if kind in ("reshape", "diagonal"):
                return self.node("elem", (0,) * x.ndim, [x], (), x.dtype)
        if is_negative(x):
            return self.negative(self.view(kind, spec, x.args[0], shape))
        return self.node("view", (kind, spec), [x], shape, x.dtype)

    def reshape(self, x: Node, shape: Shape) -> Node:
        if shape == x.shape:
            return x
        if not shape:
            return self.view("reshape", shape, x, shape)
        if is_broadcast(x) and x.args[0].size == 1:
            x = self.reshape(x.args[0], ())
        if x.shape == ():
            return self.broadcast(x, shape)
        if x.op == "view" and x.f[0] == "reshape":
            return self.reshape(x.args[0], shape)
        return self.view("reshape", shape, x, shape)

    def transpose(self, x: Node, axes: Shape) -> Node:
        if axes == tuple(range(x.ndim)):
            return x
        if x.op == "view" and x.f[0] == "transpose":
            return self.transpose(x.args[0], tuple([x.f[1][a] for a in axes]))
        shape = tuple([x.shape[a] for a in axes])
        if is_broadcast(x) and x.args[0].size == 1:
            return self.broadcast(x.args[0], shape)
        return self.view("transpose", axes, x, shape)

    def broadcast(self, x: Node, shape: Shape) -> Node:
        if x.shape == shape:
            return x
        if is_broadcast(x):
            x = x.args[0]
        if x.size == 1 and x.shape != ():
            x = self.reshape(x, ())
        return self.view("broadcast", shape, x, shape)

    def getitem(self, x: Node, index: tuple[Any, ...], shape: Shape) -> Node:
        """Basic indices, one part for each axis of `x`, and None for a new one."""
        if all(p == _WHOLE for p in index):
            return x
        if all(p is None or p == _WHOLE for p in index):
            return self.reshape(x, shape)
        if not shape:
            place = tuple(p % n if p < 0 else p for p, n in zip(index, x.shape))
            if is_broadcast(x) and x.args[0].shape == ():
                return x.args[0]
            return self.node("elem", place, [x], (), x.dtype)
        if is_broadcast(x) and x.args[0].size == 1:
            return self.broadcast(x.args[0], shape)
        return self.view("getitem", frozen(index), x, shape)

    def scatter(self, g: Node, index: tuple[Any, ...], shape: Shape) -> Node:
        """Zeros of `shape` with `g` at a basic index without new axes."""
        if is_negative(g):
            return self.negative(self.scatter(g.args[0], index, shape))
        if all(
            type(p) is slice and p.indices(n) == (0, n, 1)
            for p, n in zip(index, shape, strict=True)
        ):
            return g
        return self.node("scatter", (frozen(index), shape), [g], shape, g.dtype)

    # ---- arithmetic -------------------------------------------------------------------

    def negative(self, x: Node) -> Node:
        return self.ufunc(NEGATIVE, [x], x.shape, x.dtype)

    def apply(self, ufunc: Any, args: Sequence[Node], shape: Shape, dtype: Any) -> Node:
        """A ufunc of nodes: what was broadcast is read as it was before,
        and the result broadcast."""
        bare, inner = [], shape
        for n in args:
            if n.op == "view" and n.f[0] == "broadcast":
                n, inner = n.args[0], ()
            bare.append(n)
        if inner != shape:
            inner = np.broadcast_shapes(*[n.shape for n in bare])
        return self.broadcast(self.ufunc(ufunc, bare, inner, dtype), shape)

    def f8(self, ufunc: Any, *args: Node | float) -> Node:
        """A ufunc of doubles."""
        nodes = [a if isinstance(a, Node) else self.constant(float(a)) for a in args]
        return self.apply(ufunc, nodes, np.broadcast_shapes(*[n.shape for n in nodes]), F8)

    def ufunc(self, ufunc: Any, args: list[Node], shape: Shape, dtype: Any) -> Node:
        if len(args) == 2 and dtype.kind in "fc":
            done = self._binary(ufunc, args[0], args[1], shape, dtype)
            if done is not None:
                return done
            a, b = args
            if ufunc in _COMMUTES and (a.op == "const" or (b.op != "const" and b.i < a.i)):
                args = [b, a]
            if ufunc is MULTIPLY and a is b:
                ufunc, args = np.square, [a]
        elif ufunc is NEGATIVE and dtype.kind in "fc":
            a = args[0]
            if is_negative(a):
                return a.args[0]
            if is_broadcast(a) and type(number_of(a.args[0])) is float:
                return self.broadcast(self.constant(-a.args[0].value), shape)
            # 0 - 0 is 0 both ways round, and -0 is not: numbers apart, nobody asks for the sign
            if a.op == "u" and a.f is SUBTRACT and a.dtype == dtype:
                return self.ufunc(SUBTRACT, [a.args[1], a.args[0]], shape, dtype)
        elif ufunc is np.conjugate and args[0].dtype.kind == "f":
            return args[0]
        return self.node("u", ufunc, args, shape, dtype)

    def _binary(self, ufunc: Any, a: Node, b: Node, shape: Shape, dtype: Any) -> Node | None:
        minus_a, minus_b = is_negative(a), is_negative(b)
        if a.op != "const" and b.op != "const" and not minus_a and not minus_b and a is not b:
            return None
        ca, cb = number_of(a), number_of(b)
        same_a = a.shape == shape and a.dtype == dtype
        same_b = b.shape == shape and b.dtype == dtype
        if ufunc is MULTIPLY or ufunc is DIVIDE:
            if (minus_a or minus_b) and ca is None and cb is None and dtype == F8:
                inner = self.apply(
                    ufunc,
                    [a.args[0] if minus_a else a, b.args[0] if minus_b else b],
                    shape,
                    dtype,
                )
                return inner if minus_a and minus_b else self.negative(inner)
            if dtype == F8 and minus_a and cb is not None and type(cb) is not int:
                return self.apply(ufunc, [a.args[0], self.constant(-cb)], shape, dtype)
            if dtype == F8 and minus_b and ca is not None and type(ca) is not int:
                return self.apply(ufunc, [self.constant(-ca), b.args[0]], shape, dtype)
        if ufunc is MULTIPLY and dtype == F8:
            folded = self._folded(a, cb, shape) or self._folded(b, ca, shape)
            if folded is not None:
                return folded
        if ufunc is ADD and a is b and dtype == F8 and a.shape:
            return self.ufunc(MULTIPLY, [a, self.constant(2.0)], shape, dtype)
        left, right = _NEUTRAL.get(ufunc, _NONE)
        if cb == right and same_a:
            return a
        if ca == left and same_b:
            return b
        if ufunc is MULTIPLY:
            if cb == -1 and same_a:
                return self.negative(a)
            if ca == -1 and same_b:
                return self.negative(b)
        elif ufunc is ADD:
            if minus_b and b.dtype == dtype:
                return self.apply(SUBTRACT, [a, b.args[0]], shape, dtype)
            if minus_a and a.dtype == dtype:
                return self.apply(SUBTRACT, [b, a.args[0]], shape, dtype)
        elif ufunc is SUBTRACT:
            if minus_b and b.dtype == dtype:
                return self.apply(ADD, [a, b.args[0]], shape, dtype)
        elif ufunc is np.power and dtype.kind == "f" and a.dtype == dtype and same_a:
            if cb == 2:
                return self.node("u", np.square, [a], shape, dtype)
            if cb == 1:
                return a
            if cb in (3, 4) and a.size >= _BY_PRODUCTS:
                square = self.node("u", np.square, [a], shape, dtype)
                return self.ufunc(MULTIPLY, [square, a if cb == 3 else square], shape, dtype)
            if cb == 0.5 and a.shape:
                return self.node("u", np.sqrt, [a], shape, dtype)
        return None

    def _folded(self, x: Node, c: Any, shape: Shape) -> Node | None:
        """`x * c` where x is itself a product with a number: one product,
        where one of the numbers is a power of two, so that nothing is rounded."""
        if type(c) is int or c is None or x.shape != shape or x.op != "u" or x.f is not MULTIPLY:
            return None
        d = number_of(x.args[1])
        if d is None or type(d) is int or x.args[0].shape != shape:
            return None
        if not (_is_power_of_two(c) or _is_power_of_two(d)) or not 1e-290 < abs(c * d) < 1e290:
            return None
        return self.ufunc(MULTIPLY, [x.args[0], self.constant(float(c) * float(d))], shape, F8)

    def reduce(self, name: str, x: Node, axes: Shape, keepdims: bool, dtype: Any) -> Node:
        """A reduction over `axes` (sorted). Of a broadcast array a sum is a product by a count."""
        shape = reduced(x.shape, axes, keepdims)
        if not axes:
            return x
        if name == "add" and is_broadcast(x) and dtype == F8:
            source = x.args[0]
            lead = x.ndim - source.ndim
            repeated = [
                k for k in axes if k < lead or (source.shape[k - lead] == 1 and x.shape[k] != 1)
            ]
            if len(repeated) == len(axes):
                count = math.prod([x.shape[k] for k in axes])
                return self.broadcast_sum(source, count, x.ndim, axes, shape)
        if name == "add" and is_negative(x) and dtype == x.dtype:
            return self.negative(self.reduce(name, x.args[0], axes, keepdims, dtype))
        return self.node("red", (name, axes, keepdims), [x], shape, dtype)

    def broadcast_sum(self, source: Node, count: int, ndim: int, axes: Shape, shape: Shape) -> Node:
        times = self.f8(MULTIPLY, source, float(count))
        if times.size == math.prod(shape):
            return self.reshape(times, shape)
        # some of the axes that stay were broadcast, too
        lead = ndim - source.ndim
        inner = tuple(
            1 if k < lead else source.shape[k - lead] for k in range(ndim) if k not in axes
        )
        if len(shape) == ndim:
            inner = tuple(
                1 if k < lead or k in axes else source.shape[k - lead] for k in range(ndim)
            )
        return self.broadcast(self.reshape(times, inner), shape)

    def matrix(self, x: Node, rows: Shape, columns: Shape) -> Node:
        """The axes of `x` as a matrix. Of the two orders in which its elements may be copied it is
        the one that is no copy, or the same whichever of the two are the rows."""
        count, width = (math.prod([x.shape[k] for k in axes]) for axes in (rows, columns))
        order = (*columns, *rows)
        is_plain = (*rows, *columns) == tuple(range(x.ndim))
        if not is_plain and (order == tuple(range(x.ndim)) or (columns and min(order) == order[0])):
            turned = self.reshape(self.transpose(x, order), (width, count))
            return self.transpose(turned, (1, 0))
        return self.reshape(self.transpose(x, (*rows, *columns)), (count, width))

    def matmul(self, a: Node, b: Node, dtype: Any) -> Node:
        if a.ndim > 2 and b.ndim == 2:
            rows = self.reshape(a, (a.size // a.shape[-1] if a.shape[-1] else 0, a.shape[-1]))
            if a.shape[-1] and rows.shape[0]:
                return self.reshape(self.matmul(rows, b, dtype), (*a.shape[:-1], b.shape[1]))
        minus = is_negative(a) is not is_negative(b)
        a, b = (n.args[0] if is_negative(n) else n for n in (a, b))
        shape: Shape = ()
        if a.ndim > 1 or b.ndim > 1:
            lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            shape = lead + a.shape[-2:-1] * (a.ndim > 1) + b.shape[-1:] * (b.ndim > 1)
        n = self.node("matmul", None, [a, b], shape, dtype)
        return self.negative(n) if minus else n


_WHOLE = slice(None)
_BY_PRODUCTS = 256  # elements from which the tape, too, takes cubes as products


def _is_power_of_two(c: float) -> bool:
    return math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5 and 1e-9 < abs(c) < 1e9


def _dtype(value: Any) -> Any:
    return value.dtype if isinstance(value, (ndarray, np.generic)) else np.dtype(type(value))


def frozen(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index that can be a key: slices as tuples."""
    return tuple([(p.start, p.stop, p.step) if type(p) is slice else p for p in index])


def thawed(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([slice(*p) if type(p) is tuple else p for p in index])


def normal_axes(axis: Any, ndim: int) -> Shape:
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (int, np.integer)):
        return (int(axis) % ndim,)
    return tuple(sorted([int(a) % ndim for a in axis]))


def reduced(shape: Shape, axes: Shape, keepdims: bool) -> Shape:
    if keepdims:
        return tuple([1 if k in axes else n for k, n in enumerate(shape)])
    return tuple([n for k, n in enumerate(shape) if k not in axes])
