"""Finds what there is to convert in a module: rules, `nograd`, and legacy calls outside rules."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.dialects.zygote.module import ModuleView
from migrate.rules.targets import is_functor, possible_values
from migrate.syntax.annotations import last_part
from migrate.syntax.scopes import DefNode, FunctionNode, Variable

_DEPTH = 8
GETTERS = frozenset({"literal_getproperty", "literal_getfield"})


@dataclass(frozen=True)
class Registration:
    """One place where a rule is tied to a target: a decorator or a call `adjoint(target)(rule)`."""

    form: str  # "bare", "target" or "call"
    node: ast.expr  # the decorator expression, or the whole call
    target: ast.expr | None  # None for the bare form
    mutating: bool
    functor: bool
    getter: bool  # the target is literal_getproperty or literal_getfield
    problem: str = ""  # why this form cannot be converted
    doubt: str = ""  # why it is only bridged


@dataclass(eq=False)
class Rule:
    """One rule function with everything that registers it."""

    function: FunctionNode | None  # None where its text cannot be reached
    registrations: list[Registration] = field(default_factory=list)

    @property
    def node(self) -> ast.stmt | ast.expr:
        """What stands for the rule in reports."""
        if self.function is not None:
            return self.function
        return self.registrations[0].node

    @property
    def name(self) -> str:
        if isinstance(self.function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self.function.name
        return "<lambda>" if self.function is not None else "<call>"

    @property
    def functor(self) -> bool:
        return any(r.functor for r in self.registrations)

    @property
    def getter(self) -> bool:
        return any(r.getter for r in self.registrations)


@dataclass(frozen=True)
class NoGrad:
    """`nograd(f, g)` as a statement, another `nograd(...)` call, or the decorator."""

    node: ast.expr
    statement: ast.Expr | None
    decorator: bool


@dataclass
class Candidates:
    """Everything to convert in a module."""

    rules: list[Rule] = field(default_factory=list)
    nograds: list[NoGrad] = field(default_factory=list)
    handled: set[ast.AST] = field(default_factory=set)  # uses of legacy names that belong to these
    bridged: set[ast.AST] = field(
        default_factory=set
    )  # functions in the legacy language, registered by the runtime


def find(view: ModuleView) -> Candidates:
    """The candidates of a module, in the order of the text."""
    found = Candidates()
    by_function: dict[ast.AST, Rule] = {}
    candidates = view.scopes.every(ast.Call, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in sorted(candidates, key=lambda n: (n.lineno, n.col_offset)):
        if isinstance(node, ast.Call):
            _call(node, view, found, by_function)
            if last_part(node.func) == "from_legacy_rule" and node.args:
                found.bridged |= _handed_over(node.args[0], view)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _decorated(node, view, found, by_function)
            if any(last_part(d) == "from_legacy_rule" for d in node.decorator_list):
                found.bridged.add(node)
    _kept(view, found)
    for rule in found.rules:
        rule.registrations.sort(key=lambda r: (r.node.lineno, r.node.col_offset))
    found.rules.sort(key=lambda r: (r.node.lineno, r.node.col_offset))
    return found


def _decorated(
    node: DefNode, view: ModuleView, found: Candidates, by_function: dict[ast.AST, Rule]
) -> None:
    for decorator in node.decorator_list:
        head = decorator.func if isinstance(decorator, ast.Call) else decorator
        meaning = view.legacy.meaning(head)
        if meaning is None and isinstance(head, ast.Name) and view.legacy.is_doubtful(head):
            if view.legacy.names.get(view.scopes.of(head)) == "adjoint":
                problem = f"`{head.id}` may be another function there"
                target = (
                    decorator.args[0]
                    if isinstance(decorator, ast.Call) and decorator.args
                    else None
                )
                form = "bare" if target is None else "target"
                doubtful = Registration(form, decorator, target, False, False, False, problem)
                _rule(node, found, by_function).registrations.append(doubtful)
        if meaning == "nograd":
            found.nograds.append(NoGrad(decorator, None, True))
            found.handled.add(head)
        elif meaning == "adjoint":
            registration = _registration(decorator, node, view)
            found.handled.add(head)
            _mark_target(registration, found)
            _rule(node, found, by_function).registrations.append(registration)


def _mark_target(registration: Registration, found: Candidates) -> None:
    if registration.getter and registration.target is not None:
        found.handled.add(registration.target)


def _rule(node: FunctionNode, found: Candidates, by_function: dict[ast.AST, Rule]) -> Rule:
    if node not in by_function:
        by_function[node] = Rule(node)
        found.rules.append(by_function[node])
    return by_function[node]


def _registration(decorator: ast.expr, node: DefNode, view: ModuleView) -> Registration:
    if not isinstance(decorator, ast.Call):
        functor = node.name == "__call__" and _in_class(node, view)
        getter = _is_getter(node, view)
        problem = _rebound(node, view)
        doubt = _doubt_of_class(view.scopes.around[node].node, view) if functor else ""
        return Registration("bare", decorator, None, False, functor, getter, problem, doubt)
    return _from_call(decorator, decorator, "target", node, view)


def _is_getter(node: DefNode, view: ModuleView) -> bool:
    variable = view.scopes.variable(node.name, view.scopes.around[node])
    return view.legacy.names.get(variable) in GETTERS


def _rebound(node: DefNode | ast.Name, view: ModuleView) -> str:
    """Why it cannot be told which callable the name of a bare rule, or a target, is."""
    if isinstance(node, ast.Name):
        variable = view.scopes.of(node)
    else:
        variable = view.scopes.variable(node.name, view.scopes.around[node])
    if not view.legacy.is_rebound_at(node, variable):
        return ""
    return f"`{variable.name}` is a legacy name and another function's too"


def _in_class(node: ast.AST, view: ModuleView) -> bool:
    return view.scopes.around[node].kind == "class"


def _from_call(
    call: ast.Call, whole: ast.expr, form: str, node: ast.AST | None, view: ModuleView
) -> Registration:
    mutating = False
    problem = ""
    for keyword in call.keywords:
        if keyword.arg == "mutating" and isinstance(keyword.value, ast.Constant):
            mutating = bool(keyword.value.value)
        elif keyword.arg == "mutating":
            known = _constant(keyword.value, view)
            mutating = bool(known)
            if known is None:
                problem = "whether it is mutating cannot be told from the text"
        else:
            problem = f"adjoint has no option `{keyword.arg}`"
    if len(call.args) > 1 or any(isinstance(a, ast.Starred) for a in call.args):
        problem = "adjoint takes one target"
    target = call.args[0] if call.args else None
    if target is None:
        functor = (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and node.name == "__call__"
            and _in_class(node, view)
        )
        getter = isinstance(node, ast.FunctionDef) and _is_getter(node, view)
        if isinstance(node, ast.FunctionDef):
            problem = problem or _rebound(node, view)
        doubt = _doubt_of_class(view.scopes.around[node].node, view) if functor and node else ""
        return Registration("bare", whole, None, mutating, functor, getter, problem, doubt)
    functor_or_not = is_functor(target, view)
    if functor_or_not is None:
        problem = problem or "the target is sometimes the call of an instance and sometimes not"
    if isinstance(target, ast.Name):
        problem = problem or _rebound(target, view)
    getter = view.legacy.meaning(target) in GETTERS
    functor = bool(functor_or_not)
    doubt = _doubt_of_target(target, view) if functor else ""
    return Registration(form, whole, target, mutating, functor, getter, problem, doubt)


def _doubt_of_target(target: ast.expr, view: ModuleView) -> str:
    """Why `Cls.__call__` may be another function than a `def __call__` of a class of this
    module."""
    for value in possible_values(target, view):
        if isinstance(value, ast.Name):
            doubt = _doubt_of_class(view.scopes.around[value].node, view)
        else:
            owner = (
                value.value
                if isinstance(value, ast.Attribute)
                else getattr(value, "args", [None])[0]
            )
            bindings = view.scopes.of(owner).bindings if isinstance(owner, ast.Name) else []
            doubt = "".join(_doubt_of_class(b, view) for b in bindings[:1])
        if doubt:
            return doubt
    return ""


def _doubt_of_class(owner: ast.AST, view: ModuleView, depth: int = 0) -> str:
    if not isinstance(owner, ast.ClassDef) or depth > _DEPTH:
        return ""
    doubt = f"`{owner.name}.__call__` is a function of another name, or decorated"
    for attribute in view.attributes.get("__call__", ()):
        if isinstance(attribute.ctx, ast.Store) and ast.unparse(attribute.value) == owner.name:
            return doubt
    scope = view.scopes.own[owner]
    given = [b for b in scope.bindings.get("__call__", []) if not _is_rule(b, view)]
    if given:
        plain = isinstance(given[-1], ast.FunctionDef) and not given[-1].decorator_list
        return "" if plain else doubt
    for base in owner.bases:
        bindings = view.scopes.of(base).bindings if isinstance(base, ast.Name) else []
        doubt = "".join(_doubt_of_class(b, view, depth + 1) for b in bindings[:1])
        if doubt:
            return doubt
    return ""


def _is_rule(node: ast.AST, view: ModuleView) -> bool:
    heads = [d.func if isinstance(d, ast.Call) else d for d in getattr(node, "decorator_list", [])]
    return any(view.legacy.meaning(head) == "adjoint" for head in heads)


def _constant(node: ast.expr, view: ModuleView) -> bool | None:
    """The truth of a name that is bound to one constant; None where that is not seen."""
    value = view.constant(view.scopes.of(node)) if isinstance(node, ast.Name) else None
    return bool(value.value) if isinstance(value, ast.Constant) else None


def _kept(view: ModuleView, found: Candidates) -> None:
    """`for_g = adjoint(g)`, `return adjoint(t)`: what `adjoint` gives is used out of sight."""
    for node in view.scopes.every(ast.ClassDef, ast.Call):
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                if view.legacy.meaning(decorator) == "adjoint":
                    problem = "adjoint stands above a class"
                    kept = Registration("bare", decorator, None, False, False, False, problem)
                    found.handled.add(decorator)
                    found.rules.append(Rule(None, [kept]))
        elif view.legacy.meaning(node.func) == "adjoint":
            if node.func not in found.handled:
                found.handled.add(node.func)
                target = node.args[0] if node.args else None
                problem = "what adjoint(target) gives is kept, and not applied where it stands"
                form = "call" if target is not None else "bare"
                kept = Registration(form, node, target, False, False, False, problem)
                found.rules.append(Rule(None, [kept]))


def _call(
    node: ast.Call, view: ModuleView, found: Candidates, by_function: dict[ast.AST, Rule]
) -> None:
    if view.legacy.meaning(node.func) == "nograd":
        if node.func in found.handled:
            return
        parent = view.scopes.parents.get(node)
        found.handled.add(node.func)
        found.nograds.append(NoGrad(node, parent if isinstance(parent, ast.Expr) else None, False))
        return
    inner = node.func
    if not (isinstance(inner, ast.Call) and view.legacy.meaning(inner.func) == "adjoint"):
        return
    registration = _from_call(inner, node, "call", None, view)
    found.handled.add(inner.func)
    _mark_target(registration, found)
    function = None
    if len(node.args) == 1 and not node.keywords:
        function = _reached(node.args[0], view)
    else:
        registration = Registration(
            "call", node, registration.target, False, False, False, "adjoint(target) takes one rule"
        )
    if function is None:
        found.rules.append(Rule(None, [registration]))
    else:
        _rule(function, found, by_function).registrations.append(registration)


def _reached(expression: ast.expr, view: ModuleView) -> FunctionNode | None:
    """The function that an expression is seen to be: a lambda, a name, what a factory returns."""
    if isinstance(expression, ast.Lambda):
        return expression
    if isinstance(expression, ast.Name):
        return _defined(view.scopes.of(expression), view)
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name):
        factory = _defined(view.scopes.of(expression.func), view)
        if isinstance(factory, ast.FunctionDef):
            return _made_by(factory, view)
    return None


def _handed_over(expression: ast.expr, view: ModuleView) -> set[ast.AST]:
    """The functions that `from_legacy_rule` may be given; of several with one name, all."""
    if isinstance(expression, ast.Name):
        bindings = view.scopes.of(expression).bindings
        functions = {b for b in bindings if isinstance(b, (ast.FunctionDef, ast.AsyncFunctionDef))}
        if functions:
            return set(functions)
    function = _reached(expression, view)
    return set() if function is None else {function}


def _defined(variable: Variable, view: ModuleView) -> FunctionNode | None:
    binding = variable.only
    if binding is None:
        return None
    if isinstance(binding, ast.FunctionDef):
        plain = all(
            view.legacy.meaning(d.func if isinstance(d, ast.Call) else d) == "adjoint"
            for d in binding.decorator_list
        )
        return binding if plain else None
    parent = view.scopes.parents.get(binding)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        if isinstance(parent.value, ast.Lambda) and parent.targets[0] is binding:
            return parent.value
    return None


def _made_by(factory: ast.FunctionDef, view: ModuleView) -> FunctionNode | None:
    """The one nested function that every `return` of a factory hands out."""
    results = [
        n
        for n in ast.walk(factory)
        if isinstance(n, ast.Return)
        and view.scopes.enclosing(n, ast.FunctionDef, ast.Lambda) is factory
    ]
    made: set[FunctionNode | None] = set()
    for result in results:
        match result.value:
            case ast.Lambda() as function:
                made.add(function)
            case ast.Name() as name:
                named = _defined(view.scopes.of(name), view)
                inside = named is not None and view.scopes.inside(named, factory)
                made.add(named if inside else None)
            case _:
                made.add(None)
    return made.pop() if len(made) == 1 else None


def target_text(rule: Rule, registration: Registration, view: ModuleView) -> str:
    """How a target is called in reports and in the name of the new rule."""
    if registration.getter:
        return "getattr"
    if registration.target is None:
        return rule.name
    return view.text(registration.target)


def lines_of(rule: Rule) -> frozenset[int]:
    """The lines of a rule's `def` and of its decorators, where a comment may speak of it."""
    lines: set[int] = set()
    node = rule.function
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        first_body = node.body[0].lineno
        for decorator in node.decorator_list:
            lines |= set(range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1))
        lines |= set(range(node.lineno, max(node.lineno + 1, first_body)))
        lines.add(node.lineno)
    for registration in rule.registrations:
        lines |= set(
            range(registration.node.lineno, (registration.node.end_lineno or 0) + 1)
            if registration.form == "call"
            else [registration.node.lineno]
        )
    return frozenset(lines)


def uses_elsewhere(function: DefNode, view: ModuleView) -> list[ast.Name]:
    """Reads of the name of a targeted rule that mean this rule, outside the rule itself."""
    scope = view.scopes.around[function]
    variable = view.scopes.variable(function.name, scope)
    later = sorted(
        line for b in variable.bindings if (line := getattr(b, "lineno", 0)) > function.lineno
    )
    found = []
    for use in view.scopes.uses.get(variable, []):
        if not isinstance(use.ctx, ast.Load) or view.scopes.inside(use, function):
            continue
        at_once = view.scopes.around[use] is scope  # not in a function that runs later
        if later and not (at_once and function.lineno < use.lineno <= later[0]):
            continue
        if not later and at_once and use.lineno < function.lineno:
            continue
        found.append(use)
    return found


def is_bare_target(function: DefNode, view: ModuleView) -> bool:
    """Whether the next thing that has the name of a targeted rule is a bare rule,
    which is for what the name means then."""
    scope = view.scopes.around[function]
    after = [
        b
        for b in view.scopes.variable(function.name, scope).bindings
        if getattr(b, "lineno", 0) > function.lineno
    ]
    following = min(after, key=lambda b: getattr(b, "lineno", 0), default=None)
    return isinstance(
        following, (ast.FunctionDef, ast.AsyncFunctionDef)
    ) and view.legacy.is_bare_rule(following)


def attribute_uses(function: DefNode, view: ModuleView) -> list[ast.Attribute]:
    """`self.area_rule` and the like, where a rule with that name stands in a class."""
    if not _in_class(function, view):
        return []
    return [
        n
        for n in view.attributes.get(function.name, ())
        if isinstance(n.ctx, ast.Load) and not view.scopes.inside(n, function)
    ]
