"""Which expressions of a module mean a name of the legacy language.

Resolves imports itself, in every style that Python has (aliases, `import m as zr`, star, under
`try`, inside functions, re-exported by a sibling module, assigned to another name),
on top of the scope analysis.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from migrate.model import ModuleSource, Nearby
from migrate.syntax.forms import parts_of
from migrate.syntax.scopes import DefNode, Scopes, Variable, analyse_scopes
from migrate.syntax.source import quiet_parser

_REEXPORT_DEPTH = 3
_STAR_IMPORT = re.compile(rb"\bimport\s*\*")


@dataclass(frozen=True)
class Language:
    """What a legacy language is called by: names, and the modules that they come from."""

    names: frozenset[str]
    modules: tuple[str, ...]  # its own
    more: tuple[str, ...] = ()  # of the user's
    handed_on: bytes = b""  # the name that other modules of the user's hand on
    bare: str = ""  # a decorator under which the name of a `def` stays what it was

    @property
    def everywhere(self) -> tuple[str, ...]:
        """All modules whose names are the language's."""
        return (*self.modules, *self.more)


@dataclass(frozen=True)
class LegacyImport:
    """One alias of an import statement that brings a legacy name (or the module itself,
    where `name` is None)."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    name: str | None
    own: bool = True  # what it brings is legacy; a module of the user's that re-exports is not


@dataclass(frozen=True)
class Reign:
    """The lines on which a name that other code binds too is a legacy name."""

    spans: tuple[tuple[float, float], ...]
    sure: bool  # outside of them it is certainly none

    def holds(self, line: int) -> bool:
        return any(start <= line <= end for start, end in self.spans)


@dataclass
class LegacyNames:
    """What every variable of a module means in the legacy language."""

    scopes: Scopes
    language: Language
    names: dict[Variable, str] = field(default_factory=dict)
    module_variables: dict[Variable, str] = field(default_factory=dict)  # -> dotted module
    imports: list[LegacyImport] = field(default_factory=list)
    star: ast.ImportFrom | None = None
    hidden: frozenset[str] = frozenset()  # names that a later star import brings too
    aliases: dict[Variable, ast.Assign | ast.AnnAssign] = field(default_factory=dict)
    reexporting: dict[Variable, Exports] = field(default_factory=dict)  # modules of the user's
    star_names: dict[str, str] = field(default_factory=dict)  # by a star import of such a module
    star_rules: set[Variable] = field(
        default_factory=set
    )  # brought by the star, and named by rules
    rebound: dict[Variable, Reign] = field(default_factory=dict)  # names of other code as well
    reexport_star: ast.ImportFrom | None = None
    _meanings: dict[ast.expr, str | None] = field(default_factory=dict)
    _uses: list[tuple[ast.expr, str]] | None = None

    def __bool__(self) -> bool:
        return bool(self.imports or self.star or self.star_names)

    def meaning(self, node: ast.expr) -> str | None:
        """The legacy name that an expression stands for, or None;
        asked for once all names are known."""
        if node not in self._meanings:
            self._meanings[node] = self.meaning_so_far(node)
        return self._meanings[node]

    def meaning_so_far(self, node: ast.expr) -> str | None:
        """The same, while the names are still being collected."""
        if isinstance(node, ast.Name):
            variable = self.scopes.of(node)
            if variable in self.rebound and self.is_rebound_at(node, variable):
                return None
            found = self.names.get(variable)
            if found is None and variable.scope is None and self.star is not None:
                return node.id if node.id in self.language.names - self.hidden else None
            if found is None and variable.scope is None:
                return self.star_names.get(node.id)
            return found
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            exports = self.reexporting.get(self.scopes.of(node.value))
            if exports is not None and node.attr in exports.names:
                return exports.names[node.attr]
            inner = self._class_variable(node.value, node.attr)
            if inner is not None and inner in self.names and inner not in self.rebound:
                return self.names[inner]
        if isinstance(node, ast.Attribute) and node.attr in self.language.names:
            return node.attr if self._is_module(node.value) else None
        return None

    def _class_variable(self, node: ast.Name, name: str) -> Variable | None:
        """`adjoint` of `Rules.adjoint`, where `Rules` is a class of the module."""
        only = self.scopes.of(node).only
        if not isinstance(only, ast.ClassDef):
            return None
        scope = self.scopes.own[only]
        return scope.variable(name) if name in scope.bindings else None

    def is_bare_rule(self, function: DefNode) -> bool:
        """Whether a decorator such as `@adjoint`, without a target,
        leaves a function's name bound to what it was."""
        heads = [
            d.func if isinstance(d, ast.Call) and not d.args else d for d in function.decorator_list
        ]
        return any(self.meaning(head) == self.language.bare for head in heads)

    def is_rebound_at(self, node: ast.Name | DefNode, variable: Variable) -> bool:
        """Whether a legacy name may be a function of the module's own where it is read."""
        reign = self.rebound.get(variable)
        if reign is None:
            return False
        return not reign.holds(node.lineno) or self.scopes.around[node] is not variable.scope

    def is_doubtful(self, node: ast.Name) -> bool:
        """Whether a name may be a legacy one where it is read, or something of other code."""
        variable = self.scopes.of(node)
        reign = self.rebound.get(variable)
        if reign is None or not self.is_rebound_at(node, variable):
            return False
        return not (reign.sure and self.scopes.around[node] is variable.scope)

    def _is_module(self, node: ast.expr) -> bool:
        node, dotted = parts_of(node)
        if not isinstance(node, ast.Name):
            return False
        handed_on = self.reexporting.get(self.scopes.of(node))
        if handed_on is not None and dotted and dotted[0] in handed_on.modules:
            start = handed_on.modules[dotted.pop(0)]
        else:
            start = self.module_variables.get(self.scopes.of(node), "")
        return bool(start) and ".".join([start, *dotted]) in self.language.everywhere

    def uses(self) -> list[tuple[ast.expr, str]]:
        """Every expression in the module that reads a legacy name."""
        if self._uses is None:
            self._uses = []
            for node in self.scopes.every(ast.Name, ast.Attribute):
                if isinstance(node.ctx, ast.Load):
                    found = self.meaning(node)
                    if found is not None:
                        self._uses.append((node, found))
        return self._uses


def find_legacy_names(
    scopes: Scopes,
    language: Language,
    module_source: ModuleSource | None = None,
    depth: int = _REEXPORT_DEPTH,
) -> LegacyNames:
    """Resolve every import of a legacy module and every alias made of it."""
    found = LegacyNames(scopes, language)
    candidates: dict[Variable, list[tuple[ast.AST, str]]] = {}
    for node in scopes.every(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            _plain_import(node, found)
            _plain_reexport(node, found, module_source, depth)
        elif isinstance(node, ast.ImportFrom):
            _from_import(node, found, candidates, module_source, depth)
    if not (found or candidates or found.module_variables):
        return found
    if found.star is not None:
        found.hidden = _hidden_by_later_stars(found.star, scopes) & language.names
        _find_star_rules(found)
    _keep_unambiguous(candidates, found)
    _follow_assignments(found)
    _find_rebound(found)
    return found


def _plain_import(node: ast.Import, found: LegacyNames) -> None:
    for alias in node.names:
        inside = any(
            m == alias.name or m.startswith(alias.name + ".") for m in found.language.everywhere
        )
        parent = any(alias.name.startswith(m + ".") for m in found.language.everywhere)
        if not inside and not parent:
            continue
        scope = found.scopes.around[node]
        variable = found.scopes.variable(alias.asname or alias.name.partition(".")[0], scope)
        dotted = alias.name if alias.asname else alias.name.partition(".")[0]
        found.module_variables[variable] = dotted
        if alias.name in found.language.everywhere:
            found.imports.append(LegacyImport(node, alias, None))


def _plain_reexport(
    node: ast.Import, found: LegacyNames, module_source: ModuleSource | None, depth: int
) -> None:
    """`import compat as c`, where `c.adjoint` is used."""
    for alias in node.names:
        if alias.name in found.language.everywhere or ("." in alias.name and alias.asname is None):
            continue
        exports = _exports(0, alias.name, found.language, module_source, depth)
        if exports:
            variable = found.scopes.variable(alias.asname or alias.name, found.scopes.around[node])
            found.reexporting[variable] = exports
            found.imports.append(LegacyImport(node, alias, None, own=False))


def _from_import(
    node: ast.ImportFrom,
    found: LegacyNames,
    candidates: dict[Variable, list[tuple[ast.AST, str]]],
    module_source: ModuleSource | None,
    depth: int,
) -> None:
    module = "." * node.level + (node.module or "")
    legacy = module in found.language.everywhere or (
        node.level > 0
        and bool(node.module)
        and _configured(node.module, found.language) is not None
    )
    exported: Exports | None = None
    for alias in node.names:
        dotted = f"{module}.{alias.name}" if not module.endswith(".") else module + alias.name
        known = dotted if dotted in found.language.everywhere else None
        if known is None and node.level > 0 and not node.module:
            known = _configured(alias.name, found.language)
        if known is not None:
            variable = found.scopes.variable(alias.asname or alias.name, found.scopes.around[node])
            found.module_variables[variable] = known
            found.imports.append(LegacyImport(node, alias, None))
            continue
        if not legacy and exported is None:
            exported = _exports(node.level, node.module or "", found.language, module_source, depth)
        if alias.name == "*":
            if legacy:
                found.star = node
            elif exported:
                found.star_names.update(exported.names)
                found.reexport_star = found.reexport_star or node
            continue
        meaning: str | None
        if legacy:
            meaning = alias.name if alias.name in found.language.names else None
        else:
            meaning = (exported or _NOTHING).names.get(alias.name)
            if meaning is None:
                _module_from(node, alias, exported or _NOTHING, found, module_source, depth)
        if meaning is not None:
            variable = found.scopes.variable(alias.asname or alias.name, found.scopes.around[node])
            candidates.setdefault(variable, []).append((alias, meaning))
            found.imports.append(LegacyImport(node, alias, meaning))


def _module_from(
    node: ast.ImportFrom,
    alias: ast.alias,
    exported: Exports,
    found: LegacyNames,
    module_source: ModuleSource | None,
    depth: int,
) -> None:
    """`from .compat import zr` and `from . import compat`, where `compat.adjoint` is used."""
    variable = found.scopes.variable(alias.asname or alias.name, found.scopes.around[node])
    if alias.name in exported.modules:
        found.module_variables[variable] = exported.modules[alias.name]
        found.imports.append(LegacyImport(node, alias, None))
        return
    dotted = f"{node.module}.{alias.name}" if node.module else alias.name
    inner = _exports(node.level, dotted, found.language, module_source, depth)
    if inner:
        found.reexporting[variable] = inner
        found.imports.append(LegacyImport(node, alias, None, own=False))


def _configured(name: str | None, language: Language) -> str | None:
    """The module, configured by its full name, that a relative import of its last parts means."""
    for module in language.more:
        if module not in language.modules and (module == name or module.endswith(f".{name}")):
            return module
    return None


@dataclass(frozen=True)
class Exports:
    """What another module of the user hands on:
    legacy names, and legacy modules, under names of its own."""

    names: dict[str, str]
    modules: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.names or self.modules)


_NOTHING = Exports({}, {})


def _exports(
    level: int,
    name: str,
    language: Language,
    module_source: ModuleSource | None,
    depth: int,
) -> Exports:
    """What a module nearby re-exports, through further modules where it has them from there."""
    if module_source is None or depth <= 0:
        return _NOTHING
    if not isinstance(module_source, Nearby):
        source = module_source(level, name)
        return _NOTHING if source is None else _read_exports(source, language, None, depth)
    found = module_source.locate(level, name)
    if found is None:
        return _NOTHING
    path, source = found
    key = (path, language, depth)
    if key not in module_source.known:
        beside = module_source.beside(path)
        module_source.known[key] = _read_exports(source, language, beside, depth)
    exports: Exports = module_source.known[key]
    return exports


def _read_exports(
    source: bytes, language: Language, beside: ModuleSource | None, depth: int
) -> Exports:
    if not (b"import" in source and _may_reexport(source, language)):
        return _NOTHING
    known = beside.known if isinstance(beside, Nearby) else {}
    if source not in known:  # every language reads the same text
        known[source] = _analysed(source)
    scopes: Scopes | None = known[source]
    if scopes is None:
        return _NOTHING
    inner = find_legacy_names(scopes, language, beside, depth - 1)
    names = {v.name: m for v, m in inner.names.items() if v.scope is scopes.module}
    if inner.star is not None:
        names = {name: name for name in language.names} | names
    names = inner.star_names | names
    aliases = {v.name: m for v, m in inner.module_variables.items() if v.scope is scopes.module}
    return Exports(names, aliases)


def _analysed(source: bytes) -> Scopes | None:
    """The scopes of a module nearby; None where it does not parse."""
    try:
        with quiet_parser():
            return analyse_scopes(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _may_reexport(source: bytes, language: Language) -> bool:
    named = any(m.rpartition(".")[2].encode() in source for m in language.everywhere)
    carried = bool(language.handed_on) and language.handed_on in source
    return named or carried or _STAR_IMPORT.search(source) is not None


def _hidden_by_later_stars(star: ast.ImportFrom, scopes: Scopes) -> frozenset[str]:
    """Names that mean something else after `from numpy import *`;
    of other modules nothing is known."""
    hidden: set[str] = set()
    for node in scopes.stars:
        if node.lineno > star.lineno and node.module in ("numpy", "pylab"):
            hidden.add("gradient")
    return frozenset(hidden)


def _keep_unambiguous(
    candidates: dict[Variable, list[tuple[ast.AST, str]]], found: LegacyNames
) -> None:
    for variable, imports in candidates.items():
        meanings = {meaning for _, meaning in imports}
        if len(meanings) != 1:
            continue
        ours = {id(node) for node, _ in imports}
        others = [
            node
            for node in variable.bindings
            if id(node) not in ours and not (_is_fallback(node, found.scopes) or _is_rule(node))
        ]
        found.names[variable] = meanings.pop()
        if others:
            nodes = [node for node, _ in imports]
            found.rebound[variable] = _reign(nodes, others, found.scopes)


def _reign(imports: list[ast.AST], others: list[ast.AST], scopes: Scopes) -> Reign:
    """Where a name is what these imports bring, and not what others bind it to."""
    sure = all(_is_plain(node, scopes) for node in (*imports, *others))
    events = sorted(
        [(_line(n), True, n) for n in imports] + [(_line(n), False, n) for n in others],
        key=lambda e: e[:2],
    )
    spans: list[tuple[float, float]] = []
    start: float | None = None
    hidden = False  # other code has had the name
    for line, ours, node in events:
        if ours and start is None and (not hidden or _is_plain(node, scopes)):
            start = 0.0 if not hidden else line
        elif not ours:
            hidden = True
            if start is not None:
                spans.append((start, line))
                start = None
    if start is not None:
        spans.append((start, float("inf")))
    return Reign(tuple(spans), sure)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _is_plain(node: ast.AST, scopes: Scopes) -> bool:
    """Whether a binding happens come what may, where it stands in its block;
    the test of an `if` is asked in any case."""
    inner = node
    for outer in scopes.ancestors(node):
        if isinstance(outer, ast.Module):
            return True
        if isinstance(outer, ast.If) and inner is outer.test:
            inner = outer
            continue
        if isinstance(outer, (ast.If, ast.For, ast.While, ast.Try, ast.FunctionDef, ast.Lambda)):
            return False
        inner = outer
    return True


def _is_fallback(node: ast.AST, scopes: Scopes) -> bool:
    """Whether a binding only stands in where the legacy package is missing (`except ImportError:
    adjoint = None`)."""
    inner = node
    for outer in scopes.ancestors(node):
        if isinstance(outer, ast.ExceptHandler):
            return True
        if isinstance(outer, ast.If) and inner is not outer.test:
            return True
        inner = outer
    return False


def _is_rule(node: ast.AST) -> bool:
    """A bare `@adjoint def literal_getproperty(...)` leaves the name bound to what it was."""
    return isinstance(node, ast.FunctionDef) and bool(node.decorator_list)


def _find_star_rules(found: LegacyNames) -> None:
    """`@adjoint def literal_getproperty(...)` binds a name in the
    module that the star import has brought."""
    for name in found.language.names - found.hidden:
        variable = found.scopes.variable(name, found.scopes.module)
        functions = [b for b in variable.bindings if isinstance(b, ast.FunctionDef)]
        if functions and len(functions) == len(variable.bindings):
            if all(found.is_bare_rule(f) for f in functions):
                found.names[variable] = name
                found.star_rules.add(variable)
                continue
        star = found.star
        others: list[ast.AST] = [b for b in variable.bindings if not _is_fallback(b, found.scopes)]
        if star is not None and others and all(_line(b) > star.lineno for b in others):
            found.names[variable] = name
            found.rebound[variable] = _reign([star], others, found.scopes)


def _find_rebound(found: LegacyNames) -> None:
    """A def with other decorators than a bare `@adjoint` gives its name another meaning,
    from its line on."""
    for variable in found.names:
        others: list[ast.AST] = [
            b
            for b in variable.bindings
            if isinstance(b, ast.FunctionDef)
            and not _is_fallback(b, found.scopes)
            and not found.is_bare_rule(b)
        ]
        known = found.rebound.get(variable)
        if others:
            lines = sorted(map(_line, others))
            spans = ((0.0, float("inf")),) if known is None else known.spans
            cut = [(s, min([e, *(n for n in lines if n > s)])) for s, e in spans]
            found.rebound[variable] = Reign(tuple(cut), known is not None and known.sure)


def _follow_assignments(found: LegacyNames) -> None:
    """`_rule = zr.adjoint`, `adj = vjp = adjoint`, `a, p = zr.adjoint, zr.pullback`,
    in any order."""
    assigned: list[tuple[ast.Name, ast.expr, ast.Assign | ast.AnnAssign]] = []
    for node in found.scopes.every(ast.Assign, ast.AnnAssign):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                assigned += [(t, v, node) for t, v in _pairs(target, node.value)]
        elif node.value is not None:
            assigned += [(t, v, node) for t, v in _pairs(node.target, node.value)]
    changed = True
    while changed:
        changed = False
        for target, value, statement in assigned:
            variable = found.scopes.of(target)
            if variable in found.names or variable in found.module_variables:
                continue
            if variable.scope is None:
                continue
            others = [n for n in variable.bindings if n is not target]
            if not all(_is_fallback(n, found.scopes) for n in others):
                continue
            if isinstance(value, ast.Call) and len(value.args) == 1:  # in a class body
                if isinstance(value.func, ast.Name) and value.func.id == "staticmethod":
                    value = value.args[0]
            if isinstance(value, ast.IfExp):  # zr.adjoint if zr else None
                if not (isinstance(value.orelse, ast.Constant) and value.orelse.value is None):
                    continue
                value = value.body
            meaning = found.meaning_so_far(value)
            if isinstance(value, ast.Name) and found.scopes.of(value) is variable:
                outer = variable.scope.parent  # `adjoint = adjoint` in a class body
                if variable.scope.kind == "class" and outer is not None:
                    meaning = found.names.get(found.scopes.variable(value.id, outer))
            if meaning is not None:
                found.names[variable] = meaning
                found.aliases[variable] = statement
                changed = True
            elif isinstance(value, (ast.Name, ast.Attribute)) and found._is_module(value):
                found.module_variables[variable] = found.language.everywhere[0]
                found.aliases[variable] = statement
                changed = True


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.Name, ast.expr]]:
    if isinstance(target, ast.Name):
        return [(target, value)]
    if (
        isinstance(target, (ast.Tuple, ast.List))
        and isinstance(value, (ast.Tuple, ast.List))
        and len(target.elts) == len(value.elts)
    ):
        return [pair for t, v in zip(target.elts, value.elts, strict=True) for pair in _pairs(t, v)]
    return []
