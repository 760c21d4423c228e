"""Which form a registration takes: the first that fits it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from inspect import Parameter as Installed

from migrate.dialects.autograd.adapted import adapted, without_derivative
from migrate.dialects.autograd.called import Caller
from migrate.dialects.autograd.in_place import Rewriter, configured, in_place, listed_parameters
from migrate.dialects.autograd.inlined import Inliner, is_inlined
from migrate.dialects.autograd.installed import parameters
from migrate.dialects.autograd.keeping import kept
from migrate.dialects.autograd.makers import Maker, function_of
from migrate.dialects.autograd.registrations import is_in_loop
from migrate.dialects.autograd.rule import Rule
from migrate.dialects.autograd.tangents import further
from migrate.rules.legacy_rule import Cotangent, Entry, LegacyRule, Parameter
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan, RuleNote
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import FunctionNode
from migrate.syntax.texts import Misplaced, Pieces
from migrate.write.rule import made_anew


@dataclass
class Planner:
    """Plans one rule."""

    rule: Rule
    names: NameChooser
    keep: bool

    def __post_init__(self) -> None:
        self.consumed: set[ast.AST] = set(ast.walk(self.rule.registration.call.func))

    def plan(self, plainly: bool) -> Plan:
        """The plan; `plainly` asks for the form that needs to know least."""
        rule = self.rule
        if rule.registration.is_zero and self._all_zero():
            return without_derivative(rule, self.names, self.keep)
        if not plainly and rule.makers and self._has_lines():
            plan = self._written()
            if plan is not None:
                return plan
        return adapted(rule, self.names, self.keep)

    def _has_lines(self) -> bool:
        """Whether a definition can stand where the registration does."""
        site, module = self.rule.registration.site, self.rule.module
        return site is not None and not Cutter(module.source, module.scopes).shares_line(site)

    def _all_zero(self) -> bool:
        """Whether every argument of the target is said to be zero."""
        if self.rule.registration.is_older:
            return True
        signature, makers = self.rule.target.signature, self.rule.registration.makers or {}
        if signature is not None:
            count = len(signature.positional) if not signature.rest else -1
        else:
            found = parameters(self.rule.target.dotted) if self.rule.target.dotted else None
            plain = (Installed.POSITIONAL_ONLY, Installed.POSITIONAL_OR_KEYWORD)
            given = [p for p in found or () if p.kind in plain and p.default is p.empty]
            count = len(given) if found else -1
        return count >= 0 and all(place in makers for place in range(count))

    def _written(self) -> Plan | None:
        rule = self.rule
        if any(map(self._stays_sparse, rule.makers)):
            return None
        if rule.signature is not None and rule.is_clear:
            if len(rule.makers) == 1:
                plan = self._in_place()
                if plan is not None:
                    return plan
            return self._known()
        only = rule.makers[0]
        if len(rule.makers) == 1 and only.place == 0 and len(rule.registration.makers or ()) == 1:
            return self._unknown()
        return None

    # ---- the forms -----------------------------------------------------------------------

    def _in_place(self) -> Plan | None:
        rule = self.rule
        body = in_place(rule.makers[0], rule)
        if body is None or self._ad_stays(rule.makers[0]):
            return None
        after = kept(rule, self.names) if self.keep else ""
        asks = rule.helped([body.definition], body.tangents, str).config
        writer = Rewriter(body, rule, self.names, self._decorators(asks), after)
        plan = writer.plan()
        if plan is not None:
            self.consumed |= writer.consumed
        return plan

    def _known(self) -> Plan | None:
        rule = self.rule
        assert rule.signature is not None and rule.registration.site is not None
        alone = len(rule.makers) == 1
        inliner, caller = Inliner(rule, self.names), Caller(rule, self.names)
        entries: list[Entry] = []
        inlined = {m: is_inlined(m, rule) and not self._ad_stays(m) for m in rule.makers}
        if rule.is_fleeting and not all(map(self._is_steady, rule.makers)):
            return None
        by_place = {m.place: m for m in rule.makers}
        for place in range(len(rule.signature.positional)):
            maker = by_place.get(place)
            if maker is None:
                zero = rule.zero(place)
                assert zero is not None
                entries.append(zero)
            elif inlined[maker]:
                entries.append(inliner.entry(maker, alone))
            else:
                entries.append(caller.entry(maker, alone))
        if rule.is_fleeting and caller.before:
            return None
        if rule.signature.rest:
            entries.append(further(rule.shown, rule.signature.rest, self.names))
        apart = inliner.takes_apart or caller.takes_apart
        called = not all(inlined.values())
        whole = all(inlined.values()) and all(m.is_inline for m in rule.makers)
        return self._made(
            entries,
            listed_parameters(rule),
            rule.arguments,
            output=rule.output if inliner.reads_output or called or apart else "",
            apart=apart,
            before=tuple(caller.before),
            body=(*inliner.spaces.lines(), *inliner.body, *caller.finished()),
            changes=inliner.changes,
            notes=(*inliner.notes, *caller.notes),
            consumed=inliner.consumed,
            config=inliner.config,
            form="I1" if whole else "C",
        )

    def _unknown(self) -> Plan | None:
        """All but the first argument is handed on as it came."""
        rule = self.rule
        (maker,) = rule.makers
        if rule.is_fleeting and not self._is_steady(maker):
            return None
        own = maker.signature.positional if maker.signature is not None else ()
        x = own[0].name if own and not own[0].default else "x"
        taken = {"args", "kwargs", rule.output, rule.cotangent, rule.target.root}
        while x in rule.read | taken:
            x += "_"
        caller = Caller(rule, self.names)
        handed = f"{x}, *args, **kwargs"
        several = rule.gives_several or (maker.function is None and not rule.gives_array)
        if maker.is_staged:
            made = caller.call(maker, f"{rule.output}, {handed}")
            vjp = rule.free("vjp")
            caller.early.append((vjp, made))
            entry = Cotangent((f"{vjp}({rule.cotangent})",), said=maker.node)
        else:
            entry = caller.unstaged(maker, x, handed)
        if rule.is_fleeting and caller.before:
            return None
        parameters = (Parameter(x), Parameter("args", lead="*"), Parameter("kwargs", lead="**"))
        return self._made(
            [entry, further(rule.shown, "args", self.names)],
            parameters,
            handed,
            output=rule.output,
            apart=several or (not rule.gives_array and caller._takes_apart(maker)),
            before=tuple(caller.before),
            body=tuple(caller.finished()),
            changes={},
            notes=tuple(caller.notes),
            consumed=set(),
            config=False,
            form="C",
        )

    def _made(
        self,
        entries: list[Entry],
        parameters: tuple[Parameter, ...],
        arguments: str,
        *,
        output: str,
        apart: bool,
        consumed: set[ast.AST],
        config: bool,
        form: str,
        notes: tuple[RuleNote, ...],
        **more: object,
    ) -> Plan | None:
        rule, g = self.rule, self.rule.cotangent
        site = rule.registration.site
        assert site is not None
        opening: tuple[Pieces, ...] = ()
        if apart and not rule.gives_array:
            opening = ((f"{g} = {self.names.use('filled')}({g}, {output})",),)
        legacy = LegacyRule(
            rule.target.name,
            rule.target.node,
            site,
            parameters,
            tuple(entries),
            g,
            output,
            arguments,
            rule.through,
            opening=opening,
            after=((kept(rule, self.names),),) if self.keep else (),
            decorators=self._decorators(config),
            config=configured(rule, self.names) if config else "",
            lazy=True,
            apart=not rule.follows,
            notes=notes,
            **more,  # type: ignore[arg-type]
        )
        try:
            plan = made_anew(legacy, self.names, rule.module.source)
        except Misplaced:
            return None
        self.consumed |= consumed
        return replace(plan, form=form)

    # ---- what is asked -------------------------------------------------------------------

    def _decorators(self, config: bool = False) -> tuple[str, ...]:
        """A rule that asks the AD needs no conjugation, or it does not ask."""
        return ("unconjugated",) if self.rule.is_unconjugated and not config else ()

    def _ad_stays(self, maker: Maker) -> bool:
        """Whether a maker calls into AD, and goes on doing so by autograd."""
        if maker.function is None or self.rule.may_ask_ad:
            return False
        inside = set(ast.walk(maker.function))
        return any(call in inside for call in self.rule.asking)

    def _is_steady(self, maker: Maker) -> bool:
        """Whether a maker in a loop or a class means the same where the rule calls it."""
        node, module = maker.node, self.rule.module
        if isinstance(node, ast.Lambda):
            return True
        if not isinstance(node, ast.Name) or (function := function_of(node, module)) is None:
            return False
        scope = module.scopes.of(node).scope
        outside = scope is not None and scope.kind != "class" and not is_in_loop(function, module)
        return outside or is_inlined(maker, self.rule)

    def _stays_sparse(self, maker: Maker) -> bool:
        """Whether a maker gives a cotangent of autograd's own kind that stays one."""
        if not self._is_sparse(maker.function):
            return False
        tangents = [maker.tangent] if maker.tangent is not None else []
        body = in_place(maker, self.rule) if len(self.rule.makers) == 1 else None
        found = self.rule.helped(
            [maker.function] if maker.function is not None else [],
            tangents if body is None else body.tangents,
            str,
        )
        if maker.tangent is None and body is None:
            return True
        return not found.lazy or any("`SparseObject`" in note.message for note in found.notes)

    def _is_sparse(self, function: FunctionNode | None) -> bool:
        """Whether a maker gives a cotangent of autograd's own kind, or calls what does."""
        if function is None:
            return False
        nodes = list(ast.walk(function))
        module = self.rule.module
        for node in nodes[:]:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = module.scopes.of(node.func).only
                if isinstance(called, ast.FunctionDef):
                    nodes += ast.walk(called)
        return any(
            isinstance(n, ast.Name | ast.Attribute)
            and self.rule.legacy.meaning(n) == "SparseObject"
            for n in nodes
        )
