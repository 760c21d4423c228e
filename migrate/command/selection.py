"""Drops from an outcome the messages that the user did not ask for, by code prefix."""

from __future__ import annotations

from dataclasses import replace

from migrate.model import FileConverted, FileFailed, Note, Outcome, RuleLeft


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
    """The longest prefix that fits decides; what is selected by none is wanted if nothing is selected at all."""
    chosen = max(
        (len(prefix) for prefix in select if code.startswith(prefix)), default=-1 if select else 0
    )
    ignored = max((len(prefix) for prefix in ignore if code.startswith(prefix)), default=-1)
    return chosen > ignored


def selected(outcome: Outcome, select: tuple[str, ...], ignore: tuple[str, ...]) -> Outcome:
    """Failures always stay: they are no matter of taste."""
    if isinstance(outcome, FileFailed) or not (select or ignore):
        return outcome

    def kept(notes: tuple[Note, ...]) -> tuple[Note, ...]:
        return tuple(note for note in notes if wanted(note.code, select, ignore))

    left: tuple[RuleLeft, ...] = tuple(
        rule for rule in outcome.left if wanted(rule.code, select, ignore)
    )
    if isinstance(outcome, FileConverted):
        converted = tuple(replace(rule, notes=kept(rule.notes)) for rule in outcome.converted)
        return replace(outcome, converted=converted, left=left, notes=kept(outcome.notes))
    return replace(outcome, left=left, notes=kept(outcome.notes))
