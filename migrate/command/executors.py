"""Finds the executor that --executor names:
a Dask cluster, or whatever a function of the user's returns."""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from migrate.command.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator


def executor_for(name: str) -> AbstractContextManager[Executor]:
    """`dask://HOST:PORT`, or `MODULE:FUNCTION`, which is called without arguments."""
    scheme, separator, rest = name.partition("://")
    if separator:
        if scheme != "dask":
            raise Stop(
                f"--executor {name}: only dask:// is known; for others name a function, MODULE:FUNCTION"
            )
        return _dask(rest)
    return _of_function(name)


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        connect: Any = import_module("distributed").Client
    except ImportError:
        raise Stop(
            "--executor dask://: Dask is missing; pip install 'rrule-migrate[dask]'"
        ) from None
    try:
        client = connect(f"tcp://{address}", timeout="10s")
    except (OSError, ValueError) as error:
        raise Stop(
            f"--executor dask://{address}: no scheduler answers there ({error}); start one with `dask scheduler`"
        ) from None
    with client, client.get_executor() as executor:
        yield executor


@contextmanager
def _of_function(name: str) -> Iterator[Executor]:
    module, separator, function = name.partition(":")
    if not separator:
        raise Stop(f"--executor {name}: say dask://HOST:PORT or MODULE:FUNCTION")
    sys.path.insert(0, "")
    try:
        executor = getattr(import_module(module), function)()
        if not hasattr(executor, "submit"):
            raise TypeError(f"{function}() gave {executor!r}, which is no executor")
    except (ImportError, AttributeError) as error:
        raise Stop(
            f"--executor {name}: {error}; the module is looked for in this folder and on Python's path"
        ) from None
    except Exception as error:  # the user's code may fail in any way
        raise Stop(f"--executor {name}: failed: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove("")
    with executor:
        yield executor
