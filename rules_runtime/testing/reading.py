"""What a rule gave for one argument, read against the argument: its structure, then its numbers."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules_runtime.tangents import AbstractZero, NotImplementedTangent, Tangent, ZeroTangent
from rules_runtime.thunks import unthunk

from .failures import Problem, shown
from .parts import Path, is_differentiable, is_number, leaves, parts, spoken


@dataclass
class Reading:
    """The numbers of a tangent by the path of their leaf, and what is wrong with its structure.

    A leaf whose tangent is declared as not implemented, or is wrong in structure, has no numbers.
    """

    numbers: dict[Path, NDArray[Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where
        self.found = Reading()
        self.above: list[
            int
        ] = []  # the structures around: one that holds itself is not entered twice

    def complain(self, path: Path, what: str, **facts: Any) -> None:
        spelled = tuple((label.replace("_", " "), shown(fact)) for label, fact in facts.items())
        self.found.problems.append(Problem(self.where + spoken(path), what, spelled))

    def read(self, primal: Any, tangent: Any, path: Path) -> None:
        try:
            tangent = unthunk(tangent)
        except Exception as error:
            self.complain(path, f"the thunk raised {type(error).__name__}: {error}")
            return
        if isinstance(tangent, NotImplementedTangent) or _holds_objects(primal):
            return
        if self._is_left_over(primal, tangent, path):
            return
        if is_number(primal):
            self._read_number(primal, tangent, path)
        elif not is_differentiable(primal):
            self._read_no_tangent(primal, tangent, path)
        else:
            self._read_structure(primal, tangent, path)

    def _is_left_over(self, primal: Any, tangent: Any, path: Path) -> bool:
        if tangent is None:
            self.complain(
                path, "None was left over; a tangent of zero is ZeroTangent() or NoTangent()"
            )
            return True
        if isinstance(tangent, (tuple, list, dict)):
            kind = type(tangent).__name__
            expected = "an array" if is_number(primal) else f"Tangent[{type(primal).__name__}]"
            self.complain(
                path,
                f"a plain {kind} was left over where {expected} belongs",
                the_rule_gave=tangent,
            )
            return True
        return False

    def _read_number(self, primal: Any, tangent: Any, path: Path) -> None:
        shape = np.shape(primal)
        if isinstance(tangent, AbstractZero):
            self.found.numbers[path] = np.zeros(shape)
            return
        kind = f"{type(primal).__name__} of shape {shape}" if shape else type(primal).__name__
        if isinstance(tangent, Tangent) or not _is_numeric(tangent):
            self.complain(
                path,
                f"a {type(tangent).__name__} cannot be the tangent of a {kind}",
                the_rule_gave=tangent,
            )
            return
        numbers = np.asarray(tangent)
        if numbers.shape != shape:
            self.complain(
                path,
                f"the tangent has shape {numbers.shape}, the primal has shape {shape}"
                + (": sum over what was broadcast" if numbers.ndim >= len(shape) else "")
                + " (ProjectTo)",
                the_rule_gave=tangent,
            )
        elif np.iscomplexobj(numbers) and not np.iscomplexobj(primal):
            self.complain(
                path,
                "the tangent is complex, the primal is real: it was not projected (ProjectTo)",
                the_rule_gave=tangent,
            )
        else:
            self.found.numbers[path] = numbers

    def _read_no_tangent(self, primal: Any, tangent: Any, path: Path) -> None:
        if isinstance(tangent, AbstractZero) or _is_numeric_zero(primal, tangent):
            return
        if isinstance(tangent, Tangent) and parts(primal) is not None:
            self._read_parts(primal, tangent, path)
            return
        self.complain(
            path,
            f"a {type(primal).__name__} is not differentiable: its tangent must be a zero, NoTangent()",
            the_rule_gave=tangent,
        )

    def _read_structure(self, primal: Any, tangent: Any, path: Path) -> None:
        if isinstance(tangent, AbstractZero):
            for inner, leaf in leaves(primal):
                self.read(leaf, tangent, (*path, *inner))
        elif not isinstance(tangent, Tangent):
            self.complain(
                path,
                f"a {type(tangent).__name__} cannot be the tangent of a {type(primal).__name__}:"
                f" Tangent[{type(primal).__name__}] belongs here",
                the_rule_gave=tangent,
            )
        else:
            self._read_parts(primal, tangent, path)

    def _read_parts(self, primal: Any, tangent: Any, path: Path) -> None:
        if not self._check_kind(primal, tangent, path):
            return
        if id(primal) in self.above:
            return
        self.above.append(id(primal))
        by_position = isinstance(primal, (tuple, list, collections.deque))
        for position, (step, part) in enumerate((parts(primal) or {}).items()):
            try:
                given = tangent[position if by_position else step.name]
            except IndexError:
                given = ZeroTangent()  # beyond what was given
            except Exception as error:
                self.complain((*path, step), f"the thunk raised {type(error).__name__}: {error}")
                continue
            self.read(part, given, (*path, step))
        self.above.pop()

    def _check_kind(self, primal: Any, tangent: Any, path: Path) -> bool:
        """Whether the type and the names of a structured tangent fit its primal."""
        if not isinstance(primal, tangent.primal_type):
            self.complain(
                path,
                f"the tangent is of another type: Tangent[{tangent.primal_type.__name__}]"
                f" for a {type(primal).__name__}",
                the_rule_gave=tangent,
            )
            return False
        inner = parts(primal) or {}
        if isinstance(primal, (tuple, list, collections.deque)):
            if len(tangent) > len(inner):
                self.complain(
                    path,
                    f"the tangent has {len(tangent)} parts, the {type(primal).__name__} has {len(inner)}",
                    the_rule_gave=tangent,
                )
                return False
            return True
        names = [step.name for step in inner]
        wrong = [key for key in tangent.keys() if key not in names]  # noqa: SIM118
        for key in wrong:
            kind = "key" if isinstance(primal, Mapping) else "field"
            self.complain(
                path,
                f"the tangent has a {kind} {key!r}, which the {type(primal).__name__} has not"
                f" (it has {', '.join(map(repr, names))})",
                the_rule_gave=tangent,
            )
        return not wrong


def read_tangent(primal: Any, tangent: Any, where: str) -> Reading:
    """Read the tangent that a rule gave for `primal`; thunks are run, missing fields are zero."""
    reader = _Reader(where)
    reader.read(primal, tangent, ())
    return reader.found


def _holds_objects(primal: Any) -> bool:
    """Arrays of objects are not looked into."""
    return isinstance(primal, np.ndarray) and primal.dtype.kind == "O"


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    if isinstance(value, (bool, int, float, complex, np.generic, np.ndarray)):
        return np.asarray(value).dtype.kind in "biufc"
    return hasattr(value, "__array__") and np.asarray(value).dtype.kind in "biufc"


def _is_numeric_zero(primal: Any, tangent: Any) -> bool:
    """An integer may get a 0, an array of integers an array of zeros of its shape."""
    if not isinstance(primal, (int, np.integer, np.bool_, np.ndarray)) or not _is_numeric(tangent):
        return False
    return np.shape(tangent) == np.shape(primal) and not np.any(np.asarray(tangent))
