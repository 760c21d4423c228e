"""Advice on rules that are converted: what the guide recommends beyond what is needed.
Given only when asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.module import ModuleView
from migrate.rules.names import NameChooser
from migrate.rules.plans import RuleNote
from migrate.syntax.annotations import last_part
from migrate.syntax.changes import as_function
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter

_COSTLY = frozenset(
    """dot matmul einsum tensordot outer kron inv solve pinv svd eigh eig qr cholesky convolve correlate fft ifft lstsq det
    matrix_power""".split()
)
_LEAVES_THE_REALS = frozenset("conj conjugate fft ifft rfft irfft exp2j angle".split())


def advise(rule: Rule, pullbacks: list[ast.AST], view: ModuleView) -> list[RuleNote]:
    """The advice on one rule; `pullbacks` are the functions that it hands out."""
    return [
        *_unnamed(rule, pullbacks),
        *_thunks(pullbacks, view),
        *_projections(rule, pullbacks, view),
        *_in_disguise(rule, pullbacks, view),
    ]


def _unnamed(rule: Rule, pullbacks: list[ast.AST]) -> Iterator[RuleNote]:
    for pullback in pullbacks:
        if isinstance(pullback, ast.Lambda) and not isinstance(rule.function, ast.Lambda):
            yield RuleNote("RM401", "the pullback is a lambda: tracebacks cannot name it", pullback)


def _thunks(pullbacks: list[ast.AST], view: ModuleView) -> Iterator[RuleNote]:
    for entries in _results(pullbacks, view):
        costly = [e for e in entries if _is_costly(e)]
        if len(costly) >= 2:
            yield RuleNote(
                "RM402",
                f"{len(costly)} of its tangents are costly, and each could wait in a Thunk until it is asked for",
                costly[0],
            )


def _projections(rule: Rule, pullbacks: list[ast.AST], view: ModuleView) -> Iterator[RuleNote]:
    function = rule.function
    assert function is not None
    arguments = [*function.args.posonlyargs, *function.args.args]
    for entries in _results(pullbacks, view):
        for argument, entry in zip(arguments, entries, strict=False):
            annotation = view.annotations.of(argument, function)
            if annotation is None or not _may_leave(entry):
                continue
            shown = {last_part(_inner(m)) for m in annotation.members}
            if shown & {"float", "floating", "float64", "float32", "Real"}:
                yield RuleNote(
                    "RM403",
                    f"`{argument.arg}` is real and its tangent may be complex: "
                    f"ProjectTo({argument.arg}) brings it back",
                    entry,
                )


def _in_disguise(rule: Rule, pullbacks: list[ast.AST], view: ModuleView) -> Iterator[RuleNote]:
    results = [
        r
        for p in pullbacks
        if isinstance(p, (ast.FunctionDef, ast.Lambda))
        for r in view.returned(p)
    ]
    if results and all(_only_nones(r) for r in results):
        yield RuleNote(
            "RM404", "all of its tangents are zeros: non_differentiable says the same", rule.node
        )


def _results(pullbacks: list[ast.AST], view: ModuleView) -> Iterator[list[ast.expr]]:
    for pullback in pullbacks:
        if isinstance(pullback, (ast.FunctionDef, ast.Lambda)):
            for result in view.returned(pullback):
                if isinstance(result, ast.Tuple):
                    yield result.elts


def _is_costly(node: ast.expr) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.MatMult):
            return True
        if isinstance(inner, ast.Call) and last_part(inner.func) in _COSTLY:
            return True
    return False


def _may_leave(node: ast.expr) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, complex):
            return True
        if isinstance(inner, ast.Call) and last_part(inner.func) in _LEAVES_THE_REALS:
            return True
    return False


def _inner(node: ast.expr) -> ast.expr:
    """`np.float64` of `NDArray[np.float64]`."""
    return node.slice if isinstance(node, ast.Subscript) else node


def _only_nones(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Tuple) and bool(node.elts) and all(map(_only_nones, node.elts))


def name_pullback(
    rule: Rule, pullback: ast.AST, view: ModuleView, names: NameChooser, edits: NodeEdits
) -> bool:
    """Turn `return y, lambda dy: …` into a named function and `return y, f_pullback`;
    False where that is not plain."""
    source = view.source
    parent = view.scopes.parents.get(pullback)
    statement = view.scopes.parents.get(parent) if parent is not None else None
    if not (
        isinstance(pullback, ast.Lambda)
        and isinstance(parent, ast.Tuple)
        and isinstance(statement, ast.Return)
        and len(parent.elts) == 2
        and parent.elts[1] is pullback
    ):
        return False
    if Cutter(source, view.scopes).shares_line(statement):
        return False
    if any(isinstance(n, (ast.NamedExpr, ast.Yield, ast.Await)) for n in ast.walk(parent.elts[0])):
        return False
    if source.comments_within(statement, pullback.body, parent.elts[0]):
        return False
    for default in (*pullback.args.defaults, *pullback.args.kw_defaults):
        if default is not None:  # evaluated at another time
            return False
    step = "    "
    if isinstance(rule.function, ast.FunctionDef):
        outer = source.indentation(rule.function.lineno)
        step = source.indentation(rule.function.body[0].lineno)[len(outer) :] or step
    name = names.fresh(f"{rule.name.strip('_') or 'rule'}_pullback")
    edits.change_line(statement, as_function(name, step))
    return True
