"""Parameter lists: new parameters in front, some dropped, some annotated."""

from __future__ import annotations

from collections.abc import Sequence


def rewrite_parameters(
    text: str, lead: Sequence[str], drop: frozenset[str], annotate: dict[str, str]
) -> str:
    """What stands between the parentheses of a `def`, changed.

    `lead` are new parameters (`"_"`, `"config: RuleConfig[HasReverseMode]"`), `annotate` gives new annotations by parameter name.
    """
    own_lines = _first_line_indent(text)
    in_front = lead if own_lines is None else ()
    if drop or annotate or (in_front and _starts_oddly(text)):
        # most files need it for no list, and it takes longer to import than a file to convert
        from migrate.write.parameters import change_parameters

        changed = change_parameters(text, in_front, drop, annotate).rstrip()
    else:
        changed = _prepended(text, in_front).rstrip()
    if own_lines is not None:  # one parameter a line: the new ones get lines of their own
        changed = "".join(f"\n{own_lines}{p}," for p in lead) + changed
    tail = text[len(text.rstrip()) :]
    return (changed if "\n" in tail else changed.rstrip(",")) + tail


def _starts_oddly(text: str) -> bool:
    """Whether something other than a space stands before the first parameter."""
    return text.lstrip(" \t").startswith(("#", "\n", "\\", "\f"))


def _prepended(text: str, lead: Sequence[str]) -> str:
    first = text.lstrip(" \t")
    return text[: len(text) - len(first)] + ", ".join([*lead, first] if first else lead)


def _first_line_indent(text: str) -> str | None:
    """The indentation of the first parameter, where it stands on a line of its own."""
    first, newline, rest = text.partition("\n")
    if not newline or first.strip():
        return None
    return rest[: len(rest) - len(rest.lstrip(" \t"))]
