"""Rules in JAX: `wrap(f)` is `f` for JAX, by the rule of `f`; and JAX's functions as rules.

A rule that computes with the array-API namespace of its arguments is traced by JAX as it is. Of any
other a call is a primitive of JAX, and so is its linear part: the pullback and the pushforward,
which are each other's transpose. Eagerly the rule runs where it stands and its pullback is kept; in
what JAX compiles both run through `pure_callback`, and the shapes of results come from a trial run.
JAX pairs complex cotangents without conjugation, so what crosses is conjugated.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

try:
    import jax
    import jax.numpy as jnp
    from jax.core import ShapedArray, Tracer
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir
except ImportError as error:
    raise ImportError(
        "rules_runtime.hosts.jax needs JAX: pip install 'rules-runtime[jax]'"
    ) from error

from ..leaves import Structure, is_number, put_together, take_apart
from ..tangents import AbstractZero
from ..tape.tracer import primal
from ..tape.transpose import written_out
from ..thunks import unthunk
from .calls import (
    Call,
    Caller,
    Crossing,
    Evaluation,
    HostConfig,
    HostFunction,
    Job,
    OnLeaves,
    OptedOut,
    PullbackCall,
    PushforwardCall,
    RuleCall,
    conjugate,
    through_host,
    uses_namespace,
    with_rule,
)
from .modules import WrappedModule


def is_jax(x: Any) -> bool:
    """Whether `x` is an array of JAX, or what stands for one while JAX traces."""
    return isinstance(x, jax.Array)


def to_numpy(x: Any) -> Any:
    """An array of JAX as one of numpy, or as a number: rules dispatch on numbers as numbers."""
    return np.asarray(x)[()]


class _Job(Job):
    """A call, and where its result belongs."""

    __slots__ = ("linear", "shapes", "structure")

    def __init__(self, call: Call, shapes: Any = None) -> None:
        super().__init__(call)
        self.structure: Structure | None = None
        self.shapes: tuple[Any, ...] | None = shapes
        self.linear: dict[Any, _Job] = {}

    def avals(self, xs: Sequence[Any]) -> list[Any]:
        """Shapes and dtypes of the results, by a trial run at numbers of the right kind."""
        if self.shapes is None:
            random = np.random.default_rng(0)
            trial = [_some(random, x) for x in xs]
            try:
                evaluation = self.call.run(trial)
            except Exception as error:
                error.add_note(
                    "This was a trial run at random numbers, which tells JAX the shapes of the result. Where the rule cannot "
                    "be tried, name them: wrap(f, result_shape=jax.ShapeDtypeStruct(shape, dtype))."
                )
                raise
            self.structure = evaluation.structure
            self.shapes = _shapes(evaluation)
        return [ShapedArray(shape, dtype) for shape, dtype in self.shapes]

    def derived(self, key: Any, make: Callable[[], Call]) -> _Job:
        """The job of a derivative of this one, made once."""
        if key not in self.linear:
            self.linear[key] = _Job(make())
        return self.linear[key]


def _shapes(evaluation: Evaluation) -> tuple[Any, ...]:
    return tuple([(np.shape(y), _dtype(y)) for y in evaluation.ys])


def _some(random: np.random.Generator, x: Any) -> Any:
    """Numbers about one; square matrices are symmetric and positive definite, which may be asked
    of them."""
    numbers = np.asarray(random.uniform(0.5, 1.5, x.shape))
    if len(x.shape) > 1 and x.shape[-1] == x.shape[-2]:
        n = x.shape[-1]
        numbers = (numbers + np.swapaxes(numbers, -1, -2)) / (4 * max(n, 1)) + np.eye(n)
    return numbers.astype(x.dtype)[()]


def _dtype(y: Any) -> Any:
    return jax.dtypes.canonicalize_dtype(np.asarray(y).dtype)


# The call, and its linear part: `_linear.bind(*leaves, *vectors, job=…, count=…, at=…, back=…)`
# gives the gradients of the leaves in `at` for cotangents of the results (`back`), or the tangents
# of the results for tangents of those leaves.
_call, _linear = Primitive("rrule"), Primitive("rrule_linear")
_call.multiple_results = _linear.multiple_results = True


class _Kept:
    """The evaluation of an eager call. JAX compares parameters of primitives:
    this one is equal to itself alone."""

    __slots__ = ("evaluation",)

    def __init__(self, evaluation: Evaluation | None) -> None:
        self.evaluation = evaluation


_nothing = _Kept(None)


def _run(*xs: Any, job: _Job) -> list[Any]:
    evaluation = job.call.run([to_numpy(x) for x in xs])
    if job.shapes is None:  # eagerly: no trial is needed
        job.shapes, job.structure = _shapes(evaluation), evaluation.structure
    job.evaluation = evaluation
    return [np.asarray(y, _dtype(y)) for y in evaluation.ys]


def _run_linear(
    *values: Any, job: _Job, count: int, at: tuple[int, ...], back: bool, kept: _Kept
) -> list[Any]:
    leaves, vectors = [to_numpy(x) for x in values[:count]], [to_numpy(v) for v in values[count:]]
    evaluation = kept.evaluation or job.call.run(leaves)
    if back:
        gs = [conjugate(v) for v in vectors]
        own = written_out(evaluation.back(gs, at), [leaves[k] for k in at])
        return [
            np.asarray(conjugate(d), np.asarray(leaves[k]).dtype)
            for d, k in zip(own, at, strict=True)
        ]
    call = PushforwardCall(_Known(evaluation), count, at)
    dys = call.push(*leaves, *vectors)
    return [np.asarray(d, _dtype(y)) for d, y in zip(dys, evaluation.ys, strict=True)]


class _Known:
    """A call whose evaluation is known."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    def run(self, leaves: Sequence[Any]) -> Evaluation:
        return self.evaluation


def _avals(*xs: Any, job: _Job) -> list[Any]:
    return job.avals(xs)


def _avals_linear(
    *values: Any, job: _Job, count: int, at: tuple[int, ...], back: bool, kept: _Kept
) -> list[Any]:
    if back:
        return [ShapedArray(values[k].shape, values[k].dtype) for k in at]
    return job.avals(values[:count])


def _compiled(p: Any, run: Callable[..., list[Any]], avals: Callable[..., list[Any]]) -> None:
    """What JAX is told of a primitive that a function of numpy computes."""
    p.def_impl(lambda *xs, **more: [jnp.asarray(y) for y in run(*xs, **more)])
    p.def_abstract_eval(avals)

    def by_callback(*xs: Any, **more: Any) -> Any:
        shapes = avals(*[jax.typeof(x) for x in xs], **more)

        def on_host(*values: Any) -> list[Any]:
            ys = run(*values, **more)
            for y, shape in zip(ys, shapes, strict=True):
                if y.shape != shape.shape:
                    raise ValueError(
                        f"a result has shape {y.shape}, not {shape.shape} as at the trial run: its shape depends on values, "
                        "which JAX cannot compile; name it (result_shape=), or call this outside of jit"
                    )
            return [np.asarray(y, shape.dtype) for y, shape in zip(ys, shapes, strict=True)]

        results = [jax.ShapeDtypeStruct(shape.shape, shape.dtype) for shape in shapes]
        return jax.pure_callback(on_host, results, *xs, vmap_method="sequential")

    mlir.register_lowering(p, mlir.lower_fun(by_callback, multiple_results=True))

    def batched(xs: Sequence[Any], dims: Sequence[Any], **more: Any) -> Any:
        mapped = [k for k, dim in enumerate(dims) if dim is not None]
        moved = [jnp.moveaxis(xs[k], dims[k], 0) for k in mapped]
        if "kept" in more and any(k < more["count"] for k in mapped):
            more["kept"] = _nothing

        def one(row: Sequence[Any]) -> Any:
            values = list(xs)
            for k, value in zip(mapped, row, strict=True):
                values[k] = value
            return p.bind(*values, **more)

        if any(isinstance(x, Tracer) for x in xs):
            ys = jax.lax.map(one, moved)
        else:
            rows = [one([m[k] for m in moved]) for k in range(len(moved[0]))]
            ys = [jnp.stack(column) for column in zip(*rows, strict=True)]
        return ys, [0] * len(ys)

    batching.primitive_batchers[p] = batched


_compiled(_call, _run, _avals)
_compiled(_linear, _run_linear, _avals_linear)


def _zero_of(x: Any) -> Any:
    return ad.Zero(jax.typeof(x).to_tangent_aval())


def _is_zero(v: Any) -> bool:
    return type(v) is ad.Zero


def _evaluated(xs: Sequence[Any], job: _Job) -> tuple[list[Any], _Kept]:
    """The results, and of an eager call its evaluation, which is for this way back alone."""
    job.evaluation = None
    ys = _call.bind(*xs, job=job)
    plain = not any(isinstance(x, Tracer) for x in xs)
    kept = _Kept(job.evaluation) if plain else _nothing
    job.evaluation = None
    return ys, kept


def _moves(y: Any) -> bool:
    return bool(jnp.issubdtype(y.dtype, jnp.inexact))


def _jvp(xs: Sequence[Any], vs: Sequence[Any], *, job: _Job) -> Any:
    ys, kept = _evaluated(xs, job)
    at = tuple([k for k, v in enumerate(vs) if not _is_zero(v)])
    vectors = [ad.instantiate_zeros(vs[k]) for k in at]
    dys = _linear.bind(*xs, *vectors, job=job, count=len(xs), at=at, back=False, kept=kept)
    return ys, [dy if _moves(y) else _zero_of(y) for y, dy in zip(ys, dys, strict=True)]


def _linearize(is_vjp: bool, moved: Sequence[bool], *xs: Any, job: _Job) -> Any:
    """What JAX would find out from `_jvp` by tracing it."""
    ys, kept = _evaluated(xs, job)
    at = tuple([k for k, moves in enumerate(moved) if moves])
    more = {"job": job, "count": len(xs), "at": at, "back": False, "kept": kept}

    def linearized(values: Sequence[Any], *vs: Any) -> list[Any]:
        dys = _linear.bind(*values, *[vs[k] for k in at], **more)
        return [dy if _moves(y) else _zero_of(y) for y, dy in zip(ys, dys, strict=True)]

    return ys, [_moves(y) for y in ys], list(xs), linearized


def _jvp_linear(
    values: Sequence[Any],
    vs: Sequence[Any],
    *,
    job: _Job,
    count: int,
    at: Any,
    back: bool,
    kept: _Kept,
) -> Any:
    more = {"job": job, "count": count, "at": at, "back": back}
    ys = _linear.bind(*values, **more, kept=kept)
    parts: list[Any] = []
    if not all(map(_is_zero, vs[count:])):
        vectors = [
            jnp.zeros(jnp.shape(x), jnp.result_type(x)) if _is_zero(v) else v
            for v, x in zip(vs[count:], values[count:], strict=True)
        ]
        parts.append(_linear.bind(*values[:count], *vectors, **more, kept=kept))
    if not all(map(_is_zero, vs[:count])):
        derived = job.derived((count, at, back), lambda: _derivative(job.call, count, at, back))
        still = [_zero_of(x) for x in values[count:]]
        parts.append(_jvp(values, [*vs[:count], *still], job=derived)[1])
    if not parts:
        return ys, [_zero_of(y) for y in ys]
    if len(parts) == 1:
        return ys, parts[0]
    return ys, [a + b for a, b in zip(*parts, strict=True)]


def _derivative(call: Call, count: int, at: tuple[int, ...], back: bool) -> Call:
    if back:
        return PullbackCall(call, count, at, conjugated=True)
    return PushforwardCall(call, count, at)


def _transpose_linear(
    cts: Sequence[Any], *values: Any, job: _Job, count: int, at: Any, back: bool, kept: _Kept
) -> list[Any]:
    leaves = values[:count]
    if back:
        shapes = [jax.typeof(leaves[k]) for k in at]
    else:
        shapes = job.avals([jax.typeof(x) for x in leaves])
    given = [
        jnp.zeros(shape.shape, shape.dtype) if _is_zero(ct) else ct
        for ct, shape in zip(cts, shapes, strict=True)
    ]
    found = _linear.bind(*leaves, *given, job=job, count=count, at=at, back=not back, kept=kept)
    return [None] * count + list(found)


ad.primitive_jvps[_call] = _jvp
ad.primitive_jvps[_linear] = _jvp_linear
ad.primitive_transposes[_linear] = _transpose_linear
try:
    # Not public, so for the versions that it was tried with alone: `vjp` need not trace `_jvp`,
    # which took a third of the time of a small call.
    from jax._src.interpreters.ad import primitive_linearizations
except ImportError:
    pass
else:
    if jax.__version_info__[:2] == (0, 10):
        primitive_linearizations[_call] = _linearize


class _TracedCall(RuleCall):
    """A call whose rule computes with arrays of JAX themselves."""

    __slots__ = ()

    @staticmethod
    def is_value(y: Any) -> bool:
        return is_jax(y) or is_number(y)

    @staticmethod
    def fit(d: Any, x: Any) -> Any:
        d = unthunk(d)
        if d is None or isinstance(d, AbstractZero):
            return None
        d = jnp.asarray(d)
        if jnp.iscomplexobj(d) and not jnp.iscomplexobj(x):
            d = jnp.real(d)
        return jnp.broadcast_to(d, x.shape).astype(x.dtype)


def _directly(call: RuleCall, leaves: Sequence[Any]) -> Any:
    """The result of a call whose rule computes with JAX, which traces it as it does everything. The
    tangent of the result is the transpose of the pullback, by JAX, which transposes it again for
    the way back."""
    own = _TracedCall(call.config, call.f, call.structure, call.kwargs)
    structures: list[Structure] = []

    def evaluated(xs: Any) -> tuple[Evaluation, tuple[Any, ...]]:
        evaluation = own.run(xs)
        structures.append(evaluation.structure)
        return evaluation, tuple([jnp.asarray(y) for y in evaluation.ys])

    def moved(xs: Any, vs: Any) -> Any:
        evaluation, ys = evaluated(xs)
        at = [k for k, x in enumerate(xs) if _moves(x)]

        def pull(gs: Any) -> tuple[Any, ...]:
            given = iter([jnp.conj(g) for g in gs])
            whole = [next(given) if _moves(y) else None for y in ys]
            ds = evaluation.back(whole, at)
            return tuple(
                [
                    jnp.zeros_like(xs[k]) if d is None else jnp.conj(d)
                    for d, k in zip(ds, at, strict=True)
                ]
            )

        like = tuple([jax.ShapeDtypeStruct(y.shape, y.dtype) for y in ys if _moves(y)])
        dys = iter(jax.linear_transpose(pull, like)(tuple([vs[k] for k in at]))[0])
        still = jax.dtypes.float0
        return ys, tuple([next(dys) if _moves(y) else np.zeros(y.shape, still) for y in ys])

    run = jax.custom_jvp(lambda *xs: evaluated(xs)[1])
    run.defjvp(moved)
    ys = run(*leaves)
    return put_together(structures[0], iter(ys))


def wrap(f: Any, *, result_shape: Any = None) -> Any:
    """`f` for JAX: under `grad`, `jvp`, `jit`, `vmap`, `scan` and `remat`, in any order, its
    derivatives are those of its rule.

    The rule is looked up when the function is called. Arguments may be structures that hold arrays
    of JAX; everything else reaches the rule as it is. What is compiled calls back to numpy; the
    shapes of the result come from a trial run at random numbers, or from `result_shape`, a
    `jax.ShapeDtypeStruct` or a structure of them.
    Raises `NoRuleError` where `f` has no rule for the call.

    >>> round(float(jax.jit(jax.grad(wrap(np.sinc)))(0.5)), 4)
    -1.2732
    """

    caller = Caller(config, f, is_jax)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call, leaves = caller(args, kwargs)
        if uses_namespace(call, leaves):
            return _directly(call, leaves)
        job = _Job(call)
        if result_shape is not None:
            named: list[Any] = []
            job.structure = take_apart(
                result_shape, lambda x: isinstance(x, jax.ShapeDtypeStruct), named
            )
            job.shapes = tuple([(s.shape, s.dtype) for s in named])
        try:
            ys = _call.bind(*leaves, job=job)
        except OptedOut:
            return f(*args, **kwargs)
        job.evaluation = None
        assert job.structure is not None
        return put_together(job.structure, iter(ys))

    return wrapped


def wrap_module(module: types.ModuleType) -> WrappedModule:
    """A library for JAX: `wrap_module(m).f` is `wrap(m.f)` where `m.f` has a rule,
    else `m.f`; submodules too.

    >>> import numpy as np
    >>> wrap_module(np).sinc.__name__, wrap_module(np).pi == np.pi
    ('sinc', True)
    """
    return WrappedModule(module, wrap)


def by_jax(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` by JAX, `None` where `f` does not take what JAX traces."""
    return through_host(
        (f, args, kwargs),
        _traced,
        crossing.is_value,
        function=lambda f: HostFunction(
            lambda *xs: tuple(map(jnp.asarray, f(*xs))), _run_now, _pull
        ),
    )


class JaxConfig(HostConfig):
    """The config of JAX: a rule that is addressed to it is for JAX alone."""

    by_host = staticmethod(by_jax)


config = JaxConfig()
crossing = Crossing(jnp.asarray, is_jax, to_numpy)


def _traced(f: OnLeaves, leaves: list[Any]) -> Any:
    try:  # at once, also where JAX is tracing what called the rule, or the tape
        with jax.ensure_compile_time_eval():
            xs = [jnp.asarray(primal(x)) for x in leaves]
            ys, vjp = jax.vjp(lambda *xs: tuple(map(jnp.asarray, f(*xs))), *xs)
    except (TypeError, jax.errors.JAXTypeError):  # of functions that want numbers or numpy's arrays
        return None

    def pull(gs: Sequence[Any]) -> list[Any]:
        with jax.ensure_compile_time_eval():
            given = [jnp.asarray(conjugate(g), y.dtype) for g, y in zip(gs, ys, strict=True)]
            return [
                None if d.dtype == jax.dtypes.float0 else conjugate(to_numpy(d))
                for d in vjp(tuple(given))
            ]

    return [to_numpy(y) for y in ys], pull


def _run_now(f: OnLeaves, leaves: Sequence[Any]) -> tuple[Any, ...]:
    with jax.ensure_compile_time_eval():
        return tuple(map(to_numpy, f(*map(jnp.asarray, leaves))))


def _pull(f: OnLeaves, leaves: Sequence[Any], gs: Sequence[Any]) -> tuple[Any, ...]:
    ys, vjp = jax.vjp(f, *leaves)
    ds = vjp(tuple([jnp.asarray(jnp.conj(g), y.dtype) for g, y in zip(gs, ys, strict=True)]))
    return tuple(
        [
            jnp.zeros(x.shape) if d.dtype == jax.dtypes.float0 else jnp.conj(d)
            for d, x in zip(ds, leaves, strict=True)
        ]
    )


def rule_from_jax(f: Any) -> Any:
    """A function of JAX as one of numpy that has a rule:
    the tape, and every other host, differentiate it by JAX.

    >>> from rules_runtime import gradient
    >>> gradient(rule_from_jax(lambda x: jnp.sum(jnp.sin(x))), np.array([0.0], np.float32))
    (array([1.], dtype=float32),)
    """
    return with_rule(f, crossing.call, by_jax, "JAX")
