"""The shim: every form of the legacy language,
and that its rules and those of rrule see each other."""

from __future__ import annotations

import functools
import math
import sys
import types
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Optional, Sequence, Union  # noqa: UP035

import numpy as np
import pytest
from numpy.typing import NDArray

import rules_runtime.legacy as zr
from rules_runtime import (
    HasReverseMode,
    NoTangent,
    RuleConfig,
    RuleError,
    RulesError,
    Tangent,
    TapeConfig,
    Thunk,
    ZeroTangent,
    from_legacy_rule,
    rrule,
)
from rules_runtime.legacy import (
    Context,
    Val,
    _pullback,
    accum,
    adjoint,
    dropgrad,
    gradient,
    hook,
    ignore,
    literal_getfield,
    literal_getproperty,
    nograd,
    pullback,
)

pytestmark = pytest.mark.usefixtures("forget_rules")

ZERO, NONE = ZeroTangent(), NoTangent()


class MyAD(RuleConfig[HasReverseMode]): ...


@dataclass
class Foo:
    a: float
    b: float


class State(NamedTuple):
    h: Any
    c: Any


def says(word: str, n: int = 1) -> Any:
    return word, lambda dy: (None,) * n


def value(f: Any, *args: Any, **kwargs: Any) -> Any:
    found = rrule(MyAD(), f, *args, **kwargs)
    return None if found is None else found[0]


def pulled(f: Any, *args: Any, dy: Any = 1.0, **kwargs: Any) -> Any:
    return rrule(MyAD(), f, *args, **kwargs)[1](dy)


# The guide's example


def f(x: Any, y: Foo, z: Any) -> Any:
    return 2 * x + y.a


f_itself = f


@adjoint
def f(x: Any, y: Foo, z: Any) -> Any:
    def f_pullback(dy: Any) -> Any:
        return 2 * dy, {"a": dy, "b": None}, None

    return f(x, y, z), f_pullback


def test_the_example_of_the_guide() -> None:
    assert f is f_itself
    y, back = rrule(f, 2.5, Foo(9.9, 7.2), 31.0)
    assert y == 14.9
    assert back(1.0) == (NONE, 2.0, Tangent[Foo](a=1.0), ZERO)
    assert gradient(f, 2.5, Foo(9.9, 7.2), 31.0) == (2.0, {"a": 1.0, "b": None}, None)


# Forms of adjoint


def test_the_bare_form_in_a_function() -> None:
    def g(x: Any) -> Any:
        return "the function"

    kept = g

    @adjoint
    def g(x: Any) -> Any:
        return says("the rule")

    assert g is kept
    assert value(g, 1.0) == "the rule"


def test_the_bare_form_for_what_an_enclosing_function_defined() -> None:
    def g(x: Any) -> Any:
        return x

    kept = g

    def inside() -> Any:
        @adjoint
        def g(x: Any) -> Any:
            return says("the rule")

        return g

    assert inside() is kept
    assert value(kept, 1.0) == "the rule"


def global_target(x: Any) -> Any:
    return x


def test_the_bare_form_for_a_global_a_builtin_and_an_import() -> None:
    def register() -> Any:
        @adjoint
        def global_target(x: Any) -> Any:
            return says("the rule")

        return global_target

    assert register() is global_target
    assert value(global_target, 1.0) == "the rule"

    from math import erfc

    kept = erfc

    @adjoint
    def erfc(x: Any) -> Any:
        return says("erfc")

    assert erfc is kept
    assert value(math.erfc, 1.0) == "erfc"

    def builtin() -> Any:
        @adjoint
        def divmod(a: Any, b: Any) -> Any:
            return says("divmod", 2)

        return divmod

    assert builtin() is divmod
    assert value(divmod, 5, 3) == "divmod"


def test_the_bare_form_without_a_target() -> None:
    with pytest.raises(NameError, match="nobody_defined_this"):

        @adjoint
        def nobody_defined_this(x: Any) -> Any: ...

    not_callable = 3
    with pytest.raises(RuleError, match="can be called"):

        @adjoint
        def not_callable(x: Any) -> Any: ...


@pytest.mark.parametrize(
    "target", [np.sinc, math.gamma, Foo, State, len, np.multiply.reduce], ids=repr
)
def test_the_form_with_a_target_binds_the_rule(target: Any) -> None:
    @adjoint(target)
    def rule(*args: Any) -> Any:
        return says("the rule", len(args))

    assert rule(1.0)[0] == "the rule"  # undecorated
    assert value(target, "of any kind") == "the rule"


def test_adjoint_as_a_call() -> None:
    def g(x: Any) -> Any:
        return x

    def rule(x: Any) -> Any:
        return says("the rule")

    assert adjoint(g)(rule) is rule
    assert value(g, 1.0) == "the rule"
    adjoint(g)(lambda x: says("a lambda"))
    assert value(g, 1.0) == "a lambda"


def test_a_target_of_the_same_name_elsewhere() -> None:
    other = types.SimpleNamespace()

    def make() -> Any:
        def g(x: Any) -> Any:
            return x

        return g

    other.g = make()

    def g(x: Any) -> Any:
        return x

    @adjoint(other.g)
    def g_rule(x: Any) -> Any:
        return says("other")

    assert value(other.g, 1.0) == "other"
    assert value(g, 1.0) is None


def test_one_rule_for_two_targets() -> None:
    def one(x: Any) -> Any: ...
    def two(x: Any) -> Any: ...

    @adjoint(one)
    @adjoint(two)
    def rule(x: Any) -> Any:
        return says("both")

    assert value(one, 1.0) == value(two, 1.0) == "both"


def test_rules_made_in_a_loop_and_by_another_function() -> None:
    def define(target: Any, word: str) -> Any:
        @adjoint(target)
        def rule(x: Any) -> Any:
            return says(word)

        return rule

    def one(x: Any) -> Any: ...
    def two(x: Any) -> Any: ...

    for target, word in [(one, "one"), (two, "two")]:
        define(target, word)
    assert (value(one, 1.0), value(two, 1.0)) == ("one", "two")


def test_decorators_above_and_below() -> None:
    above: list[Any] = []
    calls: list[Any] = []

    def public(g: Any) -> Any:
        above.append(g)
        return g

    def counted(rule: Any) -> Any:
        @functools.wraps(rule)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            return rule(*args, **kwargs)

        return wrapper

    def g(x: float) -> Any:
        return x

    kept = g

    @public
    @adjoint
    @counted
    def g(x: float) -> Any:
        return says("the rule")

    assert g is kept
    assert above == [kept]
    assert value(g, 1.0) == "the rule"
    assert calls == [(1.0,)]
    assert value(g, "a") is None  # the annotation of what is wrapped

    @public
    @adjoint(g)
    @counted
    def rule(x: str) -> Any:
        return says("str")

    assert value(g, "a") == "str"
    assert above[1] is rule


def test_decorators_below_that_keep_nothing_of_the_rule() -> None:
    def opaque(rule: Any) -> Any:
        return lambda *args: rule(*args)

    class Callable:
        def __init__(self, rule: Any) -> None:
            self.rule = rule

        def __call__(self, *args: Any) -> Any:
            return self.rule(*args)

    for decorator in (opaque, Callable, lambda rule: functools.partial(rule)):

        def g(x: Any) -> Any:
            return x

        kept = g

        @opaque
        @adjoint
        @decorator
        def g(x: Any) -> Any:
            return says("the rule")

        assert g is not kept  # the decorator above saw to that
        assert value(kept, 1.0) == "the rule"

        @adjoint(mutating=True)
        @decorator
        def kept(x: Any) -> Any:
            return says("mutating")

        assert value(kept, 1.0) == "mutating"


def test_a_target_that_is_made_on_the_spot() -> None:
    @adjoint(target := lambda x: x)
    def rule(x: Any) -> Any:
        return says("the rule")

    assert value(target, 1.0) == "the rule"
    (decorate,) = map(adjoint, [target])
    assert decorate(rule) is rule


def test_other_names_for_adjoint() -> None:
    def g(x: Any) -> Any: ...

    kept = g
    rule_for = zr.adjoint

    @rule_for
    def g(x: Any) -> Any:
        return says("an alias")

    assert g is kept
    assert value(g, 1.0) == "an alias"
    adj = functools.partial(adjoint, mutating=True)

    @adj
    def g(x: Any) -> Any:
        return says("a partial")

    assert g is kept
    assert value(g, 1.0) == "a partial"


def test_methods_static_methods_and_class_methods() -> None:
    class Line:
        def __init__(self, k: float) -> None:
            self.k = k

        def at(self, x: float) -> float:
            return self.k * x

        @classmethod
        def make(cls, k: float) -> Line:
            return cls(k)

        @staticmethod
        def free(x: float) -> float:
            return x

    @adjoint(Line.at)
    def _(self: Line, x: float) -> Any:
        return self.at(x), lambda dy: ({"k": dy * x}, dy * self.k)

    @adjoint(Line.make)
    def _(k: float) -> Any:
        return Line(k), lambda dline: (dline["k"],)

    @adjoint(Line.free)
    def _(x: float) -> Any:
        return x, lambda dy: (3 * dy,)

    assert pulled(Line(2.0).at, 3.0) == (Tangent[Line](k=3.0), 2.0)
    assert pulled(Line.make, 3.0, dy=Tangent[Line](k=5.0)) == (NONE, 5.0)
    assert pulled(Line.free, 1.0) == pulled(Line(1.0).free, 1.0) == (NONE, 3.0)
    assert gradient(Line(2.0).at, 3.0) == (2.0,)


def test_rules_in_a_class_body() -> None:
    class Line:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

        kept = __call__

        @adjoint
        def __call__(self, x: float) -> Any:
            return self.k * x, lambda dy: ({"k": dy * x}, dy * self.k)

        def at(self, x: float) -> float:
            return self.k * x

        @adjoint
        def at(self: Line, x: float) -> Any:
            return Line.at(self, x), lambda dy: ({"k": dy * x}, dy * self.k)

        @classmethod
        def make(cls, k: float) -> Line:
            return cls(k)

        @adjoint
        def make(k: float) -> Any:
            return Line(k), lambda dline: (dline["k"],)

        @staticmethod
        def free(x: float) -> float:
            return x

        @adjoint
        def free(x: float) -> Any:
            return x, lambda dy: (3 * dy,)

        def twice(self, x: float) -> float:
            return 2 * x

        @adjoint(twice)
        def twice_rule(self, x: float) -> Any:
            return 2 * x, lambda dy: (None, 2 * dy)

        @property
        def size(self) -> float:
            return self.k

        @adjoint(size)
        def size_rule(self) -> Any:
            return self.k, lambda dy: ({"k": dy},)

        class Inner:
            def go(self, x: float) -> float:
                return x

            @adjoint
            def go(self, x: float) -> Any:
                return x, lambda dy: (None, 4 * dy)

    line = Line(2.0)
    assert Line.__call__ is Line.kept
    assert line(3.0) == 6.0
    assert line.at(3.0) == 6.0
    assert Line.make(1.0).k == 1.0
    assert Line.free(1.0) == 1.0
    assert pulled(line, 3.0) == (Tangent[Line](k=3.0), 2.0)
    assert pulled(Line.__call__, line, 3.0) == (NONE, Tangent[Line](k=3.0), 2.0)
    assert pulled(line.at, 3.0) == (Tangent[Line](k=3.0), 2.0)
    assert pulled(Line.make, 3.0, dy=Tangent[Line](k=5.0)) == (NONE, 5.0)
    assert pulled(Line.free, 3.0) == (NONE, 3.0)
    assert pulled(line.twice, 3.0) == (ZERO, 2.0)
    assert pulled(Line.size.fget, line) == (NONE, Tangent[Line](k=1.0))
    assert pulled(Line.Inner().go, 3.0) == (NONE, 4.0)


def test_a_call_of_another_name_in_a_class_body() -> None:
    class Line:
        __call__ = lambda self, x: x

        @adjoint
        def __call__(self, x: Any) -> Any:
            return "the rule", lambda dy: (None, 5 * dy)

    class Other:
        __call__ = lambda self, x: x

        @adjoint(__call__)
        def rule(self, x: Any) -> Any:
            return "the other", lambda dy: (None, 7 * dy)

    assert Line()(3.0) == 3.0
    assert pulled(Line(), 1.0) == (NONE, 5.0)
    assert pulled(Other(), 1.0) == (NONE, 7.0)


def test_functors_and_their_subclasses() -> None:
    class Base:
        def __call__(self, x: Any) -> Any:
            return x

    class Child(Base): ...

    class Overriding(Base):
        def __call__(self, x: Any) -> Any:
            return -x

    @adjoint(Base.__call__)
    def rule(self: Base, x: Any) -> Any:
        return "the rule", lambda dy: (None, dy)

    assert value(Base(), 1.0) == value(Child(), 1.0) == "the rule"
    assert value(Overriding(), 1.0) is None
    assert pulled(Base(), 1.0) == (NONE, 1.0)

    @adjoint(Child.__call__)
    def rule_child(self: Child, x: Any) -> Any:
        return "the child's", lambda dy: (None, dy)

    assert (value(Base(), 1.0), value(Child(), 1.0)) == ("the rule", "the child's")


def test_constructors() -> None:
    class Line:
        def __init__(self, k: float, unit: str = "m") -> None:
            self.k, self.unit = k, unit

    class Steep(Line): ...

    @adjoint(Line)
    def _(k: float, unit: str = "m") -> Any:
        return Line(k, unit), lambda d: (d["k"], d.get("unit"))

    y, back = rrule(Line, 2.0, "cm")
    assert (y.k, y.unit) == (2.0, "cm")
    assert back(Tangent[Line](k=3.0)) == (NONE, 3.0, NONE)
    assert pulled(Line, 2.0, dy=Tangent[Line]()) == (NONE, ZERO)
    assert value(Steep, 2.0) is None


# Overloads


def test_overloads_by_annotation_and_by_number() -> None:
    def g(*args: Any) -> Any: ...

    @adjoint
    def g(x: float) -> Any:
        return says("float")

    @adjoint
    def g(x: NDArray[np.float64]) -> Any:
        return says("array")

    @adjoint
    def g(x: Union[str, bytes]) -> Any:  # noqa: UP007
        return says("text")

    @adjoint
    def g(x: Optional[Foo]) -> Any:  # noqa: UP045
        return says("Foo or None")

    @adjoint
    def g(x: Sequence[float]) -> Any:
        return says("sequence")

    @adjoint
    def g(x: Any, y: Any) -> Any:
        return says("two", 2)

    @adjoint
    def g(x: Any, y: int) -> Any:
        return says("two with int", 2)

    assert value(g, 1.0) == value(g, 3) == value(g, np.float32(1)) == "float"
    assert value(g, np.ones(1)) == "array"
    assert value(g, "a") == value(g, b"a") == "text"
    assert value(g, None) == value(g, Foo(1.0, 2.0)) == "Foo or None"
    assert value(g, [1.0]) == value(g, (1.0,)) == "sequence"
    assert value(g, 1.0, 2.0) == "two"
    assert value(g, 1.0, 2) == "two with int"
    assert value(g, 1.0, 2, 3) is None

    @adjoint
    def g(x: float) -> Any:
        return says("later")

    assert value(g, 1.0) == "later"


def test_a_literal_and_a_default() -> None:
    def total(xs: Any, how: Any = "sum") -> Any: ...

    @adjoint
    def total(xs: list[float], how: Literal["sum", "mean"] = "sum") -> Any:
        return how, lambda dy: ([dy for _ in xs], None)

    assert pulled(total, [1.0, 2.0]) == (NONE, Tangent[list](1.0, 1.0))
    assert pulled(total, [1.0, 2.0], "mean") == (NONE, Tangent[list](1.0, 1.0), NONE)
    assert value(total, [1.0], "max") == "max"


def test_several_def_underscore() -> None:
    def one(x: Any) -> Any: ...
    def two(x: Any) -> Any: ...

    @adjoint(one)
    def _(x: Any) -> Any:
        return says("one")

    @adjoint(two)
    def _(x: Any) -> Any:
        return says("two")

    assert (value(one, 1.0), value(two, 1.0)) == ("one", "two")


# What the pullback gets and returns


def test_the_cotangent_is_legacy_and_never_none() -> None:
    seen: list[Any] = []

    def g(x: Any) -> Any:
        return Foo(x, x), (x, [x]), State(x, x)

    @adjoint
    def g(x: Any) -> Any:
        return g_plain(x), lambda dy: seen.append(dy)

    def g_plain(x: Any) -> Any:
        return Foo(x, x), (x, [x]), State(x, x)

    _, back = rrule(g, 1.0)
    assert back(ZERO) == back(NONE) == back(Thunk(lambda: ZERO)) == (NONE, ZERO)
    assert seen == []
    back(Tangent[tuple](Tangent[Foo](a=1.0), ZERO, Tangent[State](c=2.0)))
    ((dfoo, dpair, dstate),) = seen
    assert dfoo == {"a": 1.0, "b": None}
    assert isinstance(dfoo, dict)
    assert dfoo["b"] is None
    assert dpair is None
    dh, dc = dstate
    assert (dh, dc, dstate["c"], dstate[1], dstate.get("h")) == (None, 2.0, 2.0, 2.0, None)


@pytest.mark.parametrize("bridged", [False, True])
def test_the_cotangent_of_a_dict_or_an_object_is_a_plain_dict(bridged: bool) -> None:
    """With all of its parts, so that a rule may count them, or tell by them what it was given."""

    def build(x: Any, kind: str) -> Any:
        return {"dict": {"a": x, "b": 2 * x}, "object": Foo(x, 2 * x), "pair": (x, 2 * x)}[kind]

    def rule(x: Any, kind: str) -> Any:
        def back(d: Any) -> Any:
            if type(d) is dict:
                assert d.keys() == {"a", "b"}
                try:
                    return d["missing"], None
                except KeyError:
                    n = sum(k for k, v in enumerate(d.values(), 1) if v is not None)
                    return 10.0 * n, None
            return 1.0, None

        return build(x, kind), back

    if bridged:
        rrule.register(build)(from_legacy_rule(rule))
    else:
        adjoint(build)(rule)
    first = lambda y: y["a"] if isinstance(y, dict) else y.a if isinstance(y, Foo) else y[0]
    both = lambda y: y["b"] + y["a"] if isinstance(y, dict) else first(y) + y.b
    for kind in ("dict", "object"):
        assert gradient(lambda x, kind=kind: first(build(x, kind)), 1.0) == (10.0,)
        assert gradient(lambda x, kind=kind: both(build(x, kind)), 1.0) == (30.0,)
        assert rrule(build, 1.0, kind)[1](Tangent[type(build(1.0, kind))](b=1.0))[1] == 20.0
    assert gradient(lambda x: first(build(x, "pair")), 1.0) == (1.0,)


def test_a_mutating_rule_runs_on_a_zero_too() -> None:
    def scale(x: Any) -> Any:
        return x

    kept, seen = scale, []

    @adjoint(mutating=True)
    def scale(x: Any) -> Any:
        def back(dy: Any) -> Any:
            seen.append(dy)
            return (dy,)

        return x, back

    assert scale is kept
    assert pulled(scale, 1.0, dy=ZERO) == (NONE, ZERO)
    assert pulled(scale, 1.0, dy=2.0) == (NONE, 2.0)
    assert seen == [None, 2.0]

    @adjoint(scale, mutating=True)
    def rule(x: float) -> Any:
        return "with a target", lambda dy: seen.append(dy)

    assert pulled(scale, 1.0, dy=NONE) == (NONE, ZERO)
    assert seen == [None, 2.0, None]


@pytest.mark.parametrize("result", [[1.0], {"x": 1.0}, 2.0, (1.0, 2.0), ()], ids=repr)
def test_a_pullback_returns_a_tuple_of_all_entries(result: Any) -> None:
    def g(x: Any) -> Any: ...

    @adjoint
    def g(x: Any) -> Any:
        return x, lambda dy: result

    with pytest.raises(RulesError, match=r"Gradient .* should be a tuple"):
        pulled(g, 1.0)
    with pytest.raises(RulesError, match=r"Gradient .* should be a tuple"):
        gradient(g, 1.0)


def test_the_value_of_the_rule_counts() -> None:
    def g(x: float) -> float:
        return x

    @adjoint
    def g(x: float) -> Any:
        return 100.0 * x, lambda dy: (7.0 * dy,)

    assert pullback(g, 2.0)[0] == 200.0
    assert pullback(lambda x: g(x) + 1.0, 2.0)[0] == 201.0
    assert gradient(lambda x: g(x) + 1.0, 2.0) == (7.0,)


# Calling the AD


def test_pullback_has_one_gradient_for_each_argument() -> None:
    y, back = pullback(lambda x, foo, name: x * foo.a, 2.0, Foo(3.0, 4.0), "name")
    assert y == 6.0
    assert back(1.0) == (3.0, {"a": 2.0, "b": None}, None)
    assert back(None) == (None, None, None)
    assert back(2.0) == (6.0, {"a": 4.0, "b": None}, None)


def test_pullback_takes_keywords_and_legacy_cotangents() -> None:
    def g(x: Any, k: float = 1.0) -> Any:
        return k * x, {"a": 2 * x}, State(3 * x, x)

    _, back = pullback(g, 1.0, k=5.0)
    assert back((1.0, None, None)) == (5.0,)
    assert back((None, {"a": 1.0}, None)) == (2.0,)
    assert back((None, None, {"h": 1.0, "c": None})) == (3.0,)
    assert back((None, None, (1.0, None))) == (3.0,)
    assert back((None, None, None)) == (None,)


def test_pullback_differentiates_arrays_tuples_and_lists() -> None:
    y, back = pullback(lambda x, ab: np.sum(x) * ab[0] + ab[1][0], np.ones(2), (2.0, [3.0]))
    assert y == 7.0
    dx, dab = back(1.0)
    assert dx.tolist() == [2.0, 2.0]
    assert dab == (2.0, [1.0])


def test_underscore_pullback_has_the_function_first() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

        def at(self, x: float) -> float:
            return self.k * x

    for context in (None, Context(), 3):
        _, back = _pullback(context, Scale(2.0), 3.0)
        assert back(1.0) == ({"k": 3.0}, 2.0)
        assert back(None) == (None, None)
    assert _pullback(None, Scale(2.0).at, 3.0)[1](1.0) == ({"k": 3.0}, 2.0)
    assert _pullback(None, lambda x: 2 * x, 3.0)[1](1.0) == (None, 2.0)


def test_gradient() -> None:
    assert gradient(lambda x, y: x * y, 2.0, 3.0) == (3.0, 2.0)
    assert gradient(lambda: 1.0) == ()


def test_inside_a_rule_they_go_to_the_ad_that_asked() -> None:
    asked: list[Any] = []

    class Asking(RuleConfig[HasReverseMode]):
        def rrule_via_ad(self, g: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(g)
            return super().rrule_via_ad(g, *args, **kwargs)

    def apply(g: Any, x: Any) -> Any: ...
    def apply_ctx(g: Any, x: Any) -> Any: ...

    @adjoint
    def apply(g: Any, x: Any) -> Any:
        y, back = pullback(g, x)
        return y, lambda dy: (None, *back(dy))

    @adjoint
    def apply_ctx(g: Any, x: Any, *, __context__: Context) -> Any:
        return _pullback(__context__, g, x)

    def late(x: Any) -> Any: ...

    @adjoint
    def late(x: Any) -> Any:
        return x, lambda dy: pullback(square, x)[1](dy)

    def square(x: Any) -> Any:
        return x * x

    for f_ in (apply, apply_ctx):
        assert rrule(Asking(), f_, square, 3.0)[1](1.0) == (NONE, NONE, 6.0)
    assert rrule(Asking(), late, 3.0)[1](1.0) == (NONE, 6.0)
    assert asked == [square] * 3
    assert rrule(TapeConfig(), apply, square, 3.0)[1](1.0) == (NONE, NONE, 6.0)
    assert rrule(apply, square, 3.0)[1](1.0) == (NONE, NONE, 6.0)
    assert len(asked) == 3


# Rules of both kinds see each other


def test_a_legacy_function_may_call_one_with_a_native_rule_and_the_other_way_round() -> None:
    def native(x: float) -> float:
        return math.exp(x)

    @rrule.register(native)
    def rule(_: Any, x: float) -> Any:
        return math.exp(x), lambda dy: (NONE, 10.0 * dy)

    def legacy(x: float) -> float:
        return math.exp(x)

    @adjoint
    def legacy(x: float) -> Any:
        return math.exp(x), lambda dy: (100.0 * dy,)

    assert gradient(lambda x: native(x) + legacy(x), 0.0) == (110.0,)
    assert pullback(native, 0.0)[1](1.0) == (10.0,)
    assert rrule(legacy, 0.0)[1](1.0) == (NONE, 100.0)


def test_a_rule_of_the_shim_ranks_like_one_without_a_config() -> None:
    def g(x: Any) -> Any: ...

    @adjoint
    def g(x: Any) -> Any:
        return says("legacy, general")

    @adjoint
    def g(x: str) -> Any:
        return says("legacy, str")

    @rrule.register(g)
    def special(_: Any, x: float) -> Any:
        return "native, special", lambda dy: (NONE, dy)

    @rrule.register(g)
    def with_config(config: RuleConfig[HasReverseMode], _: Any, x: Any) -> Any:
        return "native with a config", lambda dy: (NONE, dy)

    assert value(g, 1.0) == "native, special"
    assert value(g, "a") == "legacy, str"  # the more specific, before the one that requires more
    assert value(g, []) == "native with a config"  # of the two for anything

    @adjoint
    def g(x: float) -> Any:
        return says("legacy, later")

    assert value(g, 1.0) == "legacy, later"


def test_a_rule_for_a_function_of_numpy_wins_over_the_library() -> None:
    adjoint(np.exp2)(lambda x: ("legacy", lambda dy: (7.0 * dy,)))
    for x in (1.0, np.ones(2), 3):
        assert value(np.exp2, x) == rrule(np.exp2, x)[0] == "legacy"


# nograd


def test_nograd() -> None:
    def one(x: Any) -> Any:
        return x

    def two(x: Any) -> Any:
        return x

    assert nograd(one, two) is None
    assert pulled(one, 1.0) == pulled(two, 1.0) == (NONE, NONE)
    assert gradient(lambda x: x * one(x), 3.0) == (3.0,)

    @nograd
    def three(x: Any) -> Any:
        return 3 * x

    assert three(2.0) == 6.0
    assert pulled(three, 1.0) == (NONE, NONE)


# Reading fields


class Named:
    def __init__(self, a: float, b: float) -> None:
        self.a, self.b = a, b


class Polar:
    def __init__(self, r: float) -> None:
        self.r = r


@adjoint(literal_getproperty)
def _(p: Polar, name: Any) -> Any:
    if name == Val("area"):
        return math.pi * p.r**2, lambda dy: ({"r": 2 * math.pi * p.r * dy}, None)
    if name.value == "r":
        return p.r, lambda dy: ({"r": dy}, None)
    return getattr(p, name.value), lambda dy: None


@adjoint
def literal_getfield(n: Named, name: Val) -> Any:
    return -1.0 if name == Val("a") else n.b, lambda dy: ({name.value: 5 * dy}, None)


def test_reading_a_field_uses_the_rules_of_getattr() -> None:
    assert literal_getproperty(Foo(1.0, 2.0), Val("b")) == 2.0
    assert literal_getfield(Foo(1.0, 2.0), Val("a")) == 1.0
    assert (
        literal_getproperty(Polar(2.0), Val("area")) == math.pi * 4.0
    )  # Polar has no such attribute
    assert literal_getproperty(Named(1.0, 2.0), Val("a")) == -1.0
    assert literal_getproperty(Named(1.0, 2.0), Val("b")) == 2.0
    with pytest.raises(AttributeError):
        literal_getproperty(Foo(1.0, 2.0), Val("zz"))


def test_rules_for_literal_getproperty_are_rules_for_getattr() -> None:
    y, back = rrule(getattr, Polar(2.0), "area")
    assert y == math.pi * 4.0
    assert back(1.0) == (NONE, Tangent[Polar](r=4 * math.pi), NONE)
    assert rrule(getattr, Named(1.0, 2.0), "b")[1](1.0) == (NONE, Tangent[Named](b=5.0), NONE)
    assert rrule(getattr, Foo(1.0, 2.0), "a") is None


@pytest.mark.parametrize("read", [literal_getproperty, zr.literal_getfield])
def test_reading_a_field_can_be_differentiated(read: Any) -> None:
    assert pulled(read, Polar(2.0), Val("r")) == (NONE, Tangent[Polar](r=1.0), NONE)
    assert pulled(read, Foo(1.0, 2.0), Val("b")) == (NONE, Tangent[Foo](b=1.0), NONE)
    assert pulled(read, "text", Val("title")) == (NONE, NONE, NONE)
    assert gradient(lambda foo: 3 * read(foo, Val("b")), Foo(1.0, 2.0)) == ({"a": None, "b": 3.0},)
    y, back = pullback(lambda p: read(p, Val("area")), Polar(2.0))
    assert y == math.pi * 4.0
    assert back(1.0) == ({"r": 4 * math.pi},)


def test_a_rule_for_literal_getproperty_has_two_parameters() -> None:
    with pytest.raises(RuleError, match="two parameters"):
        adjoint(literal_getproperty)(lambda x: says("one"))


def test_val() -> None:
    assert Val("a") == Val("a")
    assert Val("a") != Val("b")
    assert Val("a") != "a"
    assert len({Val("a"), Val("a"), Val("b")}) == 2
    assert repr(Val("a")) == "Val('a')"


# hook, dropgrad, ignore


def test_hook() -> None:
    seen: list[Any] = []

    def look(d: Any) -> Any:
        seen.append(d)
        return None if d is None else 2 * d

    assert hook(look, 3.0) == 3.0
    assert gradient(lambda x: 3.0 * hook(look, x), 1.0) == (6.0,)
    assert seen == [3.0]
    assert pulled(
        hook, lambda d: {"a": d["a"], "b": None}, Foo(1.0, 2.0), dy=Tangent[Foo](a=1.0)
    ) == (
        NONE,
        NONE,
        Tangent[Foo](a=1.0),
    )


def test_dropgrad_and_ignore() -> None:
    assert dropgrad(3.0) == 3.0
    assert ignore(lambda: 4.0) == 4.0
    assert gradient(lambda x: dropgrad(x) * x, 3.0) == (3.0,)
    assert gradient(lambda x: ignore(lambda: 2 * x) * x, 3.0) == (6.0,)
    assert gradient(lambda x: dropgrad(x), 3.0) == (None,)


# accum


@pytest.mark.parametrize(
    ("tangents", "total"),
    [
        ((), None),
        ((None,), None),
        ((None, None), None),
        ((1.0, None, 2.0), 3.0),
        (((1.0, None), (2.0, None), None), (3.0, None)),
        (([1.0], [2.0]), [3.0]),
        (({"a": 1.0}, {"a": 1.0, "b": {"c": 1.0}}, {"b": {"c": 2.0}}), {"a": 2.0, "b": {"c": 3.0}}),
        (({"a": None}, {"a": (None, 1.0)}, {"a": (2.0, 1.0)}), {"a": (2.0, 2.0)}),
        ((Tangent[dict](a=1.0), {"a": 2.0}), {"a": 3.0}),
        ((ZERO, 1.0, NONE), 1.0),
    ],
    ids=repr,
)
def test_accum(tangents: Any, total: Any) -> None:
    assert accum(*tangents) == total


def test_accum_changes_nothing() -> None:
    x, y = np.ones(2), np.ones(2)
    a, b = {"w": x, "l": [x]}, {"w": y, "l": [y]}
    total = accum(a, b)
    assert total["w"].tolist() == total["l"][0].tolist() == [2.0, 2.0]
    assert x.tolist() == y.tolist() == [1.0, 1.0]
    assert accum(a) is a
    assert accum(None, a) is a
    with pytest.raises(ValueError, match="2 and 1 parts"):
        accum((1.0, 2.0), (1.0,))


def test_accum_of_the_two_forms_of_a_named_tuples_tangent() -> None:
    def g(s: State) -> Any: ...

    seen: list[Any] = []

    @adjoint
    def g(s: State) -> Any:
        def back(d: Any) -> Any:
            seen.append(accum(d, (1.0, None)))
            seen.append(accum((1.0, None), d))
            return (seen[0],)

        return s, back

    assert pulled(g, State(1.0, 2.0), dy=Tangent[State](h=1.0)) == (NONE, Tangent[State](h=2.0))
    for total in seen:
        assert (total["h"], total["c"]) == (2.0, None)


# The module


def test_a_star_import_brings_the_whole_language() -> None:
    space: dict[str, Any] = {}
    exec("from rules_runtime.legacy import *", space)
    for name in (
        "adjoint nograd pullback _pullback gradient literal_getproperty literal_getfield "
        "Val Context hook dropgrad ignore accum"
    ).split():
        assert space[name] is getattr(zr, name)


def test_the_bare_form_in_code_without_a_file() -> None:
    space: dict[str, Any] = {"adjoint": adjoint}
    exec(
        "def g(x): return x\nkept = g\n@adjoint\ndef g(x):\n    return 'rule', lambda dy: (dy,)\n",
        space,
    )
    assert space["g"] is space["kept"]
    assert value(space["g"], 1.0) == "rule"


def test_a_rule_registered_far_from_its_definition() -> None:
    def g(x: Any) -> Any:
        return x

    def rule(x: Any) -> Any:
        return says("the rule")

    adjoint(g)(rule)
    assert value(g, 1.0) == "the rule"


def test_generators_and_coroutines_fail_when_they_run() -> None:
    def g(x: Any) -> Any: ...

    @adjoint
    async def g(x: Any) -> Any:
        return x, lambda dy: (dy,)

    with (
        pytest.warns(RuntimeWarning, match="never awaited"),
        pytest.raises(RuleError, match=r"\(y, pullback\)"),
    ):
        value(g, 1.0)


def test_recursion_of_rules_through_the_ad_is_deep_enough() -> None:
    def g(x: Any, n: int) -> Any:
        return x

    @adjoint
    def g(x: Any, n: int) -> Any:
        if n == 0:
            return x, lambda dy: (dy, None)
        y, back = pullback(g, x, n - 1)
        return 2 * y, lambda dy: back(2 * dy)

    assert sys.getrecursionlimit() >= 1000
    assert pulled(g, 1.0, 20) == (NONE, 2.0**20, NONE)
