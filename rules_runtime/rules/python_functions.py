"""How a rule is declared for a function that is written in Python:
as a static form is, but through the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import PYTHON, Form, Unknown, Vjp
from rules_runtime.kernels.others import send
from rules_runtime.projection import ProjectTo
from rules_runtime.registry import rrule
from rules_runtime.structure import can_be_perturbed
from rules_runtime.tangents import NoTangent, NotImplementedTangent, Tangent
from rules_runtime.thunks import Thunk
from rules_runtime.ties import only_subspaces_matter, within_subspaces


def python_function(
    function: Callable[..., Any],
    *vjps: Vjp | Unknown | None,
    needs: str | None = None,
    forward: Callable[..., Any] | None = None,
) -> None:
    """Declare one ``vjp(g, y, *args, **kwargs)`` for each positional argument;
    `None` where it is not differentiable. The rest as with `forms.derivative`.

    numpy's protocols do not see a call of such a function;
    the reverse mode finds it because its rule is registered.
    """
    form = PYTHON[function] = Form(function, vjps, needs, forward, broadcasts=False)

    @rrule.register(function)
    def rule(_: Any, *args: Any, **kwargs: Any) -> Any:
        y = form.forward(*args, **kwargs)
        run = within_subspaces if only_subspaces_matter() else _run
        if forward is not None:  # of numpy's functions, which are recorded one by one
            run = _run_as_it_is

        def pullback(g: Any) -> Any:
            tangents: list[Any] = [NoTangent()]
            for k, x in enumerate(args):
                vjp = vjps[k] if k < len(vjps) else None
                tangents.append(_tangent(run, vjp, g, y, x, args, kwargs))
            return tuple(tangents)

        return y, pullback


def _run(vjp: Any, g: Any, *args: Any, **kwargs: Any) -> Any:
    # where calls are recorded the derivative is one, as the function is
    given = tuple(g) if isinstance(g, Tangent) else g
    done = send(vjp, (given, *args), kwargs)
    return done if done is not NotImplemented else vjp(g, *args, **kwargs)


def _run_as_it_is(vjp: Any, *args: Any, **kwargs: Any) -> Any:
    return vjp(*args, **kwargs)


def _tangent(run: Any, vjp: Any, g: Any, y: Any, x: Any, args: Any, kwargs: Any) -> Any:
    is_traced = hasattr(type(x), "__traced_value__")
    if vjp is None or not (is_traced or can_be_perturbed(x)):
        return NoTangent()
    if isinstance(vjp, Unknown):
        return NotImplementedTangent(vjp.why)
    if is_traced or not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return Thunk(lambda: run(vjp, g, y, *args, **kwargs))
    return Thunk(lambda: ProjectTo(x)(run(vjp, g, y, *args, **kwargs)))
