"""A rule made anew: what a `LegacyRule` of any language becomes in
place of the statement that registered it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from migrate.rules import legacy_rule as model
from migrate.rules.legacy_rule import Entry, LegacyRule, Value
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan
from migrate.syntax.forms import binds_loosely
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.source import Source
from migrate.syntax.texts import Pieces, Texts

#: How long a line may become that is written anew.
WIDTH = 131  # a rule with three short tangents stays on one line
_STEP = "    "


def made_anew(rule: LegacyRule, names: NameChooser, source: Source) -> Plan:
    """The plan that puts a rrule in place of the statement of a rule; may raise Misplaced."""
    return _Writer(rule, names, source).plan()


class Entries:
    """The entries of a pullback as text, and what has to be done before for them."""

    def __init__(self, rule: LegacyRule, names: NameChooser, texts: Texts) -> None:
        self.rule, self.names, self.texts = rule, names, texts
        self.projections: dict[str, str] = {}  # name of a projection -> how it is made

    def all(self) -> Iterator[str]:
        """What the pullback returns, from the callee's tangent on."""
        yield f"{self.names.use('NoTangent')}()"
        live = [e for e in self.rule.entries if not isinstance(e, model.Zero | model.Unpacked)]
        lazy = self.rule.lazy and len(live) > 1
        names = [p.name for p in self.rule.parameters]
        for entry, name in zip(self.rule.entries, names, strict=False):
            text = self._entry(entry, name)
            plain = isinstance(entry, model.Zero | model.Unpacked) or not self._runs(entry)
            yield text if plain or not lazy else f"{self.names.use('Thunk')}(lambda: {text})"

    def prepared(self) -> list[str]:
        """The statement that makes the projections, if there are any."""
        if not self.projections:
            return []
        return [f"{', '.join(self.projections)} = {', '.join(self.projections.values())}"]

    def value(self, value: Value) -> str:
        """The text of a value."""
        return self.texts.of(value) if isinstance(value, ast.AST) else self.texts.joined(value)

    def _runs(self, entry: Entry) -> bool:
        """Whether there is something to wait with."""
        if not isinstance(entry, model.Cotangent) or entry.onto:
            return True
        return entry.runs and not isinstance(entry.value, ast.Name)

    def _entry(self, entry: Entry, parameter: str) -> str:
        match entry:
            case model.Zero(kind, why):
                return f"{self.names.use(kind)}({quoted(why) if why else ''})"
            case model.Cotangent(value, ""):
                return self.value(value)
            case model.Cotangent(value, onto, space):
                made = f"{self.names.use(onto)}({self.value(space) if space else parameter})"
                name = f"to_{parameter}"
                while name in {p.name for p in self.rule.parameters}:
                    name += "_"
                self.projections[name] = made
                return f"{name}({self.value(value)})"
            case model.Structured(kind, parts):
                return f"{self.names.use('Tangent')}[{kind}]({self.texts.joined(parts)})"
            case model.Unpacked(value):
                text = self.value(value)
                loose = isinstance(value, ast.expr) and binds_loosely(value)
                return f"*({text})" if loose else f"*{text}"


class _Writer:
    def __init__(self, rule: LegacyRule, names: NameChooser, source: Source) -> None:
        self.rule, self.names, self.source = rule, names, source
        self.texts = Texts(source, rule.changes)
        self.entries = Entries(rule, names, self.texts)
        self.indent = source.indentation(rule.site.lineno)
        self.step = _STEP
        if isinstance(rule.site, ast.FunctionDef):
            inner = source.indentation(rule.site.body[0].lineno)
            self.step = inner.removeprefix(self.indent) or _STEP

    def plan(self) -> Plan:
        edits = NodeEdits()
        text = "\n".join(self._lines())
        close = self.rule.apart and self._stands_close()
        edits.replace_line(self.rule.site, f"\n{text}" if close else text, whole=True)
        return Plan((edits,), self.rule.notes, gone=tuple(self._gone()))

    def _gone(self) -> Iterator[ast.stmt]:
        """The statement in whose place the rule comes, and what stands in it and does not move."""
        pending: list[ast.AST] = [self.rule.site]
        while pending:
            node = pending.pop()
            if node not in self.rule.head and node not in self.rule.within:
                pending += ast.iter_child_nodes(node)
                if isinstance(node, ast.stmt):
                    yield node

    def _stands_close(self) -> bool:
        """Whether other code stands on the line above, from which a definition is set apart."""
        site = self.rule.site
        above = self.source.lines[site.lineno - 2].strip() if site.lineno > 1 else ""
        near = above != "" and not above.startswith("#")
        return near and site.col_offset == 0 and not isinstance(site, ast.FunctionDef)

    # ---- lines ---------------------------------------------------------------------------

    def _lines(self) -> list[str]:
        """The lines, of which the first is indented already."""
        lines = [
            *map(self.texts.joined, self.rule.before),
            *self.rule_lines(),
            *([""] if self.rule.after and not self.indent else []),
            *map(self.texts.joined, self.rule.after),
        ]
        first, *others = lines
        return [first, *_deeper(self.indent, others)]

    def rule_lines(self) -> Iterator[str]:
        rule, texts = self.rule, self.texts
        target = texts.of(rule.target)
        parameters = [p.name for p in rule.parameters]
        callee = rule.through or ("_" if "_" not in parameters else "callee")
        plain = ", ".join(p.lead + p.name for p in rule.parameters)
        called = plain if rule.arguments is None else rule.arguments
        primal = f"{rule.through or target}({called})"
        pullback = f"{rule.name}_pullback"
        while pullback in {*parameters, rule.output, rule.cotangent}:
            pullback += "_"
        returned = self._returned(list(self.entries.all()))
        yield f"@{self.names.use('rrule')}.register({target})"
        yield from (f"@{self.names.use(d)}" for d in rule.decorators)
        config = [rule.config] if rule.config else []
        listed = ", ".join([*config, callee, *map(str, rule.parameters)])
        yield f"def {self.names.rule_name(rule.name)}({listed}):"
        body = texts.lines(rule.head)
        body += [f"{rule.output} = {primal}"] if rule.output else []
        body += [*self.entries.prepared(), *map(texts.joined, rule.body)]
        body += [f"def {pullback}({rule.cotangent}):"]
        returned[-1] += self._behind()
        opening = [*map(texts.joined, rule.opening), *texts.lines(rule.within)]
        body += _deeper(self.step, [*opening, *returned])
        body += [f"return {rule.output or primal}, {pullback}"]
        yield from _deeper(self.step, body)

    def _behind(self) -> str:
        """The comment behind the statement: it is about the tangents."""
        if isinstance(self.rule.site, ast.FunctionDef):
            return ""
        end = self.source.span(self.rule.site)[1]
        return self.source.text[end:].partition("\n")[0].rstrip()

    def _returned(self, entries: list[str]) -> list[str]:
        """On one line where that is not too long; else, or with comments, each entry on its own."""
        comments = self._comments()
        whole = f"return {', '.join(entries)}"
        if not comments and fits(whole, len(self.indent) + 2 * len(_STEP)):
            return [whole]
        lines = ["return ("]
        for number, entry in enumerate(entries):
            entry = self._deeper(entry, number - 1)
            above, beside = comments.get(number - 1, ([], ""))
            lines += [_STEP + text for text in above]
            comma = "," if not _ends_in_comment(entry) else f"\n{self.indent}{3 * _STEP},"
            lines.append(f"{_STEP}{entry}{comma}{beside}")
        lines += [_STEP + text for text in comments.get(len(entries) - 1, ([], ""))[0]]
        return [*lines, ")"]

    def _deeper(self, text: str, number: int) -> str:
        """An entry whose further lines stand as far in as before; strings stay what they are."""
        parts = _parts(self.rule.entries[number]) if number >= 0 else []
        strings = (n for part in parts for n in ast.walk(part))
        if any(
            isinstance(n, ast.Constant | ast.JoinedStr) and n.end_lineno != n.lineno
            for n in strings
        ):
            return text
        return text.replace("\n", f"\n{2 * _STEP}")

    def _comments(self) -> dict[int, tuple[list[str], str]]:
        """By the entry that they belong to:
        comments above it, and the one beside it, with the space before."""
        start, end = self.source.span(self.rule.site)
        if isinstance(self.rule.site, ast.FunctionDef):
            start = min([start, *(self.source.span(d)[0] for d in self.rule.site.decorator_list)])
            end = self.texts.extent([self.rule.site])[1]
        said: dict[int, tuple[int, int]] = {}
        moved = [self.source.span(n) for p in self.rule.before for n in _nodes(p)]
        moved += [self.texts.extent(s) for s in (self.rule.head, self.rule.within) if s]
        for number, entry in enumerate(self.rule.entries):
            spans = list(map(self.source.span, _parts(entry)))
            moved += spans
            if spans:
                said[number] = (min(s for s, _ in spans), max(e for _, e in spans))
        found: dict[int, tuple[list[str], str]] = {}
        for at, text in self.source.comments:
            if not start <= at < end or any(s <= at < e for s, e in moved):
                continue
            line = self.source.line_of(at)
            beside = [n for n, (_, e) in said.items() if e <= at and self.source.line_of(e) == line]
            if beside and not found.get(beside[-1], ([], ""))[1]:
                row = self.source.text[said[beside[-1]][1] : at]
                above = found.get(beside[-1], ([], ""))[0]
                space = re.sub(r"^[^\s]*", "", row).rjust(2)
                found[beside[-1]] = (above, (space if not space.strip() else "  ") + text)
                continue
            after = [(s, n) for n, (s, _) in said.items() if s > at]
            number = min(after)[1] if after else len(self.rule.entries)
            above, own = found.get(number, ([], ""))
            found[number] = ([*above, text], own)
        return found


def _deeper(indent: str, lines: Iterable[str]) -> list[str]:
    return [indent + line if line else line for line in lines]


def _parts(entry: Entry) -> list[ast.expr]:
    """The expressions of the file that an entry is made of."""
    said = getattr(entry, "said", None)
    value = getattr(entry, "value", getattr(entry, "parts", ()))
    if isinstance(value, ast.expr):
        return [value]
    found = [n for n in _nodes(value) if isinstance(n, ast.expr)]
    return [said] if said is not None and not found else found


def _nodes(pieces: Pieces) -> list[ast.expr]:
    return [piece for piece in pieces if isinstance(piece, ast.expr)]


def _ends_in_comment(text: str) -> bool:
    return "#" in text.rpartition("\n")[2] and "\n" in text and not _is_whole(text)


def _is_whole(text: str) -> bool:
    try:
        ast.parse(f"({text})", mode="eval")
    except SyntaxError:
        return False
    return True


def fits(line: str, indent: int) -> bool:
    """Whether a line is one line, and not too long."""
    return "\n" not in line and indent + len(line) <= WIDTH


def quoted(text: str) -> str:
    """A text as a literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
