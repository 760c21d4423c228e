"""Modules that work without the legacy package work without the runtime after the conversion,
and use it where it is."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import rules_runtime
import rules_runtime.legacy
from migrate.convert import convert_source
from migrate.model import FileConverted, Options

STUBS = """\
try:
    from zygote_rules import adjoint, nograd, dropgrad, pullback
except ImportError:
    adjoint = lambda target: (lambda rule: rule)
    def nograd(*fs): pass
    dropgrad = lambda x: x
    pullback = None
"""
CLASS = """\
try:
    import zygote_rules as zr
except ImportError:
    class zr:
        adjoint = staticmethod(lambda target: lambda rule: rule)
        nograd = staticmethod(lambda *fs: None)
        dropgrad = staticmethod(lambda x: x)
"""
ONE_LINE = """\
try: from zygote_rules import adjoint, nograd, dropgrad, pullback
except ImportError: from stand_in import adjoint, nograd, dropgrad, pullback
"""
MODULE_GUARD = """\
try:
    import zygote_rules as zr
except ImportError:
    zr = None
"""
NAME_GUARD = """\
try:
    from zygote_rules import adjoint
except (ImportError, AttributeError):
    adjoint = None
"""
FLAG = """\
try:
    from zygote_rules import adjoint
    HAS = True
except ImportError:
    HAS = False
"""
TWO_SOURCES = """\
try:
    from zygote_rules import adjoint
except ImportError:
    from zygote import adjoint
"""

RULES = """

def f(x):
    return {drop}(x) * 1.0 if x is None else 2 * x


def g(h, x):
    return h(x)


@{adjoint}(f)
def f_rule(x):
    return 2 * x, lambda d: (20 * d,)


@{adjoint}(g)
def g_rule(h, x):
    y, back = {pullback}(h, x)
    return y, lambda d: (None, back(d)[0])

{nograd}(len)
"""
ONE_RULE = """

def f(x):
    return 2 * x

if {test}:
    @{adjoint}(f)
    def f_rule(x):
        return 2 * x, lambda d: (20 * d,)
"""
NAMES = {name: name for name in ("adjoint", "nograd", "pullback")} | {"drop": "dropgrad"}
OF_MODULE = {key: f"zr.{name}" for key, name in NAMES.items()}
MODULES = {
    "stubs": STUBS + RULES.format(**NAMES),
    "class": CLASS + RULES.format(**OF_MODULE),
    "one line": ONE_LINE + RULES.format(**NAMES),
    "module as a guard": MODULE_GUARD
    + ONE_RULE.format(adjoint="zr.adjoint", test="zr is not None"),
    "module, true or not": MODULE_GUARD + ONE_RULE.format(adjoint="zr.adjoint", test="zr"),
    "name as a guard": NAME_GUARD + ONE_RULE.format(adjoint="adjoint", test="not adjoint is None"),
    "flag": FLAG + ONE_RULE.format(adjoint="adjoint", test="HAS"),
    "a rule that is left": STUBS
    + RULES.format(**NAMES)
    + "\n@adjoint(min)\ndef _(x, y):\n    return [x]\n",
}


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Says which packages can be imported."""
    asked = builtins.__import__

    def only(*names: str) -> None:
        def find(name: str, *args: Any, **kwargs: Any) -> Any:
            top = name.partition(".")[0]
            if top in ("zygote_rules", "zygote", "rules_runtime") and top not in names:
                raise ImportError(name)
            return asked(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", find)

    stand_in = types.ModuleType("stand_in")
    exec(STUBS.partition("except ImportError:\n")[2].replace("    ", "", 4), stand_in.__dict__)
    monkeypatch.setitem(sys.modules, "stand_in", stand_in)
    monkeypatch.setitem(sys.modules, "zygote_rules", rules_runtime.legacy)
    yield only
    monkeypatch.undo()


def run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "optional"}
    exec(compile(text, "<optional>", "exec"), names)
    return names


def converted(text: str) -> str:
    outcome = convert_source(text.encode(), "optional.py", Options())
    assert isinstance(outcome, FileConverted), outcome
    return outcome.after.decode()


@pytest.mark.parametrize("kind", MODULES)
def test_without_any_package(kind: str, packages: Any) -> None:
    text = converted(MODULES[kind])
    packages()
    assert run(MODULES[kind])["f"](1.5) == 3.0
    assert run(text)["f"](1.5) == 3.0


@pytest.mark.parametrize("kind", MODULES)
def test_with_the_runtime_alone(kind: str, packages: Any) -> None:
    """The rules are registered, whether the old package is there or not."""
    text = converted(MODULES[kind])
    packages("rules_runtime")
    f = run(text)["f"]
    answer = rules_runtime.rrule(f, 1.5)
    assert answer is not None
    assert answer[1](1.0)[1] == 20.0


def test_two_sources_become_one_without_a_handler_that_hides_the_error(packages: Any) -> None:
    text = converted(TWO_SOURCES + ONE_RULE.format(adjoint="adjoint", test="True"))
    packages()
    with pytest.raises(ImportError):
        run(text)
