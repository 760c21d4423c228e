"""One registration with all that is known of it: target, makers, parameters, names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import Parameter as Installed

from migrate.dialects.autograd import tangents
from migrate.dialects.autograd.conjugation import is_needless, takes_no_complex
from migrate.dialects.autograd.helpers import Helped, helped
from migrate.dialects.autograd.installed import parameters
from migrate.dialects.autograd.makers import Maker, bound_inside, maker_of, outside_names
from migrate.dialects.autograd.registrations import Registration
from migrate.dialects.autograd.signature import Plain, Signature, agrees
from migrate.dialects.autograd.targets import Target, target_of
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.legacy_rule import Zero
from migrate.rules.module import Module

#: What a default may be made of that is evaluated a second time.
_STEADY = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Tuple,
    ast.UnaryOp,
    ast.BinOp,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
)


@dataclass(frozen=True, eq=False)
class Rule:
    """What a registration says, and how its rule may be written."""

    registration: Registration
    module: Module
    legacy: LegacyNames
    real: bool = False  # nothing complex comes in
    follows: bool = False  # what stands on the line above goes
    target: Target = field(init=False)
    makers: tuple[Maker, ...] = field(init=False)  # those that are no `None`

    def __post_init__(self) -> None:
        live = self.registration.live.items()
        leads = self.registration.leads
        made = (
            maker_of(place, node, self.module, self.legacy, leads.get(place, 1))
            for place, node in live
        )
        object.__setattr__(self, "makers", tuple(made))
        object.__setattr__(self, "target", target_of(self.registration, self.module, self.legacy))

    # ---- autograd's helpers --------------------------------------------------------------

    def helped(
        self, nodes: Sequence[ast.AST], tangents: Sequence[ast.expr], use: Callable[[str], str]
    ) -> Helped:
        """What becomes of autograd's helpers in text that stands in the rule."""
        config = self.free("config")
        module, legacy = self.module, self.legacy
        return helped(nodes, tangents, module, legacy, use, config=config, ask_ad=self.may_ask_ad)

    @cached_property
    def asking(self) -> dict[ast.expr, ast.expr | None]:
        """The calls in its makers that can ask the AD which called the rule."""
        functions = [m.function for m in self.makers if m.function is not None]
        found = helped(functions, (), self.module, self.legacy, str)
        return dict(found.by_ad)

    @cached_property
    def is_unconjugated(self) -> bool:
        """Whether conjugation matters in the makers as they are."""
        return not self._is_real and not self._is_needless({})

    @cached_property
    def may_ask_ad(self) -> bool:
        """Whether conjugation does not matter where the AD is asked: it pairs in another way."""
        return self._is_real or self._is_needless(self.asking)

    @property
    def _is_real(self) -> bool:
        return self.real or takes_no_complex(self.registration.target, self.module)

    def _is_needless(self, by_ad: dict[ast.expr, ast.expr | None]) -> bool:
        return all(
            is_needless([m.function or m.node], self.module, cotangent=m.given_at, by_ad=by_ad)
            for m in self.makers
        )

    # ---- parameters ----------------------------------------------------------------------

    @cached_property
    def signature(self) -> Signature | None:
        """The parameters of the rule, where they are known."""
        own, makers = self.target.signature, self.makers
        unseen = any(m.signature is None for m in makers)
        seen = [m.signature for m in makers if m.signature is not None]
        if own is not None:
            known = None if unseen and own.is_open else own
            if not all(s.takes(own) for s in seen):
                known = None
        else:
            known = self._of_makers(seen)
            if unseen and known is not None and known.is_open:
                known = None
        if known is None or max(self.registration.makers or (0,)) >= len(known.positional):
            return None
        if len(set(known.names)) != len(known.names):
            return None
        defaults = [p.value for p in known.all if p.value is not None and not self.is_captured(p)]
        return known if all(map(self._is_the_same, defaults)) else None

    def _is_the_same(self, default: ast.expr) -> bool:
        """Whether a default is one value where its function is defined and where the rule is."""
        scopes, around = self.module.scopes, self.module.scopes.around[self.registration.call]
        for node in ast.walk(default):
            if not isinstance(node, _STEADY):
                return False
            if isinstance(node, ast.Name):
                variable = scopes.of(node)
                if variable.scope is not None and (
                    variable.only is None
                    or variable.scope.kind == "class"
                    or variable.scope not in around.chain()
                ):
                    return False
        return True

    def _of_makers(self, seen: list[Signature]) -> Signature | None:
        first = seen[0] if seen else self._of_installed()
        if first is None or not all(s.fits(first) for s in seen):
            return None
        if not seen:
            return first
        installed = parameters(self.target.dotted) if self.target.dotted else None
        if installed is not None:
            if not agrees(first, installed):
                return None
        elif first.keywords or any(p.default and p.default != p.name for p in first.positional):
            return None
        names: list[str] = []
        for column in zip(*(s.positional for s in seen), strict=True):
            shown = [p.name for p in column if not p.name.startswith("_")]
            name = shown[0] if shown else f"x{len(names)}"
            names.append(name)
        shown_as = zip(names, first.positional, strict=True)
        positional = tuple(replace(p, name=name) for name, p in shown_as)
        return Signature(positional, first.rest, first.keywords, first.more)

    def _of_installed(self) -> Signature | None:
        """The parameters of a function of a package that has plain ones alone."""
        found = parameters(self.target.dotted) if self.target.dotted else None
        plain = (Installed.POSITIONAL_ONLY, Installed.POSITIONAL_OR_KEYWORD)
        if not found or any(p.kind not in plain or p.default is not p.empty for p in found):
            return None
        return Signature(tuple(Plain(p.name) for p in found))

    @cached_property
    def arguments(self) -> str:
        """What the target is called with, where its parameters are known."""
        assert self.signature is not None
        by_name = not self.target.by_position
        found = [
            f"{p.name}={p.name}" if p.default and by_name else p.name
            for p in self.signature.positional
            if not self.is_captured(p)
        ]
        return ", ".join([*found, *self._others()])

    @cached_property
    def handed(self) -> str:
        """What a maker is called with behind the output."""
        assert self.signature is not None
        found = [p.name for p in self.signature.positional if not self.is_captured(p)]
        return ", ".join([*found, *self._others()])

    def _others(self) -> list[str]:
        signature = self.signature
        assert signature is not None
        found = [f"*{signature.rest}"] if signature.rest else []
        found += [f"{p.name}={p.name}" for p in signature.keywords]
        return [*found, f"**{signature.more}"] if signature.more else found

    def is_captured(self, parameter: Plain) -> bool:
        """`order=order`: a maker keeps a value of a loop in a default, which nobody gives."""
        return self.target.signature is None and parameter.default == parameter.name

    @property
    def shown(self) -> str:
        """What messages call the function."""
        return self.module.text(self.target.node).replace("\n", " ").replace('"', "'")

    # ---- names ---------------------------------------------------------------------------

    @cached_property
    def read(self) -> frozenset[str]:
        """The names from around that the new text may read."""
        found = self._said()
        for maker in self.makers:
            if maker.function is not None:
                body = maker.function.body
                for part in body if isinstance(body, list) else [body]:
                    names = outside_names(part, maker.function, self.module)
                    found |= {name.id for name in names}
        return frozenset(found)

    def _said(self) -> set[str]:
        """The names that its makers are written with, outside of lambdas."""
        pending: list[ast.AST] = list(self.registration.call.args[1:])
        found: set[str] = set()
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Lambda):
                continue
            if isinstance(node, ast.Name):
                found.add(node.id)
            pending += ast.iter_child_nodes(node)
        return found

    @cached_property
    def inner_names(self) -> frozenset[str]:
        """The names that the makers bind in what they give."""
        found: set[str] = set()
        for maker in self.makers:
            if maker.inner is not None:
                found |= bound_inside(maker.inner.body)
        return frozenset(found)

    def free(self, wanted: str) -> str:
        """A name like `wanted` that means nothing yet in the rule."""
        taken = {*self.read, *self.inner_names, "_", *self.signature_names}
        while wanted in taken:
            wanted += "_"
        return wanted

    @property
    def signature_names(self) -> tuple[str, ...]:
        """The names of the rule's parameters."""
        return () if self.signature is None else self.signature.names

    @cached_property
    def output(self) -> str:
        """The name for the value, where it needs one."""
        wanted = (m.output.arg for m in self.makers if m.output is not None)
        return self.free(next((n for n in wanted if not n.startswith("_")), "ans"))

    @cached_property
    def cotangent(self) -> str:
        """The name for the cotangent."""
        wanted = (m.cotangent.arg for m in self.makers if m.cotangent is not None)
        name = self.free(next((n for n in wanted if not n.startswith("_")), "g"))
        return name if name != self.output else f"{name}_"

    @cached_property
    def pullback(self) -> str:
        """The name of the pullback."""
        name = f"{self.target.name}_pullback"
        while name in {*self.signature_names, self.output, self.cotangent}:
            name += "_"
        return name

    @cached_property
    def is_clear(self) -> bool:
        """Whether no name of the rule hides one that its text reads from around it."""
        if self.signature is None:
            return True
        return not self.new_names & self.read

    @cached_property
    def new_names(self) -> frozenset[str]:
        """The names that the rule binds."""
        names = self.signature_names
        own = (self.pullback, self.output, self.cotangent)
        return frozenset({*names, *own, *(f"to_{n}" for n in names), *(f"to_{n}_" for n in names)})

    @cached_property
    def through(self) -> str:
        """The name of the rule's first parameter, where the target is called by it."""
        hidden = self.target.root in {*self.signature_names, self.output} or self._is_in_class
        return self.free("callee") if self.target.through or hidden else ""

    @property
    def _is_in_class(self) -> bool:
        """Whether it is registered in the body of a class, whose names no function sees."""
        return self.module.scopes.around[self.registration.call].kind == "class"

    @property
    def is_fleeting(self) -> bool:
        """Whether names that are bound beside the registration mean something else, or nothing,
        when the rule is called."""
        return self.registration.in_loop or self._is_in_class

    # ---- what is known of values ---------------------------------------------------------

    @cached_property
    def gives_array(self) -> bool:
        """Whether the value certainly is no tuple, list or dict."""
        return tangents.gives_one_array(self.target.definition, self.target.dotted, self.module)

    @cached_property
    def gives_several(self) -> bool:
        """Whether the value certainly is one."""
        return tangents.gives_several(self.target.definition, self.target.dotted, self.module)

    def zero(self, place: int) -> Zero | None:
        """The entry of an argument that has no live maker."""
        makers = self.registration.makers or {}
        if place in self.registration.live:
            return None
        if place in makers:
            said = None if self.registration.is_older else makers[place]
            return Zero("ZeroTangent", said=said)
        assert self.signature is not None
        parameter = self.signature.positional[place]
        if self.is_captured(parameter) or self._is_fixed(parameter):
            return Zero("NoTangent")
        return Zero(
            "NotImplementedTangent",
            f"{self.shown}: no derivative with respect to {parameter.name}",
        )

    def _is_fixed(self, parameter: Plain) -> bool:
        """Whether an argument cannot be perturbed."""
        definition = self.target.definition
        if definition is not None and parameter.node is not None:
            annotation = self.module.annotations.of(parameter.node, definition)
            if annotation is not None:
                return self.module.annotations.cannot_be_perturbed(annotation)
            if self._is_index(parameter.node, definition):
                return True
        return parameter.default in ("None", "True", "False") or parameter.default[:1] in (*"'\"",)

    def _is_index(self, parameter: ast.arg, definition: ast.FunctionDef) -> bool:
        """Whether a parameter is only used as an index."""
        scopes = self.module.scopes
        uses = scopes.uses.get(scopes.own[definition].variable(parameter.arg), [])
        above = [(scopes.parents.get(use), use) for use in uses]
        return bool(uses) and all(isinstance(a, ast.Subscript) and a.slice is u for a, u in above)

    def parameter(self, place: int) -> Plain:
        """The parameter at a place."""
        assert self.signature is not None
        return self.signature.positional[place]

    def is_container(self, place: int) -> bool:
        """Whether an argument may be a tuple, list or dict."""
        return tangents.may_be_container(self.parameter(place).node)
