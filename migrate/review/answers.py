"""Keeps the answers of a review, by the hash of the rule,
so that a review that is broken off can go on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256

from migrate.command.state import state_file
from migrate.model import RuleConverted


@dataclass(frozen=True)
class Accepted:
    """The rule is to be converted; `text` is what the user made of the new rule,
    if that is another."""

    text: str | None = None


@dataclass(frozen=True)
class Rejected:
    """The rule is to stay as it is."""


Answer = Accepted | Rejected


def key_of(path: str, rule: RuleConverted) -> str:
    """The same as long as the rule, what it becomes and its file's name are the same."""
    parts = (os.path.realpath(path), rule.id, rule.after)
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


class Answers:
    """The answers so far; each is on the disk as soon as it is given."""

    def __init__(self, file: str | None = None) -> None:
        self._file = file or state_file("answers.jsonl")
        self._given: dict[str, Answer] = {}
        self.trouble = ""  # why answers cannot be kept
        try:
            with open(self._file, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._read(line)
        except OSError:
            pass

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._given[entry["rule"]] = (
                Accepted(entry["text"]) if entry["accepted"] else Rejected()
            )
        except (ValueError, KeyError, TypeError):
            # a line that was being written when the machine stopped: the question is asked again
            pass

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def __getitem__(self, key: str) -> Answer:
        return self._given[key]

    def give(self, key: str, answer: Answer) -> None:
        self._given[key] = answer
        text = answer.text if isinstance(answer, Accepted) else None
        entry = {"rule": key, "accepted": isinstance(answer, Accepted), "text": text}
        try:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)
            with open(self._file, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(entry) + "\n")
        except OSError as error:
            self.trouble = f"{self._file}: {error.strerror}"

    def forget(self, keys: set[str]) -> None:
        """These are settled. What belongs to other reviews stays."""
        rest = {key: answer for key, answer in self._given.items() if key not in keys}
        if len(rest) == len(self._given):
            return
        self._given = {}
        try:
            os.unlink(self._file)
        except OSError:
            return
        for key, answer in rest.items():
            self.give(key, answer)
