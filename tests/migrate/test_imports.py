"""The import block: what is no longer used goes, what is needed comes in its place,
nothing else moves."""

from __future__ import annotations

import pytest

from migrate.model import FileConverted, Options
from tests.support.converting import converted, outcome_of, text_of

RULE = "\n\n@{adjoint}\ndef f(x):\n    return x, lambda d: (d,)\n"
NEW = "\n\n@rrule.register(f)\ndef rrule_f(_, x):\n    return x, lambda d: (NoTangent(), d)\n"


def block(imports: str, adjoint: str = "adjoint", after: str = "") -> str:
    """What becomes of the lines above a rule."""
    text = text_of(imports) + RULE.format(adjoint=adjoint) + after
    result = converted(text)
    assert result.endswith(NEW + after)
    return result.removesuffix(NEW + after)


@pytest.mark.parametrize(
    ("imports", "adjoint", "expected"),
    [
        pytest.param(
            "from zygote_rules import adjoint\n",
            "adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="from",
        ),
        pytest.param(
            "from zygote_rules import adjoint as a\n",
            "a",
            "from rules_runtime import NoTangent, rrule\n",
            id="as",
        ),
        pytest.param(
            "import zygote_rules\n",
            "zygote_rules.adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="module",
        ),
        pytest.param(
            "import zygote_rules as zr\n",
            "zr.adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="module as",
        ),
        pytest.param(
            "from zygote_rules import *\n",
            "adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="star",
        ),
        pytest.param(
            "from rules_runtime.legacy import adjoint\n",
            "adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="the shim",
        ),
        pytest.param(
            "from rules_runtime import legacy\n",
            "legacy.adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="the shim as a module",
        ),
        pytest.param(
            "import zygote_rules as zr\n\n_rule = zr.adjoint\n",
            "_rule",
            "from rules_runtime import NoTangent, rrule\n\n",
            id="an alias goes too",
        ),
        pytest.param(
            "import os\nfrom zygote_rules import adjoint  # rules\nimport sys\n",
            "adjoint",
            "import os\nfrom rules_runtime import NoTangent, rrule  # rules\nimport sys\n",
            id="in its place, with its comment",
        ),
        pytest.param(
            '"""Doc."""\n# a comment\nfrom __future__ import annotations\n\nfrom zygote_rules import adjoint\n',
            "adjoint",
            '"""Doc."""\n# a comment\nfrom __future__ import annotations\n\nfrom rules_runtime import NoTangent, rrule\n',
            id="docstring and future stay first",
        ),
        pytest.param(
            "if True:\n    from zygote_rules import adjoint\n",
            "adjoint",
            "if True:\n    from rules_runtime import NoTangent, rrule\n",
            id="under if",
        ),
        pytest.param(
            "import os; from zygote_rules import adjoint; import sys\n",
            "adjoint",
            "import os; from rules_runtime import NoTangent, rrule; import sys\n",
            id="on a shared line",
        ),
        pytest.param(
            "from rules_runtime import rrule\nfrom zygote_rules import adjoint\n",
            "adjoint",
            "from rules_runtime import rrule\nfrom rules_runtime import NoTangent\n",
            id="one is there already",
        ),
        pytest.param(
            "from rules_runtime import NoTangent, rrule\nfrom zygote_rules import adjoint\n",
            "adjoint",
            "from rules_runtime import NoTangent, rrule\n",
            id="both are there already",
        ),
    ],
)
def test_replaced(imports: str, adjoint: str, expected: str) -> None:
    assert block(imports, adjoint) == expected


@pytest.mark.parametrize(
    ("imports", "after"),
    [
        pytest.param(
            "from zygote_rules import adjoint, gradient\n",
            "\n\ng = gradient(f, 1.0)\n",
            id="used outside",
        ),
        pytest.param(
            "from zygote_rules import adjoint, gradient\n",
            "",
            id="never used: perhaps somebody imports it from here",
        ),
    ],
)
def test_a_name_that_is_still_wanted_stays(imports: str, after: str) -> None:
    assert (
        block(imports, after=after)
        == "from zygote_rules import gradient\nfrom rules_runtime import NoTangent, rrule\n"
    )


def test_an_exported_name_stays() -> None:
    before = "from zygote_rules import adjoint\n\n__all__ = ['adjoint', 'f']\n"
    expected = "from zygote_rules import adjoint\nfrom rules_runtime import NoTangent, rrule\n\n__all__ = ['adjoint', 'f']\n"
    assert block(before) == expected


def test_a_name_stays_while_a_rule_that_is_left_needs_it() -> None:
    text = "from zygote_rules import adjoint\n" + RULE.format(adjoint="adjoint")
    text += "\n\n@adjoint\ndef g(x):\n    return x, lambda d: 2 * d\n"
    outcome = outcome_of(text)
    assert isinstance(outcome, FileConverted)
    assert outcome.after.startswith(
        b"from zygote_rules import adjoint\nfrom rules_runtime import NoTangent, rrule\n"
    )


def test_several_lines_keep_their_layout() -> None:
    before = "from zygote_rules import (\n    accum,  # sums\n    adjoint,\n    gradient,  # used below\n)\n"
    after = "\n\nprint(gradient, accum)\n"
    expected = "from zygote_rules import (\n    accum,  # sums\n    gradient,  # used below\n)\nfrom rules_runtime import NoTangent, rrule\n"
    assert block(before, after=after) == expected


def test_an_import_in_a_function_is_replaced_there() -> None:
    text = """
        def install(f):
            from zygote_rules import adjoint

            @adjoint(f)
            def rule(x):
                return x, lambda d: (d,)
        """
    assert converted(text) == text_of(
        """
        def install(f):
            from rules_runtime import NoTangent, rrule

            @rrule.register(f)
            def rrule_rule(_, x):
                return x, lambda d: (NoTangent(), d)
        """
    )


def test_a_long_line_is_broken() -> None:
    text = """
        from zygote_rules import accum, adjoint, pullback

        @adjoint
        def f(g, x, n):
            y, back = pullback(g, x)

            def f_pullback(d):
                dx = None if n is None or d[0] is None else back(d)[0]
                return None, accum(dx, dx), {"n": d}

            return y, f_pullback
        """
    assert converted(text).startswith(
        text_of(
            """
            from rules_runtime import (
                AbstractZero,
                HasReverseMode,
                NoTangent,
                RuleConfig,
                Tangent,
                ZeroTangent,
                add,
                rrule,
                rrule_via_ad,
            )

            @rrule.register(f)
            """
        )
    )


def test_another_runtime() -> None:
    text = "from zygote_rules import adjoint\n" + RULE.format(adjoint="adjoint")
    result = converted(text, Options(runtime="my.rules"))
    assert result.startswith("from my.rules import NoTangent, rrule\n")


def test_names_that_mean_something_else_here() -> None:
    text = "from zygote_rules import adjoint\n\nrrule = NoTangent = 1\n" + RULE.format(
        adjoint="adjoint"
    )
    result = converted(text)
    assert result.startswith("from rules_runtime import NoTangent as _NoTangent, rrule as _rrule\n")
    assert "@_rrule.register(f)" in result and "(_NoTangent(), d)" in result


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("exec('@adjoint\\ndef g(x): ...')", True),
        ("exec('@other\\ndef g(x): ...')", False),
        ("print('@adjoint\\ndef g(x): ...')", False),
    ],
)
def test_what_executed_text_may_use_stays(text: str, stays: bool) -> None:
    source = "from zygote_rules import adjoint\n" + RULE.format(adjoint="adjoint") + text + "\n"
    assert ("from zygote_rules import adjoint\n" in converted(source)) is stays
