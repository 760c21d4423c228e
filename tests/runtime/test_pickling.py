"""What is sent to other processes, and copied: the registry, configs, functions with rules."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rules_runtime import HasReverseMode, NoTangent, RuleConfig, gradient, no_rrule, rrule
from rules_runtime.config import HasForwardMode
from rules_runtime.registry import OptOuts, Registry

pytestmark = pytest.mark.usefixtures("forget_rules")


class Outer:
    class Feature: ...


@pytest.mark.parametrize(
    "x",
    [
        rrule,
        no_rrule,
        RuleConfig,
        RuleConfig[HasReverseMode],
        RuleConfig[HasReverseMode, HasForwardMode],
        RuleConfig[Outer.Feature, HasReverseMode],
    ],
    ids=repr,
)
def test_they_are_the_same_afterwards(x: Any) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(x, protocol)) is x
    assert copy.copy(x) is copy.deepcopy(x) is x


def test_bundles_arrive_where_they_were_not_made() -> None:
    made = [RuleConfig[Outer.Feature], RuleConfig[HasReverseMode]()]
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"
    root = Path(__file__).parents[2]
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, input=pickle.dumps(made), capture_output=True, check=True, cwd=root)
    assert b"Outer:Feature" in done.stdout
    assert b"RuleConfig[HasReverseMode]()" in done.stdout
    with pytest.raises(AttributeError, match="has no attribute Nothing"):
        getattr(sys.modules["rules_runtime.config"], "Nothing")  # noqa: B009


def test_other_registries_say_why_they_cannot() -> None:
    for x in (Registry(), OptOuts(Registry())):
        with pytest.raises(TypeError, match="kept by identity"):
            pickle.dumps(x)


SCRIPT = """
import math, subprocess, sys
import cloudpickle
from rules_runtime import NoTangent, Tangent, gradient, no_rrule, non_differentiable, rrule
from rules_runtime.legacy import adjoint

def f(x, k=2.0):
    return math.sin(x) * k

@rrule.register(f)
def rrule_f(_, x: float, k=2.0):
    return f(x, k), lambda dy: (NoTangent(), 100.0 * dy, 0.0)

@rrule.register(f)
def rrule_f_of_texts(_, x: str, k=2.0):
    return "a text", lambda dy: (NoTangent(), NoTangent(), 0.0)

def legacy(x):
    return math.sin(x)

@adjoint
def legacy(x):
    return legacy(x), lambda dy: (7.0 * dy,)

def steps(x):
    return math.floor(x)

non_differentiable(steps)

class Model:
    def __init__(self, w):
        self.w = w
    def __call__(self, x):
        return self.w * x
    def method(self, x):
        return self.w + x

@rrule.register(Model.__call__)
def rrule_call(self, x):
    return self(x), lambda dy: (Tangent[Model](w=5.0 * dy), 6.0 * dy)

@rrule.register(Model.method)
def rrule_method(_, self, x):
    return self.method(x), lambda dy: (NoTangent(), Tangent[Model](w=15.0 * dy), 16.0 * dy)

def make(c):
    def inner(x):
        return math.cos(x) * c
    rrule.register(inner)(lambda _, x: (inner(x), lambda dy: (NoTangent(), 50.0 * c)))
    return inner

inner = make(3.0)

def work(x):
    return [
        gradient(lambda x: f(x), x)[0], gradient(f, x)[0], rrule(f, "a")[0], gradient(lambda x: legacy(x), x)[0],
        gradient(lambda x: x * steps(x), x)[0], gradient(lambda x: Model(x)(2.0), x)[0],
        gradient(lambda x: Model(1.0).method(x), x)[0], gradient(lambda x: inner(x), x)[0], round(f(x), 3),
    ]

print(work(2.0))
data = cloudpickle.dumps(work)
print(cloudpickle.loads(data)(2.0))
code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(2.0))"
print(subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout.decode())
"""


def test_functions_of_main_take_their_rules_along(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    right = "[100.0, 100.0, 'a text', 7.0, 2.0, 5.0, 16.0, 150.0, 1.819]"
    assert done.stdout.split("\n")[:3] == [right] * 3


def test_copies_by_value_have_the_rules_of_their_original() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")

    def f(x: Any, k: Any = 2.0) -> Any:
        return math.sin(x) * k

    rrule.register(f)(lambda _, x, k=2.0: (f(x, k), lambda dy: (NoTangent(), 100.0 * dy, dy)))
    gradient(lambda x: f(x), 1.0)
    f.__defaults__ = (3.0,)
    g = cloudpickle.loads(cloudpickle.dumps(f))
    assert g is not f
    assert g(1.0) == 3.0 * math.sin(1.0)
    assert gradient(lambda x: g(x), 1.0) == gradient(g, 1.0) == (100.0,)
