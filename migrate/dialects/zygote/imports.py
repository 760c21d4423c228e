"""The import block: legacy names that nothing uses any more go, target names come in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from migrate.dialects.zygote.module import ModuleView
from migrate.rules.legacy_names import LegacyImport
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import Scope, Variable
from migrate.syntax.source import Replacement
from migrate.write.names import NameChooser

_WIDTH = 88
ImportStatement = ast.Import | ast.ImportFrom


class ImportRewriter:
    """Rewrites the imports of one module, after everything else is known."""

    def __init__(
        self,
        view: ModuleView,
        names: NameChooser,
        consumed: set[ast.AST],
        kept: set[Variable],
    ) -> None:
        self.view = view
        self.scopes = view.scopes
        self.names = names
        self.printed: Sequence[Replacement] = ()
        self.replacements: list[Replacement] = []
        self.consumed = consumed
        self.kept = kept  # legacy names that the new text goes on using
        self.gone: set[ast.AST] = set()  # statements of which nothing is left
        self.dropped: set[ast.AST] = set()  # assignments that went with their import
        self.top: int | None = None  # where an import was put that stands beside no other

    def rewrite(
        self,
        wanted_at: Iterable[ast.AST],
        removed_aliases: set[ast.AST],
        printed: Sequence[Replacement],
    ) -> list[Replacement]:
        """Remove what is unused, add what is wanted.

        `wanted_at` are nodes whose rules use target names, `printed` is the new text of all the rest.
        """
        self.printed = printed
        doomed = self._unused_imports(removed_aliases)
        needed = {t: n for t, n in self.names.local.items() if t not in self.names.present}
        sites = self._sites(wanted_at) if needed else []
        by_statement: dict[ImportStatement, list[LegacyImport]] = {}
        for item in doomed:
            by_statement.setdefault(item.statement, []).append(item)
        for statement in {*by_statement, *(s for s in sites if s is not None)}:
            aliases = [i.alias for i in by_statement.get(statement, [])]
            wanted = self._used_at(statement, sites, needed) if statement in sites else {}
            self._replace(statement, aliases, wanted)
        if None in sites:
            self._insert_at_top(self._used_at(None, sites, needed))
        return self.replacements

    def _splice(self, start: int, end: int, text: str) -> None:
        self.replacements.append(Replacement(start, end, text))

    # ---- what is unused ------------------------------------------------------------------

    def _uses(self, variable: Variable) -> list[ast.Name]:
        return [
            u
            for u in self.scopes.uses.get(variable, [])
            if isinstance(u.ctx, (ast.Load, ast.Del)) and u not in self.consumed
        ]

    def drop_aliases(self, edits: NodeEdits) -> set[ast.AST]:
        """Remove `_rule = zr.adjoint` where only rules used it."""
        exported = self.view.exported
        dropped: set[ast.AST] = set()
        changed = True
        while changed:
            changed = False
            for variable, statement in self.view.legacy.aliases.items():
                if statement in dropped or not isinstance(statement, ast.Assign):
                    continue
                if len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Name):
                    continue
                if variable.name in exported or self._uses(variable):
                    continue
                was_used = any(u in self.consumed for u in self.scopes.uses.get(variable, []))
                if not was_used or len(variable.bindings) != 1:
                    continue
                if not isinstance(statement.value, (ast.Name, ast.Attribute)):
                    continue
                block = _block_of(statement, self.scopes.parents[statement])
                if block is None or len(block) < 2 or not self._alone_on_line(statement):
                    continue
                dropped.add(statement)
                self.dropped.add(statement)
                self.consumed.update(ast.walk(statement))
                edits.replace_line(statement, "")
                changed = True
        return dropped

    def _alone_on_line(self, statement: ast.stmt) -> bool:
        source = self.view.source
        start, end = source.span(statement)
        first = source.line_starts[statement.lineno - 1]
        stop = source.text.find("\n", end)
        rest = source.text[end : stop if stop >= 0 else len(source.text)]
        return source.text[first:start].strip() == "" and rest.strip() == ""

    def _remove_line(self, statement: ast.stmt) -> None:
        source = self.view.source
        first = source.line_starts[statement.lineno - 1]
        stop = source.text.find("\n", source.span(statement)[1])
        self._splice(first, stop + 1 if stop >= 0 else len(source.text), "")

    def _unused_imports(self, dropped: set[ast.AST]) -> list[LegacyImport]:
        exported = self.view.exported
        doomed = []
        star_gone = self._star_is_unused()
        for item in self.view.legacy.imports:
            if not item.own:
                continue
            bound = item.alias.asname or item.alias.name.partition(".")[0]
            variable = self.scopes.variable(bound, self.scopes.around[item.statement])
            if bound in exported or self._uses(variable) or variable in self.kept:
                continue
            if any(isinstance(b, ast.Global) for b in variable.bindings):
                continue
            if bound in self._executed:
                continue
            as_rule = any(b in self.view.rule_functions for b in variable.bindings)
            if not as_rule and not any(
                u in self.consumed for u in self.scopes.uses.get(variable, [])
            ):
                continue  # it was never used here: perhaps somebody imports it from here
            rules = (
                self.view.rule_functions
            )  # `@adjoint def literal_getproperty` has another name now
            others = [b for b in variable.bindings if b is not item.alias and b not in rules]
            if not all(isinstance(b, ast.alias) or self._is_fallback(b) for b in others):
                continue
            doomed.append(item)
        star = self.view.legacy.star
        if star_gone and star is not None:
            doomed.append(LegacyImport(star, star.names[0], None))
        return doomed

    @cached_property
    def _executed(self) -> set[str]:
        """The words of text that the file may execute: where it executes any, of all its strings that look like code."""
        called = any(v.scope is None and v.name in ("exec", "eval") for v in self.scopes.uses)
        nodes = self.scopes.around if called else ()
        texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        return {word for t in texts if "def " in t or "(" in t for word in re.findall(r"\w+", t)}

    def _is_fallback(self, binding: ast.AST) -> bool:
        """`except ImportError: adjoint = None`, which nothing reads any more."""
        return any(
            isinstance(a, (ast.ExceptHandler, ast.If)) for a in self.scopes.ancestors(binding)
        )

    def _star_is_unused(self) -> bool:
        star = self.view.legacy.star
        if star is None:
            return False
        by_rules = self.view.legacy.star_rules
        if by_rules & self.kept:
            return False
        loose = [n for n, _ in self.view.legacy.uses() if isinstance(n, ast.Name)]
        ours = [n for n in loose if (v := self.scopes.of(n)).scope is None or v in by_rules]
        return bool(ours) and all(n in self.consumed for n in ours)

    # ---- where the new names go ----------------------------------------------------------

    def _sites(self, wanted_at: Iterable[ast.AST]) -> list[ImportStatement | None]:
        """The legacy import statements beside which the runtime must be imported; None: at the top."""
        found: list[ImportStatement | None] = []
        statements = [i.statement for i in self.view.legacy.imports]
        if self.view.legacy.star is not None:
            statements.append(self.view.legacy.star)
        usable = [s for s in statements if not self._type_checking_only(s)]
        usable.sort(key=lambda s: (s.lineno, s.col_offset))
        at_module = [s for s in usable if self.scopes.around[s].kind == "module"]
        nodes = list(wanted_at)
        local: list[ImportStatement] = []
        for node in nodes:
            inner = self._local_site(node, usable)
            if inner is not None:
                if inner not in local:
                    local.append(inner)
            elif at_module:
                if at_module[0] not in found:
                    found.append(at_module[0])
            elif None not in found:
                found.append(None)
        if found and None not in found and not self._comes_first(found[0], nodes):
            found[0] = None
        return [*found, *local]

    def _comes_first(self, site: ImportStatement | None, nodes: list[ast.AST]) -> bool:
        line = getattr(site, "lineno", 0)
        return all(getattr(n, "lineno", line) >= line for n in nodes)

    def _local_site(self, node: ast.AST, usable: list[ImportStatement]) -> ImportStatement | None:
        """A legacy import in a function around a node, where the module has none at its top level."""
        scope: Scope | None = self.scopes.around.get(node)
        while scope is not None and scope.kind != "module":
            for statement in usable:
                if self.scopes.around[statement] is scope and scope.kind == "function":
                    return statement
            scope = scope.parent
        return None

    def _type_checking_only(self, statement: ImportStatement) -> bool:
        return any(
            isinstance(a, ast.If) and "TYPE_CHECKING" in ast.unparse(a.test)
            for a in self.scopes.ancestors(statement)
        )

    # ---- writing -------------------------------------------------------------------------

    def _used_at(
        self,
        site: ImportStatement | None,
        sites: list[ImportStatement | None],
        needed: dict[str, str],
    ) -> dict[str, str]:
        """The names that the new text around one import uses; of several imports each brings its own."""
        if len(sites) == 1:
            return needed
        source = self.view.source
        local = [
            source.span(scope.node)
            for s in sites
            if s is not None
            for scope in [self.scopes.around[s]]
            if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        scope = None if site is None else self.scopes.around[site].node
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = [source.span(scope)]
            pieces = [p for p in self.printed if _lies_in(p, inside)]
        else:
            pieces = [p for p in self.printed if not _lies_in(p, local)]
        text = "\n".join(p.text for p in pieces)
        return {t: n for t, n in needed.items() if re.search(rf"\b{re.escape(n)}\b", text)}

    def _import_text(self, needed: dict[str, str], indent: str, column: int) -> str:
        shown = sorted(t if t == n else f"{t} as {n}" for t, n in needed.items())
        line = f"from {self.names.runtime} import {', '.join(shown)}"
        if column + len(line) <= _WIDTH:
            return line
        inside = "".join(f"{indent}    {name},\n" for name in shown)
        return f"from {self.names.runtime} import (\n{inside}{indent})"

    def _replace(
        self, statement: ImportStatement, aliases: list[ast.alias], needed: dict[str, str]
    ) -> None:
        source = self.view.source
        start, end = source.span(statement)
        indent = source.indentation(statement.lineno)
        new = self._import_text(needed, indent, len(indent)) if needed else ""
        first = source.line_starts[statement.lineno - 1]
        shares = (
            source.text[first:start].strip() != "" or source.text[end : end + 2].lstrip()[:1] == ";"
        )
        if shares and "\n" in new:
            new = f"from {self.names.runtime} import {', '.join(t if t == n else f'{t} as {n}' for t, n in sorted(needed.items()))}"
        if len(aliases) == len(statement.names):
            self._replace_whole(statement, new, indent, shares)
            return
        kept = [a for a in statement.names if a not in aliases]
        if aliases:
            self._drop_names(statement, aliases, kept)
        if new:
            if shares:
                self._splice(end, end, f"; {new}")
            if not shares and isinstance(self.scopes.parents[statement], ast.Try):
                self._splice(start, start, f"{new}\n{indent}")  # the legacy module may be missing
            elif not shares:
                stop = source.text.find("\n", end)
                stop = len(source.text) if stop < 0 else stop
                self._splice(stop, stop, f"\n{indent}{new}")

    def _replace_whole(
        self, statement: ImportStatement, new: str, indent: str, shares: bool
    ) -> None:
        source = self.view.source
        start, end = source.span(statement)
        comments = [text for at, text in source.comments if start <= at < end]
        if new:
            above = "".join(f"{c}\n{indent}" for c in comments)
            self._splice(start, end, above + new)
            return
        block = _block_of(statement, self.scopes.parents[statement])
        others = [s for s in block or [] if s is not statement and s not in self.gone]
        if others and not comments and shares and self._remove_from_line(start, end):
            self.gone.add(statement)
            return
        if comments or not others or not self._alone_on_line(statement):
            above = "".join(f"{c}\n{indent}" for c in comments)
            if others and comments and self._alone_on_line(statement):
                self._splice(start, end, f"\n{indent}".join(comments))
            else:
                self._splice(start, end, above + "pass")
            return
        self.gone.add(statement)
        self._remove_line(statement)

    def _remove_from_line(self, start: int, end: int) -> bool:
        """Take a statement out of a line that it shares with others."""
        text = self.view.source.text
        after = end
        while text[after : after + 1] in (" ", "\t"):
            after += 1
        if text[after : after + 1] == ";":
            after += 1
            while text[after : after + 1] in (" ", "\t"):
                after += 1
            self._splice(start, after, "")
            return True
        before = start
        while text[before - 1] in " \t":
            before -= 1
        if text[before - 1] == ";":
            self._splice(before - 1, end, "")
            return True
        return False

    def _drop_names(
        self, statement: ImportStatement, aliases: list[ast.alias], kept: list[ast.alias]
    ) -> None:
        """Take some names out of an import; comments stay, also those beside a name that goes."""
        source = self.view.source
        first, last = source.span(statement.names[0])[0], source.span(statement.names[-1])[1]
        parenthesised = source.segment(statement).rstrip().endswith(")")
        if "\n" not in source.text[first:last] or not parenthesised:
            self._splice(first, last, ", ".join(source.segment(a) for a in kept))
            return
        for alias in aliases:
            start, end = source.span(alias)
            comma = source.next_token(end)
            stop = comma.end if comma.text == "," else end
            line = source.line_starts[alias.lineno - 1]
            line_end = source.text.index("\n", stop)
            if source.text[line:start].strip() == "" and source.text[stop:line_end].strip() == "":
                self._splice(line, line_end + 1, "")
                continue
            if any(end <= at < stop for at, _ in source.comments):
                self._splice(start, end, "")
                self._splice(comma.start, comma.end, "")
                continue
            while source.text[stop] in " \t":
                stop += 1
            self._splice(start, stop, "")

    def _insert_at_top(self, needed: dict[str, str]) -> None:
        """After the docstring and the `__future__` imports."""
        source = self.view.source
        body = source.tree.body
        after: ast.stmt | None = None
        for number, statement in enumerate(body):
            docstring = (
                number == 0
                and isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            )
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not (docstring or future):
                break
            after = statement
        new = self._import_text(needed, "", 0)
        if after is None:
            if body:
                first = source.line_starts[body[0].lineno - 1]
                decorators = getattr(body[0], "decorator_list", [])
                if decorators:
                    first = source.line_starts[decorators[0].lineno - 1]
                self.top = first
                self._splice(first, first, new + "\n")
            return
        stop = source.text.find("\n", source.span(after)[1])
        self.top = len(source.text) if stop < 0 else stop
        self._splice(self.top, self.top, "\n" + new)


def _block_of(statement: ast.stmt, parent: ast.AST) -> list[ast.stmt] | None:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return None


def _lies_in(piece: Replacement, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= piece.start and piece.end <= end for start, end in spans)
