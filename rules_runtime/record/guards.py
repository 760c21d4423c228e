"""What a function reads when it is called: the leaves that become inputs, and what must be the
same for a replay; both as lines of code, and how the result is put together again.

Inputs are the arrays and floating point numbers of the arguments, and the arrays that the function
and those within its arguments close over. All else is compared: types, lengths, keys, which
containers are one object, strings and integers, functions, and the globals that a function names.
"""

from __future__ import annotations

import array
import collections
import contextlib
import contextvars
import copy
import functools
import math
import operator
import random
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels.others import is_other, is_recorded
from ..registry import rrule
from ..structure import attributes_of, is_namedtuple
from ..tangents import AbstractZero, Tangent
from ..tape.structures import is_leaf, tree_of
from .array import Recorded, wrapped
from .code import is_of_a_library, named
from .graph import F8, Elsewhere, Graph, Node, Unrecordable
from .memory import Names

ndarray = np.ndarray
_ATOMS = (int, str, bytes, bool, type(None), type(Ellipsis), slice, range, np.dtype)
_FEW = 32  # parts of a container from which it is compared as a whole
_MANY = 4096  # parts of a container of arrays or objects that are looked at
_MUCH = 1 << 19  # bytes of an array that are compared
_SIMPLE = frozenset((int, float, complex, bool, str, bytes, type(None), np.float64, np.int64))
_RANDOM = (np.random.Generator, np.random.RandomState, random.Random)
_UNSEEN = frozenset(("globals", "eval", "exec", "open", "input"))  # what they read is not known
_CHANGING: tuple[Any, ...] = (
    types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items()), memoryview,
    weakref.ref, contextvars.ContextVar,
)  # fmt: skip
# what Python makes of a class and reads by itself
_MAKING = frozenset(
    ("__init__", "__new__", "__post_init__", "__repr__", "__str__", "__eq__", "__hash__", "__del__",
     "__setattr__", "__delattr__", "__getstate__", "__setstate__", "__replace__", "__dir__",
     "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__", "__getnewargs__")
)  # fmt: skip
_FIELDS = (
    types.MemberDescriptorType, types.GetSetDescriptorType,
    type(np.linalg.slogdet(np.eye(1)).__class__.sign),
)  # fmt: skip
_HOLDERS = (
    "types",
    "argparse",
    "collections",
    "configparser",
)  # whose objects hold what one puts there
Path = tuple[tuple[str, Any], ...]


class Reading:
    """The inputs of one call, its checks, and a function with arguments that are recorded."""

    def __init__(self, graph: Graph, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.graph = graph
        self.leaves: list[tuple[Path, Any, Recorded]] = []
        self.checks: list[tuple[str, Path, Any]] = []
        self._made: dict[int, tuple[Any, Any, Path]] = {}
        self._states: list[tuple[Any, Any]] = []  # containers and what they hold
        self._home = (getattr(f, "__module__", None) or "").split(".")[0]
        # the names of classes and modules that may be read, and what they are asked for
        self._spaces: dict[Any, Any] = {}
        self._attributes: set[str] = set()
        self._is_argument, self._is_frozen = True, False
        for numbers in (np.random.mtrand._rand, random._inst):
            self._states.append((numbers, state_of(numbers)))
        self.count = len(args)
        self.names = tuple(kwargs)
        self.args = tuple([self._lift(x, (("argument", k),)) for k, x in enumerate(args)])
        self.kwargs = {k: self._lift(x, (("keyword", k),)) for k, x in kwargs.items()}
        self._is_argument = False
        self.given = f
        self.f = self._lift(f, (("function", None),))
        self._is_frozen = True

    @property
    def signature(self) -> Any:
        """What two calls have in common that may share a recording."""
        leaves = [(p, type(x), getattr(x, "dtype", None), np.shape(x)) for p, x, _ in self.leaves]
        return [(kind, path, _key(kind, v)) for kind, path, v in self.checks], leaves

    # ---- reading ----------------------------------------------------------------------

    def _lift(self, x: Any, path: Path) -> Any:
        kind = type(x)
        if kind is ndarray:
            if self._is_frozen or (x.dtype.kind in "US" and not self._is_argument):
                return self._frozen(x, path)
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
            self.checks.append(("equal", path, x))
            return x
        if is_recorded(x):
            raise Elsewhere
        if is_leaf(x) or is_other(x):
            raise Unrecordable(f"a {kind.__name__} is among what the function is given")
        if id(x) in self._made:
            made, _, first = self._made[id(x)]
            if first != path:
                self.checks.append(("same", path, first))
            return made
        return self._lift_structure(x, path)

    def _input(self, x: Any, path: Path) -> Any:
        n = self.graph.input(x)
        n.meta["argument"] = self._is_argument
        made = wrapped(self.graph, n, x)
        made.is_owned = False
        self.leaves.append((path, x, made))
        return made

    def join(self, other: Reading) -> None:
        """Make the nodes of a call before with the same signature."""
        self.graph.join(other.graph)
        for (*_, mine), (*_, known) in zip(self.leaves, other.leaves):
            mine.node = known.node

    def _frozen(self, x: Any, path: Path) -> Any:
        """An array that cannot be an input: it is compared."""
        if x.dtype.hasobject or x.nbytes > _MUCH:
            raise Unrecordable(
                f"it reads a large array, or one of objects, {_words(path)}: give it as an argument"
            )
        self.checks.append(("content", path, x.copy()))
        self._states.append((x, x.tobytes()))
        return x

    def _lift_structure(self, x: Any, path: Path) -> Any:
        kind = type(x)
        if kind is types.FunctionType:
            return self._lift_function(x, path)
        if kind is types.MethodType:
            self.checks.append(("type", path, kind))
            owner = self._lift(x.__self__, (*path, ("attribute", "__self__")))
            function = self._lift(x.__func__, (*path, ("attribute", "__func__")))
            return types.MethodType(function, owner)
        if kind in (dict, list, tuple) and len(x) > _FEW and not self._is_argument:
            parts = x.values() if kind is dict else x
            if _SIMPLE.issuperset(map(type, parts)):
                self.checks.append(("large", path, copy.copy(x)))
                return self._changed(x, x, path)
            if len(x) > _MANY:
                raise Unrecordable(f"it reads a large {kind.__name__} {_words(path)}")
        if kind is dict:
            self.checks.append(("dict", path, tuple(x)))
            new: Any = {}
            self._made[id(x)] = (new, x, path)
            for key, value in x.items():
                new[key] = self._lift(value, (*path, ("item", key)))
            return self._changed(x, new, path)
        if kind is list:
            self.checks.append(("sequence", path, (kind, len(x))))
            new = []
            self._made[id(x)] = (new, x, path)
            new += [self._lift(value, (*path, ("item", k))) for k, value in enumerate(x)]
            return self._changed(x, new, path)
        if kind is tuple or is_namedtuple(x):
            self.checks.append(("sequence", path, (kind, len(x))))
            parts = [self._lift(value, (*path, ("item", k))) for k, value in enumerate(x)]
            new = tuple(parts) if kind is tuple else tuple.__new__(kind, parts)
            self._look_at(kind)
            return self._changed(x, new, path)
        if kind is functools.partial:
            self.checks.append(("type", path, kind))
            inner = [
                self._lift(getattr(x, name), (*path, ("attribute", name)))
                for name in ("func", "args", "keywords")
            ]
            made = functools.partial(inner[0], *inner[1], **inner[2])
            self._made[id(x)] = (made, x, path)
            return made
        if self._is_plain_object(x):
            return self._lift_object(x, path)
        if isinstance(x, (types.BuiltinMethodType, types.MethodWrapperType)):
            if not isinstance(x.__self__, (types.ModuleType, type(None))):
                return self._lift_method(x, path)
        if hasattr(kind, "__next__") or isinstance(x, _CHANGING):
            raise Unrecordable(f"a {kind.__name__}, which may change, is among what it is given")
        is_own = kind.__module__.startswith("rules_runtime.record")  # what is compiled
        has_numbers = not is_own and tree_of(x, lambda leaf: leaf) is not None
        if has_numbers or isinstance(x, (bytearray, array.array)):
            raise Unrecordable(
                f"a {kind.__name__} with numbers in it is among what the function is given"
            )
        return self._lift_other(x, path)

    def _lift_method(self, x: Any, path: Path) -> Any:
        """A method of what Python or numpy has made, of a list say: that is compared."""
        self._made[id(x)] = (x, x, path)
        self.checks.append(("is", path, x))
        was, self._is_frozen = self._is_frozen, True
        self._lift(x.__self__, (*path, ("attribute", "__self__")))
        self._is_frozen = was
        return x

    def _lift_other(self, x: Any, path: Path) -> Any:
        """What stays as it is: classes, modules, sets, and whatever has no numbers in it."""
        self._made[id(x)] = (x, x, path)
        if isinstance(x, (set, dict, list, collections.deque)):
            if not _SIMPLE.issuperset(map(type, state_of(x))):
                raise Unrecordable(f"a {type(x).__name__} of objects is among what it is given")
            self.checks.append(("large", path, copy.copy(x)))
            return self._changed(x, x, path)
        self.checks.append(("is", path, x))
        if isinstance(x, type):
            self._look_at(x)
            self._look_at(type(x))
            self._attributes.update(_MAKING)
        elif isinstance(x, types.ModuleType):
            self._look_into(x)
        elif isinstance(x, _RANDOM):
            self._states.append((x, state_of(x)))
        elif self._is_looked_into(type(x)):
            self._look_at(type(x))
            for name, value in attributes_of(x).items():
                self._lift(value, (*path, ("attribute", name)))
        else:  # a property, a cache, np.vectorize, `compiled` ...
            for name in ("fget", "fset", "func", "__func__", "__wrapped__", "pyfunc", "_f"):
                inner = getattr(x, name, None)
                if type(inner) is types.FunctionType:
                    self._lift(inner, (*path, ("attribute", name)))
        return x

    def _is_looked_into(self, kind: type) -> bool:
        return (
            self._is_argument
            or kind.__module__ in _HOLDERS
            or not is_of_a_library(kind.__module__, self._home)
        )

    def _changed(self, x: Any, new: Any, path: Path) -> Any:
        """The copy of a container; itself where nothing in it is recorded: it may be added to."""
        before, after = state_of(x), state_of(new)
        if before is not None and all(map(operator.is_, before, after)):
            new = x
        self._made[id(x)] = (new, x, path)
        if type(x) is not tuple:
            self._states.append((new, after))
        return new

    def _is_plain_object(self, x: Any) -> bool:
        kind = type(x)
        return (
            bool(kind.__flags__ & 1 << 9)  # a class written in Python
            and not isinstance(x, (type, types.ModuleType, tuple, list, dict, set, frozenset))
            and _is_inherited(kind, "__reduce_ex__")
            and _is_inherited(kind, "__new__")
            and not hasattr(kind, "__array__")
            and not hasattr(kind, "__del__")
            and not kind.__module__.startswith("rules_runtime.")
            and (self._is_looked_into(kind) or tree_of(x, lambda leaf: leaf) is not None)
        )

    def _lift_object(self, x: Any, path: Path) -> Any:
        kind = type(x)
        self._look_at(kind)
        held = attributes_of(x)
        self.checks.append(
            ("object", path, (kind, len(vars(x)) if hasattr(x, "__dict__") else None))
        )
        new = object.__new__(kind)
        self._made[id(x)] = (new, x, path)
        for name, value in held.items():
            step = ("held" if name in getattr(x, "__dict__", ()) else "attribute", name)
            object.__setattr__(new, name, self._lift(value, (*path, step)))
        return self._changed(x, new, path)  # itself: it may be known by its identity

    def _lift_function(self, f: Any, path: Path) -> Any:
        """A function with what it closes over, and the globals that it names, recorded;
        itself, where nothing of that is."""
        self._made[id(f)] = (f, f, path)
        if is_of_a_library(f.__globals__.get("__name__"), self._home):
            self.checks.append(("is", path, f))
            was, self._is_frozen = self._is_frozen, True
            for k, cell in enumerate(f.__closure__ or ()):  # a decorator, say
                with contextlib.suppress(ValueError):
                    if type(cell.cell_contents) is types.FunctionType:
                        self._lift(cell.cell_contents, (*path, ("cell", k)))
            self._is_frozen = was
            return f
        self.checks.append(("function", path, (f, f.__code__, f.__defaults__, f.__kwdefaults__)))
        names = named(f.__code__)
        if names.assigns:
            raise Unrecordable(
                f"{f.__name__} assigns to a variable outside of it, which a replay would not"
            )
        self._attributes |= names.attributes
        cells, space = f.__closure__ or (), dict(f.__globals__)
        new = types.FunctionType(
            f.__code__, space, f.__name__, None, tuple([types.CellType() for _ in cells])
        )
        self._made[id(f)] = (new, f, path)
        was, self._is_argument = self._is_argument, False
        parts: list[tuple[Any, Any]] = []

        def lift(value: Any, *steps: Any) -> Any:
            parts.append((value, self._lift(value, steps)))
            return parts[-1][1]

        for k, (cell, mine) in enumerate(zip(cells, new.__closure__ or ())):
            try:
                value = cell.cell_contents
            except ValueError:
                raise Unrecordable("a variable that a function closes over has no value") from None
            mine.cell_contents = lift(value, *path, ("cell", k))
        for name in ("__defaults__", "__kwdefaults__", "__dict__"):
            value = getattr(f, name)
            setattr(new, name, lift(value, *path, ("attribute", name)) if value else value)
        absent = []
        for name in names.globals:
            if name in f.__globals__:
                space[name] = lift(f.__globals__[name], ("global", Global(f.__globals__, name)))
            else:
                absent.append(name)
                if name in _UNSEEN:
                    raise Unrecordable(f"{f.__name__} calls {name}()")
        for name in names.imports:
            package = f.__globals__.get("__package__")
            for found in map(sys.modules.get, (name, f"{package}.{name}")):
                if found is not None:
                    self._look_into(found)
        if absent:
            self.checks.append(("absent", (), (f.__globals__, tuple(absent))))
        self._is_argument = was
        new.__qualname__ = f.__qualname__
        if all(value is made for value, made in parts):
            self._made[id(f)] = (f, f, path)
            return f
        if rrule.rules_for(f):
            raise Unrecordable(f"{f.__name__} has a rule, and reads arrays from outside")
        return new

    def _look_into(self, module: Any) -> None:
        if not is_of_a_library(module.__name__, self._home):
            self._spaces.setdefault(id(module), (vars(module), None))

    def _look_at(self, kind: Any) -> None:
        """Compare what is read of a class."""
        for c in kind.__mro__:
            if not is_of_a_library(c.__module__, self._home):
                self._spaces.setdefault(id(c), (c.__dict__, c))

    def watch(self, functions: list[Any]) -> None:
        """Compare what functions read that were called besides, and what may be read of classes and
        modules, by the names in all code that is met; arrays there are no inputs."""
        for f in functions:
            self._lift(f, (("constant", f),))
        done: set[Any] = set()
        count = -1
        while count < len(done):
            count = len(done)
            for space, owner in [*self._spaces.values()]:
                for name in [*space]:
                    value = space[name]
                    is_special = name[:2] == name[-2:] == "__"
                    is_read = name in self._attributes or (is_special and name not in _MAKING)
                    if not is_read or (is_special and type(value) is not types.FunctionType):
                        continue
                    if (id(space), name) not in done and not isinstance(value, _FIELDS):
                        done.add((id(space), name))
                        self._lift(value, (("global", Global(space, name, owner)),))

    def restored(self) -> bool:
        """Whether the function has changed what it was given or names; it is put back."""
        changed = [
            (x, state) for x, state in self._states if not _is_same_state(state_of(x), state)
        ]
        for x, state in changed:
            restore(x, state)
        return bool(changed)

    # ---- the code ---------------------------------------------------------------------

    def code(self, names: Names) -> tuple[list[str], dict[float, str]]:
        """The lines that check a call, and the names of its inputs by their nodes' numbers."""
        lines = [f"if len(args) != {self.count} or len(kwargs) != {len(self.names)}: raise Miss"]
        function: Path = (("function", None),)
        known: dict[Any, str] = {function: names.of("F", self.given)}
        parts: dict[Path, tuple[str, Any]] = {}  # of containers: how they are taken apart, the keys
        for kind, path, value in self.checks:
            if kind == "sequence" and value[0] in (list, tuple) and value[1] > 1:
                parts[path] = "", range(value[1])
            elif kind == "dict" and len(value) > 1:
                parts[path] = ".values()", value

        def place(path: Path) -> str:
            if path in known:
                return known[path]
            base = place(path[:-1]) if len(path) > 1 else ""
            if path[:-1] in parts and path[-1][0] == "item":
                how, keys = parts[path[:-1]]
                for key in keys:
                    known[(*path[:-1], ("item", key))] = names.fresh("a")
                made = [known[(*path[:-1], ("item", key))] for key in keys]
                lines.append(f"{', '.join(made)}, = {base}{how}")
                return known[path]
            name = names.fresh("a")
            lines.append(f"{name} = {_step(names, base, *path[-1])}")
            known[path] = name
            return name

        containers: list[str] = []
        for kind, path, value in self.checks:
            if path == function and kind == "is":
                continue
            at = place(path) if path else ""
            failed = _failure(names, at, kind, place(value) if kind == "same" else value)
            lines.append(f"if {failed}: raise Miss")
            if kind in ("dict", "sequence", "object"):
                containers.append(at)
        if len(containers) > 1:
            ids = ", ".join([f"id({at})" for at in containers])
            lines.append(f"if len({{{ids}}}) != {len(containers)}: raise Miss")
        inputs = {}
        alike: dict[Any, list[str]] = {}  # the names of leaves that are checked in one way
        for path, x, made in self.leaves:
            at = inputs[made.node.i] = place(path)
            of = (x.dtype, x.shape) if type(x) is ndarray else type(x)
            alike.setdefault(of, []).append(at)
        for of, those in alike.items():
            lines += _checked_alike(names, of, those)
        names.space["ndarray"] = ndarray
        return lines, inputs


def _checked_alike(names: Names, kind: Any, those: list[str]) -> list[str]:
    """The lines that check leaves of one kind, and make what they hold of arrays without axes."""
    if type(kind) is tuple:
        dtype, shape = names.of("D", kind[0]), names.equal("S", kind[1])
    else:
        known = "float" if kind is float else names.of("K", kind)

    def failed(at: str) -> str:
        if type(kind) is tuple:
            return (
                f"type({at}) is not ndarray or {at}.dtype is not {dtype} or {at}.shape != {shape}"
            )
        return f"type({at}) is not {known}"

    if kind is float:
        chunks = [those[k : k + 50] for k in range(0, len(those), 50)]
        lines = [f"if not float is type({') is type('.join(c)}): raise Miss" for c in chunks]
    elif len(those) > 2:
        lines = [f"for x in {', '.join(those)}:", f"    if {failed('x')}: raise Miss"]
    else:
        lines = [f"if {failed(at)}: raise Miss" for at in those]
    if kind is np.float64:
        lines += [f"{at} = float({at})" for at in those]
    elif type(kind) is tuple and not kind[1]:
        lines += [f"{at} = {at}.item()" if kind[0] == F8 else f"{at} = {at}[()]" for at in those]
    return lines


def _is_inherited(kind: Any, name: str) -> bool:
    return getattr(kind, name) is getattr(object, name)


def _step(names: Names, base: str, step: str, key: Any) -> str:
    if step == "constant":
        return names.of("F", key)
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
    if kind == "absent":
        space, given = value
        return f"not {names.of('G', space)}.keys().isdisjoint({names.of('K', given)})"
    if kind == "function":
        f, code, defaults, keywords = (names.of("K", v) for v in value)
        return (
            f"{at} is not {f} or {at}.__code__ is not {code} or "
            f"{at}.__defaults__ is not {defaults} or {at}.__kwdefaults__ is not {keywords}"
        )
    known = names.of("K", value[0] if kind in ("sequence", "object") else value)
    if kind in ("large", "content"):
        return f"{names.function(is_unlike if kind == 'large' else is_other_array)}({at}, {known})"
    if kind == "sequence":
        return f"type({at}) is not {known} or len({at}) != {value[1]}"
    if kind == "object":
        return f"type({at}) is not {known}" + (
            "" if value[1] is None else f" or len({at}.__dict__) != {value[1]}"
        )
    if kind == "type":
        return f"type({at}) is not {known}"
    if kind == "is":
        return f"{at} is not {known}"
    if value.__class__ is float and value == 0:
        return f"type({at}) is not float or repr({at}) != {repr(value)!r}"
    other = f"type({at}) is not {names.of('K', type(value))} or {at} != {known}"
    return f"{at} is not {known} and ({other})"


class Global:
    """A name in the globals of a module, or in the namespace of a class."""

    __slots__ = ("name", "owner", "space")

    def __init__(self, space: Any, name: str, owner: Any = None) -> None:
        self.space, self.name = space, name
        self.owner = space if owner is None else owner  # a class makes its namespace anew each time

    def __eq__(self, other: object) -> bool:
        return type(other) is Global and self.owner is other.owner and self.name == other.name

    def __hash__(self) -> int:
        return hash((id(self.owner), self.name))


def _key(kind: str, value: Any) -> Any:
    """What is compared of a check's value, where another call's is to be the same."""
    if kind == "absent":
        return id(value[0]), value[1]
    if kind in ("is", "function"):
        return tuple(map(id, value)) if type(value) is tuple else id(value)
    return value.tobytes() if kind == "content" else value


def _words(path: Path) -> str:
    """Where something is, for people."""
    step, key = path[0]
    return f"by the name {key.name!r}" if step == "global" else f"in its {step}"


def state_of(x: Any) -> Any:
    """What an object holds: a list of its parts, or bytes."""
    if isinstance(x, dict):
        return [*x, *x.values()]
    if isinstance(x, (list, tuple, set, collections.deque)):
        return [*x]
    if isinstance(x, ndarray):
        return x.tobytes()
    if isinstance(x, _RANDOM):
        return x.getstate() if isinstance(x, random.Random) else _numbers_of(x).state
    return state_of(attributes_of(x))


def restore(x: Any, state: Any) -> None:
    """Put back what an object held."""
    if isinstance(x, dict):
        x.clear()
        x.update(zip(state[: len(state) // 2], state[len(state) // 2 :]))
    elif isinstance(x, list):
        x[:] = state
    elif isinstance(x, (set, collections.deque)):
        x.clear()
        x.update(state) if isinstance(x, set) else x.extend(state)
    elif isinstance(x, ndarray):
        x[...] = np.frombuffer(state, x.dtype).reshape(x.shape)
    elif isinstance(x, random.Random):
        x.setstate(state)
    elif isinstance(x, _RANDOM):
        _numbers_of(x).state = state
    else:
        held = dict(zip(state[: len(state) // 2], state[len(state) // 2 :]))
        for name in attributes_of(x).keys() - held.keys():
            object.__delattr__(x, name)
        for name, value in held.items():
            object.__setattr__(x, name, value)


def _numbers_of(x: Any) -> Any:
    return x.bit_generator if isinstance(x, np.random.Generator) else x._bit_generator


def _is_same_state(a: Any, b: Any) -> bool:
    if type(a) is list:
        return len(a) == len(b) and all(map(operator.is_, a, b))
    if type(a) is dict:  # of a generator of random numbers
        return a.keys() == b.keys() and all(_is_same_state(a[k], b[k]) for k in a)
    return a.tobytes() == b.tobytes() if isinstance(a, ndarray) else bool(a == b)


def is_unlike(x: Any, was: Any) -> bool:
    """Whether a container of many simple things is not what it was."""
    if type(x) is not type(was) or len(x) != len(was) or x != was:
        return True
    if isinstance(x, set):
        return False
    a, b = state_of(x), state_of(was)
    return a != b or any(map(operator.is_not, map(type, a), map(type, b)))


def is_other_array(x: Any, was: Any) -> bool:
    """Whether an array does not hold what it held."""
    return (
        type(x) is not ndarray
        or x.dtype is not was.dtype
        or x.shape != was.shape
        or x.tobytes() != was.tobytes()
    )


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
            # the zero of a number that nothing depends on is one of numpy's while recording
            if type(recorded) is type(eager) or (
                isinstance(eager, (float, complex, np.inexact))
                and isinstance(recorded, np.inexact)
                and recorded == eager
            ):
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


def recorded_in(x: Any) -> Iterator[Node]:
    """The nodes of the values that are recorded in a result."""
    if is_recorded(x):
        yield x.node
    elif isinstance(x, Tangent):
        yield from recorded_in(x._parts)
    elif isinstance(x, (tuple, list, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            yield from recorded_in(part)


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
            if a.dtype.kind == "f" and a.size:
                apart = a - b
                if max(apart.max(), -apart.min()) <= near:
                    return True
            return bool(np.allclose(a, b, tolerance, near, equal_nan=True))
    return type(a) is type(b)


def _largest(a: Any) -> float:
    if type(a) is float:
        return abs(a) if math.isfinite(a) else 0.0
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
    if type(a) is ndarray and a.dtype.kind == "f" and a.size:
        largest = max(float(a.max()), -float(a.min()))
        if math.isfinite(largest):
            return largest
    sizes = np.abs(np.asarray(a))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
