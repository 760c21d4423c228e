"""Calls inside rules: legacy functions, the `back` of an AD, functions of unknown origin."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.flow import METHODS_OF_TANGENTS
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    NUMERIC,
    TANGENT,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
)
from migrate.dialects.zygote.in_place.cluster import Cluster, Part
from migrate.dialects.zygote.in_place.escapes import Escapes
from migrate.dialects.zygote.in_place.getters import GetterNames
from migrate.dialects.zygote.in_place.legacy_calls import rewrite_getter_call, rewrite_ignore
from migrate.dialects.zygote.in_place.primals import Primal
from migrate.dialects.zygote.in_place.results import ResultRewriter
from migrate.dialects.zygote.in_place.tangents import TangentRewriter
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.annotations import last_part
from migrate.syntax.changes import first_argument, last_argument, prepended
from migrate.syntax.forms import constant_index, is_zero, iterated_alone
from migrate.syntax.numeric import ARRAY_ATTRIBUTES, ARRAY_METHODS, SCALAR_BUILTINS
from migrate.syntax.scopes import FunctionNode, Variable

#: Builtins that hand their arguments' elements on, or only look at them.
_TRANSPARENT = frozenset(
    """tuple list set frozenset sorted iter reversed dict zip enumerate map filter next sum max min range getattr vars
    """.split()
) | (SCALAR_BUILTINS - {"super"})
_TANGENT_METHODS = frozenset({"get", "items", "keys", "values"})
_APPLYING = frozenset(
    {"map", "filter", "reduce", "starmap", "accumulate", "takewhile", "dropwhile"}
)
_TRANSPARENT_MODULES = frozenset(
    {"functools", "itertools", "operator", "copy", "collections", "types"}
)


class CallRewriter(Part):
    """Rewrites the calls of a cluster."""

    def __init__(
        self, cluster: Cluster, tangents: TangentRewriter, results: ResultRewriter
    ) -> None:
        super().__init__(cluster)
        self.results = results
        self.tangents = tangents
        self.getters = GetterNames(cluster)
        self.escapes = Escapes(cluster)

    # ---- what is given to the AD ---------------------------------------------------------

    def find_sinks(self, node: ast.Call) -> None:
        """Arguments that must be tangents of the target language."""
        meaning = self.view.legacy.meaning(node.func)
        if meaning == "accum":
            self._sum_sinks(node)
        elif meaning == "hook" and len(node.args) == 2:
            self._hook_sink(node)
        elif meaning is None:
            called = self._callees(node)
            backs = [a for a in called if isinstance(a, Back)]
            if backs:
                if len(backs) != len(called):
                    raise Undecided("a pullback of the AD and other functions meet in one call")
                if node.keywords:
                    raise Undecided("a pullback of the AD is given keywords")
                for argument in node.args:
                    if isinstance(argument, ast.Starred):
                        elements = self.flow.elements(self.flow.atoms(argument.value))
                        if not elements or not self.tangents.ready(elements):
                            raise Undecided("a pullback of the AD is given unpacked arguments")
                        self.cluster.mark(elements)
                    else:
                        self._given_to_back(argument, backs[0])
            self._map_sinks(node)
            if self.view.imported_name(node.func) == ("functools", "reduce") and node.args[1:]:
                if self.view.legacy.meaning(node.args[0]) == "accum":
                    self._reduce_sinks(node)

    def _callees(self, node: ast.Call) -> Atoms:
        """What may be called, partials seen through; a None among it cannot."""
        found: Atoms = set()
        pending = list(self.flow.atoms(node.func))
        seen: set[ast.Call] = set()
        while pending:
            atom = pending.pop()
            if isinstance(atom, Bound):
                if atom.node not in seen:
                    seen.add(atom.node)
                    pending += self.flow.bound[atom.node][0]
            elif not isinstance(atom, Nothing):
                found.add(atom)
        return found

    def _given_to_back(self, argument: ast.expr, back: Back) -> None:
        text, variable = self._value_of(back)
        self.tangents.entry(argument, Primal(text, variable))

    def _value_of(self, back: Back) -> tuple[str | None, Variable | None]:
        """The name of the value that came with a pullback: `y` of `y, back = pullback(...)`."""
        parent = self.view.scopes.parents.get(back.node)
        match parent:
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name() as value, ast.Name()])]):
                variable = self.view.scopes.of(value)
                if variable.only is not None:
                    return value.id, variable
        return None, None

    def _map_sinks(self, node: ast.Call) -> None:
        """`map(back, dys)`: the elements are given to the pullback as they are."""
        if not (isinstance(node.func, ast.Name) and node.func.id == "map" and node.args):
            return
        if any(isinstance(a, Back) for a in self.flow.atoms(node.args[0])):
            elements = [self.flow.elements(self.flow.atoms(a)) for a in node.args[1:]]
            for atoms in elements:
                if not all(
                    a in (ARRAY, TANGENT, COTANGENT_ARRAY) or isinstance(a, Nothing) for a in atoms
                ):
                    raise Undecided(
                        "a pullback of the AD is mapped over values that cannot be followed"
                    )
                self.cluster.mark(atoms)

    def _sum_sinks(self, node: ast.Call) -> None:
        everything: Atoms = set()
        for argument in node.args:
            atoms = self.flow.atoms(argument)
            if isinstance(argument, ast.Starred):
                atoms = self.flow.elements(self.flow.atoms(argument.value))
            everything |= atoms
        structures = [a for a in everything if isinstance(a, Held)]
        if structures and TANGENT in everything:
            for argument in node.args:
                value = argument.value if isinstance(argument, ast.Starred) else argument
                held = any(isinstance(a, Held) for a in self.flow.atoms(value))
                if held and not isinstance(argument, ast.Starred):
                    self.tangents.entry(value, Primal())
                elif held:
                    raise Undecided("tangents of both languages are summed up")
        self.cluster.mark(everything)

    def _reduce_sinks(self, node: ast.Call) -> None:
        """`reduce(accum, parts)`."""
        atoms = self.flow.elements(self.flow.atoms(node.args[1]))
        for start in node.args[2:]:
            atoms |= self.flow.atoms(start)
        if TANGENT in atoms and any(isinstance(a, Held) for a in atoms):
            raise Undecided("tangents of both languages are summed up")
        self.cluster.mark(atoms)

    def _hook_sink(self, node: ast.Call) -> None:
        hooked, value = node.args
        atoms = self.flow.atoms(hooked)
        text = value.id if isinstance(value, ast.Name) else None
        variable = self.view.scopes.of(value) if isinstance(value, ast.Name) else None
        for atom in atoms:
            if isinstance(atom, Function) and self.view.editable(atom.node):
                for result in self.view.returned(atom.node):
                    self.tangents.entry(result, Primal(text, variable))

    # ---- the calls themselves ------------------------------------------------------------

    def rewrite(self, function: FunctionNode, node: ast.AST) -> None:
        """Everything about one node that is a call or a use of a legacy name."""
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            self._legacy_value(node)
            self._method_as_value(node)
            self._context_use(node)
            self.getters.name_use(node, self.edits)

    def _call(self, node: ast.Call) -> None:
        meaning = self.view.legacy.meaning(node.func)
        if meaning is not None:
            self._legacy_call(meaning, node)
            return
        called = self._callees(node)
        self.escapes.check_call(node, called)
        if any(isinstance(a, Back) for a in called):
            self._back_call(node, {a.kind for a in called if isinstance(a, Back)})
            return
        handed = [a for a in called if isinstance(a, Function) and a.node in self.cluster.pullbacks]
        if handed:
            self._pullback_call(node, called, handed)
            return
        if called and all(isinstance(a, (Function, Bound)) or a is NUMERIC for a in called):
            return
        self._foreign_call(node)

    def _pullback_call(self, node: ast.Call, called: Atoms, handed: list[Function]) -> None:
        """A pullback of the rule that the rule itself calls:
        its result has the callee's tangent first now."""
        if node in self.results.handled_calls:
            return
        if len(handed) != len(called):
            raise Undecided("its pullback calls functions of different kinds")
        if not self.cluster.pullbacks[handed[0].node].functor:
            self._drop_first(node)

    def _back_call(self, node: ast.Call, kinds: set[str]) -> None:
        if len(kinds) != 1:
            raise Undecided("different kinds of pullbacks of the AD meet")
        if kinds == {"args"} and node not in self.results.handled_calls:
            self._drop_first(node)

    def _drop_first(self, node: ast.Call) -> None:
        """Account for the tangent of the callee, which comes first in the target language."""
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Subscript) and parent.value is node:
            index = constant_index(parent.slice)
            if index is not None:
                if index >= 0:
                    self.edits.replace(parent.slice, str(index + 1))
                return
            if isinstance(parent.slice, ast.Slice) and parent.slice.step is None:
                lower = parent.slice.lower
                upper = parent.slice.upper
                low = 0 if lower is None else constant_index(lower)
                high = None if upper is None else constant_index(upper)
                if low is not None and low >= 0 and (upper is None or high is not None):
                    text = f"{low + 1}:"
                    if high is not None:
                        text += str(high + 1 if high >= 0 else high)
                    self.edits.replace(parent.slice, text)
                    return
        if isinstance(parent, ast.Assign) and parent.value is node and len(parent.targets) == 1:
            target = parent.targets[0]
            if (
                isinstance(target, (ast.Tuple, ast.List))
                and target.elts
                and self._may_bind("_", node)
            ):
                first = target.elts[0]
                if not isinstance(first, ast.Starred):
                    self.edits.change(target, prepended("_"))
                    return
        self.edits.wrap(node, "{}[1:]", inside=True)

    def _may_bind(self, name: str, node: ast.AST) -> bool:
        """Whether assigning to a name in this function disturbs nobody who reads it."""
        function = self.cluster.function_around(node)
        if function is None:
            return False
        for variable in self.view.scopes.by_name.get(name, ()):
            for use in self.view.scopes.uses[variable]:
                if isinstance(use.ctx, ast.Load) and self.view.scopes.inside(use, function):
                    return False
        own = self.view.scopes.own[function]
        return name not in own.nonlocal_names and name not in own.global_names

    # ---- legacy functions ----------------------------------------------------------------

    def _legacy_call(self, meaning: str, node: ast.Call) -> None:
        if meaning in ("pullback", "_pullback", "gradient"):
            self._ad_call(meaning, node)
        elif meaning == "accum":
            self.edits.replace(node.func, self.names.use("add"))
        elif meaning == "hook":
            self.edits.replace(node.func, self.names.use("hook"))
            self._foreign_hook(node)
        elif meaning == "dropgrad":
            self.edits.replace(node.func, self.names.use("ignore_derivatives"))
        elif meaning == "ignore":
            rewrite_ignore(node, self.view, self.names, self.edits)
        elif meaning in ("literal_getproperty", "literal_getfield"):
            if not rewrite_getter_call(node, self.view, self.edits, self.getters.is_name):
                raise Undecided(f"{meaning} is called in a way that cannot be read")
        elif meaning == "Val":
            if not self.getters.val(node):
                return
        elif meaning in ("nograd", "adjoint"):
            raise Undecided(f"{meaning} is called inside of it")
        self.cluster.result.consumed.update(ast.walk(node.func))

    def _foreign_hook(self, node: ast.Call) -> None:
        if len(node.args) != 2:
            raise Undecided("hook is called in a way that cannot be read")
        hooked, value = node.args
        atoms = self.flow.atoms(hooked)
        known = all(isinstance(a, Function) and self.view.editable(a.node) for a in atoms)
        imported = self.view.imported_name(hooked)
        if (atoms and known) or (imported is not None and self.view.is_numeric(imported[0])):
            return
        text = value.id if isinstance(value, ast.Name) else "None"
        to_legacy, from_legacy = self.names.use("to_legacy"), self.names.use("from_legacy")
        self.edits.wrap(
            hooked, f"lambda d: {from_legacy}(({{}})({to_legacy}(d)), {text})", inside=True
        )
        self.cluster.note(
            "RM104", "the tangent is converted for a function that cannot be followed", node
        )

    def _ad_call(self, meaning: str, node: ast.Call) -> None:
        wanted = 2 if meaning == "_pullback" else 1
        plain = node.args[:wanted]
        if len(plain) < wanted or any(isinstance(a, ast.Starred) for a in plain):
            raise Undecided(f"{meaning} is called with unpacked arguments")
        self.edits.replace(node.func, self.names.use("rrule_via_ad"))
        if meaning == "_pullback":
            context = node.args[0]
            name = self._context_as_config(context, node)
            self.edits.replace(context, name)
            for inner in ast.walk(context):
                self.cluster.result.consumed.add(inner)
        else:
            name = self.cluster.config_for(node)
            self.edits.change(node, first_argument(name))
        if meaning == "gradient":
            self._gradient_result(node)

    def _gradient_result(self, node: ast.Call) -> None:
        """`gradient(f, x)[0]` -> `rrule_via_ad(config, f, x)[1](1.0)[1]`."""
        self.edits.wrap(node, "{}[1](1.0)", inside=True)
        if node in self.results.handled_calls:
            return
        self._drop_first(node)

    def _context_as_config(self, context: ast.expr, node: ast.Call) -> str:
        if isinstance(context, ast.Name):
            helper = self._helper_context(context, node)
            if helper is not None:
                return helper
        return self.cluster.config_for(node)

    def _helper_context(self, context: ast.Name, node: ast.Call) -> str | None:
        """The context parameter of a helper, where every caller passes the rule's:
        it carries the config now."""
        variable = self.view.scopes.of(context)
        function = self.cluster.function_around(node)
        if variable.scope is None or function is None:
            return None
        owner = variable.scope.node
        if owner not in self.view.owned or not isinstance(owner, ast.FunctionDef):
            return None
        if not any(isinstance(b, ast.arg) for b in variable.bindings):
            return None
        return context.id

    def _method_as_value(self, node: ast.Name | ast.Attribute) -> None:
        """`map(dy.get, names)`, `dy.__class__`."""
        if not isinstance(node, ast.Attribute):
            return
        if node.attr == "__class__" and self.flow.atoms(node.value) & {TANGENT, COTANGENT_ARRAY}:
            self.in_legacy(node.value)
        if node.attr not in METHODS_OF_TANGENTS:
            return
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Call) and parent.func is node:
            return
        if self.flow.atoms(node.value) & {TANGENT, COTANGENT_ARRAY}:
            match parent:
                case ast.Call(func=ast.Name(id="map"), args=[_, _]):  # without a default
                    self.in_legacy(node.value, node.attr != "get")
                case _:
                    self.in_legacy(node.value)

    def _context_use(self, node: ast.Name | ast.Attribute) -> None:
        """`__context__` handed to a helper: the config goes in its place."""
        if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            return
        if node.id != "__context__":
            return
        variable = self.view.scopes.of(node)
        if variable.scope is None or not any(
            variable.scope.node is r.function for r in self.cluster.rules
        ):
            return
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Call) and self.view.legacy.meaning(parent.func) == "_pullback":
            if parent.args and parent.args[0] is node:
                return
        if isinstance(parent, ast.Call) and node in parent.args:
            called = self.flow.atoms(parent.func)
            if called and all(
                isinstance(a, Function) and self.view.editable(a.node) for a in called
            ):
                self.edits.replace(node, self.cluster.config_for(node))
                return
        raise Undecided("its context is used for more than calling back into the AD")

    # ---- legacy names as values ----------------------------------------------------------

    def _legacy_value(self, node: ast.Name | ast.Attribute) -> None:
        meaning = self.view.legacy.meaning(node)
        if meaning is None or not isinstance(node.ctx, ast.Load):
            return
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Call) and parent.func is node:
            return
        if meaning in ("Val", "Context"):
            return
        if meaning == "accum":
            self.edits.replace(node, self.names.use("add"))
            self.cluster.result.consumed.update(ast.walk(node))
            return
        raise Undecided(f"{meaning} is used as a value")

    # ---- functions of unknown origin -----------------------------------------------------

    def _foreign_call(self, node: ast.Call) -> None:
        """A call that cannot be followed: tangents cross into the legacy language there."""
        if self._is_harmless(node):
            return
        for argument in (*node.args, *[k.value for k in node.keywords]):
            value = argument.value if isinstance(argument, ast.Starred) else argument
            atoms = self.flow.atoms(value)
            if any(isinstance(a, (Back, Bound)) for a in atoms):
                raise Undecided("a pullback goes into a function that cannot be followed")
            for atom in atoms:
                if isinstance(atom, Function):
                    self._function_given_away(atom)
            if not self.cluster.carries_tangents(atoms):
                if self.cluster.escapes(atoms):
                    raise Undecided("a pullback goes into a function that cannot be followed")
                continue
            if any(isinstance(a, Held) and a.site.kind == "iterator" for a in atoms) or (
                self._holds_functions(atoms)
            ):
                raise Undecided(
                    "tangents in a container go into a function that cannot be followed"
                )
            if not isinstance(value, ast.Constant):
                self.in_legacy(value, not self._is_loose(node))

    def _holds_functions(self, atoms: Atoms) -> bool:
        """Whether a container holds functions, which stay what they are."""
        return any(
            isinstance(a, Held)
            and any(isinstance(e, (Function, Back, Bound, Held)) for e in a.site.elements())
            for a in atoms
        )

    def _function_given_away(self, function: Function) -> None:
        returned = self.flow.returns.get(function.node, set())
        if self.cluster.carries_tangents(returned):
            raise Undecided("a function of tangents goes into a function that cannot be followed")

    def _is_harmless(self, node: ast.Call) -> bool:
        """Functions that treat a zero or a Tangent as they treated None, a dict or a tuple."""
        func = node.func
        imported = self.view.imported_name(func)
        if isinstance(func, ast.Name) and func.id == "map" and node.args:
            self._mapped(node.args[0])
        self._check_function_operand(node)
        if imported is not None:
            return self.view.is_numeric(imported[0]) or imported[0] in _TRANSPARENT_MODULES
        if isinstance(func, ast.Name) and self.view.scopes.is_unbound(func):
            if func.id == "type":
                for argument in node.args:
                    if TANGENT in self.flow.atoms(argument):
                        self.in_legacy(argument, not self._is_loose(node))
                return True
            if func.id == "hasattr" and node.args:
                self._has_attribute(node)
                return True
            return func.id in _TRANSPARENT
        if isinstance(func, ast.Attribute):
            base = self.flow.atoms(func.value)
            if self.view.scopes.is_unbound(func.value):
                return func.value.id in ("dict", "str", "list", "tuple", "set")
            keyed = COTANGENT_ARRAY in base and func.attr in _TANGENT_METHODS
            if TANGENT in base or keyed:
                self._method_of_tangent(node, func)
                return True
            if base and all(isinstance(a, Held) for a in base):
                return True
            if base and base <= {ARRAY, COTANGENT_ARRAY}:
                return True
            return func.attr in ARRAY_METHODS and func.attr not in self.view.methods
        return False

    def _is_loose(self, node: ast.Call) -> bool:
        """Messages, and `issubclass(type(d), dict)`:
        where a dict with some of the keys does as well."""
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "issubclass":
            return True
        return any(isinstance(a, (ast.Raise, ast.Assert)) for a in self.view.scopes.ancestors(node))

    def _has_attribute(self, node: ast.Call) -> None:
        """`hasattr(d, "append")`; a `Tangent` has the methods of a dict,
        and no attribute of an array."""
        atoms = self.flow.atoms(node.args[0])
        match node.args[1:]:
            case [ast.Constant(value=name)] if name in ARRAY_ATTRIBUTES | ARRAY_METHODS:
                return
            case [ast.Constant(value=name)] if name in _TANGENT_METHODS:
                shapes = self.cluster.structures.found_at(node.args[0])
                if all(isinstance(a, Held) and a.site.kind in ("dict", "named") for a in shapes):
                    return
        if TANGENT in atoms:
            self.in_legacy(node.args[0], False)

    def _mapped(self, function: ast.expr) -> None:
        """`map(back, dys)`: each result has the callee's tangent first now."""
        atoms = self.flow.atoms(function)
        kinds = {a.kind for a in atoms if isinstance(a, Back)}
        if not kinds:
            return
        if len(kinds) != 1 or any(not isinstance(a, Back) for a in atoms):
            raise Undecided("different kinds of pullbacks of the AD meet")
        if kinds == {"args"}:
            self.edits.wrap(function, "lambda *dys: ({})(*dys)[1:]", inside=True)

    def _check_function_operand(self, node: ast.Call) -> None:
        """`map(f, parts)`, `max(parts, key=f)`:
        a function that cannot be followed would be given tangents."""
        last = last_part(node.func)
        operands = [k.value for k in node.keywords if k.arg in ("key", "func", "initial")]
        if last in _APPLYING and node.args:
            operands.append(node.args[0])
        for operand in operands:
            atoms = self.flow.atoms(operand)
            builtin = self.view.scopes.is_unbound(operand)
            builtin = builtin or self.view.legacy.meaning(operand) == "accum"
            if builtin or all(
                isinstance(a, (Function, Bound, Back, Nothing)) or a is NUMERIC for a in atoms
            ):
                continue
            others = [a for a in node.args if a is not operand]
            if any(self.cluster.carries_tangents(self.flow.atoms(a)) for a in others):
                raise Undecided("a function that cannot be followed is applied to tangents")

    def in_legacy(self, node: ast.expr, whole: bool = True) -> None:
        """Have a tangent in the legacy language for what is done with it here;
        `whole`, if that may count its keys."""
        primal = self.cluster.primal_of(node) if whole else ""
        self.edits.wrap(node, f"{self.names.use('to_legacy')}({{}}{primal})")
        self.cluster.note(
            "RM104", "the tangent is converted for code that only fits the legacy language", node
        )

    def _method_of_tangent(self, node: ast.Call, func: ast.Attribute) -> None:
        if func.attr == "get":
            if len(node.args) == 1 and not node.keywords:
                self.edits.change(node, last_argument(f"{self.names.use('ZeroTangent')}()"))
            elif not all(map(is_zero, node.args[1:])):
                raise Undecided("it counts on a tangent to have every key")
            return
        if func.attr in ARRAY_METHODS:
            return
        if func.attr in _TANGENT_METHODS:
            if not iterated_alone(node, self.view.scopes):
                raise Undecided("it counts on a tangent to have every key")
            return
        if any(isinstance(a, Held) for a in self.flow.atoms(func.value)):
            raise Undecided(f"it calls `.{func.attr}` of what may be a tangent")
        self.in_legacy(func.value)
