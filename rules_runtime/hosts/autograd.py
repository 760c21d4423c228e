"""Rules in HIPS autograd: `wrap(f)` is `f` for autograd, by the rule of `f`;
and autograd's functions as rules.

Autograd pairs complex cotangents without conjugation (as JAX does),
so what crosses is conjugated, both ways.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

try:
    import autograd as ag
    from autograd.builtins import tuple as boxed_tuple
    from autograd.core import defjvp_argnums
    from autograd.extend import defvjp_argnums, primitive
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.tracer import box_types, getval, isbox
except ImportError as error:
    raise ImportError(
        "rules_runtime.hosts.autograd needs HIPS autograd: pip install 'rules-runtime[autograd]'"
    ) from error

from ..config import HasReverseMode, RuleConfig
from ..leaves import (
    LEAF,
    hides_values,
    is_number,
    is_traced,
    put_together,
    take_apart,
    tangents_of_arguments,
    tangents_of_leaves,
)
from ..tape.transpose import fitted, written_out, zero_like
from .calls import (
    Call,
    Caller,
    Job,
    PullbackCall,
    PushforwardCall,
    conjugate,
    via_host,
    with_rule,
)
from .modules import WrappedModule


class AutogradConfig(RuleConfig[HasReverseMode]):
    """The config of HIPS autograd: a rule that is addressed to it is for autograd alone."""

    def rrule_via_ad(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """By a rule, else by autograd, else (where `f` speaks only numpy) by the tape."""
        return via_host(self, f, args, kwargs, by_autograd)


config = AutogradConfig()


def by_autograd(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` by autograd, `None` where `f` does not take what autograd traces."""
    leaves: list[Any] = []
    structure = take_apart((f, *args), is_number, leaves)
    if any(map(is_traced, leaves)):
        return None
    results: list[Any] = []

    def on_leaves(values: Any) -> Any:
        parts: list[Any] = []
        own, *rest = put_together(structure, iter(list(values)))
        y = own(*rest, **kwargs)
        results.append(take_apart(y, _is_value, parts, _opened))
        return boxed_tuple(parts)

    try:
        vjp, ys = ag.make_vjp(on_leaves)(tuple(leaves))
    except TypeError:  # of functions that want numbers, such as `math.sin`
        return None
    result = results[0]
    if hides_values(result):
        return None

    def pullback(dy: Any) -> Any:
        gs: list[Any] = []
        tangents_of_leaves(result, dy, lambda _: True, gs)
        if any(map(is_traced, gs)):  # a derivative of this pullback is asked for
            return RuleConfig.rrule_via_ad(config, f, *args, **kwargs)[1](dy)
        dx = vjp(tuple([conjugate(g) for g in written_out(gs, ys)]))
        found = [fitted(conjugate(d), x) for d, x in zip(dx, leaves, strict=True)]
        return tangents_of_arguments(structure, found)

    return put_together(result, iter(ys)), pullback


def _opened(x: Any) -> Any:
    """What autograd boxes whole, with its parts in boxes."""
    if not isbox(x):
        return x
    kind = type(getval(x))
    if issubclass(kind, dict):
        return {key: x[key] for key in x}
    if issubclass(kind, (tuple, list)):
        return kind([x[k] for k in range(len(x))])
    return x


def _is_value(x: Any) -> bool:
    return isbox(x) or is_number(x)


def _run(*leaves: Any, job: Job) -> Any:
    job.evaluation = evaluation = job.call.run(leaves)
    ys = evaluation.ys
    return ys[0] if len(ys) == 1 else ys


_call = primitive(_run)


def _leaves_of(g: Any, count: int) -> Sequence[Any]:
    return (g,) if count == 1 else [g[k] for k in range(count)]


def _derived(call: Call, values: Sequence[Any], count: int) -> Sequence[Any]:
    return _leaves_of(_call(*values, job=Job(call)), count)


def _vjpmaker(
    argnums: tuple[int, ...], ans: Any, leaves: tuple[Any, ...], kwargs: Any
) -> Callable[[Any], Sequence[Any]]:
    job = kwargs["job"]
    evaluation = job.evaluation
    count = len(evaluation.ys)

    def vjp(g: Any) -> Sequence[Any]:
        gs = _leaves_of(g, count)
        if not box_types.isdisjoint(map(type, (*leaves, *gs))):
            call = PullbackCall(job.call, len(leaves), argnums, conjugated=True)
            return _derived(call, (*leaves, *gs), len(argnums))
        ds = evaluation.back([conjugate(g) for g in gs], argnums)
        return [zero_like(leaves[k]) if d is None else conjugate(d) for d, k in zip(ds, argnums)]

    return vjp


def _jvpmaker(
    argnums: tuple[int, ...], vs: Sequence[Any], ans: Any, leaves: tuple[Any, ...], kwargs: Any
) -> Any:
    job = kwargs["job"]
    count = len(job.evaluation.ys)
    call = PushforwardCall(job.call, len(leaves), argnums)
    dys = _derived(call, (*leaves, *vs), count)
    return dys[0] if count == 1 else boxed_tuple(dys)


defvjp_argnums(_call, _vjpmaker)
defjvp_argnums(_call, _jvpmaker)


def _is_array(x: Any) -> bool:
    return type(x) is ArrayBox


def wrap(f: Any) -> Any:
    """`f` for autograd: its derivatives, forwards and backwards and of any order,
    are those of the rule of `f`.

    The rule is looked up when the function is called. Arguments may be structures; what autograd
    does not differentiate reaches the rule as it is.
    Raises `NoRuleError` where `f` has no rule for the call.

    >>> import autograd, numpy as np
    >>> autograd.grad(wrap(np.sinc))(0.5)
    np.float64(-1.2732395447351628)
    """

    caller = Caller(config, f, _is_array, isbox, _opened)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call, leaves = caller(args, kwargs)
        job = Job(call)
        ys = _call(*leaves, job=job)
        evaluation = job.evaluation
        assert evaluation is not None
        if evaluation.structure is LEAF:
            return ys
        return put_together(evaluation.structure, iter(_leaves_of(ys, len(evaluation.ys))))

    return wrapped


def wrap_module(module: types.ModuleType) -> WrappedModule:
    """A library for autograd: `wrap_module(m).f` is `wrap(m.f)` where `m.f` has a rule,
    else `m.f`; submodules too.

    >>> import numpy as np
    >>> wrap_module(np).sinc.__name__, wrap_module(np).pi == np.pi
    ('sinc', True)
    """
    return WrappedModule(module, wrap)


def vjps_from_rrule(f: Any) -> Callable[..., Any]:
    """For `defvjp_argnums(f, vjps_from_rrule(f))`, where `f` is autograd's own primitive: it
    differentiates by the rule of `f`."""

    def vjpmaker(
        argnums: tuple[int, ...], ans: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[Any], tuple[Any, ...]]:
        wrapped = wrap(f)
        return lambda g: _whole_vjp(wrapped, argnums, args, kwargs, g)

    return vjpmaker


def _whole_vjp(
    wrapped: Any, argnums: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any], g: Any
) -> tuple[Any, ...]:
    def of_some(values: Any) -> Any:
        given = list(args)
        for k, n in enumerate(argnums):
            given[n] = values[k]
        return wrapped(*given, **kwargs)

    vjp, _ = ag.make_vjp(of_some)(tuple([args[n] for n in argnums]))
    return tuple(vjp(g))


def rule_from_autograd(f: Any) -> Any:
    """A function of autograd as one of numpy that has a rule:
    the tape, and every other host, differentiate it by autograd.

    >>> import autograd.numpy as anp, numpy as np
    >>> from rules_runtime import gradient
    >>> gradient(rule_from_autograd(lambda x: anp.sum(anp.sin(x))), np.array([0.0]))
    (array([1.]),)
    """

    @functools.wraps(f, updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    return with_rule(function, f, by_autograd, "autograd")
