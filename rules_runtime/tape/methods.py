"""The methods and properties of a traced array:
numpy's functions under the names that arrays have for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.scatter import astype
from .protocols import FAST_FUNCTIONS
from .record import apply
from .tracer import Tracer, primal, tracer


def _method(function: Any) -> Callable[..., Any]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = function.__name__
    return method


def _fast_method(function: Any) -> Callable[..., Any]:
    """As `_method`, without the way through numpy's protocol where the
    function has a path of its own."""

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        fast = FAST_FUNCTIONS.get(function)
        if fast is not None:
            y = fast((self, *args), kwargs)
            if y is not NotImplemented:
                return y
        return apply(function, (self, *args), kwargs)

    method.__name__ = function.__name__
    return method


def _shape_of(shape: tuple[Any, ...]) -> Any:
    return shape[0] if len(shape) == 1 and type(shape[0]) is not int else shape


def _reshape(self: Tracer, *shape: Any, order: str = "C") -> Any:
    if order == "C":
        fast = FAST_FUNCTIONS.get(np.reshape)
        y = NotImplemented if fast is None else fast((self, _shape_of(shape)), {})
        return np.reshape(self, _shape_of(shape)) if y is NotImplemented else y
    return np.reshape(self, _shape_of(shape), order=order)  # type: ignore[call-overload]


def _transpose(self: Tracer, *axes: Any) -> Any:
    return _long_transpose(self, _shape_of(axes) if axes else None)


def _flatten(self: Tracer, order: str = "C") -> Any:
    if order == "C":  # which not all libraries let one say
        return _copy(np.ravel(self))  # type: ignore[arg-type]
    flat: Any = np.ravel(self, order=order)  # type: ignore[call-overload]
    return _copy(flat)


def _copy(self: Tracer, order: str = "C") -> Any:
    return tracer(self.value, self.tape, self.index)


def _deepcopy(self: Tracer, memo: Any = None) -> Any:
    return _copy(self)


def _astype(self: Tracer, dtype: Any, **kwargs: Any) -> Any:
    wanted = np.dtype(dtype)
    if wanted == self.dtype:
        return self if kwargs.get("copy", True) is False else _copy(self)
    if wanted.kind not in "fc":
        return primal(self).astype(wanted)
    return apply(astype, (self,), {"dtype": wanted})


def _view(self: Tracer, dtype: Any = None, type: Any = None) -> Any:
    """The array itself, of which everything is a view already;
    other ways to read its memory are refused."""
    kind, wanted = (dtype, None) if isinstance(dtype, _class) else (type, dtype)
    if isinstance(kind, _class) and not issubclass(kind, np.ndarray):
        kind, wanted = None, kind
    if kind is not None and kind is not np.ndarray:
        raise TypeError(
            f"x.view({kind.__name__}) of a traced array: its gradient would not be that of a {kind.__name__}; use plain "
            "arrays (@ for the product of matrices, np.where for masks)"
        )
    if wanted is not None and np.dtype(wanted) != self.dtype:
        raise TypeError(
            f"x.view({np.dtype(wanted)}) of a traced array reads its memory as other numbers, which has no derivative; use "
            "x.astype(dtype), x.real and x.imag, or ignore_derivatives(x).view(dtype)"
        )
    return self


_class = type


def _compress(self: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, self, axis, out)


def _real(self: Tracer) -> Any:
    return np.real(self) if np.iscomplexobj(primal(self)) else self


_long_transpose = _fast_method(np.transpose)
_swapaxes = _fast_method(np.swapaxes)


def _on_primal(name: str) -> Callable[..., Any]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return getattr(np.asarray(primal(self)), name)(*map(primal, args), **kwargs)

    method.__name__ = name
    return method


def _refuse(name: str, instead: str, why: str = "works in place") -> Callable[..., Any]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"x.{name}(...) of a traced array {why}; use {instead}")

    method.__name__ = name
    return method


def _hidden(name: str) -> Any:
    """An attribute that would show the memory of an array:
    it is missing, as code that asks for it expects."""

    def attribute(self: Tracer) -> Any:
        raise AttributeError(
            f"x.{name} of a traced array would lose the derivative; use ignore_derivatives(x).{name}"
        )

    return property(attribute)


_FUNCTIONS: dict[str, Any] = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "var": np.var,
    "std": np.std,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "dot": np.dot,
    "squeeze": np.squeeze,
    "ravel": np.ravel,
    "repeat": np.repeat,
    "take": np.take,
    "trace": np.trace,
    "diagonal": np.diagonal,
    "clip": np.clip,
    "round": np.round,
    "ptp": np.ptp,
    "conj": np.conj,
    "conjugate": np.conj,
    "choose": np.choose,
}
for _name, _function in _FUNCTIONS.items():
    setattr(Tracer, _name, _fast_method(_function))
# what numpy calls on the elements of an object array
for _ufunc in (
    np.sin, np.cos, np.tan, np.exp, np.log, np.sqrt, np.tanh, np.sinh, np.cosh, np.log1p, np.expm1, np.log2, np.log10,
    np.arctan, np.arcsin, np.arccos, np.square, np.exp2, np.arcsinh, np.arccosh, np.arctanh,
    np.cbrt, np.deg2rad, np.degrees, np.fabs, np.rad2deg, np.radians, np.hypot, np.arctan2, np.fmod,
):  # fmt: skip
    setattr(Tracer, _ufunc.__name__, _method(_ufunc))
for _name in (
    "argmax",
    "argmin",
    "argsort",
    "all",
    "any",
    "nonzero",
    "searchsorted",
    "argpartition",
):
    setattr(Tracer, _name, _on_primal(_name))
for _name, _instead in {
    "sort": "np.sort(x)",
    "partition": "np.partition(x, k)",
    "fill": "np.full",
    "put": "x[index] = values",
    "itemset": "x[index] = value",
    "resize": "np.resize(x, shape)",
    "setfield": "a new array",
    "byteswap": "a new array",
}.items():
    setattr(Tracer, _name, _refuse(_name, _instead))

for _name in ("tobytes", "tofile", "dump", "dumps", "getfield", "to_device"):
    _plain = f"ignore_derivatives(x).{_name}"
    setattr(Tracer, _name, _refuse(_name, _plain, "hands its memory to others"))
for _name in ("data", "ctypes", "__array_interface__", "__array_struct__", "__dlpack__"):
    setattr(Tracer, _name, _hidden(_name))

for _name, _property in {
    "T": lambda self: _long_transpose(self),
    "mT": lambda self: np.swapaxes(self, -1, -2),
    "real": _real,
    "imag": lambda self: np.imag(self),
    "flat": lambda self: np.reshape(self, -1),
}.items():
    setattr(Tracer, _name, property(_property))
for _name, _function in {
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "copy": _copy,
    "__copy__": _copy,
    "__deepcopy__": _deepcopy,
    "astype": _astype,
    "swapaxes": _swapaxes,
    "view": _view,
    "compress": _compress,
}.items():
    setattr(Tracer, _name, _function)
Tracer.__array_namespace__ = lambda self, *, api_version=None: np  # type: ignore[attr-defined]
if hasattr(np, "astype"):  # numpy 2.1
    FAST_FUNCTIONS[np.astype] = lambda args, kwargs: args[0].astype(
        args[1], copy=kwargs.get("copy", True)
    )
