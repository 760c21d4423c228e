"""Plans what comes on standard input, under the name that it is given;
see `Run` for what happens then."""

from __future__ import annotations

import os

from migrate.command.config import Finder
from migrate.command.discover import Discovery
from migrate.command.hints import Hints
from migrate.command.plan import plan_file
from migrate.command.reexports import Reexports
from migrate.command.request import Request
from migrate.command.search import job_for
from migrate.dialects import signs_for
from migrate.model import FileUnchanged, Outcome
from migrate.scan import may_hold_rules


def planned(source: bytes, request: Request, hints: Hints) -> Outcome:
    """The outcome for the bytes; settings and imports are those of `--stdin-filename`."""
    name = request.stdin_filename or "<stdin>"
    finder = Finder(request.config, request.given)
    config = finder.nearest(os.path.realpath(os.path.dirname(os.path.abspath(name))))
    languages = signs_for(config.settings)
    hints.file(name, source, config.settings, Reexports(languages))
    if not may_hold_rules(source, languages):
        hints.other(name, source)
        return FileUnchanged(name)
    if request.stdin_filename:
        discovery = Discovery(finder, request.given.get("exclude", ()))
        if reason := discovery.forced_out(name):
            return FileUnchanged(name, reason=reason)
    return plan_file(job_for(name, source, config, request))
