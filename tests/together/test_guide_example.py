"""The migration guide's own example, and README's, before and after."""

from __future__ import annotations

import re
from pathlib import Path

from migrate.convert import convert_source
from migrate.model import FileConverted, FileUnchanged, Options
from rules_runtime import NoTangent, Tangent, ZeroTangent, rrule
from rules_runtime.testing import test_rrule

ROOT = Path(__file__).resolve().parents[2]

PRIMAL = """
from dataclasses import dataclass


@dataclass
class Foo:
    a: float
    b: float


def f(x, y: Foo, z):
    return 2 * x + y.a


"""

LEGACY = (
    "from zygote_rules import adjoint\n"
    + PRIMAL
    + """@adjoint
def f(x, y: Foo, z):
    def f_pullback(dy):
        return 2 * dy, {"a": dy, "b": None}, None
    return f(x, y, z), f_pullback
"""
)

CONVERTED = (
    "from rules_runtime import NoTangent, Tangent, ZeroTangent, rrule\n"
    + PRIMAL
    + """@rrule.register(f)
def rrule_f(_, x, y: Foo, z):
    def f_pullback(dy):
        return NoTangent(), 2 * dy, Tangent[Foo](a=dy), ZeroTangent()
    return f(x, y, z), f_pullback
"""
)


def converted(source: str) -> str:
    outcome = convert_source(source.encode(), "guide.py", Options())
    assert isinstance(outcome, FileConverted), outcome
    assert not outcome.left
    return outcome.after.decode()


def test_the_guides_example_becomes_the_guides_rule() -> None:
    assert converted(LEGACY) == CONVERTED


def test_it_stays_so() -> None:
    outcome = convert_source(CONVERTED.encode(), "guide.py", Options())
    assert isinstance(outcome, FileUnchanged)


def test_it_passes_the_guides_test() -> None:
    scope: dict[str, object] = {"__name__": "guide"}
    exec(compile(CONVERTED, "guide.py", "exec", dont_inherit=True), scope)
    f, Foo = scope["f"], scope["Foo"]
    test_rrule(f, 2.5, Foo(9.9, 7.2), 31.0)
    y, back = rrule(f, 2.5, Foo(9.9, 7.2), 31.0)
    assert y == 14.9
    assert back(3.0) == (NoTangent(), 6.0, Tangent[Foo](a=3.0), ZeroTangent())


def test_the_readme_shows_what_happens() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, flags=re.M | re.S)
    before, after, given, legacy, rule = blocks[:5]
    assert converted(before) == after
    assert converted(given + legacy) == given + rule
