"""rrule_via_ad: back into the AD that asked."""

from __future__ import annotations

from typing import Any

import pytest

from rules_runtime import rrule as default_rrule
from rules_runtime.config import HasReverseMode, NoReverseMode, RuleConfig
from rules_runtime.errors import ConfigError, RuleError
from rules_runtime.tangents import Tangent
from rules_runtime.thunks import Thunk
from rules_runtime.via_ad import rrule_via_ad
from tests.support.choosing import NONE, ZERO, Child, Foo, Forward, MyAD, OtherAD

pytestmark = pytest.mark.usefixtures("forget_rules")


# -- calling back into the AD
# ------------------------------------------------------------------------


def test_an_ad_with_a_reverse_mode_of_its_own_is_asked() -> None:
    class Own(RuleConfig[HasReverseMode]):
        def rrule_via_ad(self, g: Any, *args: Any, **kwargs: Any) -> Any:
            return ("own", args, kwargs), lambda dy: (NONE, *(dy for _ in args))

    y, pullback = rrule_via_ad(Own(), abs, 1.0, 2.0, k=3)
    assert y == ("own", (1.0, 2.0), {"k": 3})
    assert pullback(1.0) == (NONE, 1.0, 1.0)
    assert pullback(ZERO) == (NONE, ZERO, ZERO)
    assert pullback(Thunk(lambda: 2.0)) == (NONE, 2.0, 2.0)


@pytest.mark.parametrize("result", [None, 3, (1.0,)])
def test_an_ad_that_gives_no_pullback(result: Any) -> None:
    class Broken(RuleConfig[HasReverseMode]):
        def rrule_via_ad(self, g: Any, *args: Any, **kwargs: Any) -> Any:
            return result

    with pytest.raises(ConfigError, match=r"Broken.rrule_via_ad returned no \(y, pullback\)"):
        rrule_via_ad(Broken(), abs, 1.0)


def test_an_ad_that_gives_the_wrong_number_of_tangents() -> None:
    class Short(RuleConfig[HasReverseMode]):
        def rrule_via_ad(self, g: Any, *args: Any, **kwargs: Any) -> Any:
            return 1.0, lambda dy: (dy,)

    with pytest.raises(RuleError, match=r"Short\.rrule_via_ad of abs returned 1 tangents, not 2"):
        rrule_via_ad(Short(), abs, 1.0)[1](1.0)


@pytest.mark.parametrize("config", [Forward(), RuleConfig[NoReverseMode](), RuleConfig()])
def test_an_ad_without_a_reverse_mode(config: Any) -> None:
    with pytest.raises(ConfigError, match="no reverse mode"):
        rrule_via_ad(config, abs, 1.0)
    with pytest.raises(ConfigError, match="no reverse mode"):
        config.rrule_via_ad(abs, 1.0)


def test_the_config_comes_first() -> None:
    with pytest.raises(ConfigError, match="config first"):
        rrule_via_ad(abs, 1.0)  # type: ignore[arg-type]


def test_rules_first_then_the_built_in_reverse_mode() -> None:
    def g(x: Any) -> Any:
        return x * x

    y, pullback = rrule_via_ad(MyAD(), g, 3.0)
    assert (y, pullback(1.0)) == (9.0, (NONE, 6.0))
    default_rrule.register(g)(lambda _, x: ("rule", lambda dy: (NONE, "dx")))
    assert rrule_via_ad(MyAD(), g, 3.0)[0] == "rule"
    assert MyAD().rrule_via_ad(g, 3.0)[0] == "rule"


def test_the_rules_of_the_config_are_used_further_inside() -> None:
    def inner(x: Any) -> Any:
        return x * x

    @default_rrule.register(inner)
    def rule(config: MyAD, _: Any, x: Any) -> Any:
        return 100.0 * x, lambda dy: (NONE, 100.0 * dy)

    def outer(x: Any) -> Any:
        return inner(x) + 1.0

    y, pullback = rrule_via_ad(MyAD(), outer, 3.0)
    assert (float(y), pullback(1.0)[1]) == (301.0, 100.0)
    y, pullback = rrule_via_ad(OtherAD(), outer, 3.0)
    assert (float(y), pullback(1.0)[1]) == (10.0, 6.0)


def test_a_bound_method_has_the_tangent_of_its_instance_first() -> None:
    for method in (Foo(2.0).scaled, Child(2.0).scaled):
        y, pullback = rrule_via_ad(MyAD(), method, 3.0)
        assert y == 6.0
        assert pullback(1.0) == (Tangent[type(method.__self__)](a=3.0), 2.0)
        assert pullback(ZERO) == (ZERO, ZERO)


def test_an_instance_has_its_own_tangent_first() -> None:
    y, pullback = rrule_via_ad(MyAD(), Foo(2.0), 3.0)
    assert y == 6.0
    assert pullback(1.0) == (Tangent[Foo](a=3.0), 2.0)
