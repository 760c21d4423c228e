"""Comments that leave rules alone, and comments that silence messages: `# rrule-migrate:
skip[RM101]` in a rule or beside a line, `skip-file[RM101]` for the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LINE_END = re.compile(rb"\r\n|\r|\n")
# Looked for in the bytes, not among the comments: the lines of a notebook are strings of JSON.
_COMMENT = re.compile(
    rb"#[ \t]*rrule-migrate[ \t]*:[ \t]*(skip(?:-file)?)[ \t]*\[?[ \t]*(RM\d+(?:[ \t]*,[ \t]*RM\d+)*)"
)


@dataclass(frozen=True)
class Silence:
    """The codes, or beginnings of codes, that a file wants to hear nothing of."""

    everywhere: tuple[str, ...] = ()
    at: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by 1-based line

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.at)

    def covers(self, code: str, lines: Iterable[int]) -> bool:
        """Whether a message about these lines is not wanted."""
        return code.startswith(self.everywhere) or any(
            code.startswith(self.at.get(line, ())) for line in lines
        )


def silence_in(source: bytes) -> Silence:
    """What the comments of a file ask for."""
    everywhere: list[str] = []
    at: dict[int, tuple[str, ...]] = {}
    if b"rrule-migrate" in source:
        for comment in _COMMENT.finditer(source):
            codes = tuple(re.findall(r"RM\d+", comment[2].decode()))
            if comment[1] == b"skip-file":
                everywhere += codes
            else:
                at[len(_LINE_END.findall(source, 0, comment.start())) + 1] = codes
    return Silence(tuple(everywhere), at)


def skip_marker(comment: str) -> str | None:
    """`skip` or `skip-file` where a comment asks for it.
    With codes behind it, it only silences messages."""
    text = comment.lstrip("#").strip()
    head, colon, rest = text.partition(":")
    if head.strip() != "rrule-migrate" or not colon:
        return None
    word, *more = rest.replace("[", " ").split() or [""]
    silences = bool(more) and re.match(r"RM\d", more[0]) is not None
    return word if word in ("skip", "skip-file") and not silences else None
