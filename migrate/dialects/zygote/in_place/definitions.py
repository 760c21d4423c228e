"""The outside of a rule: its decorators, its name, its parameters, and how it is registered."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.dialects.zygote.find import (
    Registration,
    Rule,
    attribute_uses,
    is_bare_target,
    target_text,
    uses_elsewhere,
)
from migrate.dialects.zygote.in_place.primals import context_parameter, default_of
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.verdicts import Refused, Undecided
from migrate.rules.names import NameChooser, reads
from migrate.rules.plans import RuleNote
from migrate.syntax.changes import (
    renamed,
    with_decorator,
    with_parameters,
    without_arguments,
    without_decorators,
)
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import (
    DefNode,
    FunctionNode,
    all_parameters,
    positional_parameters,
    same_scope_nodes,
)

_TRANSPARENT_DECORATORS = frozenset(
    {("functools", "lru_cache"), ("functools", "cache"), ("typing", "no_type_check")}
)


@dataclass
class DefinitionRewriter:
    """Rewrites what stands around the bodies of rules; one for a module."""

    view: ModuleView
    names: NameChooser
    edits: NodeEdits
    notes: list[RuleNote] = field(default_factory=list)
    consumed: set[ast.AST] = field(default_factory=set)

    # ---- what has to be known before -----------------------------------------------------

    def is_called_elsewhere(self, rule: Rule) -> bool:
        """Whether code other than registrations calls the rule function."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if any(r.form == "bare" for r in rule.registrations):
            return False  # its name stays bound to the primal function
        if is_bare_target(function, self.view) or function.name in self.view.taken:
            return True
        uses = [*uses_elsewhere(function, self.view), *attribute_uses(function, self.view)]
        uses += self._own_uses(function)
        registered = {
            argument
            for registration in rule.registrations
            if isinstance(registration.node, ast.Call)
            for argument in registration.node.args
        }
        return any(use not in registered and not self._only_looked_at(use) for use in uses)

    def is_called_by_itself(self, rule: Rule) -> bool:
        """Whether its own body may call a rule by its name."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        return not all(map(self._only_looked_at, self._own_uses(function)))

    def _only_looked_at(self, use: ast.expr) -> bool:
        """`rule.__name__`, `rule is None`, `del rule`:
        uses that do not call a rule, now or later."""
        parent = self.view.scopes.parents.get(use)
        match parent:
            case ast.Attribute(attr=attr):
                return attr.startswith("__") and attr != "__call__"
            case ast.Compare() | ast.Delete() | ast.Expr() | ast.FormattedValue():
                return True
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return self._kept_unread(parent)
            case ast.Return():
                return self._factory_is_only_called(parent)
            case ast.Call(func=ast.Name(id="print" | "repr" | "id" | "callable" | "hash")):
                return parent.func is not use
        return False

    def _kept_unread(self, container: ast.expr) -> bool:
        """`RULES = [f_rule, g_rule]`, where nothing in the file reads `RULES`."""
        parent = self.view.scopes.parents.get(container)
        if not isinstance(parent, (ast.Assign, ast.AnnAssign)):
            return False
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        for target in targets:
            if not isinstance(target, ast.Name):
                return False
            uses = self.view.scopes.uses.get(self.view.scopes.of(target), [])
            if any(isinstance(u.ctx, ast.Load) for u in uses):
                return False
        return self.view.scopes.around[parent].kind != "class"

    def _factory_is_only_called(self, node: ast.Return) -> bool:
        """A rule that a function returns:
        harmless where what that function gives is dropped, or registered."""
        factory = self.view.scopes.enclosing(
            node, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
        )
        if not isinstance(factory, ast.FunctionDef) or factory.decorator_list:
            return False
        scope = self.view.scopes.around[factory]
        if factory.name in self.view.exported or scope.kind == "class":
            return False
        variable = self.view.scopes.variable(factory.name, scope)
        for use in self.view.scopes.uses.get(variable, []):
            call = self.view.scopes.parents.get(use)
            if not (isinstance(call, ast.Call) and call.func is use):
                return False
            around = self.view.scopes.parents.get(call)
            registered = (
                isinstance(around, ast.Call)
                and isinstance(around.func, ast.Call)
                and self.view.legacy.meaning(around.func.func) == "adjoint"
            )
            if not (registered or isinstance(around, ast.Expr)):
                return False
        return True

    def is_referred_to(self, rule: Rule) -> bool:
        """Whether the name of a rule means something to other code."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return True
        if function.name in self.view.exported or attribute_uses(function, self.view):
            return True
        if is_bare_target(function, self.view):
            return True
        scope = self.view.scopes.around[function]
        if function.name in scope.global_names:
            return True
        variable = self.view.scopes.variable(function.name, scope)
        if any(isinstance(u.ctx, ast.Del) for u in self.view.scopes.uses.get(variable, [])):
            return True
        return bool(uses_elsewhere(function, self.view)) or bool(self._own_uses(function))

    def _own_uses(self, function: DefNode) -> list[ast.expr]:
        """Where a rule reads its own name: a rule with a target is called by it."""
        scope = self.view.scopes.around[function]
        variable = self.view.scopes.variable(function.name, scope)
        named = self.view.scopes.uses.get(variable, [])
        found: list[ast.expr] = [u for u in named if isinstance(u.ctx, ast.Load)]
        if scope.kind == "class":
            found += self.view.attributes.get(function.name, ())
        return [u for u in found if self.view.scopes.inside(u, function)]

    def check_decorators(self, rule: Rule, wants_config: bool) -> None:
        """Raise Undecided where a decorator below `adjoint` may depend on the rule's parameters."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        ours = {r.node for r in rule.registrations}
        first = next((i for i, d in enumerate(function.decorator_list) if d in ours), None)
        if first is None:
            if function.decorator_list:
                raise Undecided("the rule is decorated", rule)
            return
        for decorator in function.decorator_list[first:]:
            if decorator in ours:
                continue
            if not self._is_transparent(decorator, wants_config):
                raise Undecided(
                    f"the decorator `{ast.unparse(decorator)}` may depend on the rule's parameters",
                    rule,
                )

    def _is_transparent(self, decorator: ast.expr, wants_config: bool) -> bool:
        head = decorator.func if isinstance(decorator, ast.Call) else decorator
        imported = self.view.imported_name(head)
        if imported is not None:
            return imported in _TRANSPARENT_DECORATORS
        if not isinstance(head, ast.Name):
            return False
        definition = self.view.definitions.get(self.view.scopes.of(head))
        if not isinstance(definition, ast.FunctionDef):
            return False
        if isinstance(decorator, ast.Call):
            inner = _returned_function(definition)
            if inner is None:
                return False
            definition = inner
        return _passes_through(definition, wants_config)

    def _bridge_kept(
        self, registration: Registration, kept: ast.Assign, form: str, rule: Rule
    ) -> None:
        """`same = adjoint(t)(rule)` -> `same = rule`, which stays a legacy rule,
        and is registered below."""
        node = registration.node
        assert isinstance(node, ast.Call)
        text = self.view.text(node.args[0])
        self.edits.replace(node, f"({text})" if "\n" in text else text)
        self._consume_inside(node.func)
        self.after(kept, form.format(target_text(rule, registration, self.view)))

    def _gives_back(self, decorator: ast.expr) -> bool:
        """Whether a decorator is seen to give back the function that it is given."""
        if not isinstance(decorator, ast.Name):
            return False
        definition = self.view.scopes.of(
            decorator
        ).only  # which may be a rule with a target itself: it keeps its name
        if not isinstance(definition, ast.FunctionDef):
            return False
        plain = all(
            isinstance(d, ast.Call) and d.args and self.view.legacy.meaning(d.func) == "adjoint"
            for d in definition.decorator_list
        )
        return plain and _returns_its_argument(definition)

    # ---- a rule that is rewritten --------------------------------------------------------

    def rewrite(self, rule: Rule, wants_config: bool, config_name: str) -> str:
        """Decorators, name and parameters of a rewritten rule; gives its new name."""
        function = rule.function
        assert function is not None
        self._check_positions(rule)
        config = ""
        if wants_config:
            config = (
                f"{config_name}: {self.names.use('RuleConfig')}[{self.names.use('HasReverseMode')}]"
            )
        if isinstance(function, ast.Lambda):
            if wants_config:
                raise Undecided("a lambda cannot say that it takes a config", rule)
            self._lambda_parameters(function, rule)
            self._registrations(rule, None)
            return "<lambda>"
        lead = [config] if config else []
        if not rule.functor:
            lead.append(self._callee_name(function))
        if lead:
            self._spell_out_super(function, rule)
        self._parameters(function, lead, rule)
        name = self._rename(rule, function)
        self._registrations(rule, function)
        return name

    def _spell_out_super(self, function: DefNode, rule: Rule) -> None:
        """`super()` takes the first parameter, which is the config or the callee now."""
        positional = positional_parameters(function.args)
        for node in self.view.nodes_of(function):
            match node:
                case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]):
                    if not self.view.is_builtin("super", node):
                        continue
                    if not positional:
                        raise Undecided("it calls `super()` and takes no first parameter", rule)
                    self.edits.replace(node, f"super(__class__, {positional[0].arg})")

    def _check_positions(self, rule: Rule) -> None:
        function = rule.function
        if rule.functor and function is not None:
            if not (function.args.posonlyargs or function.args.args):
                raise Undecided("it takes its instance through *args", rule)

    def _callee_name(self, function: FunctionNode) -> str:
        for name in ("_", "_callee", "callee_", "_f"):
            if not reads(name, function, self.view.scopes) and name not in {
                a.arg for a in all_parameters(function.args)
            }:
                return name
        return self.names.fresh("_callee")

    def _parameters(self, function: DefNode, lead: list[str], rule: Rule) -> None:
        context = context_parameter(function)
        drop = frozenset({"__context__"}) if context is not None else frozenset()
        annotate = {}
        if rule.getter:
            arguments = [*function.args.posonlyargs, *function.args.args]
            if len(arguments) > 1:
                annotate[arguments[1].arg] = "str"
                if arguments[1].annotation is not None:
                    self._consume_inside(arguments[1].annotation)
        if context is not None:
            for gone in (context.annotation, default_of(function, context)):
                if gone is not None:
                    self._consume_inside(gone)
        if not lead and not drop and not annotate:
            return
        self.edits.change(function, with_parameters(lead, drop, annotate))

    def _lambda_parameters(self, function: ast.Lambda, rule: Rule) -> None:
        if rule.functor:
            return
        self.edits.change(function, with_parameters([self._callee_name(function)]))

    def _rename(self, rule: Rule, function: DefNode) -> str:
        """`def f` -> `def rrule_f`, where nothing but the registration knows the old name."""
        bare = any(r.form == "bare" for r in rule.registrations)
        if not bare and (self.is_referred_to(rule) or function.name.startswith("rrule")):
            return function.name
        base = "getattr" if rule.getter else function.name
        if not base.strip("_"):
            target = target_text(rule, rule.registrations[0], self.view)
            base = target.removesuffix(".__call__").rpartition(".")[2]
        if base == "__call__" and isinstance(self.view.scopes.around[function].node, ast.ClassDef):
            base = "call"
        name = self.names.rule_name(base)
        self.edits.change(function, renamed(name))
        return name

    def _registrations(self, rule: Rule, function: DefNode | None) -> None:
        for registration in rule.registrations:
            self.register(rule, registration)
        bare = [r for r in rule.registrations if r.form == "bare"]
        if bare and function is not None:
            self._apply_above(function, bare[0], rule)

    def register(self, rule: Rule, registration: Registration) -> None:
        """`@adjoint(target)` -> `@rrule.register(target)`."""
        node = registration.node
        if registration.getter and not self.view.is_builtin("getattr", node):
            raise Refused("RM206", "`getattr` is no function of Python's own there", rule)
        register = f"{self.names.use('rrule')}.register"
        if registration.form == "bare":
            target = "getattr" if registration.getter else rule.name
            self.edits.replace(node, f"{register}({target})")
            self._consume_inside(node)
            return
        call: ast.expr = node
        if registration.form == "call" and isinstance(node, ast.Call):
            call = node.func
        assert isinstance(call, ast.Call)
        self.edits.replace(call.func, register)
        self._consume_inside(call.func)
        if registration.getter and registration.target is not None:
            self.edits.replace(registration.target, "getattr")
            self._consume_inside(registration.target)
        if call.keywords:  # mutating=False says nothing
            given = range(len(call.args), len(call.args) + len(call.keywords))
            self.edits.change(call, without_arguments(frozenset(given)))

    def _apply_above(self, function: DefNode, bare: Registration, rule: Rule) -> None:
        """Decorators above a bare `@adjoint` were given the primal function,
        and its name was bound to their result."""
        position = function.decorator_list.index(bare.node)
        above = function.decorator_list[:position]
        ours = {r.node for r in rule.registrations}
        if not above:
            return
        if any(d in ours for d in above):
            raise Refused("RM206", "one adjoint decorates what another one gives", rule)
        source, cutter = self.view.source, Cutter(self.view.source, self.view.scopes)
        result = rule.name
        for decorator in reversed(above):
            text = source.segment(decorator)
            if not isinstance(decorator, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
                text = f"({text})"
            result = f"{text}({result})"
        self._remove_decorators(function, above)
        self.after(function, f"{rule.name} = {result}", min(cutter.blank_lines_above(function), 2))
        self.notes.append(
            RuleNote("RM107", f"decorators above adjoint apply to `{rule.name}` itself", bare.node)
        )

    def _remove_decorators(self, function: DefNode, gone: Sequence[ast.expr]) -> None:
        numbers = frozenset(map(function.decorator_list.index, gone))
        self.edits.change(function, without_decorators(numbers))

    def after(self, node: ast.stmt, text: str, blank: int = 0) -> None:
        """A new line after a definition, at its indentation, with blank lines between."""
        self.edits.add_after(node, text, blank)

    def _consume_inside(self, node: ast.AST) -> None:
        for inner in ast.walk(node):
            self.consumed.add(inner)

    # ---- a rule that is bridged ----------------------------------------------------------

    def bridge(self, rule: Rule) -> str:
        """Register a rule as it is, through `from_legacy_rule`; gives its name."""
        if rule.getter:
            raise Refused("RM206", "a rule for reading attributes that cannot be read", rule)
        function = rule.function
        register = f"{self.names.use('rrule')}.register"
        bridged = self.names.use("from_legacy_rule")
        functor = ", functor=True" if rule.functor else ""
        calls = [r for r in rule.registrations if r.form == "call"]
        for registration in calls:
            node = registration.node
            assert isinstance(node, ast.Call)
            kept = self.view.scopes.parents.get(node)
            name = result_name(node, self.view)
            if isinstance(kept, ast.Assign) and name and result_is_used(node, self.view):
                form = f"{bridged}({name}{functor})"
                self._bridge_kept(registration, kept, f"{register}({{}})({form})", rule)
                continue
            self.register(rule, registration)
            self.edits.wrap(node.args[0], f"{bridged}({{}}{functor})", inside=True)
        decorators = [r for r in rule.registrations if r.form != "call"]
        if not decorators or not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return rule.name
        if calls:
            raise Refused("RM206", "it is registered both by decorator and by call", rule)
        name = function.name
        called = self.is_called_elsewhere(rule)
        positions = [function.decorator_list.index(r.node) for r in decorators]
        above = [
            d
            for d in function.decorator_list[: max(positions)]
            if d not in {r.node for r in decorators}
        ]
        bare = [r for r in decorators if r.form == "bare"]
        if bare or not name.strip("_"):
            name = self._rename(rule, function)
        if above and not bare:
            if not all(self._gives_back(d) for d in above):
                raise Refused("RM208", "a decorator above adjoint is given the rule function", rule)
            called = True  # the name stays bound to the legacy function
        if not called and not rule.functor and not (bare and above):
            for registration in decorators:
                self.register(rule, registration)
            self.edits.change(function, with_decorator(max(positions) + 1, bridged))
            return name
        self._remove_decorators(function, [r.node for r in decorators])
        for registration in reversed(decorators):
            self._consume_inside(registration.node)
            target = target_text(rule, registration, self.view)
            self.after(function, f"{register}({target})({bridged}({name}{functor}))")
        if bare:
            self._apply_above(function, bare[0], rule)
        return name


def result_is_used(call: ast.Call, view: ModuleView) -> bool:
    """`rule = adjoint(f)(lambda x: …)`, where something reads `rule`."""
    parent = view.scopes.parents.get(call)
    targets: list[ast.expr] = []
    match parent:
        case ast.Assign(targets=several):
            targets = several
        case ast.AnnAssign() | ast.NamedExpr():
            targets = [parent.target]
    for target in targets:
        if not isinstance(target, ast.Name) or target.id in view.exported:
            return True
        uses = view.scopes.uses.get(view.scopes.of(target), [])
        if any(isinstance(u.ctx, ast.Load) for u in uses):
            return True
    return False


def result_name(call: ast.Call, view: ModuleView) -> str | None:
    """The variable that a statement of its own gives the result of `adjoint(target)(rule)` to."""
    parent = view.scopes.parents.get(call)
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call:
            return name
    return None


def _returned_function(function: ast.FunctionDef) -> ast.FunctionDef | None:
    """The nested function that a decorator factory returns."""
    returns = [n for n in function.body if isinstance(n, ast.Return)]
    if len(returns) != 1 or not isinstance(returns[0].value, ast.Name):
        return None
    wanted = returns[0].value.id
    inner = [n for n in function.body if isinstance(n, ast.FunctionDef) and n.name == wanted]
    return inner[0] if len(inner) == 1 and not inner[0].decorator_list else None


def _returns_its_argument(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args]
    own = [n for n in same_scope_nodes(function) if isinstance(n, ast.Return)]
    return (
        len(arguments) == 1
        and bool(own)
        and all(isinstance(r.value, ast.Name) and r.value.id == arguments[0].arg for r in own)
    )


def _passes_through(function: ast.FunctionDef, wants_config: bool) -> bool:
    """Whether a decorator returns what it is given,
    or a wrapper that hands all arguments on untouched."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    if len(arguments) != 1:
        return False
    if _returns_its_argument(function):
        return True
    rule = arguments[0].arg
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return)]
    nested = [n for n in function.body if isinstance(n, ast.FunctionDef)]
    inside = {id(n) for f in nested for n in ast.walk(f)}
    own = [r for r in returns if id(r) not in inside]
    if len(nested) != 1 or len(own) != 1 or not isinstance(own[0].value, ast.Name):
        return False
    wrapper = nested[0]
    if own[0].value.id != wrapper.name:
        return False
    wraps = any("wraps" in ast.unparse(d) for d in wrapper.decorator_list)
    if wants_config and not wraps:
        return False
    if wrapper.args.args or wrapper.args.posonlyargs or wrapper.args.kwonlyargs:
        return False
    star, keywords = wrapper.args.vararg, wrapper.args.kwarg
    if star is None:
        return False
    uses = [n for n in ast.walk(wrapper) if isinstance(n, ast.Name) and n.id == star.arg]
    calls = [
        n
        for n in ast.walk(wrapper)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id == rule
        and len(n.args) == 1
        and isinstance(n.args[0], ast.Starred)
        and len(n.keywords) == (keywords is not None)
        and all(k.arg is None for k in n.keywords)
    ]
    return len(calls) >= 1 and len(uses) == len(calls)
