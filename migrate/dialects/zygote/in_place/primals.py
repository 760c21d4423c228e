"""What a tangent is the tangent of: the argument's text, its annotation,
and the zero that it gets."""

from __future__ import annotations

import ast
import keyword
from dataclasses import dataclass, replace

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.annotations import Annotation
from migrate.syntax.scopes import (
    FunctionNode,
    Scope,
    Variable,
    all_parameters,
    positional_parameters,
)

ZERO = "ZeroTangent"
NO = "NoTangent"


@dataclass(frozen=True)
class Primal:
    """One argument of a rule, or a part of one."""

    text: str | None = None  # an expression for it, where one is known
    variable: Variable | None = None  # that the text starts with
    annotation: Annotation | None = None
    zero: str = ZERO
    there: bool = True  # or it may be missing: a field or a key that not every primal has
    owner: ast.ClassDef | None = (
        None  # the class of a method's instance, where no annotation says it
    )

    def field(self, name: str, view: ModuleView) -> Primal:
        """The part with that field name or string key."""
        annotation = None
        if self.annotation is None and self.owner is not None:
            found = (view.annotations.fields(self.owner) or {}).get(name)
            if found is not None:
                annotation = view.annotations.read(found, view.scopes.around[self.owner])
            there = view.annotations.always_has(self.owner, name)
            return Primal(self._attribute(name), self.variable, annotation, there=there)
        there = False
        container = None  # whether the whole is a dict; None where that is not known
        if self.annotation is not None:
            definition = view.annotations.class_of(self.annotation)
            if definition is not None:
                found = (view.annotations.fields(definition) or {}).get(name)
                if found is not None:
                    annotation = view.annotations.read(found, view.scopes.around[definition])
                there = view.annotations.always_has(definition, name)
            head = view.annotations.single_class(self.annotation)
            if head is not None:
                container = isinstance(head, ast.Name) and head.id == "dict"
        text = None
        if self.text is not None and container is not None:
            text = f"{self.text}[{name!r}]" if container else self._attribute(name)
        return Primal(text, self.variable, annotation, there=there and self.there)

    def _attribute(self, name: str) -> str | None:
        named = name.isidentifier() and not keyword.iskeyword(name)
        return f"{self.text}.{name}" if self.text is not None and named else None

    def item(self, index: int | None) -> Primal:
        """The element at a position, None where the position is not known."""
        if self.text is None or index is None:
            return Primal()
        return Primal(f"{self.text}[{index}]", self.variable, there=self.there)


@dataclass(frozen=True)
class Arguments:
    """The arguments of a rule in the order of its tangents."""

    fixed: tuple[Primal, ...]  # the callee first in functor form
    rest: Primal | None  # of a `*args` parameter: the tuple itself
    functor: bool

    def at(self, index: int) -> Primal:
        if index < len(self.fixed):
            return self.fixed[index]
        if self.rest is not None:
            part = self.rest.item(index - len(self.fixed))
            return replace(part, annotation=self.rest.annotation, zero=self.rest.zero)
        return Primal()

    def merged(self, other: Arguments) -> Arguments | None:
        """What two rules that share a pullback agree on;
        None where even the number of arguments differs."""
        if len(self.fixed) != len(other.fixed) or self.functor != other.functor:
            return None
        if (self.rest is None) != (other.rest is None):
            return None
        fixed = tuple(_common(a, b) for a, b in zip(self.fixed, other.fixed, strict=True))
        rest = None
        if self.rest is not None and other.rest is not None:
            rest = _common(self.rest, other.rest)
        return Arguments(fixed, rest, self.functor)


def _common(a: Primal, b: Primal) -> Primal:
    if a == b:
        return a
    return Primal(zero=a.zero if a.zero == b.zero else ZERO)


def is_context(arg: ast.arg) -> bool:
    return arg.arg == "__context__"


def arguments_of(rule: Rule, view: ModuleView) -> Arguments:
    """The arguments that have an entry in the legacy rule's gradient."""
    function = rule.function
    assert function is not None
    positional = [a for a in positional_parameters(function.args) if not is_context(a)]
    all_positional = positional_parameters(function.args)
    shift = len(all_positional) - len(function.args.defaults)
    defaults = dict(
        zip([a.arg for a in all_positional[shift:]], function.args.defaults, strict=True)
    )
    fixed = [_argument(a, defaults.get(a.arg), function, view) for a in positional]
    if fixed and fixed[0].annotation is None:
        fixed[0] = replace(fixed[0], owner=_owner(rule, view))
    if rule.functor and fixed:
        fixed[0] = _callee(fixed[0], view)
    if rule.getter and len(fixed) > 1:
        fixed[1] = replace(fixed[1], zero=NO)
    rest = None
    if function.args.vararg is not None:
        arg = function.args.vararg
        rest = _argument(arg, None, function, view)
    return Arguments(tuple(fixed), rest, rule.functor)


def _owner(rule: Rule, view: ModuleView) -> ast.ClassDef | None:
    """The class in this module whose method the rule is for: its first argument is an instance."""
    owners: set[ast.ClassDef | None] = set()
    for registration in rule.registrations:
        owner = None
        name = rule.name
        if registration.form == "bare" and rule.function is not None:
            around = view.scopes.around[rule.function].node
            owner = around if isinstance(around, ast.ClassDef) else None
        elif isinstance(registration.target, ast.Attribute):
            name = registration.target.attr
            base = registration.target.value
            only = view.scopes.of(base).only if isinstance(base, ast.Name) else None
            owner = only if isinstance(only, ast.ClassDef) else None
        if owner is not None and not _is_method(owner, name):
            owner = None
        owners.add(owner)
    return owners.pop() if len(owners) == 1 else None


def _is_method(owner: ast.ClassDef, name: str) -> bool:
    """Whether a class defines a plain method of that name."""
    plain = [
        n
        for n in owner.body
        if isinstance(n, ast.FunctionDef)
        and n.name == name
        and not any(ast.unparse(d) in ("staticmethod", "classmethod") for d in n.decorator_list)
    ]
    return bool(plain) and len(plain) == sum(
        isinstance(n, ast.FunctionDef) and n.name == name for n in owner.body
    )


def _argument(
    arg: ast.arg, default: ast.expr | None, function: FunctionNode, view: ModuleView
) -> Primal:
    scope: Scope = view.scopes.own[function]
    variable = scope.variable(arg.arg)
    stable = len(scope.bindings[arg.arg]) == 1
    annotation = view.annotations.of(arg, function)
    zero = ZERO
    if annotation is not None:
        if view.annotations.cannot_be_perturbed(annotation):
            zero = NO
    elif isinstance(default, ast.Constant) and (
        default.value is None or isinstance(default.value, (bool, str))
    ):
        zero = NO
    return Primal(arg.arg if stable else None, variable, annotation, zero)


def _callee(primal: Primal, view: ModuleView) -> Primal:
    """An instance whose class is seen to have no fields cannot be perturbed."""
    if primal.annotation is not None:
        definition = view.annotations.class_of(primal.annotation)
    else:
        definition = primal.owner
    if definition is not None and view.annotations.fields(definition) == {}:
        return replace(primal, zero=NO)
    return primal


def default_of(function: FunctionNode, arg: ast.arg) -> ast.expr | None:
    """The default of a parameter."""
    arguments = function.args
    positional = positional_parameters(arguments)
    shift = len(positional) - len(arguments.defaults)
    if arg in positional and positional.index(arg) >= shift:
        return arguments.defaults[positional.index(arg) - shift]
    if arg in arguments.kwonlyargs:
        return arguments.kw_defaults[arguments.kwonlyargs.index(arg)]
    return None


def context_parameter(function: FunctionNode) -> ast.arg | None:
    return next((a for a in all_parameters(function.args) if is_context(a)), None)
