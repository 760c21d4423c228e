"""A function and its arguments: its name, which tape records, what is traced by keyword; calls that
are refused."""

from __future__ import annotations

import functools
import inspect
import sys
from numbers import Number
from types import FunctionType
from typing import Any

import numpy as np

from ..errors import MissingRuleError
from ..forms import POSITIONS
from .structures import (
    inner_tape,
    is_leaf,
    rebuild,
)
from .tracer import Tape, Tracer, primal

ndarray = np.ndarray


def tape_of(args: Any, kwargs: Any) -> Tape | None:
    """The innermost tape of the tracers among the arguments."""
    best = None
    for x in args:
        kind = type(x)
        if kind is Tracer:
            if best is None or x.tape.level > best.level:
                best = x.tape
        elif kind is not ndarray or x.dtype.kind == "O":
            best = inner_tape(x, best)
    for x in kwargs.values():
        best = inner_tape(x, best)
    return best


_known = frozenset((Tracer, ndarray, np.float64, float, int, bool, complex, list, tuple))


def is_foreign(x: Any) -> bool:
    """Whether `x` has its own idea of arithmetic:
    an array type that is not traced (xarray's), any object with operators.

    Computing with it here would lose the tracer inside of what it gives;
    given the tracer, it computes with that.
    """
    kind = type(x)
    if kind in _known or isinstance(x, (ndarray, np.generic, Number)) or is_leaf(x):
        return False
    if hasattr(kind, "__array_function__"):
        return False
    return hasattr(kind, "__array_ufunc__") or not hasattr(kind, "__array__")


def by_position(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The call with its traced keyword arguments moved to their positions,
    for keywords have no tangent."""
    if function in POSITIONS:
        ordered: tuple[Any, Any] | None = POSITIONS[function](args, kwargs)
        if ordered is not None:
            return ordered
    signature: inspect.Signature | None
    bound: inspect.BoundArguments | None
    try:
        signature = _signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):
        signature = bound = None
    if signature is None or bound is None:
        raise TypeError(
            f"{name_of(function)} was given a traced value by keyword ({', '.join(kwargs)}); pass it by position"
        )
    last = -1
    names = list(signature.parameters)
    for k, name in enumerate(names):
        if name in kwargs and inner_tape(kwargs[name]) is not None:
            last = k
    positional, rest = list(args), dict(kwargs)
    for name in names[len(args) : last + 1]:
        parameter = signature.parameters[name]
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            if inner_tape(rest.get(name)) is None:
                continue
            raise TypeError(
                f"{name_of(function)}: the keyword-only argument {name!r} is traced; no rule can give it a tangent"
            )
        positional.append(rest.pop(name) if name in rest else parameter.default)
    if last < 0:
        raise TypeError(
            f"{name_of(function)}: a traced value within **kwargs cannot have a tangent"
        )
    return tuple(positional), rest


def _signature(function: Any) -> inspect.Signature:
    if type(function) is FunctionType or isinstance(function, type):  # whose defaults may change
        return inspect.signature(function)
    return _unchanging(function)


_unchanging = functools.lru_cache(maxsize=512)(inspect.signature)


def name_of(function: Any) -> str:
    """What to call a function in a message: `np.sort`, `mymodule.f`."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is function:
        module = "numpy"
    if module in (None, "builtins"):
        return str(name)
    return f"{'np' if module == 'numpy' else module.replace('numpy.', 'np.')}.{name}"


def plain_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {k: rebuild(v, primal) for k, v in kwargs.items()} if kwargs else kwargs


def out_error(function: Any) -> Exception:
    return TypeError(
        f"{name_of(function)}(..., out=...) with a traced value: writing into an array would lose its derivative. "
        "Leave `out` out and use the result."
    )


def check_other(function: Any, x: Any) -> None:
    """Raise an error where the library of `x` has no such function:
    dask would load the whole array and go on with numpy's."""
    home: Any = sys.modules.get("dask.array")
    if home is None or not isinstance(x, home.Array) or isinstance(function, np.ufunc):
        return
    path = (getattr(function, "__module__", None) or "").split(".")
    if path[0] != "numpy":
        return
    for name in (*path[1:], function.__name__):
        home = getattr(home, name, None)
    if home is None or home is function:
        raise MissingRuleError(
            f"dask.array has no {name_of(function)}, and would load the whole array to call numpy's. Do so before the gradient is "
            "taken (x.compute()), or write it with functions that dask.array has."
        )
