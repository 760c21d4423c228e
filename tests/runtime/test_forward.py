"""The forward mode against the reverse mode and against finite differences;
how frules are found and called."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    ConfigError,
    HasForwardMode,
    HasForwardsMode,
    NoForwardMode,
    NoForwardsMode,
    NoTangent,
    NotImplementedTangent,
    NotImplementedTangentError,
    RuleConfig,
    RuleError,
    Tangent,
    TangentError,
    TapeConfig,
    ZeroTangent,
    dot,
    frule,
    frule_via_ad,
    gradient,
    hessian,
    hook,
    hvp,
    jacobian,
    jvp,
    no_frule,
    pullback,
    rrule,
    unthunk,
)
from rules_runtime.forward import ForwardRegistry
from rules_runtime.testing import Along, RuleTestFailure, rand_tangent, test_frule
from tests.support.numpy_calls import CALLS, calls


@dataclass
class Point:
    x: Any
    y: Any
    name: str = "p"


def random_args(seed: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(0, 4, size=rng.integers(0, 3)))
    kind = rng.choice([np.float64, np.float32, np.complex128])
    x, y = (rng.uniform(0.2, 1.5, size=shape) for _ in range(2))
    if kind is np.complex128:
        x = x + 1j * rng.uniform(0.2, 1.5, size=shape)
    return rng, np.asarray(x, kind), np.asarray(y)


PROGRAMS = [
    lambda x, y: np.exp(x) * y + x / (y + 1.0),
    lambda x, y: (np.sum(x * y), {"a": x + y, "b": (x**2, "text", 3)}),
    lambda x, y: Point(np.abs(x), np.real(x) * y),
    lambda x, y: np.stack([x, x * y]).T,
    lambda x, y: np.where(y > 0.7, x * x, y),
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
@pytest.mark.parametrize("seed", range(25))
def test_jvp_is_the_transpose_of_the_pullback(program: int, seed: int) -> None:
    f = PROGRAMS[program]
    rng, x, y = random_args(seed)
    vs = [rand_tangent(x, rng), rand_tangent(y, rng)]
    out, back = pullback(f, x, y)
    dout = rand_tangent(out, rng)
    value, moved = jvp(f, (x, y), vs)
    assert type(value) is type(out)
    there = np.real(dot(dout, moved))
    here = sum(np.real(dot(dx, v)) for dx, v in zip(back(dout), vs))
    rtol = 1e-4 if x.dtype == np.float32 else 1e-10
    np.testing.assert_allclose(there, here, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
@pytest.mark.parametrize("seed", range(6))
def test_jvp_agrees_with_finite_differences(program: int, seed: int) -> None:
    f = PROGRAMS[program]
    _, x, y = random_args(seed)

    def wrapped(x: Any, y: Any) -> Any:
        return f(x, y)

    frule.register(wrapped)(lambda ts, _, x, y: jvp(f, (x, y), ts[1:]))
    test_frule(wrapped, x, y)


WITHOUT = {  # their values are random, or they are no functions of numbers
    "copyto", "fill_diagonal", "put", "putmask", "place", "put_along_axis",
}  # fmt: skip


def numpy_calls() -> list[Any]:
    found = []
    for name in sorted(CALLS):
        function: Any = np
        for part in name.split("."):
            function = getattr(function, part, None)
        if function is not None and rrule.has(function) and name not in WITHOUT:
            found += [
                pytest.param(call, id=f"{name}-{k}") for k, call in enumerate(calls(name, function))
            ]
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", numpy_calls())
def test_derived_frules_of_the_library(call: Any) -> None:
    """Each call of numpy: forwards and backwards have the same inner product."""
    f, xs = call, tuple(call.numbers)
    out, back = pullback(f, *xs)
    vs = tuple(rand_tangent(x) for x in xs)
    dout = rand_tangent(out, np.random.default_rng(1))
    if isinstance(dout, NoTangent):
        pytest.skip("nothing moves")
    _, moved = jvp(f, xs, vs)
    here = sum(np.real(dot(dx, v)) for dx, v in zip(back(dout), vs))
    np.testing.assert_allclose(np.real(dot(dout, moved)), here, rtol=1e-9, atol=1e-12)


def test_what_does_not_move() -> None:
    x = np.array([1.0, 2.0])
    for zero in (None, NoTangent(), ZeroTangent(), 0):
        assert jvp(lambda x, n: x * n, (x, 3), (np.ones(2), zero))[1].tolist() == [3.0, 3.0]
    _, dy = jvp(lambda x, p: x * p.x, (x, Point(2.0, 1.0)), (None, Tangent[Point](x=1.0)))
    assert dy.tolist() == [1.0, 2.0]
    assert jvp(np.sin, (x,), (None,))[1].tolist() == [0.0, 0.0]
    assert isinstance(unthunk(frule((None, None), np.sin, x)[1]), ZeroTangent)
    assert isinstance(jvp(np.argmax, (x,), (x,))[1], NoTangent)


@pytest.mark.parametrize(
    ("xs", "vs"),
    [
        ((1.0,), (np.ones(2),)),
        ((np.ones(2),), (1.0,)),
        ((1.0,), (1j,)),
        ((3,), (1.0,)),
        (("a",), (1.0,)),
    ],
)
def test_what_is_no_tangent_of_its_argument(xs: Any, vs: Any) -> None:
    with pytest.raises(TangentError):
        jvp(lambda x: x * 2, xs, vs)


def test_the_number_of_tangents() -> None:
    with pytest.raises(TypeError, match=r"1 tangents for .* and 1 arguments"):
        frule((1.0,), np.sin, 1.0)
    with pytest.raises(TypeError, match="tangents come first"):
        frule(np.sin, 1.0)


def test_rules_that_ask_whether_a_cotangent_is_zero() -> None:
    def f(x: float) -> float:
        return 3.0 * x

    @rrule.register(f)
    def rrule_f(_: Any, x: float) -> Any:
        return f(x), lambda dy: (NoTangent(), 0.0 * x if dy == 0 else 3.0 * dy)

    assert frule((None, 2.0), f, 1.0)[1] == 6.0


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (0,)])
def test_pullbacks_that_the_tape_cannot_follow(kind: Any, shape: Any, forget_rules: None) -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y, np.sum(y**2)

    @rrule.register(f)
    def rrule_f(_: Any, x: Any, y: Any) -> Any:
        def f_pullback(d: Any) -> Any:
            dx = np.empty(np.shape(x), kind)
            for k in np.ndindex(np.shape(x)):  # into an array of its own
                one = d[0][k] if shape else d[0]
                dx[k] = (complex if kind is np.complex128 else float)(one) * y[k]
            return NoTangent(), dx, np.real(np.conj(x) * d[0]) + 2 * y * d[1]

        return f(x, y), f_pullback

    rng = np.random.default_rng(3)
    x, y = (np.asarray(rng.uniform(0.5, 1.5, size=shape)) for _ in range(2))
    x = np.asarray(x * (1 + 0.5j) if kind is np.complex128 else x, kind)
    vx, vy = rand_tangent(x, rng), rand_tangent(y, rng)
    _, moved = jvp(f, (x, y), (vx, vy))
    rtol = 1e-5 if kind is np.float32 else 1e-12
    np.testing.assert_allclose(moved[0], vx * y + x * vy, rtol=rtol)
    np.testing.assert_allclose(moved[1], np.sum(2 * y * vy), rtol=rtol)


def test_errors_of_pullbacks_are_raised(forget_rules: None) -> None:
    def f(x: Any) -> Any:
        return x

    def fails(dy: Any) -> Any:
        raise ZeroDivisionError("in the pullback")

    rrule.register(f)(lambda _, x: (x, fails))
    with pytest.raises(ZeroDivisionError, match="in the pullback"):
        jvp(f, (1.0,), (1.0,))
    rrule.register(f)(lambda _, x: (x, lambda dy: (NoTangent(), NotImplementedTangent("not yet"))))
    for x, v in ((1.0, 1.0), (np.ones(2), np.ones(2)), (1.0, NotImplementedTangent("not yet"))):
        with pytest.raises(NotImplementedTangentError, match="not yet"):
            jvp(f, (x,), (v,))


def test_higher_orders() -> None:
    x, v = np.array([0.5, 1.5]), np.array([1.0, -2.0])

    def f(x: Any) -> Any:
        return np.sum(np.exp(x) * x[::-1] ** 2)

    expected = hessian(f, x) @ v
    np.testing.assert_allclose(hvp(f, x, v), expected)
    np.testing.assert_allclose(gradient(lambda x: jvp(f, (x,), (v,))[1], x)[0], expected)
    np.testing.assert_allclose(jvp(lambda x: gradient(f, x)[0], (x,), (v,))[1], expected)
    twice = jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    np.testing.assert_allclose(twice, v @ expected)


def test_hvp_of_structures_and_complex_numbers() -> None:
    p = Point(np.array([1.0, 2.0]), 3.0)
    found = hvp(lambda p: np.sum(p.x**2) * p.y, p, Tangent[Point](x=np.array([1.0, 0.0])))
    assert found.x.tolist() == [6.0, 0.0] and found.y == 2.0
    z, v = np.array([1.0 + 2j]), np.array([0.5 - 1j])
    # |z|⁴: the gradient 4 |z|² z moves by 8 Re(conj(z) v) z + 4 |z|² v
    expected = 8 * np.real(np.conj(z) * v) * z + 4 * np.abs(z) ** 2 * v
    np.testing.assert_allclose(hvp(lambda z: np.sum(np.abs(z) ** 4), z, v), expected)


def test_own_frules_go_first_and_see_the_config() -> None:
    def f(x: float) -> float:
        return x * x

    @rrule.register(f)
    def rrule_f(_: Any, x: float) -> Any:
        return f(x), lambda dy: (NoTangent(), 2 * x * dy)

    class OtherAD(RuleConfig[HasForwardMode]): ...

    @frule.register(f)
    def frule_f(tangents: Any, _: Any, x: float) -> Any:
        return f(x), 100.0 * tangents[1]

    @frule.register(f)
    def frule_f_other(config: OtherAD, tangents: Any, _: Any, x: float) -> Any:
        assert isinstance(config, OtherAD)
        return f(x), 200.0 * tangents[1]

    assert frule((None, 1.0), f, 2.0) == (4.0, 100.0)
    assert frule(OtherAD(), (None, 1.0), f, 2.0) == (4.0, 200.0)
    assert jvp(f, (2.0,), (1.0,)) == (4.0, 100.0)
    no_frule.register(f, float)
    assert frule(TapeConfig(), (None, 1.0), f, 2.0) is None
    assert jvp(f, (2.0,), (1.0,)) == (4.0, 4.0)  # the tape by itself, with the rrule
    assert frule.has(f) and not frule.has(np.sin)


def test_instances_and_methods() -> None:
    registry = ForwardRegistry()

    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

        def half(self, x: float) -> float:
            return self.k * x / 2

    s, ds = Scale(3.0), Tangent[Scale](k=1.0)
    for f, y, dy in ((s, 6.0, 32.0), (s.half, 3.0, 16.0)):
        assert frule_via_ad(TapeConfig(), (ds, 10.0), f, 2.0) == (y, dy)

    @registry.register(Scale.__call__)
    def frule_scale(tangents: Any, s: Any, x: float) -> Any:
        return s(x), tangents[0].k * x + s.k * tangents[1]

    @registry.register(Scale.half)
    def frule_half(tangents: Any, _: Any, s: Any, x: float) -> Any:
        assert isinstance(tangents[0], NoTangent)
        return s.half(x), (tangents[1].k * x + s.k * tangents[2]) / 2

    assert registry((ds, 10.0), s, 2.0) == (6.0, 32.0)
    assert registry((None, ds, 10.0), Scale.__call__, s, 2.0) == (6.0, 32.0)
    assert registry((ds, 10.0), s.half, 2.0) == (3.0, 16.0)
    assert registry((None, ds, 10.0), Scale.half, s, 2.0) == (3.0, 16.0)


def test_features_of_configs() -> None:
    assert HasForwardsMode is HasForwardMode and NoForwardsMode is NoForwardMode
    assert TapeConfig().has(HasForwardMode)
    for config in (RuleConfig[NoForwardMode](), RuleConfig()):
        with pytest.raises(ConfigError, match="no forward mode"):
            frule_via_ad(config, (None, 1.0), np.sin, 1.0)
    with pytest.raises(ConfigError, match="config first"):
        frule_via_ad(None, (None, 1.0), np.sin, 1.0)  # type: ignore[arg-type]

    def twice(f: Any, x: float) -> Any:
        return f(f(x))

    @frule.register(twice)
    def frule_twice(
        config: RuleConfig[HasForwardsMode], tangents: Any, _: Any, f: Any, x: float
    ) -> Any:
        y, dy = frule_via_ad(config, (None, tangents[2]), f, x)
        return frule_via_ad(config, (None, dy), f, y)

    y, dy = jvp(twice, (lambda x: x * x, 3.0), (None, 1.0))
    assert (y, dy) == (81.0, 4 * 3.0**3)
    assert frule((None, None, 1.0), twice, np.sin, 3.0) is None
    assert frule(RuleConfig[NoForwardMode](), (None, None, 1.0), twice, np.sin, 3.0) is None

    class Mine(RuleConfig[HasForwardMode]):
        def frule_via_ad(self, tangents: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
            return "mine", tangents

    assert frule_via_ad(Mine(), (None, 1.0), np.sin, 2.0) == ("mine", (NoTangent(), 1.0))


def test_a_rule_that_gives_something_else() -> None:
    registry = ForwardRegistry()

    @registry.register(abs)
    def frule_abs(tangents: Any, _: Any, x: float) -> Any:
        return abs(x) if x > 0 else None

    with pytest.raises(RuleError, match="returned no"):
        registry((None, 1.0), abs, 2.0)
    assert registry((None, 1.0), abs, -2.0) is None


def test_test_frule_finds_wrong_rules() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sin(x) * y

    def check(dy: Any, y: Any = None) -> None:
        rule = frule.register(f)(lambda ts, _, x, y_: (f(x, y_) if y is None else y, dy(ts, x, y_)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test_frule(f, np.array([0.3, 0.7]), np.array([1.1, 0.4]))
        assert rule is not None

    with pytest.raises(RuleTestFailure, match="there is no frule"):
        test_frule(f, 1.0, 2.0)
    right = lambda ts, x, y: np.cos(x) * y * ts[1] + np.sin(x) * ts[2]
    check(right)
    for wrong, message in [
        (lambda ts, x, y: np.cos(x) * y * ts[1], "is wrong"),
        (lambda ts, x, y: right(ts, x, y) * 1.001, "is wrong"),
        (lambda ts, x, y: np.sum(right(ts, x, y)), "the tangent of the result"),
        (lambda ts, x, y: ts[3], "raised"),
    ]:
        with pytest.raises(RuleTestFailure, match=message):
            check(wrong)
    with pytest.raises(RuleTestFailure, match="primal value"):
        check(right, np.zeros(2))
    frule.register(f)(lambda ts, _, x, y: (f(x, y), ts[1] * np.cos(x) * y))
    test_frule(f, np.array([0.3]), Along(np.array([1.1]), NoTangent()))


def test_a_pullback_that_is_not_linear_has_no_way_forwards() -> None:
    def clipped(x: Any) -> Any:
        return hook(lambda dx: np.clip(dx, -0.1, 0.1), 3.0 * x)

    with pytest.raises(RuleError, match=r"not linear.*frule"):
        jvp(clipped, (1.0,), (1.0,))
    assert gradient(clipped, 1.0) == pytest.approx((0.3,))
    by_rows = jacobian(lambda x: np.concatenate([clipped(x)] * 9), np.ones(1))
    np.testing.assert_allclose(by_rows, np.full((9, 1), 0.3))
    jvp(lambda x: hook(lambda dx: -dx, x), (1.0,), (1.0,))
