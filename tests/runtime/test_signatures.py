"""Signatures: how many arguments they match, for which configs, and which is the more specific."""

from __future__ import annotations

import sys
from typing import (
    Any,
)

import pytest

from rules_runtime.annotations import Scope
from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.errors import RuleError
from rules_runtime.signatures import (
    Signature,
    check_rule,
    configs_of,
    location_of,
    parameters_of,
    signature_of,
)


class Base: ...


def scope_of(rule: Any) -> Scope:
    return Scope(rule, sys._getframe(1))


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
