"""What stands between libcst's nodes: spaces, commas, line breaks and comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

SPACE = cst.SimpleWhitespace(" ")
NOTHING = cst.SimpleWhitespace("")


def followed(last: cst.Arg, new: cst.Arg, opening: Any) -> tuple[cst.Arg, cst.Arg]:
    """The last argument and a new one after it, which stands as the last one stood."""
    comma = last.comma
    if not isinstance(comma, cst.Comma):
        new = new.with_changes(whitespace_after_arg=last.whitespace_after_arg)
        comma = cst.Comma(whitespace_after=SPACE)
        return last.with_changes(comma=comma, whitespace_after_arg=NOTHING), new
    closing = comma.whitespace_after
    if isinstance(closing, cst.ParenthesizedWhitespace):  # one argument a line
        new = new.with_changes(comma=comma.with_changes(whitespace_after=next_line(closing)))
        if isinstance(opening, cst.ParenthesizedWhitespace):
            closing = closing.with_changes(indent=opening.indent, last_line=opening.last_line)
    elif closing.empty:
        closing = SPACE
    return last.with_changes(comma=comma.with_changes(whitespace_after=closing)), new


def without(items: Sequence[Any], gone: frozenset[int]) -> list[Any]:
    """Items without some; where the last one goes, what stands behind it stays."""
    kept = [item for number, item in enumerate(items) if number not in gone]
    if kept and kept[-1] is not items[-1]:
        last = items[-1]
        kept[-1] = kept[-1].with_changes(
            comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
        )
    return kept


def if_it_breaks(space: Any) -> Any:
    """A space that breaks the line; nothing in place of another."""
    return space if isinstance(space, cst.ParenthesizedWhitespace) else NOTHING


def next_line(space: Any) -> Any:
    """A line break like that of a space, without its comments; None where it has none."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return None
    return cst.ParenthesizedWhitespace(indent=space.indent, last_line=space.last_line)


def on_one_line(comma: cst.Comma, *spaces: Any) -> bool:
    """Whether nothing around a comma, and none of these spaces, breaks the line."""
    every = (comma.whitespace_before, comma.whitespace_after, *spaces)
    return not any(isinstance(s, cst.ParenthesizedWhitespace) for s in every)


def is_broken(node: Any) -> bool:
    """Whether an expression goes over several lines."""
    return "\n" in cst.Module([]).code_for_node(node)


def end_of_line(comment: cst.Comment | None) -> cst.TrailingWhitespace:
    """The end of a line, with a comment."""
    space = cst.SimpleWhitespace("  " if comment is not None else "")
    return cst.TrailingWhitespace(space, comment)


def comments_in(space: Any) -> list[cst.Comment]:
    """The comments that stand in a space."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return []
    lines = [space.first_line.comment, *(line.comment for line in space.empty_lines)]
    return [c for c in lines if c is not None]


def joined(first: Any, second: Any) -> Any:
    """One space for two: the line break of the second, the comments of both."""
    if not isinstance(first, cst.ParenthesizedWhitespace):
        return second if comments_in(second) or not comments_in(first) else first
    if not isinstance(second, cst.ParenthesizedWhitespace):
        return first
    beside = second.first_line.comment
    lines = [*first.empty_lines]
    if beside is not None:
        lines.append(cst.EmptyLine(first.indent, first.last_line, comment=beside))
    return first.with_changes(
        empty_lines=[*lines, *second.empty_lines], indent=second.indent, last_line=second.last_line
    )


def space_after(item: Any) -> Any:
    """What stands between an item of a list and the next, or the closing parenthesis."""
    names = ("whitespace_after_param", "whitespace_after_arg", "whitespace_after")
    rest = next((getattr(item, name) for name in names if hasattr(item, name)), NOTHING)
    if isinstance(item.comma, cst.Comma):
        after = item.comma.whitespace_after
        return after if isinstance(after, cst.ParenthesizedWhitespace) or rest.empty else rest
    return rest


def with_space_after(item: Any, space: Any, like: Any) -> Any:
    """A parameter with that space after it, and a comma if another one had it."""
    if isinstance(like, cst.Comma) or (
        isinstance(item.comma, cst.Comma) and isinstance(space, cst.ParenthesizedWhitespace)
    ):
        comma = item.comma if isinstance(item.comma, cst.Comma) else cst.Comma()
        changed = item.with_changes(comma=comma.with_changes(whitespace_after=space))
        return (
            changed.with_changes(whitespace_after_param=NOTHING)
            if isinstance(changed, cst.Param)
            else changed
        )
    bare = item.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return bare.with_changes(whitespace_after_param=space) if isinstance(bare, cst.Param) else bare


def untrailed(item: Any) -> Any:
    """The last parameter without a comma, if the closing parenthesis stands on its line."""
    space = space_after(item)
    if not isinstance(item.comma, cst.Comma) or isinstance(space, cst.ParenthesizedWhitespace):
        return item
    bare = item.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return bare.with_changes(whitespace_after_param=space) if isinstance(bare, cst.Param) else bare


def trimmed(item: Any) -> Any:
    """The last parameter with nothing after it."""
    bare = item.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    name = "whitespace_after_param" if isinstance(bare, cst.Param) else "whitespace_after"
    return bare.with_changes(**{name: NOTHING})


def dropped(items: list[Any], gone: set[int], opening: Any) -> tuple[list[Any], Any]:
    """Items without some, and what stands before the first;
    the comments beside those that go stay."""
    result: list[Any] = []
    for number, item in enumerate(items):
        if number not in gone:
            result.append(item)
            continue
        last = number == len(items) - 1 or set(range(number, len(items))) <= gone
        before = space_after(result[-1]) if result else opening
        after = space_after(item)
        if not comments_in(after) and not last:
            continue
        if last and not comments_in(before) and not comments_in(after):
            space = after
        else:
            space = joined(before, after)
        if result:
            result[-1] = with_space_after(result[-1], space, getattr(item, "comma", None))
        else:
            opening = space
    return result, opening
