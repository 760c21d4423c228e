"""`scipy.integrate.odeint`: the derivatives by the initial state, the times and the parameters,
by the adjoint equation.

Backward in time, the adjoint of the state obeys a linear equation along the solution, which is
integrated together with it from one time that was asked for to the one before; what the parameters
contribute is integrated along the way. (Chen et al.
2018, "Neural ordinary differential equations", appendix B.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate

from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.registry import rrule
from rules_runtime.tangents import AbstractZero, NoTangent, Tangent
from rules_runtime.thunks import unthunk
from rules_runtime.vectors import TangentSpace
from rules_runtime.via_ad import rrule_via_ad

odeint: Any = scipy.integrate.odeint


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
    ys = odeint(func, y0, t, args, **also)
    parameters = (func, *args)  # a function may have fields, too, or be a method of what has
    space = TangentSpace(parameters)
    n = ys.shape[1]
    time_first = also.get("tfirst", False)

    def velocity(y: Any, time: Any, func: Any, *args: Any) -> Any:
        return np.reshape(func(time, y, *args) if time_first else func(y, time, *args), -1)

    def backward(state: Any, time: Any, *parameters: Any) -> Any:
        y, adjoint = state[:n], state[n : 2 * n]
        v, back = rrule_via_ad(config, velocity, y, time, *parameters)
        _, dy, dt, *of_parameters = back(-adjoint)
        return np.concatenate(
            [v, _written_out(dy, (n,)), _written_out(dt, (1,)), space.vector(tuple(of_parameters))]
        )

    options_back = {k: v for k, v in also.items() if k not in ("tfirst", "tcrit", "Dfun")}

    def odeint_pullback(g: Any) -> Any:
        g = unthunk(g)
        last = len(ys) - 1
        adjoint, at_start = g[last], np.zeros(1)
        of_parameters: Any = np.zeros(space.size)
        of_times: list[Any] = []
        for k in range(last, 0, -1):
            moved = np.sum(velocity(ys[k], t[k], *parameters) * g[k])
            of_times.append(moved)
            state = np.concatenate([ys[k], adjoint, at_start - moved, of_parameters])
            found = odeint(backward, state, np.stack([t[k], t[k - 1]]), parameters, **options_back)[
                1
            ]
            adjoint, at_start = found[n : 2 * n] + g[k - 1], found[2 * n : 2 * n + 1]
            of_parameters = found[2 * n + 1 :]
        of_times.append(at_start[0])
        dfunc, *dargs = (
            space.tangent(of_parameters) if space.size else (NoTangent(),) * (1 + len(args))
        )
        return (
            NoTangent(),
            dfunc,
            np.reshape(adjoint, np.shape(y0)),
            np.stack(of_times[::-1]),
            Tangent.__class_getitem__(tuple)(*dargs),
        )

    return ys, odeint_pullback


def _written_out(dx: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape) if isinstance(dx, AbstractZero) else np.reshape(dx, shape)
