"""Plans one file: bytes and options in, one outcome out;
nothing is written, and no exception gets past.

`plan_file` is a plain function over a picklable `Job`, so that any `concurrent.futures.Executor`
can run it: the job carries the file's bytes, the worker needs no access to the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrate.command.modules import Memory, NearbyModules
from migrate.command.selection import selected
from migrate.model import FileFailed, FileUnchanged, Options, Outcome


@dataclass(frozen=True)
class Job:
    """One file to plan. `path` is only a name here,
    for messages and for finding the modules around it."""

    path: str
    source: bytes
    options: Options


def plan_file(job: Job, memory: Memory | None = None) -> Outcome:
    """The file guard: whatever goes wrong in a conversion is this file's outcome, no other's.

    `memory` holds what is known of the modules around; the files of one run share it.
    """
    try:
        return _convert(job, memory or Memory())
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of the native parser is no Exception
        return FileFailed(
            job.path,
            "RM902",
            f"the converter failed on it: {type(error).__name__}: {error}",
            "this is a bug of rrule-migrate: report it with the file; the file is as it was",
        )


def plan_chunk(jobs: tuple[Job, ...], memory: Memory | None = None) -> tuple[Outcome, ...]:
    """Several files in one task, where a task costs more than a small file."""
    memory = memory or Memory()
    return tuple(plan_file(job, memory) for job in jobs)


def _convert(job: Job, memory: Memory) -> Outcome:
    from migrate.convert import convert_source

    modules = NearbyModules(job.path, memory)
    if job.path.endswith(".ipynb"):
        from migrate.command.notebooks import convert_notebook

        outcome = convert_notebook(job.source, job.path, job.options, modules, convert_source)
    else:
        outcome = convert_source(job.source, job.path, job.options, modules, True)
    if isinstance(outcome, FileUnchanged) and outcome.left:
        outcome = replace(outcome, before=job.source)
    return selected(outcome, job.options.select, job.options.ignore, job.source)
