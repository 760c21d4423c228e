"""`scipy.integrate.odeint`: the derivatives by the initial state, the times and the parameters, by the adjoint equation.

Backward in time, the adjoint of the state obeys a linear equation along the solution, which is integrated together with
it from one time that was asked for to the one before; what the parameters contribute is integrated along the way.
(Chen et al. 2018, "Neural ordinary differential equations", appendix B.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate

from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.registry import rrule
from rules_runtime.structure import can_be_perturbed
from rules_runtime.tangents import AbstractZero, NoTangent, Tangent
from rules_runtime.thunks import unthunk
from rules_runtime.via_ad import rrule_via_ad

odeint: Any = scipy.integrate.odeint


def _flat(parts: Any) -> Any:
    return np.concatenate([np.reshape(p, -1) for p in parts]) if parts else np.zeros(0)


@rrule.register(odeint)
def rrule_odeint(
    config: RuleConfig[HasReverseMode],
    _: Any,
    func: Any,
    y0: Any,
    t: Any,
    args: Any = (),
    *options: Any,
    **also: Any,
) -> Any:
    if options or also.get("full_output") or also.get("Dfun") is not None:
        raise NotImplementedError(
            "the rule of odeint knows func, y0, t, args and options by name, but neither Dfun nor full_output"
        )
    args = args if isinstance(args, tuple) else (args,)
    ys = odeint(func, y0, t, args, **also)
    smooth = [k for k, p in enumerate(args) if _is_number(p)]
    parameters = [args[k] for k in smooth]
    shapes = [np.shape(p) for p in parameters]
    n = ys.shape[1]
    time_first = also.get("tfirst", False)

    def velocity(y: Any, time: Any, *given: Any) -> Any:
        all_args = list(args)
        for k, p in zip(smooth, given):
            all_args[k] = p
        return np.reshape(func(time, y, *all_args) if time_first else func(y, time, *all_args), -1)

    def backward(state: Any, time: Any, *given: Any) -> Any:
        y, adjoint = state[:n], state[n : 2 * n]
        v, back = rrule_via_ad(config, velocity, y, time, *given)
        _, dy, dt, *of_parameters = back(-adjoint)
        parts = [
            np.zeros(np.shape(p)) if isinstance(d, AbstractZero) else d
            for p, d in zip((y, time, *given), map(unthunk, (dy, dt, *of_parameters)))
        ]
        return _flat([v, *parts])

    options_back = {k: v for k, v in also.items() if k not in ("tfirst", "tcrit", "Dfun")}

    def odeint_pullback(g: Any) -> Any:
        g = unthunk(g)
        last = len(ys) - 1
        adjoint, at_start = g[last], 0.0
        of_parameters: Any = np.zeros(sum(int(np.prod(shape)) for shape in shapes))
        of_times: list[Any] = []
        for k in range(last, 0, -1):
            moved = np.sum(velocity(ys[k], t[k], *parameters) * g[k])
            of_times.append(moved)
            state = _flat([ys[k], adjoint, at_start - moved, of_parameters])
            found = odeint(
                backward, state, np.stack([t[k], t[k - 1]]), tuple(parameters), **options_back
            )[1]
            adjoint, at_start = found[n : 2 * n] + g[k - 1], found[2 * n]
            of_parameters = found[2 * n + 1 :]
        of_times.append(at_start)
        tangents: list[Any] = [NoTangent()] * len(args)
        start = 0
        for k, shape in zip(smooth, shapes):
            size = int(np.prod(shape))
            tangents[k] = np.reshape(of_parameters[start : start + size], shape)[()]
            start += size
        return (
            NoTangent(),
            NoTangent(),
            np.reshape(adjoint, np.shape(y0)),
            np.stack(of_times[::-1]),
            Tangent.__class_getitem__(tuple)(*tangents) if smooth else NoTangent(),
        )

    return ys, odeint_pullback


def _is_number(p: Any) -> bool:
    return hasattr(type(p), "__traced_value__") or (
        isinstance(p, (np.ndarray, np.generic, float)) and bool(can_be_perturbed(p))
    )
