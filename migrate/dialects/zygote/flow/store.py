"""What a flow knows so far: what variables, expressions, containers and functions can hold.
Sets only grow."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atom,
    Atoms,
    Held,
    Site,
)
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.scopes import FunctionNode, Variable


class Store:
    """The state of an abstract run; Flow, which extends it,
    says what statements and expressions do."""

    def __init__(
        self,
        view: ModuleView,
        opaque: frozenset[ast.AST] = frozenset(),
        rewriting: bool = True,
    ) -> None:
        self.view = view
        self.opaque = opaque  # functions of the module that must not be followed
        self.withheld = False  # whether `rewriting` made a difference
        self.rewriting = rewriting  # or only reading, as if all of the module were legacy code
        self.variables: dict[Variable, Atoms] = {}
        self.memo: dict[ast.AST, Atoms] = {}
        self.returns: dict[FunctionNode, Atoms] = {}
        self.yields: dict[FunctionNode, Site] = {}
        self.sites: dict[tuple[ast.AST, str], Site] = {}
        self.bound: dict[ast.Call, tuple[Atoms, list[ast.expr], list[ast.keyword]]] = {}
        self.live: dict[FunctionNode, None] = {}  # functions that are run, in order
        self.callers: dict[FunctionNode, list[ast.AST]] = {}
        self.loops: list[Atoms] = []  # what the loops around go through
        self.changed = True
        self.seeds: list[Callable[[], None]] = []

    def add(self, function: FunctionNode) -> None:
        if function not in self.live:
            self.live[function] = None
            self.changed = True

    def give(self, variable: Variable, atoms: Atoms) -> None:
        """Add to what a variable can hold."""
        known = self.variables.setdefault(variable, set())
        self.grow(known, atoms)

    def parameter(self, function: FunctionNode, arg: ast.arg) -> Variable:
        return self.view.scopes.own[function].variable(arg.arg)

    def atoms(self, node: ast.AST) -> Atoms:
        """What an expression was seen to be."""
        return self.memo.get(node, set())

    def elements(self, atoms: Atoms) -> Atoms:
        """What comes out when one of these is iterated."""
        found: Atoms = set()
        for atom in atoms:
            if isinstance(atom, Held):
                if atom.site.kind == "dict":
                    found.add(ARRAY)
                else:
                    found |= atom.site.elements()
            elif atom is COTANGENT_ARRAY:
                found.add(TANGENT)  # taken apart: perhaps it is no array after all
            elif atom in (ARRAY, PLAIN, UNKNOWN, TANGENT):
                found.add(atom)
        return found

    def elements_of_mapping(self, node: ast.expr) -> Atoms:
        """The values that `**node` brings."""
        found: Atoms = set()
        for atom in self.atoms(node):
            if isinstance(atom, Held):
                found |= atom.site.elements()
            else:
                found.add(atom)
        return found

    def length(self, node: ast.expr) -> int | None:
        """The number of elements of what the rule builds there, where it can be seen."""
        lengths = set()
        for atom in self.atoms(node):
            if not isinstance(atom, Held) or atom.site.exact is None or atom.site.rest:
                return None
            lengths.add(len(atom.site.exact))
        return lengths.pop() if len(lengths) == 1 else None

    def gradients_of(self, asked: ast.Call, kind: str) -> list[Atoms] | None:
        """What a pullback that `asked` has given returns, by position;
        None where that is not told apart."""
        return None

    def value_of(self, arguments: list[Atoms], node: ast.Call) -> Atoms:
        """The value that an AD gives with its pullback."""
        return {PLAIN}

    def grow(self, known: Atoms, atoms: Iterable[Atom]) -> None:
        before = len(known)
        known.update(atoms)
        if len(known) != before:
            self.changed = True

    def site(self, node: ast.AST, kind: str, tag: str = "") -> Site:
        key = (node, kind + tag)
        if key not in self.sites:
            self.sites[key] = Site(node, kind)
            self.changed = True
        return self.sites[key]

    def set_exact(self, site: Site, exact: list[Atoms]) -> None:
        if site.inexact:
            for atoms in exact:
                self.grow(site.rest, atoms)
        elif site.exact is None:
            site.exact = [set(e) for e in exact]
            self.changed = True
        elif len(site.exact) != len(exact):
            self.forget_exact(site)
            self.set_exact(site, exact)
        else:
            for known, atoms in zip(site.exact, exact, strict=True):
                self.grow(known, atoms)

    def forget_exact(self, site: Site) -> None:
        if not site.inexact:
            site.inexact = True
            self.changed = True
        if site.exact is not None:
            for atoms in site.exact:
                self.grow(site.rest, atoms)
            site.exact = None

    def update(self, site: Site, atoms: Atoms) -> None:
        """What `site.update(x)` or `{**x}` brings."""
        self.copy_keys(site, atoms)
        for atom in atoms:
            if isinstance(atom, Held) and atom.site.kind == "dict":
                for key, inner in atom.site.by_key.items():
                    self.grow(site.by_key.setdefault(key, set()), inner)
                self.grow(site.rest, atom.site.rest)
            elif isinstance(atom, Held):
                for pair in atom.site.elements():
                    if isinstance(pair, Held):
                        exact = pair.site.exact
                        self.grow(
                            site.rest, exact[1] if exact and len(exact) == 2 else pair.site.rest
                        )
            elif atom in (TANGENT, PLAIN, UNKNOWN):
                self.grow(site.rest, {atom})

    def has_keys_of_tangent(self, atoms: Atoms) -> bool:
        return any(a is TANGENT or (isinstance(a, Held) and a.site.copied) for a in atoms)

    def copy_keys(self, site: Site, atoms: Atoms) -> None:
        """Note that a container gets its keys from one of these."""
        if not site.copied and self.has_keys_of_tangent(atoms):
            site.copied = self.changed = True

    # ---- what a run says -----------------------------------------------------------------

    def value(self, node: ast.expr) -> Atoms:
        """What an expression can be, after it has been run."""
        raise NotImplementedError

    def attribute(self, base: Atoms, attr: str) -> Atoms:
        """What an attribute of one of these can be."""
        raise NotImplementedError

    def item(self, site: Site, index: ast.expr, node: ast.expr | None) -> Atoms:
        """What an item of a container can be."""
        raise NotImplementedError
