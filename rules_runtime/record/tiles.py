"""Which calls go through large arrays together: block by block, so that what stands between them
stays in the cache.

A tile is a set of elementwise calls, reductions and views, and the axis of each along which all are
cut alike. It is one node in the order of the calls, read by those that need its results. A sum
along that axis adds up over the blocks; what needs that sum begins another tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from .graph import F8, Node

LARGE = 1 << 19  # bytes of an array that does not stay in the cache between two calls
_BLOCK = 1 << 17  # bytes of a block of one
_RUN = 512  # elements in a row that a block of columns has at least
_CACHE = 1 << 20  # bytes of all blocks that are alive at once, as long as one is no smaller than
_LEAST = 1 << 14
_ASIDE = 64  # large calls that a tile may pass by
_GAIN = 0.75  # what may be left of the memory traffic
STARTS = {"add": "0.0", "maximum": "-np.inf", "minimum": "np.inf"}
_CHEAP = frozenset((np.add, np.subtract, np.multiply, np.negative, np.square))
Cuts = tuple[int | None, ...]


@dataclass(frozen=True)
class Tile:
    """Its calls in their order, the axis that is cut of each (of those in `sums`, of the array that
    they reduce), what others need of them, and how many rows of how many are one block."""

    members: tuple[Node, ...]
    axes: dict[float, int]
    sums: frozenset[float]
    results: tuple[Node, ...]
    length: int
    rows: int

    def cuts(self, n: Node) -> Cuts:
        """For each operand of a member the axis that is cut; None where it is read whole."""
        found = (_cuts_of_sum if n.i in self.sums else _cuts)(n, self.axes[n.i])
        assert found is not None
        return found

    def given(self) -> tuple[Node, ...]:
        """What others computed."""
        return tuple(
            {a.i: a for n in self.members for a in n.args if a.i not in self.axes}.values()
        )

    def without_result(self, v: Node) -> Tile:
        """The tile, where nobody else needs a result."""
        is_used = any(a is v for m in self.members for a in m.args)
        members = tuple([m for m in self.members if is_used or m is not v])
        return replace(self, members=members, results=tuple(m for m in self.results if m is not v))

    def with_repeated(self, v: Node) -> Tile | None:
        """The tile, with a call that it reads the result of; None where that reads more."""
        read = {(a.i, k) for m in self.members for a, k in zip(m.args, self.cuts(m))}
        axis, *others = {k for i, k in read if i == v.i}
        cuts = None if axis is None or others else _cuts(v, axis)
        if axis is None or cuts is None:
            return None
        new = {a for a, k in zip(v.args, cuts) if _is_large(a) and (a.i, k) not in read}
        if sum(map(_bytes, new)) > _bytes(v):
            return None
        if any(self.axes.get(a.i, k) != k for a, k in zip(v.args, cuts)):
            return None
        members = tuple(sorted((*self.members, v), key=lambda m: m.i))
        return replace(self, members=members, axes={**self.axes, v.i: axis})


def _aligned(shape: tuple[int, ...], whole: tuple[int, ...], axis: int) -> int | None:
    """The axis of an operand that is broadcast to `whole`; None where it is repeated along it."""
    k = axis - (len(whole) - len(shape))
    return k if k >= 0 and shape[k] == whole[axis] else None


def _kept(axis: int, axes: Iterable[int], keepdims: bool) -> int:
    """The axis before a reduction."""
    if not keepdims:
        for k in sorted(axes):
            axis += k <= axis
    return axis


def _cuts(n: Node, axis: int) -> Cuts | None:
    """For each operand the axis that goes with `axis` of the result; None where there is none."""
    if n.op in ("u", "where"):
        return tuple([_aligned(a.shape, n.shape, axis) for a in n.args])
    if n.op in ("red", "esum"):
        _, axes, keepdims = n.f if n.op == "red" else n.f[2]
        k = _kept(axis, axes, keepdims)
        shape = _reduced_shape(n)
        return None if k in axes else tuple([_aligned(a.shape, shape, k) for a in n.args])
    if n.op == "extremum":
        axes = [k for _, k in n.f[1]] if n.f[0] == "tuple" else None
        if axes is None or axis in axes:
            return None
        before = axis - sum(k < axis for k in axes)
        return tuple([axis if a.ndim == n.ndim else before for a in n.args])
    seen = _seen(n, axis) if n.op == "view" else None
    return None if seen is None else (seen,)


def _seen(n: Node, axis: int) -> int | None:
    """The axis that a view shows as `axis`, all of it."""
    (x,), (kind, spec) = n.args, n.f
    if kind == "transpose":
        return int(spec[axis])
    if kind == "broadcast":
        return _aligned(x.shape, n.shape, axis)
    if kind == "reshape":
        before = math.prod(n.shape[:axis])
        for k, m in enumerate(x.shape):
            if m == n.shape[axis] and math.prod(x.shape[:k]) == before:
                return k
    if kind == "getitem" and None not in spec:
        k = [k for k, p in enumerate(spec) if type(p) is tuple][axis]
        return k if slice(*spec[k]).indices(x.shape[k]) == (0, x.shape[k], 1) else None
    return None


def _cuts_of_sum(n: Node, axis: int) -> Cuts | None:
    """For a reduction, along an axis that it takes away."""
    if n.op not in ("red", "esum") or n.dtype != F8 or 4 * _bytes(n) > _BLOCK:
        return None
    name, axes, _ = n.f if n.op == "red" else n.f[2]
    if axis not in axes or name not in STARTS or any(a.dtype != F8 for a in n.args):
        return None
    return tuple([_aligned(a.shape, _reduced_shape(n), axis) for a in n.args])


def kind_of_sum(n: Node) -> str:
    """The name of its ufunc."""
    return str((n.f if n.op == "red" else n.f[2])[0])


def _reduced_shape(n: Node) -> tuple[int, ...]:
    return n.f[3] if n.op == "esum" else n.args[0].shape  # type: ignore[no-any-return]


def _bytes(n: Node) -> int:
    return n.size * int(n.dtype.itemsize)


def _is_large(n: Node) -> bool:
    return n.shape is None or _bytes(n) >= LARGE  # a tuple of arrays has no shape


def _extent(n: Node) -> int:
    """Bytes of the largest array that a call reads or makes."""
    return max(map(_bytes, (n, *n.args)))


def tiled(order: list[Node], wanted: Iterable[Node], guarded: Iterable[Node]) -> list[Node]:
    """The calls in an order in which those of a tile are one. `wanted` are the results, of
    `guarded` the code looks at the value."""
    if not any(map(_is_large, order)):
        return order
    if not any(_is_work(n) and _extent(n) >= LARGE for n in order):
        return order
    return _Tiling(order, {n.i for n in wanted}, {n.i for n in guarded}).order


def _is_work(n: Node) -> bool:
    return n.op in ("u", "where", "red", "esum", "extremum")


class _Tiling:
    """All calls, one after the other, each as part of a tile or alone."""

    def __init__(self, calls: list[Node], wanted: set[float], guarded: set[float]) -> None:
        self.calls, self.wanted, self.guarded = calls, wanted, guarded
        self.users: dict[float, list[Node]] = {n.i: [] for n in calls}
        for n in calls:
            for a in n.args:
                self.users[a.i].append(n)
        self.done: set[float] = set()
        self.order: list[Node] = []
        for k, n in enumerate(calls):
            if n.i not in self.done and not self._begin(k):
                self._take(n)
        tiles = [n for n in self.order if n.op == "tile"]
        for n in tiles[::-1]:  # from the back: what is repeated may read what is repeated
            for v in n.f.results[::-1]:
                self._repeat(v, n, tiles)

    def _repeat(self, v: Node, tile: Node, tiles: list[Node]) -> None:
        """Compute a cheap result again in each tile that reads it, instead of keeping it."""
        if v.f not in _CHEAP or not _is_large(v) or v.i in self.wanted or v.i in self.guarded:
            return
        own: Tile = tile.f
        readers = [t for t in tiles if any(a is v for a in t.args)]
        inside = {m.i for t in (tile, *readers) for m in t.f.members}
        if any(u.op == "view" or u.i not in inside for u in self.users[v.i]):
            return
        if any(a.i in own.axes and a not in own.results for a in map(_source, v.args)):
            return  # what it reads is not kept
        changed = [own.without_result(v), *[t.f.with_repeated(v) for t in readers]]
        if None not in changed:
            for t, f in zip((tile, *readers), changed):
                t.f, t.args = f, f.given()

    def _take(self, n: Node) -> None:
        self.done.add(n.i)
        self.order.append(n)

    def _begin(self, k: int) -> bool:
        """Take a tile that begins with a call, if there is one that is worth it."""
        seed = self.calls[k]
        if seed.op not in ("u", "where", "red", "esum") or _extent(seed) < LARGE:
            return False
        groups = [_Group(self, k, axis, False) for axis in range(seed.ndim)]
        if seed.op in ("red", "esum"):
            groups += [_Group(self, k, axis, True) for axis in range(len(_reduced_shape(seed)))]
        best = max(groups, key=lambda g: g.saved, default=None)
        if best is None or best.saved <= 0:
            return False
        for n in best.needed_early():
            self._take(n)
        self.order.append(best.tile())
        self.done.update(n.i for n in best.members)
        self.order += [n for n in best.members if n.op == "view"]
        return True


class _Group:
    """The calls that go with the first of them, and the memory traffic that saves."""

    def __init__(self, tiling: _Tiling, start: int, axis: int, is_sum: bool) -> None:
        self.tiling = tiling
        self.axes: dict[float, int] = {}
        self.sums: set[float] = set()
        self.members: list[Node] = []
        self.early: list[Node] = []
        self.saved = self.length = self.rows = 0
        self.in_order = math.inf  # the first call that the tile is moved over
        seed = tiling.calls[start]
        self.length = (_reduced_shape(seed) if is_sum else seed.shape)[axis]
        cuts = (_cuts_of_sum if is_sum else _cuts)(seed, axis)
        if self.length > 1 and cuts is not None and set(cuts) != {None}:
            self._join(seed, axis, is_sum)
            self._grow(start)
            self._connect()
            self._prune()
            self._measure()

    def _join(self, n: Node, axis: int, is_sum: bool) -> None:
        self.members.append(n)
        self.axes[n.i] = axis
        if is_sum:
            self.sums.add(n.i)

    def _leave(self, n: Node) -> None:
        self.members.remove(n)
        del self.axes[n.i]
        self.sums.discard(n.i)

    def _grow(self, start: int) -> None:
        barred: set[float] = set()
        aside = 0
        for n in self.tiling.calls[start + 1 :]:
            if n.op in ("in", "const") or n.i in self.tiling.done:
                continue
            if any(a.i in barred or a.i in self.sums for a in n.args):
                barred.add(n.i)
            elif not self._fits(n):
                if not self._inside(n) and (n.op == "view" or not _is_large(n)):
                    self.early.append(n)
                    continue
                barred.add(n.i)
            if n.i in barred and n.op != "view" and _is_large(n):
                self.in_order = min(self.in_order, n.i)
                aside += 1
            if n.i in self.tiling.guarded or aside == _ASIDE:
                break  # what comes after a check is computed only if it holds

    def _inside(self, n: Node) -> list[tuple[int, Node]]:
        return [(j, a) for j, a in enumerate(n.args) if a.i in self.axes]

    def _fits(self, n: Node) -> bool:
        """Take a call that can be cut as the others are."""
        inside = self._inside(n)
        if n.op != "view" and not _is_work(n):
            return False
        if not inside and (n.op == "view" or _extent(n) < LARGE):
            return False
        ways = [(_cuts, k, False) for k, m in enumerate(n.shape) if m == self.length]
        ways.sort(key=lambda way: way[1] != self.axes[self.members[0].i])
        if n.op in ("red", "esum"):
            ways += [(_cuts_of_sum, k, True) for k in range(len(_reduced_shape(n)))]
        for cuts_of, axis, is_sum in ways:
            cuts = cuts_of(n, axis)
            if cuts is None or any(cuts[j] != self.axes[a.i] for j, a in inside):
                continue
            if {a.shape[k] for a, k in zip(n.args, cuts) if k is not None} == {self.length}:
                self._join(n, axis, is_sum)
                return True
        return False

    def _is_result(self, n: Node) -> bool:
        tiling = self.tiling
        if n.i in tiling.wanted or n.i in tiling.guarded:
            return True
        return any(
            self._is_result(u) if u.op == "view" else u.i not in self.axes
            for u in tiling.users[n.i]
        )

    def _connect(self) -> None:
        """Only what reads or makes the same arrays as the first."""
        rest, arrays, count = self.members, {self.members[0].i}, 0
        while count != len(rest):
            count, apart = len(rest), []
            for n in rest:
                own = {a.i for a in (n, *n.args) if a.i in self.axes or _is_large(a)}
                if own & arrays:
                    arrays |= own
                else:
                    apart.append(n)
            rest = apart
        for n in rest:
            self._leave(n)

    def _is_kept(self, n: Node) -> bool:
        return n.i not in self.axes or self._is_result(n)

    def _prune(self) -> None:
        """Leave for later what nobody here needs, and what saves no array."""
        for n in self.members[:0:-1]:
            if any(u.i in self.axes for u in self.tiling.users[n.i]):
                continue
            if n.op != "view" and (not _is_large(n) or n.i < self.in_order):
                continue
            if n.op == "view" or all(self._is_kept(_source(a)) for _, a in self._inside(n)):
                self._leave(n)

    def _measure(self) -> None:
        work = [n for n in self.members if n.op != "view"]
        before = sum(_bytes(a) for n in work for a in (n, *n.args) if _is_large(a))
        own = {a.i: a for n in self.members for a in n.args if a.i not in self.axes}
        after = sum(_bytes(a) for a in (*own.values(), *self.results()) if _is_large(a))
        width = max([_extent(n) for n in work], default=0) // self.length
        block = max(min(_BLOCK, _CACHE * width // max(self._alive(), 1)), min(_LEAST, _BLOCK))
        self.rows = _rows(self.length, max(block // max(width, 1), 1))
        if len(work) > 1 and after <= _GAIN * before and width <= 4 * _BLOCK:
            if self.rows < self.length and all(map(self._is_in_rows, work)):
                self.saved = before - after

    def _alive(self) -> int:
        """Bytes of one row of all that is in use at once."""
        last = {_source(a).i: j for j, n in enumerate(self.members) for a in n.args}
        dies: dict[int, int] = {}
        alive = most = 0
        for j, n in enumerate(self.members):
            if n.op != "view" and n.i in last:
                row = _bytes(n) // self.length
                alive += row
                dies[last[n.i]] = dies.get(last[n.i], 0) + row
            most = max(most, alive)
            alive -= dies.get(j, 0)
        return most

    def _is_in_rows(self, n: Node) -> bool:
        """Whether a block of it is in one piece, or in long ones."""
        shape, axis = (_reduced_shape(n) if n.i in self.sums else n.shape), self.axes[n.i]
        run = self.rows * math.prod(shape[axis + 1 :])
        return run >= _RUN or math.prod(shape[:axis]) == 1 or _extent(n) < LARGE

    def results(self) -> list[Node]:
        return [n for n in self.members if n.op != "view" and self._is_result(n)]

    def needed_early(self) -> list[Node]:
        """What comes later, and the tile needs, or the code checks first."""
        early, needed = {n.i for n in self.early}, set()
        todo = [a for n in self.members for a in n.args]
        todo += [n for n in self.early if n.i in self.tiling.guarded]
        while todo:
            a = todo.pop()
            if a.i in early and a.i not in needed:
                needed.add(a.i)
                todo.extend(a.args)
        return [n for n in self.early if n.i in needed]

    def tile(self) -> Node:
        results = tuple(self.results())
        f = Tile(
            tuple(self.members), self.axes, frozenset(self.sums), results, self.length, self.rows
        )
        return Node("tile", f, f.given(), (self.length,), None, -1 - self.members[0].i)


def _source(n: Node) -> Node:
    while n.op == "view":
        n = n.args[0]
    return n


def _rows(length: int, about: int) -> int:
    """Rows of a block: if it can be, so many that the last one is as large as the others."""
    fair = [k for k in range(max(1, about // 2), about * 3 // 2 + 1) if length % k == 0]
    return min(fair, key=lambda k: abs(k - about), default=min(about, length))
