"""What a function reads when it is called: the leaves that become inputs, and what is checked.

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
import random
import sys
import types
import weakref
from typing import Any

import numpy as np

from ..kernels.others import is_other, is_recorded
from ..registry import rrule
from ..structure import attributes_of, is_namedtuple
from ..tape.structures import is_leaf, tree_of
from . import guards
from .array import wrapped
from .code import is_of_a_library, named
from .graph import Elsewhere, Graph, Unrecordable
from .guards import Check, Global, Leaf, Path
from .memory import Names
from .states import ATOMS, RANDOM, is_same_state, restore, state_of

ndarray = np.ndarray
_FEW = 32  # parts of a container from which it is compared as a whole
_MANY = 4096  # parts of a container of arrays or objects that are looked at
_MUCH = 1 << 19  # bytes of an array that are compared
_SIMPLE = frozenset((int, float, complex, bool, str, bytes, type(None), np.float64, np.int64))
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
# whose objects hold what one puts there
_HOLDERS = frozenset(("types", "argparse", "collections", "configparser"))


class Reading:
    """The inputs of one call, its checks, and a function with arguments that are recorded."""

    def __init__(self, graph: Graph, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.graph = graph
        self.leaves: list[Leaf] = []
        self.checks: list[Check] = []
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
        return [(kind, path, guards.key_of(kind, v)) for kind, path, v in self.checks], leaves

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
        if isinstance(x, (*ATOMS, np.generic)):
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
        has_numbers = not is_own and _has_numbers(x)
        if has_numbers or isinstance(x, (bytearray, array.array)):
            raise Unrecordable(
                f"a {kind.__name__} with numbers in it is among what the function is given"
            )
        return self._lift_other(x, path)

    def _lift_method(self, x: Any, path: Path) -> Any:
        """A method of what Python or numpy has made, of a list say: that is compared."""
        self._made[id(x)] = (x, x, path)
        self.checks.append(("is", path, x))
        self._compare(x.__self__, (*path, ("attribute", "__self__")))
        return x

    def _compare(self, x: Any, path: Path) -> None:
        """Look at something whose arrays can be no inputs."""
        was, self._is_frozen = self._is_frozen, True
        self._lift(x, path)
        self._is_frozen = was

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
        elif isinstance(x, RANDOM):
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
        after = state_of(new)
        if is_same_state(state_of(x), after):
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
            and (self._is_looked_into(kind) or _has_numbers(x))
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
            for k, cell in enumerate(f.__closure__ or ()):  # a decorator, say
                with contextlib.suppress(ValueError):
                    if type(cell.cell_contents) is types.FunctionType:
                        self._compare(cell.cell_contents, (*path, ("cell", k)))
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
        changed = [(x, state) for x, state in self._states if not is_same_state(state_of(x), state)]
        for x, state in changed:
            restore(x, state)
        return bool(changed)

    def code(self, names: Names) -> tuple[list[str], dict[float, str]]:
        """The lines that check a call, and the names of its inputs by their nodes' numbers."""
        return guards.code(names, self.given, self.count, self.names, self.checks, self.leaves)


def _has_numbers(x: Any) -> bool:
    return tree_of(x, lambda leaf: leaf) is not None


def _is_inherited(kind: Any, name: str) -> bool:
    return getattr(kind, name) is getattr(object, name)


def _words(path: Path) -> str:
    """Where something is, for people."""
    step, key = path[0]
    return f"by the name {key.name!r}" if step == "global" else f"in its {step}"
