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
    from autograd.builtins import dict as boxed_dict
    from autograd.builtins import list as boxed_list
    from autograd.builtins import tuple as boxed_tuple
    from autograd.core import VJPNode, defjvp_argnums, primitive_vjps
    from autograd.extend import Box, VSpace, defvjp_argnums, primitive, vspace
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.tracer import box_types, getval, isbox, notrace_primitives, trace_stack
except ImportError as error:
    raise ImportError(
        "rules_runtime.hosts.autograd needs HIPS autograd: pip install 'rules-runtime[autograd]'"
    ) from error

from ..callees import name_of
from ..define import non_differentiable
from ..errors import RuleError
from ..leaves import LEAF, is_number, put_together
from ..registry import rrule
from ..tape.intercept import OTHERS
from ..tape.tracer import OPEN, Tracer, primal
from ..tape.transpose import zero_like
from ..vjpmakers import from_vjpmaker_argnum, from_vjpmaker_argnums
from .calls import (
    Call,
    Caller,
    Evaluation,
    HostConfig,
    Job,
    OnLeaves,
    OptedOut,
    PullbackCall,
    PushforwardCall,
    RuleCall,
    conjugate,
    through_host,
    with_rule,
)
from .modules import WrappedModule
from .remembered import KnownCall, remembered


def by_autograd(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` by autograd, `None` where `f` does not take what autograd traces."""
    return through_host((f, args, kwargs), _traced, _is_value, opened=_opened)


def _traced(f: OnLeaves, leaves: list[Any]) -> Any:
    try:
        vjp, ys = ag.make_vjp(lambda xs: boxed_tuple(f(*xs)))(tuple(leaves))
    except TypeError:  # of functions that want numbers, such as `math.sin`
        return None
    return ys, lambda gs: list(map(conjugate, vjp(tuple(map(conjugate, gs)))))


class AutogradConfig(HostConfig):
    """The config of HIPS autograd: a rule that is addressed to it is for autograd alone."""

    by_host = staticmethod(by_autograd)


config = AutogradConfig()


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
        return _pulled(evaluation, gs, leaves, argnums)

    return vjp


def _pulled(
    evaluation: Evaluation, gs: Sequence[Any], leaves: Sequence[Any], wanted: Sequence[int]
) -> list[Any]:
    ds = evaluation.back([conjugate(g) for g in gs], wanted)
    return [zero_like(leaves[k]) if d is None else conjugate(d) for d, k in zip(ds, wanted)]


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
    >>> round(float(autograd.grad(wrap(np.sinc))(0.5)), 4)
    -1.2732
    """

    caller = Caller(config, f, _is_array, isbox, _opened)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return _called(*caller(args, kwargs))
        except OptedOut:
            return f(*args, **kwargs)

    return wrapped


def _called(call: Call, leaves: Sequence[Any]) -> Any:
    job = Job(call)
    ys = _call(*leaves, job=job)
    evaluation = job.evaluation
    assert evaluation is not None
    if evaluation.structure is LEAF:
        return ys
    return put_together(evaluation.structure, iter(_leaves_of(ys, len(evaluation.ys))))


def wrap_module(module: types.ModuleType) -> WrappedModule:
    """A library for autograd: `wrap_module(m).f` is `wrap(m.f)` where `m.f` has a rule,
    else `m.f`; submodules too.

    >>> import numpy as np
    >>> wrap_module(np).sinc.__name__, wrap_module(np).pi == np.pi
    ('sinc', True)
    """
    return WrappedModule(module, wrap)


def vjps_from_rrule(f: Any) -> Callable[..., Any]:
    """For `defvjp_argnums(f, vjps_from_rrule(f))`, where `f` is a primitive of autograd: it
    differentiates by the rrule of `f`, to any order.

    The rule runs where a maker of autograd's would, in the forward pass; its call of `f` is given
    the result that autograd has.
    """
    caller = Caller(config, f, _is_array, isbox, _opened)
    source = remembered(f)

    def vjpmaker(
        argnums: Sequence[int], ans: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[Any], Any]:
        known = source.bound(tuple(map(_plain, args)), kwargs), _plain(ans)

        def boxed(*args: Any, **kwargs: Any) -> Any:
            call, leaves = caller(args, kwargs)
            return _closed(_called(KnownCall(call, source, known), leaves))

        def followed() -> Callable[[Any], Any]:
            return ag.make_vjp(boxed, tuple(argnums))(*args, **kwargs)[0]  # type: ignore[no-any-return]

        innermost = box_types.isdisjoint(map(type, (*args, *kwargs.values())))
        if not (innermost and is_number(ans) and all(is_number(args[k]) for k in argnums)):
            return followed()
        # of arrays, which autograd need not follow
        evaluation = KnownCall(RuleCall(config, f, None, kwargs), source, known).run(args)

        def vjp(g: Any) -> Any:
            if isbox(g):  # of an outer trace
                return followed()(g)
            return _pulled(evaluation, (g,), args, argnums)

        return vjp

    return vjpmaker


def _plain(x: Any) -> Any:
    while isbox(x):
        x = getval(x)
    return x


def _closed(y: Any) -> Any:
    """A container with boxes in it as the box of a container, which autograd follows."""
    if isinstance(y, dict):
        return boxed_dict({key: _closed(part) for key, part in y.items()})
    if isinstance(y, (tuple, list)):
        kind = boxed_list if isinstance(y, list) else boxed_tuple
        return kind([_closed(part) for part in y])
    return y


def adopt(*functions: Any) -> None:
    """Have the tape, and `rrule`, use the rules that autograd has for these primitives of its;
    for all of its primitives, where none is named. Those that have an rrule keep it.

    Raises `RuleError` where autograd has no rule for a function.

    >>> import autograd.numpy as anp
    >>> from autograd.extend import defvjp, primitive
    >>> from rules_runtime import gradient
    >>> @primitive
    ... def f(x): return x**2
    >>> defvjp(f, lambda ans, x: lambda g: 100.0 * g)
    >>> adopt(f)
    >>> gradient(f, 3.0)
    (100.0,)
    """
    constants = notrace_primitives[VJPNode]
    for f in functions or (*primitive_vjps, *constants):
        if f is _call or rrule.rules_for(f):
            continue
        if f in constants:
            non_differentiable(f)
        elif f in primitive_vjps:
            rrule.register(f)(_adopted(f))
        else:
            raise RuleError(
                f"autograd has no rule for {name_of(f)}: adopt() takes its primitives, with defvjp"
            )


def _adopted(f: Any) -> Any:
    if primitive_vjps[f].__module__ == VJPNode.__module__:  # a maker for each argument

        def maker(k: int, *call: Any) -> Any:
            vjp = primitive_vjps[f]((k,), *call)
            return lambda g: next(iter(vjp(g)))

        return from_vjpmaker_argnum(f, maker)
    return from_vjpmaker_argnums(f, lambda *call: primitive_vjps[f](*call))


# -- what the tape traces, within autograd ---------------------------------------------------------

_newest: dict[int, int] = {}  # the newest tape that was open when a trace of autograd began


class _TraceStack(type(trace_stack)):  # type: ignore[misc]
    """The traces of autograd that are open, and which of the tape's each is within."""

    def new_trace(self) -> Any:
        _newest[self.top + 1] = max(OPEN, default=0)
        return super().new_trace()


trace_stack.__class__ = _TraceStack


def _box(x: Tracer, trace: int, node: Any) -> Any:
    """A box for what a tape traces around the trace of autograd: the other way round, autograd
    would see what the tape computes, and the tape would not see autograd."""
    if x.tape.level > _newest.get(trace, 0):
        raise TypeError(
            "autograd cannot trace what gradient() of rules_runtime traces within it: take one of "
            "them for both, or give the function to autograd with hosts.autograd.wrap"
        )
    return ArrayBox(x, trace, node)


VSpace.register(Tracer, lambda x: vspace(primal(x)))
Box.type_mappings[Tracer] = _box
OTHERS.update(dict.fromkeys(Box.types, lambda box: _newest.get(box._trace, 0)))


def rule_from_autograd(f: Any) -> Any:
    """A function of autograd as one of numpy that has a rule:
    the tape, and every other host, differentiate it by autograd.

    >>> import autograd.numpy as anp, numpy as np
    >>> from rules_runtime import gradient
    >>> gradient(rule_from_autograd(lambda x: anp.sum(anp.sin(x))), np.array([0.0]))
    (array([1.]),)
    """
    return with_rule(f, lambda f, args, kwargs: f(*args, **kwargs), by_autograd, "autograd")
