"""What tests of the registry ask with: configs of ADs, a class whose methods have rules, and which
rule was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from rules_runtime.config import HasForwardMode, HasReverseMode, RuleConfig
from rules_runtime.registry import Registry
from rules_runtime.tangents import NoTangent, ZeroTangent

ZERO, NONE = ZeroTangent(), NoTangent()


class MyAD(RuleConfig[HasReverseMode]): ...


class OtherAD(RuleConfig[HasReverseMode]): ...


class ChildAD(MyAD): ...


class Forward(RuleConfig[HasForwardMode]): ...


class BothModes(RuleConfig[HasReverseMode, HasForwardMode]): ...


@dataclass
class Foo:
    a: float

    def scaled(self, k: float) -> float:
        return self.a * k

    @classmethod
    def make(cls, a: float) -> Foo:
        return cls(a)

    @staticmethod
    def free(x: float) -> float:
        return x

    def __call__(self, x: float) -> float:
        return self.a * x


class Child(Foo): ...


class Overriding(Foo):
    def __call__(self, x: float) -> float:
        return 7.0


def f(*args: Any, **kwargs: Any) -> Any:
    return args


def says(word: str) -> Any:
    """A rule function's body: the value is a word that says which rule it was."""
    return word, lambda dy: pytest.fail("nobody pulls")


def chosen(rrule: Registry, *args: Any, **kwargs: Any) -> Any:
    found = rrule(*args, **kwargs)
    return None if found is None else found[0]
