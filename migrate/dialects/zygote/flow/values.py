"""The abstract values of the data-flow analysis.

An expression's value is a set of atoms, an over-approximation of what
it can be while a rule runs *after* conversion:

======================  ============================================================================
`ARRAY`                 a number, an array, or what no tangent type looks like; in both languages
`PLAIN`                 a value of the primal program, of any type (a tuple, an object, None)
`NUMERIC`               a function of numpy that gives arrays or numbers
`UNKNOWN`               the result of a call that cannot be followed, in the legacy language
`TANGENT`               a tangent of the target language: the cotangent, a part, what a `back` gave
`COTANGENT_ARRAY`       the cotangent of a function that is seen to return an array or a number
`Nothing(node)`         a None written at that node (or implied): a zero, if it reaches a tangent
`Held(site)`            a tuple, list, dict or iterator that the rule builds at that site
`Back(kind, node)`      the second part of `pullback(...)` ("args") or `_pullback(...)` ("all")
`Function(node)`        a function or lambda of this module
`Bound(node)`           `functools.partial(...)` made at that node
======================  ============================================================================

Containers are told apart by where they are made (allocation sites), local variables by their lives
(`webs.py`); apart from that the analysis does not know of time,
which errs on the side of "can be more things".
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import Enum, auto

from migrate.syntax.scopes import FunctionNode


class Simple(Enum):
    ARRAY = auto()
    PLAIN = auto()
    NUMERIC = auto()
    UNKNOWN = auto()
    TANGENT = auto()
    COTANGENT_ARRAY = auto()

    __hash__ = (
        object.__hash__
    )  # that of Enum is written in Python, and sets of these are everywhere

    def __repr__(self) -> str:
        return self.name


ARRAY = Simple.ARRAY
PLAIN = Simple.PLAIN
NUMERIC = Simple.NUMERIC
UNKNOWN = Simple.UNKNOWN
TANGENT = Simple.TANGENT
COTANGENT_ARRAY = Simple.COTANGENT_ARRAY


@dataclass(frozen=True)
class Nothing:
    """A None: the literal itself, a bare `return`, a missing default of `d.get(k)`,
    a function that falls off its end."""

    node: ast.AST
    implied: str = ""  # "", "return", "fall", "get", "fromkeys"


@dataclass(frozen=True)
class Back:
    """The pullback that an AD returned."""

    kind: str  # "args": without a tangent for the callee in the legacy language; "all": with it
    node: ast.Call


@dataclass(frozen=True)
class Function:
    node: FunctionNode


@dataclass(frozen=True)
class Bound:
    """`functools.partial(function, ...)`."""

    node: ast.Call


@dataclass(eq=False)
class Site:
    """A container, by the place where it is made."""

    node: ast.AST
    kind: str  # "tuple", "list", "dict", "set" or "iterator"
    exact: list[set[Atom]] | None = None  # elements by position, where their number is known
    rest: set[Atom] = field(default_factory=set)  # elements at positions that are not known
    by_key: dict[object, set[Atom]] = field(default_factory=dict)
    inexact: bool = False  # the number of elements has changed, or cannot be told
    copied: bool = False  # it has the keys of a tangent: only those that were given
    gradients: str = ""  # "args" or "all": the result of a `back`, with the extra first tangent

    def elements(self) -> set[Atom]:
        found = set(self.rest)
        for atoms in self.exact or ():
            found |= atoms
        for atoms in self.by_key.values():
            found |= atoms
        return found


@dataclass(frozen=True)
class Held:
    site: Site


Atom = Simple | Nothing | Back | Function | Bound | Held
Atoms = set[Atom]
