"""The import block: imports that nothing needs any more go,
those of the runtime come in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence

from migrate.rules.fallbacks import all_guarded, gives_stand_ins, handler_of, stand_ins
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import Leaving
from migrate.syntax.changes import (
    commented,
    followed_by,
    restated,
    with_names,
    without_last_semicolon,
    without_names,
    without_statement,
)
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.printing import Printed
from migrate.syntax.scopes import Scope
from migrate.syntax.source import Replacement

ImportStatement = ast.Import | ast.ImportFrom


class ImportWriter:
    """Rewrites the imports of one module, after everything else is known."""

    def __init__(
        self, module: Module, names: NameChooser, edits: NodeEdits, leaving: Leaving
    ) -> None:
        self.module = module
        self.scopes = module.scopes
        self.names = names
        self.edits = edits
        self.cutter = Cutter(module.source, module.scopes)
        self.leaving = leaving
        self.gone: set[ast.AST] = set(leaving.dropped)  # statements of which nothing is left
        self.written: dict[ImportStatement | None, str] = {}  # the new imports, by their sites
        self.wanted_at: list[ast.AST] = []
        self.touched: list[tuple[int, int]] = []  # beside the import statements
        self.top: int | None = None  # where an import was put that stands beside no other

    def rewrite(
        self,
        wanted_at: Iterable[ast.AST],
        printed: Callable[[], Printed],
    ) -> None:
        """Remove what is unused, add what is wanted.

        `wanted_at` are nodes whose rules use target names,
        `printed` gives the new text of all the rest.
        """
        needed = {t: n for t, n in self.names.local.items() if t not in self.names.present}
        wanted_at = list(wanted_at)
        sites = self._sites(wanted_at) if needed else []
        by_statement: dict[ImportStatement, list[ast.alias]] = {}
        for statement, alias in self.leaving.aliases:
            by_statement.setdefault(statement, []).append(alias)
        used: dict[ImportStatement | None, dict[str, str]] = {}
        if len(sites) != 1:  # of several imports each brings its own
            new = printed().replacements if sites else ()
            used |= {site: self._used_at(site, sites, needed, new) for site in sites}
        else:
            used[sites[0]] = needed
        self.wanted_at = list(wanted_at)
        self.written = {s: self._import_text(n, self.leaving.width) for s, n in used.items() if n}
        for node in dict.fromkeys([*by_statement, *(s for s in sites if s is not None)]):
            self._replace(node, by_statement.get(node, []), used.get(node, {}))
        if None in sites:
            self._insert_at_top(used[None])

    # ---- where the new names go ----------------------------------------------------------

    def _sites(self, wanted_at: Iterable[ast.AST]) -> list[ImportStatement | None]:
        """The legacy import statements beside which the runtime must be imported; None:
        at the top."""
        found: list[ImportStatement | None] = []
        usable = [s for s in self.leaving.statements if not self._type_checking_only(s)]
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
                site = next(filter(self._is_joined, at_module), at_module[0])
                if site not in found:
                    found.append(site)
            elif None not in found:
                found.append(None)
        if found and None not in found and not self._comes_first(found[0], nodes):
            found[0] = None
        return [*found, *local]

    def _comes_first(self, site: ImportStatement | None, nodes: list[ast.AST]) -> bool:
        line = getattr(site, "lineno", 0)
        return all(getattr(n, "lineno", line) >= line for n in nodes)

    def _local_site(self, node: ast.AST, usable: list[ImportStatement]) -> ImportStatement | None:
        """A legacy import in a function around a node,
        where the module has none at its top level."""
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
        new: Sequence[Replacement],
    ) -> dict[str, str]:
        """The names that the new text around one import uses."""
        functions = {
            s: scope.node
            for s in sites
            if s is not None
            for scope in [self.scopes.around[s]]
            if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        if site in functions:
            spans = [self.module.source.span(functions[site])]
            pieces = [p for p in new if _lies_in(p, spans)]
        else:
            spans = [self.module.source.span(f) for f in functions.values()]
            pieces = [p for p in new if not _lies_in(p, spans)]
        text = "\n".join(p.text for p in pieces)
        return {t: n for t, n in needed.items() if re.search(rf"\b{re.escape(n)}\b", text)}

    def _import_text(self, needed: dict[str, str], width: int | None) -> str:
        modules: dict[str, list[str]] = {}
        for target, local in needed.items():
            name = target.rpartition(":")[2]
            shown = name if name == local else f"{name} as {local}"
            modules.setdefault(self.names.module_of(target), []).append(shown)
        return "\n".join(self._from(m, sorted(modules[m]), width) for m in sorted(modules))

    def _from(self, module: str, names: Sequence[str], width: int | None) -> str:
        line = f"from {module} import {', '.join(names)}"
        if width is None or len(line) <= width:
            return line
        inside = "".join(f"    {name},\n" for name in names)
        return f"from {module} import (\n{inside})"

    def _replace(
        self, node: ImportStatement, aliases: list[ast.alias], needed: dict[str, str]
    ) -> None:
        source = self.module.source
        shares = self.cutter.shares_line(node)
        indent = source.indentation(node.lineno)
        width = None if shares else self.leaving.width - len(indent)
        more = self._joined(node, needed)
        needed = {t: n for t, n in needed.items() if t not in more}
        new = self._import_text(needed, width) if needed else ""
        if new:
            new = self._with_stand_ins(node, len(aliases) == len(node.names), new, needed)
        for switch in self._switches(node):
            if new:
                self.edits.add_after(node, switch)
            else:
                new = switch
        if more and len(aliases) == len(node.names):
            text = f"from {node.module} import {', '.join(sorted(more.values()))}"  # type: ignore[union-attr]
            self.edits.change(node, restated(text))
            aliases = []
        elif len(aliases) == len(node.names):
            self._replace_whole(node, new, shares)
            return
        elif more:
            self.edits.change(node, with_names(sorted(more.values())))
        if aliases:
            gone = frozenset(n for n, alias in enumerate(node.names) if alias in aliases)
            self.edits.change(node, without_names(gone))
        if new and shares:
            self.edits.change(node, followed_by(new))
        elif new and isinstance(self.scopes.parents[node], ast.Try):
            self.edits.add_before(node, new)  # the legacy module may be missing
        elif new:
            self.edits.add_after(node, new)

    def _is_joined(self, node: ImportStatement) -> bool:
        """Whether an import takes a new name along."""
        return bool(self._joined(node, self.names.local))

    def _joined(self, node: ImportStatement, needed: dict[str, str]) -> dict[str, str]:
        """The names of another module that this import of it takes along."""
        if not isinstance(node, ast.ImportFrom) or node.level or node.names[0].name == "*":
            return {}
        return {
            t: name if name == n else f"{name} as {n}"
            for t, n in needed.items()
            if ":" in t and self.names.module_of(t) == node.module
            for name in (t.rpartition(":")[2],)
        }

    def _switches(self, node: ImportStatement) -> list[str]:
        """`import rules_runtime as zr` for a `zr` that only tells whether the package is there."""
        found = []
        for statement, alias in self.leaving.switches:
            if statement is node:
                name = alias.asname or alias.name
                module = isinstance(node, ast.Import)
                runtime = self.names.runtime
                found.append(
                    f"import {runtime} as {name}"
                    if module
                    else f"from {runtime} import rrule as {name}"
                )
        return found

    def _with_stand_ins(
        self, node: ImportStatement, whole: bool, new: str, needed: dict[str, str]
    ) -> str:
        """Give the fallback stand-ins for the new names;
        what is left of the import to be written."""
        handler = handler_of(node, self.scopes)
        if handler is None or not gives_stand_ins(handler) or self._is_emptied(handler):
            return new
        text = stand_ins(needed)
        if not text or all_guarded(self.wanted_at, self.scopes):
            return new
        last = handler.body[-1]
        own_lines = handler.body[0].lineno > handler.lineno
        if whole and own_lines and not self.cutter.shares_line(last):
            self.edits.add_after(last, text)
            self.touched.append(self.module.source.span(last))
            return new
        inside = "\n".join(f"    {line}" for line in text.splitlines())
        importing = "\n".join(f"    {line}" for line in new.splitlines())
        parent = self.scopes.parents[node]
        assert isinstance(parent, ast.stmt)
        self.touched.append((self.cutter.start(parent),) * 2)
        self.edits.add_before(parent, f"try:\n{importing}\nexcept ImportError:\n{inside}")
        return ""

    def _is_emptied(self, handler: ast.ExceptHandler) -> bool:
        """Whether a fallback only imports the language from elsewhere, and that import goes."""
        whole = {
            statement
            for statement in self.leaving.statements
            if sum(s is statement for s, _ in self.leaving.aliases) == len(statement.names)
        }
        return all(s in whole or isinstance(s, ast.Pass) for s in handler.body)

    def _instead(self, node: ImportStatement) -> str:
        """What takes the place of the last statement of a block:
        the import of its other branch, or an error."""
        around = self.scopes.parents[node]
        other = self.scopes.parents.get(around)
        for site, text in self.written.items():
            if site is None:
                continue
            parent = self.scopes.parents[site]
            if isinstance(around, ast.ExceptHandler) and parent is other:
                return "raise"
            if isinstance(around, ast.If) and around in (parent, *self.scopes.ancestors(site)):
                return text if "\n" not in text else self._import_text_on_one_line(text)
        return "pass"

    def _import_text_on_one_line(self, text: str) -> str:
        head, _, names = text.partition("(")
        return head + ", ".join(n.strip() for n in names.rstrip(")").split(",") if n.strip())

    def _replace_whole(self, node: ImportStatement, new: str, shares: bool) -> None:
        """Another import in place of one, or nothing; the comments inside of it stay above."""
        source = self.module.source
        comments = source.comments_within(node)
        block = self.scopes.block_of(node)
        others = [s for s in block or [] if s is not node and s not in self.gone]
        alone = self.cutter.is_alone(node)
        if new or not others or not (alone or (shares and not comments)):
            first, *rest = _statements(new) if new else [self._instead(node)]
            self.edits.change(node, restated(first))
            if rest:
                self.edits.add_after(node, "\n".join(rest))
            if comments and shares:
                self.edits.change_line(node, commented(comments))
            elif comments:
                self.edits.add_before(node, "\n".join(comments))
            return
        if comments:
            indent = source.indentation(node.lineno)
            self.edits.replace_line(node, f"\n{indent}".join(comments))
            return
        self.gone.add(node)
        if alone:
            self.edits.replace_line(node, "")
        else:
            self.edits.change(node, without_statement)
            self.edits.change_line(node, without_last_semicolon)

    def _insert_at_top(self, needed: dict[str, str]) -> None:
        """After the docstring and the `__future__` imports."""
        body = self.module.source.tree.body
        after: ast.stmt | None = None
        for number, node in enumerate(body):
            docstring = (
                number == 0
                and isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            )
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if not (docstring or future):
                break
            after = node
        new = self._import_text(needed, self.leaving.width)
        if after is not None:
            self.top = self.cutter.line_end(self.module.source.span(after)[1])
            self.edits.add_after(after, new)
        elif body:
            self.top = self.cutter.start(body[0])
            self.edits.add_before(body[0], new)


def _statements(text: str) -> list[str]:
    """The import statements of a text."""
    return re.split(r"\n(?=from )", text)


def _lies_in(piece: Replacement, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= piece.start and piece.end <= end for start, end in spans)
