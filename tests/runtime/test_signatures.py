"""Annotations as patterns: what they match, exactly or loosely, and which is the more specific."""

from __future__ import annotations

import collections.abc
import enum
import inspect
import numbers
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    runtime_checkable,
)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.errors import RuleError
from rules_runtime.signatures import (
    ANYTHING,
    Scope,
    Signature,
    Unresolved,
    check_rule,
    configs_of,
    location_of,
    parameters_of,
    pattern_of,
    signature_of,
    within,
)

T = TypeVar("T")
Bound = TypeVar("Bound", bound="Base")
OneOfTwo = TypeVar("OneOfTwo", int, str)
Metres = NewType("Metres", float)


class Base: ...


class Child(Base): ...


class Box(Generic[T]): ...


class Options(TypedDict):
    a: int


class State(NamedTuple):
    h: float


class Color(enum.Enum):
    RED = 1


class Shaped(Protocol):
    shape: Any


@runtime_checkable
class Closes(Protocol):
    def close(self) -> None: ...


class Door:
    def close(self) -> None: ...


def here() -> Scope:
    return Scope(here, None)


def pattern(annotation: Any) -> Any:
    return pattern_of(annotation, here())


SAMPLES: list[Any] = [
    1,
    True,
    1.0,
    1j,
    "a",
    None,
    np.float64(1),
    np.float32(1),
    np.int32(1),
    np.ones(2),
    (1,),
    [1],
    {"a": 1},
    State(1.0),
    len,
    int,
    Base,
    Child,
    Base(),
    Child(),
    Door(),
    Color.RED,
    Box(),
    slice(1),
    lambda x: x,
]


def matched(annotation: Any) -> list[Any]:
    found = pattern(annotation)
    return [x for x in SAMPLES if found.exact(x)]


def those(*kinds: Any) -> list[Any]:
    return [x for x in SAMPLES if isinstance(x, kinds)]


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (float, (float,)),
        (int, (int,)),
        (bool, (bool,)),
        (str, (str,)),
        (None, (type(None),)),
        (type(None), (type(None),)),
        (np.ndarray, (np.ndarray,)),
        (NDArray[np.float64], (np.ndarray,)),
        (np.floating, (np.floating,)),
        (numbers.Real, (numbers.Real,)),
        (Base, (Base,)),
        (Child, (Child,)),
        (Box[int], (Box,)),
        (State, (State,)),
        (tuple, (tuple,)),
        (tuple[int, ...], (tuple,)),
        (typing.Tuple, (tuple,)),  # noqa: UP006
        (typing.List[int], (list,)),  # noqa: UP006
        (list[int], (list,)),
        (dict[str, int], (dict,)),
        (Options, (dict,)),
        (Sequence[int], (collections.abc.Sequence,)),
        (typing.Sequence, (collections.abc.Sequence,)),
        (Mapping[str, int], (collections.abc.Mapping,)),
        (Iterable[int], (collections.abc.Iterable,)),
        (Callable, (collections.abc.Callable,)),
        (Callable[[int], int], (collections.abc.Callable,)),
        (typing.Callable[..., Any], (collections.abc.Callable,)),
        (Color, (Color,)),
        (Closes, (Door,)),
        (type, (type,)),
        (slice, (slice,)),
        (types.FunctionType, (types.FunctionType,)),
        (int | str, (int, str)),
        (Union[int, str], (int, str)),  # noqa: UP007
        (Optional[Base], (Base, type(None))),  # noqa: UP045
        (int | None, (int, type(None))),
        (Union[int, list[str], None], (int, list, type(None))),  # noqa: UP007
        (Annotated[int, "an axis"], (int,)),
        (Annotated[int | None, "an axis"], (int, type(None))),
        (Final[int], (int,)),
        (ClassVar[int], (int,)),
        (Metres, (float,)),
        (Bound, (Base,)),
        (OneOfTwo, (int, str)),
        (typing.LiteralString, (str,)),
        (type[Any], (type,)),
        ("int", (int,)),
        ("Base", (Base,)),
        ("Optional[Base]", (Base, type(None))),
        ("Base | None", (Base, type(None))),
        ("'Base' | None", (Base, type(None))),
        (Optional["Base"], (Base, type(None))),
        ("np.ndarray", (np.ndarray,)),
        ("NDArray[np.float64]", (np.ndarray,)),
        ("list['NotDefinedAnywhere']", (list,)),
        ("Callable[[NotDefinedAnywhere], int]", (collections.abc.Callable,)),
        ("Annotated['Base', 3]", (Base,)),
    ],
    ids=repr,
)
def test_what_annotations_match(annotation: Any, kinds: Any) -> None:
    assert matched(annotation) == those(*kinds)
    assert matched(annotation)  # or the test would say nothing


@pytest.mark.parametrize(
    "annotation",
    [
        Any,
        object,
        inspect.Parameter.empty,
        T,
        3,
        (1, 2),
        {"a": 1},
        len,
        Shaped,
        "the radius in metres",
        "3",
        "Any",
        "1 / 0",
        "np.no_such_name",
        "Union[int, Any]",
        int | Any,
        Union[int, T],  # noqa: UP007
    ],
    ids=repr,
)
def test_what_is_no_type_matches_everything(annotation: Any) -> None:
    assert pattern(annotation) == ANYTHING


def test_classes_as_arguments() -> None:
    assert matched(type[Base]) == [Base, Child]
    assert matched(typing.Type[Child]) == [Child]  # noqa: UP006
    assert matched(type[Base | int]) == [int, Base, Child]
    assert matched("type[Child]") == [Child]
    assert not pattern(type[Base]).by_type


def test_a_literal_matches_its_values_and_loosely_everything() -> None:
    sums = pattern(Literal["sum", 1])
    assert sums.exact("sum")
    assert sums.exact(1)
    assert not sums.exact(True)  # == 1, but another value
    assert not sums.exact("mean")
    assert sums.loose("mean")
    assert not sums.by_type


@pytest.mark.parametrize(
    ("annotation", "stands_for_it"),
    [
        (complex, [1, True, 1.0, 1j, np.float64(1), np.float32(1), np.int32(1)]),
        (float, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1)]),
        (int, [1, True, np.int32(1)]),
        (bool, [True]),
        (np.float64, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1)]),
        (np.float32, [1, True, np.float32(1), np.int32(1)]),
        (np.floating, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1)]),
        (np.integer, [1, True, np.int32(1)]),
        (float | None, [1, True, 1.0, None, np.float64(1), np.float32(1), np.int32(1)]),
        (str, ["a"]),
    ],
    ids=repr,
)
def test_a_number_may_stand_for_a_wider_one(annotation: Any, stands_for_it: list[Any]) -> None:
    found = [x for x in SAMPLES if pattern(annotation).loose(x)]
    assert [repr(x) for x in found] == [repr(x) for x in stands_for_it]


PATTERNS = [
    ANYTHING,
    *map(
        pattern,
        [
            bool,
            int,
            float,
            complex,
            np.float64,
            np.float32,
            np.floating,
            np.ndarray,
            str,
            None,
            Base,
            Child,
            Sequence,
            list,
            type,
            type[Base],
            type[Child],
            int | str,
            float | None,
            Optional[Base],  # noqa: UP045
            Literal["a"],
            Literal["a", "b"],
            Callable,
        ],
    ),
]
patterns = st.sampled_from(PATTERNS)


@given(patterns, patterns, st.sampled_from(SAMPLES))
def test_within_means_a_smaller_set(a: Any, b: Any, x: Any) -> None:
    if within(a, b) and a.exact(x):
        assert b.loose(x)


@given(patterns, patterns, patterns)
def test_within_is_an_order(a: Any, b: Any, c: Any) -> None:
    assert within(a, a)
    assert within(a, ANYTHING)
    if within(a, b) and within(b, c):
        assert within(a, c)
    if within(a, b) and within(b, a):
        assert a == b or {repr(a), repr(b)} <= {"float", "float64"}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (Child, Base),
        (bool, int),
        (int, float),
        (float, complex),
        (int, int | str),
        (int | str, int | str | None),
        (list, Sequence),
        (Literal["a"], str),
        (Literal["a"], Literal["a", "b"]),
        (type[Child], type[Base]),
        (type[Base], type),
        (Base, Optional[Base]),  # noqa: UP045
        (np.ndarray, Any),
        (NDArray[np.float32], Any),
    ],
)
def test_the_more_specific_of_two(narrow: Any, wide: Any) -> None:
    assert within(pattern(narrow), pattern(wide))
    assert not within(pattern(wide), pattern(narrow))


# Strings, and where their names are looked up


def scope_of(rule: Any) -> Scope:
    return Scope(rule, sys._getframe(1))


def annotation_of(rule: Any) -> Any:
    return (parameters_of(rule) or [])[0].annotation


def test_names_of_an_enclosing_function_are_found() -> None:
    class Local: ...

    def rule(x: Local) -> None: ...

    found = pattern_of(annotation_of(rule), scope_of(rule))
    assert found.exact(Local())
    assert not found.exact(1.0)


def test_names_of_functions_further_out_are_found() -> None:
    class Outer: ...

    def inside() -> Any:
        def rule(x: Outer) -> None: ...

        return pattern_of(annotation_of(rule), scope_of(rule))

    assert inside().exact(Outer())
    assert not inside().exact(1.0)


def test_names_that_a_rule_closes_over_are_found_without_a_frame() -> None:
    class Closed: ...

    def rule(x: Closed) -> Any:
        return Closed

    assert not pattern_of(annotation_of(rule), Scope(rule, None)).exact(1.0)


def test_a_caller_that_does_not_enclose_the_rule_lends_no_names() -> None:
    def caller() -> Any:
        Base = int  # noqa: F841
        return pattern_of("Base", Scope(here, sys._getframe()))

    assert caller() == pattern(Base)


def test_a_name_that_is_not_known_yet() -> None:
    with pytest.raises(Unresolved, match="LaterInTheModule"):
        pattern("LaterInTheModule")
    with pytest.raises(Unresolved):
        pattern("Optional[LaterInTheModule]")


def test_the_class_that_is_being_defined_is_found_later() -> None:
    class Here:
        def rule(self: Here) -> None: ...

        scope = Scope(rule, sys._getframe())
        with pytest.raises(Unresolved):
            pattern_of("Here", scope)

    assert pattern_of("Here", Here.scope).exact(Here())
    assert not pattern_of("Here", Here.scope).exact(1.0)


# Signatures


def signature(rule: Any, skip: int = 1) -> Signature:
    return signature_of((parameters_of(rule) or [])[skip:], scope_of(rule))


def test_how_many_arguments_match() -> None:
    def rule(_: Any, x: Any, y: Any = 1, *, k: Any = 2) -> None: ...

    found = signature(rule)
    assert [found.matches((0,) * n, (), False) for n in range(4)] == [False, True, True, False]
    assert found.matches((), {"x"}, False)  # x was passed by keyword
    assert not found.matches((), {"y"}, False)


def test_positional_only_parameters_cannot_be_passed_by_keyword() -> None:
    def rule(_: Any, x: Any, /, y: Any) -> None: ...

    assert not signature(rule).matches((), {"x", "y"}, False)
    assert signature(rule).matches((1,), {"y"}, False)


def test_rest_arguments_are_checked_one_by_one() -> None:
    def rule(_: Any, x: str, *rest: int) -> None: ...

    found = signature(rule)
    assert found.matches(("a",), (), False)
    assert found.matches(("a", 1, 2), (), False)
    assert not found.matches(("a", 1, "b"), (), False)
    assert not found.matches((), (), False)


def test_fewer_unfilled_parameters_are_more_specific() -> None:
    def exact(_: Any, x: Any) -> None: ...
    def optional(_: Any, x: Any, y: Any = 1) -> None: ...
    def rest(_: Any, *xs: Any) -> None: ...
    def typed(_: Any, x: int, *xs: Any) -> None: ...

    a, b, c, d = map(signature, (exact, optional, rest, typed))
    assert a.tighter(b, 1)
    assert not b.tighter(a, 1)
    assert b.tighter(c, 1)
    assert a.tighter(c, 1)
    assert d.tighter(a, 1)  # the patterns come first
    assert a.tighter(a, 1) is None
    assert a.same(a, 1)
    assert not a.same(b, 1)


def test_neither_is_more_specific() -> None:
    def left(_: Any, x: int, y: Any) -> None: ...
    def right(_: Any, x: Any, y: int) -> None: ...

    a, b = signature(left), signature(right)
    assert a.tighter(b, 2) is None
    assert not a.same(b, 2)


def test_a_signature_shows_what_it_matches() -> None:
    def rule(_: Any, x: int, y: str = "", *rest: Any) -> None: ...

    assert str(signature(rule)) == "(x: int, y: str = ..., *args: Any)"


class MyAD(RuleConfig[HasReverseMode]): ...


def config_of(rule: Any) -> Any:
    return configs_of((parameters_of(rule) or [])[0], scope_of(rule))


def test_the_config_of_a_rule() -> None:
    def bundle(config: RuleConfig[HasReverseMode], _: Any) -> None: ...
    def own(config: MyAD, _: Any) -> None: ...
    def quoted(config: "RuleConfig[HasReverseMode]", _: Any) -> None: ...  # noqa: UP037
    def either(config: MyAD | RuleConfig[HasReverseMode], _: Any) -> None: ...
    def none(_: Any, config: MyAD) -> None: ...
    def plain(config: Any, _: Any) -> None: ...
    def other(config: Base, _: Any) -> None: ...

    assert config_of(bundle) == config_of(quoted) == (RuleConfig[HasReverseMode],)
    assert config_of(own) == (MyAD,)
    assert set(config_of(either)) == {MyAD, RuleConfig[HasReverseMode]}
    assert config_of(none) == config_of(plain) == config_of(other) == ()


@pytest.mark.parametrize(
    "text",
    [
        "RuleConfig[HasReverseMode]",
        "rules_runtime.RuleConfig[HasReverseMode]",
        "'RuleConfig[HasReverseMode]'",
    ],
)
def test_a_config_imported_for_the_type_checker_only(text: str) -> None:
    space: dict[str, Any] = {}
    exec("def rule(config, _): ...", space)
    rule = space["rule"]
    rule.__annotations__["config"] = text
    assert configs_of((parameters_of(rule) or [])[0], Scope(rule, None)) == (
        RuleConfig[HasReverseMode],
    )


# Rule functions


def test_where_a_rule_stands() -> None:
    def rule() -> None: ...

    assert location_of(rule).startswith(__file__)
    assert location_of(rule).endswith(f":{rule.__code__.co_firstlineno}")
    assert location_of(len) == "<built-in function len>"


def test_what_can_be_no_rule() -> None:
    async def waits() -> None: ...

    def yields() -> Any:
        yield

    with pytest.raises(RuleError, match="coroutine"):
        check_rule(waits)
    with pytest.raises(RuleError, match="generator"):
        check_rule(yields)
    with pytest.raises(RuleError, match="function"):
        check_rule(3)


def test_the_parameters_of_what_has_no_signature() -> None:
    assert parameters_of(type("Opaque", (), {"__signature__": "none"})()) is None
    assert parameters_of(max) is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters_and_aliases() -> None:
    space: dict[str, Any] = {"Base": Base, "Sequence": Sequence}
    exec(
        "type Axis = int | None\n"
        "def bound[B: Base](x: B): ...\n"
        "def free[B](x: B): ...\n"
        "def alias(x: Axis): ...\n"
        "def quoted[B: Base](x: 'B'): ...\n",
        space,
    )

    def first(name: str) -> Any:
        rule = space[name]
        return pattern_of((parameters_of(rule) or [])[0].annotation, Scope(rule, None))

    assert first("bound") == first("quoted") == pattern(Base)
    assert first("free") == ANYTHING
    assert first("alias") == pattern(int | None)


def test_array_like_takes_what_makes_an_array() -> None:
    like = pattern(ArrayLike)
    for x in (1.0, np.ones(2), [1.0, 2.0], "a"):
        assert like.loose(x)
    assert not like.loose(None)
