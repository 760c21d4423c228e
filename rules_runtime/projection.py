"""`ProjectTo(x)(dx)`: the part of a tangent that lies in the tangent space of `x`.

Derivatives leave the space of their primal easily: a real number times a complex one, a float32
times a float64, a matrix where one of its dimensions was 1. A projector brings them back. It keeps
what it needs to know of `x` (types, dtypes, shapes) and not `x` itself.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import ProjectionError
from .kernels.broadcast import unbroadcast
from .structure import can_be_perturbed, parts_of
from .tangent_parts import places_of, stored
from .tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, tangent_type
from .thunks import Thunk

_PARTED = (tuple, list, Mapping)  # these have parts, and no shape
_NO_ARRAYS = (AbstractZero, NotImplementedTangent, Tangent, Thunk)
_SCALARS = (float, complex, np.float64, np.float32, np.complex128)


Maker = Callable[[Any], Callable[[Any], Any]]
_classes: list[type] = []  # of which somebody says how their tangents are projected


@functools.singledispatch
def _registered(x: Any) -> Any:
    return None


class ProjectTo:
    """`ProjectTo(x)` is a function that projects tangents onto the tangent space of `x`.

    Real stays real, float32 stays float32, an integer projects to a float, a boolean, a string or a
    function to `NoTangent()`; the shape is that of `x`, where leading dimensions of length one may
    come and go; tuples, lists, dicts and objects are projected by part, to a `Tangent`. Zeros pass,
    and thunks stay thunks; of a matrix of scipy.sparse the numbers that it stores are kept, in any
    format of `dx`. What it does not know passes too.

    Raises `ProjectionError` (a `ValueError`) where the shapes do not fit.

    >>> ProjectTo(1.0)(2 + 3j), ProjectTo("a")(1.0), ProjectTo(np.zeros(2))(np.ones((1, 2)))
    (2.0, NoTangent(), array([1., 1.]))
    """

    __slots__ = ("_name", "_project")

    def __init__(self, x: Any) -> None:
        self._name = type(x).__name__
        self._project = _projection(x)

    def __call__(self, dx: Any) -> Any:
        if isinstance(dx, (AbstractZero, NotImplementedTangent)):
            return dx
        if isinstance(dx, Thunk):
            if self._project is _to_nothing:
                return NoTangent()
            return Thunk(lambda: self(dx.unthunk()))
        return self._project(dx)

    def __repr__(self) -> str:
        return f"<projection to the tangents of a {self._name}>"

    @staticmethod
    def register(cls: type) -> Callable[[Maker], Maker]:
        """Say how tangents of instances of a class, and of its subclasses, are projected:
        `@ProjectTo.register(cls)` on a function from `x` to the function that projects.

        >>> class Angle(float): pass
        >>> @ProjectTo.register(Angle)
        ... def project_to_angle(x):
        ...     return lambda dx: float(dx) % 6.28
        >>> ProjectTo(Angle(1.0))(7.28), ProjectTo((Angle(1.0),))((7.28,))[0]
        (1.0, 1.0)
        """

        def register(maker: Maker) -> Maker:
            _registered.register(cls, maker)
            _classes.append(cls)
            return maker

        return register


class UnbroadcastTo(ProjectTo):
    """`UnbroadcastTo(x)(dx)`: `dx` summed over the axes along which `x` was broadcast,
    then projected to `x`.

    For rules of functions that broadcast:
    made in the forward pass it keeps the shape of `x` and not `x`.

    >>> UnbroadcastTo(np.zeros(3))(np.ones((2, 3))), UnbroadcastTo(1.0)(np.ones(2))
    (array([2., 2., 2.]), 2.0)
    """

    __slots__ = ("_shape",)

    def __init__(self, x: Any) -> None:
        self._name = type(x).__name__
        self._project = _projection(x)
        self._shape = _shape(x)

    def __call__(self, dx: Any) -> Any:
        shape = self._shape
        if type(dx) is np.ndarray:
            if dx.shape != shape and shape is not None:
                dx = unbroadcast(dx, shape)
            return self._project(dx)
        if shape == () and type(dx) in _SCALARS:
            return self._project(dx)
        if shape is not None and not isinstance(dx, _NO_ARRAYS):
            dx = unbroadcast(dx, shape)
        return super().__call__(dx)


def _shape(x: Any) -> tuple[int, ...] | None:
    """The shape of an array or a number, of integers too, to which ADs may ask for tangents."""
    if isinstance(x, np.ndarray):
        shape: tuple[int, ...] = x.shape
        return shape
    if isinstance(x, (int, float, complex, np.number)):
        return ()
    return None if isinstance(x, _PARTED) or not can_be_perturbed(x) else np.shape(x)


_Projection = Callable[[Any], Any]


def _to_nothing(dx: Any) -> Any:
    return NoTangent()


def _unchanged(dx: Any) -> Any:
    return dx


def _projection(x: Any) -> _Projection:
    if _classes and (made := _registered(x)) is not None:
        return made  # type: ignore[no-any-return]
    if isinstance(x, (bool, np.bool_)):
        return _to_nothing
    if isinstance(x, np.ndarray):
        return _array_projection(x)
    if isinstance(x, np.generic):
        return _number_projection(x)
    if isinstance(x, complex):
        return _to_complex
    if isinstance(x, (int, float)):
        return _to_float
    if isinstance(x, types.MethodType):
        return _projection(x.__self__)  # whose tangent its own is
    if not can_be_perturbed(x):
        # an empty list has no tangent, but a list of integers may stand for one of floats
        return _structure_projection(x) if _holds_numbers(x) else _to_nothing
    places = places_of(x)
    if places is not None:
        return _sparse_projection(x, places)
    parts = parts_of(x)
    return _unchanged if parts is None else _structure_projection(x)


def _sparse_projection(x: Any, places: tuple[Any, Any]) -> _Projection:
    by_part, of_data = _structure_projection(x), ProjectTo(x.data)
    shape, tangent, name = x.shape, tangent_type(type(x)), type(x).__name__

    def project_sparse(dx: Any) -> Any:
        if isinstance(dx, (Tangent, dict)):
            return by_part(dx)
        data = stored(dx, shape, places)
        if data is None:
            raise ProjectionError(
                f"a {type(dx).__name__} cannot be the tangent of a {name} of shape {shape}"
            )
        return tangent(data=of_data(data))

    return project_sparse


def _holds_numbers(x: Any) -> bool:
    if isinstance(x, (tuple, list, Mapping)):
        values = x.values() if isinstance(x, Mapping) else x
        return any(_holds_numbers(v) or _is_integer(v) for v in values)
    return False


def _is_integer(x: Any) -> bool:
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "iu"
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def _scalar(dx: Any, of: str) -> Any:
    if isinstance(dx, Tangent):
        raise ProjectionError(f"a {type(dx).__name__} cannot be the tangent of a {of}")
    if isinstance(dx, np.ndarray):
        if dx.ndim and dx.size == 1 and set(dx.shape) == {1}:
            dx = dx.reshape(())
        if dx.ndim:
            raise ProjectionError(f"a {of} cannot have a tangent of shape {dx.shape}")
        return dx[()]
    return dx


def _is_traced(dx: Any) -> bool:
    """Whether an AD is at work on `dx`, which then can be no plain number."""
    return hasattr(type(dx), "__traced_value__")


def _to_float(dx: Any) -> Any:
    if _is_traced(dx):
        return _traced_number(dx, real=True)
    return float(np.real(_scalar(dx, "number")))


def _traced_number(dx: Any, real: bool) -> Any:
    dx = _scalar(dx, "number")
    return np.real(dx) if real and dx.dtype.kind == "c" else dx


def _to_complex(dx: Any) -> Any:
    if _is_traced(dx):
        return _traced_number(dx, real=False)
    return complex(_scalar(dx, "number"))


def _number_projection(x: Any) -> _Projection:
    if x.dtype.kind not in "iufc":
        return _to_nothing
    kind = np.dtype(float) if x.dtype.kind in "iu" else x.dtype
    real = kind.kind == "f"

    def project_number(dx: Any) -> Any:
        if _is_traced(dx):
            return _traced_number(dx, real)
        dx = _scalar(dx, "number")
        return kind.type(np.real(dx) if real else dx)

    return project_number


def _array_projection(x: Any) -> _Projection:
    shape, dtype = x.shape, x.dtype
    if dtype.kind == "O":
        return _object_array_projection(x)
    if dtype.kind not in "iufc":
        return _to_nothing
    if dtype.kind in "iu":
        dtype = np.dtype(float)
    real = dtype.kind == "f"

    def project_array(dx: Any) -> Any:
        if isinstance(dx, Tangent):
            dx = np.asarray(dx)
        elif not isinstance(dx, np.ndarray) and not _is_traced(dx):
            if not hasattr(dx, "__array__") and not isinstance(
                dx, (int, float, complex, list, tuple)
            ):
                return dx  # a tangent of another kind, sparse perhaps
            dx = np.asarray(dx)
        if dx.shape != shape:
            dx = _reshaped(dx, shape)
        if real and dx.dtype.kind == "c":
            dx = np.real(dx)
        return dx if dx.dtype == dtype else dx.astype(dtype)

    return project_array


def _reshaped(dx: Any, shape: tuple[int, ...]) -> Any:
    if _without_leading_ones(dx.shape) != _without_leading_ones(shape):
        raise ProjectionError(
            f"an array of shape {shape} cannot have a tangent of shape {dx.shape}"
        )
    return dx.reshape(shape)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    start = 0
    while start < len(shape) and shape[start] == 1:
        start += 1
    return shape[start:]


def _object_array_projection(x: Any) -> _Projection:
    projectors = [ProjectTo(element) for element in x.flat]
    shape = x.shape

    def project_objects(dx: Any) -> Any:
        dx = _reshaped(np.asarray(dx, dtype=object), shape)
        out = np.empty(shape, object)
        for i, (project, element) in enumerate(zip(projectors, dx.flat)):
            out.flat[i] = project(element)
        return out

    return project_objects


def _structure_projection(x: Any) -> _Projection:
    primal_type: Any = type(x)
    tangent = tangent_type(primal_type)
    projectors = {key: ProjectTo(part) for key, part in parts_of(x).items()}

    def project_structure(dx: Any) -> Any:
        if not isinstance(dx, (Tangent, dict, tuple, list)):
            return dx  # a natural tangent, which its own class understands
        given = _given_parts(dx, tangent, tuple(projectors), primal_type.__name__)
        parts = {
            key: projectors[key](part) if key in projectors else part for key, part in given.items()
        }
        if parts and all(isinstance(part, NoTangent) for part in parts.values()):
            return NoTangent()
        if tangent._kind == "positions":
            return tangent(*parts.values())
        return tangent._of(parts)

    return project_structure


def _given_parts(dx: Any, tangent: Any, keys: tuple[Any, ...], name: str) -> dict[Any, Any]:
    """The parts of a tangent by the keys of its primal."""
    kind = dx._kind if isinstance(dx, Tangent) else "keys" if isinstance(dx, dict) else "positions"
    wanted = tangent._kind
    if kind == wanted or (wanted == "fields" and kind == "keys"):
        given = dict(dx.items()) if kind != "positions" else dict(enumerate(dx))
    elif wanted == "named":
        given = dict(zip(keys, dx)) if kind == "positions" else dict(dx.items())
    elif wanted == "positions" and kind == "named":
        given = dict(enumerate(dx))
    else:
        shown = type(dx).__name__
        raise ProjectionError(f"a {shown} cannot be the tangent of a {name}")
    if len(given) > len(keys) and wanted == "positions":
        raise ProjectionError(
            f"a {name} of {len(keys)} parts cannot have a tangent of {len(given)} parts"
        )
    return given
