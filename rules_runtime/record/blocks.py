"""The text of a tile: a loop over blocks, whose body is emitted as any other code is."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from .emit import Emitter
from .graph import F8, REDUCTIONS, Node
from .memory import Ref
from .tiles import STARTS, Tile, kind_of_sum


class _Body(Emitter):
    """What is done with one block. Results go where the loop says."""

    given: dict[float, Ref]

    def inherited(self, a: Node, n: Node) -> Ref | None:
        return None if n.i in self.given else super().inherited(a, n)

    def allocated(self, n: Node, is_kept: bool = False) -> Ref:
        return self.given.get(n.i) or super().allocated(n, is_kept)


class Blocks(Emitter):
    """Emits tiles, too."""

    def check(self, n: Node) -> None:
        for m in n.f.members if n.op == "tile" else (n,):
            super().check(m)

    def _tile(self, n: Node) -> None:
        tile: Tile = n.f
        for a in n.args:
            self.operand(a)  # views, and numbers as arrays, are made before the loop
        for m in tile.results:
            if m.i in tile.sums and m.shape == ():
                self.refs[m.i] = Ref(self.names.fresh("s"))
                self.emit(f"{self.refs[m.i].text} = {STARTS[kind_of_sum(m)]}")
                continue
            place = self.place(m, () if m.i in tile.sums else self._dying(m, n))
            if place is None:
                place = Ref(self.names.fresh("o"))
                self.emit(f"{place.text} = empty({m.shape}, {self.dtype(m.dtype)})")
            if m.i in tile.sums:
                self.emit(f"{place.text}.fill({STARTS[kind_of_sum(m)]})")
            self.refs[m.i] = place
        edges = [*range(0, tile.length, tile.rows), tile.length]
        blocks = list(itertools.pairwise(edges))
        short = tile.length % tile.rows != 0
        _Loop(self, tile, blocks[: len(blocks) - short]).emit()
        if short:
            _Loop(self, tile, blocks[-1:]).emit()

    def _dying(self, n: Node, whole: Node) -> tuple[Node, ...]:
        """Arrays of others that a result may be written over: what is read of each is the same
        block, before it or by an elementwise call."""
        tile: Tile = whole.f
        at = tile.members.index(n) + (n.op in ("u", "where"))
        last: dict[float, tuple[int, set[int | None]]] = {}
        for j, m in enumerate(tile.members):
            for a, k in zip(m.args, tile.cuts(m)):
                last[a.i] = (j, {k, *last.get(a.i, (0, ()))[1]})
        return tuple(
            a for a in whole.args if last[a.i][0] < at and last[a.i][1] == {tile.axes[n.i]}
        )


class _Loop:
    """One loop: its variables, which stand for a block of an array each, and its body."""

    def __init__(self, outer: Blocks, tile: Tile, blocks: list[tuple[int, int]]) -> None:
        self.outer, self.tile, self.blocks = outer, tile, blocks
        self.rows = blocks[0][1] - blocks[0][0]
        self.variables: dict[str, list[Any]] = {}
        self.head: list[str] = []
        self.cut: dict[Any, Node] = {}
        self.body = _Body(outer.names, outer.arena, [])
        self.body.given = {}

    def emit(self) -> None:
        tile, outer, body = self.tile, self.outer, self.body
        order, after = [], []
        for m in tile.members:
            n = self._clone(m)
            order.append(n)
            if m.i not in tile.sums:
                if m in tile.results:
                    body.given[n.i] = self._block(outer.refs[m.i], tile.axes[m.i])
            elif m.shape == ():
                after.append((m, n))
            else:
                order.append(self._added(m, n))
        body.plan(order, [])
        for n in order:
            body.do(n)
        for m, n in after:
            total, part = outer.refs[m.i].text, body.ref(n).text
            if kind_of_sum(m) == "add":
                body.emit(f"{total} += {part}")
            else:
                f = outer.names.function(REDUCTIONS[kind_of_sum(m)])
                body.emit(f"{total} = {f}({total}, {part})")
        names = ", ".join(self.variables)
        table = outer.names.of("T", list(zip(*self.variables.values())))
        outer.emit(f"for {names}, in {table}:")
        for line in [*self.head, *body.lines]:
            outer.emit(f"    {line}")

    def _clone(self, m: Node) -> Node:
        """A call on blocks."""
        tile = self.tile
        n = copy.copy(m)
        n.args = tuple([self._operand(a, k) for a, k in zip(m.args, tile.cuts(m))])
        if m.i not in tile.sums:
            n.reshape(self._shape(m.shape, tile.axes[m.i]))
        if m.op == "esum":
            k = next(k for k in range(len(m.f[3])) if self._is_cut(m, k))
            n.f = (*m.f[:3], self._shape(m.f[3], k))
        elif m.op == "view" and m.f[0] in ("reshape", "broadcast"):
            n.f = (m.f[0], n.shape)
        self.cut[m.i, None] = n
        return n

    def _is_cut(self, m: Node, axis: int) -> bool:
        return any(
            k is not None and k + len(m.f[3]) - a.ndim == axis
            for a, k in zip(m.args, self.tile.cuts(m))
        )

    def _operand(self, a: Node, axis: int | None) -> Node:
        if a.i in self.tile.axes:
            return self.cut[a.i, None]
        n = self.cut.get((a.i, axis))
        if n is None:
            outer, body = self.outer, self.body
            n = self.cut[a.i, axis] = copy.copy(a)
            n.args, n.users, n.meta = (), [], {}
            r = outer.ref(a)
            if axis is not None:
                n.op, n.i = "in", -1 - len(self.cut)
                n.reshape(self._shape(a.shape, axis))
                body.refs[n.i] = self._block(r, axis)
            elif a.shape == ():
                n.op = "const" if a.op == "const" else "in"
                body.refs[n.i] = r
                if a.dtype == F8:
                    body._cells[n.i] = outer.cell(a)
            else:
                n.op = "in"
                body.refs[n.i] = Ref(r.text, r.array, None, r.is_contiguous)
        return n

    def _shape(self, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
        return (*shape[:axis], self.rows, *shape[axis + 1 :])

    def _block(self, r: Ref, axis: int) -> Ref:
        """The variable for a block of an array."""
        lead = (slice(None),) * axis
        cuts = [(*lead, slice(*block)) for block in self.blocks]
        if r.array is not None:
            return Ref(self._variable([r.array[cut] for cut in cuts]), None, None, False)
        name = self.outer.names.fresh("b")
        self.head.append(f"{name} = {r.text}[{self._variable(cuts)}]")
        return Ref(name, None, None, False)

    def _variable(self, objects: list[Any]) -> str:
        name = self.outer.names.fresh("b")
        self.variables[name] = objects
        return name

    def _added(self, m: Node, n: Node) -> Node:
        """The call that adds a part of a sum to it."""
        place = self.outer.refs[m.i]
        total = Node("in", None, (), m.shape, m.dtype, -1 - len(self.cut))
        self.cut[total.i, None] = total
        self.body.refs[total.i] = Ref(place.text, place.array)
        added = Node("u", REDUCTIONS[kind_of_sum(m)], (total, n), m.shape, m.dtype, total.i - 1e6)
        self.body.given[added.i] = Ref(place.text, place.array)
        return added
