"""The packages of the name `autograd`, legacy or converted, of any generation, behind one face."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special

from benchmarks.coverage.answers import Tangent, text_of
from benchmarks.coverage.values import conjugated, dense


def load(side: str, folder: str, generation: str, modules: tuple[str, ...] = ()) -> Package:
    """The package `autograd` below `folder`, imported whole; of a library the modules alone."""
    sys.path.insert(0, folder)
    if generation in ("1.0", "1.1"):
        _as_it_was()
    return (Legacy if side == "legacy" else Converted)(folder, generation, modules)


def _as_it_was() -> None:
    """What old packages read from numpy while they are imported."""
    for kind in (int, float, bool, complex, object, str):
        vars(np).setdefault(kind.__name__, kind)
    for name, stand_in in (("msort", lambda a: np.sort(a, axis=0)),):
        if name not in vars(np):
            stand_in.__name__ = name
            setattr(np, name, stand_in)
    misc = types.ModuleType("scipy.misc")
    misc.logsumexp = scipy.special.logsumexp  # type: ignore[attr-defined]
    sys.modules.setdefault("scipy.misc", misc)
    scipy.misc = misc
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = lambda f: inspect.getfullargspec(f)[:4]  # type: ignore[attr-defined]


class Package:
    """What both sides have."""

    def __init__(
        self, folder: str, generation: str, modules: tuple[str, ...], alone: bool = True
    ) -> None:
        self.folder = folder
        self.modules = modules
        self.alone = alone
        self.root = "" if modules else "autograd."
        self.generation = generation
        self.notes: list[str] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._import()

    def _import(self) -> None:
        for module in self.modules:
            self._import_alone(module)
        if self.modules:
            return
        package = importlib.import_module("autograd")
        for found in pkgutil.walk_packages(package.__path__, "autograd.", lambda _: None):
            if "test" in found.name:
                continue
            try:
                importlib.import_module(found.name)
            except Exception as error:
                self.notes.append(f"{found.name} is not imported: {error!r}")

    def _import_alone(self, module: str) -> None:
        """A module whose packages are not run: they import more than there is here."""
        words = module.split(".")
        for k in range(1, len(words) if self.alone else 1):
            name = ".".join(words[:k])
            if name not in sys.modules:
                sys.modules[name] = types.ModuleType(name)
                sys.modules[name].__path__ = [str(Path(self.folder, *words[:k]))]
        while True:
            try:
                importlib.import_module(module)
                return
            except ModuleNotFoundError as error:
                if error.name is None or error.name.split(".")[0] in (words[0], "numpy", "scipy"):
                    self.notes.append(f"{module} is not imported: {error!r}")
                    return
                pretend(error.name)
            except Exception as error:
                self.notes.append(f"{module} is not imported: {error!r}")
                return

    def find(self, name: str) -> Any:
        """`package.<name>`, where modules hide behind functions of their name too."""
        words = name.split(".")
        for k in range(len(words), 0, -1):
            module = sys.modules.get(self.root + ".".join(words[:k]))
            if module is None:
                continue
            try:
                return _plain_function(functools.reduce(getattr, words[k:], module))
            except AttributeError:
                continue
        raise AttributeError(name)


def pretend(module: str) -> None:
    """A module that is not installed and that no rule reads: plots, tables."""
    stub: Any = types.ModuleType(module)

    def attribute(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stub

    stub.__getattr__ = attribute
    stub.__path__ = []
    sys.modules[module] = stub


def _plain_function(f: Any) -> Any:
    return f.__func__ if isinstance(f, types.MethodType) else f


def names_of(targets: list[Any], root: str) -> dict[int, str]:
    """The shortest name in `autograd` of each target."""
    names: dict[int, str] = {}
    wanted = {id(t) for t in targets}
    modules = [m for m in sys.modules if f"{m}.".startswith(root)]
    for module in sorted(modules, key=lambda m: (m.count("."), m)):
        for name, value in list(vars(sys.modules[module]).items()):
            place = f"{module}.{name}".removeprefix(root)
            if id(value) in wanted:
                names.setdefault(id(value), place)
            if isinstance(value, type):
                for part, member in list(vars(value).items()):
                    if id(member) in wanted:
                        names.setdefault(id(member), f"{place}.{part}")
    return names


class Legacy(Package):
    """Rules as autograd has them."""

    def _import(self) -> None:
        super()._import()
        core = sys.modules["autograd.core"]
        self.modern = getattr(core, "primitive_vjps", None)
        self.constants: Any = ()
        if self.modern is not None:
            self.constants = sys.modules["autograd.tracer"].notrace_primitives[core.VJPNode]
        self.vspace = getattr(core, "vspace", None)

    def has_rule(self, f: Any) -> bool:
        if self.modern is not None:
            return f in self.modern or f in self.constants
        names = ("vjps", "grads", "zero_vjps", "zero_grads")
        return any(getattr(f, n, None) for n in names) or "vjp" in getattr(f, "__dict__", {})

    def is_decorated(self, f: Any) -> bool:
        return False

    def described(self) -> list[dict[str, Any]]:
        if self.modern is None:
            return []
        names = names_of(list(self.modern), self.root)
        return [{"name": names.get(id(f), repr(f))} for f in self.modern]

    def tangents(
        self, f: Any, again: Callable[[], Any], kwargs: Any, y: Any, dy: Any, wanted: list[int]
    ) -> tuple[Any, dict[int, Any], None]:

        found = {}
        f(*again(), **kwargs)  # what it leaves behind may be read by its rule
        for k in wanted:
            try:
                t = self._vjp(f, k, y, again(), kwargs, conjugated(dy))
            except (NotImplementedError, KeyError) as error:
                found[k] = Tangent("none", None, text_of(error))
                continue
            except Exception as error:
                found[k] = Tangent("error", None, text_of(error))
                continue
            found[k] = (
                Tangent("zero") if t is None else Tangent("value", conjugated(_named(dense(t))))
            )
        return y, found, None

    def _vjp(self, f: Any, k: int, y: Any, args: Any, kwargs: Any, g: Any) -> Any:
        if f in self.constants:
            return None
        if self.modern is not None:
            return next(iter(self.modern[f]((k,), y, args, kwargs)(g)))
        if k in getattr(f, "zero_vjps", ()) or k in getattr(f, "zero_grads", ()):
            return None
        if self.generation == "1.0":
            return f.gradmaker(k, y, *args, **kwargs)(g)
        if hasattr(y, "_fields"):  # numpy's named results are younger than this autograd
            y, g = tuple(y), tuple(g)
        return f.vjp(k, g, y, self.vspace(args[k]), self.vspace(y), args, kwargs)


class Converted(Package):
    """Rules of ours: what `rrule.register` was told while the package was imported."""

    def _import(self) -> None:
        from rules_runtime import rrule

        self.rules: dict[int, tuple[Any, Any, str, int]] = {}
        rrule.on_register(self._registered)
        if self.generation == "1.9":
            _bridge_later()
        super()._import()
        sys.modules.pop(BRIDGE, None)

    def _registered(self, target: Any, rule: Any) -> None:
        frame: Any = sys._getframe(1)
        while frame is not None and "rules_runtime" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is None or not frame.f_code.co_filename.startswith(self.folder):
            return  # the library's own, loaded meanwhile
        self.rules[id(target)] = (target, rule, frame.f_code.co_filename, frame.f_lineno)

    def has_rule(self, f: Any) -> bool:
        return id(f) in self.rules

    def is_decorated(self, f: Any) -> bool:
        """Whether its rule has `@unconjugated`."""
        return _unwrapped(self.rules[id(f)][1]) is not None

    def described(self) -> list[dict[str, Any]]:
        names = names_of([target for target, *_ in self.rules.values()], self.root)
        return [
            {
                "name": names.get(key, repr(target)),
                "file": file,
                "line": line,
                "unconjugated": _unwrapped(rule) is not None,
            }
            for key, (target, rule, file, line) in self.rules.items()
        ]

    def tangents(
        self, f: Any, again: Callable[[], Any], kwargs: Any, y: Any, dy: Any, wanted: list[int]
    ) -> tuple[Any, dict[int, Any], dict[int, Any] | None]:
        from rules_runtime import rrule

        _, rule, _, _ = self.rules[id(f)]
        if self.generation not in ("1.0", "1.1"):
            result = rrule(f, *again(), **kwargs)
        else:  # their `primitive` makes instances of one class
            result = rule.function(f, *again(), **kwargs)
        if result is None:
            raise LookupError("no rule for the call")
        y, back = result
        found = self.read(back(cotangent(dy)), wanted)
        plain = _unwrapped(rule)
        raw = None
        if plain is not None:
            raw = self.read(plain(f, *again(), **kwargs)[1](cotangent(dy)), wanted)
        return y, found, raw

    def read(self, tangents: Any, wanted: list[int]) -> dict[int, Any]:
        from rules_runtime import AbstractZero, NotImplementedTangent, unthunk

        found = {}
        for k in wanted:
            try:
                t = dense(unthunk(tangents[k + 1]))
                if isinstance(t, NotImplementedTangent):
                    found[k] = Tangent("none", None, str(t))
                elif isinstance(t, AbstractZero) or t is None:
                    found[k] = Tangent("zero")
                else:
                    found[k] = Tangent("value", _written(t))
            except Exception as error:
                found[k] = Tangent("error", None, text_of(error))
        return found


BRIDGE = "rules_runtime.hosts.autograd"


def _bridge_later() -> None:
    """autograd, converted, asks for its bridge while the bridge cannot import autograd yet."""
    stub: Any = types.ModuleType(BRIDGE)

    def vjps_from_rrule(f: Any) -> Any:
        @functools.cache
        def maker() -> Any:
            return importlib.import_module(BRIDGE).vjps_from_rrule(f)

        return lambda *call: maker()(*call)

    stub.vjps_from_rrule = vjps_from_rrule
    sys.modules[BRIDGE] = stub


def _unwrapped(rule: Any) -> Any:
    """The rule below `@unconjugated`, None where it has none."""
    from rules_runtime.vjpmakers import unconjugated

    function = getattr(rule, "function", rule)
    code = unconjugated(lambda *_: None).__code__
    return function.__wrapped__ if getattr(function, "__code__", None) is code else None


def cotangent(dy: Any) -> Any:
    from rules_runtime import Tangent as Parts

    if isinstance(dy, dict):
        return Parts[dict]({k: cotangent(v) for k, v in dy.items()})
    if isinstance(dy, (list, tuple)):
        return Parts[type(dy)](*map(cotangent, dy))
    return dy


def _named(t: Any) -> Any:
    """Containers as dicts by index or key, whatever their class."""
    if isinstance(t, dict):
        return {k: _named(v) for k, v in t.items()}
    if isinstance(t, (list, tuple)):
        return {k: _named(dense(v)) for k, v in enumerate(t)}
    return t


def _written(t: Any) -> Any:
    """A tangent as plain containers and arrays."""
    import rules_runtime
    from rules_runtime import AbstractZero, unthunk

    t = unthunk(t)
    if isinstance(t, rules_runtime.Tangent):
        named = {k: t[k] for k in t} if issubclass(t.primal_type, dict) else dict(enumerate(t))
        return {k: _written(v) for k, v in named.items()}
    if isinstance(t, AbstractZero):
        return None
    return _named(t)
