"""Sums of arrays and of slices in zeros: written where they can be, added where they must be."""

from __future__ import annotations

import itertools
from typing import Any

from .graph import ADD, NEGATIVE, SUBTRACT, Node, thawed
from .memory import Ref
from .places import Places, index_text
from .plan import cut_of, is_virtual


class Slices(Places):
    """How such sums are emitted."""

    def _addn(self, n: Node) -> None:
        terms = list(zip(n.f, n.args, strict=True))
        slices = [(sign, t) for sign, t in terms if is_virtual(t)]
        dense = [(sign, t) for sign, t in terms if not is_virtual(t)]
        if not dense and n.ndim == 1 and all(t.args[0].shape == () for _, t in slices):
            if n.size <= 64:
                self._sum_of_numbers(n, slices)
                return
        whole: Ref | None
        if dense:
            whole, dense = self._begun(n, dense)
        else:
            whole, slices = self._begun_with_slices(n, slices)
        for sign, t in dense:
            f = self.names.function(ADD if sign == 1 else SUBTRACT)
            self.emit(f"{f}({whole.text}, {self.operand(t)}, {whole.text})")
        for sign, t in slices:
            index, x = thawed(t.f[0]), t.args[0]
            if whole.array is None and all(type(p) is int for p in index):
                self.emit(
                    f"{whole.text}[{index_text(index)}] {'+' if sign == 1 else '-'}= {self.ref(x).text}"
                )
                continue
            part = self.part_of(whole, index).text
            f = self.names.function(ADD if sign == 1 else SUBTRACT)
            self.emit(f"{f}({part}, {self.operand(x)}, {part})")

    def _sum_of_numbers(self, n: Node, slices: list[tuple[int, Node]]) -> None:
        sums = [""] * n.shape[0]
        for sign, t in slices:
            x = self.ref(t.args[0]).text
            k = t.f[0][0]
            if type(k) is tuple:
                k = range(n.shape[0])[slice(*k)][0]
            sums[k] += f" {'+' if sign == 1 else '-'} {f'({x})' if x[0] == '-' else x}"
        texts = [s.removeprefix(" + ").strip() or "0.0" for s in sums]
        name = self.names.fresh("o")
        self.emit(f"{name} = np.array([{', '.join(texts)}])")
        self.refs[n.i] = Ref(name)

    def _begun(self, n: Node, dense: list[Any]) -> tuple[Ref, list[Any]]:
        """The first dense terms, in a place of their own."""
        dense = sorted(dense, key=lambda term: -term[0])
        (sign, a), *rest = dense
        place = None
        if n.i not in self.wanted:
            place = self.inherited(a, n) if sign == 1 and not rest else None
            if place is not None:
                self.refs[n.i] = place
                return place, rest
            place = self.allocated(n)
        given = self.operand(a)
        if place is None:
            place = Ref(self.names.fresh("o"))
            self.emit(f"{place.text} = {given}.copy()" if sign == 1 else f"{place.text} = -{given}")
        elif sign == -1:
            self.emit(f"{self.names.function(NEGATIVE)}({given}, {place.text})")
        elif rest:
            f = self.names.function(ADD if rest[0][0] == 1 else SUBTRACT)
            self.emit(f"{f}({given}, {self.operand(rest[0][1])}, {place.text})")
            rest = rest[1:]
        else:
            self.emit(f"copyto({place.text}, {given})")
        self.refs[n.i] = place
        return place, rest

    def _begun_with_slices(self, n: Node, slices: list[Any]) -> tuple[Ref, list[Any]]:
        """Of slices alone: those that are written, and those that are still to be added."""
        base = n.meta.get("base")
        inherited = None if base is None else self._around(n, n.args[base])
        if base is not None and inherited is not None:
            self.refs[n.i] = inherited
            self._zero_rest(inherited, thawed(n.args[base].f[0]), n.shape)
            return inherited, [term for j, term in enumerate(slices) if j != base]
        whole = self.target(n)
        if n.meta.get("tiles"):
            for _, t in slices:
                if not self._is_there(t.args[0], n):
                    self.put(whole, thawed(t.f[0]), self.operand(t.args[0]))
            return whole, []
        if base is None:
            self.emit(f"{whole.text}.fill(0)")
            return whole, slices
        t = n.args[base]
        if not self._is_there(t.args[0], n):
            rest = self._overlapping(n, whole, slices)
            if rest is not None:
                return whole, rest
            self._zero_rest(whole, thawed(t.f[0]), n.shape)
            self.put(whole, thawed(t.f[0]), self.operand(t.args[0]))
        else:
            self._zero_rest(whole, thawed(t.f[0]), n.shape)
        return whole, [term for j, term in enumerate(slices) if j != base]

    def _is_there(self, x: Node, n: Node) -> bool:
        part = x.meta.get("destination")
        return part is not None and part[0] is n

    def _around(self, n: Node, t: Node) -> Ref | None:
        """The memory of an array that dies, of which the term is a slice at its own place."""
        x = t.args[0]
        if n.i in self.wanted or n.meta.get("tiles"):
            return None
        if x.op != "view" or x.f[0] != "getitem" or x.f[1] != t.f[0] or x.args[0].shape != n.shape:
            return None
        return self.inherited(x.args[0], n)

    def _zero_rest(self, whole: Ref, index: tuple[Any, ...], shape: Any) -> None:
        cut = cut_of(index, shape)
        if cut is None:
            self.emit(f"{whole.text}.fill(0)")
            return
        k, start, stop = cut
        for low, high in ((0, start), (stop, shape[k])):
            if low < high:
                if high - low == 1 and len(shape) == 1:
                    self.emit(f"{whole.text}[{low}] = 0.0")
                else:
                    self.put(whole, (slice(None),) * k + (slice(low, high),), "0.0")

    def _overlapping(self, n: Node, whole: Ref, slices: list[Any]) -> list[Any] | None:
        """Two slices along one axis: one sum where they overlap, copies where they do not."""
        if len(slices) < 2 or whole.array is None:
            return None
        pair = sorted(slices[:2], key=lambda term: -term[0])
        if pair[0][0] == -1:
            return None
        cuts = [cut_of(thawed(t.f[0]), n.shape) for _, t in pair]
        if cuts[0] is None or cuts[1] is None or cuts[0][0] != cuts[1][0]:
            return None
        if any(type(p) is not tuple for _, t in pair for p in t.f[0]):
            return None
        axis = cuts[0][0]
        spans = [(c[1], c[2]) for c in cuts if c]
        refs = [self.ref(t.args[0]) for _, t in pair]
        low, high = max(a for a, _ in spans), min(b for _, b in spans)
        if high - low < 4 or any(r.array is None for r in refs):
            return None
        minus = pair[1][0] == -1

        def part(a: Any, start: int, stop: int) -> str:
            return self.kept(a[(slice(None),) * axis + (slice(start, stop),)]).text

        f = self.names.function(SUBTRACT if minus else ADD)
        both = [part(r.array, low - a, high - a) for r, (a, _) in zip(refs, spans)]
        self.emit(f"{f}({both[0]}, {both[1]}, {part(whole.array, low, high)})")
        size = n.shape[axis]
        edges = sorted({0, size, *[e for span in spans for e in span]})
        for start, stop in itertools.pairwise(edges):
            if low <= start and stop <= high:
                continue
            out = part(whole.array, start, stop)
            inside = [j for j, (a, b) in enumerate(spans) if a <= start and stop <= b]
            if not inside:
                self.emit(f"{out}.fill(0.0)")
                continue
            j = inside[0]
            given = part(refs[j].array, start - spans[j][0], stop - spans[j][0])
            if j == 1 and minus:
                self.emit(f"{self.names.function(NEGATIVE)}({given}, {out})")
            else:
                self.emit(f"copyto({out}, {given})")
        return slices[2:]
