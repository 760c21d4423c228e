"""The calls of a file that register rules, and what each of them says."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.dialects.autograd.installed import dotted_name
from migrate.dialects.autograd.language import ADAPTERS
from migrate.dialects.autograd.makers import takes_cotangent_first
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.forms import is_none, root_of

#: What autograd is given by the runtime: such a call is a rule converted before.
GIVEN_BACK = "vjps_from_rrule"
#: The methods of the older spellings, and how many parameters their makers begin with.
METHODS = {
    "defvjp": 4,
    "defvjps": 5,
    "defvjp_is_zero": 0,
    "defgrad": 1,
    "defgrad_is_zero": 0,
}
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, eq=False)
class Registration:
    """One call of `defvjp` and its like."""

    call: ast.Call
    kind: str  # which of them
    target: ast.expr
    makers: Mapping[int, ast.expr] | None  # by the position of their argument, where all is written
    site: ast.stmt | None  # the statement that it is; None inside of another expression
    trouble: str = ""  # why nothing can become of it
    in_loop: bool = False
    leads: Mapping[int, int] = field(default_factory=dict)  # how many parameters makers begin with
    others: tuple[ast.Call, ...] = ()  # calls that belong to it

    @property
    def is_older(self) -> bool:
        """Whether it is a call of a method of the function."""
        return (
            self.kind in METHODS
            and isinstance(self.call.func, ast.Attribute)
            and (self.call.func.value is self.target)
        )

    @property
    def is_foreign(self) -> bool:
        """Whether it is another library's, which cannot be given the rule."""
        return 2 in self.leads.values()

    @property
    def is_zero(self) -> bool:
        """Whether it says that nothing flows back."""
        return bool(self.makers) and all(map(is_none, (self.makers or {}).values()))

    @property
    def live(self) -> dict[int, ast.expr]:
        """The makers that are no `None`, in the order of their arguments."""
        makers = self.makers or {}
        return {place: makers[place] for place in sorted(makers) if not is_none(makers[place])}


def registrations(module: Module, legacy: LegacyNames) -> list[Registration]:
    """All that register rules, in the order of the text."""
    found = []
    for node in module.scopes.every(ast.Call):
        if legacy.meaning(node.func) in ADAPTERS:
            if not _is_given_back(node) and not _is_in_autograd(node, module):
                found.append(_read(node, module, legacy))
    return sorted(found, key=lambda r: (r.call.lineno, r.call.col_offset))


def _is_given_back(call: ast.Call) -> bool:
    match call.args:
        case [_, ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))]:
            return name == GIVEN_BACK
    return False


def _is_in_autograd(call: ast.Call, module: Module) -> bool:
    """Whether one of the functions that make up autograd calls another."""
    inside = module.scopes.enclosing(call, ast.FunctionDef) is not None
    return (
        inside
        and module.scopes.module.bindings.keys() >= ADAPTERS.keys()
        and not any(
            isinstance(b, ast.alias)
            for name in ADAPTERS
            for b in module.scopes.module.bindings[name]
        )
    )


def _read(call: ast.Call, module: Module, legacy: LegacyNames) -> Registration:
    kind = legacy.meaning(call.func) or ""
    statement = module.scopes.parents.get(call)
    site = statement if isinstance(statement, ast.Expr) else None
    in_loop = is_in_loop(call, module)
    if not call.args or isinstance(call.args[0], ast.Starred):
        return Registration(call, kind, call, None, site, "its target is not written out", in_loop)
    target = call.args[0]
    if any(k.arg not in ("argnums", None) for k in call.keywords):
        why = "it is given other keyword arguments than argnums"
        return Registration(call, kind, target, None, site, why, in_loop)
    makers = _makers(call, module) if kind == "defvjp" else None
    first = [k for k, maker in (makers or {}).items() if takes_cotangent_first(maker, module)]
    trouble = ""
    if first and dotted_name(call.func, module).startswith("autograd."):
        trouble = (
            "it looks like autograd, and is not: its makers take the cotangent first. Name the "
            "module of its defvjp under legacy-modules"
        )
    leads = dict.fromkeys(first, 2)
    return Registration(call, kind, target, makers, site, trouble, in_loop, leads)


def is_in_loop(node: ast.AST, module: Module) -> bool:
    """Whether something runs several times, with other values for its names."""
    return any(isinstance(around, _LOOPS) for around in _around(node, module))


def _around(node: ast.AST, module: Module) -> Iterator[ast.AST]:
    """What is around a node within its function."""
    for ancestor in module.scopes.ancestors(node):
        if isinstance(ancestor, _FUNCTIONS):
            return
        yield ancestor


def _makers(call: ast.Call, module: Module) -> dict[int, ast.expr] | None:
    makers = call.args[1:]
    if any(isinstance(node, ast.Starred) for node in makers):
        return None
    places: list[int] | None = list(range(len(makers)))
    for keyword in call.keywords:
        places = numbers(keyword.value, module)
    if places is None or any(place < 0 for place in places):
        return None
    if len(set(places)) != len(places) or (not makers and call.keywords):
        return None
    return dict(zip(places, makers, strict=False))  # as autograd does, without the rest


def numbers(node: ast.expr, module: Module) -> list[int] | None:
    """Argnums, where they are written out."""
    match node:
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return _integers(elts)
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]):
            ends = _integers(args)
            return list(range(*ends)) if ends and len(ends) <= 3 else None
        case ast.Name():
            given = module.constant(module.scopes.of(node))
            return None if given is None or isinstance(given, ast.Name) else numbers(given, module)
    return None


def _integers(nodes: Sequence[ast.expr]) -> list[int] | None:
    found: list[int] = []
    for node in nodes:
        if not isinstance(node, ast.Constant) or type(node.value) is not int:
            return None
        found.append(node.value)
    return found


def replaced_by_later(
    found: Sequence[Registration], module: Module
) -> dict[Registration, Registration]:
    """The registrations after which, in the same block, another one for the same target comes:
    of several the last counts."""
    result: dict[Registration, Registration] = {}
    scopes = module.scopes
    for number, one in enumerate(found):
        for later in found[number + 1 :]:
            if one.site is None or later.site is None or one.trouble or later.trouble:
                continue
            if scopes.parents[one.site] is not scopes.parents[later.site]:
                continue
            if scopes.block_of(one.site) is not scopes.block_of(later.site):
                continue
            if _is_same(one.target, later.target, module, one, later):
                result[one] = later
    return result


def _is_same(
    one: ast.expr, other: ast.expr, module: Module, first: Registration, second: Registration
) -> bool:
    if not isinstance(one, ast.Name | ast.Attribute) or ast.dump(one) != ast.dump(other):
        return False
    root = root_of(one)
    if root is None:
        return False
    lines = range(first.call.lineno, (second.call.end_lineno or second.call.lineno) + 1)
    bindings = module.scopes.of(root).bindings
    return not any(getattr(b, "lineno", 0) in lines for b in bindings)
