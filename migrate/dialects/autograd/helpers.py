"""Autograd's helpers in the text of a rule: what the runtime or numpy has in their place.

Vector spaces are shapes and dtypes, a boxed value is read with `ignore_derivatives`, a sparse
cotangent is an `InplaceableThunk`, and calls back into AD ask the AD that called the rule.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.dialects.autograd.installed import dotted_name
from migrate.dialects.autograd.language import AD, HELPERS
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.plans import RuleNote
from migrate.syntax.forms import constant_index
from migrate.syntax.scopes import Variable
from migrate.syntax.texts import Pieces

#: What numpy says of an array in the words of a vector space.
_OF_SPACES = {
    "shape": "shape",
    "ndim": "ndim",
    "size": "size",
    "dtype": "result_type",
    "iscomplex": "iscomplexobj",
}
#: Helpers that stay autograd's.
_STAYING = {
    "metadata": "write `np.shape`, `np.ndim` and `np.result_type` of what it is asked for",
    "balanced_eq": "copy its one line",
    "replace_zero": "write `np.where(x, x, value)`",
    "repeat_to_match_shape": "write `np.broadcast_to`",
    "vspace": "it is asked for more than a shape or a dtype",
    "match_complex": "it is not the whole tangent",
    "SparseObject": "it is not the whole tangent",
    "jacobian": "ask `rrule_via_ad` for each row",
    "hessian": "ask `rrule_via_ad` twice",
    "make_jvp": "the runtime's is `frule_via_ad`",
    "vector_jacobian_product": "ask `rrule_via_ad`",
}


@dataclass(frozen=True)
class Helped:
    """What becomes of autograd's helpers in one rule."""

    changes: Mapping[ast.AST, Pieces] = field(default_factory=dict)
    used: frozenset[ast.AST] = frozenset()  # reads of autograd's names that are no more
    lazy: frozenset[ast.expr] = frozenset()  # tangents that wait until they are asked for
    by_ad: Mapping[ast.expr, ast.expr | None] = field(default_factory=dict)  # with their cotangents
    config: bool = False  # whether the rule takes one
    notes: tuple[RuleNote, ...] = ()


def helped(
    nodes: Iterable[ast.AST],
    tangents: Iterable[ast.expr],
    module: Module,
    legacy: LegacyNames,
    use: Callable[[str], str],
    *,
    config: str = "config",
    ask_ad: bool = True,
) -> Helped:
    """What becomes of helpers in the nodes of a rule, of which some are its whole tangents.

    `use` gives the name under which something of the runtime is imported, `config` is the rule's
    parameter for one. Without `ask_ad` calls into AD stay.
    """
    asking = config if ask_ad else ""
    return _Helpers(list(nodes), set(tangents), module, legacy, use, asking).all()


def stays_ad(name: str) -> str:
    """What is said of a call into autograd's AD that stays."""
    return f"`{name}` stays autograd's: what it gives is of the first order on the tape"


def numpy_name(module: Module) -> str:
    """The name of numpy, or of autograd's, in a file; empty where it has none."""
    found = [*_numpy_names(module)]
    return "np" if "np" in found else next(iter(found), "")


def _numpy_names(module: Module) -> Iterator[str]:
    for name, bindings in module.scopes.module.bindings.items():
        statement = module.scopes.parents.get(bindings[0])
        match bindings, statement:
            case [ast.alias(name="numpy" | "autograd.numpy", asname=str())], ast.Import():
                yield name
            case [ast.alias(name="numpy", asname=None)], ast.Import():
                yield name
            case [ast.alias(name="numpy")], ast.ImportFrom(module="autograd", level=0):
                yield name
            case [ast.alias(name="numpy_wrapper")], ast.ImportFrom():
                yield name


class _Helpers:
    def __init__(
        self,
        nodes: list[ast.AST],
        tangents: set[ast.expr],
        module: Module,
        legacy: LegacyNames,
        use: Callable[[str], str],
        asking: str,
    ) -> None:
        self.nodes, self.module, self.legacy, self.use = nodes, module, legacy, use
        self.asking = asking
        self.tangents = {arm for tangent in tangents for arm in _arms(tangent)}
        self.numpy = numpy_name(module)
        self.changes: dict[ast.AST, Pieces] = {}
        self.used: set[ast.AST] = set()
        self.lazy: set[ast.expr] = set()
        self.by_ad: dict[ast.expr, ast.expr | None] = {}
        self.notes: list[RuleNote] = []
        self.named: set[str] = set()  # what is asked of spaces so far
        self.config = False

    def all(self) -> Helped:
        for node in self._reads():
            name = self.legacy.meaning(node)
            if dotted_name(node, self.module) == "autograd.numpy.metadata":
                name = "metadata"
            if (
                (name in AD or name in HELPERS)
                and node not in self.used
                and not self._read(node, name)
            ):
                self._stays(node, name)
        return Helped(
            self.changes,
            frozenset(inner for node in self.used for inner in ast.walk(node)),
            frozenset(self.lazy),
            self.by_ad,
            self.config,
            tuple(self.notes),
        )

    def _reads(self) -> Iterator[ast.Name | ast.Attribute]:
        """Every name that is read, the sparse cotangents first: they explain vector spaces."""
        found = [
            inner
            for node in self.nodes
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name | ast.Attribute) and isinstance(inner.ctx, ast.Load)
        ]
        return iter(sorted(found, key=lambda n: self.legacy.meaning(n) != "SparseObject"))

    def _read(self, node: ast.Name | ast.Attribute, name: str) -> bool:
        """Change what reads a helper, if that can be done."""
        call = self.module.scopes.parents.get(node)
        if name == "getval":
            return self._change(node, (self.use("ignore_derivatives"),), node)
        if not isinstance(call, ast.Call) or call.func is not node:
            return False
        plain = not any(isinstance(a, ast.Starred) for a in call.args)
        match name, call.args, call.keywords:
            case "vspace", [x], [] if plain:
                return self._space(call, x)
            case "match_complex", [x, value], [] if plain and call in self.tangents:
                project = self.use("ProjectTo")
                return self._change(call, (f"{project}(", x, ")(", value, ")"), node)
            case "SparseObject", [space, add], [] if plain and call in self.tangents:
                return self._sparse(call, space, add)
        return name in AD and bool(self.asking) and self._calls_back(call, name)

    def _change(self, node: ast.AST, pieces: Pieces, *used: ast.AST) -> bool:
        self.changes[node] = pieces
        self.used.update(used)
        return True

    def _stays(self, node: ast.expr, name: str) -> None:
        said = stays_ad(name) if name in AD else f"`{name}` stays autograd's: {_STAYING[name]}"
        self.notes.append(RuleNote("RM110", said, node))

    # ---- vector spaces -------------------------------------------------------------------

    def _space(self, call: ast.Call, x: ast.expr) -> bool:
        """`vspace(x).shape`, or `vs = vspace(x)` and what is asked of `vs` then."""
        if not self.numpy or not _can_be_repeated(x):
            return False
        above = self.module.scopes.parents.get(call)
        match above:
            case ast.Attribute():
                pieces = self._of_space(above, (x,))
                if pieces is None:
                    return False
                return self._change(pieces[0], pieces[1], call.func)
            case ast.Assign(targets=[ast.Name() as target], value=value) if value is call:
                return self._named_space(above, target, call, x)
        return False

    def _of_space(self, node: ast.Attribute, x: Pieces) -> tuple[ast.expr, Pieces] | None:
        """What is asked of a vector space, and in the words of numpy."""
        above = self.module.scopes.parents.get(node)
        if node.attr in _OF_SPACES:
            pieces = asked(self.numpy, node.attr, x)
            return node, pieces if node.attr != "size" else ("(", *pieces, ")")
        if node.attr == "zeros" and isinstance(above, ast.Call) and not above.args:
            shape = (f"{self.numpy}.zeros({self.numpy}.shape(", *x, ")")
            return above, (*shape, f", {self.numpy}.result_type(", *x, "))")
        return None

    def _named_space(
        self, statement: ast.Assign, target: ast.Name, call: ast.Call, x: ast.expr
    ) -> bool:
        """`shape, dtype = np.shape(x), np.result_type(x)` in place of `vs = vspace(x)`."""
        variable = self.module.scopes.of(target)
        if variable.only is None or statement in self.changes:
            return False
        uses = [u for u in self.module.scopes.uses[variable] if u is not target]
        uses.sort(key=lambda use: (use.lineno, use.col_offset))
        names = _Names(variable, self.numpy, self.named)
        found: list[tuple[ast.AST, Pieces]] = []
        for use in uses:
            changed = self._named_use(use, names)
            if changed is None:
                return False
            found.append(changed)
        for node, pieces in found:
            self._change(node, pieces)
        self.named |= set(names.found.values())
        self._change(statement, names.assignment(x), call.func)
        return True

    def _named_use(self, use: ast.Name, names: _Names) -> tuple[ast.AST, Pieces] | None:
        above = self.module.scopes.parents.get(use)
        match above:
            case ast.Attribute(attr="zeros"):
                call = self.module.scopes.parents.get(above)
                if isinstance(call, ast.Call) and not call.args:
                    return call, (names.zeros(),)
            case ast.Attribute(attr=attr) if attr in _OF_SPACES:
                return above, (names.of(attr),)
            case ast.Call(args=[first, add], keywords=[]) if first is use and (
                self.legacy.meaning(above.func) == "SparseObject" and above in self.tangents
            ):
                self.lazy.add(above)
                self.used.add(above.func)
                return above, self._inplaceable(add, (names.zeros(),))
        return None

    def _sparse(self, call: ast.Call, space: ast.expr, add: ast.expr) -> bool:
        """`SparseObject(vspace(x), add)`; one with a name is done with the name."""
        match space:
            case ast.Call(func=func, args=[x], keywords=[]) if (
                self.legacy.meaning(func) == "vspace" and self.numpy and _can_be_repeated(x)
            ):
                np = self.numpy
                zeros = (f"{np}.zeros({np}.shape(", x, f"), {np}.result_type(", x, "))")
                self.lazy.add(call)
                return self._change(call, self._inplaceable(add, zeros), call.func, func)
            case ast.Name():
                given = self.module.constant(self.module.scopes.of(space))
                match given:
                    case ast.Call(func=func, args=[x], keywords=[]):
                        if self.legacy.meaning(func) == "vspace" and _can_be_repeated(x):
                            return self._space(given, x) and call in self.changes
        return False

    def _inplaceable(self, add: ast.expr, zeros: Pieces) -> Pieces:
        called: Pieces = (add,) if isinstance(add, ast.Name) else ("(", add, ")")
        thunk = self.use("InplaceableThunk")
        return (f"{thunk}(", add, ", lambda: ", *called, "(", *zeros, "))")

    # ---- calls back into AD --------------------------------------------------------------

    def _calls_back(self, made: ast.Call, name: str) -> bool:
        """`grad(f)(x)` and its kin: `made` is `grad(f)`."""
        call = self.module.scopes.parents.get(made)
        if not isinstance(call, ast.Call) or call.func is not made:
            return False
        place = 0
        match made.args, made.keywords:
            case [f], []:
                pass
            case ([f, number], []) | ([f], [ast.keyword(arg="argnum", value=number)]):
                given = constant_index(number)
                if given is None or given < 0:
                    return False
                place = given
            case _:
                return False
        given_ = [*call.args, *(k.value for k in call.keywords)]
        starred = any(isinstance(a, ast.Starred) for a in call.args[: place + 1])
        if starred or place >= len(call.args) or isinstance(f, ast.Starred):
            return False
        np = self.numpy
        via = f"{self.use('rrule_via_ad')}({self.asking}, "
        via_ad: Pieces = (via, f, *_listed(call, given_), ")")
        entry = f"[{place + 1}]"
        above = self.module.scopes.parents.get(call)
        outer = self.module.scopes.parents.get(above) if above is not None else None
        whole: ast.expr = call
        cotangent: ast.expr | None = None
        if name == "grad":
            pieces: Pieces = (*via_ad, f"[1](1.0){entry}")
        elif name == "value_and_grad":
            pieces = (f"(lambda y, back: (y, back(1.0){entry}))(*", *via_ad, ")")
        elif name == "elementwise_grad" and np:
            pieces = (f"(lambda y, back: back({np}.ones_like(y)){entry})(*", *via_ad, ")")
        elif name == "make_vjp":
            match above, outer:
                case (
                    ast.Subscript(slice=ast.Constant(value=0)),
                    ast.Call(func=func, args=[g], keywords=[]),
                ) if func is above and not isinstance(g, ast.Starred):
                    whole, cotangent = outer, g
                    pieces = (*via_ad, "[1](", g, f"){entry}")
                case _:
                    back = f"lambda dy: back(dy){entry}"
                    pieces = (f"(lambda y, back: ({back}, y))(*", *via_ad, ")")
        else:
            return False
        if name in ("grad", "elementwise_grad") or whole is not call:
            self.by_ad[whole] = cotangent
        self.config = True
        return self._change(whole, pieces, made.func)


class _Names:
    """Names for what is asked of a vector space that had one."""

    def __init__(self, variable: Variable, numpy: str, others: set[str]) -> None:
        self.variable, self.numpy = variable, numpy
        scope = variable.scope
        assert scope is not None
        around = scope.node
        self.taken = others | {n.id for n in ast.walk(around) if isinstance(n, ast.Name)}
        self.taken |= {n.arg for n in ast.walk(around) if isinstance(n, ast.arg)}
        self.found: dict[str, str] = {}

    def of(self, attribute: str) -> str:
        """The name of the shape, the dtype, ..."""
        if attribute not in self.found:
            name = attribute if attribute not in self.taken else f"{self.variable.name}_{attribute}"
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self.found[attribute] = name
        return self.found[attribute]

    def zeros(self) -> str:
        """Zeros of the space."""
        return f"{self.numpy}.zeros({self.of('shape')}, {self.of('dtype')})"

    def assignment(self, x: ast.expr) -> Pieces:
        """The statement that gives all of them; `pass` where nobody asks."""
        if not self.found:
            return ("pass",)
        values: list[str | ast.AST] = []
        for attribute in self.found:
            values += [", " if values else "", *asked(self.numpy, attribute, (x,))]
        return (f"{', '.join(self.found.values())} = ", *values)


def asked(numpy: str, attribute: str, x: Pieces) -> Pieces:
    """What numpy is asked of an array in place of its vector space; nothing for other words."""
    if attribute not in _OF_SPACES:
        return ()
    pieces = (f"{numpy}.{_OF_SPACES[attribute]}(", *x, ")")
    if attribute != "size":
        return pieces
    return (*pieces, f" * (1 + {numpy}.iscomplexobj(", *x, "))")  # autograd counts real numbers


def _arms(node: ast.expr) -> Iterator[ast.expr]:
    """The values of a conditional expression."""
    if isinstance(node, ast.IfExp):
        yield from _arms(node.body)
        yield from _arms(node.orelse)
    else:
        yield node


def _can_be_repeated(node: ast.expr) -> bool:
    """Whether to compute something twice costs nothing and changes nothing."""
    match node:
        case ast.Name() | ast.Constant():
            return True
        case ast.Attribute(value=value) | ast.Subscript(value=value, slice=ast.Constant()):
            return _can_be_repeated(value)
    return False


def _listed(call: ast.Call, values: Sequence[ast.expr]) -> Iterator[str | ast.AST]:
    """The arguments of a call, each after a comma."""
    heads = [""] * len(call.args) + [f"{k.arg}=" if k.arg else "**" for k in call.keywords]
    for head, value in zip(heads, values, strict=True):
        yield f", {head}"
        yield value
