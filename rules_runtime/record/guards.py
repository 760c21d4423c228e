"""What a function reads when it is called: the leaves that become inputs, and what must be the
same for a replay; both as lines of code, and how the result is put together again.

Inputs are the arrays and floating point numbers of the arguments, and the arrays that the function
and those within its arguments close over. All else is compared: types, lengths, keys, which
containers are one object, strings and integers, functions, and the globals that a function names.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np

from ..kernels.others import is_other, is_recorded
from ..registry import rrule
from ..structure import attributes_of, is_namedtuple
from ..tangents import AbstractZero, Tangent
from ..tape.structures import is_leaf, tree_of
from .array import Recorded, wrapped
from .graph import F8, Elsewhere, Graph, Node, Unrecordable
from .memory import Names

ndarray = np.ndarray
_ATOMS = (int, str, bytes, bool, type(None), type(Ellipsis), slice, range, np.dtype)
_DEPTH = 4  # how far the functions that a function names are followed
_FEW = 32  # parts of a global container that are looked at
Path = tuple[tuple[str, Any], ...]


class Reading:
    """The inputs of one call, its checks, and a function with arguments that are recorded."""

    def __init__(self, graph: Graph, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.graph = graph
        self.leaves: list[tuple[Path, Any, Node]] = []
        self.checks: list[tuple[str, Path, Any]] = []
        self._made: dict[int, tuple[Any, Any, Path]] = {}
        self._depth = 0
        self._is_argument = True
        self.count = len(args)
        self.names = tuple(kwargs)
        self.args = tuple([self._lift(x, (("argument", k),)) for k, x in enumerate(args)])
        self.kwargs = {k: self._lift(x, (("keyword", k),)) for k, x in kwargs.items()}
        self._is_argument = False
        self.given = f
        self.f = self._lift(f, (("function", None),))

    @property
    def signature(self) -> Any:
        """What two calls have in common that may share a recording."""
        leaves = [(p, type(x), getattr(x, "dtype", None), np.shape(x)) for p, x, _ in self.leaves]
        return [(kind, path, v if kind != "is" else id(v)) for kind, path, v in self.checks], leaves

    # ---- reading ----------------------------------------------------------------------

    def _lift(self, x: Any, path: Path) -> Any:
        kind = type(x)
        if kind is ndarray:
            if x.dtype.kind not in "fciub":
                raise Unrecordable(f"an array of {x.dtype} is among what the function is given")
            return self._input(x, path)
        if isinstance(x, (float, complex, np.inexact)):
            if kind not in (float, complex) and not isinstance(x, np.generic):
                raise Unrecordable(f"a number of type {kind.__name__}")
            if self._is_argument:
                return self._input(x, path)
            self.checks.append(("equal", path, x))
            return x
        if isinstance(x, (*_ATOMS, np.generic)):
            self.checks.append(("equal" if kind is not slice else "is", path, x))
            return x
        if is_recorded(x):
            raise Elsewhere
        if is_leaf(x) or is_other(x):
            raise Unrecordable(f"a {kind.__name__} is among what the function is given")
        if id(x) in self._made:
            made, _, first = self._made[id(x)]
            self.checks.append(("same", path, first))
            return made
        return self._lift_structure(x, path)

    def _input(self, x: Any, path: Path) -> Any:
        n = self.graph.input(x)
        self.leaves.append((path, x, n))
        made = wrapped(self.graph, n, x)
        made.is_owned = False
        return made

    def _lift_structure(self, x: Any, path: Path) -> Any:
        kind = type(x)
        if kind is types.FunctionType:
            return self._lift_function(x, path)
        if kind is types.MethodType:
            self.checks.append(("type", path, kind))
            owner = self._lift(x.__self__, (*path, ("attribute", "__self__")))
            function = self._lift(x.__func__, (*path, ("attribute", "__func__")))
            return types.MethodType(function, owner)
        if kind is dict:
            self.checks.append(("dict", path, tuple(x)))
            new: Any = {}
            self._made[id(x)] = (new, x, path)
            for key, value in x.items():
                new[key] = self._lift(value, (*path, ("item", key)))
            return self._changed(x, new, [new[key] is value for key, value in x.items()], path)
        if kind is list:
            self.checks.append(("sequence", path, (kind, len(x))))
            new = []
            self._made[id(x)] = (new, x, path)
            new += [self._lift(value, (*path, ("item", k))) for k, value in enumerate(x)]
            return self._changed(x, new, [made is value for made, value in zip(new, x)], path)
        if kind is tuple or is_namedtuple(x):
            self.checks.append(("sequence", path, (kind, len(x))))
            parts = [self._lift(value, (*path, ("item", k))) for k, value in enumerate(x)]
            new = tuple(parts) if kind is tuple else tuple.__new__(kind, parts)
            return self._changed(x, new, [made is value for made, value in zip(new, x)], path)
        if self._is_plain_object(x):
            return self._lift_object(x, path)
        if tree_of(x, lambda leaf: leaf) is not None:
            raise Unrecordable(
                f"a {kind.__name__} with numbers in it is among what the function is given"
            )
        self.checks.append(("is", path, x))
        self._made[id(x)] = (x, x, path)
        return x

    def _changed(self, x: Any, new: Any, same: list[bool], path: Path) -> Any:
        """The copy of a container; itself where nothing in it is recorded: it may be added to."""
        made = x if all(same) else new
        self._made[id(x)] = (made, x, path)
        return made

    def _is_plain_object(self, x: Any) -> bool:
        kind = type(x)
        return (
            bool(kind.__flags__ & 1 << 9)  # a class written in Python
            and not isinstance(x, (type, types.ModuleType, tuple, list, dict, set, frozenset))
            and _is_inherited(kind, "__reduce_ex__")
            and _is_inherited(kind, "__new__")
            and not hasattr(kind, "__array__")
        )

    def _lift_object(self, x: Any, path: Path) -> Any:
        kind = type(x)
        held = attributes_of(x)
        self.checks.append(("object", path, (kind, len(getattr(x, "__dict__", ())))))
        new = object.__new__(kind)
        self._made[id(x)] = (new, x, path)
        changed = False
        for name, value in held.items():
            step = ("held" if name in getattr(x, "__dict__", ()) else "attribute", name)
            made = self._lift(value, (*path, step))
            changed = changed or made is not value
            object.__setattr__(new, name, made)
        if not changed:  # itself: it may be known by its identity
            self._made[id(x)] = (x, x, path)
            return x
        return new

    def _lift_function(self, f: Any, path: Path) -> Any:
        """A function with what it closes over, and the globals that it names, recorded;
        itself, where nothing of that is."""
        self.checks.append(("is", path, f))
        self._made[id(f)] = (f, f, path)
        if _is_of_a_library(f):
            return f
        for code in _codes(f.__code__):
            if _assigns(code):
                raise Unrecordable(
                    f"{f.__name__} assigns to a variable outside of it, which a replay would not"
                )
        cells = f.__closure__ or ()
        space = dict(f.__globals__)
        new = types.FunctionType(
            f.__code__, space, f.__name__, f.__defaults__, tuple([types.CellType() for _ in cells])
        )
        new.__kwdefaults__ = f.__kwdefaults__
        new.__dict__.update(f.__dict__)
        new.__qualname__ = f.__qualname__
        self._made[id(f)] = (new, f, path)
        was, self._is_argument = self._is_argument, False
        changed = False
        self._depth += 1
        for k, (cell, mine) in enumerate(zip(cells, new.__closure__ or ())):
            try:
                value = cell.cell_contents
            except ValueError:
                raise Unrecordable("a variable that a function closes over has no value") from None
            mine.cell_contents = self._lift(value, (*path, ("cell", k)))
            changed = changed or mine.cell_contents is not value
        for name in _named(f):
            value = f.__globals__[name]
            space[name] = self._lift_global(value, (("global", Global(f.__globals__, name)),))
            changed = changed or space[name] is not value
        self._depth -= 1
        self._is_argument = was
        if not changed:
            self._made[id(f)] = (f, f, path)
            return f
        if rrule.rules_for(f):
            raise Unrecordable(f"{f.__name__} has a rule, and reads arrays from outside")
        return new

    def _lift_global(self, value: Any, path: Path) -> Any:
        kind = type(value)
        if kind is types.FunctionType and self._depth < _DEPTH:
            return self._lift(value, path)
        if kind is ndarray and value.dtype.kind in "fciub":
            return self._lift(value, path)
        if kind in (dict, list, tuple) and len(value) <= _FEW:
            return self._lift(value, path)
        self.checks.append(("is", path, value))
        return value

    # ---- the code ---------------------------------------------------------------------

    def code(self, names: Names) -> tuple[list[str], dict[float, str]]:
        """The lines that check a call, and the names of its inputs by their nodes' numbers."""
        lines = [f"if len(args) != {self.count} or len(kwargs) != {len(self.names)}: raise Miss"]
        function: Path = (("function", None),)
        known: dict[Any, str] = {function: names.of("F", self.given)}

        def place(path: Path) -> str:
            if path in known:
                return known[path]
            base = place(path[:-1]) if len(path) > 1 else ""
            name = names.fresh("a")
            lines.append(f"{name} = {_step(names, base, *path[-1])}")
            known[path] = name
            return name

        containers: list[str] = []
        for kind, path, value in self.checks:
            if path == function and kind == "is":
                continue
            at = place(path)
            failed = _failure(names, at, kind, place(value) if kind == "same" else value)
            lines.append(f"if {failed}: raise Miss")
            if kind in ("dict", "sequence", "object"):
                containers.append(at)
        if len(containers) > 1:
            ids = ", ".join([f"id({at})" for at in containers])
            lines.append(f"if len({{{ids}}}) != {len(containers)}: raise Miss")
        inputs = {}
        for path, x, n in self.leaves:
            at = place(path)
            if type(x) is ndarray:
                d, s = names.of("D", x.dtype), names.equal("S", x.shape)
                failed_text = (
                    f"type({at}) is not ndarray or {at}.dtype is not {d} or {at}.shape != {s}"
                )
                lines.append(f"if {failed_text}: raise Miss")
                if not x.shape:
                    lines.append(f"{at} = {at}.item()" if x.dtype == F8 else f"{at} = {at}[()]")
            else:
                kind_text = "float" if type(x) is float else names.of("K", type(x))
                lines.append(f"if type({at}) is not {kind_text}: raise Miss")
                if type(x) is np.float64:
                    lines.append(f"{at} = float({at})")
            inputs[n.i] = at
        names.space["ndarray"] = ndarray
        return lines, inputs


def _is_inherited(kind: Any, name: str) -> bool:
    return getattr(kind, name) is getattr(object, name)


def _step(names: Names, base: str, step: str, key: Any) -> str:
    if step == "argument":
        return f"args[{key}]"
    if step == "keyword":
        return f"kwargs[{key!r}]"
    if step == "global":
        return f"{names.of('G', key.space)}[{key.name!r}]"
    if step == "item":
        return f"{base}[{repr(key) if type(key) in (int, str) else names.of('K', key)}]"
    if step == "held":
        return f"{base}.__dict__[{key!r}]"
    return f"{base}.{key}" if step == "attribute" else f"{base}.__closure__[{key}].cell_contents"


def _failure(names: Names, at: str, kind: str, value: Any) -> str:
    """When a check of what is `at` a name has failed."""
    if kind == "same":
        return f"{at} is not {value}"
    if kind == "dict":
        return f"type({at}) is not dict or tuple({at}) != {names.of('K', value)}"
    known = names.of("K", value[0] if kind in ("sequence", "object") else value)
    if kind == "sequence":
        return f"type({at}) is not {known} or len({at}) != {value[1]}"
    if kind == "object":
        return f"type({at}) is not {known}" + (
            f" or len({at}.__dict__) != {value[1]}" if value[1] else ""
        )
    if kind == "type":
        return f"type({at}) is not {known}"
    if kind == "is":
        return f"{at} is not {known}"
    other = f"type({at}) is not {names.of('K', type(value))} or {at} != {known}"
    return f"{at} is not {known} and ({other})"


class Global:
    """A name in a module's globals."""

    __slots__ = ("name", "space")

    def __init__(self, space: dict[str, Any], name: str) -> None:
        self.space, self.name = space, name

    def __eq__(self, other: object) -> bool:
        return type(other) is Global and self.space is other.space and self.name == other.name

    def __hash__(self) -> int:
        return hash((id(self.space), self.name))


def _is_of_a_library(f: Any) -> bool:
    top = (f.__module__ or "").split(".")[0]
    return top in ("numpy", "scipy", "rules_runtime") or top in sys.stdlib_module_names - {
        "__main__"
    }


def _named(f: Any) -> list[str]:
    """The globals that a function names, but for modules."""
    names = {name: None for code in _codes(f.__code__) for name in code.co_names}
    space = f.__globals__
    return [
        name for name in names if name in space and not isinstance(space[name], types.ModuleType)
    ]


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [k for k in code.co_consts if type(k) is types.CodeType]
    return [code, *[c for k in inner for c in _codes(k)]]


def _assigns(code: types.CodeType) -> bool:
    """Whether code assigns to a global, or to a variable of the function around it."""
    import dis

    found = _assigning.get(code)
    if found is None:
        free = set(code.co_freevars)
        found = any(
            i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
            or (i.opname in ("STORE_DEREF", "DELETE_DEREF") and i.argval in free)
            for i in dis.get_instructions(code)
        )
        if len(_assigning) > 4096:
            _assigning.clear()
        _assigning[code] = found
    return found


_assigning: dict[types.CodeType, bool] = {}


# ---- results ---------------------------------------------------------------------------------


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
        if isinstance(eager, Tangent):
            if type(recorded) is not type(eager) or type(eager._parts) is not type(recorded._parts):
                raise Unrecordable("the recorded gradient has another structure than the eager one")
            make = self.names.of("T", type(eager)._of)
            return f"{make}({self._parts(eager._parts, recorded._parts)})"
        if type(eager) in (tuple, list, dict):
            if type(recorded) is not type(eager):
                raise Unrecordable("the recorded result has another structure than the eager one")
            return self._parts(eager, recorded)
        if is_namedtuple(eager):
            make = self.names.of("T", tuple.__new__)
            return f"{make}({self.names.of('T', type(eager))}, {self._parts(tuple(eager), tuple(recorded))})"
        if isinstance(eager, (AbstractZero, *_ATOMS, float, complex, np.generic)):
            if type(recorded) is type(eager):
                return self.names.of("R", eager)
        raise Unrecordable(f"a {type(eager).__name__} is among the results")

    def _parts(self, eager: Any, recorded: Any) -> str:
        if len(eager) != len(recorded):
            raise Unrecordable("the recorded result has another structure than the eager one")
        if type(eager) is dict:
            if list(eager) != list(recorded):
                raise Unrecordable("the recorded result has other keys than the eager one")
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


def is_close(a: Any, b: Any, floor: float | None = None) -> bool:
    """Whether two results are the same but for rounding: each array next to its own largest
    element, and what is nothing but rounding next to the largest of all."""
    if floor is None:
        floor = 1e-12 * _largest(a)
    if isinstance(a, Tangent):
        return type(a) is type(b) and is_close(a._parts, b._parts, floor)
    if isinstance(a, (tuple, list)):
        if type(a) is not type(b) or len(a) != len(b):
            return False
        return all(is_close(x, y, floor) for x, y in zip(a, b))
    if isinstance(a, dict):
        if type(b) is not dict or list(a) != list(b):
            return False
        return all(is_close(x, y, floor) for x, y in zip(a.values(), b.values()))
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
            return bool(np.allclose(a, b, tolerance, near, equal_nan=True))
    return type(a) is type(b)


def _largest(a: Any) -> float:
    if isinstance(a, Tangent):
        return _largest(a._parts)
    if isinstance(a, (tuple, list, dict)):
        parts = a.values() if isinstance(a, dict) else a
        return max(map(_largest, parts), default=0.0)
    if (
        not isinstance(a, (ndarray, float, complex, np.inexact))
        or np.asarray(a).dtype.kind not in "fc"
    ):
        return 0.0
    sizes = np.abs(np.asarray(a))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
