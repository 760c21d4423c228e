"""rrule: which rule a call has, what it is called with, and what is handed out."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

from rules_runtime import hook
from rules_runtime import rrule as default_rrule
from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.errors import RuleError, RulesError
from rules_runtime.registry import OptOuts, Registry, signature_from
from rules_runtime.tangents import NoTangent, Tangent
from rules_runtime.thunks import Thunk, unthunk
from tests.support.choosing import NONE, ZERO, Child, Foo, MyAD, Overriding, chosen, f, says

pytestmark = pytest.mark.usefixtures("forget_rules")


# -- asking
# ------------------------------------------------------------------------------------------


def test_without_a_rule_there_is_none(rrule: Registry) -> None:
    assert rrule(f, 1.0) is None
    assert rrule(MyAD(), f, 1.0) is None


def test_a_rule_gives_the_value_and_the_pullback(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(callee: Any, x: Any, *, k: float = 2.0) -> Any:
        assert callee is f
        return k * x, lambda dy: (NONE, k * dy)

    y, pullback = rrule(f, 3.0)
    assert y == 6.0
    assert pullback(1.0) == (NONE, 2.0)
    y, pullback = rrule(f, 3.0, k=5.0)
    assert (y, pullback(1.0)) == (15.0, (NONE, 5.0))


def test_the_rule_function_is_returned_as_it_is(rrule: Registry) -> None:
    def rule(_: Any, x: Any) -> Any: ...

    assert rrule.register(f)(rule) is rule


def test_a_call_without_a_function(rrule: Registry) -> None:
    with pytest.raises(TypeError, match="no f"):
        rrule()
    with pytest.raises(TypeError, match="no f"):
        rrule(MyAD())


def test_a_rule_may_decline(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: None)
    assert rrule(f, 1.0) is None


def test_arguments_named_like_the_parameters_of_rrule(rrule: Registry) -> None:
    rrule.register(f)(lambda _, **kwargs: (kwargs, lambda dy: (NONE,)))
    assert rrule(f, self=1, config=2, f=3, call=4)[0] == {"self": 1, "config": 2, "f": 3, "call": 4}


# -- targets
# -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", [f, np.sin, np.sum, math.sin, len, Foo, np.add.reduce, Foo.free, Foo.make]
)
def test_targets_without_an_instance(rrule: Registry, target: Any) -> None:
    @rrule.register(target)
    def rule(callee: Any, x: Any) -> Any:
        assert callee == target
        return "y", lambda dy: (NONE, dy)

    y, pullback = rrule(target, 1.0)
    assert y == "y"
    assert pullback(2.0) == (NONE, 2.0)
    assert pullback(ZERO) == (NONE, ZERO)


def test_a_method_has_the_instance_first(rrule: Registry) -> None:
    @rrule.register(Foo.scaled)
    def rule(_: Any, self: Foo, k: float) -> Any:
        assert _ is Foo.scaled
        return self.a * k, lambda dy: (NONE, Tangent[Foo](a=dy * k), dy * self.a)

    for obj in (Foo(2.0), Child(2.0)):
        y, pullback = rrule(obj.scaled, 3.0)
        assert y == 6.0
        assert pullback(1.0) == (Tangent[Foo](a=3.0), 2.0)
        assert pullback(NONE) == (ZERO, ZERO)
        y, pullback = rrule(Foo.scaled, obj, 3.0)
        assert pullback(1.0) == (NONE, Tangent[Foo](a=3.0), 2.0)
        assert pullback(ZERO) == (NONE, ZERO, ZERO)


def test_a_functor_rule_has_the_instance_as_its_callee(rrule: Registry) -> None:
    @rrule.register(Foo.__call__)
    def rule(foo: Foo, x: float) -> Any:
        return foo.a * x, lambda dy: (Tangent[Foo](a=dy * x), dy * foo.a)

    for obj in (Foo(2.0), Child(2.0)):
        for call in ((obj, 3.0), (obj.__call__, 3.0)):
            y, pullback = rrule(*call)
            assert y == 6.0
            assert pullback(1.0) == (Tangent[Foo](a=3.0), 2.0)
            assert pullback(ZERO) == (ZERO, ZERO)
        y, pullback = rrule(Foo.__call__, obj, 3.0)
        assert pullback(1.0) == (NONE, Tangent[Foo](a=3.0), 2.0)
        assert pullback(ZERO) == (NONE, ZERO, ZERO)


def test_a_subclass_that_overrides_call_is_not_covered(rrule: Registry) -> None:
    rrule.register(Foo.__call__)(lambda foo, x: says("base"))
    assert rrule(Overriding(1.0), 1.0) is None
    assert (
        chosen(rrule, Foo.__call__, Overriding(1.0), 1.0) == "base"
    )  # that very function was asked for


def test_functor_rules_dispatch_on_the_instance(rrule: Registry) -> None:
    @rrule.register(Foo.__call__)
    def general(foo: Foo, x: Any) -> Any:
        return says("Foo")

    @rrule.register(Foo.__call__)
    def special(foo: Child, x: Any) -> Any:
        return says("Child")

    assert chosen(rrule, Foo(1.0), 1.0) == "Foo"
    assert chosen(rrule, Child(1.0), 1.0) == "Child"


def test_a_call_under_another_name_is_a_function_with_the_instance_first(rrule: Registry) -> None:
    def helper(self: Any, x: Any) -> Any:
        return x

    class Odd:
        __call__ = helper

    rrule.register(helper)(lambda _, self, x: ("y", lambda dy: (NONE, "dself", dy)))
    assert rrule(Odd(), 1.0)[1](2.0) == ("dself", 2.0)
    assert rrule(Odd.__call__, Odd(), 1.0)[1](2.0) == (NONE, "dself", 2.0)


def test_a_subclass_has_its_own_constructor_and_class_methods(rrule: Registry) -> None:
    rrule.register(Foo)(lambda _, a: says("Foo"))
    rrule.register(Foo.make)(lambda _, a: says("make"))
    assert rrule(Child, 1.0) is None
    assert rrule(Child.make, 1.0) is None
    assert chosen(rrule, Foo(1.0).make, 1.0) == "make"


def test_one_instance_may_have_a_rule(rrule: Registry) -> None:
    obj, other = Foo(1.0), Foo(1.0)

    @rrule.register(obj)
    def rule(callee: Any, x: Any) -> Any:
        assert callee is obj
        return "own", lambda dy: (Tangent[Foo](a=dy), dy)

    assert rrule(obj, 1.0)[1](1.0) == (Tangent[Foo](a=1.0), 1.0)
    assert rrule(other, 1.0) is None


def test_rules_in_a_class_body(rrule: Registry) -> None:
    class Line:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

        @rrule.register(__call__)
        def rule(line: Line, x: float) -> Any:
            return line.k * x, lambda dy: (Tangent[Line](k=dy * x), dy * line.k)

        def at(self, x: float) -> float:
            return self.k * x

        @rrule.register(at)
        def rule_at(_, self: Line, x: float) -> Any:
            return self.k * x, lambda dy: (NONE, Tangent[Line](k=dy * x), dy * self.k)

        @classmethod
        def make(cls, k: float) -> Line:
            return cls(k)

        @rrule.register(make)
        def rule_make(_, k: float) -> Any:
            return Line(k), lambda dy: (NONE, dy.k)

        @staticmethod
        def free(x: float) -> float:
            return x

        @rrule.register(free)
        def rule_free(_, x: float) -> Any:
            return x, lambda dy: (NONE, dy)

    class Steep(Line): ...

    line = Line(2.0)
    assert rrule(line, 3.0)[1](1.0) == (Tangent[Line](k=3.0), 2.0)
    assert rrule(line.at, 3.0)[1](1.0) == (Tangent[Line](k=3.0), 2.0)
    assert rrule(Line.at, line, 3.0)[1](1.0) == (NONE, Tangent[Line](k=3.0), 2.0)
    assert rrule(Line.make, 3.0)[1](Tangent[Line](k=1.0)) == (NONE, 1.0)
    assert rrule(Steep.make, 3.0) is None
    assert rrule(Line.free, 3.0)[1](1.0) == (NONE, 1.0)
    assert rrule(line, "not a float") is None


def test_a_call_of_another_name_in_a_class_body(rrule: Registry) -> None:
    class Line:
        __call__ = lambda self, x: x

        @rrule.register(__call__)
        def rule(line, x: Any) -> Any:
            return x, lambda dy: ("dline", dy)

    assert rrule(Line(), 1.0)[1](2.0) == ("dline", 2.0)


def test_objects_that_cannot_be_compared_are_fine(rrule: Registry) -> None:
    class Awkward:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __call__(self, x: Any) -> Any:
            return x

    obj = Awkward()
    assert rrule(obj, 1.0) is None
    rrule.register(obj)(lambda _, x: says("own"))
    assert chosen(rrule, obj, 1.0) == "own"
    assert chosen(rrule, obj, obj) == "own"


@pytest.mark.parametrize("target", [3, "sin", None])
def test_what_cannot_be_called_has_no_rules(rrule: Registry, target: Any) -> None:
    with pytest.raises(RuleError, match="can be called"):
        rrule.register(target)


def test_a_rule_has_a_callee(rrule: Registry) -> None:
    with pytest.raises(RuleError, match="the callee"):
        rrule.register(f)(lambda: None)
    with pytest.raises(RuleError, match="the instance"):
        rrule.register(Foo.__call__)(lambda: None)

    def only_config(config: RuleConfig[HasReverseMode]) -> None: ...

    with pytest.raises(RuleError, match="the callee"):
        rrule.register(f)(only_config)


def test_a_rule_of_rest_arguments_only(rrule: Registry) -> None:
    rrule.register(f)(lambda *args: (len(args), lambda dy: (NONE,) + (dy,) * (len(args) - 1)))
    assert rrule(f, 1, 2, 3)[0] == 4
    assert rrule(f, 1, 2)[1](1.0) == (NONE, 1.0, 1.0)


# -- what is handed out
# ------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [3.0, (1.0,), (1.0, 2.0), [1.0, abs], (1.0, abs, abs)], ids=repr)
def test_a_rule_returns_a_value_and_a_pullback(rrule: Registry, result: Any) -> None:
    def rule(_: Any, x: Any) -> Any:
        return result

    rrule.register(f)(rule)
    with pytest.raises(RuleError, match=r"\(y, pullback\)") as caught:
        rrule(f, 1.0)
    assert f"{__file__}:{rule.__code__.co_firstlineno}" in str(caught.value)


@pytest.mark.parametrize(
    "tangents", [(NONE,), (NONE, 1.0), (NONE, 1.0, 2.0, 3.0), [NONE, 1.0, 2.0], None, 1.0]
)
def test_a_pullback_gives_one_tangent_for_each(rrule: Registry, tangents: Any) -> None:
    def rule(_: Any, x: Any, y: Any) -> Any:
        return x, lambda dy: tangents

    rrule.register(f)(rule)
    _, pullback = rrule(f, 1.0, 2.0)
    with pytest.raises(RuleError) as caught:
        pullback(1.0)
    assert f"{__file__}:{rule.__code__.co_firstlineno}" in str(caught.value)
    assert isinstance(caught.value, RulesError)
    assert isinstance(caught.value, TypeError)


def test_entries_of_arguments_not_passed_are_cut_off(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x, y=1, z=2: (x, lambda dy: (NONE, dy, 2 * dy, 3 * dy)))
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)
    assert rrule(f, 1.0, 1.0)[1](1.0) == (NONE, 1.0, 2.0)
    assert rrule(f, 1.0, 1.0, 1.0)[1](1.0) == (NONE, 1.0, 2.0, 3.0)
    assert rrule(f, 1.0)[1](ZERO) == (NONE, ZERO)
    rrule.register(f)(lambda _, x, y=1, z=2: (x, lambda dy: (NONE, dy)))
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)
    with pytest.raises(RuleError, match="returned 2 tangents, not 3 to 4"):
        rrule(f, 1.0, 1.0)[1](1.0)


def test_rest_arguments_have_a_tangent_each(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x, *rest: (x, lambda dy: (NONE, dy, *(dy for _ in rest))))
    assert rrule(f, 1.0, 2.0, 3.0)[1](1.0) == (NONE, 1.0, 1.0, 1.0)


def test_a_pullback_receives_what_is_computed_and_not_zero(rrule: Registry) -> None:
    received: list[Any] = []

    @rrule.register(f)
    def rule(_: Any, x: Any) -> Any:
        def pullback(dy: Any) -> Any:
            received.append(dy)
            return NONE, dy

        return x, pullback

    _, pullback = rrule(f, 1.0)
    assert pullback(Thunk(lambda: 2.0)) == (NONE, 2.0)
    assert type(received.pop()) is float
    for zero in (ZERO, NONE, Thunk(lambda: ZERO)):
        assert pullback(zero) == (NONE, ZERO)
    assert received == []
    parts = Tangent[tuple](Thunk(lambda: 1.0), ZERO)
    pullback(parts)
    assert not isinstance(received[0]._parts[0], Thunk)
    assert received[0] == Tangent[tuple](1.0, ZERO)
    pullback(Tangent[tuple](ZERO, ZERO))  # parts may be zero, all of them too
    assert len(received) == 2


def test_a_pullback_can_be_called_again(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: (x, lambda dy: (NONE, 2 * dy)))
    _, pullback = rrule(f, 1.0)
    assert pullback(1.0) == pullback(1.0) == (NONE, 2.0)


def test_a_named_tuple_of_tangents_is_a_tuple(rrule: Registry) -> None:
    from typing import NamedTuple

    class Tangents(NamedTuple):
        callee: Any
        x: Any

    rrule.register(f)(lambda _, x: (x, lambda dy: Tangents(NONE, dy)))
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)


# -- looking at the table
# ----------------------------------------------------------------------------


def test_what_is_registered_can_be_listed_found_and_removed(rrule: Registry) -> None:
    rule = rrule.add_rule(f, lambda _, x: says("rule"))
    assert rrule.rules_for(f) == (rule,)
    assert rrule.find(None, f, (1.0,), {}) is rule
    assert rrule.find(None, f, (), {}) is None
    assert "rule for f" in repr(rule)
    rrule.remove_rule(rule)
    rrule.remove_rule(rule)
    assert rrule.rules_for(f) == ()
    assert rrule(f, 1.0) is None


def test_listeners_hear_of_all_rules(rrule: Registry) -> None:
    heard: list[Any] = []
    rrule.register(f)(lambda _, x: None)
    rrule.on_register(lambda target, rule: heard.append((target, rule.name)))
    rrule.register(Foo.scaled)(lambda _, self, k: None)
    assert heard == [(f, "f"), (Foo.scaled, "Foo.scaled")]


def test_registries_know_nothing_of_each_other(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: says("rule"))
    assert Registry()(f, 1.0) is None
    assert rrule(np.sin, 1.0) is None  # the library belongs to the default one


def test_registering_from_several_threads(rrule: Registry) -> None:
    def work(i: int) -> None:
        for k in range(50):
            rrule.register(f)(
                eval(f"lambda _, {', '.join(f'x{j}' for j in range(i + 1))}: ({i}, abs)")
            )
            assert rrule(f, *range(i + 1))[0] == i, k

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rrule.rules_for(f)) == 200
    assert [rrule(f, *range(i + 1))[0] for i in range(4)] == list(range(4))


# -- the rule library
# --------------------------------------------------------------------------------


def test_the_library_gives_way_to_a_rule_of_the_program() -> None:
    assert default_rrule(np.cbrt, 8.0)[1](12.0) == (NONE, 1.0)
    rule = default_rrule.add_rule(np.cbrt, lambda _, x: ("own", lambda dy: (NONE, 5.0)))
    try:
        for x in (8.0, np.ones(2), 8):
            assert default_rrule(np.cbrt, x)[0] == "own"
        assert default_rrule(MyAD(), np.cbrt, 8.0)[0] == "own"
    finally:
        default_rrule.remove_rule(rule)
    assert default_rrule(np.cbrt, 8.0)[1](12.0) == (NONE, 1.0)


def test_rules_of_the_library_module_come_last_whatever_they_match(rrule: Registry) -> None:
    def built_in(_: Any, x: np.ndarray) -> Any:
        return says("library")

    built_in.__module__ = "rules_runtime.rules.elementwise"
    rrule.register(f)(built_in)
    assert chosen(rrule, f, np.ones(2)) == "library"
    rrule.register(f)(lambda _, x: says("own"))
    assert chosen(rrule, f, np.ones(2)) == "own"


def test_the_library_has_a_rule_for_functions_of_any_kind_of_argument() -> None:
    _, pullback = default_rrule(np.multiply, np.float32(2), np.array([1.0, 2.0]))
    _, da, db = map(unthunk, pullback(np.array([1.0, 1.0])))
    assert (type(da), da) == (np.float32, 3.0)
    assert db.tolist() == [2.0, 2.0]
    _, pullback = default_rrule(np.multiply, 2, 3.0)
    assert pullback(1.0) == (NONE, NONE, 2.0)  # an integer cannot be perturbed
    assert pullback(ZERO) == (NONE, ZERO, ZERO)
    _, pullback = default_rrule(np.stack, [np.ones(2), np.ones(2)])
    assert pullback(np.array([[1.0, 2.0], [3.0, 4.0]]))[1] == Tangent[list](
        np.array([1.0, 2.0]), np.array([3.0, 4.0])
    )


def test_areas_of_the_library_that_wait_for_an_import() -> None:
    registry, came = Registry(library=True), []

    def import_waiting_areas() -> None:
        if not came:
            came.append(1)
            registry.register(f)(lambda _, x: says("late"))

    assert registry(f, 1.0) is None
    registry._waiting = import_waiting_areas
    assert chosen(registry, f, 1.0) == "late"
    assert registry(len, 1.0) is None


def test_opting_out_of_a_rule_of_the_library() -> None:
    rule = default_rrule.add_rule(np.cbrt, lambda *args: None, signature_from((str,)), opt_out=True)
    try:
        assert default_rrule(np.cbrt, "a") is None
        assert default_rrule(np.cbrt, 8.0) is not None
    finally:
        default_rrule.remove_rule(rule)


def test_which_functions_have_rules() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return x

        def method(self, x: Any) -> Any:
            return x

    def f(x: Any) -> Any:
        return x

    registry = Registry()
    assert registry.rules() == []
    callables = [f, Model, Model(), Model().method, Model.method, abs, np.sin]
    assert not any(map(registry.has, callables))
    rule = lambda _, *args: (args[0], lambda dy: (NoTangent(), dy))
    for target in (f, Model, Model.__call__, Model.method, abs):
        registry.register(target)(rule)
    assert list(map(registry.has, callables)) == [True] * 6 + [False]
    assert [target for target, _ in registry.rules()] == [
        f,
        Model,
        Model.__call__,
        Model.method,
        abs,
    ]
    opted_out = Registry()
    OptOuts(opted_out).register(f)(lambda _, x: None)
    assert not opted_out.has(f)
    assert len(opted_out.rules()) == 1


def test_the_rules_of_the_library_are_counted() -> None:
    assert default_rrule.has(np.exp)
    assert not default_rrule.has(print)
    assert not default_rrule.has([])
    targets = [target for target, _ in default_rrule.rules()]
    assert any(target is np.exp for target in targets)
    assert any(target is hook for target in targets)
    assert len(targets) > 300
