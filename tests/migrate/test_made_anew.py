"""A rule of any language, given as a LegacyRule, becomes a rrule in place of its statement."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from migrate.rules.legacy_rule import (
    Cotangent,
    Entry,
    LegacyRule,
    Parameter,
    Structured,
    Unpacked,
    Zero,
)
from migrate.rules.names import NameChooser
from migrate.syntax.edits import arranged
from migrate.syntax.printing import print_changes
from migrate.syntax.scopes import analyse_scopes
from migrate.write.rule import made_anew
from tests.support.converting import source_of

SOURCE = """
    import f

    # above
    register(f, g, g * x, {"a": g, "b": 2 * g}, rest(g) or none, make if x else maker, y + 1)  # beside
    after = 1
"""


def written(change: Any) -> str:
    """The file after one rule is made, `change(rule, expressions of the call)` says which."""
    source = source_of(SOURCE)
    scopes = analyse_scopes(source.tree)
    statement = source.tree.body[1]
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    target, *given = statement.value.args
    rule = LegacyRule("f", target, statement, (Parameter("x"),), (Cotangent(given[0]),), "g")
    names = NameChooser(scopes, "rules_runtime")
    plan = made_anew(change(rule, given), names, source)
    (edits,) = plan.edits
    assert plan.gone == (statement,)
    new = source.spliced(arranged(print_changes(edits, source, scopes).replacements)).decode()
    ast.parse(new)
    before, _, rest = new.partition("# above\n")
    assert before == "import f\n\n"
    text, _, after = rest.rpartition("\nafter = 1\n")
    assert after == ""
    first, beside, last = text.partition("  # beside\n")
    assert beside  # behind what the pullback returns
    return f"{first}\n{last}"


def entries(*made: Entry) -> dict[str, Any]:
    return {"parameters": tuple(map(Parameter, "xyzuv"[: len(made)])), "entries": made}


def test_the_smallest() -> None:
    assert (
        written(lambda rule, _: rule)
        == """\
@rrule.register(f)
def rrule_f(_, x):
    def f_pullback(g):
        return NoTangent(), g
    return f(x), f_pullback"""
    )


def test_every_entry() -> None:
    """`Structured` has a tangent for its kind, `Unpacked` a star;
    a value may be text with expressions in it."""

    def change(rule: LegacyRule, given: list[ast.expr]) -> LegacyRule:
        parts = given[2]
        assert isinstance(parts, ast.Dict)
        return replace(
            rule,
            **entries(
                Cotangent(given[1], "ProjectTo"),
                Structured("dict", ("a=", parts.values[0], ", b=", parts.values[1])),
                Zero("NotImplementedTangent", 'f: not "z"'),
                Cotangent(("(", given[4], ")(g)")),
                Unpacked(given[3]),
            ),
        )

    assert (
        written(change)
        == """\
@rrule.register(f)
def rrule_f(_, x, y, z, u, v):
    to_x = ProjectTo(x)
    def f_pullback(g):
        return (
            NoTangent(),
            to_x(g * x),
            Tangent[dict](a=g, b=2 * g),
            NotImplementedTangent("f: not \\"z\\""),
            (make if x else maker)(g),
            *(rest(g) or none),
        )
    return f(x, y, z, u, v), f_pullback"""
    )


def test_primal_output_and_body() -> None:
    """The value is computed before anything else;
    parameters keep annotations, defaults and stars."""

    def change(rule: LegacyRule, given: list[ast.expr]) -> LegacyRule:
        return replace(
            rule,
            arguments="x=x, *more",
            output="out",
            before=(("made = ", given[5]),),
            body=(("if x:",), ("    scale = 2",), ("else:",), ("    scale = 3",)),
            opening=(("g = filled(g, out)",),),
            after=(("done(f)",),),
            parameters=(Parameter("x", "float", "1.0"), Parameter("more", lead="*")),
            entries=(Cotangent(given[0]), Unpacked(given[4])),
            changes={given[0]: ("scale",)},
        )

    assert (
        written(change)
        == """\
made = y + 1
@rrule.register(f)
def rrule_f(_, x: float = 1.0, *more):
    out = f(x=x, *more)
    if x:
        scale = 2
    else:
        scale = 3
    def f_pullback(g):
        g = filled(g, out)
        return NoTangent(), scale, *(make if x else maker)
    return out, f_pullback

done(f)"""
    )


def test_entries_that_wait() -> None:
    """Where several are live; what is only a name does not wait."""

    def change(rule: LegacyRule, given: list[ast.expr]) -> LegacyRule:
        made = entries(Cotangent(given[0]), Cotangent(given[1]), Zero("ZeroTangent"))
        return replace(rule, lazy=True, **made)

    assert "return NoTangent(), g, Thunk(lambda: g * x), ZeroTangent()" in written(change)

    def alone(rule: LegacyRule, given: list[ast.expr]) -> LegacyRule:
        return replace(rule, lazy=True, **entries(Cotangent(given[1]), Zero("ZeroTangent")))

    assert "return NoTangent(), g * x, ZeroTangent()" in written(alone)
