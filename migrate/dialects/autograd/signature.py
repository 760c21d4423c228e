"""The parameters of a function, as far as a rule has to agree with them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.dialects.autograd.installed import default_text
from migrate.syntax.scopes import FunctionNode
from migrate.syntax.source import Source


@dataclass(frozen=True)
class Plain:
    """A parameter by its name and the text of its default, empty where it has none."""

    name: str
    default: str = ""
    node: ast.arg | None = None
    value: ast.expr | None = None  # the default
    named: bool = True  # whether it can be given by its name


@dataclass(frozen=True)
class Signature:
    """The parameters of a function; of a maker, those behind the output."""

    positional: tuple[Plain, ...]
    rest: str = ""  # `*args`
    keywords: tuple[Plain, ...] = ()
    more: str = ""  # `**kwargs`

    @property
    def all(self) -> tuple[Plain, ...]:
        """The parameters that have one argument."""
        return (*self.positional, *self.keywords)

    @property
    def is_open(self) -> bool:
        """Whether calls of several kinds are one call to it: by default, by keyword, with more."""
        return bool(self.rest or self.more or self.keywords) or any(
            p.default for p in self.positional
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it binds."""
        return (*(p.name for p in self.all), *filter(None, (self.rest, self.more)))

    def fits(self, other: Signature) -> bool:
        """Whether another one has as many parameters, of the same kinds, with the same defaults."""
        pairs = list(zip(self.positional, other.positional, strict=False))
        return (
            len(self.positional) == len(other.positional)
            and all(same_default(a.default, b.default) for a, b in pairs)
            and (bool(self.rest), bool(self.more)) == (bool(other.rest), bool(other.more))
            and {(k.name, _normal(k.default)) for k in self.keywords}
            == {(k.name, _normal(k.default)) for k in other.keywords}
        )

    def takes(self, other: Signature) -> bool:
        """Whether it can be called with what another one was called with, all by position."""
        if self.fits(other):
            return True
        return (
            not other.is_open
            and bool(self.rest)
            and not any(not k.default for k in self.keywords)
            and len(self.positional) <= len(other.positional)
        )


def signature_of(function: FunctionNode, source: Source, skip: int = 0) -> Signature | None:
    """The parameters of a function behind the first ones; None where those are not plain."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    if len(plain) < skip or len(plain) - len(args.defaults) < skip:
        return None
    defaults = [*[None] * (len(plain) - len(args.defaults)), *args.defaults]
    text = [source.segment(d) if d is not None else "" for d in defaults]
    positional = [
        Plain(a.arg, t, a, value=d) for a, t, d in zip(plain, text, defaults, strict=True)
    ]
    given = [source.segment(d) if d is not None else "" for d in args.kw_defaults]
    return Signature(
        tuple(positional[skip:]),
        args.vararg.arg if args.vararg else "",
        tuple(
            Plain(a.arg, t, a, value=d)
            for a, t, d in zip(args.kwonlyargs, given, args.kw_defaults, strict=True)
        ),
        args.kwarg.arg if args.kwarg else "",
    )


def agrees(maker: Signature, found: Sequence[inspect.Parameter]) -> bool:
    """Whether a maker's parameters are those of an installed function, as far as they go."""
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = {p.name: p for p in found}
    if len(maker.positional) > len(positional):
        return False
    for own, theirs in zip(maker.positional, positional, strict=False):
        if own.default and (
            own.name != theirs.name
            or theirs.kind is theirs.POSITIONAL_ONLY  # handed on, a default is no missing argument
            or not same_default(own.default, default_text(theirs) or "")
        ):
            return False
    for own in maker.keywords:
        known = by_name.get(own.name)
        if known is None or not same_default(own.default, default_text(known) or ""):
            return False
    return True


def same_default(one: str, other: str) -> bool:
    """Whether two defaults are the same value, as far as their text says."""
    return _normal(one) == _normal(other)


def _normal(text: str) -> object:
    if not text:
        return ""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float | complex) else repr(value)
