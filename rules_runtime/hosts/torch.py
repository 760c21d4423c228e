"""Rules in PyTorch: `wrap(f)` is `f` for tensors, by the rule of `f`;
and PyTorch's functions as rules.

Tensors on the CPU share their memory with numpy; what is copied is said at `to_torch`. PyTorch and
this package agree on complex derivatives (df/dx + i df/dy), so nothing is conjugated.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError(
        "rules_runtime.hosts.torch needs PyTorch: pip install 'rules-runtime[torch]'"
    ) from error

from ..config import HasReverseMode, RuleConfig
from ..errors import RuleError
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
from ..tape.transpose import fitted, written_out
from .calls import (
    Call,
    Evaluation,
    PullbackCall,
    PushforwardCall,
    call_of,
    via_host,
    with_rule,
)
from .modules import WrappedModule

Tensor: Any = torch.Tensor


class TorchConfig(RuleConfig[HasReverseMode]):
    """The config of PyTorch: a rule that is addressed to it is for PyTorch alone."""

    def rrule_via_ad(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """By a rule, else by PyTorch, else (where `f` speaks only numpy) by the tape."""
        return via_host(self, f, args, kwargs, by_torch)


config = TorchConfig()


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor."""
    return isinstance(x, Tensor)


def to_numpy(t: Any) -> Any:
    """A tensor as an array over the same memory, or as a number:
    rules dispatch on numbers as numbers."""
    if t.device.type != "cpu":
        raise RuleError(
            f"a rule of numpy was given a tensor on {t.device}: move it to the CPU first (t.cpu())"
        )
    if t.layout is not torch.strided:
        raise RuleError(f"a rule of numpy was given a {t.layout} tensor: take t.to_dense()")
    if t.dtype is torch.bfloat16:
        raise RuleError("numpy has no bfloat16: take t.float()")
    t = t.detach()
    if t.is_conj() or t.is_neg():
        t = t.resolve_conj().resolve_neg()
    return t.numpy()[()]


def to_torch(y: Any, own: Sequence[Any] = ()) -> Any:
    """An array or number as a tensor over the same memory;
    copied where PyTorch could not hold it or it is in `own`.

    PyTorch knows no negative strides and no read-only memory, and a result over the memory of an
    input would let a change of the one in place change the other behind its back.
    """
    a = np.asarray(y)
    if a.ndim == 0:
        return torch.from_numpy(a.copy()) if isinstance(y, np.ndarray) else torch.from_numpy(a)
    if (
        not a.flags.writeable
        or min(a.strides, default=0) < 0
        or any(np.may_share_memory(a, x) for x in own if isinstance(x, np.ndarray))
    ):
        a = a.copy()
    return torch.from_numpy(a)


class _Job:
    """One call on its way through PyTorch."""

    __slots__ = ("call", "evaluation")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.evaluation: Evaluation | None = None


class _Call(torch.autograd.Function):
    """A `Call` on tensors. Its first argument, the job, is for PyTorch an object like any other."""

    @staticmethod
    def forward(job: _Job, *tensors: Any) -> tuple[Any, ...]:
        arrays = [to_numpy(t) for t in tensors]
        job.evaluation = evaluation = job.call.run(arrays)
        return tuple([to_torch(y, arrays) for y in evaluation.ys])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.job, *tensors = inputs
        ctx.evaluation = ctx.job.evaluation
        ctx.count = len(output)
        ctx.save_for_backward(*tensors)  # so that PyTorch notices a change in place
        ctx.save_for_forward(*tensors)
        ctx.set_materialize_grads(False)
        whole = [y for y in output if not (y.is_floating_point() or y.is_complex())]
        if whole:
            ctx.mark_non_differentiable(*whole)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        wanted = tuple([k for k, need in enumerate(ctx.needs_input_grad[1:]) if need])
        found: list[Any] = [None] * len(tensors)
        plain = ctx.evaluation is not None and not _is_transformed(*tensors, *gs)
        if torch.is_grad_enabled() or not plain:
            ys = ctx.evaluation.ys if ctx.evaluation is not None else None
            whole = [_zeros_of(ys[k]) if g is None else g for k, g in enumerate(gs)] if ys else gs
            call = PullbackCall(ctx.job.call, len(tensors), wanted, conjugated=False)
            ds: Sequence[Any] = _Call.apply(_Job(call), *tensors, *whole)
        else:
            own = ctx.evaluation.back([None if g is None else to_numpy(g) for g in gs], wanted)
            ds = [None if d is None else to_torch(d) for d in own]
        for k, d in zip(wanted, ds, strict=True):
            found[k] = d if d is None or d.dtype is tensors[k].dtype else d.to(tensors[k].dtype)
        return (None, *found)

    @staticmethod
    def jvp(ctx: Any, _: Any, *vs: Any) -> Any:
        tensors = ctx.saved_tensors
        moved = tuple([k for k, v in enumerate(vs) if v is not None])
        call = PushforwardCall(ctx.job.call, len(tensors), moved)
        dys = _Call.apply(_Job(call), *tensors, *[vs[k] for k in moved])
        return tuple(dys)

    @staticmethod
    def vmap(info: Any, in_dims: Any, job: _Job, *tensors: Any) -> Any:
        rows = []
        for row in range(info.batch_size):
            own = [
                t if dim is None else t.select(dim, row)
                for t, dim in zip(tensors, in_dims[1:], strict=True)
            ]
            one = _Job(job.call)
            rows.append(_Call.apply(one, *own))
            job.evaluation = job.evaluation or one.evaluation
        return tuple([torch.stack(column) for column in zip(*rows, strict=True)]), (0,) * len(
            rows[0]
        )


def _is_transformed(*tensors: Any) -> bool:
    return any(
        t is not None and torch._C._functorch.is_functorch_wrapped_tensor(t) for t in tensors
    )


def _zeros_of(y: Any) -> Any:
    like = to_torch(y)
    return torch.zeros_like(like)


def wrap(f: Any) -> Any:
    """`f` for tensors: its derivatives, forwards and backwards and of any order,
    are those of the rule of `f`.

    The rule is looked up when the function is called. Arguments may be structures that hold
    tensors; everything else reaches the rule as it is.
    Raises `NoRuleError` where `f` has no rule for the call.

    >>> import numpy as np, torch
    >>> x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> wrap(np.sinc)(x).backward()
    >>> round(float(x.grad), 4)
    -1.2732
    """

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call, leaves = call_of(config, f, args, kwargs, is_tensor)
        job = _Job(call)
        ys = _Call.apply(job, *leaves)
        evaluation = job.evaluation
        assert evaluation is not None
        return (
            ys[0] if evaluation.structure is LEAF else put_together(evaluation.structure, iter(ys))
        )

    return torch.compiler.disable(wrapped)


def wrap_module(module: types.ModuleType) -> WrappedModule:
    """A library for PyTorch: `wrap_module(m).f` is `wrap(m.f)` where `m.f` has a rule,
    else `m.f`; submodules too.

    >>> import numpy as np
    >>> wrap_module(np).sinc.__name__, wrap_module(np).pi == np.pi
    ('sinc', True)
    """
    return WrappedModule(module, wrap)


def by_torch(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` by PyTorch, `None` where `f` does not give tensors for tensors."""
    leaves: list[Any] = []
    structure = take_apart((f, *args), is_number, leaves)
    if any(map(is_traced, leaves)):
        return None
    with torch.enable_grad():
        tensors = [torch.from_numpy(np.array(x)) for x in leaves]
        for t in tensors:
            if t.is_floating_point() or t.is_complex():
                t.requires_grad_()
        try:
            own, *rest = put_together(structure, iter(tensors))
            y = own(*rest, **kwargs)
        except (TypeError, RuntimeError, AttributeError):
            return None
    parts: list[Any] = []
    result = take_apart(y, lambda x: is_tensor(x) or is_number(x), parts)
    if hides_values(result) or not all(
        map(is_tensor, parts)
    ):  # numbers, made of tensors by `math.sin` or `float`
        return None
    ys = [to_numpy(t) for t in parts]
    at = [k for k, t in enumerate(tensors) if t.requires_grad]

    def pullback(dy: Any) -> Any:
        gs: list[Any] = []
        tangents_of_leaves(result, dy, lambda _: True, gs)
        if any(map(is_traced, gs)):  # a derivative of this pullback is asked for
            return RuleConfig.rrule_via_ad(config, f, *args, **kwargs)[1](dy)
        pairs = [
            (t, torch.from_numpy(np.array(g)).to(t.dtype))
            for t, g in zip(parts, written_out(gs, ys), strict=True)
            if t.requires_grad
        ]
        ds: Sequence[Any] = [None] * len(at)
        if pairs and at:
            ds = torch.autograd.grad(
                [t for t, _ in pairs],
                [tensors[k] for k in at],
                [g for _, g in pairs],
                retain_graph=True,
                allow_unused=True,
            )
        found: list[Any] = [None] * len(leaves)
        for k, d in zip(at, ds, strict=True):
            found[k] = None if d is None else fitted(to_numpy(d), leaves[k])
        return tangents_of_arguments(structure, found)

    return put_together(result, iter(ys)), pullback


def rule_from_torch(f: Any) -> Any:
    """A function of tensors as one of numpy that has a rule:
    the tape, and every other host, differentiate it by PyTorch.

    >>> import numpy as np
    >>> from rules_runtime import gradient
    >>> gradient(rule_from_torch(lambda x: torch.sin(x).sum()), np.array([0.0]))
    (array([1.]),)
    """

    @functools.wraps(f, updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        leaves: list[Any] = []
        structure = take_apart(args, is_number, leaves)
        with torch.no_grad():
            y = f(
                *put_together(structure, iter([torch.from_numpy(np.array(x)) for x in leaves])),
                **kwargs,
            )
        parts: list[Any] = []
        result = take_apart(y, is_tensor, parts)
        return put_together(result, iter([to_numpy(t) for t in parts]))

    return with_rule(function, f, by_torch, "PyTorch")
