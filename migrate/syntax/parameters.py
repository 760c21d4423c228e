"""The parameters of libcst's functions as one list: those that come, go, and are annotated."""

from __future__ import annotations

from typing import Any

import libcst as cst

from migrate.syntax.layout import SPACE, comments_in, dropped, next_line


def items_of(parameters: cst.Parameters) -> list[Any]:
    """Parameters and the marks between them, in the order in which they are written."""
    items: list[Any] = [*parameters.posonly_params]
    if isinstance(parameters.posonly_ind, cst.ParamSlash):
        items.append(parameters.posonly_ind)
    items += parameters.params
    if not isinstance(parameters.star_arg, cst.MaybeSentinel):
        items.append(parameters.star_arg)
    items += parameters.kwonly_params
    if parameters.star_kwarg is not None:
        items.append(parameters.star_kwarg)
    return items


def parameters_of(items: list[Any]) -> cst.Parameters:
    """The other way round."""
    slash = next((n for n, i in enumerate(items) if isinstance(i, cst.ParamSlash)), -1)
    star = next((n for n, i in enumerate(items) if star_of(i) == "*"), len(items))
    keywords = [i for i in items if star_of(i) == "**"]
    plain = [i for i in items[slash + 1 : star] if star_of(i) != "**"]
    return cst.Parameters(
        posonly_params=items[:slash] if slash > 0 else (),
        posonly_ind=items[slash] if slash > 0 else cst.MaybeSentinel.DEFAULT,
        params=plain,
        star_arg=items[star] if star < len(items) else cst.MaybeSentinel.DEFAULT,
        kwonly_params=[i for i in items[star + 1 :] if star_of(i) != "**"],
        star_kwarg=keywords[0] if keywords else None,
    )


def star_of(item: Any) -> str:
    """`*` or `**`, of a parameter that has it."""
    if isinstance(item, cst.ParamStar):
        return "*"
    return item.star if isinstance(item, cst.Param) and isinstance(item.star, str) else ""


def annotated(item: Any, annotate: dict[str, Any]) -> Any:
    """A parameter with the annotation that its name has there."""
    expression = annotate.get(item.name.value) if isinstance(item, cst.Param) else None
    if expression is None:
        return item
    if item.annotation is None:
        return item.with_changes(annotation=cst.Annotation(expression))
    return item.with_changes(annotation=item.annotation.with_changes(annotation=expression))


def without_named(items: list[Any], drop: frozenset[str], opening: Any) -> tuple[list[Any], Any]:
    """Parameters without some, and without a `*` or `/` that has nothing left beside it;
    comments stay."""
    if not drop:
        return items, opening
    gone = {n for n, i in enumerate(items) if isinstance(i, cst.Param) and i.name.value in drop}
    kept = [n for n in range(len(items)) if n not in gone]
    for place, number in enumerate(kept):
        following = items[kept[place + 1]] if place + 1 < len(kept) else None
        alone = isinstance(items[number], cst.ParamStar) and (
            following is None or star_of(following) == "**"
        )
        if alone or (isinstance(items[number], cst.ParamSlash) and place == 0):
            gone.add(number)
    return dropped(items, gone, opening)


def led(items: list[Any], new: list[cst.Param], opening: Any) -> list[Any]:
    """Parameters with new ones in front; `opening` is what stood before the first."""
    own_line = None if comments_in(opening) else next_line(opening)
    comma = cst.Comma(whitespace_after=own_line or SPACE)
    spaced = [p.with_changes(comma=comma) for p in new]
    if not items:
        spaced[-1] = spaced[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return [*spaced, *items]
