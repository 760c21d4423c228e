"""What templates call of Tangent's: what the runtime has in its place, or how it is written out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, MutableMapping, Sequence

from migrate.dialects.tangent.language import HELPERS
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import RuleNote
from migrate.syntax.texts import Pieces

#: What a template writes, by parameter.
Writes = Mapping[str, Sequence[ast.Subscript]]


class Helpers:
    """The helpers of one file, and the uses of Tangent's names that go with them."""

    def __init__(self, module: Module, legacy: LegacyNames) -> None:
        self.module, self.legacy = module, legacy
        self.gone: set[ast.AST] = set()

    def name(self, node: ast.expr) -> str | None:
        """The helper that an expression is; where a template is inlined,
        `tangent` need not be imported."""
        match node:
            case ast.Attribute(value=ast.Name(id="tangent") as module, attr=name):
                if self.module.scopes.of(module).scope is None and name in HELPERS:
                    return name
        found = self.legacy.meaning(node)
        return found if found in HELPERS else None

    def rewrite(
        self,
        function: ast.FunctionDef,
        writes: Writes,
        changes: MutableMapping[ast.AST, Pieces],
        names: NameChooser,
    ) -> Iterator[RuleNote]:
        """Put what the runtime has in the place of helpers; notes on what stays."""
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (name := self.name(node.func)):
                new = self._new(name, node, writes, names)
                if new is None:
                    continue
                whole, pieces = new
                changes[node if whole else node.func] = pieces
                self.gone.update(ast.walk(node.func))
        for node in ast.walk(ast.Module(function.body, [])):
            if isinstance(node, ast.Attribute | ast.Name) and node not in self.gone:
                if (kept := self._kept(node)) is not None:
                    yield RuleNote("RM110", f"`{kept}` of Tangent's stays as it is", node)

    def _kept(self, node: ast.Attribute | ast.Name) -> str | None:
        """What of Tangent's a name means that stays."""
        if isinstance(node, ast.Attribute):
            match node.value:
                case ast.Name(id="tangent") as root if self.module.scopes.of(root).scope is None:
                    return f"tangent.{node.attr}"
        module, name = self.module.imported_name(node) or ("", "")
        return f"{module}.{name}" if module.partition(".")[0] == "tangent" else None

    def _new(
        self, name: str, call: ast.Call, writes: Writes, names: NameChooser
    ) -> tuple[bool, Pieces] | None:
        """What stands in place of a call, or of what is called; None: nothing."""
        if name == "unreduce":
            if any(k.arg in (None, "array") for k in call.keywords):
                return None
            return False, (names.use("unreduce"),)
        if call.keywords or any(isinstance(a, ast.Starred) for a in call.args):
            return None
        numpy = self._numpy(call)
        match name, call.args:
            case "unbroadcast", [value, like]:
                return True, (names.use("UnbroadcastTo"), "(", like, ")(", value, ")")
            case "astype", [value, like]:
                if self._is_whole(call, like, writes):
                    return True, (names.use("ProjectTo"), "(", like, ")(", value, ")")
                if numpy:
                    kind = (f"{numpy}.result_type(", like, ")")
                    return True, (f"{numpy}.asarray(", value, ", ", *kind, ")")
            case "array_size", [ast.Name() as array, axis] if numpy:
                match axis:
                    case ast.Constant(value=None):
                        return True, (f"max({numpy}.size(", array, "), 1)")
                    case ast.Name():
                        shape: Pieces = (f"{numpy}.shape(", array, ")")
                        some = ("[", *shape, f"[k] for k in {numpy}.ravel(", axis, ")]")
                        axes = (*shape, " if ", axis, " is None else ", *some)
                        return True, (f"max({numpy}.prod(", *axes, "), 1)")
            case "grad_dot", [value, x, y] if numpy and self._is_plain(x) and self._is_plain(y):
                # of matrices and vectors; what it says of more axes is no derivative
                shape = (f"{numpy}.shape(", x, ")")
                rows: Pieces = (*shape, f"[:-1] + ({numpy}.shape(", y, ")[1:] or (1,))")
                given: Pieces = (f"{numpy}.reshape(", value, ", ", *rows, ")")
                turned: Pieces = (f"{numpy}.atleast_2d({numpy}.transpose(", y, "))")
                product: Pieces = (f"{numpy}.dot(", *given, ", ", *turned, ")")
                return True, (f"{numpy}.reshape(", *product, ", ", *shape, ")")
            case "balanced_eq", [ast.Name() as x, ast.Name() as z, ast.Name() as y]:
                return True, ("((", x, " == ", z, ") / (1.0 + (", x, " == ", y, ")))")
        return None

    def _is_plain(self, node: ast.expr) -> bool:
        """Whether an expression may be written more than once: a name, or one transposed."""
        match node:
            case ast.Call(func=ast.Attribute(attr="transpose"), args=[ast.Name()], keywords=[]):
                return True
        return isinstance(node, ast.Name)

    def _is_whole(self, call: ast.Call, like: ast.expr, writes: Writes) -> bool:
        """Whether a call is all of the entry of the parameter that it is made like."""
        match self.module.scopes.parents[call], like:
            case ast.Assign(targets=[ast.Subscript(slice=ast.Name(id=key)) as target]), ast.Name(
                id=own
            ):
                return key == own and target in writes.get(key, ())
        return False

    def _numpy(self, where: ast.AST) -> str:
        """What the file calls numpy, where that means numpy."""
        scopes = self.module.scopes
        for name, nodes in scopes.module.bindings.items():
            match nodes:
                case [ast.alias(name="numpy")] if isinstance(scopes.parents[nodes[0]], ast.Import):
                    if scopes.variable(name, scopes.around[where]).scope is scopes.module:
                        return name
        return ""
