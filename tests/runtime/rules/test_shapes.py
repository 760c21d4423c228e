"""Functions that put elements in another shape or order."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers

rng = np.random.default_rng(0)


def some(*shape, dtype="f8"):
    return numbers(rng, shape, dtype)


def case(f, *args, **options):
    shapes = ", ".join(
        str(np.shape(a)) if isinstance(a, np.ndarray) else repr(a)[:24] for a in args
    )
    return pytest.param(f, args, options, id=f"{f.__name__}({shapes})")


CASES = [
    case(np.reshape, some(2, 3), (3, 2)),
    case(np.reshape, some(2, 3), -1, order="F"),
    case(np.reshape, 1.5, (1, 1)),
    case(np.ravel, some(2, 3)),
    case(np.ravel, some(2, 3), "F"),
    case(np.ravel, 1.5),
    case(np.squeeze, some(1, 3, 1)),
    case(np.squeeze, some(1, 3, 1), axis=0),
    case(np.expand_dims, some(3), (0, 2)),
    case(np.expand_dims, 1.5, 0),
    *[
        case(f, x)
        for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)
        for x in (1.5, some(3), some(2, 3))
    ],
    case(np.atleast_1d, 1.5, some(3)),
    case(np.transpose, some(2, 3, 4)),
    case(np.transpose, some(2, 3, 4), (2, 0, 1)),
    case(np.transpose, some(2, 3, 4), (-1, 0, 1)),
    case(np.swapaxes, some(2, 3, 4), 0, 2),
    case(np.moveaxis, some(2, 3, 4), (0, 1), (2, 0)),
    case(np.rollaxis, some(2, 3, 4), 2),
    case(np.rollaxis, some(2, 3, 4), 0, 2),
    case(np.rollaxis, some(2, 3, 4), -1, 1),
    case(np.broadcast_to, some(3), (2, 3)),
    case(np.broadcast_to, 1.5, (2, 3)),
    case(np.broadcast_to, some(2, 1), (4, 2, 3)),
    *[case(f, some(2, 3)) for f in (np.flip, np.fliplr, np.flipud, np.rot90)],
    case(np.flip, some(2, 3), 1),
    case(np.rot90, some(2, 3, 2), 1, (1, 2)),
    case(np.roll, some(2, 3), 1),
    case(np.roll, some(2, 3), (1, 2), (0, 1)),
    case(np.roll, some(2, 3), -2, axis=1),
    case(np.concatenate, [some(2, 3), some(1, 3)]),
    case(np.concatenate, (some(2, 3), some(2, 1)), 1),
    case(np.concatenate, [some(2, 3), some(1, 3)], None),
    case(np.concatenate, [some(2, dtype="c16"), some(3)]),
    case(np.stack, [some(3), some(3)], 1),
    case(np.stack, (1.5, 2.5)),
    case(np.hstack, [some(3), some(2)]),
    case(np.hstack, [some(2, 3), some(2, 2)]),
    case(np.vstack, [some(3), some(2, 3)]),
    case(np.column_stack, [some(3), some(3, 2)]),
    case(np.dstack, [some(3), some(3)]),
    case(np.append, some(3), some(2)),
    case(np.append, some(2, 3), some(1, 3), 0),
    case(np.split, some(6, 2), 3),
    case(np.split, some(6, 2), [2, 3]),
    case(np.array_split, some(7), 3),
    case(np.vsplit, some(4, 2), 2),
    case(np.hsplit, some(4, 2), 2),
    case(np.dsplit, some(2, 2, 4), 2),
    case(np.repeat, some(2, 3), 2),
    case(np.repeat, some(2, 3), 2, 1),
    case(np.repeat, some(3), np.array([0, 2, 1])),
    case(np.repeat, 1.5, 3),
    case(np.tile, some(3), (2, 1, 2)),
    case(np.tile, some(2, 3), 2),
    case(np.tile, 1.5, 3),
    case(np.take, some(3, 4), [0, 2, 2], 1),
    case(np.take, some(3, 4), [0, 2, 2]),
    case(np.take, some(3, 4), 1, 0),
    case(np.take, some(4), [5, -7], mode="wrap"),
    case(np.take, some(4), [5, -7], mode="clip"),
    case(np.diag, some(3)),
    case(np.diag, some(3, 4), 1),
    case(np.diag, some(3), -1),
    case(np.diagonal, some(3, 4)),
    case(np.diagonal, some(3, 4, 2), 1, 0, 2),
    case(np.diagflat, some(2, 2)),
    case(np.tril, some(3, 3)),
    case(np.triu, some(2, 3, 3), 1),
    case(np.trace, some(3, 4)),
    case(np.trace, some(3, 4, 2), 1, 0, 2),
    case(np.copy, some(3)),
]


@pytest.mark.parametrize(("f", "args", "options"), CASES)
def test_first_order(f, args, options):
    check_rule(f, *args, fkwargs=options)


@pytest.mark.parametrize(
    ("f", "args", "options"), [c for c in CASES if isinstance(c.values[1][0], np.ndarray)]
)
def test_second_order(f, args, options):
    check_second_order(lambda x: f(x, *args[1:], **options), args[0])
