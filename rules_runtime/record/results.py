"""How a result is put together again, and whether two are the same but for rounding."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..kernels.others import is_recorded
from ..structure import is_namedtuple
from ..tangents import AbstractZero, Tangent
from .array import Recorded
from .emit import Emitter
from .graph import Node, Unrecordable
from .memory import Names
from .states import ATOMS

ndarray = np.ndarray


_OTHER_STRUCTURE = "the recorded result has another structure than the eager one"


class Result:
    """How a result is put together: the nodes that it is made of, and the text of the rest."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.nodes: list[Node] = []
        self.kinds: list[Any] = []  # what each leaf is: float, np.float64, an array's dtype

    def text(self, eager: Any, recorded: Any) -> str:
        """The text of a value that is `eager` at one call, with `@k@` for leaf k."""
        if is_recorded(recorded):
            return self._leaf(eager, recorded)
        if (
            isinstance(eager, ndarray)
            and isinstance(recorded, ndarray)
            and eager.dtype.kind in "fciub"
        ):
            return f"{self.names.of('R', recorded.copy())}.copy()"
        if isinstance(eager, (Tangent, tuple, list, dict)) and type(recorded) is not type(eager):
            raise Unrecordable(_OTHER_STRUCTURE)
        if isinstance(eager, Tangent):
            make = self.names.of("T", type(eager)._of)
            return f"{make}({self._parts(eager._parts, recorded._parts)})"
        if type(eager) in (tuple, list, dict):
            return self._parts(eager, recorded)
        if is_namedtuple(eager):
            make = self.names.of("T", tuple.__new__)
            return f"{make}({self.names.of('T', type(eager))}, {self._parts(tuple(eager), tuple(recorded))})"
        if isinstance(eager, (AbstractZero, *ATOMS, float, complex, np.generic)):
            # the zero of a number that nothing depends on is one of numpy's while recording
            if type(recorded) is type(eager) or (
                isinstance(eager, (float, complex, np.inexact))
                and isinstance(recorded, np.inexact)
                and recorded == eager
            ):
                return self.names.of("R", eager)
        raise Unrecordable(f"a {type(eager).__name__} is among the results")

    def _parts(self, eager: Any, recorded: Any) -> str:
        if type(recorded) is not type(eager) or len(eager) != len(recorded):
            raise Unrecordable(_OTHER_STRUCTURE)
        if type(eager) is dict:
            if list(eager) != list(recorded):
                raise Unrecordable(_OTHER_STRUCTURE)
            items = [
                f"{self.names.of('K', k)}: {self.text(v, recorded[k])}" for k, v in eager.items()
            ]
            return "{" + ", ".join(items) + "}"
        parts = [self.text(e, r) for e, r in zip(eager, recorded)]
        return (
            f"[{', '.join(parts)}]"
            if type(eager) is list
            else f"({''.join(p + ', ' for p in parts)})"
        )

    def _leaf(self, eager: Any, recorded: Recorded) -> str:
        if np.shape(eager) != recorded.shape:
            raise Unrecordable("the recorded gradient has another shape than the eager one")
        kind = eager.dtype if isinstance(eager, ndarray) else type(eager)
        if np.dtype(kind) != recorded.dtype:
            raise Unrecordable(
                f"the recorded result is {recorded.dtype}, the eager one {np.dtype(kind)}"
            )
        self.nodes.append(recorded.node)
        self.kinds.append(kind)
        return f"@{len(self.nodes) - 1}@"

    def filled(self, template: str, emitter: Emitter) -> str:
        """The text of the result, when the code for its leaves is there."""
        leaves = self._leaves(emitter)
        return re.sub(r"@(\d+)@", lambda found: leaves[int(found[1])], template)

    def _leaves(self, emitter: Emitter) -> list[str]:
        """The text of each leaf: arrays that nobody else has, numbers of their kind."""
        texts, given = [], set()
        for n, kind in zip(self.nodes, self.kinds):
            text = emitter.ref(n).text
            if n.shape == ():
                if isinstance(kind, np.dtype):
                    texts.append(f"np.array({text}, {self.names.of('D', kind)})")
                else:
                    texts.append(
                        f"{'f8' if kind is np.float64 else self.names.of('K', kind)}({text})"
                    )
                continue
            source = n
            while source.op == "view" and source.f[0] in ("reshape", "transpose"):
                source = source.args[0]
            ref = emitter.ref(n)
            if source.op in ("call", "item") and n is source and source.i not in given:
                inputs = [emitter.ref(a).text for a in source.args] if source.op == "call" else []
                texts.append(f"owned({', '.join([text, *inputs])})")
            elif (
                ref.array is None and source.op not in ("in", "const", "call", "item", "view")
                and source.i not in given and (source is n or source.i not in emitter.wanted)
            ):  # fmt: skip
                texts.append(text)
            else:
                texts.append(f"np.array({text})")
            given.add(source.i)
        return texts


def owned(x: Any, *given: Any) -> Any:
    """What a function gave, with memory of its own."""
    if type(x) is ndarray and x.base is None and not any(x is g for g in given):
        return x
    return np.array(x)


def recorded_in(x: Any) -> Iterator[Node]:
    """The nodes of the values that are recorded in a result."""
    if is_recorded(x):
        yield x.node
    for part in _parts_of(x):
        yield from recorded_in(part)


def _parts_of(x: Any) -> Iterable[Any]:
    """The parts of a result; none of a leaf."""
    if isinstance(x, Tangent):
        x = x._parts
    if isinstance(x, dict):
        return x.values()
    return x if isinstance(x, (tuple, list)) else ()


def is_close(a: Any, b: Any, floor: float | None = None) -> bool:
    """Whether two results are the same but for rounding: each array next to its own largest
    element, and what is nothing but rounding next to the largest of all."""
    if floor is None:
        floor = 1e-12 * _largest(a)
    if type(a) is type(b) is float:
        both = math.isfinite(a) and math.isfinite(b)
        return (
            abs(a - b) <= floor + 1e-9 * (abs(a) + abs(b))
            if both
            else a == b or (a != a and b != b)
        )
    if isinstance(a, Tangent):
        return type(a) is type(b) and is_close(a._parts, b._parts, floor)
    if isinstance(a, (tuple, list, dict)):
        if type(a) is not type(b) or len(a) != len(b):
            return False
        if isinstance(a, dict) and list(a) != list(b):
            return False
        return all(is_close(x, y, floor) for x, y in zip(_parts_of(a), _parts_of(b)))
    if isinstance(a, (ndarray, float, complex, np.inexact)):
        if type(a) is not type(b) or np.shape(a) != np.shape(b):
            return False
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype:
            return False
        if a.dtype.kind not in "fc":
            return bool(np.array_equal(a, b))
        with np.errstate(all="ignore"):
            tolerance = 1e-9 if a.dtype.itemsize >= 8 and a.dtype.char not in "F" else 1e-3
            near = tolerance * _largest(a) + floor
            if a.dtype.kind == "f" and a.size:
                apart = a - b
                if max(apart.max(), -apart.min()) <= near:
                    return True
            return bool(np.allclose(a, b, tolerance, near, equal_nan=True))
    return type(a) is type(b)


def _largest(a: Any) -> float:
    if type(a) is float:
        return abs(a) if math.isfinite(a) else 0.0
    if not isinstance(a, (ndarray, float, complex, np.inexact)):
        return max(map(_largest, _parts_of(a)), default=0.0)
    if np.asarray(a).dtype.kind not in "fc":
        return 0.0
    if type(a) is ndarray and a.dtype.kind == "f" and a.size:
        largest = max(float(a.max()), -float(a.min()))
        if math.isfinite(largest):
            return largest
    sizes = np.abs(np.asarray(a))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
