"""Rules for `getattr`, inside traced code:
reading an attribute of a traced object asks for the rule of its class."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    RuleConfig,
    Tangent,
    TapeConfig,
    ZeroTangent,
    gradient,
    no_rrule,
    pullback,
    rrule,
    rrule_via_ad,
    value_and_gradient,
)
from rules_runtime.legacy import Val, adjoint, literal_getfield, literal_getproperty
from rules_runtime.legacy import pullback as legacy_pullback
from rules_runtime.tape import hessian

pytestmark = pytest.mark.usefixtures("forget_rules")
N = NoTangent()


@dataclass
class P:
    a: float
    b: float
    unit: str = "m"

    @property
    def s(self) -> float:
        return self.a * self.b

    def method(self, x: Any) -> Any:
        return self.a * x

    @classmethod
    def make(cls, a: Any) -> P:
        return cls(a, 1.0)


class Child(P): ...


class Slots:
    __slots__ = ("a",)

    def __init__(self, a: Any) -> None:
        self.a = a


@dataclass(frozen=True)
class Frozen:
    a: float


class Point(NamedTuple):
    a: float
    b: float


class Fallback:
    def __init__(self, a: Any) -> None:
        self.a = a

    def __getattr__(self, name: str) -> Any:
        if name == "twice":
            return self.a * 2.0
        raise AttributeError(name)


@dataclass
class Holder:
    p: Any


read = getattr  # written so, linters leave it


def times(k: float, cls: Any = P) -> None:
    """A rule that gives another gradient than the code, on purpose."""

    def rule(_: Any, p: Any, name: str) -> Any:
        def back(dy: Any) -> Any:
            return N, Tangent[type(p)](**{"a" if name == "s" else name: k * dy}), N

        return getattr(p, name), back

    rule.__annotations__ = {"p": cls, "name": str}
    rrule.register(getattr)(rule)


READS: list[Callable[[Any], Any]] = [
    lambda p: p.a,
    lambda p: read(p, "a"),
    lambda p: getattr(p, "a", None),
    lambda p: operator.attrgetter("a")(p),
    lambda p: sum(q.a for q in (p,)),
    lambda p: Holder(p).p.a,
    lambda p: rrule_via_ad(TapeConfig(), lambda q: q.a, p)[0],
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("cls", [P, Child, Slots, Frozen, Point, Fallback])
def test_however_it_is_read(read: Any, cls: Any) -> None:
    times(100.0, cls)
    make = cls if cls in (Slots, Frozen, Fallback) else lambda a: cls(a, 3.0)
    assert gradient(lambda p: read(p) * 1.0, make(2.0))[0].a == 100.0
    assert gradient(lambda x: read(make(x)) * 1.0, 2.0) == (100.0,)
    assert gradient(lambda h: read(h.p) * 1.0, Holder(make(2.0)))[0].p.a == 100.0
    assert gradient(lambda h: read(h["k"][0]) * 1.0, {"k": [make(2.0)]})[0]["k"][0].a == 100.0


def test_properties_methods_and_what_is_no_number() -> None:
    times(100.0)
    p = P(2.0, 3.0)
    assert gradient(lambda p: p.s, p) == (Tangent[P](a=100.0, b=0.0),)
    assert gradient(lambda p: p.s + p.b, p) == (Tangent[P](a=100.0, b=100.0),)
    assert gradient(lambda p: p.method(5.0), p)[0].a == 500.0  # by the read of `a` in it
    assert gradient(lambda p: p.a if p.unit == "m" else 0.0, p)[0].a == 100.0
    assert gradient(lambda x: P.make(x).a, 2.0) == (100.0,)
    assert gradient(lambda p: float(hasattr(p, "nothing")) + p.a, p)[0].a == 100.0
    assert gradient(lambda p: replace(p, b=1.0).a, p)[0].a == 100.0 * 100.0  # two reads
    assert gradient(lambda f: f.twice * 1.0, Fallback(3.0))[0].a == 2.0
    with pytest.raises(AttributeError, match="nothing"):
        gradient(lambda p: p.nothing, p)


def test_nothing_changes_outside_of_traces_and_for_others() -> None:
    times(100.0)
    p = P(2.0, 3.0)
    assert (p.s, p.s, P(2.0, 3.0) == p, repr(p)) == (
        6.0,
        6.0,
        True,
        "P(a=2.0, b=3.0, unit='m')",
    )
    assert gradient(lambda x: x * p.s, 2.0) == (6.0,)
    assert gradient(lambda h: h.p * 1.0, Holder(2.0))[0].p == 1.0


def test_the_value_of_the_rule_counts() -> None:
    @rrule.register(getattr)
    def rule(_: Any, p: P, name: str) -> Any:
        if name == "s":
            return p.s + 1000.0, lambda dy: (N, Tangent[P](a=100.0 * dy), N)
        return getattr(p, name), lambda dy: (N, Tangent[P](**{name: 7.0 * dy}), N)

    p = P(2.0, 3.0)
    assert value_and_gradient(lambda p: p.s, p) == (1006.0, (Tangent[P](a=100.0, b=0.0),))
    assert pullback(getattr, p, "s")[0] == 1006.0

    def f(p: Any) -> Any: ...

    seen: list[float] = []

    @rrule.register(f)
    def rrule_f(_: Any, p: Any) -> Any:
        seen.append(p.s)  # plain code
        return read(p, "s"), lambda dy: (N, ZeroTangent())  # what literal_getproperty becomes

    assert pullback(f, p)[0] == 1006.0
    assert seen == [6.0]


def test_a_rule_may_read_what_it_was_asked_for() -> None:
    @rrule.register(getattr)
    def rule(_: Any, p: P, name: str) -> Any:
        return getattr(p, name) + p.a, lambda dy: (N, Tangent[P](**{name: 7.0 * dy}), N)

    assert value_and_gradient(lambda p: p.b, P(2.0, 3.0)) == (5.0, (Tangent[P](a=0.0, b=7.0),))


def test_legacy_rules_for_fields() -> None:
    @adjoint(literal_getproperty)
    def rule(p: P, name: Any) -> Any:
        if name == Val("s"):
            return literal_getfield(p, name) + 1000.0, lambda d: ({"a": 100.0 * d}, None)
        return getattr(p, name.value), lambda d: ({name.value: 7.0 * d}, None)

    p = P(2.0, 3.0)
    right = (1006.0, (Tangent[P](a=100.0, b=0.0),))
    assert value_and_gradient(lambda p: p.s, p) == right
    assert value_and_gradient(lambda p: literal_getproperty(p, Val("s")), p) == right
    assert literal_getproperty(p, Val("s")) == 1006.0
    y, back = legacy_pullback(literal_getproperty, p, Val("s"))
    assert (y, back(1.0)) == (1006.0, ({"a": 100.0, "b": None}, None)) or back(1.0)[0]["a"] == 100.0


def test_classes_that_come_later_and_unions() -> None:
    def rule(_: Any, x: Later | Slots, name: str) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return getattr(x, name), lambda dy: (N, Tangent[type(x)](a=9.0 * dy), N)

    rrule.register(getattr)(rule)
    later = type("Later", (P,), {})
    globals()["Later"] = later
    try:
        assert gradient(lambda x: x.a * 1.0, Slots(2.0))[0].a == 9.0
        assert gradient(lambda x: x.a * 1.0, later(2.0, 3.0))[0].a == 9.0
    finally:
        del globals()["Later"]


def test_a_rule_for_any_object() -> None:
    class Own:
        def __init__(self, a: Any) -> None:
            self.a = a

    rrule.register(getattr)(
        lambda _, x, name: (getattr(x, name), lambda dy: (N, Tangent[type(x)](a=9.0 * dy), N))
    )
    assert gradient(lambda x: x.a * 1.0, Own(2.0))[0].a == 9.0


def test_fields_of_numbers_and_arrays() -> None:
    @rrule.register(getattr)
    def of_complex(_: Any, z: complex, name: str) -> Any:
        return getattr(z, name), lambda dy: (N, 5.0 * dy + 0j, N)

    @rrule.register(getattr)
    def of_arrays(_: Any, x: np.ndarray, name: str) -> Any:
        return getattr(x, name), lambda dy: (N, 3.0 * np.ones(np.shape(x)), N)

    assert gradient(lambda z: z.real, 1.0 + 2.0j) == (5.0,)
    (g,) = gradient(lambda x: np.sum(x.T * x.T), np.ones((2, 3)))
    np.testing.assert_array_equal(g, np.full((2, 3), 6.0))


def test_second_order() -> None:
    @rrule.register(getattr)
    def rule(_: Any, p: Slots, name: str) -> Any:
        return p.a**2, lambda dy: (N, Tangent[Slots](a=3.0 * p.a * dy), N)

    # the derivative of the rule's pullback, 3 a,
    # at which `a` is read as a**2 with the derivative 3 a
    assert gradient(lambda x: Slots(x).a * 1.0, 2.0) == (6.0,)
    assert hessian(lambda x: Slots(x).a, 2.0) == 3.0 * 3.0 * 2.0


def test_configs_and_opting_out() -> None:
    class MyAD(RuleConfig[HasReverseMode]): ...

    @rrule.register(getattr)
    def rule(config: MyAD, _: Any, p: P, name: str) -> Any:
        return getattr(p, name), lambda dy: (N, Tangent[P](**{name: 7.0 * dy}), N)

    p = P(2.0, 3.0)
    assert gradient(lambda p: p.a * 1.0, p)[0].a == 1.0
    assert rrule_via_ad(MyAD(), lambda p: p.a * 1.0, p)[1](1.0)[1].a == 7.0
    times(100.0)
    assert gradient(lambda p: p.a * 1.0, p)[0].a == 100.0
    no_rrule.register(getattr, P, str)
    assert gradient(lambda p: p.a * 1.0, p)[0].a == 1.0


def test_what_cannot_be_read_with_a_rule_is_said() -> None:
    import types

    with pytest.warns(RuntimeWarning, match="rule for getattr"):
        times(100.0, types.SimpleNamespace)


def test_reading_costs_nothing_where_no_rule_is_for_the_class(monkeypatch: Any) -> None:
    def rule(_: Any, x: Any, name: Any) -> Any:
        return getattr(x, name), lambda dy: (N, N, N)

    added = rrule.add_rule(getattr, rule)
    gradient(lambda h: h.p * 1.0, Holder(2.0))  # a rule for any object: the class is watched now
    rrule.remove_rule(added)
    times(100.0)
    looked: list[Any] = []
    monkeypatch.setattr("rules_runtime.tape.getters.inner_tape", looked.append)
    assert gradient(lambda h: h.p * 1.0, Holder(2.0))[0].p == 1.0
    assert looked == []
