"""Which expressions of a module mean a name of the legacy language."""

from __future__ import annotations

import ast

import pytest

from migrate.model import ModuleSource
from tests.support.converting import names_of


def meanings(
    text: str, modules: ModuleSource | None = None, more: tuple[str, ...] = ()
) -> list[str]:
    """`text = meaning` for every use of a legacy name, in the order of the text."""
    found = [
        (n.lineno, n.col_offset, ast.unparse(n), m) for n, m in names_of(text, modules, more).uses()
    ]
    return [f"{text} = {m}" if text != m else m for _, _, text, m in sorted(found)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("adjoint(f)", id="no import"),
        pytest.param("from other import adjoint\nadjoint(f)", id="another module"),
        pytest.param(
            "import other as zygote_rules\nzygote_rules.adjoint(f)",
            id="another module under this name",
        ),
        pytest.param("import numpy as np\nnp.adjoint(f)", id="attribute of another module"),
        pytest.param(
            "from zygote_rules import adjoint\ndef adjoint(f): pass\nadjoint(f)",
            id="rebound by a def",
        ),
        pytest.param(
            "from zygote_rules import adjoint\nfrom other import adjoint\nadjoint(f)",
            id="rebound by an import",
        ),
        pytest.param(
            "from zygote_rules import adjoint\ndef f(adjoint):\n    adjoint(1)", id="a parameter"
        ),
        pytest.param("from zygote_rules import nothing_known\nnothing_known", id="no such name"),
        pytest.param("from zygote_rules.inner import adjoint\nadjoint", id="a module inside"),
        pytest.param("from .other import adjoint\nadjoint", id="relative"),
        pytest.param("'from zygote_rules import adjoint'\nadjoint", id="in a string"),
        pytest.param(
            "from zygote_rules import *\ndef f(adjoint):\n    adjoint", id="star, then a parameter"
        ),
        pytest.param("from zygote_rules import *\nadjoint = 1\nadjoint", id="star, then assigned"),
        pytest.param(
            "def f():\n    from zygote_rules import adjoint\nadjoint",
            id="imported in a function only",
        ),
        pytest.param("import zygote_rules\nzygote_rules.unknown", id="no legacy attribute"),
        pytest.param(
            "import zygote_rules as zr\nx.zr.adjoint", id="an attribute with the module's name"
        ),
    ],
)
def test_no_legacy_name(text: str) -> None:
    assert meanings(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("from zygote_rules import adjoint\nadjoint", ["adjoint"], id="from"),
        pytest.param("from zygote import adjoint\nadjoint", ["adjoint"], id="from zygote"),
        pytest.param(
            "from rules_runtime.legacy import adjoint\nadjoint", ["adjoint"], id="from the shim"
        ),
        pytest.param(
            "from rules_runtime import legacy\nlegacy.adjoint",
            ["legacy.adjoint = adjoint"],
            id="the shim",
        ),
        pytest.param(
            "from rules_runtime import legacy as l\nl.nograd",
            ["l.nograd = nograd"],
            id="the shim as",
        ),
        pytest.param(
            "import rules_runtime.legacy\nrules_runtime.legacy.accum",
            ["rules_runtime.legacy.accum = accum"],
            id="the shim dotted",
        ),
        pytest.param(
            "import rules_runtime.legacy as z\nz.hook", ["z.hook = hook"], id="the shim dotted as"
        ),
        pytest.param("import rules_runtime.legacy\nrules_runtime.hook", [], id="not on its parent"),
        pytest.param("from zygote_rules import adjoint as adj\nadj", ["adj = adjoint"], id="as"),
        pytest.param(
            "import zygote_rules\nzygote_rules.adjoint",
            ["zygote_rules.adjoint = adjoint"],
            id="module",
        ),
        pytest.param(
            "import zygote_rules as zr\nzr._pullback", ["zr._pullback = _pullback"], id="module as"
        ),
        pytest.param("from zygote_rules import *\nadjoint, Val", ["adjoint", "Val"], id="star"),
        pytest.param(
            "try:\n    from zygote_rules import adjoint\nexcept ImportError:\n    adjoint = None\nadjoint",
            ["adjoint"],
            id="fallback",
        ),
        pytest.param(
            "try:\n    from zygote_rules import adjoint\nexcept ImportError:\n    from zygote import adjoint\nadjoint",
            ["adjoint"],
            id="two modules",
        ),
        pytest.param(
            "def f():\n    from zygote_rules import adjoint\n    adjoint",
            ["adjoint"],
            id="in a function",
        ),
        pytest.param(
            "import zygote_rules as zr\n_rule = zr.adjoint\n_rule",
            ["zr.adjoint = adjoint", "_rule = adjoint"],
            id="assigned",
        ),
        pytest.param(
            "from zygote_rules import adjoint\na = b = adjoint\na, b",
            ["adjoint", "a = adjoint", "b = adjoint"],
            id="assigned twice",
        ),
        pytest.param(
            "import zygote_rules as zr\na, p = zr.adjoint, zr.pullback\np",
            ["zr.adjoint = adjoint", "zr.pullback = pullback", "p = pullback"],
            id="assigned by pairs",
        ),
        pytest.param(
            "import zygote_rules\nz = zygote_rules\nz.adjoint",
            ["z.adjoint = adjoint"],
            id="module assigned",
        ),
        pytest.param(
            "from zygote_rules import adjoint\ndef f():\n    return adjoint",
            ["adjoint"],
            id="read in a function",
        ),
        pytest.param(
            "from zygote_rules import adjoint, literal_getproperty\n@adjoint\ndef literal_getproperty(x, n): pass\n"
            "literal_getproperty",
            ["adjoint", "literal_getproperty"],
            id="a rule for a legacy name",
        ),
    ],
)
def test_legacy_names(text: str, expected: list[str]) -> None:
    assert meanings(text) == expected


def test_a_configured_module() -> None:
    text = "from my.compat import adjoint\nadjoint"
    assert meanings(text) == []
    assert meanings(text, more=("my.compat",)) == ["adjoint"]
    assert meanings("from .compat import adjoint\nadjoint", more=("my.compat",)) == ["adjoint"]
    assert meanings("from . import compat\ncompat.adjoint", more=("my.compat",)) == [
        "compat.adjoint = adjoint"
    ]
    assert meanings("from .other import adjoint\nadjoint", more=("my.compat",)) == []


def test_a_name_handed_on_by_a_sibling() -> None:
    files = {
        (1, "compat"): b"from zygote_rules import adjoint as adj, pullback\nnograd = 1\n",
        (1, "no"): b"adj = 1\n",
    }

    def module(level: int, name: str) -> bytes | None:
        return files.get((level, name))

    assert meanings("from .compat import adj\nadj", module) == ["adj = adjoint"]
    assert meanings("from .compat import nograd\nnograd", module) == []
    assert meanings("from .no import adj\nadj", module) == []
    assert meanings("from .missing import adjoint\nadjoint", module) == []
    assert meanings("from .compat import adj", None) == []
