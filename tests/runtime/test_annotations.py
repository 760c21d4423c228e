"""What annotations mean for dispatch, and where the names of strings are looked up."""

from __future__ import annotations

import collections.abc
import inspect
import numbers
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Optional, Union

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from rules_runtime.annotations import Scope, Unresolved, pattern_of
from rules_runtime.patterns import ANYTHING
from rules_runtime.signatures import parameters_of
from tests.support.annotated import (
    SAMPLES,
    Base,
    Bound,
    Box,
    Child,
    Closes,
    Color,
    Door,
    Metres,
    OneOfTwo,
    Options,
    Shaped,
    State,
    T,
)


def here() -> Scope:
    return Scope(here, None)


def pattern(annotation: Any) -> Any:
    return pattern_of(annotation, here())


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


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters_and_aliases() -> None:
    space: dict[str, Any] = {"Base": Base, "Sequence": Sequence}
    exec(
        "type Axis = int | None\n"
        "def bound[B: Base](x: B): ...\n"
        "def free[B](x: B): ...\n"
        "def alias(x: Axis): ...\n"
        "def quoted[B: Base](x: 'B'): ...\n"
        "type Either[A, B] = list[A] | B\n"
        "def parametrised(x: Either[str, int]): ...\n"
        "type Same[A] = A\n"
        "def same(x: Same[int]): ...\n",
        space,
    )

    def first(name: str) -> Any:
        rule = space[name]
        return pattern_of((parameters_of(rule) or [])[0].annotation, Scope(rule, None))

    assert first("bound") == first("quoted") == pattern(Base)
    assert first("free") == ANYTHING
    assert first("alias") == pattern(int | None)
    assert first("parametrised") == pattern(list | int)
    assert first("same") == pattern(int)


def test_array_like_takes_what_makes_an_array() -> None:
    like = pattern(ArrayLike)
    for x in (1.0, np.ones(2), [1.0, 2.0], "a"):
        assert like.loose(x)
    assert not like.loose(None)
