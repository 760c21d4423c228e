"""From the nodes to the text of one function: a line for each of them, in their order.

Numbers are Python's floats. Arrays are written into planned buffers with `out=`, into each other's
memory where one dies, or into their part of a larger one; sums are products with ones, where BLAS
is faster; LAPACK is called without what numpy puts around it.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import _umath_linalg as lapack

from ..kernels.extrema import extremum_cotangent
from ..kernels.triangular import solve as blocked_solve
from .graph import (
    ADD,
    DIVIDE,
    F8,
    MULTIPLY,
    NEGATIVE,
    REDUCTIONS,
    SUBTRACT,
    Node,
    thawed,
)
from .memory import Arena, Names, Ref, Root
from .plan import _LETTERS, Guards, count_users, cut_of, is_virtual, joined_at

ndarray = np.ndarray
BOOL, I8, C16 = np.dtype(bool), np.dtype(np.int64), np.dtype(complex)

_INFIX = {
    ADD: "+", SUBTRACT: "-", MULTIPLY: "*", DIVIDE: "/", np.less: "<", np.less_equal: "<=",
    np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_MATH = {
    np.sqrt: "sqrt", np.exp: "exp", np.log: "log", np.sin: "sin", np.cos: "cos", np.tanh: "tanh",
    np.tan: "tan", np.log1p: "log1p", np.expm1: "expm1", np.arctan: "atan", np.sinh: "sinh",
    np.cosh: "cosh", np.arcsin: "asin", np.arccos: "acos", np.power: "pow", np.absolute: "fabs",
    np.arctan2: "atan2", np.float_power: "pow",
}  # fmt: skip
# what takes an integer of Python's as the double that it is
_TAKES_DOUBLES = frozenset((*_INFIX, np.power, np.maximum, np.minimum, np.arctan2, np.hypot))
_SMALL = 4096  # elements of a buffer that may be kept for one node alone
_BY_DOT = 200_000  # elements up to which BLAS sums faster than numpy
_IN_BLOCKS = 24  # rows of a system from which it may be triangular


class Emitter:
    """The text of a function, and the objects that its names stand for."""

    def __init__(self, names: Names, arena: Arena, guards: Guards = ()) -> None:  # type: ignore[assignment]
        self.names, self.arena = names, arena
        self.lines: list[str] = []
        self.refs: dict[float, Ref] = {}
        self.wanted: set[float] = set()
        self.guards: dict[float, list[tuple[str, Any]]] = {}
        for n, kind, value in guards:
            self.guards.setdefault(n.i, []).append((kind, value))
        self.extra: dict[float, int] = {}  # further instructions that read a node
        self.columns = 0
        self.calls_lapack = False
        self._cells: dict[Any, Ref] = {}
        names.space.update({f"m_{f}": getattr(math, f) for f in _MATH.values()})
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

    # ---- memory -----------------------------------------------------------------------

    def kept(self, array: Any, root: Root | None = None) -> Ref:
        """A view of a buffer, or a constant, by name."""
        return Ref(self.names.of("P", array), array, root)

    def allocated(self, n: Node, is_kept: bool = False) -> Ref:
        return self.buffer(n.shape, n.dtype, self.readers(n), is_kept)

    def buffer(self, shape: Any, dtype: Any, left: int = 1, is_kept: bool = False) -> Ref:
        root = self.arena.take(shape, dtype, left, is_kept)
        return self.kept(self.arena.shaped(root.flat, shape, self.columns), root)

    def readers(self, n: Node) -> int:
        """How many instructions read the memory of a node, through views, too."""
        count, todo = len(self.guards.get(n.i, ())), [n]
        while todo:
            m = todo.pop()
            count += self.extra.get(m.i, 0)
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
        made = self.arena.shaped(root.flat, n.shape, self.columns)
        if a.shape != n.shape or made.strides != r.array.strides:
            return None
        root.left += self.readers(n)
        return self.kept(made, root)

    def place(self, n: Node, dying: tuple[Node, ...] = ()) -> Ref | None:
        """Where the result of a node is written; None for what is to be a new array."""
        fixed: Ref | None = n.meta.get("fixed")
        if fixed is not None:
            return fixed
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
        if "fixed" in n.meta:
            ref: Ref = n.meta["fixed"]
        elif part is not None:
            ref = self.part_of(self.target(part[0]), part[1])
        elif n.i in self.wanted:
            ref = Ref(self.names.fresh("o"))
            self.emit(f"{ref.text} = empty({n.shape}, {self.dtype(n.dtype)})")
        else:
            # constant parts of a small one are written when the code is made
            has_constants = (
                n.op == "concat" and n.size <= _SMALL and any(a.op == "const" for a in n.args)
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
                found = self.kept(np.empty((), n.dtype))
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

    # ---- instructions -----------------------------------------------------------------

    def do(self, n: Node) -> None:
        if n.op in ("in", "const", "view") or is_virtual(n):
            return
        if n.shape == () and n.op != "extremum":
            self.refs[n.i] = Ref(self.names.fresh("s"))
            self._number(n)
        else:
            getattr(self, "_" + n.op)(n)
        if n.op == "addn":
            for t in n.args:
                self.release(t.args if is_virtual(t) else (t,))
        elif n.op != "call" or not n.shares:
            self.release(n.args)

    def check(self, n: Node) -> None:
        """The guards on what a node gave."""
        for kind, value in self.guards.get(n.i, ()):
            text = self.ref(n).text
            if kind in ("item", "list") and not (n.shape == () and n.dtype == F8):
                text = f"np.asarray({text}).tolist()"
            elif kind in ("bool", "int", "float", "complex"):
                text = f"{kind}({text})"
            if isinstance(value, list):
                self.emit(f"if {text} != {self.names.of('C', value)}: raise Miss")
            elif value != value:
                self.emit(f"if {text} == {text}: raise Miss")
            elif isinstance(value, (bool, int)) or (
                isinstance(value, float) and math.isfinite(value)
            ):
                self.emit(f"if {text} != {value!r}: raise Miss")
            else:
                self.emit(f"if {text} != {self.names.of('C', value)}: raise Miss")

    def _number(self, n: Node) -> None:
        name = self.refs[n.i].text
        if n.op == "u":
            self.emit(f"{name} = {self._of_numbers(n)}")
        elif n.op == "elem":
            self._element(n, name)
        elif n.op == "red":
            kind, x = n.f[0], n.args[0]
            r = self.ref(x)
            flat = self.flat(r)
            if kind == "add" and x.dtype == F8 and flat is not None and x.size < _BY_DOT:
                self.emit(f"{name} = {flat}.dot({self.ones(x.size)})")
            else:
                self.emit(
                    f"{name} = {self.names.function(REDUCTIONS[kind].reduce)}({r.text}, None)"
                )
        elif n.op == "esum":
            self._sum_of_products(n, name)
        elif n.op == "matmul":
            a, b = n.args
            self.emit(f"{name} = {self.ref(a).text}.dot({self.ref(b).text})")
        elif n.op == "item":
            self.emit(f"{name} = {self.ref(n.args[0]).text}[{n.f}]")
        elif n.op == "where":
            given = [self.ref(q).text for q in n.args]
            self.emit(f"{name} = {given[1]} if {given[0]} else {given[2]}")
        else:
            self._call(n, name)

    def _of_numbers(self, n: Node) -> str:
        texts = [self.ref(a).text for a in n.args]
        doubles = all(
            a.dtype == F8 or (a.op == "const" and type(a.value) is int) for a in n.args
        ) and any(a.dtype == F8 for a in n.args)
        if doubles and n.dtype in (F8, BOOL):
            safe = [f"({t})" if t[0] == "-" else t for t in texts]
            if n.f in _INFIX:
                return f"{safe[0]} {_INFIX[n.f]} {safe[1]}"
            if n.f is NEGATIVE:
                return f"-{safe[0]}"
            if n.f is np.square:
                return f"{safe[0]} * {safe[0]}"
            if n.f is np.maximum or n.f is np.minimum:
                a, b = safe
                return (
                    f"{a} if {a} {'>=' if n.f is np.maximum else '<='} {b} or {a} != {a} else {b}"
                )
            if n.f in _MATH:
                return f"m_{_MATH[n.f]}({', '.join(texts)})"
        if n.dtype == C16 and all(a.dtype in (F8, C16) for a in n.args):
            safe = [f"({t})" if t[0] == "-" else t for t in texts]
            if n.f in (ADD, SUBTRACT, MULTIPLY):
                return f"{safe[0]} {_INFIX[n.f]} {safe[1]}"
            if n.f is NEGATIVE:
                return f"-{safe[0]}"
            if n.f is np.conjugate:
                return f"{safe[0]}.conjugate()"
        return f"{self.names.function(n.f)}({', '.join([self.number(a) for a in n.args])})"

    def _element(self, n: Node, name: str) -> None:
        x, place = n.args[0], n.f
        listed = x.meta.get("list")
        r = self.ref(x)
        if listed is None and x.ndim == 1 and x.dtype == F8:
            if len({u.f for u in x.users if u.op == "elem"}) * 3 >= x.size:
                listed = x.meta["list"] = [self.names.fresh("t") for _ in range(x.size)]
                self.emit(f"{', '.join(listed)}, = {r.text}.tolist()")
        if listed is not None:
            self.refs[n.i] = Ref(listed[place[0]])
        elif x.dtype == F8:
            self.emit(f"{name} = {r.text}.item({', '.join(map(str, place))})")
        else:
            self.emit(f"{name} = {r.text}[{', '.join(map(str, place))}]")

    def flat(self, r: Ref) -> str | None:
        """A buffer as one row, where that is a view."""
        a = r.array
        if a is None or not a.size:
            return None
        if a.flags.c_contiguous:
            return self.kept(self.row(a)).text
        return self.kept(self.row(a.T)).text if a.flags.f_contiguous else None

    def row(self, a: Any) -> Any:
        return self._known_view(a, (a.size,))

    def _known_view(self, a: Any, shape: Any) -> Any:
        key = ("shape", id(a.base), a.ctypes.data if a.base is None else 0, id(a), shape)
        found = self.arena._views.get(key)
        if found is None:
            found = a.reshape(shape)
            self.arena._views[key] = found
            self.arena._views["keep", *key] = a
        return found

    def ones(self, count: int) -> str:
        return self.names.once(("ones", count), "P", lambda: np.ones(count))

    def _u(self, n: Node) -> None:
        given = ", ".join(self.operands(n))
        f = self.names.function(n.f)
        place = self.place(n, n.args)
        out = "out=" if n.f in (np.maximum, np.minimum) else ""  # which may be deprecated else
        self.finish(n, place, lambda at: f"{f}({given}, {out}{at})", f"{f}({given})")

    def _where(self, n: Node) -> None:
        c, a, b = n.args
        is_zero = b.op == "const" and b.shape == () and b.value == 0 and not np.signbit(b.value)
        masks = is_zero and a.shape == n.shape and c.dtype == BOOL and a.dtype == n.dtype == F8
        ra, place = self.ref(a), None
        if masks and ra.array is not None and c.shape != ():
            place = self.place(n)
        if place is not None and place.array is not None:
            # a & -mask, as integers: exact, and without a branch for each element
            if c.op == "const":
                mask = self.names.once(
                    ("mask", id(c.value)), "P", lambda: c.value.astype(I8) * np.int64(-1)
                )
                temporary = None
            else:
                temporary = self.buffer(c.shape, I8)
                mask = temporary.text
                minus = self.names.once("minus", "P", lambda: np.array(-1, I8))
                self.emit(f"{self.names.function(MULTIPLY)}({self.ref(c).text}, {minus}, {mask})")
            left, out = (self.kept(r.array.view(I8)).text for r in (ra, place))
            self.emit(f"{self.names.function(np.bitwise_and)}({left}, {mask}, {out})")
            if temporary is not None and temporary.root is not None:
                self.arena.release(temporary.root)
            self.refs[n.i] = place
            return
        given = ", ".join([self.operand(q) for q in n.args])
        place = place or self.place(n)
        self.finish(n, place, lambda at: f"copyto({at}, np.where({given}))", f"np.where({given})")

    def _matmul(self, n: Node) -> None:
        a, b = n.args
        place = self.place(n)
        ra, rb = self.ref(a), self.ref(b)
        of_matrices = n.dtype == F8 and a.ndim <= 2 and b.ndim <= 2
        if (
            of_matrices
            and place is not None
            and place.array is not None
            and not place.is_contiguous
        ):
            out = place.array
            if out.ndim == 2 and out.flags.f_contiguous and a.ndim == b.ndim == 2:
                left, right = (
                    self.kept(r.array.T).text if r.array is not None else f"{r.text}.T"
                    for r in (rb, ra)
                )
                self.emit(f"{left}.dot({right}, {self.kept(out.T).text})")
                self.refs[n.i] = place
                return
        if of_matrices and (place is None or place.is_contiguous):
            self.finish(
                n, place, lambda at: f"{ra.text}.dot({rb.text}, {at})", f"{ra.text}.dot({rb.text})"
            )
        else:
            f = self.names.function(np.matmul)
            self.finish(
                n,
                place,
                lambda at: f"{f}({ra.text}, {rb.text}, {at})",
                f"{f}({ra.text}, {rb.text})",
            )

    def _red(self, n: Node) -> None:
        (name, axes, keepdims), x = n.f, n.args[0]
        r, place = self.ref(x), self.place(n)
        by_dot = name == "add" and x.dtype == F8
        if r.array is not None and n.size and x.size:
            if place is not None and place.array is not None and place.is_contiguous:
                if self._reduced_columns(n, x, r, place):
                    return
            if by_dot and r.array.flags.c_contiguous and self._reduced_by_dot(n, x, r, place):
                return
            if by_dot and place is not None and self._added_columns(n, x, r, place):
                return
        f = self.names.function(REDUCTIONS[name].reduce)
        axis: Any = axes if len(axes) != 1 else axes[0]
        given = f"{r.text}, {axis}, None"
        self.finish(
            n,
            place,
            lambda at: f"{f}({given}, {at}, {keepdims})",
            f"{f}({given}, None, {keepdims})",
        )

    def _reduced_columns(self, n: Node, x: Node, r: Ref, place: Ref) -> bool:
        """Of a matrix that lies column by column."""
        name, axes, _ = n.f
        a = r.array
        if a.ndim != 2 or not a.flags.f_contiguous or a.flags.c_contiguous or len(axes) != 1:
            return False
        turned, out = self.kept(a.T).text, self.flat(place)
        if name == "add" and x.dtype == F8:
            ones = self.ones(x.shape[axes[0]])
            if axes == (1,):
                self.emit(f"{ones}.dot({turned}, {out})")
            else:
                self.emit(f"{turned}.dot({ones}, {out})")
        else:
            f = self.names.function(REDUCTIONS[name].reduce)
            self.emit(f"{f}({turned}, {1 - axes[0]}, None, {out})")
        self.refs[n.i] = place
        return True

    def _reduced_by_dot(self, n: Node, x: Node, r: Ref, place: Ref | None) -> bool:
        axes = n.f[1]
        first = axes == tuple(range(len(axes)))
        if not first and axes != tuple(range(x.ndim - len(axes), x.ndim)):
            return False
        if place is not None and (place.array is None or not place.is_contiguous):
            return False
        if place is None and x.size >= _BY_DOT:
            return False
        count = math.prod([x.shape[k] for k in axes])
        rest = x.size // count
        ones = self.ones(count)
        matrix = self.kept(
            self._known_view(r.array, (count, rest) if first else (rest, count))
        ).text
        left, right = (ones, matrix) if first else (matrix, ones)
        if place is None:
            shaped = "" if n.shape == (rest,) else f".reshape({n.shape})"
            self.finish(n, None, str, f"{left}.dot({right}){shaped}")
        else:
            self.emit(f"{left}.dot({right}, {self.flat(place)})")
            self.refs[n.i] = place
        return True

    def _added_columns(self, n: Node, x: Node, r: Ref, place: Ref) -> bool:
        """Over an axis of few: one sum after the other."""
        _, axes, keepdims = n.f
        if len(axes) != 1 or keepdims or not 2 <= x.shape[axes[0]] <= 4 or x.size <= 2048:
            return False
        lead = (slice(None),) * axes[0]
        columns = [self.kept(r.array[(*lead, k)]).text for k in range(x.shape[axes[0]])]
        add = self.names.function(ADD)
        self.emit(f"{add}({columns[0]}, {columns[1]}, {place.text})")
        for column in columns[2:]:
            self.emit(f"{add}({place.text}, {column}, {place.text})")
        self.refs[n.i] = place
        return True

    def _esum(self, n: Node) -> None:
        given, place = self._products(n), self.place(n)
        if n.f[2][2]:  # with the axes of length one
            if place is None or place.array is None:
                self.finish(n, None, str, f"einsum({given}).reshape({n.shape})")
                if place is not None:
                    made = self.refs[n.i]
                    self.emit(f"copyto({place.text}, {made.text})")
                    self.refs[n.i] = place
                return
            kept = tuple([m for k, m in enumerate(n.f[3]) if k not in n.f[2][1]])
            flat = view_of(("reshape", kept), place.array)
            if flat is None:
                self.emit(f"copyto({place.text}, einsum({given}).reshape({n.shape}))")
            else:
                self.emit(f"einsum({given}, out={self.kept(flat).text})")
            self.refs[n.i] = place
            return
        self.finish(n, place, lambda at: f"einsum({given}, out={at})", f"einsum({given})")

    def _products(self, n: Node) -> str:
        """The operands of a sum of products, without their axes of length one."""
        of_a, of_b, (_, axes, _), shape = n.f
        texts = []
        for a, term in zip(n.args, (of_a, of_b)):
            lead, r = len(shape) - a.ndim, self.ref(a)
            if len(term) < a.ndim:
                index = tuple(
                    [slice(None) if m == shape[lead + k] else 0 for k, m in enumerate(a.shape)]
                )
                texts.append(self.part_of(r, index).text)
            else:
                texts.append(r.text)
        out = "".join([c for k, c in enumerate(_LETTERS[: len(shape)]) if k not in axes])
        return f"'{of_a},{of_b}->{out}', {', '.join(texts)}"

    def _sum_of_products(self, n: Node, name: str) -> None:
        a, b = n.args
        if a.shape == b.shape:
            refs = [self.ref(a), self.ref(b)]
            flats = [self.flat(r) for r in refs]
            arrays = [r.array for r in refs if r.array is not None]
            if None not in flats and len({x.flags.c_contiguous for x in arrays}) == 1:
                self.emit(f"{name} = {flats[0]}.dot({flats[1]})")
                return
            if a is b and a.ndim == 1:
                self.emit(f"{name} = {refs[0].text}.dot({refs[0].text})")
                return
        self.emit(f"{name} = einsum({self._products(n)})")

    def _concat(self, n: Node) -> None:
        whole = self.target(n)
        for a, index in joined_at(n):
            part = a.meta.get("destination")
            if part is not None and part[0] is n and part[1] == index:
                continue
            if whole.array is not None and a.op == "const" and n.meta.get("constants"):
                whole.array[index] = a.value
            else:
                self.put(whole, index, self.operand(a))

    def _scatter(self, n: Node) -> None:
        x = n.args[0]
        is_diagonal = n.f[0] == "diag"
        index: tuple[Any, ...] = () if is_diagonal else thawed(n.f[0])
        place = n.meta.get("fixed")
        if place is None and n.i not in self.wanted:
            place = self.allocated(n, n.size <= _SMALL)
        if place is None:
            place = Ref(self.names.fresh("o"))
            self.emit(f"{place.text} = zeros({n.shape}, {self.dtype(n.dtype)})")
        elif place.root is not None and place.root.is_kept:
            place.array[...] = 0  # and stays so
        else:
            self.emit(f"{place.text}.fill(0)")
        self.refs[n.i] = place
        if not is_diagonal:
            self.put(place, index, self.operand(x))
        elif place.array is not None:
            line = self.kept(place.array.reshape(-1)[:: n.shape[0] + 1]).text
            self.emit(f"copyto({line}, {self.operand(x)})")
        else:
            self.emit(f"{place.text}.reshape(-1)[:: {n.shape[0] + 1}] = {self.operand(x)}")

    def _put(self, n: Node) -> None:
        x, v = n.args
        index = thawed(n.f)
        is_there = self._is_there(v, n)
        place = None
        if not is_there and n.i not in self.wanted and "fixed" not in n.meta:
            place = self.inherited(x, n)
        if place is None:
            place = self.target(n)
            cut, r = cut_of(index, n.shape), self.ref(x)
            if cut is None:
                self.emit(f"copyto({place.text}, {r.text})")
            else:
                axis, start, stop = cut
                for low, high in ((0, start), (stop, n.shape[axis])):
                    if low < high:
                        rest = (slice(None),) * axis + (slice(low, high),)
                        self.put(place, rest, self.part_of(r, rest).text)
        self.refs[n.i] = place
        if not is_there:
            self.put(place, index, self.operand(v))

    def _item(self, n: Node) -> None:
        self.finish(n, None, str, f"{self.ref(n.args[0]).text}[{n.f}]")

    # ---- calls ------------------------------------------------------------------------

    def _call(self, n: Node, name: str | None = None) -> None:
        function, given, named = n.f
        args = [self._rendered(n, t) for t in given]
        place = None
        if not named:
            fast = _FAST.get(function)
            function = fast(n) if fast is not None else function
            if function in _LAPACK:
                self.calls_lapack = True
                place = self.place(n) if n.shape else None
        if function is operator.getitem and self._gathers(n):
            place = self.place(n)
            text = f"{self.names.function(gathered)}({args[0]}, {args[1]})"
        elif function is operator.getitem:
            text = f"{args[0]}[{args[1]}]"
        else:
            args += [f"{k}={self._rendered(n, t)}" for k, t in named]
            text = f"{self.names.function(function)}({', '.join(args)})"
        if place is not None:
            self.emit(f"{text[:-1]}, {place.text})")
            self.refs[n.i] = place
        else:
            name = name or self.names.fresh()
            self.emit(f"{name} = {text}")
            self.refs[n.i] = Ref(name)

    def _gathers(self, n: Node) -> bool:
        """Whether many numbers of a row are picked by one array of numbers."""
        if len(n.args) != 2 or n.f[1][1] != ("operand", 1) or n.size < _SMALL:
            return False
        x, index = n.args
        return x.ndim == 1 and x.dtype == F8 and index.dtype == np.intp

    def _rendered(self, n: Node, template: Any) -> str:
        kind, x = template
        if kind == "operand":
            a = n.args[x]
            return self.number(a) if a.shape == () else self.ref(a).text
        if kind == "static":
            is_literal = (
                isinstance(x, (int, str, bool, type(None))) and type(x).__module__ == "builtins"
            )
            return repr(x) if is_literal else self.names.of("C", x)
        parts = [self._rendered(n, part) for part in x]
        if kind == "list":
            return f"[{', '.join(parts)}]"
        return (
            f"({''.join(p + ', ' for p in parts)})"
            if kind == "tuple"
            else f"slice({', '.join(parts)})"
        )

    def _extremum(self, n: Node) -> None:
        other, *given = n.args
        place = n.meta.get("fixed")
        inherited = None
        if place is None and n.i not in self.wanted:
            inherited = self.inherited(other, n)
            place = inherited or self.allocated(n)
        if place is None:
            place = Ref(self.names.fresh("o"))
            self.emit(f"{place.text} = np.array({self.operand(other)})")
        elif inherited is None:
            self.emit(f"copyto({place.text}, {self.operand(other)})")
        f, name = self.names.function(extremum_cotangent), self.names.fresh()
        texts = ", ".join([self.operand(a) for a in given])
        self.emit(f"{name} = {f}({texts}, {self._rendered(n, n.f)}, {place.text})")
        add = self.names.function(ADD)
        self.emit(f"if {name} is not {place.text}: {add}({place.text}, {name}, {place.text})")
        self.refs[n.i] = place

    # ---- sums -------------------------------------------------------------------------

    def _addn(self, n: Node) -> None:
        terms = list(zip(n.f, n.args, strict=True))
        slices = [(sign, t) for sign, t in terms if is_virtual(t)]
        dense = [(sign, t) for sign, t in terms if not is_virtual(t)]
        if not dense and n.ndim == 1 and all(t.args[0].shape == () for _, t in slices):
            if n.size <= 64 and "fixed" not in n.meta:
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
        place = n.meta.get("fixed")
        if place is None and n.i not in self.wanted:
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
        elif rest and "fixed" not in n.meta:
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
        if n.i in self.wanted or "fixed" in n.meta or n.meta.get("tiles"):
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


def gathered(x: Any, index: Any, out: Any = None) -> Any:
    """`x[index]` for many elements of a row."""
    # read as unsigned, negative numbers are large: one pass tells whether all are in range
    if out is None or not (index.flags.c_contiguous and index.view(np.uintp).max() < x.size):
        return x[index] if out is None else np.copyto(out, x[index])
    return x.take(index, None, out, "clip")  # "raise" would go by a buffer


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


_LAPACK = frozenset(
    (lapack.solve, lapack.solve1, lapack.inv, lapack.det, lapack.slogdet, lapack.cholesky_lo)
)


def _fast_solve(n: Node) -> Any:
    if len(n.args) != 2 or any(m.dtype != F8 for m in (n, *n.args)):
        return np.linalg.solve
    a, b = n.args
    if a.shape[-1] >= _IN_BLOCKS:
        return blocked_solve
    if b.ndim == 1:
        return lapack.solve1 if a.ndim == 2 else np.linalg.solve
    return lapack.solve


def _when_f8(fast: Any, function: Any) -> Callable[[Node], Any]:
    return lambda n: fast if len(n.args) == 1 and n.args[0].dtype == F8 else function


_FAST: dict[Any, Callable[[Node], Any]] = {
    np.linalg.solve: _fast_solve,
    blocked_solve: _fast_solve,
    np.linalg.inv: _when_f8(lapack.inv, np.linalg.inv),
    np.linalg.det: _when_f8(lapack.det, np.linalg.det),
    np.linalg.slogdet: _when_f8(lapack.slogdet, np.linalg.slogdet),
    np.linalg.cholesky: _when_f8(lapack.cholesky_lo, np.linalg.cholesky),
}
