"""Plans many files, in this process or in several,
and gives the outcomes in the order of the files."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from migrate.command.modules import Memory
from migrate.command.plan import Job, plan_chunk, plan_file
from migrate.model import FileFailed

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future, ProcessPoolExecutor

    from migrate.model import Outcome

    Chunk = tuple[Job, ...]
    Running = deque[tuple[Chunk, Future[tuple[Outcome, ...]]]]

#: Bytes of source from which on a second process is quicker, its start included.
WORTHWHILE = 60_000
_CHUNK_BYTES = 50_000
_CHUNK_FILES = 16
_MEMORY = Memory()  # of a worker


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def plan_all(jobs: Iterable[Job], size: int, count: int, workers: int | None) -> Iterator[Outcome]:
    """`size` and `count` are those of all jobs;
    `workers` that the user chose are taken at their word."""
    number = min(workers or cores(), count)
    if number == 1 or (workers is None and size < WORTHWHILE):
        memory = Memory()
        for job in jobs:
            yield plan_file(job, memory)
    else:
        yield from _in_processes(jobs, number, size)


def plan_over(executor: Executor, jobs: Iterable[Job], ahead: int = 64) -> Iterator[Outcome]:
    """On any executor; at most `ahead` chunks are under way,
    so that memory does not grow with the number of files."""
    running: Running = deque()
    try:
        for chunk in _chunks(jobs):
            running.append((chunk, executor.submit(plan_chunk, chunk)))
            if len(running) >= ahead:
                yield from _result(running.popleft()[1])
        while running:
            yield from _result(running.popleft()[1])
    finally:
        for _, future in running:
            future.cancel()


def _result(future: Future[tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
    from migrate.command.errors import Stop

    try:
        return future.result()
    except Exception as error:  # plan_chunk lets none through: it is the worker's
        raise Stop(
            f"--executor: a worker failed: {type(error).__name__}: {error}; "
            "see that it has this version of rrule-migrate; nothing was written"
        ) from None


def _in_processes(jobs: Iterable[Job], number: int, size: int) -> Iterator[Outcome]:
    from concurrent.futures import BrokenExecutor

    chunks = _chunks(
        jobs, min(_CHUNK_BYTES, size // (4 * number))
    )  # so that none waits long for the last
    running: Running = deque()
    executor = _start(number)
    try:
        more = True
        while more or running:
            while more and len(running) < 3 * number:
                chunk = next(chunks, None)
                if chunk is None:
                    more = False
                else:
                    running.append((chunk, executor.submit(_plan_chunk, chunk)))
            if not running:
                break
            chunk, future = running[0]
            try:
                outcomes = future.result()
            except BrokenExecutor:  # a file killed its process: find out which, one by one
                executor.shutdown(wait=True, cancel_futures=True)
                broken = [job for chunk, _ in running for job in chunk]
                running.clear()
                for job in broken:
                    yield _plan_alone(job)
                executor = _start(number)
                continue
            running.popleft()
            yield from outcomes
    finally:
        if running:  # interrupted: planning writes nothing, so it can be cut short
            from multiprocessing import active_children

            for worker in active_children():
                worker.terminate()
        executor.shutdown(wait=True, cancel_futures=True)


def _plan_alone(job: Job) -> Outcome:
    from concurrent.futures import BrokenExecutor

    with _start(1) as executor:
        try:
            return executor.submit(plan_file, job).result()
        except BrokenExecutor:
            return FileFailed(
                job.path,
                "RM902",
                "the process that converted it died",
                "this is a bug of rrule-migrate: report it with the file; the file is as it was",
            )


def _start(number: int) -> ProcessPoolExecutor:
    import multiprocessing
    import threading
    from concurrent.futures import ProcessPoolExecutor

    method = None
    if sys.platform == "linux" and threading.active_count() == 1:
        method = "fork"  # the workers share what is imported once, here
        import migrate.convert  # noqa: F401
    context = multiprocessing.get_context(method)
    return ProcessPoolExecutor(number, mp_context=context, initializer=_begin)


def _begin() -> None:
    """In a worker: an interrupt is the parent's business,
    and no worker outlives a parent that is killed."""
    from multiprocessing import parent_process
    from threading import Thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.join,), daemon=True).start()


def _plan_chunk(jobs: Chunk) -> tuple[Outcome, ...]:
    """In a worker, which lives for one run."""
    return plan_chunk(jobs, _MEMORY)


def _end_with(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _chunks(jobs: Iterable[Job], limit: int = _CHUNK_BYTES) -> Iterator[Chunk]:
    chunk: list[Job] = []
    size = 0
    for job in jobs:
        chunk.append(job)
        size += len(job.source)
        if size >= limit or len(chunk) >= _CHUNK_FILES:
            yield tuple(chunk)
            chunk, size = [], 0
    if chunk:
        yield tuple(chunk)
