"""Arrays of two to four numbers that are made of numbers, or read one by one, taken apart:
the state of a pendulum, a rotation. Python computes with numbers in a tenth of numpy's time.

What it gains is weighed for all that hangs together: an array that is only used as an array stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .emit import MATH
from .graph import ADD, F8, MULTIPLY, NEGATIVE, Graph, Node, number_of, thawed
from .places import BOOL, INFIX, view_of
from .plan import live

_MOST = 4  # numbers of an array
_NUMERIC = frozenset((*INFIX, *MATH, NEGATIVE, np.square, np.maximum, np.minimum))
_REDUCED: dict[str, Any] = {
    "add": ADD, "multiply": MULTIPLY, "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip
# microseconds: a call of numpy's, an operation of Python's, a number read, an array begun
_CALL, _NUMBER, _READ, _MADE = 0.35, 0.045, 0.06, 0.15


class _Numbers(Graph):
    """Makes nodes that come before the one whose turn it is."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def node(self, op: str, f: Any, args: Sequence[Node], shape: Any, dtype: Any) -> Node:
        key = (op, f, tuple([a.i for a in args]), shape, dtype)
        found = self._known.get(key)
        if found is None:
            self.at += 1e-4
            found = self._known[key] = Node(op, f, tuple(args), shape, dtype, self.at)
        return found

    def _constant(self, value: Any) -> Node:
        self.at += 1e-4
        n = Node("const", None, (), (), np.dtype(type(value)), self.at)
        n.value = value
        return n


def take_apart(roots: list[Node]) -> None:
    """Exchange small arrays by numbers, in place, where that is faster."""
    order = live(roots)
    if any(_is_small(n) and n.op in ("concat", "scatter", "put") for n in order) or any(
        n.op == "elem" and _is_small(n.args[0]) for n in order
    ):
        _Apart(order, roots).run()


def _is_small(n: Node) -> bool:
    return n.shape != () and n.shape is not None and 1 < n.size <= _MOST and n.dtype in (F8, BOOL)


def _fits(n: Node) -> bool:
    """Whether a node is of small arrays and numbers alone, and Python can do it."""
    for a in n.args:
        if a.shape is None or a.size > _MOST or a.size == 0:
            return False
        if a.dtype not in (F8, BOOL) and number_of(a) is None:
            return False
    if n.op == "u":
        return n.f in _NUMERIC
    if n.op == "view":
        return n.args[0].shape == () or _is_small(n.args[0])
    if n.op == "matmul":
        return all(_is_small(a) for a in n.args) and max(a.ndim for a in n.args) <= 2
    if n.op == "scatter":
        return bool(n.f[0] != "diag")
    return n.op in ("concat", "put", "where")


class _Apart:
    """One pass over the nodes of a recording."""

    def __init__(self, order: list[Node], roots: list[Node]) -> None:
        self.order, self.numbers = order, _Numbers()
        self.wanted = {n.i for n in roots}
        self.parts: dict[float, list[Node]] = {}
        self.groups: dict[float, float] = {}  # union-find

    def run(self) -> None:
        apart, ends = self.chosen()
        if not apart:
            return
        as_arrays = {
            a.i for n in self.order if n.i not in apart and n.i not in ends for a in n.args
        } | self.wanted
        exchanged: dict[float, Node] = {}
        for n in self.order:
            self.numbers.at = n.i - 0.5
            if any(a.i in exchanged for a in n.args):
                n.args = tuple([exchanged.get(a.i, a) for a in n.args])
            if n.i in apart:
                self.parts[n.i] = self.elements(n)
                if n.i in as_arrays:
                    self.join(n)
            elif n.i in ends:
                if n.op == "elem":
                    exchanged[n.i] = self.of(n.args[0])[np.ravel_multi_index(n.f, n.args[0].shape)]
                else:
                    self.reduce(n)

    # ---- what is worth it ---------------------------------------------------------------

    def root(self, i: float) -> float:
        while (up := self.groups[i]) != i:
            self.groups[i] = i = self.groups[up]
        return i

    def chosen(self) -> tuple[set[float], set[float]]:
        """The arrays that are taken apart, and the numbers that are read of them."""
        inner = {n.i: n for n in self.order if _is_small(n) and _fits(n)}
        # views of what stays an array stay views
        for n in list(inner.values()):
            if n.op == "view" and n.args[0].shape != () and n.args[0].i not in inner:
                del inner[n.i]
        ends = {
            n.i: n
            for n in self.order
            if n.shape == () and any(a.i in inner for a in n.args) and self.ends(n)
        }
        self.groups = {i: i for i in inner}
        for n in (*inner.values(), *ends.values()):
            near = [a.i for a in n.args if a.i in inner] + [n.i] * (n.i in inner)
            for i in near[1:]:
                self.groups[self.root(i)] = self.root(near[0])
        gain = dict.fromkeys(inner, 0.0)
        read: set[tuple[float, float]] = set()
        made: set[float] = set(self.wanted & inner.keys())
        for n in self.order:
            if n.i not in inner and n.i not in ends:
                made.update([a.i for a in n.args if a.i in inner])
                continue
            group = self.root(n.i if n.i in inner else next(a.i for a in n.args if a.i in inner))
            gain[group] += _saved(n)
            for a in n.args:
                if a.shape != () and a.i not in inner and (group, a.i) not in read:
                    read.add((group, a.i))
                    gain[group] -= _READ * a.size
        for i in made:
            gain[self.root(i)] -= _MADE + _READ * inner[i].size
        apart = {i for i in inner if gain[self.root(i)] > 0}
        return apart, {i for i, n in ends.items() if any(a.i in apart for a in n.args)}

    def ends(self, n: Node) -> bool:
        """Whether a number is read of small arrays by numbers alone."""
        if n.op == "elem":
            return n.i not in self.wanted
        if n.dtype != F8 or not all(_is_small(a) and a.dtype == F8 for a in n.args):
            return False
        return n.op == "matmul" or (n.op == "red" and n.f[0] in _REDUCED)

    # ---- the numbers ----------------------------------------------------------------------

    def of(self, a: Node) -> list[Node]:
        """The numbers of an operand."""
        if a.shape == ():
            return [a]
        if a.i not in self.parts:
            self.parts[a.i] = [
                self.numbers.node("elem", tuple(map(int, place)), [a], (), a.dtype)
                for place in np.ndindex(a.shape)
            ]
        return self.parts[a.i]

    def elements(self, n: Node) -> list[Node]:
        given = [self.of(a) for a in n.args]
        at = [np.arange(a.size).reshape(a.shape) for a in n.args]
        if n.op == "u" or n.op == "where":
            spread = [np.broadcast_to(k, n.shape).ravel().tolist() for k in at]
            rows = zip(*[[part[k] for k in ks] for part, ks in zip(given, spread)])
            return [self.one(n, list(row)) for row in rows]
        if n.op == "view":
            kept = view_of(n.f, at[0]) if n.f[0] != "broadcast" else np.broadcast_to(at[0], n.shape)
            return [given[0][k] for k in np.ravel(kept).tolist()]
        if n.op == "concat":
            starts = np.cumsum([0, *[a.size for a in n.args]])
            joined = np.concatenate([k + start for k, start in zip(at, starts)], axis=n.f)
            flat = [part for parts in given for part in parts]
            return [flat[k] for k in joined.ravel().tolist()]
        if n.op == "matmul":
            product = _product_of(at[0], at[1], lambda a, b: self.dot(given, a, b))
            return list(np.ravel(product))
        where = np.arange(n.size).reshape(n.shape)[thawed(n.f[0] if n.op == "scatter" else n.f)]
        found = [self.numbers.constant(0.0)] * n.size if n.op == "scatter" else list(given[0])
        source = np.broadcast_to(at[-1], np.shape(where))
        for k, j in zip(np.ravel(where).tolist(), np.ravel(source).tolist()):
            found[k] = given[-1][j]
        return found

    def one(self, n: Node, args: list[Node]) -> Node:
        if n.op == "where":
            return self.numbers.node("where", None, args, (), n.dtype)
        return self.numbers.ufunc(n.f, args, (), n.dtype)

    def dot(self, given: list[list[Node]], a: list[int], b: list[int]) -> Node:
        f = self.numbers.ufunc
        terms = [f(MULTIPLY, [given[0][i], given[1][j]], (), F8) for i, j in zip(a, b)]
        total = terms[0]
        for term in terms[1:]:
            total = f(ADD, [total, term], (), F8)
        return total

    # ---- where an array, or a number of it, is asked for ----------------------------------

    def join(self, n: Node) -> None:
        """Make the node the array of its numbers."""
        ones = [
            self.numbers.node("view", ("broadcast", (1,)), [part], (1,), n.dtype)
            for part in self.parts[n.i]
        ]
        if n.ndim == 1:
            n.op, n.f, n.args = "concat", 0, tuple(ones)
            return
        flat = self.numbers.node("concat", 0, ones, (n.size,), n.dtype)
        n.op, n.f, n.args = "view", ("reshape", n.shape), (flat,)

    def reduce(self, n: Node) -> None:
        """Make the node of a reduction the last step of one number by number."""
        parts = self.of(n.args[0])
        f = ADD if n.op == "matmul" else _REDUCED[n.f[0]]
        if n.op == "matmul":
            pairs = zip(parts, self.of(n.args[1]))
            parts = [self.numbers.ufunc(MULTIPLY, list(pair), (), F8) for pair in pairs]
        total = parts[0]
        for part in parts[1:-1]:
            total = self.numbers.ufunc(f, [total, part], (), F8)
        n.op, n.f, n.args = "u", f, (total, parts[-1])


def _product_of(a: Any, b: Any, dot: Callable[[list[int], list[int]], Node]) -> Any:
    rows = a.reshape(1, -1) if a.ndim == 1 else a
    columns = b.reshape(-1, 1) if b.ndim == 1 else b
    found = np.empty((len(rows), columns.shape[1]), object)
    for i, j in np.ndindex(found.shape):
        found[i, j] = dot(rows[i].tolist(), columns[:, j].tolist())
    return found


def _saved(n: Node) -> float:
    if n.op == "view":
        return 0.0
    if n.op == "elem":
        return _READ
    if n.op == "matmul":
        count: int = math.prod(n.shape) * n.args[0].shape[-1]
        return _CALL - _NUMBER * 2 * count
    if n.op == "red":
        return _CALL - _NUMBER * n.args[0].size
    return _CALL - (_NUMBER * n.size if n.op in ("u", "where") else 0.0)
