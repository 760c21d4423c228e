"""From the nodes to the text of one function: a line for each of them, in their order.

Numbers are Python's floats. Arrays are written into planned buffers with `out=`, into each other's
memory where one dies, or into their part of a larger one; sums are products with ones, where BLAS
is faster; LAPACK is called without what numpy puts around it.
"""

from __future__ import annotations

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
    F8,
    MULTIPLY,
    NEGATIVE,
    REDUCTIONS,
    SUBTRACT,
    Node,
    is_broadcast,
    thawed,
)  # fmt: skip
from .memory import SMALL, Arena, Names, Ref
from .places import BOOL, C16, I8, INFIX, view_of
from .plan import LETTERS, Guards, cut_of, is_virtual, joined_at
from .slices import Slices

ndarray = np.ndarray

MATH = {
    np.sqrt: "sqrt", np.exp: "exp", np.log: "log", np.sin: "sin", np.cos: "cos", np.tanh: "tanh",
    np.tan: "tan", np.log1p: "log1p", np.expm1: "expm1", np.arctan: "atan", np.sinh: "sinh",
    np.cosh: "cosh", np.arcsin: "asin", np.arccos: "acos", np.power: "pow", np.absolute: "fabs",
    np.arctan2: "atan2", np.float_power: "pow",
}  # fmt: skip
_LONG = 80  # characters from which an expression has a name
_BY_DOT = 200_000  # elements up to which BLAS sums faster than numpy
_IN_BLOCKS = 24  # rows of a system from which it may be triangular


class Emitter(Slices):
    """The text of a function, and the objects that its names stand for."""

    def __init__(self, names: Names, arena: Arena, guards: Guards) -> None:
        super().__init__(names, arena, guards)
        names.space.update({f"m_{f}": getattr(math, f) for f in MATH.values()})

    def do(self, n: Node) -> None:
        if n.op in ("in", "const", "view") or is_virtual(n):
            return
        if n.shape == () and n.op == "u":
            text = self._of_numbers(n)
            if self._is_part(n, text):
                self.refs[n.i] = Ref(f"({text})")
            else:
                self.refs[n.i] = Ref(self.names.fresh("s"))
                self.emit(f"{self.refs[n.i].text} = {text}")
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
            elif kind == "bytes":
                text = f"np.asarray({text}).tobytes()"
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

    def _is_part(self, n: Node, text: str) -> bool:
        """Whether a number can stand in the expression of its only user, without a name."""
        if len(n.users) != 1 or len(text) > _LONG or n.i in self.wanted or n.i in self.guards:
            return False
        user = n.users[0]
        return (
            user.op == "u" and user.shape == () and n.dtype is F8 and user.dtype is F8
            and (user.f in INFIX or user.f is NEGATIVE or user.f in MATH)
        )  # fmt: skip

    def _number(self, n: Node) -> None:
        name = self.refs[n.i].text
        if n.op == "elem":
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
            for k in (1, 2):
                if n.args[k].dtype != n.dtype:  # 1.0 is to be of single precision, 1 a float
                    given[k] = f"{self.names.of('K', n.dtype.type)}({given[k]})"
            self.emit(f"{name} = {given[1]} if {given[0]} else {given[2]}")
        else:
            self._call(n, name)

    def _of_numbers(self, n: Node) -> str:
        texts = [self.ref(a).text for a in n.args]
        doubles = all(a.dtype is F8 for a in n.args) or (
            all(a.dtype == F8 or (a.op == "const" and type(a.value) is int) for a in n.args)
            and any(a.dtype == F8 for a in n.args)
        )
        doubles = doubles and n.dtype in (F8, BOOL)
        complexes = n.dtype == C16 and all(a.dtype in (F8, C16) for a in n.args)
        safe = [f"({t})" if t[0] == "-" else t for t in texts]
        if (doubles and n.f in INFIX) or (complexes and n.f in (ADD, SUBTRACT, MULTIPLY)):
            return f"{safe[0]} {INFIX[n.f]} {safe[1]}"
        if n.f is NEGATIVE and (doubles or complexes):
            return f"-{safe[0]}"
        if n.f is np.conjugate and complexes:
            return f"{safe[0]}.conjugate()"
        if doubles and n.f is np.square:
            return f"{safe[0]} * {safe[0]}"
        if doubles and n.f in (np.maximum, np.minimum):
            a, b = safe
            return f"{a} if {a} {'>=' if n.f is np.maximum else '<='} {b} or {a} != {a} else {b}"
        if doubles and n.f in MATH:
            return f"m_{MATH[n.f]}({', '.join(texts)})"
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

    def _u(self, n: Node) -> None:
        given = ", ".join(self.operands(n))
        f = self.names.function(n.f)
        place = self.place(n, n.args)
        out = "out=" if n.f in (np.maximum, np.minimum) else ""  # which may be deprecated else
        self.finish(n, place, lambda at: f"{f}({given}, {out}{at})", f"{f}({given})")

    def _where(self, n: Node) -> None:
        c, a, b = n.args
        is_zero = b.op == "const" and b.shape == () and b.value == 0 and not np.signbit(b.value)
        masks = is_zero and a.shape == n.shape and c.shape != () and c.dtype == BOOL
        masks = masks and a.dtype == n.dtype == F8 and self.ref(a).array is not None
        given = ", ".join(
            [self.operand(q) if q.shape or n.dtype == F8 else self.number(q) for q in n.args]
        )
        place = self.place(n)
        if masks and place is not None and place.array is not None:
            self._masked(n, place)
        else:
            new = f"np.where({given})"
            self.finish(n, place, lambda at: f"copyto({at}, {new})", new)

    def _masked(self, n: Node, place: Ref) -> None:
        """`a & -mask`, as integers: exact, and without a branch for each element."""
        c, a, _ = n.args
        if c.op == "const":
            mask = self.names.once(("mask", id(c.value)), "P", lambda: -c.value.astype(I8))
        else:
            temporary = self.buffer(c.shape, I8)
            mask = temporary.text
            minus = self.names.once("minus", "P", lambda: np.array(-1, I8))
            self.emit(f"{self.names.function(MULTIPLY)}({self.ref(c).text}, {minus}, {mask})")
            assert temporary.root is not None
            self.arena.release(temporary.root)
        left, out = (self.kept(r.array.view(I8)).text for r in (self.ref(a), place))
        self.emit(f"{self.names.function(np.bitwise_and)}({left}, {mask}, {out})")
        self.refs[n.i] = place

    def _matmul(self, n: Node) -> None:
        a, b = n.args
        place = self.place(n)
        ra, rb = self.ref(a), self.ref(b)
        by_dot = n.dtype == F8 and a.ndim <= 2 and b.ndim <= 2
        out = None if place is None or place.is_contiguous else place.array
        if place is not None and out is not None and by_dot and n.ndim == a.ndim == b.ndim == 2:
            if out.flags.f_contiguous:
                left, right = (
                    self.kept(r.array.T).text if r.array is not None else f"{r.text}.T"
                    for r in (rb, ra)
                )
                self.emit(f"{left}.dot({right}, {self.kept(out.T).text})")
                self.refs[n.i] = place
                return
        if by_dot and (place is None or place.is_contiguous):
            begun = f"{ra.text}.dot({rb.text}"
        else:
            begun = f"{self.names.function(np.matmul)}({ra.text}, {rb.text}"
        self.finish(n, place, lambda at: f"{begun}, {at})", f"{begun})")

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
            self.arena.reshaped(r.array, (count, rest) if first else (rest, count))
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
        out = "".join([c for k, c in enumerate(LETTERS[: len(shape)]) if k not in axes])
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
            elif is_broadcast(a) and a.size == 1 and a.dtype == F8:  # a number
                place = [p.start or 0 for p in index]
                if whole.array is not None:
                    at = f"{self.kept(whole.array[(*place, ...)]).text}[()]"
                else:
                    at = f"{whole.text}[{', '.join(map(str, place))}]"
                self.emit(f"{at} = {self.ref(a.args[0]).text}")
            else:
                self.put(whole, index, self.operand(a))

    def _scatter(self, n: Node) -> None:
        x = n.args[0]
        is_diagonal = n.f[0] == "diag"
        index: tuple[Any, ...] = () if is_diagonal else thawed(n.f[0])
        place = None
        if n.i not in self.wanted:
            place = self.allocated(n, n.size <= SMALL)
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
        if not is_there and n.i not in self.wanted:
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
        self._check_kind(n, self.refs[n.i].text)

    def _check_kind(self, n: Node, name: str) -> None:
        """What a mask picks may have another size each time, an eigenvalue another dtype."""
        if n.shape:
            shape, dtype = self.names.equal("S", n.shape), self.names.of("D", n.dtype)
            self.emit(f"if {name}.shape != {shape} or {name}.dtype is not {dtype}: raise Miss")

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
        elif function in _ATTRIBUTES:
            text = f"{args[0]}.{_ATTRIBUTES[function]}"
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
            self._check_kind(n, name)

    def _gathers(self, n: Node) -> bool:
        """Whether many numbers of a row are picked by one array of numbers."""
        if len(n.args) != 2 or n.f[1][1] != ("operand", 1) or n.size < SMALL:
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
        place = inherited = None
        if n.i not in self.wanted:
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


def gathered(x: Any, index: Any, out: Any = None) -> Any:
    """`x[index]` for many elements of a row."""
    # read as unsigned, negative numbers are large: one pass tells whether all are in range
    if out is None or not (index.flags.c_contiguous and index.view(np.uintp).max() < x.size):
        return x[index] if out is None else np.copyto(out, x[index])
    return x.take(index, None, out, "clip")  # "raise" would go by a buffer


_ATTRIBUTES = {np.real: "real", np.imag: "imag"}
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
