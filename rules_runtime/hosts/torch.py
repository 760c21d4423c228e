"""Rules in PyTorch: `wrap(f)` is `f` for tensors, by the rule of `f`;
and PyTorch's functions as rules.

Tensors on the CPU share their memory with numpy; what is copied is said at `to_torch`. PyTorch and
this package agree on complex derivatives (df/dx + i df/dy), so nothing is conjugated.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

try:
    import torch
    from torch.overrides import TorchFunctionMode
except ImportError as error:
    raise ImportError(
        "rules_runtime.hosts.torch needs PyTorch: pip install 'rules-runtime[torch]'"
    ) from error

from ..errors import RuleError
from ..leaves import LEAF, put_together
from ..tape.tracer import primal
from ..tape.transpose import written_out
from .calls import (
    Caller,
    Crossing,
    HostConfig,
    HostFunction,
    Job,
    OnLeaves,
    OptedOut,
    PullbackCall,
    PushforwardCall,
    RuleCall,
    through_host,
    with_rule,
)
from .modules import WrappedModule

Tensor: Any = torch.Tensor


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor."""
    return isinstance(x, Tensor)


def to_numpy(t: Any) -> Any:
    """A tensor as an array over the same memory, or as a number:
    rules dispatch on numbers as numbers."""
    try:
        a = t.detach().numpy()
    except (TypeError, RuntimeError):
        a = _prepared(t).numpy()
    return a if a.ndim else a[()]


def _prepared(t: Any) -> Any:
    """What numpy can hold of a tensor that it does not take as it is."""
    if t.device.type != "cpu":
        raise RuleError(
            f"a rule of numpy was given a tensor on {t.device}: move it to the CPU first (t.cpu())"
        )
    if t.layout is not torch.strided:
        raise RuleError(f"a rule of numpy was given a {t.layout} tensor: take t.to_dense()")
    if t.dtype is torch.bfloat16:
        raise RuleError("numpy has no bfloat16: take t.float()")
    return t.detach().resolve_conj().resolve_neg()


def to_torch(y: Any, own: Sequence[Any] = ()) -> Any:
    """An array or number as a tensor over the same memory;
    copied where PyTorch could not hold it or it is in `own`.

    PyTorch knows no negative strides and no read-only memory, and a result over the memory of an
    input would let a change of the one in place change the other behind its back.
    """
    a = np.asarray(y)
    if (
        not a.flags.writeable
        or (a.base is not None and (_is_view_of(a, own) or min(a.strides, default=0) < 0))
        or (a is y and not a.ndim)
    ):
        a = a.copy()
    return torch.from_numpy(a)


def _is_view_of(a: Any, own: Sequence[Any]) -> bool:
    return any(np.may_share_memory(a, x) for x in own if isinstance(x, np.ndarray))


def _evaluated(job: Job, tensors: Sequence[Any]) -> tuple[Any, ...]:
    arrays = [to_numpy(t) for t in tensors]
    job.evaluation = evaluation = job.call.run(arrays)
    return tuple([to_torch(y, arrays) for y in evaluation.ys])


class _Differentiated(torch.autograd.Function):
    """The derivatives of a `Call` on tensors, of any order."""

    @staticmethod
    def keep(ctx: Any, job: Job, tensors: Sequence[Any], output: Sequence[Any]) -> None:
        """What the derivatives need."""
        ctx.job, ctx.evaluation = job, job.evaluation
        ctx.save_for_backward(*tensors)  # so that PyTorch notices a change in place
        ctx.save_for_forward(*tensors)
        ctx.set_materialize_grads(False)
        whole = [y for y in output if not (y.is_floating_point() or y.is_complex())]
        if whole:
            ctx.mark_non_differentiable(*whole)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> tuple[Any, ...]:
        tensors, evaluation = ctx.saved_tensors, ctx.evaluation
        wanted = [k for k, need in enumerate(ctx.needs_input_grad[1:]) if need]
        ds: Sequence[Any]
        if evaluation is None or torch.is_grad_enabled() or _is_transforming():
            if evaluation is not None:
                gs = tuple(
                    [
                        torch.zeros_like(to_torch(y)) if g is None else g
                        for g, y in zip(gs, evaluation.ys, strict=True)
                    ]
                )
            call = PullbackCall(ctx.job.call, len(tensors), tuple(wanted), conjugated=False)
            ds = apply(Job(call), (*tensors, *gs))
        else:
            own = evaluation.back([None if g is None else to_numpy(g) for g in gs], wanted)
            ds = [None if d is None else to_torch(d) for d in own]
        found: list[Any] = [None] * (1 + len(tensors))
        for k, d in zip(wanted, ds, strict=True):
            if d is not None:
                dtype = tensors[k].dtype
                found[k + 1] = d if d.dtype is dtype else d.to(dtype)
        return tuple(found)

    @staticmethod
    def jvp(ctx: Any, _: Any, *vs: Any) -> Any:
        tensors = ctx.saved_tensors
        moved = tuple([k for k, v in enumerate(vs) if v is not None])
        call = PushforwardCall(ctx.job.call, len(tensors), moved)
        return apply(Job(call), (*tensors, *[vs[k] for k in moved]))


class _Call(_Differentiated):
    """A `Call` on tensors. Its first argument, the job, is for PyTorch an object like any other."""

    @staticmethod
    def forward(ctx: Any, job: Job, *tensors: Any) -> tuple[Any, ...]:
        ys = _evaluated(job, tensors)
        _Differentiated.keep(ctx, job, tensors, ys)
        return ys


class _TransformedCall(_Differentiated):
    """The same in the form that `torch.func` needs, which costs PyTorch more."""

    @staticmethod
    def forward(job: Job, *tensors: Any) -> tuple[Any, ...]:
        return _evaluated(job, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _Differentiated.keep(ctx, inputs[0], inputs[1:], output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, job: Job, *tensors: Any) -> Any:
        rows = []
        for row in range(info.batch_size):
            own = [
                t if dim is None else t.select(dim, row)
                for t, dim in zip(tensors, in_dims[1:], strict=True)
            ]
            one = Job(job.call)
            rows.append(apply(one, own))
            job.evaluation = job.evaluation or one.evaluation
        ys = tuple([torch.stack(column) for column in zip(*rows, strict=True)])
        return ys, (0,) * len(ys)


def _is_transforming() -> bool:
    return bool(torch._C._are_functorch_transforms_active())


def apply(job: Job, tensors: Sequence[Any]) -> Any:
    """The results of a call as tensors that PyTorch differentiates."""
    return (_TransformedCall if _is_transforming() else _Call).apply(job, *tensors)


_operators = itertools.count()


def _as_operator(call: RuleCall, result_shape: Callable[..., Any]) -> Callable[..., Any]:
    """A call of tensors as an operator of PyTorch, which its compiler leaves whole; `result_shape`
    tells it what comes out. On the way back the rule runs again."""
    name = re.sub(r"\W", "_", getattr(call.f, "__name__", "f"))
    name = f"rules_runtime::{name}_{next(_operators)}"

    def shapes(xs: Sequence[Any]) -> list[Any]:
        ys = result_shape(*xs)
        return [ys] if is_tensor(ys) else list(ys)

    def forward(xs: Sequence[Any]) -> list[Any]:
        return list(_evaluated(Job(call), xs))

    def gradients(xs: Sequence[Any], gs: Sequence[Any], wanted: list[int]) -> list[Any]:
        arrays = [to_numpy(x) for x in xs]
        ds = call.run(arrays).back([to_numpy(g) for g in gs], wanted)
        own = [arrays[k] for k in wanted]
        return [to_torch(d, arrays).to(xs[k].dtype) for d, k in zip(written_out(ds, own), wanted)]

    def operator(name: str, schema: str, run: Any, fake: Any) -> Any:
        made = torch.library.custom_op(name, run, mutates_args=(), schema=schema)
        made.register_fake(fake)
        return made

    op = operator(name, "(Tensor[] xs) -> Tensor[]", forward, shapes)
    op_back = operator(
        f"{name}_back",
        "(Tensor[] xs, Tensor[] gs, int[] wanted) -> Tensor[]",
        gradients,
        lambda xs, gs, wanted: [torch.empty_like(xs[k]) for k in wanted],
    )

    def keep(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[0])

    def backward(ctx: Any, gs: Any) -> Any:
        xs = list(ctx.saved_tensors)
        wanted = [k for k, x in enumerate(xs) if ctx.needs_input_grad[0][k]]
        found: list[Any] = [None] * len(xs)
        for k, d in zip(wanted, op_back(xs, list(gs), wanted), strict=True):
            found[k] = d
        return found

    op.register_autograd(backward, setup_context=keep)

    def run(*tensors: Any) -> Any:
        ys = op(list(tensors))
        return ys[0] if len(ys) == 1 else tuple(ys)

    return run


def wrap(f: Any, *, result_shape: Callable[..., Any] | None = None) -> Any:
    """`f` for tensors: its derivatives, forwards and backwards and of any order,
    are those of the rule of `f`.

    The rule is looked up when the function is called. Arguments may be structures that hold
    tensors; everything else reaches the rule as it is. `torch.compile` leaves a call out of its
    graph; of tensors alone it is an operator in it, where `result_shape`, a function of these
    tensors, gives one as the result will be, or a tuple of them.
    Raises `NoRuleError` where `f` has no rule for the call.

    >>> import numpy as np, torch
    >>> x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> wrap(np.sinc)(x).backward()
    >>> round(float(x.grad), 4)
    -1.2732
    """
    caller = Caller(config, f, is_tensor)
    operator = None
    if result_shape is not None:
        operator = _as_operator(RuleCall(config, f, None, {}), result_shape)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            if operator is not None and not kwargs and all(map(is_tensor, args)):
                return operator(*args)
            return outside(*args, **kwargs)
        call, leaves = caller(args, kwargs)
        job = Job(call)
        try:
            ys = apply(job, leaves)
        except OptedOut:
            return f(*args, **kwargs)
        evaluation = job.evaluation
        assert evaluation is not None
        return (
            ys[0] if evaluation.structure is LEAF else put_together(evaluation.structure, iter(ys))
        )

    outside = torch.compiler.disable(wrapped)
    return wrapped


def wrap_module(module: types.ModuleType) -> WrappedModule:
    """A library for PyTorch: `wrap_module(m).f` is `wrap(m.f)` where `m.f` has a rule,
    else `m.f`; submodules too.

    >>> import numpy as np
    >>> wrap_module(np).sinc.__name__, wrap_module(np).pi == np.pi
    ('sinc', True)
    """
    return WrappedModule(module, wrap)


class _NoNumbers(TorchFunctionMode):
    """`float(t)`, which `math.sin(t)` asks for, is an error where it would lose a derivative:
    PyTorch only warns."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.__float__, Tensor.__complex__) and args[0].requires_grad:
            raise TypeError("a number made of a tensor loses its derivative")
        return func(*args, **(kwargs or {}))


def _tensor(x: Any) -> Any:
    return torch.from_numpy(np.array(x))


crossing = Crossing(_tensor, is_tensor, to_numpy)


def by_torch(
    f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, written_for_torch: bool = False
) -> Any:
    """`(y, pullback)` by PyTorch, `None` where `f` does not give tensors for tensors.

    Only what is `written_for_torch` may make numbers of tensors, which have no derivative.
    """

    def traced(f: OnLeaves, leaves: list[Any]) -> Any:
        mode = contextlib.nullcontext() if written_for_torch else _NoNumbers()
        with torch.enable_grad(), mode:
            xs = [_moving(_tensor(primal(x))) for x in leaves]
            try:
                ys = f(*xs)
            except (TypeError, RuntimeError, AttributeError):
                return None
        if not all(map(is_tensor, ys)):  # numbers, made of tensors by `math.sin` or `float`
            return None

        def pull(gs: Sequence[Any]) -> list[Any]:
            ds = _gradients(ys, map(_tensor, gs), xs, retain_graph=True)
            return [None if d is None else to_numpy(d) for d in ds]

        return [to_numpy(y) for y in ys], pull

    return through_host(
        (f, args, kwargs),
        traced,
        crossing.is_value,
        function=lambda f: HostFunction(f, _run, _pull),
    )


class TorchConfig(HostConfig):
    """The config of PyTorch: a rule that is addressed to it is for PyTorch alone."""

    by_host = staticmethod(by_torch)


config = TorchConfig()


def _moving(x: Any) -> Any:
    """A tensor by which PyTorch differentiates, where its numbers have derivatives."""
    if x.is_floating_point() or x.is_complex():
        x.requires_grad_()
    return x


def _gradients(
    ys: Iterable[Any], gs: Iterable[Any], xs: Sequence[Any], **options: bool
) -> list[Any]:
    """The gradients of `xs`, `None` where nothing flows."""
    pairs = [(y, g.to(y.dtype)) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
    at = [x for x in xs if x.requires_grad]
    ds: Sequence[Any] = [None] * len(at)
    if pairs and at:
        results, cotangents = zip(*pairs, strict=True)
        ds = torch.autograd.grad(results, at, cotangents, allow_unused=True, **options)
    given = iter(ds)
    return [next(given) if x.requires_grad else None for x in xs]


def _run(f: OnLeaves, leaves: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([to_numpy(y) for y in f(*map(_tensor, leaves))])


def _pull(f: OnLeaves, leaves: Sequence[Any], gs: Sequence[Any]) -> tuple[Any, ...]:
    with torch.enable_grad():
        xs = [_moving(x if x.requires_grad else x.detach()) for x in leaves]
        ds = _gradients(f(*xs), gs, xs, create_graph=True)
        return tuple(
            [
                torch.zeros_like(x, dtype=x.dtype if x.requires_grad else torch.float64)
                if d is None
                else d
                for d, x in zip(ds, xs, strict=True)
            ]
        )


def rule_from_torch(f: Any) -> Any:
    """A function of tensors as one of numpy that has a rule:
    the tape, and every other host, differentiate it by PyTorch.

    >>> import numpy as np
    >>> from rules_runtime import gradient
    >>> gradient(rule_from_torch(lambda x: torch.sin(x).sum()), np.array([0.0]))
    (array([1.]),)
    """
    by_host = functools.partial(by_torch, written_for_torch=True)
    return with_rule(f, torch.no_grad()(crossing.call), by_host, "PyTorch")
