"""Sums of products of matrices as one product of larger ones: what a loop adds to a gradient.

`A1 @ B1 + A2 @ B2 + ...` is the product of the matrices side by side, whose parts are computed
where they belong.
"""

from __future__ import annotations

from typing import Any

from .graph import ADD, F8, MULTIPLY, SUBTRACT, Node
from .plan import is_sum, live, merge_dots, merge_extrema, merge_sums, sums_of

_FEWEST = 4  # products that are worth it
_TURN = ("transpose", (1, 0))


def planned(roots: list[Node]) -> list[Node]:
    """What is computed for `roots`, in order, with everything merged that can be."""
    order = live(roots)
    for merge in (merge_products, merge_sums, merge_dots, merge_extrema):
        if merge(order, roots):
            order = live(roots)
    return order


def merge_products(order: list[Node], roots: list[Node]) -> bool:
    """Exchange such sums, in place; whether there were any."""
    joined: dict[Any, Node] = {}
    is_changed = False
    for n, terms, uses in sums_of(order, roots, is_sum):
        if n.ndim == 2:
            found = [(sign, t, _factors(t) if uses[t.i] == 1 else None) for sign, t in terms]
            if sum(f is not None for *_, f in found) >= _FEWEST:
                _Merged(n, joined).merge(found)
                is_changed = True
    return is_changed


def _factors(t: Node) -> tuple[Node, Node, bool] | None:
    """`(a, b, turned)`: a product of a and b, or, turned, the transpose of one."""
    if t.dtype != F8:
        return None
    if t.op == "view" and t.f == _TURN and len(t.args[0].users) <= 1:
        inner = _factors(t.args[0])
        return None if inner is None or inner[2] else (inner[0], inner[1], True)
    if t.ndim != 2 or len(t.args) != 2 or any(a.dtype != F8 for a in t.args):
        return None
    a, b = t.args
    m, n = t.shape
    if t.op == "matmul" and a.ndim == b.ndim == 2 and (m + n) * a.shape[1] <= 2 * m * n:
        return a, b, False
    if t.op == "u" and t.f is MULTIPLY and m > 1 and n > 1:
        if b.shape == (m, 1):
            a, b = b, a
        if a.shape == (m, 1) and b.shape in ((1, n), (n,)):
            return a, b, False
    return None


class _Merged:
    """Makes the nodes, which stand between the terms and the sum."""

    def __init__(self, n: Node, joined: dict[Any, Node]) -> None:
        self.n, self.joined = n, joined
        self.at, self.step = n.i - 1.0, 1e-6

    def merge(self, terms: list[Any]) -> None:
        n = self.n
        rest = [(sign, t) for sign, t, factors in terms if factors is None]
        for wanted in (1, -1):
            pairs = [factors for sign, _, factors in terms if factors and sign == wanted]
            if pairs:
                rest.insert(0 if wanted == 1 else len(rest), (wanted, self._product(pairs)))
        rest.sort(key=lambda term: -term[0])
        if len(rest) == 1 and rest[0][0] == 1:
            product = rest[0][1]
            n.op, n.f, n.args = "matmul", None, product.args
            return
        if rest[0][0] == -1:  # of negative terms alone: zero before them
            zero = self._new("const", None, (), ())
            zero.value = 0.0
            rest.insert(0, (1, zero))
        total = rest[0][1]
        for sign, t in rest[1:-1]:
            total = self._new("u", ADD if sign == 1 else SUBTRACT, (total, t), n.shape)
        sign, t = rest[-1]
        n.f, n.args = ADD if sign == 1 else SUBTRACT, (total, t)

    def _product(self, pairs: list[tuple[Node, Node, bool]]) -> Node:
        m, n = self.n.shape
        rows, columns = [], []
        for a, b, turned in pairs:
            rows.append(self._row(b, m) if turned else self._turned(a))
            columns.append(self._turned(a) if turned else self._row(b, n))
        left, right = self._joined(rows, m), self._joined(columns, n)
        return self._new("matmul", None, (self._turned(left), right), (m, n))

    def _new(self, op: str, f: Any, args: tuple[Node, ...], shape: Any) -> Node:
        self.at += self.step
        return Node(op, f, args, shape, F8, self.at)

    def _joined(self, parts: list[Node], width: int) -> Node:
        key = tuple([p.i for p in parts])
        made = self.joined.get(key)
        if made is None:
            shape = (sum(p.shape[0] for p in parts), width)
            made = self.joined[key] = self._new("concat", 0, tuple(parts), shape)
            made.shares = True
        return made

    def _row(self, b: Node, width: int) -> Node:
        if b.ndim == 2:
            return b
        return self._known("view", ("reshape", (1, width)), b, (1, width))

    def _turned(self, a: Node) -> Node:
        if a.op == "view" and a.f == _TURN:
            return a.args[0]
        if a.shape[1] == 1:
            source = a.args[0] if a.op == "view" and a.f[0] == "reshape" else a
            if source.shape == (a.shape[0],):
                return self._row(source, a.shape[0])
        return self._known("view", _TURN, a, a.shape[::-1])

    def _known(self, op: str, f: Any, a: Node, shape: Any) -> Node:
        key = (op, f, a.i)
        if key not in self.joined:
            self.joined[key] = self._new(op, f, (a,), shape)
        return self.joined[key]
