"""Functions, classes and builtins with a rule stay what they were,
and their rules are found however they are called."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math
import pickle
import sys
import types
import warnings
from collections.abc import Callable
from math import erf
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    NoTangent,
    Tangent,
    TapeConfig,
    gradient,
    pullback,
    rrule,
    rrule_via_ad,
)
from rules_runtime.legacy import adjoint
from rules_runtime.tape import hessian

pytestmark = pytest.mark.usefixtures("forget_rules")
N = NoTangent()


def make() -> Any:
    def f(x: Any, k: Any = 2.0, *, shift: Any = 0.0) -> Any:
        return math.sin(x) * k + shift

    @rrule.register(f)
    def rule(_: Any, x: Any, k: Any = 2.0, *, shift: Any = 0.0) -> Any:
        return f(x, k, shift=shift), lambda dy: (N, 100.0 * dy * k, dy)

    gradient(lambda x: f(x), 1.0)
    return f


# -- functions -----------------------------------------------------------------------------------


def test_defaults_that_change_later() -> None:
    f = make()
    f.__defaults__ = (3.0,)
    f.__kwdefaults__ = {"shift": 5.0}
    assert f(1.0) == math.sin(1.0) * 3.0 + 5.0
    assert str(inspect.signature(f)).startswith("(x: 'Any', k: 'Any' = 3.0, *, shift: 'Any' = 5.0)")
    assert inspect.getfullargspec(f).args == ["x", "k"]
    f.__defaults__ = None
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'k'"):
        f(1.0)


def test_a_changed_default_reaches_the_rule_by_keyword_too() -> None:
    def f(x: Any, y: Any = 1.0, z: Any = 1.0) -> Any:
        return x * y * z

    rrule.register(f)(lambda _, x, y, z: (x * y * z, lambda dy: (N, 0.0, 0.0, 1000.0 * y * dy)))
    assert gradient(lambda z: f(2.0, z=z), 3.0) == (1000.0,)
    f.__defaults__ = (5.0, 1.0)
    assert gradient(lambda z: f(2.0, z=z), 3.0) == (5000.0,)


def test_copies_are_functions_of_their_own() -> None:
    f = make()
    g = types.FunctionType(f.__code__, {"math": math}, "g", (5.0,), f.__closure__)
    g.__kwdefaults__ = {"shift": 0.0}
    assert g(1.0) == 5.0 * math.sin(1.0)
    other = types.SimpleNamespace(sin=lambda x: 10.0 * x)
    h = types.FunctionType(f.__code__, {"math": other}, "h", (1.0,), f.__closure__)
    h.__kwdefaults__ = {"shift": 0.0}
    assert gradient(lambda x: h(x), 1.0) == (10.0,)  # no rule is for this one
    rrule.register(h)(lambda _, x, *, shift=0.0: (h(x), lambda dy: (N, 7.0 * dy)))
    assert gradient(lambda x: h(x), 1.0) == (7.0,)
    assert gradient(lambda x: f(x), 1.0) == (200.0,)
    assert copy.deepcopy(f) is f


def test_closures_of_copies() -> None:
    def make_inner(c: Any) -> Any:
        def inner(x: Any) -> Any:
            return x * c

        return inner

    inner = make_inner(2.0)
    rrule.register(inner)(lambda _, x: (inner(x), lambda dy: (N, 50.0 * dy)))
    assert gradient(lambda x: inner(x), 1.0) == (50.0,)
    assert gradient(lambda x: make_inner(3.0)(x), 1.0) == (3.0,)
    other = types.FunctionType(
        inner.__code__, globals(), "other", None, make_inner(4.0).__closure__
    )
    assert other(1.0) == 4.0
    assert gradient(lambda x: other(x), 1.0) == (4.0,)


def test_code_that_is_exchanged_by_others_and_a_new_registration() -> None:
    def f(x: Any) -> Any:
        return math.sin(x)

    def new(x: Any) -> Any:
        return math.cos(x)

    rrule.register(f)(lambda _, x: (f(x), lambda dy: (N, 200.0 * dy)))
    assert gradient(lambda x: f(x), 1.0) == (200.0,)
    f.__code__ = new.__code__  # as IPython's autoreload does
    rrule.register(f)(lambda _, x: (f(x), lambda dy: (N, 300.0 * dy)))
    assert gradient(lambda x: f(x), 1.0) == (300.0,)
    assert f(1.0) == math.cos(1.0)


def test_the_depth_of_recursion_stays() -> None:
    def depth(n: Any) -> Any:
        return 0 if n == 0 else 1 + depth(n - 1)

    rrule.register(depth)(lambda _, n: (depth(n), lambda dy: (N, N)))
    gradient(lambda x: x * depth(3), 1.0)
    most = sys.getrecursionlimit() - len(inspect.stack()) - 50
    assert depth(most) == most


def test_how_the_arguments_are_given() -> None:
    def f(x: Any, y: Any = None, z: Any = 1) -> Any:
        return x * 1.0

    calls: list[Callable[[Any], Any]] = [
        lambda x: f(x),
        lambda x: f(x, None),
        lambda x: f(x, 5.0),
        lambda x: f(x, y=5.0),
        lambda x: f(y=5.0, x=x),
        lambda x: f(x, z=2),
        lambda x: f(x, None, 1),
        lambda x: f(*(x, 1.0), z=3),
    ]

    def found(rule: Any) -> list[float]:
        added = rrule.add_rule(f, rule)
        try:
            return [gradient(call, 1.0)[0] for call in calls]
        finally:
            rrule.remove_rule(added)

    def back(*tangents: Any) -> Any:
        return lambda dy: (N, *tangents)

    assert found(lambda _, x, y=None, z=1: (1.0, back(7.0, N, N))) == [7.0] * 8
    assert found(lambda _, x, y, z: (1.0, back(7.0, N, N))) == [7.0] * 8
    assert found(lambda _, x, *, y=None, z=1: (1.0, back(7.0))) == [7.0] * 8
    assert found(lambda _, x, **kwargs: (1.0, back(7.0))) == [7.0] * 8
    assert found(lambda _, *args: (1.0, back(7.0, *args[1:]))) == [7.0] * 8
    # a rule for fewer arguments is no rule for a call with more
    assert found(lambda _, x: (1.0, back(7.0))) == [7.0, 7.0, 1.0, 1.0, 1.0, 1.0, 7.0, 1.0]


def test_what_stands_after_an_argument_that_is_left_out_was_given_by_name() -> None:
    seen: list[Any] = []

    def f(x: Any, a: Any = 1, b: Any = 2, c: Any = 3, /, d: Any = 4, e: Any = 5) -> Any:
        return x * 1.0

    @rrule.register(f)
    def rule(_: Any, x: Any, *options: Any, **also: Any) -> Any:
        seen.append((options, also))
        return f(x, *options, **also), lambda dy: (N, 7.0 * dy, *(N for _ in options))

    gradient(lambda x: f(x), 1.0)
    gradient(lambda x: f(x, e=6), 1.0)
    gradient(lambda x: f(x, 9, e=6), 1.0)
    gradient(lambda x: f(x, 1, 2, 9), 1.0)
    gradient(lambda x: f(x, 9, 9, 9, 9, 9), 1.0)
    assert seen == [
        ((), {}),
        ((1, 2, 3), {"e": 6}),
        ((9, 2, 3), {"e": 6}),
        ((1, 2, 9), {}),
        ((9, 9, 9, 9, 9), {}),
    ]


def test_the_number_of_arguments_chooses_between_rules() -> None:
    def f(x: Any, y: Any = 1.0) -> Any:
        return x * y

    rrule.register(f)(lambda _, x: (f(x), lambda dy: (N, 10.0)))
    rrule.register(f)(lambda _, x, y: (f(x, y), lambda dy: (N, 20.0, N)))
    assert gradient(lambda x: f(x), 2.0) == (10.0,)
    assert gradient(lambda x: f(x, 3.0), 2.0) == (20.0,)
    assert gradient(lambda x: f(x, y=3.0), 2.0) == (20.0,)


def test_a_traced_value_deep_in_the_arguments() -> None:
    class Box:
        def __init__(self, held: Any) -> None:
            self.held = held

    def model(params: Any, x: Any) -> Any:
        return params["a"]["b"][0].held["c"][0]["w"] * x

    @rrule.register(model)
    def rule(_: Any, params: Any, x: Any) -> Any:
        return model(params, x), lambda dy: (N, N, 42.0 * dy)

    def loss(w: Any, x: Any) -> Any:
        return model({"a": {"b": [Box({"c": ({"w": w},)})]}}, x) + 0.0 * x

    assert gradient(loss, 2.0, 3.0) == (0.0, 42.0)


# -- classes ---------------------------------------------------------------------------------------


@dataclasses.dataclass
class Pair:
    a: float
    b: float = 1.0


class Child(Pair): ...


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Made:
    def __new__(cls, *args: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, a: Any) -> None:
        self.a = a


class Base:
    def __init__(self, a: Any) -> None:
        self.a, self.calls = a, getattr(self, "calls", 0) + 1


class Special(Base):
    def __init__(self, a: Any, more: Any) -> None:
        super().__init__(a)
        self.more = more


def test_constructors_by_position_and_by_name() -> None:
    signature = inspect.signature(Pair)

    @rrule.register(Pair)
    def rule(_: Any, a: Any, b: Any = 1.0) -> Any:
        return Pair(a, b), lambda dy: (N, 10.0 * dy.a, 10.0 * dy.b)

    def loss(made: Callable[[Any, Any], Any]) -> Any:
        return gradient(lambda a, b: (lambda p: p.a * p.b)(made(a, b)), 2.0, 3.0)

    assert loss(lambda a, b: Pair(a, b)) == (30.0, 20.0)
    assert loss(lambda a, b: Pair(a, b=b)) == (30.0, 20.0)
    assert loss(lambda a, b: Pair(b=b, a=a)) == (30.0, 20.0)
    assert loss(lambda a, b: dataclasses.replace(Pair(1.0), a=a, b=b)) == (30.0, 20.0)
    assert loss(lambda a, b: Pair(a)) == (10.0, 0.0)
    assert loss(lambda a, b: Child(a, b)) == (3.0, 2.0)  # a class of its own
    assert inspect.signature(Pair) == signature
    assert inspect.signature(Child) == signature
    assert Pair(1.0) == Pair(a=1.0, b=1.0)
    assert copy.deepcopy(Pair(1.0, 2.0)) == Pair(1.0, 2.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        Pair()  # type: ignore[call-arg]


def test_constructors_of_named_tuples_and_classes_with_new() -> None:
    @rrule.register(Point)
    def point(_: Any, x: Any, y: Any = 0.0) -> Any:
        return Point(x, y), lambda dy: (N, 10.0 * dy[0], 10.0 * dy[1])

    @rrule.register(Made)
    def made(_: Any, a: Any) -> Any:
        return Made(a), lambda dy: (N, 10.0 * dy.a)

    assert gradient(lambda x, y: Point(x, y=y).x * Point(x, y).y, 2.0, 3.0) == (30.0, 20.0)
    assert gradient(lambda x: Point(x).x * 1.0, 2.0) == (10.0,)
    assert gradient(lambda a: Made(a).a * 1.0, 2.0) == (10.0,)
    assert list(inspect.signature(Point).parameters) == ["x", "y"]


def test_a_constructors_rule_that_gives_an_instance_of_a_subclass_or_of_another_class() -> None:
    which: list[Any] = []

    @rrule.register(Base)
    def rule(_: Any, a: Any) -> Any:
        return which[0](a), lambda dy: (N, 10.0 * dy.a)

    for make_one in (Base, lambda a: Special(a, "more"), lambda a: Pair(a)):
        which[:] = [make_one]

        def loss(a: Any) -> Any:
            made = Base(a)
            if isinstance(made, Base):
                assert made.calls == 1
            return made.a * 3.0

        assert gradient(loss, 2.0) == (30.0,)
    assert Special(1.0, "x").more == "x"


def test_a_class_without_a_constructor_still_takes_no_arguments() -> None:
    class Empty: ...

    rrule.register(Empty)(lambda _: (Empty(), lambda dy: (N,)))
    gradient(lambda x: x, 1.0)
    assert isinstance(Empty(), Empty)
    with pytest.raises(TypeError):
        Empty(1.0)  # type: ignore[call-arg]


# -- calling instances -----------------------------------------------------------------------------


def logged(f: Any) -> Any:
    def wrapper(*args: Any) -> Any:
        return f(*args)

    return wrapper


class Aliased:
    def __init__(self, w: Any) -> None:
        self.w = w

    def forward(self, x: Any) -> Any:
        return self.w * x

    __call__ = forward


class Outside:
    def __init__(self, w: Any) -> None:
        self.w = w


def _call(self: Any, x: Any) -> Any:
    return self.w * x


Outside.__call__ = _call  # type: ignore[attr-defined]


class Decorated:
    def __init__(self, w: Any) -> None:
        self.w = w

    @logged
    def __call__(self, x: Any) -> Any:
        return self.w * x


class Wrapped:
    def __init__(self, w: Any) -> None:
        self.w = w

    @functools.wraps(_call)
    def __call__(self, x: Any) -> Any:
        return self.w * x


@pytest.mark.parametrize("cls", [Aliased, Outside, Decorated, Wrapped])
@pytest.mark.parametrize("form", ["functor", "method", "legacy"])
def test_the_class_says_what_calls_an_instance(cls: Any, form: str) -> None:
    if form == "functor":

        @rrule.register(cls.__call__)
        def functor(self: Any, x: Any) -> Any:
            return self.w * x, lambda d: (Tangent[cls](w=10 * d * x), 10 * d * self.w)
    elif form == "method":

        @rrule.register(cls.__call__)
        def method(_: Any, self: Any, x: Any) -> Any:
            return self.w * x, lambda d: (N, Tangent[cls](w=10 * d * x), 10 * d * self.w)
    else:

        @adjoint(cls.__call__)
        def legacy(self: Any, x: Any) -> Any:
            return self.w * x, lambda d: ({"w": 10 * d * x}, 10 * d * self.w)

    right = (Tangent[cls](w=3.0), 2.0)
    assert rrule(cls(0.2), 0.3)[1](1.0) == right
    assert gradient(lambda f, x: f(x) * 1.0, cls(0.2), 0.3) == right
    assert gradient(lambda w, x: cls(w)(x), 0.2, 0.3) == (3.0, 2.0)
    assert rrule_via_ad(TapeConfig(), cls(0.2), 0.3)[1](1.0) == right


def test_instances_with_rules_of_their_own() -> None:
    model, other = Aliased(2.0), Aliased(2.0)

    @rrule.register(model)
    def rule(_: Any, x: Any) -> Any:
        return model(x), lambda dy: (Tangent[Aliased](w=1000.0), 100.0 * dy)

    assert gradient(lambda x: model(x) + other(x), 3.0) == (102.0,)
    assert gradient(model, 3.0) == (100.0,)
    assert rrule_via_ad(TapeConfig(), model, 3.0)[1](1.0) == (Tangent[Aliased](w=1000.0), 100.0)


# -- what is not written in Python -----------------------------------------------------------------


def test_builtins_inside_traced_code() -> None:
    rrule.register(sorted)(lambda _, x: (sorted(x), lambda dy: (N, Tangent[list](*[7.0] * len(x)))))
    rrule.register(math.erf)(lambda _, x: (math.erf(x), lambda dy: (N, 9.0 * dy)))
    rrule.register(abs)(lambda _, x: (abs(x), lambda dy: (N, 5.0 * dy)))
    assert gradient(lambda x: sorted(x)[0], [2.0, 1.0]) == (Tangent[list](7.0, 7.0),)
    assert pullback(sorted, [2.0, 1.0])[1](Tangent[list](1.0, 0.0)) == (Tangent[list](7.0, 7.0),)
    assert gradient(lambda x: erf(x) + math.erf(x), 1.0) == (18.0,)
    assert gradient(lambda x: abs(x), -1.0) == (5.0,)
    assert hessian(lambda x: x * abs(x), 2.0) == 10.0
    assert rrule(math.erf, 1.0)[1](1.0) == (N, 9.0)
    assert sorted([2, 1]) == [1, 2]
    assert [abs(-1), erf(0.0), list(map(abs, [-1, 2]))] == [1, 0.0, [1, 2]]


def test_a_builtin_looks_as_before() -> None:
    rrule.register(sorted)(lambda _, x: (sorted(x), lambda dy: (N, dy)))
    gradient(lambda x: x, 1.0)
    assert (sorted.__name__, sorted.__module__) == ("sorted", "builtins")
    assert str(inspect.signature(sorted)) == "(iterable, /, *, key=None, reverse=False)"
    assert pickle.loads(pickle.dumps(sorted)) is sorted
    assert repr(sorted) == "<built-in function sorted>"

    @adjoint(sorted)
    def rule(x: tuple[Any, ...]) -> Any:
        return sorted(x), lambda dy: ((8.0, 8.0),)

    assert gradient(lambda a: sorted((a, 1.0))[0] * 1.0, 2.0) == (8.0,)
    assert len(rrule.rules_for(sorted)) >= 2


@pytest.mark.parametrize(
    "target",
    [functools.partial(math.sin), functools.lru_cache(abs), list.append, float, dict],
    ids=repr,
)
def test_what_cannot_be_seen_is_said(target: Any) -> None:
    with pytest.warns(RuntimeWarning, match="not where traced code calls it"):
        rrule.register(target)(lambda _, *args: None)


def test_what_can_be_seen_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for target in (make(), Pair, Point, Pair(1.0).__eq__, np.add.reduce, np.mean, np.tanh):
            rrule.register(target)(lambda _, *args: None)
