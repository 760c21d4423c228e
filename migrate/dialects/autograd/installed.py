"""What the installed numpy and scipy say of a function of theirs:
its parameters, and whether it takes complex values.

They are imported when something is asked of them, and only then.
"""

from __future__ import annotations

import ast
import inspect
import math
from functools import lru_cache
from importlib import import_module
from inspect import Parameter
from typing import Any

from migrate.rules.module import Module
from migrate.syntax.forms import parts_of

#: What can be written as it is shown.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_ROOTS = frozenset({"numpy", "scipy", "math", "cmath", "operator", "builtins"})
#: Functions that `autograd.numpy` has under a name of numpy's, with parameters of its own.
_OWN = frozenset("array concatenate vstack hstack column_stack stack append".split())
#: Functions for real values that are no ufuncs.
_REAL = frozenset({"scipy.special.polygamma", "scipy.special.multigammaln"})
#: Where `autograd.scipy` has functions of its own under scipy's names.
_OWN_MODULES = frozenset({"signal"})


def dotted_name(node: ast.expr, module: Module) -> str:
    """What a name of another module is called there: `numpy.linalg.inv`; empty for other names."""
    imported = module.imported_name(node)
    if imported is not None:
        return ".".join(imported)
    node, parts = parts_of(node)
    alias = (
        next(iter(module.scopes.of(node).bindings), None) if isinstance(node, ast.Name) else None
    )
    statement = module.scopes.parents.get(alias) if isinstance(alias, ast.alias) else None
    if isinstance(statement, ast.ImportFrom) and statement.level:  # autograd's own text
        found = [*(statement.module or "").split("."), alias.name, *parts]  # type: ignore[union-attr]
        if "numpy_wrapper" in found[:-1]:
            return ".".join(["autograd.numpy", *found[found.index("numpy_wrapper") + 1 :]])
        if parts and alias.name in ("fft", "linalg"):  # type: ignore[union-attr]
            return ".".join(["autograd.numpy", alias.name, *parts])  # type: ignore[union-attr]
    return ""


def parameters(dotted: str) -> tuple[Parameter, ...] | None:
    """The parameters of a function such as `numpy.linalg.norm`; None where they are not known."""
    try:
        found, owner = _found(dotted)
        return _of_ufunc(found) or _of_distribution(found, owner) or _signed(found)
    except LookupError:
        return None


def default_text(parameter: Parameter) -> str | None:
    """The default of a parameter as text: empty where it has none, None where it is no literal."""
    if parameter.default is Parameter.empty:
        return ""
    if isinstance(parameter.default, float) and not math.isfinite(parameter.default):
        return None
    return repr(parameter.default) if isinstance(parameter.default, _PLAIN) else None


def refuses_complex(dotted: str) -> bool:
    """Whether a function certainly takes no complex value."""
    if dotted.startswith("math.") or dotted.removeprefix("autograd.") in _REAL:
        return True
    try:
        found, owner = _found(dotted)
    except LookupError:
        return False
    if _is_ufunc(found):
        return not any(set("FDG") & set(loop.partition("->")[0]) for loop in found.types)
    return type(owner).__module__.startswith("scipy.stats")


# ---- where it is -------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _found(dotted: str) -> tuple[Any, Any]:
    """A function by its name, and the object that it is a method of; raises LookupError."""
    parts = dotted.split(".")
    if parts[0] == "autograd":
        if parts[1:2] == ["numpy"] and parts[-1] in _OWN:
            raise LookupError(dotted)
        if parts[1:2] == ["scipy"] and parts[2:3] and parts[2] in _OWN_MODULES:
            raise LookupError(dotted)
        parts = parts[1:]
    if parts[0] not in _ROOTS or len(parts) < 2:
        raise LookupError(dotted)
    owner: Any = None
    found: Any = None
    for number, part in enumerate(parts):
        inside = None if found is None else _attribute(found, part)
        if inside is None and (found is None or inspect.ismodule(found)):
            inside = _module(".".join(parts[: number + 1]))
        if inside is None:
            raise LookupError(dotted)
        owner, found = found, inside
    if inspect.ismodule(owner):  # a bound method under a name of its own knows where it belongs
        owner = None if _is_ufunc(found) else getattr(found, "__self__", None)
    return found, owner


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, None)
    except Exception:  # a module that makes its names when they are asked for may refuse
        return None


def _module(dotted: str) -> Any:
    try:
        return import_module(dotted)
    except Exception:  # not installed, or broken: nothing is known of it
        return None


# ---- what it says ------------------------------------------------------------------------


def _is_ufunc(found: Any) -> bool:
    return type(found).__name__ == "ufunc" or (
        hasattr(found, "nin") and isinstance(getattr(found, "types", None), list)
    )


def _of_ufunc(found: Any) -> tuple[Parameter, ...] | None:
    if not _is_ufunc(found):
        return None
    names = ["x"] if found.nin == 1 else [f"x{n}" for n in range(1, found.nin + 1)]
    return tuple(Parameter(name, Parameter.POSITIONAL_ONLY) for name in names)


def _of_distribution(found: Any, owner: Any) -> tuple[Parameter, ...] | None:
    """`scipy.stats.gamma.pdf(x, *args, **kwds)`: the shapes, and where it stands."""
    kinds = {kind.__name__ for kind in type(owner).__mro__}
    own = _signed(found) or ()
    open_ended = [p.kind for p in own[1:]] == [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD]
    if not kinds & {"rv_continuous", "rv_discrete"} or not open_ended:
        return None
    shapes = (owner.shapes or "").replace(",", " ").split()
    continuous = "rv_continuous" in kinds
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return (
        own[0],
        *(Parameter(name, kind) for name in shapes),
        Parameter("loc", kind, default=0),
        *((Parameter("scale", kind, default=1),) if continuous else ()),
    )


def _signed(found: Any) -> tuple[Parameter, ...] | None:
    if not callable(found):
        return None
    try:
        return tuple(inspect.signature(found).parameters.values())
    except (ValueError, TypeError):  # written in C, and says nothing
        return None
