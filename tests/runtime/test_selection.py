"""Which of several rules a call has: by arguments, by config, and by opting out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal, Optional, Union

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime.config import HasForwardMode, HasReverseMode, RuleConfig
from rules_runtime.errors import AmbiguousRuleError, RuleError, RulesError
from rules_runtime.registry import OptOuts, Registry, signature_from
from rules_runtime.tangents import Tangent
from tests.support.choosing import (
    NONE,
    BothModes,
    Child,
    ChildAD,
    Foo,
    Forward,
    MyAD,
    OtherAD,
    chosen,
    f,
    says,
)

pytestmark = pytest.mark.usefixtures("forget_rules")


# -- dispatch
# ----------------------------------------------------------------------------------------


def test_the_number_of_arguments_decides(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: says("one"))
    rrule.register(f)(lambda _, x, y: says("two"))
    rrule.register(f)(lambda _, x, y, z, w=1: says("three or four"))
    assert [chosen(rrule, f, *(1.0,) * n) for n in range(6)] == [
        None,
        "one",
        "two",
        "three or four",
        "three or four",
        None,
    ]


def test_the_most_specific_wins_in_any_order(rrule: Registry) -> None:
    @rrule.register(f)
    def child(_: Any, x: Child) -> Any:
        return says("Child")

    @rrule.register(f)
    def anything(_: Any, x: Any) -> Any:
        return says("Any")

    @rrule.register(f)
    def foo(_: Any, x: Foo) -> Any:
        return says("Foo")

    @rrule.register(f)
    def sequence(_: Any, x: Sequence[float]) -> Any:
        return says("Sequence")

    @rrule.register(f)
    def tuples(_: Any, x: tuple[float, ...]) -> Any:
        return says("tuple")

    @rrule.register(f)
    def optional(_: Any, x: Optional[np.ndarray]) -> Any:  # noqa: UP045
        return says("ndarray or None")

    @rrule.register(f)
    def call(_: Any, x: Callable[..., Any], y: int | str) -> Any:
        return says("function and int or str")

    for x, word in [
        (Child(1.0), "Child"),
        (Foo(1.0), "Foo"),
        ((1.0,), "tuple"),
        ([1.0], "Sequence"),
        (np.ones(1), "ndarray or None"),
        (None, "ndarray or None"),
        (1.0, "Any"),
    ]:
        assert chosen(rrule, f, x) == word
        assert chosen(rrule, f, x) == word  # from the cache
    assert chosen(rrule, f, len, 1) == "function and int or str"
    assert chosen(rrule, f, len, 1.0) is None


def test_of_two_with_one_signature_the_later_wins(rrule: Registry) -> None:
    @rrule.register(f)
    def first(_: Any, x: int | str) -> Any:
        return says("first")

    assert chosen(rrule, f, 1) == "first"

    @rrule.register(f)
    def second(_: Any, y: Union[str, int]) -> Any:  # noqa: UP007
        return says("second")

    assert chosen(rrule, f, 1) == "second"  # registering forgets what was found before


def test_an_ambiguity_is_an_error_that_lists_the_rules(rrule: Registry) -> None:
    @rrule.register(f)
    def left(_: Any, x: int, y: Any) -> Any: ...

    @rrule.register(f)
    def right(_: Any, x: Any, y: int) -> Any: ...

    @rrule.register(f)
    def other(_: Any, x: Any, y: Any) -> Any: ...

    for _ in range(2):
        with pytest.raises(AmbiguousRuleError) as caught:
            rrule(f, 1, 2)
    text = str(caught.value)
    for rule in (left, right):
        assert f"{__file__}:{rule.__code__.co_firstlineno}" in text
    assert f":{other.__code__.co_firstlineno}" not in text
    assert "(x: int, y: Any)" in text
    assert isinstance(caught.value, RulesError)
    assert isinstance(caught.value, TypeError)

    @rrule.register(f)
    def both(_: Any, x: int, y: int) -> Any:
        return says("both")

    assert chosen(rrule, f, 1, 2) == "both"


def test_a_number_stands_for_a_wider_one_where_nothing_else_matches(rrule: Registry) -> None:
    @rrule.register(f)
    def real(_: Any, x: float) -> Any:
        return says("float")

    assert [chosen(rrule, f, x) for x in (1.0, 1, True, np.float32(1), np.int8(1))] == ["float"] * 5
    assert rrule(f, 1j) is None
    assert rrule(f, "a") is None

    @rrule.register(f)
    def imaginary(_: Any, x: complex) -> Any:
        return says("complex")

    assert chosen(rrule, f, 1j) == "complex"
    assert chosen(rrule, f, 1) == "float"  # the narrower of the two

    @rrule.register(f)
    def integer(_: Any, x: int) -> Any:
        return says("int")

    assert chosen(rrule, f, 1) == "int"
    assert chosen(rrule, f, 1.0) == "float"

    @rrule.register(f)
    def anything(_: Any, x: Any) -> Any:
        return says("Any")

    assert chosen(rrule, f, np.float32(1)) == "Any"
    assert chosen(rrule, f, np.float64(1)) == "float"


def test_keywords_do_not_dispatch(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(_: Any, x: Any, *, mode: int = 0) -> Any:
        return says("rule")

    assert chosen(rrule, f, 1.0, mode="a string") == "rule"
    with pytest.raises(TypeError, match="unknown"):
        rrule(f, 1.0, unknown=1)


def test_a_parameter_passed_by_keyword_counts_as_not_passed_by_position(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(_: Any, x: Any, y: int, z: int = 0) -> Any:
        return (x, y, z), lambda dy: (NONE, dy, "dy", "dz")

    y, pullback = rrule(f, 1.0, y="any type")
    assert y == (1.0, "any type", 0)
    assert pullback(2.0) == (NONE, 2.0)
    assert rrule(f, 1.0, z=1) is None  # y is missing
    assert rrule(f, 1.0, y=1, z=2)[1](2.0) == (NONE, 2.0)


def test_literals_dispatch_by_value(rrule: Registry) -> None:
    @rrule.register(f)
    def total(_: Any, x: Any, how: Literal["sum"]) -> Any:
        return says("sum")

    @rrule.register(f)
    def mean(_: Any, x: Any, how: Literal["mean"]) -> Any:
        return says("mean")

    for _ in range(2):
        assert chosen(rrule, f, 1.0, "sum") == "sum"
        assert chosen(rrule, f, 1.0, "mean") == "mean"

    @rrule.register(f)
    def other(_: Any, x: Any, how: str) -> Any:
        return says("str")

    assert chosen(rrule, f, 1.0, "max") == "str"
    assert chosen(rrule, f, 1.0, "sum") == "sum"


def test_classes_as_arguments_dispatch_by_value(rrule: Registry) -> None:
    @rrule.register(f)
    def foo(_: Any, cls: type[Foo]) -> Any:
        return says("Foo")

    @rrule.register(f)
    def child(_: Any, cls: type[Child]) -> Any:
        return says("Child")

    for _ in range(2):
        assert chosen(rrule, f, Foo) == "Foo"
        assert chosen(rrule, f, Child) == "Child"
        assert rrule(f, int) is None


def test_string_annotations_of_names_that_come_later(rrule: Registry) -> None:
    def rule(_: Any, x: DefinedBelow) -> Any:
        return says("later")

    rrule.register(f)(rule)
    assert rrule(f, 1.0) is None
    assert chosen(rrule, f, DefinedBelow()) == "later"


def test_annotations_that_cannot_be_resolved_match_everything(rrule: Registry) -> None:
    def rule(_: Any, x: NeverDefined, y: int) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return says("rule")

    rrule.register(f)(rule)
    assert chosen(rrule, f, object(), 1) == "rule"
    assert rrule(f, object(), "a") is None


def test_a_registration_keeps_no_frame_alive(rrule: Registry) -> None:
    def register() -> Any:
        local = Foo(1.0)
        rrule.register(f)(lambda _, x: None)
        return weakref.ref(local)

    alive = register()
    gc.collect()
    assert alive() is None


def test_the_rule_of_a_wrapper_is_read_through_functools_wraps(rrule: Registry) -> None:
    import functools

    def timed(rule: Any) -> Any:
        @functools.wraps(rule)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return rule(*args, **kwargs)

        return wrapper

    @rrule.register(f)
    @timed
    def rule(_: Any, x: int) -> Any:
        return says("int")

    assert chosen(rrule, f, 1) == "int"
    assert rrule(f, "a") is None


def test_many_kinds_of_calls_are_not_all_remembered(rrule: Registry, monkeypatch: Any) -> None:
    monkeypatch.setattr("rules_runtime.registry._MOST_FOUND", 4)
    rrule.register(f)(lambda _, x: says("rule"))
    for i in range(20):
        kind = type(f"Kind{i}", (), {})
        assert chosen(rrule, f, kind()) == "rule"
    (table,) = rrule._tables.values()
    assert len(table.found) <= 4


ANNOTATIONS = [Any, int, float, str, int | str, Sequence, list, Foo, Child, Foo | None]
VALUES = [1, True, 1.0, "a", [1.0], (1.0,), Foo(1.0), Child(1.0), None]


@given(
    st.lists(st.tuples(*[st.sampled_from(ANNOTATIONS)] * 2), min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(*[st.sampled_from(VALUES)] * 2), min_size=1, max_size=4),
    st.randoms(),
)
def test_the_order_of_registration_does_not_matter(
    signatures: Any, calls: Any, random: Any
) -> None:
    def asked(order: Any) -> list[Any]:
        rrule = Registry()
        for left, right in order:

            def rule(_: Any, x: Any, y: Any, word: Any = (left, right)) -> Any:
                return says(word)

            rule.__annotations__ = {"x": left, "y": right}
            rrule.register(f)(rule)
        found = []
        for call in [*calls, *calls]:  # the second time from what is remembered
            try:
                found.append(chosen(rrule, f, *call))
            except AmbiguousRuleError:
                found.append("ambiguous")
        return found

    shuffled = list(signatures)
    random.shuffle(shuffled)
    found = asked(signatures)
    assert found == asked(shuffled)
    assert found[: len(calls)] == found[len(calls) :]
    for call, word in zip(calls, found):
        if isinstance(word, tuple):
            assert all(
                kind is Any or isinstance(x, kind) or (kind is float and isinstance(x, int))
                for x, kind in zip(call, word)
            )


# -- configs
# -----------------------------------------------------------------------------------------


def test_a_rule_with_a_config_is_for_those_who_have_one(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(config: RuleConfig[HasReverseMode], _: Any, x: Any) -> Any:
        assert isinstance(config, RuleConfig)
        return config, lambda dy: (NONE, dy)

    assert rrule(f, 1.0) is None
    assert rrule(Forward(), f, 1.0) is None
    config = MyAD()
    y, pullback = rrule(config, f, 1.0)
    assert y is config
    assert pullback(1.0) == (NONE, 1.0)
    assert rrule(BothModes(), f, 1.0) is not None


Rule = tuple[Any, Any]  # the config it is annotated with, or none; what its argument is
REVERSE, FORWARD = RuleConfig[HasReverseMode], RuleConfig[HasForwardMode]
BOTH = RuleConfig[HasReverseMode, HasForwardMode]


class NearAD(ChildAD): ...


class TwoADs(MyAD, OtherAD): ...


def word_of(rule: Rule) -> str:
    return "/".join(getattr(part, "__name__", str(part)) for part in rule)


def register(rrule: Registry, config: Any, kind: Any) -> None:
    word = word_of((config, kind))

    def plain(_: Any, x: Any) -> Any:
        return says(word)

    def with_config(asking: Any, _: Any, x: Any) -> Any:
        assert isinstance(asking, RuleConfig)
        return says(word)

    rule = plain if config is None else with_config
    rule.__annotations__ = {"x": kind} if config is None else {"asking": config, "x": kind}
    rrule.register(f)(rule)


@pytest.mark.parametrize(
    ("asking", "first", "second"),
    [
        # an address, before any signature and any requirement
        (MyAD(), (MyAD, Any), (None, Child)),
        (MyAD(), (MyAD, Any), (REVERSE, Child)),
        (ChildAD(), (MyAD, Any), (None, Any)),
        (NearAD(), (ChildAD, Any), (MyAD, Child)),  # the closer of two
        (MyAD(), (MyAD | Forward, Any), (None, Child)),  # one of several
        (MyAD(), (MyAD, Child), (MyAD, Foo)),  # two with one address
        (TwoADs(), (MyAD, Child), (OtherAD, Foo)),  # two of which neither is closer
        # then the more specific signature, whatever is required
        (MyAD(), (None, Child), (REVERSE, Foo)),
        (BothModes(), (None, Foo), (BOTH, Any)),
        (OtherAD(), (REVERSE, Child), (None, Foo)),
        (Forward(), (FORWARD, Foo), (RuleConfig, Any)),
        # then what requires more
        (MyAD(), (REVERSE, Foo), (None, Foo)),
        (MyAD(), (RuleConfig, Foo), (None, Foo)),
        (MyAD(), (REVERSE, Foo), (RuleConfig, Foo)),
        (BothModes(), (BOTH, Foo), (REVERSE, Foo)),
        (BothModes(), (BOTH, Foo), (FORWARD, Foo)),
    ],
    ids=lambda x: word_of(x) if isinstance(x, tuple) else type(x).__name__,
)
@pytest.mark.parametrize("turned", [False, True])
def test_address_then_signature_then_requirement(
    rrule: Registry, asking: Any, first: Rule, second: Rule, turned: bool
) -> None:
    for rule in (second, first) if turned else (first, second):
        register(rrule, *rule)
    assert chosen(rrule, asking, f, Child(1.0)) == word_of(first)


@pytest.mark.parametrize("config", [None, RuleConfig, REVERSE, MyAD])
def test_of_two_that_require_the_same_the_later_wins(rrule: Registry, config: Any) -> None:
    register(rrule, config, Foo)
    register(rrule, config, Foo | Child)
    assert chosen(rrule, MyAD(), f, Child(1.0)) == word_of((config, Foo | Child))


@pytest.mark.parametrize(
    ("asking", "rules"),
    [
        (BothModes(), [(REVERSE, Foo), (FORWARD, Foo)]),
        (TwoADs(), [(MyAD, Foo), (OtherAD, Foo)]),
        (BothModes(), [(REVERSE, Foo), (None, Foo), (FORWARD, Foo)]),
    ],
)
def test_requirements_that_differ_are_a_tie(
    rrule: Registry, asking: Any, rules: list[Rule]
) -> None:
    for rule in rules:
        register(rrule, *rule)
    with pytest.raises(AmbiguousRuleError) as caught:
        rrule(asking, f, Child(1.0))
    listed = [line for line in str(caught.value).splitlines() if line.startswith("    ")]
    wanted = [config.__name__ for config, _ in rules if config is not None]
    assert len(listed) == len(wanted)
    assert all(f"config: {name}, x: Foo" in line for name, line in zip(wanted, listed))


def test_nobody_but_the_addressee_has_a_rule(rrule: Registry) -> None:
    register(rrule, MyAD, Any)
    register(rrule, BOTH, Any)
    assert rrule(f, 1.0) is None
    assert rrule(OtherAD(), f, 1.0) is None
    assert chosen(rrule, ChildAD(), f, 1.0) == "MyAD/Any"


def test_one_rule_for_two_ads(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(config: MyAD | Forward, _: Any, x: Any) -> Any:
        return says("rule")

    assert chosen(rrule, MyAD(), f, 1) == "rule"
    assert chosen(rrule, Forward(), f, 1) == "rule"
    assert rrule(OtherAD(), f, 1) is None


def test_functor_rules_with_a_config(rrule: Registry) -> None:
    @rrule.register(Foo.__call__)
    def rule(config: RuleConfig[HasReverseMode], foo: Foo, x: Any) -> Any:
        return "y", lambda dy: (Tangent[Foo](a=dy), dy)

    assert rrule(MyAD(), Foo(1.0), 2.0)[1](1.0) == (Tangent[Foo](a=1.0), 1.0)


# -- opting out
# --------------------------------------------------------------------------------------


def test_opting_out_of_a_signature(rrule: Registry) -> None:
    no_rrule = OptOuts(rrule)

    @rrule.register(f)
    def anything(_: Any, x: Any) -> Any:
        return says("Any")

    @rrule.register(f)
    def child(_: Any, x: Child) -> Any:
        return says("Child")

    @no_rrule.register(f)
    def opt_out(_: Any, x: Foo) -> None:
        raise AssertionError("never called")

    assert rrule(f, Foo(1.0)) is None
    assert chosen(rrule, f, Child(1.0)) == "Child"  # more specific
    assert chosen(rrule, f, 1.0) == "Any"
    assert rrule.find(None, f, (Foo(1.0),), {}) is None

    no_rrule.register(f, Child)
    assert rrule(f, Child(1.0)) is None  # as specific


def test_an_opt_out_stands_whatever_is_registered_later(rrule: Registry) -> None:
    OptOuts(rrule).register(f, int)

    @rrule.register(f)
    def rule(_: Any, x: int) -> Any:
        return says("int")

    assert rrule(f, 1) is None
    assert chosen(rrule, f, 1) is None


def test_opting_out_altogether(rrule: Registry) -> None:
    rrule.register(f)(lambda _, *args: says("rule"))
    OptOuts(rrule).register(f)
    assert rrule(f, 1.0) is None
    assert rrule(f) is None


@pytest.mark.parametrize("later", [False, True])
def test_opting_out_without_a_signature_beats_all_that_say_no_more(
    rrule: Registry, later: bool
) -> None:
    if later:
        OptOuts(rrule).register(f)
    rrule.register(f)(lambda _, x: says("one"))
    rrule.register(f)(lambda _, x, y=1: says("one or two"))
    rrule.register(f)(lambda config, _, x: says("with a config"))

    @rrule.register(f)
    def child(_: Any, x: Child) -> Any:
        return says("Child")

    if not later:
        OptOuts(rrule).register(f)
    assert rrule(f, 1.0) is None
    assert rrule(f, 1.0, 2.0) is None
    assert rrule(MyAD(), f, 1.0) is None
    assert chosen(rrule, f, Child(1.0)) == "Child"  # its annotation says more


def test_an_opt_out_without_a_config_is_for_rules_with_one_too(rrule: Registry) -> None:
    @rrule.register(f)
    def rule(config: RuleConfig[HasReverseMode], _: Any, x: Any) -> Any:
        return says("rule")

    OptOuts(rrule).register(f, int)
    assert rrule(MyAD(), f, 1) is None
    assert chosen(rrule, MyAD(), f, 1.0) == "rule"


def test_opting_out_for_one_ad(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: says("rule"))

    @OptOuts(rrule).register(f)
    def opt_out(config: MyAD, _: Any, x: Any) -> None: ...

    assert rrule(MyAD(), f, 1) is None
    assert chosen(rrule, OtherAD(), f, 1) == "rule"
    assert chosen(rrule, f, 1) == "rule"


def test_types_of_an_opt_out_may_be_strings(rrule: Registry) -> None:
    rrule.register(f)(lambda _, x: says("rule"))
    OptOuts(rrule).register(f, "Foo | None")
    assert rrule(f, Foo(1.0)) is None
    assert rrule(f, None) is None
    assert chosen(rrule, f, 1) == "rule"
    with pytest.raises(RuleError, match="not known"):
        signature_from(("NeverDefined",))


class DefinedBelow: ...
