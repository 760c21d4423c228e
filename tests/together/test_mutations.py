"""Each conversion broken in turn: the comparison with the legacy rules must catch every one.

Most mutations change the text of what the converter prints on its way into the file, or of what it
puts in a node's place, so that they hold whatever part of the converter wrote it; the others
replace one decision. The unbroken converter finds no fault with the same fixtures
(`test_nothing_is_found_without_a_mutation`),
so a mutation that is caught is caught for its own sake.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from migrate.conversion import attempts
from migrate.convert import convert_source
from migrate.dialects.zygote.in_place import (
    calls,
    definitions,
    results,
    visible_errors,
    zero_tests,
)
from migrate.dialects.zygote.in_place import (
    rewriting as cluster_rewriting,
)
from migrate.model import FileConverted, FileUnchanged, Options
from migrate.syntax import node_edits, printing
from tests.support import variants

LEGACY = Path(__file__).parents[1] / "fixtures" / "legacy"
Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutation:
    """One way to break the converter, and the fixtures that must notice."""

    name: str
    stems: tuple[str, ...]
    patch: Patch

    def __str__(self) -> str:
        return self.name


def rewording(change: Callable[[str], str]) -> Patch:
    """The new text of every piece of the file goes through `change` first."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        print_changes = printing.print_changes

        def changed(*args: Any) -> printing.Printed:
            pieces = print_changes(*args).replacements
            return printing.Printed(tuple(replace(p, text=change(p.text)) for p in pieces), {})

        monkeypatch.setattr(attempts, "print_changes", changed)

    return patch


def without(text: str) -> Patch:
    return rewording(lambda piece: piece.replace(text, ""))


def instead(pattern: str, by: str) -> Patch:
    return rewording(lambda piece: re.sub(pattern, by, piece))


def in_place(pattern: str, by: str) -> Patch:
    """What is put in the place of a node is another text."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        put = node_edits.NodeEdits.replace
        monkeypatch.setattr(
            node_edits.NodeEdits,
            "replace",
            lambda self, node, text: put(self, node, re.sub(pattern, by, text)),
        )

    return patch


def as_no_functor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tuple that a pullback returns gets a tangent for the callee."""
    prepend = results.ResultRewriter._prepend_callee
    monkeypatch.setattr(
        results.ResultRewriter,
        "_prepend_callee",
        lambda self, node, pullback: prepend(self, node, replace(pullback, functor=False)),
    )


def deciding(owner: object, name: str, answer: object) -> Patch:
    """The method `name` always gives `answer` and does nothing."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, lambda *args, **kwargs: answer)


class _SwapEntries(ast.NodeTransformer):
    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if len(node.elts) > 2 and ast.unparse(node.elts[0]) == "NoTangent()":
            node.elts[1], node.elts[2] = node.elts[2], node.elts[1]
        return node


class _DropLastEntry(ast.NodeTransformer):
    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if len(node.elts) > 2 and ast.unparse(node.elts[0]) == "NoTangent()":
            node.elts.pop()
        return node


class _DropAnnotations(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name.startswith("rrule_"):
            for arg in node.args.args:
                if arg.annotation is not None and "RuleConfig" not in ast.unparse(arg.annotation):
                    arg.annotation = None
        return node


class _DropOverload(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.AST:
        rules = [
            s for s in node.body if isinstance(s, ast.FunctionDef) and s.name.startswith("rrule_")
        ]
        node.body.remove(rules[1])
        return node


class _RawTuples(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) == "Tangent[tuple]":
            return ast.copy_location(ast.Tuple(elts=node.args, ctx=ast.Load()), node)
        return node


class _RawDicts(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func).startswith("Tangent["):
            return ast.Call(
                func=ast.Name("dict", ast.Load()), args=node.args, keywords=node.keywords
            )
        return node


def rewriting(transformer: type[ast.NodeTransformer]) -> Patch:
    """What the converter gives goes through `transformer` last."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        def convert(source: bytes, path: str, options: Options) -> object:
            outcome = convert_source(source, path, options)
            assert isinstance(outcome, FileConverted)
            tree = transformer().visit(ast.parse(outcome.after))
            text = ast.unparse(ast.fix_missing_locations(tree)).encode()
            return FileConverted(
                outcome.path, outcome.before, text, outcome.converted, outcome.left
            )

        monkeypatch.setitem(globals(), "convert", convert)

    return patch


convert: Callable[[bytes, str, Options], object] = convert_source

MUTATIONS = [
    Mutation(
        "the callee's tangent is skipped", ("form_bare_and_target",), without("NoTangent(), ")
    ),
    Mutation(
        "the callee's tangent is given twice",
        ("form_bare_and_target",),
        instead(r"NoTangent\(\), ", "NoTangent(), NoTangent(), "),
    ),
    Mutation("a functor's callee is inserted too", ("form_functor",), as_no_functor),
    Mutation(
        "an entry None is kept", ("none_entries",), in_place(r"^(Zero|No)Tangent\(\)$", "None")
    ),
    Mutation(
        "a variable None is kept",
        ("none_entries", "closures_nonlocal"),
        deciding(cluster_rewriting, "_write_zeros", None),
    ),
    Mutation(
        "None for all entries is kept",
        ("none_tests_spellings",),
        deciding(results.ResultRewriter, "_zeros", "None"),
    ),
    Mutation("two entries are swapped", ("form_bare_and_target",), rewriting(_SwapEntries)),
    Mutation("the last entry is dropped", ("form_bare_and_target",), rewriting(_DropLastEntry)),
    Mutation("a dict stays a dict", ("none_in_dicts",), rewriting(_RawDicts)),
    Mutation("a tuple stays a tuple", ("none_nested",), rewriting(_RawTuples)),
    Mutation("a rule is for every class", ("overload_annotations",), rewriting(_DropAnnotations)),
    Mutation("an overload is dropped", ("overload_annotations",), rewriting(_DropOverload)),
    Mutation(
        "tests for None stay",
        ("none_tests_methods",),
        deciding(zero_tests.ZeroTests, "_compare", None),
    ),
    Mutation(
        "tests for None are turned round",
        ("none_tests_spellings",),
        instead(r"\bnot isinstance\(", "isinstance("),
    ),
    Mutation(
        "isinstance of a cotangent stays",
        ("cotangent_forms",),
        deciding(zero_tests.ZeroTests, "_isinstance", None),
    ),
    Mutation(
        "the first tangent of back counts as an argument's",
        ("back_uses", "back_none"),
        deciding(calls.CallRewriter, "_drop_first", None),
    ),
    Mutation(
        "back is called without the first tangent's slice", ("pullback_from_ad",), without("[1:]")
    ),
    Mutation(
        "_pullback loses its first tangent",
        ("back_underscore",),
        in_place(r"^rrule_via_ad$", "_short_pullback"),
    ),
    Mutation(
        "rules take no config",
        ("pullback_from_ad",),
        without("config: RuleConfig[HasReverseMode], "),
    ),
    Mutation("accum is not add", ("accum_many",), in_place(r"^add$", "max")),
    Mutation(
        "tangents that are not followed are not converted",
        ("entries_from_types",),
        instead(r"from_legacy\((?!rule)", "(lambda t, *p: t)("),
    ),
    Mutation(
        "any decorator is harmless",
        ("flow_rule_decorators",),
        deciding(definitions.DefinitionRewriter, "check_decorators", None),
    ),
    Mutation(
        "a rule that other code calls is converted",
        ("names_rule_used",),
        deciding(definitions.DefinitionRewriter, "is_called_elsewhere", False),
    ),
    Mutation(
        "nograd is dropped",
        ("nograd_forms",),
        in_place(r"^non_differentiable$", "(lambda *f: f[0])"),
    ),
    Mutation(
        "every rule is registered for one target",
        ("form_bare_and_target",),
        instead(r"register\(\w+\)", "register(abs)"),
    ),
    Mutation(
        "visible errors are converted",
        ("left_results",),
        deciding(visible_errors.VisibleErrors, "_kind", None),
    ),
]


def found(stem: str) -> list[str]:
    """What the comparison of this fixture with its conversion finds, by the expectations it has."""
    path = LEGACY / f"{stem}.py"
    outcome = convert(path.read_bytes(), str(path), Options())
    if not isinstance(outcome, FileConverted):
        return [] if isinstance(outcome, FileUnchanged) and not outcome.left else [str(outcome)]
    legacy = variants.run_module(path)
    converted = variants.run_module(path, outcome.after)
    problems = variants.compare_runs(legacy, converted)
    plain = convert_source.__module__ == "migrate.convert" and len(outcome.left)
    return problems + [f"{plain} left"] * (stem == "left_results" and plain != 9)


@pytest.mark.parametrize("stem", sorted({stem for m in MUTATIONS for stem in m.stems}))
def test_nothing_is_found_without_a_mutation(stem: str) -> None:
    assert not found(stem)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation.patch(monkeypatch)
    assert any(found(stem) for stem in mutation.stems)
