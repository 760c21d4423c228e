"""Functions of which autograd is told that nothing flows back through them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.dialects.autograd.registrations import Registration, is_in_loop
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan
from migrate.syntax.changes import with_decorator
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter

NAMES = frozenset({"register_notrace", "notrace_primitive", "nograd_functions", "VJPNode"})
_SAYS = "non_differentiable"


@dataclass(frozen=True, eq=False)
class Untraced:
    """A function that is said to have no derivative: by a call, as a decorator, where it is
    made."""

    node: ast.expr  # the call, or the decorator
    site: ast.stmt  # the statement, or the definition under the decorator
    name: str  # of the function
    used: tuple[ast.AST, ...]  # autograd's names in it

    def registration(self, module: Module) -> Registration:
        """What it says, in the words of `defvjp(f, None)`."""
        target: ast.expr = self.node
        if isinstance(self.node, ast.Call):
            target = self.node.args[-1]
            if isinstance(self.site, ast.Assign):
                target = self.site.targets[0]
        return Registration(
            self.node,  # type: ignore[arg-type]
            "register_notrace",
            target,
            {},
            self.site,
            "",
            is_in_loop(self.node, module),
        )


def untraced(module: Module, legacy: LegacyNames, runtime: str) -> list[Untraced]:
    """What a file says so, as far as it does not say so to the runtime, too."""
    told = _told(module, runtime)
    found = [u for node, name in legacy.uses() for u in _read(node, name, module, legacy)]
    found = [u for u in found if u.name not in told]
    return sorted(found, key=lambda u: (u.node.lineno, u.node.col_offset))


def _told(module: Module, runtime: str) -> set[str]:
    """The functions of which the runtime is told."""
    found: set[str] = set()
    for node in module.scopes.every(ast.Call, ast.FunctionDef):
        match node:
            case ast.Call(func=func, args=[target]) if module.imported_name(func) == (
                runtime,
                _SAYS,
            ):
                found.add(module.text(target))
            case ast.FunctionDef(decorator_list=decorators):
                if any(module.imported_name(d) == (runtime, _SAYS) for d in decorators):
                    found.add(node.name)
    return found


def _read(node: ast.expr, name: str, module: Module, legacy: LegacyNames) -> Iterator[Untraced]:
    parents = module.scopes.parents
    above = parents.get(node)
    match name, above:
        case "register_notrace", ast.Call(func=func, args=[kind, target], keywords=[]):
            site = parents.get(above)
            traced = legacy.meaning(kind) == "VJPNode"
            if func is node and traced and isinstance(site, ast.Expr):
                yield Untraced(above, site, module.text(target), (node, kind))
        case "nograd_functions", ast.Attribute(attr="append"):
            call = parents.get(above)
            site = parents.get(call) if call is not None else None
            if isinstance(call, ast.Call) and isinstance(site, ast.Expr) and len(call.args) == 1:
                yield Untraced(call, site, module.text(call.args[0]), (node,))
        case "notrace_primitive", ast.FunctionDef(decorator_list=decorators) if node in decorators:
            yield Untraced(node, above, above.name, (node,))
        case "notrace_primitive", ast.Call(func=func, args=[_], keywords=[]) if func is node:
            site = parents.get(above)
            match site:
                case ast.Assign(targets=[ast.Name(id=made)], value=value) if value is above:
                    yield Untraced(above, site, made, (node,))


def said(found: Untraced, module: Module, names: NameChooser, keep: bool) -> Plan | None:
    """`non_differentiable(f)`, in place of what says so to autograd or beside it."""
    edits, name = NodeEdits(), names.use(_SAYS)
    source, cutter = module.source, Cutter(module.source, module.scopes)
    call = f"{name}({found.name})"
    if isinstance(found.site, ast.FunctionDef):
        if keep:
            edits.change(found.site, with_decorator(0, name))
        else:
            edits.replace(found.node, name)
        return Plan((edits,), helpers=(found.site,), form=_SAYS.replace("_", "-"))
    if cutter.shares_line(found.site):
        return None
    if isinstance(found.site, ast.Assign) and not keep:
        assert isinstance(found.node, ast.Call)
        edits.replace(found.node.func, names.use("primitive"))
    if keep or isinstance(found.site, ast.Assign):
        edits.add_after(found.site, call)
    else:
        comments = source.comments_within(found.site)
        indent = source.indentation(found.site.lineno)
        edits.replace_line(found.site, f"\n{indent}".join([*comments, call]))
    gone = () if keep or isinstance(found.site, ast.Assign) else (found.site,)
    return Plan((edits,), gone=gone, form=_SAYS.replace("_", "-"))


def forward_rules(legacy: LegacyNames, module: Module) -> list[ast.Call]:
    """The calls that register rules for autograd's forward mode."""
    found = []
    for node, name in legacy.uses():
        call = module.scopes.parents.get(node)
        if name in ("defjvp", "defjvp_argnum", "defjvp_argnums", "def_linear"):
            if isinstance(call, ast.Call) and call.func is node and call.args:
                found.append(call)
    return sorted(found, key=lambda c: c.lineno)
