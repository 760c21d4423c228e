"""Which rule each AD uses of one function's, a test for each line of the order."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    AmbiguousRuleError,
    HasForwardMode,
    HasReverseMode,
    NoTangent,
    RuleConfig,
    gradient,
    no_rrule,
    rrule,
)


class InAutograd:
    """The derivative of a function of one number at 3, in HIPS autograd."""

    config = "AutogradConfig"

    def __init__(self) -> None:
        self.ag = pytest.importorskip("autograd", reason="HIPS autograd is not installed")
        self.host: Any = importlib.import_module("rules_runtime.hosts.autograd")

    def slope(self, f: Any) -> float:
        return float(self.ag.grad(self.host.wrap(f))(3.0))


class InTorch:
    config = "TorchConfig"

    def __init__(self) -> None:
        self.torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        self.host: Any = importlib.import_module("rules_runtime.hosts.torch")

    def slope(self, f: Any) -> float:
        x = self.torch.tensor(3.0, dtype=self.torch.float64, requires_grad=True)
        self.host.wrap(f)(x).backward()
        return float(x.grad)


class InJax:
    config = "JaxConfig"

    def __init__(self, compiled: bool = False) -> None:
        self.jax = pytest.importorskip("jax", reason="JAX is not installed")
        self.host: Any = importlib.import_module("rules_runtime.hosts.jax")
        self.jit = self.jax.jit if compiled else lambda f: f

    def slope(self, f: Any) -> float:
        x = np.float64(3.0)
        with self.jax.enable_x64(True):
            return float(self.jit(self.jax.grad(self.host.wrap(f)))(x))


HOSTS: dict[str, Callable[[], Any]] = {
    "autograd": InAutograd,
    "torch": InTorch,
    "jax": InJax,
    "jitted": lambda: InJax(compiled=True),
}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Any:
    return HOSTS[request.param]()


@pytest.fixture
def f() -> Iterator[Any]:
    def f(x: Any) -> Any:
        return x * x

    yield f
    for rule in rrule.rules_for(f):
        rrule.remove_rule(rule)


def rule(slope: float, config: Any = None, x: Any = Any) -> Any:
    """A rule whose derivative says which it is."""

    def plain(_: Any, x: Any) -> Any:
        return x * x, lambda dy: (NoTangent(), slope * dy)

    def configured(config: Any, _: Any, x: Any) -> Any:
        return plain(_, x)

    made = plain if config is None else configured
    made.__annotations__ = {"x": x} | ({} if config is None else {"config": config})
    return made


def test_the_later_of_two(host: Any, f: Any) -> None:
    rrule.register(f)(rule(10.0))
    rrule.register(f)(rule(20.0))
    assert host.slope(f) == 20.0


def test_the_more_specific(host: Any, f: Any) -> None:
    rrule.register(f)(rule(10.0, x=float))
    rrule.register(f)(rule(20.0))
    assert host.slope(f) == 10.0


def test_what_requires_more_of_two_for_the_same_calls(host: Any, f: Any) -> None:
    rrule.register(f)(rule(10.0, RuleConfig[HasReverseMode]))
    rrule.register(f)(rule(20.0))
    assert host.slope(f) == 10.0


def test_the_signature_before_what_is_required(host: Any, f: Any) -> None:
    rrule.register(f)(rule(10.0, x=float))
    rrule.register(f)(rule(20.0, RuleConfig[HasReverseMode]))
    assert host.slope(f) == 10.0


def test_what_is_addressed_to_the_ad_before_all_others(host: Any, f: Any) -> None:
    rrule.register(f)(rule(10.0, getattr(host.host, host.config)))
    rrule.register(f)(rule(20.0, x=float))
    assert host.slope(f) == 10.0
    assert gradient(f, 3.0) == (20.0,)


def test_what_the_ad_has_not_is_not_used(host: Any, f: Any) -> None:
    class Another(RuleConfig[HasReverseMode]): ...

    rrule.register(f)(rule(10.0))
    rrule.register(f)(rule(20.0, Another))
    rrule.register(f)(rule(30.0, RuleConfig[HasForwardMode]))
    assert host.slope(f) == 10.0


def test_ties_are_errors(host: Any, f: Any) -> None:
    class Thing:
        pass

    def two(x: Any, y: Any) -> Any:
        return x * x

    for kinds in ({"x": float}, {"y": Thing}):

        def tied(_: Any, x: Any, y: Any) -> Any:
            raise AssertionError

        tied.__annotations__ = kinds
        rrule.register(two)(tied)
    f_of_one = Thing()
    with pytest.raises(AmbiguousRuleError):
        rrule.find(getattr(host.host, host.config)(), two, (3.0, f_of_one), {})


def test_each_ad_does_what_was_asked() -> None:
    """A rule for all, one for PyTorch, an opt-out for JAX, which differentiates it by itself."""
    hosts = {name: make() for name, make in HOSTS.items()}

    def f(x: Any) -> Any:
        return x * x

    rrule.register(f)(rule(10.0))
    rrule.register(f)(rule(20.0, hosts["torch"].host.TorchConfig))

    def out(config: Any, _: Any, x: Any) -> None: ...

    out.__annotations__["config"] = hosts["jax"].host.JaxConfig
    no_rrule.register(f)(out)

    slopes = {name: host.slope(f) for name, host in hosts.items()}
    assert slopes == {"autograd": 10.0, "torch": 20.0, "jax": 6.0, "jitted": 6.0}
    assert gradient(f, 3.0) == (10.0,)
    explained = str(rrule.explain(hosts["jax"].host.config, f, np.float64(3.0)))
    assert "opt-out" in explained
