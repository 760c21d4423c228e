"""Rewrites one file in memory: tries, settles for less where a rule fails, puts the parts together, has the result checked."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from migrate.dialects.zygote.find import (
    Found,
    NoGrad,
    Rule,
    find,
    is_skipped,
    target_text,
)
from migrate.dialects.zygote.imports import ImportRewriter
from migrate.dialects.zygote.in_place.advice import advise, name_pullback
from migrate.dialects.zygote.in_place.cluster import Cluster, ClusterResult
from migrate.dialects.zygote.in_place.definitions import DefinitionRewriter
from migrate.dialects.zygote.language import language
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.outside import OutsideRewriter
from migrate.dialects.zygote.ownership import clusters, owned_helpers
from migrate.dialects.zygote.verdicts import Refused, RuleNote, Undecided
from migrate.model import (
    FileConverted,
    FileUnchanged,
    ModuleSource,
    Note,
    Options,
    RuleConverted,
    RuleLeft,
)
from migrate.rules.legacy_names import LegacyNames, find_legacy_names
from migrate.syntax.changes import with_parameters
from migrate.syntax.edits import Moves, Overlap, arranged
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.printing import Cutter, Printed, Unprintable, print_changes
from migrate.syntax.scopes import Scopes, Variable, analyse_scopes, same_scope_nodes
from migrate.syntax.silence import silence_in, skip_marker
from migrate.syntax.source import Replacement, Source, read_source
from migrate.write.gate import GateError, check
from migrate.write.names import NameChooser

_LEFT_BY_CHOICE = ""


class GateFailure(Exception):
    """The result did not pass the last gate."""


@dataclass(frozen=True)
class Verdict:
    """What is to become of a rule: rewritten (no code), bridged (RM103) or left (another code)."""

    code: str = ""
    reason: str = ""


@dataclass
class Attempt:
    """One try at a whole file; a failure of one rule starts the next try."""

    edits: NodeEdits
    names: NameChooser
    notes: dict[Rule, list[RuleNote]] = field(default_factory=lambda: defaultdict(list))
    consumed: set[ast.AST] = field(default_factory=set)
    helpers: set[ast.AST] = field(default_factory=set)  # that were rewritten with their rules
    done: list[Rule] = field(default_factory=list)
    kept: set[Variable] = field(default_factory=set)  # legacy names that the new text uses
    unnamed: list[tuple[Rule, ast.AST]] = field(default_factory=list)  # lambdas to be given a name


def rewrite_file(
    data: bytes, path: str, options: Options, module_source: ModuleSource | None
) -> FileConverted | FileUnchanged:
    """Convert one file, and see that converting the result changes nothing; raises SourceError and GateFailure."""
    outcome, new = _rewrite(data, path, options, module_source, read_source(data))
    if isinstance(outcome, FileConverted) and new is not None and options.only is None:
        again, _ = _rewrite(outcome.after, path, options, module_source, new)
        if isinstance(again, FileConverted):
            raise GateFailure("converting the result again would change it")
    return outcome


def _rewrite(
    data: bytes, path: str, options: Options, module_source: ModuleSource | None, source: Source
) -> tuple[FileConverted | FileUnchanged, Source | None]:
    """The outcome for a file that is parsed, and its new text parsed."""
    scopes = analyse_scopes(source.tree)
    legacy = find_legacy_names(source.tree, scopes, language(options.legacy_modules), module_source)
    if not legacy:
        return FileUnchanged(path), None
    file = _File(data, path, options, source, scopes, legacy)
    return file.convert(), file.new_source


class _File:
    """The conversion of one file."""

    def __init__(
        self,
        data: bytes,
        path: str,
        options: Options,
        source: Source,
        scopes: Scopes,
        legacy: LegacyNames,
    ) -> None:
        self.data, self.path, self.options = data, path, options
        self.source, self.scopes, self.legacy = source, scopes, legacy
        empty = ModuleView(source, scopes, legacy, frozenset())
        self.found: Found = find(empty)
        functions = frozenset(r.function for r in self.found.rules if r.function is not None)
        self.view = ModuleView(source, scopes, legacy, functions)
        self.verdicts: dict[Rule, Verdict] = {}
        self.ids = self._ids()
        self.new_source: Source | None = None  # the result, parsed

    # ---- the whole file ------------------------------------------------------------------

    def convert(self) -> FileConverted | FileUnchanged:
        """The outcome for the file."""
        if any(skip_marker(text) == "skip-file" for _, text in self.source.comments):
            reason = "`# rrule-migrate: skip-file` stands in the file"
            left = tuple(self._left(r, Verdict("RM205", reason)) for r in self.found.rules)
            return FileUnchanged(self.path, left, (), reason)
        for rule in self.found.rules:
            self.verdicts[rule] = self._first_verdict(rule)
        for _ in range(2 * len(self.found.rules) + 2):
            attempt = self._attempt()
            if attempt is None:
                continue
            try:
                return self._finish(attempt)
            except Unprintable as problem:
                self._settle_unprintable(problem)
        raise GateFailure("the rules of the file could not be told apart")

    def _settle_unprintable(self, problem: Unprintable) -> None:
        """Settle for less with the rule that libcst cannot print."""
        at = self.source.span(problem.node)[0]  # type: ignore[arg-type]
        for rule in self.found.rules:
            start, end = self._span(rule)
            if start <= at < end and self.verdicts[rule].code in ("", "RM103"):
                self._change(Undecided(str(problem), rule), [rule])
                return
        raise GateFailure(str(problem))

    def _first_verdict(self, rule: Rule) -> Verdict:
        """What can be said of a rule before its body is read."""
        if self.options.only is not None and self.ids[rule] not in self.options.only:
            return Verdict("skip", _LEFT_BY_CHOICE)
        if is_skipped(rule, self.view):
            return Verdict("RM205", "`# rrule-migrate: skip` stands beside it")
        for registration in rule.registrations:
            if registration.problem:
                code = "RM207" if "sometimes" in registration.problem else "RM206"
                return Verdict(code, registration.problem)
        if any(r.mutating for r in rule.registrations):
            return Verdict(
                "RM201", "mutating=True: a pullback with side effects has no counterpart"
            )
        function = rule.function
        if function is None:
            return Verdict("RM103", "the text of the rule cannot be reached")
        if len({r.functor for r in rule.registrations}) > 1:
            return Verdict("RM207", "it is a rule both for instances and for functions")
        if len({r.getter for r in rule.registrations}) > 1:
            return Verdict("RM206", "it is a rule both for reading attributes and for functions")
        if isinstance(function, ast.AsyncFunctionDef):
            return Verdict("RM204", "it is a coroutine")
        if _is_generator(function):
            return Verdict("RM204", "it is a generator")
        definitions = DefinitionRewriter(
            self.view, NameChooser(self.scopes, self.options.runtime), NodeEdits()
        )
        if definitions.is_called_elsewhere(rule):
            return self._bridged(rule, f"other code may call `{rule.name}`")
        for registration in rule.registrations:
            if registration.form == "call" and self._result_is_used(registration.node):
                return Verdict("RM206", "what adjoint(target)(rule) gives is used by other code")
        return Verdict()

    def _result_is_used(self, call: ast.expr) -> bool:
        """`rule = adjoint(f)(lambda x: …)`, where something reads `rule`."""
        parent = self.scopes.parents.get(call)
        targets: list[ast.expr] = []
        match parent:
            case ast.Assign(targets=several):
                targets = several
            case ast.AnnAssign() | ast.NamedExpr():
                targets = [parent.target]
        for target in targets:
            if not isinstance(target, ast.Name) or target.id in self.view.exported:
                return True
            uses = self.scopes.uses.get(self.scopes.of(target), [])
            if any(isinstance(u.ctx, ast.Load) for u in uses):
                return True
        return False

    # ---- one attempt ---------------------------------------------------------------------

    def _attempt(self) -> Attempt | None:
        """Rewrite everything by the verdicts so far; None where one of them had to change."""
        attempt = Attempt(NodeEdits(), NameChooser(self.scopes, self.options.runtime))
        rules = [r for r in self.found.rules if self.verdicts[r] == Verdict()]
        self._take_over_hook(attempt)
        users = owned_helpers(self.view, rules)
        self.view.owned = set(users)
        definitions = DefinitionRewriter(self.view, attempt.names, attempt.edits)
        failed = False
        results: dict[Rule, ClusterResult] = {}
        clustered: dict[Rule, Cluster] = {}
        for members in clusters(rules, users):
            cluster = Cluster(self.view, members, attempt.names)
            try:
                result = cluster.rewrite()
                for rule in members:
                    definitions.check_decorators(rule, rule in result.wants_config)
            except (Undecided, Refused) as verdict:
                self._blame(verdict, members)
                failed = True
                continue
            for rule in members:
                results[rule], clustered[rule] = result, cluster
        if failed:
            return None
        try:
            return self._put_together(attempt, definitions, rules, results, clustered)
        except (Undecided, Refused) as verdict:
            self._change(verdict, [verdict.rule] if verdict.rule is not None else rules)
            return None
        except Overlap as overlap:
            raise GateFailure(f"two changes meet: {overlap}") from None

    def _take_over_hook(self, attempt: Attempt) -> None:
        """`hook` has the same name in both languages: where no legacy code goes on using it, only its import changes."""
        uses = [n for n, meaning in self.legacy.uses() if meaning == "hook"]
        names = [n for n in uses if isinstance(n, ast.Name) and n.id == "hook"]
        if not names or self.options.only is not None:
            return
        kept = self._legacy_functions(
            [r for r in self.found.rules if self.verdicts[r] == Verdict()]
        )
        for node in names:
            parent = self.scopes.parents.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            if not called or self.scopes.inside_any(node, kept):
                return
        variable = self.scopes.of(names[0])
        if all(isinstance(b, ast.alias) for b in variable.bindings):
            attempt.names.take_over("hook")

    def _blame(self, verdict: Undecided | Refused, members: list[Rule]) -> None:
        """Find the rules of a cluster that fail on their own; all of them, where none does."""
        if verdict.rule is not None or len(members) == 1:
            self._change(verdict, members)
            return
        found = False
        for rule in members:
            try:
                Cluster(self.view, [rule], NameChooser(self.scopes, self.options.runtime)).rewrite()
            except (Undecided, Refused) as own:
                self._change(own, [rule])
                found = True
        if not found:
            self._change(verdict, members)

    def _change(self, verdict: Undecided | Refused, members: list[Rule]) -> None:
        """Settle for less with the rule that failed, or with all of its cluster where it is not known."""
        concerned = [verdict.rule] if verdict.rule is not None else members
        for rule in concerned:
            if isinstance(verdict, Refused):
                self.verdicts[rule] = Verdict(verdict.code, verdict.reason)
            elif self.verdicts[rule].code == "RM103" or rule.getter:
                self.verdicts[rule] = Verdict("RM206", verdict.reason)
            else:
                self.verdicts[rule] = self._bridged(rule, verdict.reason)

    def _bridged(self, rule: Rule, reason: str) -> Verdict:
        """A rule that cannot be rewritten is bridged, if its text does not show that it can only fail."""
        names = NameChooser(self.scopes, self.options.runtime)
        try:
            if rule.function is not None:
                Cluster(self.view, [rule], names).refuse_visible_errors()
        except Refused as refused:
            return Verdict(refused.code, refused.reason)
        return Verdict("RM103", reason)

    def _put_together(
        self,
        attempt: Attempt,
        definitions: DefinitionRewriter,
        rules: list[Rule],
        results: dict[Rule, ClusterResult],
        clustered: dict[Rule, Cluster],
    ) -> Attempt:
        merged: set[int] = set()
        for rule in rules:
            result = results[rule]
            if id(result) not in merged:
                merged.add(id(result))
                attempt.edits.merge(result.edits)
                attempt.consumed |= result.consumed
                attempt.kept |= result.kept
                attempt.helpers.update(result.functions)
                for note in result.notes:
                    owner = clustered[rule].rule_around(note.node) or rule
                    attempt.notes[owner].append(note)
                self._helper_signatures(clustered[rule], result, definitions)
            configured = rule in result.wants_config
            definitions.check_decorators(rule, configured)
            name = clustered[rule].config_names.get(rule.function or ast.Pass(), "")
            definitions.rewrite(rule, configured, name)
            attempt.done.append(rule)
            if self.options.advise or self.options.fix_style:
                self._advise(attempt, rule, clustered[rule])
        for rule in self.found.rules:
            if self.verdicts[rule].code == "RM103":
                definitions.bridge(rule)
                attempt.notes[rule].append(RuleNote("RM103", self.verdicts[rule].reason, rule.node))
                attempt.done.append(rule)
        for note in definitions.notes:
            for rule in attempt.done:
                if any(r.node is note.node for r in rule.registrations):
                    attempt.notes[rule].append(note)
        attempt.consumed |= definitions.consumed
        return attempt

    def _advise(self, attempt: Attempt, rule: Rule, cluster: Cluster) -> None:
        """What the guide recommends beyond what is needed; the safe part of it is applied where asked for."""
        own = [p.function for p in cluster.pullbacks.values() if p.rules == [rule] and p.local]
        own.sort(key=lambda p: (p.lineno, p.col_offset))
        for note in advise(rule, [*own], self.view):
            if note.code == "RM401" and self.options.fix_style:
                attempt.unnamed.append((rule, note.node))
            elif self.options.advise:
                attempt.notes[rule].append(note)

    def _helper_signatures(
        self, cluster: Cluster, result: ClusterResult, definitions: DefinitionRewriter
    ) -> None:
        """Helpers that call back into the AD take the config first."""
        names = cluster.names
        for helper in result.helpers_with_config:
            if not isinstance(helper, ast.FunctionDef):
                raise Undecided("a lambda outside of it calls back into the AD")
            name = cluster.config_names[helper]
            kind = f"{names.use('RuleConfig')}[{names.use('HasReverseMode')}]"
            definitions.edits.change(helper, with_parameters([f"{name}: {kind}"]))

    # ---- the end -------------------------------------------------------------------------

    def _finish(self, attempt: Attempt) -> FileConverted | FileUnchanged:
        left = [
            self._left(rule, self.verdicts[rule])
            for rule in self.found.rules
            if self.verdicts[rule].code not in ("", "RM103", "skip")
        ]
        outside = OutsideRewriter(self.view, attempt.names, attempt.edits)
        others, refused = self._outside(attempt, outside)
        left += refused
        consumed = attempt.consumed | outside.consumed
        wanted_at: list[ast.AST] = [r.node for r in attempt.done]
        wanted_at += others
        wanted_at += self.view.owned if attempt.done else ()
        imports: ImportRewriter | None = None
        for rule, pullback in attempt.unnamed:
            name_pullback(rule, pullback, self.view, attempt.names, attempt.edits)
        printed = Printed((), {})
        replacements: list[Replacement] = []
        if attempt.edits:
            imports = ImportRewriter(
                self.view, attempt.names, attempt.edits, consumed, self._kept_names(attempt)
            )
            imports.rewrite(
                dict.fromkeys(wanted_at),
                lambda: print_changes(attempt.edits, self.source, self.scopes),
            )
            nodes = [n for rule in attempt.done for n in (rule.node, *self._registered(rule))]
            watched = [n for n in nodes if isinstance(n, ast.expr)]
            printed = print_changes(attempt.edits, self.source, self.scopes, (*watched, *others))
            replacements += printed.replacements
        if self.options.mark:
            replacements = [*self._marks(left), *replacements]
        notes = tuple(Note(n.code, n.message, getattr(n.node, "lineno", 1)) for n in outside.notes)
        try:
            replacements = arranged(replacements)
        except Overlap as overlap:
            raise GateFailure(f"two changes meet: {overlap}") from None
        if not replacements:
            return FileUnchanged(
                self.path,
                tuple(left),
                notes,
                "nothing that can be converted" if left else "no legacy rules",
            )
        try:
            result = self.source.spliced(replacements)
            allowed = self._allowed(attempt, others, imports)
            if self.options.mark:
                allowed += [
                    (start, start)
                    for rule in left
                    for start in [self.source.line_starts[rule.line - 1]]
                ]
            dropped = Counter("Assign" for _ in imports.dropped) if imports else None
            new = self.new_source = check(
                self.source, self.data, result, replacements, allowed, dropped
            )
        except UnicodeEncodeError as error:
            raise GateFailure(f"the result does not fit the encoding: {error}") from None
        except GateError as error:
            raise GateFailure(str(error)) from None
        converted = self._reports(attempt, others, replacements, printed, new)
        return FileConverted(
            self.path,
            self.data,
            result,
            tuple(converted),
            tuple(sorted(left, key=lambda r: r.line)),
            notes,
        )

    def _kept_names(self, attempt: Attempt) -> set[Variable]:
        """Legacy names that the new text uses: a bare rule for `literal_getproperty` that is left is one of them."""
        kept = set(attempt.kept)
        for rule in self.found.rules:
            function = rule.function
            if rule.getter and rule not in attempt.done and isinstance(function, ast.FunctionDef):
                kept.add(self.scopes.variable(function.name, self.scopes.around[function]))
        return kept

    def _allowed(
        self, attempt: Attempt, others: list[ast.expr], imports: ImportRewriter | None
    ) -> list[tuple[int, int]]:
        """The parts of the old text that may change: definitions, their helpers, legacy calls, the import block."""
        spans = [self._span(rule) for rule in attempt.done]
        cutter = Cutter(self.source, self.scopes)
        pieces = [cutter.cut(r.node) for rule in attempt.done for r in rule.registrations]
        pieces += [cutter.cut(node) for node in others]
        spans += [(piece.start, piece.end) for piece in pieces]
        spans += [self.source.span(h) for h in self.view.owned if isinstance(h, ast.stmt)]
        statements = [i.statement for i in self.legacy.imports]
        statements += [] if self.legacy.star is None else [self.legacy.star]
        for statement in (*statements, *self.legacy.aliases.values()):
            spans.append(self.source.span(statement))
        spans += [self.source.span(node) for node in others]
        lines = [self._whole_lines(span) for span in spans]
        if imports is not None and imports.top is not None:
            lines.append((imports.top, imports.top))
        return lines

    def _whole_lines(self, span: tuple[int, int]) -> tuple[int, int]:
        start = self.source.text.rfind("\n", 0, span[0]) + 1
        end = self.source.text.find("\n", span[1])
        return start, len(self.source.text) if end < 0 else end + 1

    def _is_chosen(self, node: ast.expr) -> bool:
        return self.options.only is None or self.call_ids.get(node) in self.options.only

    def _outside(
        self, attempt: Attempt, outside: OutsideRewriter
    ) -> tuple[list[ast.expr], list[RuleLeft]]:
        """`nograd` and the legacy calls in code that is no rule."""
        refused = []
        others: list[ast.expr] = []
        kept = self._legacy_functions([r for r in attempt.done if not self.verdicts[r].code])
        for item in self.found.nograds:
            if not self._is_chosen(item.node):
                continue
            if self._comment_skips(item.node):
                refused.append(
                    self._left_nograd(item, "RM205", "`# rrule-migrate: skip` stands beside it")
                )
                continue
            reason = outside.nograd(item)
            if reason is not None:
                refused.append(self._left_nograd(item, "RM209", reason))
            else:
                others.append(item.node)
        done = (r.function for r in attempt.done if not self.verdicts[r].code)
        rewritten = {*kept, *attempt.helpers, *(f for f in done if f is not None)}
        for node, meaning in sorted(
            self.legacy.uses(), key=lambda u: (u[0].lineno, u[0].col_offset)
        ):
            if node in self.found.handled or node in attempt.consumed:
                continue
            if self.scopes.inside_any(node, rewritten):
                continue
            if self._is_chosen(self._call_of(node)):
                outside.use(node, meaning)
        others += [call for call, _ in outside.converted]
        return others, refused

    def _legacy_functions(self, rewritten: list[Rule]) -> set[ast.AST]:
        """Functions that stay in the legacy language: rules that are left or bridged, and what they call."""
        kept: set[ast.AST] = set(self.found.bridged)
        primals = {primal for rule in self.found.rules for primal in self._primals(rule)}
        others = set(rewritten)
        for rule in self.found.rules:
            if rule.function is not None and rule not in others:
                kept.add(rule.function)
        pending = list(kept)
        while pending:
            function = pending.pop()
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    definition = self.view.definitions.get(self.scopes.of(node))
                    if definition is None or definition in primals:
                        continue
                    if definition not in kept:
                        kept.add(definition)
                        pending.append(definition)
        return kept

    def _primals(self, rule: Rule) -> list[ast.AST]:
        """The functions that bare rules are for: primal code, not helpers."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        return self.scopes.variable(function.name, self.scopes.around[function]).bindings

    def _comment_skips(self, node: ast.expr) -> bool:
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        return not self.view.skipped_lines.isdisjoint(lines)

    def _marks(self, left: list[RuleLeft]) -> Iterator[Replacement]:
        silence = silence_in(self.data)
        for rule in left:
            lines = range(rule.line, rule.end_line + 1)
            if rule.code == "RM205" or silence.covers(rule.code, lines):
                continue
            start = self.source.line_starts[rule.line - 1]
            before = self.source.lines[rule.line - 2] if rule.line > 1 else ""
            text = f"# TODO(rrule-migrate {rule.code}): {rule.reason}"
            if before.strip() != text:
                indent = self.source.indentation(rule.line)
                yield Replacement(start, start, f"{indent}{text}\n")

    # ---- reports -------------------------------------------------------------------------

    def _span(self, rule: Rule) -> tuple[int, int]:
        """From the first decorator line to the end of a definition; of a call, the call."""
        node = rule.node
        start, end = self.source.span(node)
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            first = self.source.span(decorators[0])[0]
            start = self.source.text.rfind("@", 0, first)
        for registration in rule.registrations:
            if registration.form == "call" and not decorators and rule.function is None:
                start, end = self.source.span(registration.node)
        return start, end

    def _registered(self, rule: Rule) -> list[ast.expr]:
        return [r.node for r in rule.registrations]

    def _ids(self) -> dict[Rule, str]:
        seen: dict[str, int] = defaultdict(int)
        found = {}
        for rule in self.found.rules:
            start, end = self._span(rule)
            target = target_text(rule, rule.registrations[0], self.view)
            digest = hashlib.sha256(
                f"{target}\0{self.source.text[start:end]}".encode()
            ).hexdigest()[:12]
            seen[digest] += 1
            found[rule] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        return found

    def _left(self, rule: Rule, verdict: Verdict) -> RuleLeft:
        start, end = self._span(rule)
        return RuleLeft(
            self.ids[rule],
            rule.name,
            target_text(rule, rule.registrations[0], self.view),
            self.source.line_of(start),
            self.source.line_of(end),
            verdict.code,
            verdict.reason,
        )

    def _call_of(self, node: ast.expr) -> ast.expr:
        """The call of a legacy function; the name itself, where it is not called."""
        parent = self.scopes.parents.get(node)
        return parent if isinstance(parent, ast.Call) and parent.func is node else node

    @cached_property
    def call_ids(self) -> dict[ast.AST, str]:
        """Of every use of a legacy name, so that an id does not depend on which of them are converted."""
        seen: dict[str, int] = defaultdict(int)
        found: dict[ast.AST, str] = {}
        for node, _ in sorted(self.legacy.uses(), key=lambda u: (u[0].lineno, u[0].col_offset)):
            call = self._call_of(node)
            text = "\0".join(self._call_names(call))
            digest = f"call-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
            seen[digest] += 1
            found[call] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        return found

    def _call_names(self, call: ast.expr) -> tuple[str, str]:
        """What a call, or a decorator, is called in reports, and what it is for."""
        text = " ".join(self.source.segment(call).split())
        above = self.scopes.parents.get(call)
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if call in above.decorator_list:
                return f"@{text} above {above.name}", above.name
        return text, ", ".join(self.view.text(a) for a in getattr(call, "args", ())) or text

    def _call_span(self, call: ast.expr) -> tuple[int, int]:
        """The call; of a decorator, all from its line to that of the `def`, which says what is decorated."""
        start, end = self.source.span(call)
        above = self.scopes.parents.get(call)
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if call in above.decorator_list:
                start = self.source.text.rfind("@", 0, start)
                end = self.source.text.find("\n", self.source.line_starts[above.lineno - 1])
                end = len(self.source.text) if end < 0 else end
        return start, end

    def _left_nograd(self, item: NoGrad, code: str, reason: str) -> RuleLeft:
        start, end = self.source.span(item.node)
        name, target = self._call_names(item.node)
        return RuleLeft(
            self.call_ids[item.node],
            name,
            target,
            self.source.line_of(start),
            self.source.line_of(end),
            code,
            reason,
        )

    def _reports(
        self,
        attempt: Attempt,
        others: list[ast.expr],
        replacements: list[Replacement],
        printed: Printed,
        new: Source,
    ) -> list[RuleConverted]:
        found = []
        moves = Moves(replacements)
        for rule in attempt.done:
            notes = tuple(
                Note(n.code, n.message, getattr(n.node, "lineno", rule.node.lineno))
                for n in attempt.notes[rule]
            )
            span = self._span(rule)
            node = next(
                (n for n in (rule.node, *self._registered(rule)) if self.source.span(n) == span),
                None,
            )
            target = target_text(rule, rule.registrations[0], self.view)
            after = self._after(node, span, moves, printed, new)
            found.append(self._report(self.ids[rule], rule.name, target, span, after, new, notes))
        for call in others:
            name, target = self._call_names(call)
            span = self._call_span(call)
            after = self._after(call, span, moves, printed, new)
            found.append(self._report(self.call_ids[call], name, target, span, after, new, ()))
        return sorted(found, key=lambda r: (r.line, r.end_line))

    def _after(
        self,
        node: ast.AST | None,
        span: tuple[int, int],
        moves: Moves,
        printed: Printed,
        new: Source,
    ) -> tuple[int, int]:
        """Where a span is in the new text; `node` is the expression that starts it."""
        if node is None or node not in printed.places:
            return moves.start(span[0]), moves.end(span[1])
        piece, start, end = printed.places[node]
        at = moves.of(piece)
        if self.source.text[span[0]] != "@":
            return at + start, at + end
        return new.text.rfind("@", 0, at + start), max(at + end, moves.end(span[1]))

    def _report(
        self,
        identity: str,
        name: str,
        target: str,
        span: tuple[int, int],
        after: tuple[int, int],
        new: Source,
        notes: tuple[Note, ...],
    ) -> RuleConverted:
        start, end = span
        new_start, new_end = after
        return RuleConverted(
            identity,
            name,
            target,
            self.source.line_of(start),
            self.source.line_of(end),
            new.line_of(new_start),
            new.line_of(new_end),
            self.source.text[start:end],
            new.text[new_start:new_end],
            notes,
        )


def _is_generator(function: ast.AST) -> bool:
    if not isinstance(function, (ast.FunctionDef, ast.Lambda)):
        return False
    return any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in same_scope_nodes(function))
