"""A rule made anew: what a `LegacyRule` of any language becomes in
place of the statement that registered it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.rules import legacy_rule as model
from migrate.rules.legacy_rule import Entry, LegacyRule
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan
from migrate.syntax.changes import lines_of, moved
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.source import Source

#: How long a line may become that is written anew.
WIDTH = 110
_STEP = "    "


def made_anew(rule: LegacyRule, names: NameChooser, source: Source) -> Plan:
    """The plan that puts a rrule in place of the statement of a rule."""
    return _Writer(rule, names, source).plan()


class _Writer:
    def __init__(self, rule: LegacyRule, names: NameChooser, source: Source) -> None:
        self.rule, self.names, self.source = rule, names, source
        self.edits = NodeEdits()
        self.parts: dict[int, object] = {}
        self.moved: list[ast.expr] = []
        self.projections: dict[str, str] = {}  # parameter -> its projection

    def plan(self) -> Plan:
        rule = self.rule
        for node, text in rule.renamed.items():
            self.edits.replace(node, text)
        entries = [self._entry(rule.callee, ""), *self._entries()]
        lines = self._lines(entries)
        for number, node in enumerate(self.moved):
            self.edits.change(node, moved(self.parts, number))
        text = "\n".join(lines) + "\n"
        self.edits.change_line(rule.site, lines_of(text, self.parts, self._stands_close()))
        return Plan((self.edits,), rule.notes, gone=(rule.site,))

    def _stands_close(self) -> bool:
        """Whether other code stands on the line above, from which a definition is set apart."""
        line = self.rule.site.lineno
        above = self.source.lines[line - 2].strip() if line > 1 else ""
        return self.rule.site.col_offset == 0 and above != "" and not above.startswith("#")

    # ---- entries -------------------------------------------------------------------------

    def _entries(self) -> Iterator[str]:
        live = [e for e in self.rule.entries if not isinstance(e, model.Zero)]
        lazy = self.rule.lazy and len(live) > 1
        names = [p.name for p in self.rule.parameters]
        for entry, name in zip(self.rule.entries, names, strict=True):
            text = self._entry(entry, name)
            plain = isinstance(entry, model.Zero | model.Unpacked) or self._is_name(entry)
            yield text if plain or not lazy else f"{self.names.use('Thunk')}(lambda: {text})"

    def _is_name(self, entry: Entry) -> bool:
        return (
            isinstance(entry, model.Cotangent)
            and not entry.onto
            and isinstance(entry.value, ast.Name)
        )

    def _is_loose(self, value: ast.expr) -> bool:
        return not isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call)

    def _entry(self, entry: Entry, parameter: str) -> str:
        match entry:
            case model.Zero(kind, why):
                return f"{self.names.use(kind)}({_quoted(why) if why else ''})"
            case model.Cotangent(value, ""):
                return self._part(value)
            case model.Cotangent(value, onto):
                self.names.use(onto)
                self.projections[parameter] = onto
                return f"to_{parameter}({self._part(value)})"
            case model.Structured(kind, parts):
                keyed = [f"{k}={self._part(v)}" if k else self._part(v) for k, v in parts]
                return f"{self.names.use('Tangent')}[{kind}]({', '.join(keyed)})"
            case model.Unpacked(value):
                return (
                    f"*({self._part(value)})" if self._is_loose(value) else f"*{self._part(value)}"
                )
            case model.Bridged(value):
                made = f"({self._part(value)})" if self._is_loose(value) else self._part(value)
                return f"{made}({self.rule.cotangent})"

    def _part(self, node: ast.expr) -> str:
        self.moved.append(node)
        return f"_part_{len(self.moved) - 1}_"

    # ---- lines ---------------------------------------------------------------------------

    def _lines(self, entries: list[str]) -> list[str]:
        rule = self.rule
        target = self.source.segment(rule.target)
        parameters = [p.name for p in rule.parameters]
        callee = "_" if "_" not in parameters else "callee"
        called = f"{target}({', '.join(p.lead + p.name for p in rule.parameters)})"
        primal = called if rule.primal is None else self._part(rule.primal)
        register = f"{self.names.use('rrule')}.register({target})"
        pullback = f"{rule.name}_pullback"
        heads = [f"@{register}", *(f"@{self.names.use(d)}" for d in rule.decorators)]
        listed = ", ".join([callee, *map(str, rule.parameters)])
        body = [f"{rule.output} = {primal}"] if rule.output else []
        if self.projections:
            made = [f"{self.names.use(onto)}({p})" for p, onto in self.projections.items()]
            body.append(f"{', '.join(f'to_{p}' for p in self.projections)} = {', '.join(made)}")
        body += [*rule.body, f"def {pullback}({rule.cotangent}):"]
        body += [_STEP + line for line in self._returned(entries)]
        body += [f"return {rule.output or primal}, {pullback}"]
        name = self.names.rule_name(rule.name)
        return [*heads, f"def {name}({listed}):", *(_STEP + line for line in body)]

    def _returned(self, entries: list[str]) -> list[str]:
        """On one line where that is not too long; else, or with comments, each entry on its own."""
        comments = self._comments()
        whole = f"return {', '.join(entries)}"
        shown = 2 * len(_STEP) + len(whole) + self.source.span(self.rule.site)[0]
        shown -= self.source.line_starts[self.rule.site.lineno - 1]
        for number, node in enumerate(self.moved):
            shown += len(self.source.segment(node)) - len(f"_part_{number}_")
        if not comments and shown <= WIDTH and not any(map(self._spans_lines, self.moved)):
            return [whole]
        lines = ["return ("]
        for number, entry in enumerate(entries):
            above, beside = comments.get(number - 1, ([], ""))
            lines += [_STEP + text for text in above]
            lines.append(f"{_STEP}{entry},{beside}")
        lines += [_STEP + text for text in comments.get(len(entries) - 1, ([], ""))[0]]
        return [*lines, ")"]

    def _spans_lines(self, node: ast.expr) -> bool:
        return "\n" in self.source.segment(node)

    def _comments(self) -> dict[int, tuple[list[str], str]]:
        """By the entry that they belong to:
        comments above it, and the one beside it, with the space before."""
        start, end = self.source.span(self.rule.site)
        moved = [self.source.span(node) for node in self.moved]
        said = {n: span for n, entry in enumerate(self.rule.entries) if (span := self._said(entry))}
        found: dict[int, tuple[list[str], str]] = {}
        for at, text in self.source.comments:
            if not start <= at < end or any(s <= at < e for s, e in moved):
                continue
            line = self.source.line_of(at)
            beside = [n for n, (_, e) in said.items() if e <= at and self.source.line_of(e) == line]
            if beside and not found.get(beside[-1], ([], ""))[1]:
                row = self.source.text[said[beside[-1]][1] : at]
                above = found.get(beside[-1], ([], ""))[0]
                found[beside[-1]] = (above, row.lstrip(",)").rjust(2) + text)
                continue
            after = [(s, n) for n, (s, _) in said.items() if s > at]
            number = min(after)[1] if after else len(self.rule.entries)
            above, own = found.get(number, ([], ""))
            found[number] = ([*above, text], own)
        return found

    def _said(self, entry: Entry) -> tuple[int, int] | None:
        match entry:
            case model.Zero(said=ast.expr() as node):
                return self.source.span(node)
            case model.Cotangent(value=node) | model.Unpacked(value=node) | model.Bridged(node):
                return self.source.span(node)
            case model.Structured(parts=parts) if parts:
                return self.source.span(parts[0][1])[0], self.source.span(parts[-1][1])[1]
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
