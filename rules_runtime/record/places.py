"""Where values are while the code runs, and how it names them: buffers, parts of them, numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import ADD, DIVIDE, F8, MULTIPLY, SUBTRACT, Node, thawed
from .memory import SMALL, Arena, Names, Ref, Root
from .plan import Guards, count_users, is_virtual

_MANY = 16  # calls that read an input, from which it is copied
ndarray = np.ndarray
BOOL, I8, C16 = np.dtype(bool), np.dtype(np.int64), np.dtype(complex)

INFIX = {
    ADD: "+", SUBTRACT: "-", MULTIPLY: "*", DIVIDE: "/", np.less: "<", np.less_equal: "<=",
    np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
# what takes an integer of Python's as the double that it is
_TAKES_DOUBLES = frozenset((*INFIX, np.power, np.maximum, np.minimum, np.arctan2, np.hypot))


class Places:
    """The text of a function, and the objects that its names stand for."""

    def __init__(self, names: Names, arena: Arena, guards: Guards = ()) -> None:  # type: ignore[assignment]
        self.names, self.arena = names, arena
        self.lines: list[str] = []
        self.refs: dict[float, Ref] = {}
        self.wanted: set[float] = set()
        self.guards: dict[float, list[tuple[str, Any]]] = {}
        for n, kind, value in guards:
            self.guards.setdefault(n.i, []).append((kind, value))
        self.calls_lapack = False
        self._cells: dict[Any, Ref] = {}
        names.space["einsum"] = (
            getattr(np, "_core", np).multiarray.c_einsum if hasattr(np, "_core") else np.einsum
        )
        names.space.update(
            empty=np.empty,
            zeros=np.zeros,
            copyto=np.copyto,
            np=np,
            f8=np.float64,
            c16=np.complex128,
        )

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def plan(self, order: list[Node], wanted: list[Node]) -> None:
        self.wanted = count_users(order, wanted)

    def begin(self, n: Node, text: str, count: int) -> None:
        """Note what an input is called, which so many calls read. A small one of many is copied
        into a buffer: calls that name no local need not be compiled, see `roll.py`."""
        self.refs[n.i] = Ref(text)
        if n.shape and n.size <= SMALL and count >= _MANY:
            self.refs[n.i] = ref = self.buffer(n.shape, n.dtype, is_kept=True)
            self.emit(f"copyto({ref.text}, {text})")

    # ---- memory -----------------------------------------------------------------------

    def kept(self, array: Any, root: Root | None = None) -> Ref:
        """A view of a buffer, or a constant, by name."""
        return Ref(self.names.of("P", array), array, root)

    def allocated(self, n: Node, is_kept: bool = False) -> Ref:
        return self.buffer(n.shape, n.dtype, self.readers(n), is_kept)

    def buffer(self, shape: Any, dtype: Any, left: int = 1, is_kept: bool = False) -> Ref:
        root = self.arena.take(shape, dtype, left, is_kept)
        return self.kept(self.arena.reshaped(root.flat, shape), root)

    def readers(self, n: Node) -> int:
        """How many instructions read the memory of a node, through views, too."""
        count, todo = len(self.guards.get(n.i, ())), [n]
        while todo:
            m = todo.pop()
            for u in m.users:
                if u.op == "view":
                    todo.append(u)
                else:
                    count += len(u.users) if is_virtual(u) else 1
            if m.i in self.wanted and m is not n:
                count += 10**9
        return count

    def inherited(self, a: Node, n: Node) -> Ref | None:
        """The memory of an operand that dies with this instruction, for its result."""
        r = self.refs.get(a.i)
        if r is None or r.array is None or r.root is None:
            return None
        root = r.root
        if root.is_kept or root.left != 1 or root.flat.size != n.size or a.dtype != n.dtype:
            return None
        made = self.arena.reshaped(root.flat, n.shape)
        if a.shape != n.shape or made.strides != r.array.strides:
            return None
        root.left += self.readers(n)
        return self.kept(made, root)

    def place(self, n: Node, dying: tuple[Node, ...] = ()) -> Ref | None:
        """Where the result of a node is written; None for what is to be a new array."""
        if n.i in self.wanted:
            return None
        part = n.meta.get("destination")
        if part is not None:
            return self.part_of(self.target(part[0]), part[1])
        for a in dying:
            ref = self.inherited(a, n)
            if ref is not None:
                return ref
        return self.allocated(n)

    def target(self, n: Node) -> Ref:
        """The whole that parts are written into."""
        if n.i in self.refs:
            return self.refs[n.i]
        part = n.meta.get("destination")
        if part is not None:
            ref = self.part_of(self.target(part[0]), part[1])
        elif n.i in self.wanted:
            ref = Ref(self.names.fresh("o"))
            self.emit(f"{ref.text} = empty({n.shape}, {self.dtype(n.dtype)})")
        else:
            # constant parts of a small one are written when the code is made
            has_constants = (
                n.op == "concat" and n.size <= SMALL and any(a.op == "const" for a in n.args)
            )
            ref = self.allocated(n, has_constants or n.shares)
            n.meta["constants"] = has_constants
        self.refs[n.i] = ref
        return ref

    def part_of(self, whole: Ref, index: tuple[Any, ...]) -> Ref:
        if whole.array is not None:
            return self.kept(whole.array[(*index, ...)])
        name = self.names.fresh()
        self.emit(f"{name} = {whole.text}[{index_text(index)}]")
        return Ref(name, None, None, False)

    def put(self, whole: Ref, index: tuple[Any, ...], value: str) -> None:
        if whole.array is not None:
            self.emit(f"copyto({self.kept(whole.array[(*index, ...)]).text}, {value})")
        else:
            self.emit(f"{whole.text}[{index_text(index)}] = {value}")

    def release(self, args: Any) -> None:
        for a in args:
            ref = self.refs.get(a.i)
            if ref is not None and ref.root is not None:
                self.arena.release(ref.root)

    # ---- operands ---------------------------------------------------------------------

    def dtype(self, dtype: Any) -> str:
        return "float" if dtype == F8 else self.names.of("D", dtype)

    def ref(self, n: Node) -> Ref:
        found = self.refs.get(n.i)
        if found is None:
            found = self.refs[n.i] = self._constant(n) if n.op == "const" else self._view(n)
        return found

    def _constant(self, n: Node) -> Ref:
        value = n.value
        if isinstance(value, ndarray):
            return Ref(self.names.of("P", value), value)
        if type(value) in (int, bool) or (
            type(value) in (float, np.float64) and math.isfinite(value)
        ):
            return Ref(repr(float(value) if isinstance(value, float) else value))
        return Ref(self.names.of("C", value))

    def _view(self, n: Node) -> Ref:
        (x,), (kind, spec) = n.args, n.f
        r = self.cell(x) if x.shape == () else self.ref(x)
        if r.array is not None:
            made = view_of(n.f, r.array)
            if made is not None:
                return self.kept(made, r.root)
            copy = self.buffer(n.shape, n.dtype, is_kept=True)
            self.emit(f"copyto({self.kept(copy.array.reshape(x.shape)).text}, {r.text})")
            return copy
        name = self.names.fresh()
        if kind == "broadcast":
            self.emit(f"{name} = np.broadcast_to({r.text}, {spec})")
        elif kind == "getitem":
            self.emit(f"{name} = {r.text}[{index_text(thawed(spec))}]")
        else:
            self.emit(f"{name} = {r.text}.{kind}({', '.join(map(str, spec))})")
        return Ref(name, None, r.root)

    def cell(self, n: Node) -> Ref:
        """A number as an array without dimensions, which ufuncs take in half the time."""
        found = self._cells.get(n.i)
        if found is None:
            if n.op == "const":
                found = self.kept(np.array(n.value, n.dtype))
            else:
                found = self.kept(self.arena.cell(n.dtype))
                self.emit(f"{found.text}[()] = {self.ref(n).text}")
            self._cells[n.i] = found
        return found

    def double(self, n: Node) -> str:
        """A constant number as a double."""
        key = ("double", n.i)
        if key not in self._cells:
            self._cells[key] = self.kept(np.array(float(n.value)))
        return self._cells[key].text

    def number(self, n: Node) -> str:
        """A number as numpy is to see it: one of Python's leaves the dtype to the others."""
        text = self.ref(n).text
        if n.weak or n.dtype not in (F8, C16):
            return text
        return f"f8({text})" if n.dtype == F8 else f"c16({text})"

    def operand(self, n: Node) -> str:
        if n.shape == ():
            return self.cell(n).text if n.dtype == F8 else self.number(n)
        return self.ref(n).text

    def operands(self, n: Node) -> list[str]:
        """Those of a ufunc."""
        if all(a.shape for a in n.args):
            return [self.ref(a).text for a in n.args]
        arrays = [a for a in n.args if a.shape != ()]
        doubles = all(a.dtype == F8 for a in arrays) and n.dtype in (F8, BOOL)
        complexes = n.dtype == C16 and all(a.dtype in (F8, C16) for a in n.args)
        given = []
        for a in n.args:
            if a.shape != ():
                given.append(self.ref(a).text)
            elif (doubles and a.dtype == F8) or complexes:
                given.append(self.cell(a).text)
            elif doubles and a.op == "const" and type(a.value) is int and n.f in _TAKES_DOUBLES:
                given.append(self.double(a))
            else:
                given.append(self.number(a))
        return given

    def finish(self, n: Node, place: Ref | None, into: Callable[[str], str], new: str) -> None:
        """Emit an instruction that writes into a place, or makes a new array."""
        if place is None:
            place = Ref(self.names.fresh("o"))
            self.emit(f"{place.text} = {new}")
        else:
            self.emit(into(place.text))
        self.refs[n.i] = place

    def flat(self, r: Ref) -> str | None:
        """A buffer as one row, where that is a view."""
        a = r.array
        if a is None or not a.size:
            return None
        if a.flags.c_contiguous:
            return self.kept(self.row(a)).text
        return self.kept(self.row(a.T)).text if a.flags.f_contiguous else None

    def row(self, a: Any) -> Any:
        return self.arena.reshaped(a, (a.size,))

    def ones(self, count: int) -> str:
        return self.names.once(("ones", count), "P", lambda: np.ones(count))


def index_text(index: tuple[Any, ...]) -> str:
    def part(p: Any) -> str:
        if type(p) is not slice:
            return str(p)
        ends = ["" if e is None else str(e) for e in (p.start, p.stop)]
        return ":".join(ends if p.step is None else [*ends, str(p.step)])

    return ", ".join(map(part, index)) if index else "()"


def view_of(f: Any, a: Any) -> Any:
    """A view of a buffer; None where numpy would copy."""
    kind, spec = f
    if kind == "reshape":
        made = a.reshape(spec)
        return made if a.size == 0 or np.shares_memory(made, a) else None
    if kind == "transpose":
        return a.transpose(spec)
    if kind == "getitem":
        return a[thawed(spec)]
    if kind == "broadcast":
        return np.broadcast_to(a, spec)
    return a.diagonal(*spec)
