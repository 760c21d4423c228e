"""RuleConfig: features, bundles of features, and ADs."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from rules_runtime.config import (
    HasForwardMode,
    HasReverseMode,
    NoForwardMode,
    NoReverseMode,
    RuleConfig,
    satisfies,
)
from rules_runtime.errors import ConfigError


class MyAD(RuleConfig[HasReverseMode]): ...


class Both(RuleConfig[HasReverseMode, NoForwardMode]): ...


class Child(MyAD): ...


class Mixed(RuleConfig[HasReverseMode], RuleConfig[HasForwardMode]): ...  # type: ignore[misc]


class Fast(HasReverseMode): ...


class FastAD(RuleConfig[Fast]): ...


def test_a_bundle_of_features_is_one_class() -> None:
    assert RuleConfig[HasReverseMode] is RuleConfig[HasReverseMode]
    assert RuleConfig[HasReverseMode, NoForwardMode] is RuleConfig[NoForwardMode, HasReverseMode]
    assert RuleConfig[HasReverseMode][NoForwardMode] is RuleConfig[HasReverseMode, NoForwardMode]
    assert RuleConfig[HasReverseMode].__name__ == "RuleConfig[HasReverseMode]"


def test_features_are_declared_and_inherited() -> None:
    assert MyAD().has(HasReverseMode)
    assert not MyAD().has(HasForwardMode)
    assert Child().has(HasReverseMode)
    assert Mixed().has(HasReverseMode)
    assert Mixed().has(HasForwardMode)
    assert FastAD().has(HasReverseMode)  # a feature that is a kind of another
    assert not MyAD().has(Fast)
    assert RuleConfig[NoReverseMode]().has(NoReverseMode)


@pytest.mark.parametrize(
    ("config", "wanted", "yes"),
    [
        (MyAD, MyAD, True),
        (Child, MyAD, True),
        (MyAD, Child, False),
        (MyAD, RuleConfig, True),
        (MyAD, RuleConfig[HasReverseMode], True),
        (MyAD, RuleConfig[HasForwardMode], False),
        (MyAD, RuleConfig[HasReverseMode, NoForwardMode], False),
        (Both, RuleConfig[HasReverseMode], True),
        (Both, RuleConfig[NoForwardMode, HasReverseMode], True),
        (Both, MyAD, False),
        (RuleConfig[HasReverseMode, NoForwardMode], RuleConfig[HasReverseMode], True),
        (RuleConfig[HasReverseMode], RuleConfig[HasReverseMode, NoForwardMode], False),
        (FastAD, RuleConfig[HasReverseMode], True),
        (MyAD, RuleConfig[Fast], False),
    ],
)
def test_who_may_be_passed_where(config: Any, wanted: Any, yes: bool) -> None:
    assert satisfies(config, wanted) is yes


def test_what_is_no_feature() -> None:
    with pytest.raises(ConfigError, match="features"):
        RuleConfig["HasReverseMode"]  # type: ignore[misc]
    with pytest.raises(ConfigError, match="MyAD is one AD"):
        MyAD[HasForwardMode]  # type: ignore[misc]


def test_type_variables_and_any_are_for_type_checkers() -> None:
    assert RuleConfig[TypeVar("F")] is RuleConfig  # type: ignore[misc]
    assert RuleConfig[Any] is RuleConfig


def test_an_ad_shows_as_its_call() -> None:
    assert repr(MyAD()) == "MyAD()"
