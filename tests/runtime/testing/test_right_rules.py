"""Rules that are right pass, whatever the arguments and the result are made of."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    NotImplementedTangent,
    RuleConfig,
    Tangent,
    Thunk,
    ZeroTangent,
    non_differentiable,
    rrule,
    rrule_via_ad,
    unthunk,
)
from rules_runtime.testing import RuleTestFailure, test_rrule

N, Z = NoTangent(), ZeroTangent()


@dataclass
class Foo:
    a: float
    b: float


@dataclass(frozen=True)
class Frozen:
    w: Any
    name: str = "f"
    inner: Any = field(default=None)


class Slotted:
    __slots__ = ("method", "step")

    def __init__(self, step, method="euler"):
        self.step, self.method = step, method


class Fit(NamedTuple):
    slope: float
    rest: np.ndarray


def test_the_example_of_the_guide():
    def f(x, y: Foo, z):
        return 2 * x + y.a

    @rrule.register(f)
    def rrule_f(_, x, y: Foo, z):
        def f_pullback(dy):
            return NoTangent(), 2 * dy, Tangent[Foo](a=dy), ZeroTangent()

        return f(x, y, z), f_pullback

    test_rrule(f, 2.5, Foo(9.9, 7.2), 31.0)
    test_rrule(f, 2.5, Foo(9.9, 7.2), "31.0")


def multiply(x, y):
    return x * y


@rrule.register(multiply)
def rrule_multiply(_, x, y):
    def unbroadcast(g, like):
        g = np.asarray(g)
        g = g.sum(axis=tuple(range(g.ndim - np.ndim(like))))
        ones = tuple(i for i, n in enumerate(np.shape(like)) if n == 1)
        g = g.sum(axis=ones, keepdims=True)
        return g if np.iscomplexobj(like) else np.real(g)

    def multiply_pullback(dz):
        dx = Thunk(lambda: unbroadcast(dz * np.conj(y), x))
        dy = Thunk(lambda: unbroadcast(dz * np.conj(x), y))
        return N, dx, dy

    return x * y, multiply_pullback


SHAPES = st.sampled_from(
    [
        ((), ()),
        ((3,), ()),
        ((), (2, 3)),
        ((2, 1), (3,)),
        ((2, 3), (2, 3)),
        ((0,), ()),
        ((4, 0), (0,)),
    ]
)
DTYPES = st.sampled_from(["f4", "f8", "c8", "c16"])


def numbers(rng, shape, dtype):
    drawn = rng.uniform(0.2, 3.0, size=shape) * rng.choice([-1, 1], size=shape)
    if dtype.startswith("c"):
        drawn = drawn + 1j * rng.normal(size=shape)
    return np.asarray(drawn).astype(dtype)


@settings(max_examples=60, deadline=None)
@given(
    shapes=SHAPES, dtypes=st.tuples(DTYPES, DTYPES), seed=st.integers(0, 2**20), view=st.booleans()
)
def test_broadcasting_at_any_shape_and_precision(shapes, dtypes, seed, view):
    rng = np.random.default_rng(seed)
    x, y = (numbers(rng, shape, dtype) for shape, dtype in zip(shapes, dtypes))
    if view and x.ndim:
        x = np.repeat(x, 2, axis=-1)[..., ::2]
        x.flags.writeable = False
    test_rrule(multiply, x, y)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(2.0, 3.0, id="floats"),
        pytest.param(2.0 + 1j, 3.0, id="complex and float"),
        pytest.param(np.float32(2.0), np.float64(3.0), id="scalars of numpy"),
        pytest.param(np.float16(2.0), np.arange(1, 4, dtype="f2"), id="half precision"),
        pytest.param(np.array(2.0), 1.5, id="0-d array"),
        pytest.param(1e-9, 1e9, id="far from one"),
        pytest.param(1e200, 1e-200, id="very far from one"),
        pytest.param(0.0, 0.0, id="zeros"),
        pytest.param(np.zeros((0, 3)), 1.0, id="empty"),
        pytest.param(np.asfortranarray(np.ones((2, 3))), np.ones(3)[::-1], id="strides"),
        pytest.param(np.linspace(-1, 1, 3000), np.linspace(1, 2, 3000), id="large, so sampled"),
    ],
)
def test_numbers(x, y):
    test_rrule(multiply, x, y)


@pytest.mark.parametrize("x", [1e-6, 0.01, 1.0, 50.0, 1e5, 1e12])
def test_logarithm_near_and_far_from_its_pole(x):
    def log(x):
        return np.log(x)

    @rrule.register(log)
    def rrule_log(_, x):
        return np.log(x), lambda dy: (N, dy / x)

    test_rrule(log, x)


def test_oscillation_at_a_large_argument():
    def sin(x):
        return np.sin(x)

    @rrule.register(sin)
    def rrule_sin(_, x):
        return np.sin(x), lambda dy: (N, dy * np.cos(x))

    test_rrule(sin, 1e6)
    test_rrule(sin, np.array([1e3, 1e-3, 0.0]))


def test_a_kink_that_is_near():
    def relu(x):
        return np.maximum(x, 0.0)

    @rrule.register(relu)
    def rrule_relu(_, x):
        return np.maximum(x, 0.0), lambda dy: (N, dy * (x > 0))

    test_rrule(relu, np.array([1e-3, -1e-3, 2.0]))


def test_nan_in_the_input_that_the_function_leaves_out():
    def total(x):
        return np.nansum(x)

    @rrule.register(total)
    def rrule_total(_, x):
        return np.nansum(x), lambda dy: (N, np.where(np.isnan(x), 0.0, dy))

    test_rrule(total, np.array([1.0, np.nan, 2.0]))


def test_keyword_arguments():
    def scaled(x, *, by, mode="up"):
        return x * by if mode == "up" else x / by

    @rrule.register(scaled)
    def rrule_scaled(_, x, *, by, mode="up"):
        k = by if mode == "up" else 1 / by
        return x * k, lambda dy: (N, dy * k)

    test_rrule(scaled, 1.5, fkwargs={"by": np.array([1.0, 2.0])[0], "mode": "down"})


def test_variadic_arguments():
    def total(*xs):
        return sum(xs)

    @rrule.register(total)
    def rrule_total(_, *xs):
        return sum(xs), lambda dy: (N, *(dy for _ in xs))

    test_rrule(total, 1.0, 2.0, np.float64(3.0))


def structures() -> list[Any]:
    return [
        pytest.param((2.0, 3.0), id="tuple"),
        pytest.param([2.0, np.ones(2)], id="list"),
        pytest.param({"a": 2.0, "b": {"c": np.ones((1, 2))}}, id="nested dict"),
        pytest.param({1: 2.0, (0, 1): 3.0}, id="dict with other keys"),
        pytest.param(Fit(1.0, np.array([1.0, 2.0])), id="named tuple"),
        pytest.param(Foo(1.0, 2.0), id="dataclass"),
        pytest.param(Frozen(np.ones(2), "x", [Foo(1.0, 2.0), None]), id="frozen and nested"),
        pytest.param(Slotted(0.5), id="slots"),
        pytest.param((1.0, "s", None, 3, True, np.arange(3), [], ()), id="parts that cannot move"),
        pytest.param([1.0 + 2.0j, np.array([1j, 2.0])], id="complex parts"),
        pytest.param([np.float32(1.5), np.ones(3, "f4")], id="float32 parts"),
    ]


@pytest.mark.parametrize("value", structures())
def test_structures_go_through_a_rule_both_ways(value):
    def same(x):
        return x

    @rrule.register(same)
    def rrule_same(_, x):
        return x, lambda dx: (N, dx)

    test_rrule(same, value)


def test_objects_with_several_fields_in_and_out():
    def swap(p):
        return Foo(p.b, 2 * p.a)

    @rrule.register(swap)
    def rrule_swap(_, p):
        return swap(p), lambda d: (N, Tangent[Foo](a=2 * d.b, b=d.a))

    test_rrule(swap, Foo(1.0, 2.0))


def test_tangent_of_a_base_class_and_of_a_plain_tuple():
    class Longer(Foo):
        pass

    def first(p):
        return 2 * p.a

    @rrule.register(first)
    def rrule_first(_, p):
        return 2 * p.a, lambda d: (N, Tangent[Foo](a=2 * d))

    test_rrule(first, Longer(1.0, 2.0))

    Pair = namedtuple("Pair", "u v")

    def product(p):
        return p[0] * p[1]

    @rrule.register(product)
    def rrule_product(_, p):
        return p[0] * p[1], lambda d: (N, Tangent[tuple](d * p[1], d * p[0]))

    test_rrule(product, Pair(1.0, 2.0))
    test_rrule(product, (1.0, 2.0))


def test_constructors():
    @rrule.register(Foo)
    def rrule_foo(_, a, b):
        return Foo(a, b), lambda d: (N, d.a, d.b)

    test_rrule(Foo, 1.0, 2.0)

    @rrule.register(Slotted)
    def rrule_slotted(_, step, method):
        return Slotted(step, method), lambda d: (N, d.step, N)

    test_rrule(Slotted, 1.0, "heun", strict=True)


class Scale:
    def __init__(self, k, power=2):
        self.k, self.power = k, power

    def __call__(self, x):
        return self.k * x**self.power

    def shifted(self, x):
        return x + self.k

    @classmethod
    def make(cls, k):
        return cls(2 * k)

    @staticmethod
    def twice(x):
        return 2 * x


@rrule.register(Scale.__call__)
def rrule_scale(self, x):
    def pullback(dy):
        dself = Tangent[Scale](k=dy * x**self.power)
        return dself, dy * self.k * self.power * x ** (self.power - 1)

    return self(x), pullback


@rrule.register(Scale.shifted)
def rrule_shifted(_, self, x):
    return x + self.k, lambda dy: (N, Tangent[Scale](k=dy), dy)


@rrule.register(Scale.make)
def rrule_make(_, k):
    return Scale(2 * k), lambda d: (N, 2 * d.k)


@rrule.register(Scale.twice)
def rrule_twice(_, x):
    return 2 * x, lambda d: (N, 2 * d)


def test_instance_calls_and_methods():
    test_rrule(Scale(1.5), 2.0)
    test_rrule(Scale(1.5, 3), np.float64(2.0))
    test_rrule(Scale.shifted, Scale(1.5), 2.0)
    test_rrule(Scale(1.5).shifted, 2.0)
    test_rrule(Scale.make, 2.0)
    test_rrule(Scale.twice, 2.0)


def test_functions_as_arguments():
    def apply(g, x):
        return g(x)

    @rrule.register(apply)
    def rrule_apply(config: RuleConfig[HasReverseMode], _, g, x):
        y, back = rrule_via_ad(config, g, x)
        return y, lambda dy: (N, *back(dy))

    test_rrule(apply, Scale(1.5), 2.0)
    test_rrule(apply, Scale.twice, 2.0, strict=True)


@pytest.mark.parametrize(
    "extra", ["s", b"s", 3, True, None, slice(1, 2), int, np.sin, len, (1, 2), [], ...]
)
def test_arguments_that_cannot_move(extra):
    def f(x, extra):
        return 2 * x

    @rrule.register(f)
    def rrule_f(_, x, extra):
        return 2 * x, lambda dy: (N, 2 * dy, N)

    test_rrule(f, 1.0, extra, strict=True)


def test_results_that_cannot_move():
    def order(x):
        return np.argsort(x)

    non_differentiable(order)
    test_rrule(order, np.array([2.0, 1.0]))

    def rank(x):
        return x * 2.0, np.argsort(x), "name"

    @rrule.register(rank)
    def rrule_rank(_, x):
        return rank(x), lambda d: (N, 2 * d[0])

    test_rrule(rank, np.array([2.0, 1.0]))


def test_integers_are_not_differentiable_even_alone():
    def double(n):
        return 2 * n

    @rrule.register(double)
    def rrule_double(_, n):
        return 2 * n, lambda d: (N, 2 * d)

    test_rrule(double, 2.0)
    with pytest.raises(RuleTestFailure, match=r"argument 1 \(n\): a int is not differentiable"):
        test_rrule(double, 2)


def test_output_tangents_as_the_user_writes_them():
    def both(x):
        return x, {"sq": x * x}

    @rrule.register(both)
    def rrule_both(_, x):
        return both(x), lambda d: (N, d[0] + 2 * x * d[1]["sq"])

    test_rrule(both, 1.5, output_tangent=(1.0, {"sq": 2.0}))
    test_rrule(both, 1.5, output_tangent=Tangent[tuple](1.0, Tangent[dict](sq=2.0)))


def test_a_tangent_that_says_it_is_not_implemented():
    def f(x, nu):
        return x * nu

    @rrule.register(f)
    def rrule_f(_, x, nu):
        return x * nu, lambda dy: (N, dy * nu, NotImplementedTangent("by the order"))

    test_rrule(f, 2.0, 3.0)


def test_config_of_the_users_own():
    class MyAD(RuleConfig[HasReverseMode]):
        pass

    def f(x):
        return 2 * x

    @rrule.register(f)
    def rrule_f(config: MyAD, _, x):
        return 2 * x, lambda dy: (N, 2 * dy)

    test_rrule(MyAD(), f, 2.0)
    with pytest.raises(RuleTestFailure, match="there is no rule"):
        test_rrule(f, 2.0)


def test_the_same_cotangents_every_time():
    seen = []

    def f(x):
        return 2 * x

    @rrule.register(f)
    def rrule_f(_, x):
        def pullback(dy):
            seen.append(float(unthunk(dy)))
            return N, 2 * dy

        return f(x), pullback

    test_rrule(f, 1.0)
    once = list(seen)
    seen.clear()
    test_rrule(f, 1.0)
    assert once == seen
    assert len(set(once)) > 1


def test_arguments_are_not_changed():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    test_rrule(multiply, x, 2.0)
    assert x.tolist() == [1.0, 2.0]


def test_a_function_that_changes_something_in_place():
    """Then its rule may change the same of an object, and nothing of an array."""

    class Layer:
        def __init__(self, k):
            self.k, self.calls = k, 0

        def __call__(self, x):
            self.calls += 1
            return self.k * x

    @rrule.register(Layer.__call__)
    def rrule_layer(self, x):
        return self(x), lambda dy: (Tangent[Layer](k=dy * x), dy * self.k)

    test_rrule(Layer(1.5), 2.0)

    def double(x):
        x *= 2
        return x.sum()

    @rrule.register(double)
    def rrule_double(_, x):
        return double(x), lambda dy: (N, 2 * dy * np.ones_like(x))

    x = np.array([1.0, 2.0])
    with pytest.raises(RuleTestFailure, match="double itself, writes into an argument"):
        test_rrule(double, x)
    assert x.tolist() == [1.0, 2.0]


def test_pytest_does_not_collect_it():
    assert test_rrule.__test__ is False
