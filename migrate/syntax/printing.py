"""Prints what changes: the smallest pieces of a file that libcst can read by themselves,
changed and put back.

A piece is a line of simple statements, the head of a definition, or a compound statement where
neither will do. It is cut out, parsed, printed back and compared; what does not come back as it was
is Unprintable, before anything is written. Every byte between the pieces stays as it is.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import libcst as cst

from migrate.syntax.changes import Change, ending_with
from migrate.syntax.edits import Moves, arranged, replaced_in
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import COMPOUND, Cut, Cutter
from migrate.syntax.placeholders import NO_NAMES, Placeholder, placeholders
from migrate.syntax.places import Changer, Placer, Reader, Writer
from migrate.syntax.scopes import Scopes
from migrate.syntax.source import Replacement, Source


class Unprintable(Exception):
    """libcst does not print a piece as it is written; `nodes` are what should change in it."""

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        line = getattr(nodes[0], "lineno", 1)
        super().__init__(
            f"libcst cannot change line {line} as it is written; write it in a plainer way"
        )
        self.nodes = nodes


@dataclass(frozen=True)
class Printed:
    """The new text of the pieces, and where the nodes of interest are in it."""

    replacements: tuple[Replacement, ...]
    #: node -> (the replacement that it is in, start and end in its text)
    places: Mapping[ast.AST, tuple[Replacement, int, int]]


def print_changes(
    edits: NodeEdits, source: Source, scopes: Scopes, watched: Iterable[ast.expr] = ()
) -> Printed:
    """The new text of every piece with changes; raises Unprintable."""
    return _Printer(edits, source, scopes, watched).print()


class _Printer:
    def __init__(
        self, edits: NodeEdits, source: Source, scopes: Scopes, watched: Iterable[ast.expr]
    ) -> None:
        self.source, self.scopes = source, scopes
        self.watched = sorted(
            (source.span(n)[0], i, n) for i, n in enumerate(dict.fromkeys(watched))
        )
        self.cutter = Cutter(source, scopes)
        self.changes = edits.changed()
        self.replacements = edits.replacements
        self.lines: dict[ast.AST, Sequence[Change]] = dict(edits.lines.items())
        self.rows = edits.rows
        self.additions: list[Replacement] = []
        self.places: dict[ast.AST, tuple[Replacement, int, int]] = {}
        for function, text in edits.endings:
            self._ending(function, text)
        for added in edits.added:
            self._add(added.node, added.text, added.blank, added.before)

    def print(self) -> Printed:
        pieces = [self._piece(cut, nodes) for cut, nodes in self._pieces()]
        return Printed((*pieces, *self._rows(), *self.additions), self.places)

    # ---- what needs no libcst ------------------------------------------------------------

    def _add(self, node: ast.stmt, text: str, blank: int, before: bool) -> None:
        start = self.cutter.start(node)
        indent = self.source.indentation(self.source.line_of(start))
        lines = text.replace("\n", f"\n{indent}")
        if before:
            self.additions.append(Replacement(start, start, f"{lines}\n{indent}"))
            return
        at = self.cutter.line_end(self.source.span(node)[1])
        self.additions.append(Replacement(at, at, "\n" * blank + f"\n{indent}{lines}"))

    def _ending(self, function: ast.FunctionDef, text: str) -> None:
        if self.cutter.owns_lines(function):
            at = self.cutter.line_end(self.source.span(function.body[-1])[1])
            first = self.cutter.start(function.body[0])
            indent = self.source.indentation(self.source.line_of(first))
            self.additions.append(Replacement(at, at, f"\n{indent}{text}"))
        else:
            self.changes.setdefault(function, []).append(ending_with(text))

    def _rows(self) -> Iterator[Replacement]:
        for node, (text, whole) in self.rows.items():
            start, end = self.cutter.start(node), self.source.span(node)[1]
            if text:
                stop = self.cutter.line_end(end) if whole or isinstance(node, COMPOUND) else end
                yield Replacement(start, stop, text)
            elif not self.cutter.is_alone(node):  # a comment behind it stays, on its line
                rest = self.source.text[end : self.cutter.line_end(end)]
                yield Replacement(start, end + len(rest) - len(rest.lstrip()), "")
            else:
                yield Replacement(*self.cutter.lines_of(node), "")

    # ---- pieces --------------------------------------------------------------------------

    def _pieces(self) -> list[tuple[Cut, list[ast.AST]]]:
        """What to cut out, and the changed nodes in each piece;
        a piece inside of another is a part of it."""
        by_cut: dict[Cut, list[ast.AST]] = {}
        for node in dict.fromkeys([*self.changes, *self.lines]):
            by_cut.setdefault(self.cutter.cut(node), []).append(node)
        gone = [(self.cutter.start(node), self.source.span(node)[1]) for node in self.rows]
        found: list[tuple[Cut, list[ast.AST]]] = []
        for cut in sorted(by_cut, key=lambda c: (c.start, -c.end)):
            if any(start <= cut.start and cut.end <= end for start, end in gone):
                continue
            if found and found[-1][0].holds(cut):
                found[-1][1].extend(by_cut[cut])
            else:
                found.append((cut, list(by_cut[cut])))
        return found

    def _piece(self, cut: Cut, nodes: list[ast.AST]) -> Replacement:
        first = bisect_left(self.watched, (cut.start,))
        last = bisect_left(self.watched, (cut.end,))
        watched = [node for _, _, node in self.watched[first:last]]
        try:
            return self._changed(cut, nodes, watched, [], [])
        except Unprintable:
            return self._beside_placeholders(cut, nodes, watched)

    def _beside_placeholders(
        self, cut: Cut, nodes: Sequence[ast.AST], watched: Sequence[ast.expr]
    ) -> Replacement:
        """A piece of which libcst is shown no more than it has to know."""
        plain = [n for n in nodes if self._is_plain(n)]
        others = [n for n in nodes if n not in plain]
        texts = [
            Replacement(*self.source.span(n), self.replacements[n])  # type: ignore[arg-type]
            for n in plain
        ]
        holes = placeholders(cut, self.cutter, others)
        try:
            return self._changed(cut, others, watched, holes, arranged(texts))
        except Unprintable:
            raise Unprintable(nodes) from None

    def _is_plain(self, node: ast.AST) -> bool:
        """Whether a node has a place, where another text is put and nothing else changes."""
        if node not in self.replacements or len(self.changes[node]) > 1:
            return False
        if not isinstance(node, ast.expr) or isinstance(node, NO_NAMES):
            return False
        try:
            read = ast.parse(f"({self.source.segment(node)}\n)", mode="eval").body
        except SyntaxError:  # before 3.12, the places of what is in an f-string may be wrong
            return False
        return ast.dump(read) == ast.dump(node)

    def _changed(
        self,
        cut: Cut,
        nodes: Sequence[ast.AST],
        watched: Sequence[ast.expr],
        holes: Sequence[Placeholder],
        texts: Sequence[Replacement],
    ) -> Replacement:
        """A piece with its changes made;
        `holes` stand for parts in which no more than `texts` change."""
        if all(isinstance(node, ast.expr) for node in nodes) and cut.simple:
            cut = replace(cut, before="")  # no line is added: its indentation does not matter
        stands = [hole.stands for hole in holes]
        moves = Moves(stands)
        shift = len(cut.before) - cut.start
        wanted: dict[tuple[int, int], list[ast.AST]] = {}
        for node in dict.fromkeys([*nodes, *watched]):
            start, end = self.source.span(node)  # type: ignore[arg-type]
            stop = -1 if isinstance(node, COMPOUND) else moves.end(end) + shift
            wanted.setdefault((moves.start(start) + shift, stop), []).append(node)
        text = replaced_in(self.source.text, stands, cut.start, cut.end)
        try:
            code, spans = self._through_libcst(
                cut.before + text + cut.after, nodes, watched, wanted
            )
        except Exception:  # its message may be as deep as the tree: it is not looked at
            raise Unprintable(nodes) from None
        if not (code.startswith(cut.before) and code.endswith(cut.after)):
            raise Unprintable(nodes)
        text = code[len(cut.before) : len(code) - len(cut.after)]
        filled = [
            Replacement(m.start(), m.end(), self._filling(hole.stands, texts))
            for hole in holes
            for m in re.finditer(hole.pattern, text)
        ]
        filled.sort(key=lambda r: r.start)
        back = Moves(filled)
        result = Replacement(cut.start, cut.end, replaced_in(text, filled, 0, len(text)))
        for node, (start, end) in spans.items():
            start, end = start - len(cut.before), end - len(cut.before)
            self.places[node] = (result, back.start(start), back.end(end))
        return result

    def _through_libcst(
        self,
        text: str,
        nodes: Sequence[ast.AST],
        watched: Sequence[ast.AST],
        wanted: Mapping[tuple[int, int], Sequence[ast.AST]],
    ) -> tuple[str, dict[ast.AST, tuple[int, int]]]:
        """A text with the changes of its nodes made, and where the watched ones come out."""
        module = cst.parse_module(text)
        reader = Reader(module, wanted)
        module._codegen(reader)
        if "".join(reader.tokens) != text:
            raise Unprintable(nodes)
        changes: dict[int, list[Change]] = {}
        for node in nodes:
            found = reader.nodes[node]  # or libcst has no such node
            changes.setdefault(id(found), []).extend(self.changes.get(node, ()))
            if node in self.lines:
                changes.setdefault(id(reader.lines[node]), []).extend(self.lines[node])
        changer = Changer(changes, reader.path)
        new: Any = module.visit(changer)
        became = {n: id(changer.became[id(reader.nodes[n])]) for n in watched if n in reader.nodes}
        if not became:
            writer = Writer(new)
            new._codegen(writer)
            return "".join(writer.tokens), {}
        placer = Placer(new, set(became.values()))
        new._codegen(placer)
        spans = {n: placer.spans[i] for n, i in became.items() if i in placer.spans}
        return "".join(placer.tokens), spans

    def _filling(self, hole: Replacement, texts: Sequence[Replacement]) -> str:
        inside = [t for t in texts if hole.start <= t.start and t.end <= hole.end]
        return replaced_in(self.source.text, inside, hole.start, hole.end)
