"""A maker that is a def used nowhere else becomes the rule where it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from migrate.dialects.autograd.inlined import becoming
from migrate.dialects.autograd.makers import (
    Maker,
    inner_function,
    is_movable,
    outside_names,
    takes_one,
    variables_of,
)
from migrate.dialects.autograd.rule import Rule
from migrate.dialects.autograd.tangents import (
    entry_of,
    further,
    takes_apart,
)
from migrate.rules.legacy_rule import Cotangent, Entry, LegacyRule, Parameter
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan
from migrate.syntax.edits import arranged, replaced_in
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import FunctionNode, positional_parameters, same_scope_nodes
from migrate.syntax.source import Replacement
from migrate.syntax.texts import Pieces, Texts
from migrate.write.rule import Entries, fits

_STEP = "    "
_HEAD_END = re.compile(r"[\s,)]*:")


@dataclass(frozen=True, eq=False)
class Body:
    """A maker that can be a rule: what it returns at its end."""

    maker: Maker
    definition: ast.FunctionDef
    last: ast.Return
    inner: FunctionNode
    unbroadcast: ast.Call | None

    @property
    def tangents(self) -> list[ast.expr]:
        """What the inner function gives."""
        if isinstance(self.inner, ast.Lambda):
            return [self.inner.body]
        returns = (n for n in same_scope_nodes(self.inner) if isinstance(n, ast.Return))
        return [n.value for n in returns if n.value is not None]


def in_place(maker: Maker, rule: Rule) -> Body | None:
    """How a maker becomes the rule, or None where it does not."""
    definition, known = maker.function, rule.signature
    if not maker.is_staged:
        return None
    if not isinstance(definition, ast.FunctionDef) or known is None or maker.signature is None:
        return None
    if not maker.signature.fits(known) or rule.through or rule.registration.site is None:
        return None
    if not _stands_right(definition, rule):
        return None
    last = definition.body[-1]
    returns = [n for n in same_scope_nodes(definition) if isinstance(n, ast.Return)]
    if returns != [last] or not isinstance(last, ast.Return) or last.value is None:
        return None
    given, unbroadcast = inner_function(last.value, rule.legacy)
    inner = _inner(given, definition, rule)
    if inner is None or not takes_one(inner):
        return None
    body = Body(maker, definition, last, inner, unbroadcast)
    return body if _names_are_clear(body, rule) else None


def _stands_right(definition: ast.FunctionDef, rule: Rule) -> bool:
    """Whether a def is only this maker, in the same block, after its target is made."""
    module, scopes = rule.module, rule.module.scopes
    variable = scopes.of(rule.makers[0].node)  # type: ignore[arg-type]
    if len(scopes.uses.get(variable, [])) != 1 or definition.name in module.exported:
        return False
    if scopes.parents[definition] is not scopes.parents.get(rule.registration.site):  # type: ignore[arg-type]
        return False
    lines = [getattr(b, "lineno", 0) for b in rule.target.born]
    if any(line > definition.lineno for line in lines):
        return False
    cutter = Cutter(module.source, scopes)
    if not cutter.owns_lines(definition) or rule.registration.in_loop:
        return False
    return definition.lineno < rule.registration.call.lineno


def _inner(given: ast.expr, definition: ast.FunctionDef, rule: Rule) -> FunctionNode | None:
    scopes = rule.module.scopes
    if isinstance(given, ast.Lambda):
        return given if is_movable(given.body) else None
    if not isinstance(given, ast.Name):
        return None
    variable = scopes.of(given)
    only = variable.only
    if not isinstance(only, ast.FunctionDef) or scopes.parents[only] is not definition:
        return None
    if only.decorator_list or len(scopes.uses.get(variable, [])) != 1:
        return None
    nodes = list(same_scope_nodes(only))
    if any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in nodes):
        return None
    values = [n.value for n in nodes if isinstance(n, ast.Return)]
    cutter = Cutter(rule.module.source, scopes)
    ends = bool(values) and all(values) and _ends(only.body) and cutter.owns_lines(only)
    return only if ends else None


def _ends(block: list[ast.stmt]) -> bool:
    """Whether a block ends in a return, whatever happens."""
    match block[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=body, orelse=orelse) if orelse:
            return _ends(body) and _ends(orelse)
        case ast.With(body=body):
            return _ends(body)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            blocks = [orelse or body, *(h.body for h in handlers)]
            return all(map(_ends, blocks)) or bool(final and _ends(final))
    return False


def _names_are_clear(body: Body, rule: Rule) -> bool:
    """Whether the parameters can have their names in the rule: nothing else has them."""
    scopes, definition = rule.module.scopes, body.definition
    becomes = becoming(body.maker, rule)
    new = {n for v, n in becomes.items() if v.name != n} | {rule.pullback}
    for node in ast.walk(definition):
        if isinstance(node, ast.Global | ast.Nonlocal):
            return False
        own = scopes.own.get(node)
        if own is None:
            continue
        for name in own.bindings:
            if name in new and own.variable(name) not in becomes:
                return False
    outside = {n.id for n in outside_names(definition, definition, rule.module)}
    return not outside & (new | {rule.through or "_"})


@dataclass
class Rewriter:
    """Writes the rule in place of the maker."""

    body: Body
    rule: Rule
    names: NameChooser
    decorators: tuple[str, ...]
    keep: str
    consumed: set[ast.AST] = field(default_factory=set)
    gone: list[ast.stmt] = field(default_factory=list)

    def plan(self) -> Plan | None:
        """The plan; None where the text of the maker does not let itself be changed."""
        rule, body = self.rule, self.body
        self.source, definition = rule.module.source, body.definition
        self.cutter = Cutter(self.source, rule.module.scopes)
        changes: dict[ast.AST, Pieces] = {}
        becomes = becoming(body.maker, rule)
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and (v := rule.module.scopes.of(node)) in becomes:
                if node.id != becomes[v]:
                    changes[node] = (becomes[v],)
        found = rule.helped(definition.body, body.tangents, self.names.use)
        self.consumed |= found.used
        changes |= found.changes
        self.config, self.notes = found.config, found.notes
        self.texts = Texts(self.source, changes)
        self.becomes = becomes
        self.output = self._output()
        head_end = self._end_of_head(definition)
        inner_end = self._end_of_head(body.inner) if isinstance(body.inner, ast.FunctionDef) else 0
        if head_end is None or inner_end is None:
            return None
        edits = self._edits(head_end, inner_end)
        start, end = self.source.span(definition)
        inside = [r for s in self._untouched() for r in self._texts_of(s)]
        stop = self.cutter.line_end(end)
        text = replaced_in(self.source.text, arranged([*edits, *inside]), start, stop)
        return self._finished(text)

    def _finished(self, text: str) -> Plan | None:
        rule, body = self.rule, self.body
        site = rule.registration.site
        assert site is not None
        edits = NodeEdits()
        edits.replace_line(body.definition, text)
        lines = self.source.comments_within(rule.registration.call)
        lines += [self.keep] if self.keep else []
        indent = self.source.indentation(site.lineno)
        if not lines and not self._may_go(site):
            lines = ["pass"]
        edits.replace_line(site, f"\n{indent}".join(lines))
        return Plan(
            (edits,),
            self.notes,
            helpers=(body.definition,),
            gone=(site, body.last, *self.gone),
            form="I2",
            at=body.definition,
        )

    def _may_go(self, site: ast.stmt) -> bool:
        return self.rule.module.scopes.block_of(site) != [site]

    # ---- names and heads -----------------------------------------------------------------

    def _end_of_head(self, definition: ast.FunctionDef) -> int | None:
        """Where the colon of a head ends; None where a comment stands in it."""
        parts: list[ast.AST] = [n for n in ast.walk(definition.args) if hasattr(n, "lineno")]
        at = self.source.span(definition)[0]
        if parts:
            at = max(self.source.span(n)[1] for n in parts)  # type: ignore[arg-type]
        else:
            at = self.source.text.index("(", at) + 1
        if definition.returns is not None:
            at = self.source.span(definition.returns)[1]
        found = _HEAD_END.match(self.source.text, at)
        start = self.source.span(definition)[0]
        if found is None or any(start <= c < found.end() for c, _ in self.source.comments):
            return None
        return found.end()

    def _after_docstring(self, definition: ast.FunctionDef, head_end: int) -> int:
        """The end of the line below which new statements come."""
        first = definition.body[0]
        has = ast.get_docstring(definition, clean=False) is not None and len(definition.body) > 1
        return self.cutter.line_end(self.source.span(first)[1] if has else head_end)

    def _indent(self, definition: ast.FunctionDef) -> str:
        return self.source.indentation(self.source.line_of(self.cutter.start(definition.body[0])))

    # ---- edits ---------------------------------------------------------------------------

    def _edits(self, head_end: int, inner_end: int) -> Iterator[Replacement]:
        rule, body, source = self.rule, self.body, self.source
        definition, inner = body.definition, body.inner
        signature = rule.signature
        assert signature is not None
        target = source.segment(rule.target.node)
        outer = source.indentation(definition.lineno)
        indent = self._indent(definition)
        output = self.output
        callee = rule.through or ("_" if "_" not in signature.names else "callee")
        config = [configured(rule, self.names)] if self.config else []
        listed = ", ".join([*config, callee, *map(str, listed_parameters(rule))])
        heads = [f"@{self.names.use('rrule')}.register({target})"]
        heads += [f"@{self.names.use(d)}" for d in self.decorators]
        name = self.names.rule_name(rule.target.name)
        head = "".join(f"{line}\n{outer}" for line in heads) + f"def {name}({listed}):"
        yield Replacement(source.span(definition)[0], head_end, head)
        primal = f"{rule.through or target}({rule.arguments})"
        if output:
            lines = [f"{output} = {primal}", *self._again]
            text = "".join(f"\n{indent}{line}" for line in lines)
            at = self._after_docstring(definition, head_end)
            yield Replacement(at, at, text)
        yield from self._deletions()
        opening = []
        if self.takes_apart:
            g = positional_parameters(inner.args)[0].arg
            opening = [f"{g} = {self.names.use('filled')}({g}, {output or primal})"]
        if isinstance(inner, ast.FunctionDef):
            yield from self._named(inner, inner_end, opening)
            space = self._space()
            lines = [*space, f"return {output or primal}, {rule.pullback}"]
            yield Replacement(*source.span(body.last), f"\n{indent}".join(lines))
            return
        assert isinstance(inner, ast.Lambda)
        entries = self._entries(inner.body)
        text = ", ".join(entries)
        inside = indent + 2 * _STEP
        if not fits(f"return {text}", len(inside)):
            text = "(\n" + "".join(f"{inside}{e},\n" for e in entries) + f"{indent}{_STEP})"
        lines = [
            *self._space(),
            f"def {rule.pullback}({inner.args.args[0].arg}):",
            *(_STEP + line for line in opening),
            f"{_STEP}return {text}",
            f"return {output or primal}, {rule.pullback}",
        ]
        yield Replacement(*source.span(body.last), f"\n{indent}".join(lines))

    def _named(
        self, inner: ast.FunctionDef, head_end: int, opening: list[str]
    ) -> Iterator[Replacement]:
        """The inner def as the pullback."""
        source = self.source
        start = source.span(inner)[0]
        at = source.text.index(inner.name, start + len("def"))
        yield Replacement(at, at + len(inner.name), self.rule.pullback)
        if opening:
            place = self._after_docstring(inner, head_end)
            indent = self._indent(inner)
            yield Replacement(place, place, "".join(f"\n{indent}{line}" for line in opening))
        for node in same_scope_nodes(inner):
            if isinstance(node, ast.Return) and node.value is not None:
                yield Replacement(
                    *source.span(node), f"return {', '.join(self._entries(node.value, node))}"
                )

    def _entries(self, value: ast.expr, returned: ast.Return | None = None) -> list[str]:
        """What the pullback returns."""
        rule, body = self.rule, self.body
        assert rule.signature is not None
        found: list[Entry] = []
        for place in range(len(rule.signature.positional)):
            found.append(rule.zero(place) or self._entry(value, returned, place))
        if rule.signature.rest:
            found.append(further(rule.shown, rule.signature.rest, self.names))
        legacy = LegacyRule(
            rule.target.name,
            rule.target.node,
            body.last,
            listed_parameters(rule),
            tuple(found),
            rule.cotangent,
        )
        entries = Entries(legacy, self.names, self.texts)
        made = list(entries.all())
        self.projections = entries.prepared()
        return made

    def _entry(self, value: ast.expr, returned: ast.Return | None, place: int) -> Entry:
        entry = entry_of(value)
        if not isinstance(entry, Cotangent):
            return entry
        entry = Cotangent(self._whole(value, returned), said=value)
        if self.body.unbroadcast is not None:
            space = self.body.unbroadcast.args[0]
            self.consumed |= set(ast.walk(self.body.unbroadcast.func))
            plain = isinstance(space, ast.Name) and space.id == self.rule.parameter(place).name
            return replace(entry, onto="UnbroadcastTo", space=None if plain else space)
        return replace(entry, onto="ProjectTo") if self.rule.is_container(place) else entry

    def _whole(self, value: ast.expr, returned: ast.Return | None) -> Pieces:
        """A value with the parentheses and comments around it."""
        if returned is None:
            loose = "\n" in self.source.segment(value) and not isinstance(
                value, ast.Call | ast.Subscript | ast.List | ast.Dict
            )
            return ("(", value, ")") if loose else (value,)
        start, end = self.source.span(returned)
        inner = self.source.span(value)
        before = self.source.text[start + len("return") : inner[0]].lstrip(" ")
        return (before, value, self.source.text[inner[1] : end])

    def _space(self) -> list[str]:
        if self.body.unbroadcast is None:
            return []
        if not hasattr(self, "projections"):
            assert isinstance(self.body.inner, ast.Lambda)
            self._entries(self.body.inner.body)
        return self.projections

    # ---- the output ----------------------------------------------------------------------

    def _output(self) -> str:
        """The name of the value; a name of its own where the maker takes its own away."""
        rule, body = self.rule, self.body
        arg = body.maker.output
        assert arg is not None and body.maker.function is not None
        (variable,) = variables_of(body.maker.function, [arg], rule.module)
        uses = rule.module.scopes.uses.get(variable, [])
        self._again: list[str] = []
        self._deleted = {n for n in uses if isinstance(n.ctx, ast.Del)}
        stored = any(isinstance(n.ctx, ast.Store) for n in uses)
        if self._deleted or stored:
            own = rule.free("y")
            if stored or any(isinstance(n.ctx, ast.Load) for n in uses):
                self._again = [f"{self.becomes[variable]} = {own}"]
                self._deleted = set()
            return own
        only = body.definition.body[:-1]
        if ast.get_docstring(body.definition, clean=False) is not None:
            only = only[1:]
        if uses or self.takes_apart or any(s is not body.inner for s in only):
            return self.becomes[variable]
        return ""

    @cached_property
    def takes_apart(self) -> bool:
        """Whether the cotangent is needed with all its parts."""
        inner = self.body.inner
        (cotangent,) = variables_of(inner, positional_parameters(inner.args)[:1], self.rule.module)
        parts: list[ast.AST] = list(inner.body) if isinstance(inner.body, list) else [inner.body]
        return not self.rule.gives_array and takes_apart(parts, cotangent, self.rule.module)

    def _deletions(self) -> Iterator[Replacement]:
        """`del ans, x` without the output, which is returned."""
        for node in same_scope_nodes(self.body.definition):
            if isinstance(node, ast.Delete):
                kept = [t for t in node.targets if t not in self._deleted]
                if len(kept) != len(node.targets):
                    if not kept:
                        self.gone.append(node)
                    text = f"del {', '.join(map(self.texts.of, kept))}" if kept else "pass"
                    yield Replacement(*self.source.span(node), text)

    # ---- the rest ------------------------------------------------------------------------

    def _untouched(self) -> Iterator[ast.AST]:
        """The parts of the maker that stay where they are."""
        body = self.body
        pending: list[ast.AST] = list(body.definition.body)
        while pending:
            node = pending.pop()
            if node is body.last:
                continue
            if node in self.texts.changes:
                yield node
                continue
            if node is body.inner and isinstance(node, ast.FunctionDef):
                pending += node.body
            elif isinstance(node, ast.Delete):
                if not any(t in self._deleted for t in node.targets):
                    yield node
            elif isinstance(node, ast.Return):
                continue
            elif isinstance(node, ast.ExceptHandler | ast.match_case) or (
                isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef)
            ):
                pending += list(ast.iter_child_nodes(node))
            else:
                yield node

    def _texts_of(self, node: ast.AST) -> Iterator[Replacement]:
        if node in self.texts.changes:
            yield Replacement(*self.source.span(node), self.texts.of(node))  # type: ignore[arg-type]
        else:
            yield from self.texts.within(node)


def listed_parameters(rule: Rule) -> tuple[Parameter, ...]:
    """The parameters of a rule."""
    signature = rule.signature
    assert signature is not None
    found = [Parameter(p.name, "", p.default) for p in signature.positional]
    if signature.rest or signature.keywords:
        found.append(Parameter(signature.rest, lead="*"))
    found += [Parameter(p.name, "", p.default) for p in signature.keywords]
    if signature.more:
        found.append(Parameter(signature.more, lead="**"))
    return tuple(found)


def configured(rule: Rule, names: NameChooser) -> str:
    """The parameter of a rule that asks the AD which called it."""
    return f"{rule.free('config')}: {names.use('RuleConfig')}[{names.use('HasReverseMode')}]"
