"""Named changes of libcst's syntax: with layout.py and parameters.py all that builds any.

A change takes a node and gives what is to stand in its place.
Templates are text with a hole: `f({}, x)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import libcst as cst

from migrate.syntax.layout import (
    NOTHING,
    SPACE,
    comments_in,
    dropped,
    end_of_line,
    followed,
    if_it_breaks,
    is_broken,
    next_line,
    on_one_line,
    space_after,
    trimmed,
    untrailed,
    without,
)
from migrate.syntax.parameters import annotated, items_of, led, parameters_of, without_named

Change: TypeAlias = Callable[[Any], Any]

_HOLE = "__hole__"
_LOOSE = (
    cst.BinaryOperation,
    cst.BooleanOperation,
    cst.IfExp,
    cst.Comparison,
    cst.UnaryOperation,
    cst.NamedExpr,
    cst.Lambda,
)


# ---- expressions -------------------------------------------------------------------------


def replaced(text: str) -> Change:
    """Another expression; the parentheses around the old one stay."""

    def change(node: Any) -> Any:
        if isinstance(node, (cst.Slice, cst.Index)):
            return _expression(f"_[{text}]").slice[0].slice
        return _in_place_of(node, _expression(text))

    return change


def wrapped(template: str, inside: bool = False, tight: bool = False) -> Change:
    """The expression in the hole of a template: with its parentheses, or `inside` of them.

    Where the hole binds `tight`, an expression of loose parts is put into parentheses.
    """

    def change(node: Any) -> Any:
        if not inside:
            return _filled(template, _closed(node, tight))
        outer, inner = _own_parentheses(node)
        lpar, rpar = (node.lpar[:outer], node.rpar[len(node.rpar) - outer :]) if outer else ((), ())
        bare = node.with_changes(
            lpar=node.lpar[outer:], rpar=node.rpar[: len(node.rpar) - outer] if inner else ()
        )
        return _filled(template, bare).with_changes(lpar=lpar, rpar=rpar)

    return change


def filled_by(template: str, part: Callable[[Any], Any]) -> Change:
    """A part of an expression in the hole of a template, in place of the whole."""
    return lambda node: _in_place_of(node, _filled(template, _closed(part(node))))


def parenthesised(node: Any) -> Any:
    """The expression with parentheses, if it has none."""
    if node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def as_call(head: str) -> Change:
    """`[a, b]` and `(a, b)` -> `head(a, b)`."""

    def change(node: Any) -> Any:
        arguments = [
            cst.Arg(
                element.value,
                star="*" if isinstance(element, cst.StarredElement) else "",
                whitespace_after_star=getattr(element, "whitespace_before_value", NOTHING),
                comma=element.comma,
            )
            for element in node.elements
        ]
        if isinstance(node, cst.List):
            opening, closing = node.lbracket.whitespace_after, node.rbracket.whitespace_before
            lpar, rpar = node.lpar, node.rpar
        elif node.lpar:
            opening, closing = node.lpar[-1].whitespace_after, node.rpar[0].whitespace_before
            lpar, rpar = node.lpar[:-1], node.rpar[1:]
        else:
            opening = closing = NOTHING
            lpar = rpar = ()
        return _call(_expression(head), arguments, opening, closing, lpar, rpar)

    return change


def as_keywords(head: str, names: Sequence[str], gone: frozenset[int]) -> Change:
    """`{"a": x, "b": y}` -> `head(a=x, b=y)`; some of its items go."""

    def change(node: Any) -> Any:
        arguments = [
            cst.Arg(
                element.value,
                keyword=cst.Name(name),
                equal=cst.AssignEqual(
                    if_it_breaks(element.whitespace_before_colon),
                    if_it_breaks(element.whitespace_after_colon),
                ),
                comma=element.comma,
            )
            for name, element in zip(names, node.elements, strict=True)
        ]
        kept = without(arguments, gone)
        opening, closing = node.lbrace.whitespace_after, node.rbrace.whitespace_before
        if not kept:
            opening = closing = NOTHING
        return _call(_expression(head), kept, opening, closing, node.lpar, node.rpar)

    return change


def prepended(text: str, untrail: bool = False) -> Change:
    """`(a, b)` -> `(text, a, b)`; to `untrail` is to give `(a,)` no comma at its end."""

    def change(node: Any) -> Any:
        elements = list(node.elements)
        opening: Any = NOTHING
        if isinstance(node, cst.List):
            opening = node.lbracket.whitespace_after
        elif node.lpar:
            opening = node.lpar[-1].whitespace_after
        if not elements:
            return node.with_changes(elements=[cst.Element(_expression(text), comma=cst.Comma())])
        comma = cst.Comma(whitespace_after=next_line(opening) or SPACE)
        if untrail and node.lpar and len(elements) == 1:
            closing = node.rpar[0].whitespace_before
            last = elements[0].comma
            if isinstance(last, cst.Comma) and on_one_line(last, closing):
                elements = [elements[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        first = cst.Element(_expression(text), comma=comma)
        return node.with_changes(elements=[first, *elements])

    return change


def read_with(default: str) -> Change:
    """`d[k]` -> `d.get(k, default)`."""

    def change(node: Any) -> Any:
        key = cst.Arg(node.slice[0].slice.value, comma=cst.Comma(whitespace_after=SPACE))
        return cst.Call(
            func=cst.Attribute(node.value, cst.Name("get")),
            args=[key, cst.Arg(_expression(default))],
            whitespace_before_args=node.lbracket.whitespace_after,
            lpar=node.lpar,
            rpar=node.rpar,
        )

    return change


# ---- calls -------------------------------------------------------------------------------


def first_argument(text: str) -> Change:
    """`f(x)` -> `f(text, x)`."""

    def change(node: Any) -> Any:
        arguments = _separable(node.args)
        comma = cst.Comma(whitespace_after=SPACE) if arguments else cst.MaybeSentinel.DEFAULT
        return node.with_changes(args=[cst.Arg(_expression(text), comma=comma), *arguments])

    return change


def last_argument(text: str, keyword: str | None = None) -> Change:
    """`f(x)` -> `f(x, text)`, or `f(x, keyword=text)`."""

    def change(node: Any) -> Any:
        new = cst.Arg(
            _expression(text),
            keyword=None if keyword is None else cst.Name(keyword),
            equal=cst.AssignEqual(NOTHING, NOTHING) if keyword else cst.MaybeSentinel.DEFAULT,
        )
        arguments = _separable(node.args)
        if arguments:
            arguments[-1], new = followed(arguments[-1], new, node.whitespace_before_args)
        return node.with_changes(args=[*arguments, new])

    return change


def without_arguments(gone: frozenset[int]) -> Change:
    """A call without some of its arguments."""

    def change(node: Any) -> Any:
        kept = without(node.args, gone)
        opening = node.whitespace_before_args if kept else NOTHING
        return node.with_changes(args=kept, whitespace_before_args=opening)

    return change


def over_each(name: str, variable: str) -> Change:
    """`f(a, *bs)` -> `[name(variable) for variable in (a, *bs)]`."""

    def change(node: Any) -> Any:
        elements: list[cst.BaseElement] = [
            cst.StarredElement(
                a.value, comma=a.comma, whitespace_before_value=a.whitespace_after_star
            )
            if a.star
            else cst.Element(a.value, comma=a.comma)
            for a in node.args
        ]
        if len(elements) == 1 and not isinstance(elements[0].comma, cst.Comma):
            elements[0] = elements[0].with_changes(comma=cst.Comma())
        together = cst.Tuple(
            elements,
            lpar=[cst.LeftParen(whitespace_after=node.whitespace_before_args)],
            rpar=[cst.RightParen(whitespace_before=node.args[-1].whitespace_after_arg)],
        )
        return _filled(f"[{name}({variable}) for {variable} in {{}}]", together)

    return change


# ---- definitions -------------------------------------------------------------------------


def renamed(name: str) -> Change:
    """The definition under another name."""
    return lambda node: node.with_changes(name=cst.Name(name))


def with_parameters(
    lead: Sequence[str] = (),
    drop: frozenset[str] = frozenset(),
    annotate: dict[str, str] | None = None,
) -> Change:
    """A function with new parameters in front, without some, and with new annotations by name.

    `lead` are texts such as `_` and `config: RuleConfig[HasReverseMode]`.
    """

    def change(node: Any) -> Any:
        is_lambda = isinstance(node, cst.Lambda)
        opening = NOTHING if is_lambda else node.whitespace_before_params
        items = items_of(node.params)
        if annotate:
            texts = {name: _expression(text) for name, text in annotate.items()}
            items = [annotated(item, texts) for item in items]
        items, opening = without_named(items, drop, opening)
        if lead:
            items = led(items, [_parameter(text) for text in lead], opening)
        if (lead or drop) and items and not is_lambda:
            items[-1] = untrailed(items[-1])
        if not is_lambda:
            return node.with_changes(params=parameters_of(items), whitespace_before_params=opening)
        space = node.whitespace_after_lambda
        if items and not isinstance(space, cst.MaybeSentinel) and space.empty:
            space = SPACE
        return node.with_changes(params=parameters_of(items), whitespace_after_lambda=space)

    return change


def with_decorator(position: int, text: str) -> Change:
    """A definition with one more decorator, at that place in the list."""

    def change(node: Any) -> Any:
        decorators = list(node.decorators)
        decorators.insert(position, cst.Decorator(_expression(text)))
        return node.with_changes(decorators=decorators)

    return change


def without_decorators(gone: frozenset[int]) -> Change:
    """A definition without some of its decorators;
    the comments beside them stay, on lines of their own."""

    def change(node: Any) -> Any:
        kept: list[cst.Decorator] = []
        pending: list[cst.EmptyLine] = []
        for number, decorator in enumerate(node.decorators):
            if number not in gone:
                lines = [*pending, *decorator.leading_lines]
                kept.append(decorator.with_changes(leading_lines=lines))
                pending = []
                continue
            pending += [line for line in decorator.leading_lines if line.comment is not None]
            if decorator.trailing_whitespace.comment is not None:
                pending.append(cst.EmptyLine(comment=decorator.trailing_whitespace.comment))
        return node.with_changes(
            decorators=kept, lines_after_decorators=[*pending, *node.lines_after_decorators]
        )

    return change


def ending_with(text: str) -> Change:
    """A function whose body stands on the line of its `def`, with one more statement there."""

    def change(node: Any) -> Any:
        body = [*node.body.body]
        body[-1] = body[-1].with_changes(
            semicolon=cst.Semicolon(whitespace_after=SPACE)
            if not isinstance(body[-1].semicolon, cst.Semicolon)
            else body[-1].semicolon
        )
        return node.with_changes(body=node.body.with_changes(body=[*body, _small(text)]))

    return change


# ---- statements --------------------------------------------------------------------------


def restated(text: str) -> Change:
    """Another statement."""
    return lambda node: _small(text).with_changes(semicolon=node.semicolon)


def one_each(name: str) -> Change:
    """`f(a, b)` -> `name(a); name(b)`."""

    def change(node: Any) -> Any:
        between = cst.Semicolon(whitespace_after=SPACE)
        calls = [cst.Expr(_called(name, a.value), semicolon=between) for a in node.value.args]
        calls[-1] = calls[-1].with_changes(semicolon=node.semicolon)
        return cst.FlattenSentinel(calls)

    return change


def lines_of_one_each(name: str) -> Change:
    """A line with `f(a, b)` -> one with `name(a)` and one with `name(b)`;
    comments stay beside their argument."""

    def change(line: Any) -> Any:
        call = line.body[0].value
        above = comments_in(call.whitespace_before_args)
        lines: list[Any] = []
        for argument in call.args:
            space = space_after(argument)
            breaks = isinstance(space, cst.ParenthesizedWhitespace)
            beside = space.first_line.comment if breaks else None
            lines.append(
                cst.SimpleStatementLine(
                    [cst.Expr(_called(name, argument.value))],
                    leading_lines=[cst.EmptyLine(comment=c) for c in above],
                    trailing_whitespace=end_of_line(beside),
                )
            )
            above = [c for c in comments_in(space) if c is not beside]
        last = lines[-1]
        behind = [
            c for c in (last.trailing_whitespace.comment, line.trailing_whitespace.comment) if c
        ]
        lines[-1] = last.with_changes(
            leading_lines=[*last.leading_lines, *(cst.EmptyLine(comment=c) for c in above)],
            trailing_whitespace=line.trailing_whitespace
            if len(behind) < 2 and last.trailing_whitespace.comment is None
            else end_of_line(cst.Comment("  ".join(c.value for c in behind))),
        )
        return cst.FlattenSentinel(lines)

    return change


def followed_by(text: str) -> Change:
    """A statement with another one after it, on its line."""

    def change(node: Any) -> Any:
        between = cst.Semicolon(whitespace_after=SPACE)
        last = _small(text).with_changes(semicolon=node.semicolon)
        return cst.FlattenSentinel([node.with_changes(semicolon=between), last])

    return change


def without_statement(node: Any) -> Any:
    """No statement."""
    return cst.RemoveFromParent()


def without_last_semicolon(line: Any) -> Any:
    """A line of which statements went: nothing comes after the last one that is left."""
    if not line.body:
        return line
    last = line.body[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return line.with_changes(body=[*line.body[:-1], last])


def without_names(gone: frozenset[int]) -> Change:
    """An import without some of its names; the comments beside them stay."""

    def change(node: Any) -> Any:
        opening = getattr(node, "lpar", None)
        space = opening.whitespace_after if opening is not None else NOTHING
        names, space = dropped(list(node.names), set(gone), space)
        if opening is None:
            names = [*names[:-1], names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
            return node.with_changes(names=names)
        return node.with_changes(names=names, lpar=opening.with_changes(whitespace_after=space))

    return change


def with_names(texts: Sequence[str]) -> Change:
    """`from m import a` with more names behind it."""

    def change(node: Any) -> Any:
        comma = cst.Comma(whitespace_after=SPACE)
        *first, last = node.names
        added = [alias for text in texts for alias in _small(f"from m import {text}").names]
        spaced = [a.with_changes(comma=comma) for a in added]
        spaced[-1] = spaced[-1].with_changes(comma=last.comma)
        return node.with_changes(names=[*first, last.with_changes(comma=comma), *spaced])

    return change


def commented(texts: Iterable[str]) -> Change:
    """A line with more comments at its end."""

    def change(line: Any) -> Any:
        end = line.trailing_whitespace
        shown = [*texts, *([end.comment.value] if end.comment is not None else [])]
        if not shown:
            return line
        return line.with_changes(
            trailing_whitespace=end.with_changes(
                whitespace=cst.SimpleWhitespace("  "), comment=cst.Comment("  ".join(shown))
            )
        )

    return change


def handed_on(targets: str, returned: str) -> Change:
    """A line with `return e` -> `targets = e`, and `return returned` after it."""

    def change(line: Any) -> Any:
        number = max(n for n, small in enumerate(line.body) if isinstance(small, cst.Return))
        old = line.body[number]
        kept = _small(f"{targets} = {_HOLE}").with_changes(value=old.value)
        last = _small(f"return {returned}").with_changes(semicolon=old.semicolon)
        if number == 0 and isinstance(line, cst.SimpleStatementLine):
            rest = line.with_changes(body=[last, *line.body[1:]], leading_lines=())
            first = cst.SimpleStatementLine([kept], leading_lines=line.leading_lines)
            return cst.FlattenSentinel([first, rest])
        kept = kept.with_changes(semicolon=cst.Semicolon(whitespace_after=SPACE))
        return line.with_changes(body=[*line.body[:number], kept, last, *line.body[number + 1 :]])

    return change


def as_function(name: str, step: str) -> Change:
    """A line with `return y, lambda dy: e` -> `def name(dy):
    return e`, and `return y, name` after it."""

    def change(line: Any) -> Any:
        (old,) = line.body
        value, pullback = (element.value for element in old.value.elements)
        inner = cst.SimpleStatementLine([cst.Return(_opened(pullback.body))])
        items = items_of(pullback.params)
        definition = cst.FunctionDef(
            name=cst.Name(name),
            params=parameters_of([*items[:-1], *map(trimmed, items[-1:])]),
            body=cst.IndentedBlock([inner], indent=step),
        )
        pair = cst.Tuple(
            [cst.Element(_opened(value)), cst.Element(cst.Name(name))], lpar=(), rpar=()
        )
        rest = line.with_changes(
            body=[old.with_changes(value=pair)], leading_lines=[cst.EmptyLine(indent=False)]
        )
        return cst.FlattenSentinel([definition, rest])

    return change


# ---- templates ---------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _expression(text: str) -> Any:
    return cst.parse_expression(text)


@lru_cache(maxsize=64)
def _small(text: str) -> Any:
    line: Any = cst.parse_statement(text)
    return line.body[0]


@lru_cache(maxsize=64)
def _parameter(text: str) -> cst.Param:
    function: Any = cst.parse_statement(f"def f({text}): pass")
    return function.params.params[0]  # type: ignore[no-any-return]


class _Fill(cst.CSTTransformer):
    def __init__(self, node: cst.BaseExpression) -> None:
        super().__init__()
        self.node = node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.node if original_node.value == _HOLE else updated_node


def _filled(template: str, node: Any) -> Any:
    return _expression(template.format(_HOLE)).visit(_Fill(node))


def _in_place_of(old: Any, new: Any) -> Any:
    """The new expression with the parentheses of the old one, those of a tuple aside."""
    outer, _ = _own_parentheses(old)
    if not outer:
        return new
    return new.with_changes(
        lpar=[*old.lpar[:outer], *new.lpar], rpar=[*new.rpar, *old.rpar[len(old.rpar) - outer :]]
    )


def _own_parentheses(node: Any) -> tuple[int, int]:
    """How many parentheses stand around an expression, and how many belong to it."""
    own = 1 if node.lpar and isinstance(node, (cst.Tuple, cst.GeneratorExp)) else 0
    return len(node.lpar) - own, own


def _closed(node: Any, tight: bool = False) -> Any:
    """An expression that can be an argument."""
    if isinstance(node, (cst.Tuple, cst.GeneratorExp)) or (tight and isinstance(node, _LOOSE)):
        return parenthesised(node)
    return node


def _opened(node: Any) -> Any:
    """An expression with no more parentheses than it needs where nothing stands beside it."""
    own = isinstance(node, (cst.Tuple, cst.GeneratorExp))
    bare = node.with_changes(lpar=node.lpar[-1:], rpar=node.rpar[:1]) if own else node
    if not own and node.lpar:
        bare = node.with_changes(lpar=(), rpar=())
    return parenthesised(bare) if is_broken(bare) else bare


def _called(name: str, argument: Any) -> cst.Call:
    return cst.Call(_expression(name), [cst.Arg(argument)])


def _call(
    func: Any, arguments: list[Any], opening: Any, closing: Any, lpar: Any, rpar: Any
) -> cst.Call:
    """A call; `opening` and `closing` are what stands beside its parentheses."""
    if arguments:
        arguments = [*arguments[:-1], arguments[-1].with_changes(whitespace_after_arg=closing)]
    return cst.Call(func=func, args=arguments, whitespace_before_args=opening, lpar=lpar, rpar=rpar)


def _separable(arguments: Sequence[cst.Arg]) -> list[cst.Arg]:
    """Arguments beside which others can stand:
    a generator alone needs no parentheses, one of several does."""
    return [
        a.with_changes(value=parenthesised(a.value)) if isinstance(a.value, cst.GeneratorExp) else a
        for a in arguments
    ]
