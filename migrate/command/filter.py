"""Standard input to standard output: the file, or its diff, and nothing else; every message goes to standard error."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from migrate.model import FileConverted, FileUnchanged, Outcome

if TYPE_CHECKING:
    from migrate.command.run import Run


def filter_stdin(run: Run) -> int:
    request = run.request
    name = request.stdin_filename or "<stdin>"
    source = sys.stdin.buffer.read()
    outcome = _planned(run, name, source)
    run.tally.looked_at = 1
    if request.diff and isinstance(outcome, FileConverted):
        run.show(outcome)
    else:
        run.tell(outcome)
        if (
            request.writes
        ):  # a file that fails comes out as it came in, so that an editor does not lose it
            run.out.bytes(outcome.after if isinstance(outcome, FileConverted) else source)
    run.out.flush()
    return run.exit_code()


def _planned(run: Run, name: str, source: bytes) -> Outcome:
    from migrate.command.config import Finder
    from migrate.command.discover import Discovery
    from migrate.command.plan import plan_file
    from migrate.command.search import job_for
    from migrate.dialects import signs_for
    from migrate.scan import may_hold_rules

    request = run.request
    finder = Finder(request.config, request.given)
    config = finder.nearest(os.path.realpath(os.path.dirname(os.path.abspath(name))))
    if not may_hold_rules(source, signs_for(config.settings)):
        return FileUnchanged(name)
    if request.stdin_filename:
        discovery = Discovery(finder, request.given.get("exclude", ()))
        if reason := discovery.forced_out(name):
            return FileUnchanged(name, reason=reason)
    return plan_file(job_for(name, source, config, request))
