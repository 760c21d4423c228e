"""Arrays of two to four numbers that are made of numbers, or read one by one, taken apart:
the state of a pendulum, a rotation. Python computes with numbers in a tenth of numpy's time.

What it gains is weighed for all that hangs together: an array that is only used as an array stays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .emit import MATH
from .graph import ADD, F8, MULTIPLY, NEGATIVE, Graph, Node, is_broadcast, number_of, thawed
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
    return bool(n.shape) and 0 < n.size <= _MOST and n.dtype in (F8, BOOL)


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
    if n.op == "red":
        return n.f[0] in _REDUCED and n.args[0].dtype == F8
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
        if n.args[0].size == 1:
            return False
        return n.op == "matmul" or (n.op == "red" and n.f[0] in _REDUCED)

    # ---- the numbers ----------------------------------------------------------------------

    def of(self, a: Node) -> list[Node]:
        """The numbers of an operand."""
        if a.shape == ():
            return [a]
        if a.i not in self.parts and is_broadcast(a) and a.args[0].shape == ():
            return [a.args[0]] * a.size
        if a.i not in self.parts:
            self.parts[a.i] = [
                self.numbers.node("elem", tuple(map(int, place)), [a], (), a.dtype)
                for place in np.ndindex(a.shape)
            ]
        return self.parts[a.i]

    def elements(self, n: Node) -> list[Node]:
        given = [self.of(a) for a in n.args]
        f = None if n.op in ("u", "where") else n.f
        sources = _sources(n.op, f, tuple([a.shape for a in n.args]), n.shape)
        if n.op == "u" or n.op == "where":
            return [self.one(n, [part[k] for part, k in zip(given, row)]) for row in sources]
        if n.op == "view" or n.op == "concat":
            flat = [part for parts in given for part in parts]
            return [flat[k] for k in sources]
        if n.op == "matmul":
            return [self.dot(given, row, column) for row, column in sources]
        if n.op == "red":
            f = _REDUCED[n.f[0]]
            return [self.total(f, [given[0][k] for k in row]) for row in sources]
        found = [self.numbers.constant(0.0)] * n.size if n.op == "scatter" else list(given[0])
        for k, j in sources:
            found[k] = given[-1][j]
        return found

    def one(self, n: Node, args: list[Node]) -> Node:
        if n.op == "where":
            return self.numbers.node("where", None, args, (), n.dtype)
        return self.numbers.ufunc(n.f, args, (), n.dtype)

    def dot(self, given: list[list[Node]], a: list[int], b: list[int]) -> Node:
        pairs = [[given[0][i], given[1][j]] for i, j in zip(a, b)]
        return self.total(ADD, [self.numbers.ufunc(MULTIPLY, pair, (), F8) for pair in pairs])

    def total(self, f: Any, parts: list[Node]) -> Node:
        found = parts[0]
        for part in parts[1:]:
            found = self.numbers.ufunc(f, [found, part], (), F8)
        return found

    # ---- where an array, or a number of it, is asked for ----------------------------------

    def join(self, n: Node) -> None:
        """Make the node the array of its numbers."""
        if n.size == 1:
            n.op, n.f, n.args = "view", ("broadcast", n.shape), tuple(self.parts[n.i])
            return
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
        n.op, n.f, n.args = "u", f, (self.total(f, parts[:-1]), parts[-1])


@functools.lru_cache(maxsize=4096)
def _sources(op: str, f: Any, shapes: tuple[Any, ...], shape: Any) -> list[Any]:
    """Which numbers of the operands each number of a result is made of."""
    at = [np.arange(math.prod(s)).reshape(s) for s in shapes]
    if op == "u" or op == "where":
        return list(zip(*[np.broadcast_to(k, shape).ravel().tolist() for k in at]))
    if op == "view":
        seen = np.broadcast_to(at[0], shape) if f[0] == "broadcast" else view_of(f, at[0])
        return np.ravel(seen).tolist()
    if op == "concat":
        starts = np.cumsum([0, *[k.size for k in at]])
        return np.ravel(np.concatenate([k + n for k, n in zip(at, starts)], axis=f)).tolist()
    if op == "matmul":
        rows = at[0].reshape(-1, shapes[0][-1]).tolist()
        columns = at[1].reshape(shapes[1][0], -1).T.tolist()
        return [(row, column) for row in rows for column in columns]
    if op == "red":
        axes = f[1]
        moved = np.moveaxis(at[0], axes, range(-len(axes), 0))
        return moved.reshape(math.prod(shape), -1).tolist()
    where = np.arange(math.prod(shape)).reshape(shape)[thawed(f[0] if op == "scatter" else f)]
    source = np.broadcast_to(at[-1], np.shape(where))
    return list(zip(np.ravel(where).tolist(), np.ravel(source).tolist()))


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
