"""What only the new rule understands must not get lost:
pullbacks and tangents that leave what the analysis follows.

The pullback of an AD, and a pullback of the rule itself, have one more tangent in the target
language. Wherever one is called, that is accounted for; so wherever one may be called *unseen* the
rule has to be bridged as a whole. The same holds for tangents
that come back from a call as something unknown.
"""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.values import (
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
)
from migrate.dialects.zygote.in_place.cluster import Part
from migrate.dialects.zygote.verdicts import Undecided

#: Builtins whose result the analysis follows element by element,
#: or that keep nothing of what they are given.
_FOLLOWED = frozenset(
    """tuple list dict zip enumerate reversed sorted iter next set frozenset len isinstance any all bool callable id print
    repr str hash type sum max min getattr range abs float int round""".split()
)
_FOLLOWED_WITH_FUNCTION = frozenset({"map", "filter"})
_FOLLOWED_IMPORTS = frozenset(
    {
        ("functools", "partial"),
        ("functools", "reduce"),
        ("itertools", "chain"),
        ("itertools", "chain.from_iterable"),
        ("itertools", "repeat"),
        ("itertools", "islice"),
        ("itertools", "cycle"),
        ("itertools", "zip_longest"),
        ("copy", "copy"),
        ("types", "MappingProxyType"),
        ("collections", "OrderedDict"),
        ("collections", "deque"),
    }
)
_FOLLOWED_METHODS = frozenset(
    """append appendleft add extend extendleft insert update setdefault get pop popleft popitem items values keys copy index
    count reverse sort clear remove discard""".split()
)
_SIMPLE_OPERATORS = frozenset(
    """add sub mul truediv matmul neg pos pow mod floordiv iadd imul abs not_ is_ is_not eq ne lt le gt ge truth""".split()
)
_DEPTH = 5


class Escapes(Part):
    """Finds pullbacks and tangents of a cluster that leave what is followed."""

    def holds_pullback(self, atoms: Atoms, depth: int = 0) -> bool:
        """Whether an AD's pullback or one of the rule's own is among these,
        or inside one of them."""
        if depth > _DEPTH:
            return True
        for atom in atoms:
            if isinstance(atom, Back) or self._is_own(atom):
                return True
            if isinstance(atom, Bound) and self.holds_pullback(
                self.flow.bound[atom.node][0], depth + 1
            ):
                return True
            if isinstance(atom, Held) and self.holds_pullback(atom.site.elements(), depth + 1):
                return True
        return False

    def _is_own(self, atom: object) -> bool:
        return (
            isinstance(atom, Function)
            and atom.node in self.cluster.pullbacks
            and not self.cluster.pullbacks[atom.node].functor
        )

    def check_call(self, node: ast.Call, called: Atoms) -> None:
        """Raise Undecided where a call that is not followed is given a pullback,
        or hands back tangents unseen."""
        pullbacks = tangents = False
        for argument in (*node.args, *[k.value for k in node.keywords]):
            value = argument.value if isinstance(argument, ast.Starred) else argument
            atoms = self.flow.atoms(value)
            pullbacks = pullbacks or self.holds_pullback(atoms)
            tangents = tangents or self.cluster.carries_tangents(atoms)
        receiver: Atoms = set()
        if isinstance(node.func, ast.Attribute):
            receiver = {a for a in self.flow.atoms(node.func.value) if isinstance(a, Held)}
            pullbacks = pullbacks or self.holds_pullback(receiver)
        if pullbacks and not self._is_followed(node, called):
            raise Undecided("a pullback goes where its calls cannot be followed")
        if tangents and self._loses_tangents(node):
            raise Undecided("tangents come back from a call that cannot be followed")

    def _is_followed(self, node: ast.Call, called: Atoms) -> bool:
        if called and all(isinstance(a, Back) for a in called):
            return True
        if called and all(isinstance(a, Function) and (self.view.editable(a.node)) for a in called):
            return True
        imported = self.view.imported_name(node.func)
        if imported is not None:
            if imported == ("functools", "reduce"):
                return self._applies_known(node)
            return imported in _FOLLOWED_IMPORTS
        if isinstance(node.func, ast.Name) and self.view.scopes.of(node.func).scope is None:
            if node.func.id in _FOLLOWED_WITH_FUNCTION:
                return self._applies_known(node)
            keys = [k.value for k in node.keywords if k.arg in ("key", "default")]
            return node.func.id in _FOLLOWED and not any(
                self.holds_pullback(self.flow.atoms(k)) for k in keys
            )
        if isinstance(node.func, ast.Attribute):
            base = self.flow.atoms(node.func.value)
            known = bool(base) and all(isinstance(a, Held) for a in base)
            return known and node.func.attr in _FOLLOWED_METHODS
        return False

    def _applies_known(self, node: ast.Call) -> bool:
        """`map(f, xs)` where `f` is a function of the rule or an AD's pullback."""
        if not node.args:
            return False
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        atoms = self.flow.atoms(node.args[0])
        if name == "filter" and all(isinstance(a, Nothing) for a in atoms):
            return True
        first = node.args[0]
        if name == "map" and isinstance(first, ast.Name) and first.id in ("list", "tuple"):
            return self.view.scopes.of(first).scope is None and len(node.args) == 2
        backs = name == "map"
        return bool(atoms) and all(
            (isinstance(a, Back) and backs)
            or (isinstance(a, Function) and self.view.editable(a.node) and not self._is_own(a))
            for a in atoms
        )

    def _loses_tangents(self, node: ast.Call) -> bool:
        """Functions of Python's own modules that pass tangents on in a way that is not modelled."""
        imported = self.view.imported_name(node.func)
        if imported is None:
            return False
        module, name = imported
        if module == "operator":
            return name not in _SIMPLE_OPERATORS
        if module in ("itertools", "functools", "collections", "copy", "types"):
            return imported not in _FOLLOWED_IMPORTS and name not in (
                "deepcopy",
                "accumulate",
                "takewhile",
            )
        return False

    def check_store(self, target: ast.expr, atoms: Atoms) -> None:
        """Raise Undecided where a pullback is kept in something that is not followed."""
        if not self.holds_pullback(atoms):
            return
        if isinstance(target, ast.Attribute):
            raise Undecided("it keeps a pullback in an attribute")
        if isinstance(target, ast.Subscript):
            base = self.flow.atoms(target.value)
            if not base or not all(isinstance(a, Held) for a in base):
                raise Undecided("it keeps a pullback in something that cannot be followed")
