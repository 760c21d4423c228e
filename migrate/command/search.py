"""Finds the files that may hold legacy rules: discovers, reads, and tests the bytes;
imports no parser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from migrate.command.config import Finder
from migrate.command.discover import Discovery, Skipped
from migrate.command.errors import Stop
from migrate.command.files import read_bytes, why_unreadable
from migrate.command.hints import Hints
from migrate.dialects import signs_for
from migrate.scan import Signs, may_hold_rules, names_one

if TYPE_CHECKING:
    from migrate.command.config import Config
    from migrate.command.plan import Job
    from migrate.command.reexports import Reexports
    from migrate.command.request import Request
    from migrate.model import Options, Outcome
    from migrate.options import Settings

_KEPT = 64 << 20  # bytes of files that may hold rules


class Candidate(NamedTuple):
    """A file that may hold rules."""

    path: str
    size: int
    config: Config
    source: bytes | None  # not kept where memory would not stay small: it is read again


class Search:
    """One run's search. What is no candidate is told to `skip` and `tell` as it is met."""

    def __init__(
        self,
        request: Request,
        skip: Callable[[Skipped], None],
        tell: Callable[[Outcome], None],
    ) -> None:
        self.request = request
        self.skip = skip
        self.tell = tell
        self.looked_at = 0
        self.hints = Hints(request.given.get("legacy_modules", ()), request.paths)
        self._reexports: dict[tuple[Signs, ...], Reexports] = {}

    def candidates(self) -> Iterator[Candidate]:
        request = self.request
        discovery = Discovery(
            Finder(request.config, request.given),
            request.given.get("exclude", ()),
            explain=request.verbose,
        )
        kept = 0
        for batch in discovery.find(request.paths, listed_paths(request)):
            for skipped in batch.skipped:
                self.skip(skipped)
                self.hints.skipped(skipped)
            self.hints.julia += batch.julia
            for failure in batch.failed:
                self.tell(failure)
            self.looked_at += len(batch.paths)
            for path in batch.paths:
                try:
                    source = read_bytes(path)
                except OSError as error:
                    if reason := batch.named and discovery.forced_out(path):
                        self.skip(Skipped(path, reason))
                    else:
                        self.tell(why_unreadable(path, error))
                    continue
                if self._may_hold(path, source, batch.config.settings):
                    if reason := batch.named and discovery.forced_out(path):
                        self.skip(Skipped(path, reason))
                    else:
                        kept += len(source)
                        source_kept = source if kept <= _KEPT else None
                        yield Candidate(path, len(source), batch.config, source_kept)
                elif request.verbose:
                    from migrate.model import FileUnchanged

                    self.tell(FileUnchanged(path))

    def _may_hold(self, path: str, source: bytes, settings: Settings) -> bool:
        """The test of every file, and the second, dearer one, of the few that pass it."""
        languages = signs_for(settings)
        held = may_hold_rules(source, languages)
        if held or self.hints.may_name(source):
            reexports = self._reexports_of(languages)
            self.hints.file(path, source, settings, reexports)
            if held and (names_one(source, languages) or reexports.lead_to_legacy(path, source)):
                return True
        self.hints.other(path, source)
        return False

    def _reexports_of(self, languages: tuple[Signs, ...]) -> Reexports:
        from migrate.command.reexports import Reexports

        if languages not in self._reexports:
            self._reexports[languages] = Reexports(languages)
        return self._reexports[languages]

    def jobs(self, candidates: list[Candidate]) -> Iterator[Job]:
        for path, _, config, source in candidates:
            try:
                source = read_bytes(path) if source is None else source
                yield job_for(path, source, config, self.request)
            except OSError as error:
                self.tell(why_unreadable(path, error))

    def options_of(self, candidates: list[Candidate]) -> Callable[[str], Options]:
        configs = {candidate.path: candidate.config for candidate in candidates}
        return lambda path: options_for(configs[path], self.request)


def listed_paths(request: Request) -> list[str]:
    """The paths in the file of --files-from, one a line,
    or parted by null bytes where there are any."""
    if request.files_from is None:
        return []
    if request.files_from == "-":
        import sys

        data = sys.stdin.buffer.read()
    else:
        try:
            with open(request.files_from, "rb") as file:
                data = file.read()
        except OSError as error:
            raise Stop(
                f"--files-from {request.files_from}: cannot be read: {error.strerror}; "
                "name a file with one path a line, or - for standard input"
            ) from None
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name]


def job_for(path: str, source: bytes, config: Config, request: Request) -> Job:
    from migrate.command.plan import Job

    return Job(path, source, options_for(config, request))


def options_for(config: Config, request: Request) -> Options:
    """What the folder's settings say, for the rules that the user named."""
    return config.settings.options(frozenset(request.only) or None)
