"""Static forms: a built-in rule as a table of functions, one for each argument,
from which an rrule is derived.

An rrule makes a closure for each call. A static form has none: `vjp(g, y, *args, **kwargs)` is an
ordinary function, and the tape keeps only what the form says it needs. `needs` is a string: `y` for
the result, digits for the positional arguments; what it does not name reaches the function as a
`Spec`, which has the shape and the dtype alone.

The table `FORMS` is what the registry falls back to where the user has no rule,
and what the tape reads directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .errors import NotImplementedTangentError
from .kernels.broadcast import unbroadcast
from .kernels.others import like
from .kernels.others import primal as primal
from .projection import ProjectTo
from .pullbacks import Handover, Pullback
from .structure import can_be_perturbed
from .tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, ZeroTangent
from .thunks import Thunk, unthunk

Vjp = Callable[..., Any]


class Spec:
    """The shape and dtype of an array that nobody kept."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Spec]:
        return iter([Spec(self.shape[1:], self.dtype)] * self.shape[0])

    def __repr__(self) -> str:
        return f"Spec({self.shape}, {self.dtype})"


class Form:
    """The derivative of one function: `vjps[k](g, y, *args,
    **kwargs)` for the positional argument `k`, or None.

    `forward`, where given, computes the same as the function, faster. `constant` forms have no
    derivative at all, or none of real numbers: `of_complex` is the form for others.
    """

    __slots__ = (
        "broadcasts",
        "constant",
        "forward",
        "function",
        "joint",
        "keeps",
        "keeps_result",
        "of_complex",
        "vjps",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        vjps: Sequence[Vjp | None],
        needs: str | None,
        forward: Callable[..., Any] | None,
        broadcasts: bool,
        joint: Vjp | None = None,
    ) -> None:
        self.function = function
        self.vjps = tuple(vjps)
        self.keeps = None if needs is None else frozenset(int(c) for c in needs if c != "y")
        self.keeps_result = needs is None or "y" in needs
        self.forward = forward or function
        self.broadcasts = broadcasts
        self.constant = not any(self.vjps)
        self.joint = joint
        self.of_complex: Form | None = None

    def fit(self, dx: Any, x: Any) -> Any:
        """The tangent of the argument `x` from what its function gave:
        its shape, real for real, lists as tangents."""
        if isinstance(x, (list, tuple)) and isinstance(dx, (list, tuple)):
            return Tangent.__class_getitem__(type(x))(
                *[self.fit(d, part) for d, part in zip(dx, x, strict=True)]
            )
        if dx is None:
            return NoTangent()
        if isinstance(dx, AbstractZero):
            return dx
        if np.iscomplexobj(dx) and not np.iscomplexobj(x):
            dx = np.real(dx)
        return unbroadcast(dx, np.shape(x)) if self.broadcasts else dx

    def __repr__(self) -> str:
        return f"<static form of {getattr(self.function, '__name__', self.function)}>"


class Unknown:
    """In the place of a vjp: the derivative exists, and nobody has written it.
    Asking for it is an error."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedTangentError(f"this derivative is not implemented: {self.why}")


def nothing(g: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
    """In the place of a vjp: the result does not move with this argument,
    a condition or a shape."""
    return ZeroTangent()


FORMS: dict[Any, Form] = {}
# the same of functions written in Python, for the tape; they have rules besides
PYTHON: dict[Any, Form] = {}

# For functions whose signature does not say so: how arguments given by name are put in order,
# ``(args, kwargs) -> (args, kwargs)``, or None where that is not known.
POSITIONS: dict[Any, Callable[[Any, Any], Any]] = {}

# Python functions with rules that only put a formula in the place of the call (`rule.formula`): the
# tape runs that on its tracers, so that nothing is computed for the arguments that are constants.
FORMULAS: set[Any] = set()


def derivative(
    function: Callable[..., Any],
    *vjps: Vjp | None,
    needs: str | None = None,
    forward: Callable[..., Any] | None = None,
    joint: Vjp | None = None,
) -> None:
    """Declare the derivative of `function`:
    one `vjp(g, y, *args, **kwargs)` for each positional argument.

    `joint`, where given, gives the cotangents of all of them as one tuple,
    for less than one after the other.
    """
    FORMS[function] = Form(function, vjps, needs, forward, broadcasts=False, joint=joint)


def elementwise(
    function: Callable[..., Any],
    *vjps: Vjp | None,
    needs: str | None = None,
    forward: Callable[..., Any] | None = None,
) -> None:
    """Like `derivative`, for functions that broadcast:
    each cotangent is summed over the axes that were."""
    FORMS[function] = Form(function, vjps, needs, forward, broadcasts=True)


def constant(*functions: Callable[..., Any]) -> None:
    """Declare functions without a derivative:
    they are computed on the primal values, nothing flows back."""
    for function in functions:
        FORMS[function] = Form(function, (), "", None, broadcasts=False)


def constant_for_real(function: Callable[..., Any], vjp: Vjp) -> None:
    """Declare a function of one argument without a derivative of real numbers,
    and with that of `vjp` of complex ones."""
    constant(function)
    FORMS[function].of_complex = Form(function, (vjp,), None, None, broadcasts=True)


def has_no_zero(x: Any) -> bool:
    """Whether `x` is an array or a number, and none of its elements is zero."""
    if type(x) is not np.ndarray:
        x = primal(x)
    if type(x) is np.ndarray:
        return bool(np.count_nonzero(x) == x.size)
    return type(x) in (np.float64, float, int) and bool(x != 0)


def nonzero(x: Any) -> Any:
    """`x` with ones for zeros."""
    return x if has_no_zero(x) else np.where(primal(x) == 0, 1.0, x)


def filled(g: Sequence[Any], y: Sequence[Any]) -> tuple[Any, ...]:
    """The parts of a structured cotangent, zeros as arrays of the shape of the parts of `y`."""
    return tuple(
        like(np.zeros(yk.shape, yk.dtype), yk) if isinstance(gk, AbstractZero) or gk is None else gk
        for gk, yk in zip(g, y, strict=True)
    )


# -- the rrule of a form ---------------------------------------------------------------------------

_NO_TANGENT = NoTangent()


def call_form(form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` of a call of a function that has a static form; the tangents are projected.

    Where several arguments can be perturbed, the tangents of a call with arrays are thunks. Of a
    single one the pullback would not be called if nobody wanted it,
    and numbers cost less than their thunks.
    """
    if form.of_complex is not None and np.iscomplexobj(args[0]):
        form = form.of_complex
    y = form.forward(*args, **kwargs)
    vjps = form.vjps

    def pullback(dy: Any) -> tuple[Any, ...]:
        tangents: list[Any] = [_NO_TANGENT] * (1 + len(args))
        live = [k for k, vjp in enumerate(vjps[: len(args)]) if vjp and _is_active(args[k])]
        lazy = len(live) > 1 and not isinstance(y, (float, complex, np.generic))
        together: Any = None
        if form.joint is not None and len(live) > 1:
            together = Thunk(lambda: form.joint(dy, y, *args, **kwargs))  # type: ignore[misc]
        for k in live:
            vjp: Any = vjps[k]
            if isinstance(vjp, Unknown):
                tangents[k + 1] = NotImplementedTangent(vjp.why)
                continue

            def tangent(k: int = k, vjp: Any = vjp) -> Any:
                dx = vjp(dy, y, *args, **kwargs) if together is None else unthunk(together)[k]
                return _fitted(dx, args[k])

            tangents[k + 1] = Thunk(tangent) if lazy else tangent()
        return tuple(tangents)

    count = 1 + len(args)
    return y, Pullback(pullback, Handover(form, _NO_TANGENT, 0, count, count))


def _is_active(x: Any) -> bool:
    return can_be_perturbed(x) or hasattr(type(x), "__traced_value__")


def _fitted(dx: Any, x: Any) -> Any:
    """The cotangent of one argument, summed to its shape and projected."""
    if isinstance(dx, AbstractZero):
        return dx
    if not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return ProjectTo(x)(dx)
    return ProjectTo(x)(unbroadcast(unthunk(dx), np.shape(x)))
