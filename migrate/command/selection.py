"""Drops from an outcome the messages that the user did not ask for,
by code prefix or by a comment in the file."""

from __future__ import annotations

from dataclasses import replace

from migrate.model import FileConverted, FileFailed, Note, Outcome, RuleLeft
from migrate.syntax.silence import silence_in


def check_codes(prefixes: tuple[str, ...], where: str) -> None:
    """Each must be a code or the beginning of one."""
    from migrate.codes import CODES
    from migrate.command.errors import Stop

    for prefix in prefixes:
        if not any(code.startswith(prefix) for code in CODES):
            raise Stop(
                f"{where}: no code begins with {prefix!r}; rrule-migrate --list-codes names them all"
            )


def wanted(code: str, select: tuple[str, ...], ignore: tuple[str, ...]) -> bool:
    """The longest prefix that fits decides;
    what is selected by none is wanted if nothing is selected at all."""
    chosen = max(
        (len(prefix) for prefix in select if code.startswith(prefix)), default=-1 if select else 0
    )
    ignored = max((len(prefix) for prefix in ignore if code.startswith(prefix)), default=-1)
    return chosen > ignored


def selected(
    outcome: Outcome, select: tuple[str, ...], ignore: tuple[str, ...], source: bytes = b""
) -> Outcome:
    """Failures always stay: they are no matter of taste."""
    silence = silence_in(source)
    if isinstance(outcome, FileFailed) or not (select or ignore or silence):
        return outcome

    def is_kept(code: str, lines: range) -> bool:
        return wanted(code, select, ignore) and not silence.covers(code, lines)

    def kept(notes: tuple[Note, ...], around: range = range(0)) -> tuple[Note, ...]:
        return tuple(
            note for note in notes if is_kept(note.code, around or range(note.line, note.line + 1))
        )

    left: tuple[RuleLeft, ...] = tuple(
        rule for rule in outcome.left if is_kept(rule.code, range(rule.line, rule.end_line + 1))
    )
    if isinstance(outcome, FileConverted):
        converted = tuple(
            replace(rule, notes=kept(rule.notes, range(rule.line, rule.end_line + 1)))
            for rule in outcome.converted
        )
        return replace(outcome, converted=converted, left=left, notes=kept(outcome.notes))
    return replace(outcome, left=left, notes=kept(outcome.notes))
