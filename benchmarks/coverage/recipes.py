"""Arguments for every function that autograd has rules for: what rules are called with.

A key is a name below the package `autograd`; its calls are tried in both worlds. The worker adds
complex and float32 variants of its own, so those stand here only where they need care.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Made:
    """An argument that the package itself makes: `package.<name>(*arguments)`."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Call:
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    as_it_is: bool = False  # no complex and float32 variants


random = np.random.default_rng(11)


def real(*shape: int, low: float = 0.3, high: float = 0.9) -> Any:
    return random.uniform(low, high, shape) if shape else float(random.uniform(low, high))


def signed(*shape: int) -> Any:
    return random.normal(size=shape) if shape else float(random.normal())


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


def exact(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs, as_it_is=True)


def positive(n: int) -> Any:
    a = signed(n, n)
    return a @ a.T + n * np.eye(n)


def regular(*shape: int) -> Any:
    return signed(*shape) + 2 * np.eye(shape[-1])


def hermitian(n: int) -> Any:
    a = signed(n, n) + 1j * signed(n, n)
    return a + a.conj().T


def add_one(x: Any) -> Any:
    x[0] += 1.0
    return x


def halving(a: Any) -> Callable[[Any], Any]:
    return lambda x: 0.5 * (x + a / x)


def distance(x: Any, y: Any) -> Any:
    return abs(x - y)


def decay(y: Any, t: Any, rate: Any) -> Any:
    return -rate * y


def unary(*names: str, low: float = 0.3, high: float = 0.9) -> Iterator[tuple[str, list[Call]]]:
    for name in names:
        yield (
            f"numpy.{name}",
            [
                call(real(3, 4, low=low, high=high)),
                call(real(low=low, high=high)),
                call(real(0, 2, low=low, high=high)),
                call(real(4, 3, low=low, high=high).T),
            ],
        )


def binary(*names: str) -> Iterator[tuple[str, list[Call]]]:
    for name in names:
        yield (
            f"numpy.{name}",
            [
                call(real(3, 4), real(3, 4)),
                call(real(3, 4), real(4)),
                call(real(3, 1), real(1, 4)),
                call(real(), real(3)),
                call(real(2, 3), 2.0),
                call(real(), real()),
                call(real(0, 3), real(3)),
            ],
        )


def reduction(*names: str, empty: bool = True, **keywords: Any) -> Iterator[tuple[str, list[Call]]]:
    for name in names:
        yield (
            f"numpy.{name}",
            [
                call(signed(3, 4), **keywords),
                call(signed(3, 4), 0, **keywords),
                call(signed(3, 4), axis=1, keepdims=True, **keywords),
                call(signed(2, 3, 4), axis=(0, 2), **keywords),
                call(signed(2, 3, 4), axis=-1, **keywords),
                call(signed(5), **keywords),
            ]
            + ([call(signed(0, 3), axis=0)] if empty else []),
        )


def shapes() -> dict[str, list[Call]]:
    x, cube = signed(3, 4), signed(2, 3, 4)
    return {
        "numpy.reshape": [
            call(x, (4, 3)),
            call(x, -1),
            call(x, (2, 6), order="F"),
            call(signed(0, 3), (3, 0)),
        ],
        "numpy.ravel": [call(x), call(x, order="F"), call(signed(3, 2).T)],
        "numpy.expand_dims": [call(x, 0), call(x, axis=-1), call(signed(), 0)],
        "numpy.squeeze": [call(signed(3, 1, 2)), call(signed(1, 3, 1), axis=0)],
        "numpy.roll": [call(x, 2), call(x, 1, axis=0), call(x, -1, axis=1)],
        "numpy.diag": [
            call(signed(4)),
            call(signed(4, 4)),
            call(signed(4, 4), 1),
            call(signed(3), -1),
        ],
        "numpy.diagonal": [call(signed(3, 3)), call(signed(2, 3, 3), 0, -1, -2)],
        "numpy.make_diagonal": [
            call(signed(2, 3), 0, -1, -2),
            call(signed(3), offset=0, axis1=-1, axis2=-2),
        ],
        "numpy.flipud": [call(x)],
        "numpy.fliplr": [call(x)],
        "numpy.rot90": [call(x), call(x, 3), call(x, k=2)],
        "numpy.trace": [call(signed(3, 3)), call(signed(4, 4), 1), call(signed(3, 3, 2))],
        "numpy.triu": [call(signed(3, 3)), call(x, 1), call(x, k=-1)],
        "numpy.tril": [call(signed(3, 3)), call(x, 1), call(x, k=-1)],
        "numpy.swapaxes": [call(cube, 0, 2), call(cube, -1, 1)],
        "numpy.moveaxis": [call(cube, 0, -1), call(cube, (0, 1), (1, 2))],
        "numpy.rollaxis": [call(cube, 2), call(cube, 1, 3)],
        "numpy.transpose": [
            call(x),
            call(cube, (2, 0, 1)),
            call(cube, axes=(1, 2, 0)),
            call(cube, (-1, 0, 1)),
        ],
        "numpy.repeat": [
            call(signed(4), 2, 0),
            call(x, 2),
            call(x, 2, axis=0),
            call(x, 3, axis=1),
            call(x, [1, 2, 0], axis=0),
        ],
        "numpy.tile": [call(x, 2), call(x, (2, 3)), call(signed(3), (2, 2)), call(signed(), 3)],
        "numpy.broadcast_to": [
            call(signed(3, 1), (3, 4)),
            call(signed(4), (3, 4)),
            call(signed(3, 1), (2, 3, 4)),
            call(signed(), (2,)),
        ],
        "numpy.full": [call((2, 3), signed()), call((2, 3), signed(3)), call((0, 3), signed())],
        "numpy.atleast_1d": [call(signed()), call(x)],
        "numpy.atleast_2d": [call(signed()), call(signed(3)), call(x)],
        "numpy.atleast_3d": [call(signed()), call(signed(3)), call(cube)],
        "numpy.array_split": [call(signed(7), 3), call(signed(7, 2), [2, 5]), call(x, 2, axis=1)],
        "numpy.split": [call(signed(6), 3), call(x, [1, 2]), call(x, 2, axis=1)],
        "numpy.vsplit": [call(signed(4, 2), 2), call(signed(4, 2), [1])],
        "numpy.hsplit": [call(x, 2), call(x, [1, 3])],
        "numpy.dsplit": [call(cube, 2), call(cube, [1])],
        "numpy.concatenate_args": [
            call(0, signed(2, 3), signed(1, 3)),
            call(1, signed(2, 1), signed(2, 2), signed(2, 3)),
            call(-1, signed(2), signed(3)),
            call(0, signed(0, 2), signed(2, 2)),
        ],
        "numpy.array_from_args": [
            call((), {}, signed(3), signed(3)),
            call((), {}, signed(), signed(), signed()),
            call(signed(3), signed(3)),
        ],
        "numpy.numpy_wrapper._array_from_scalar_or_array": [
            call((), {}, signed()),
            call((), {}, x),
            call((float,), {}, x),
            call((), {"ndmin": 2}, signed(3)),
        ],
        "numpy._astype": [exact(x, float), exact(x.astype(np.float32), np.float64)],
        "numpy.astype": [exact(x, float), exact(x, np.float32)],
        "numpy.pad": [
            call(x, 1, "constant"),
            call(x, ((1, 0), (0, 2)), "constant"),
            call(signed(3), (1, 2), mode="constant"),
        ],
        "numpy.array": [call(x), call(signed())],
        "numpy.append": [call(signed(3), signed(2))],
    }


def indexing() -> dict[str, list[Call]]:
    x = signed(3, 4)
    places = (
        (slice(None), 1),
        slice(1, None),
        [0, 2, 0],
        (..., None, 2),
        2,
        np.array([True, False, True]),
    )
    outs: dict[str, list[Call]] = {
        "numpy.numpy_boxes.ArrayBox.__getitem__": [call(x, place) for place in places],
        "numpy.numpy_vjps.untake": [
            exact(signed(3), (slice(None), 1), Made("extend.vspace", (x,))),
            exact(signed(2, 4), slice(1, None), Made("extend.vspace", (x,))),
        ],
        "numpy.numpy_extra.untake": [
            exact(signed(2, 4), slice(1, None), Made("core.vspace", (x,))),
            exact(signed(2, 4), slice(1, None), x),
        ],
        "numpy.take": [call(x, [0, 2], axis=0), call(x, [1, 1, 3])],
        "numpy.where": [
            call(np.array([True, False, True]), signed(3), signed(3)),
            call(x > 0, signed(3, 4), signed(4)),
            call(x > 0, signed(), signed(3, 1)),
        ],
        "numpy._original_where": [
            call(np.array([True, False, True]), signed(3), signed(3)),
            call(x > 0, signed(3, 4), signed(4)),
            call(x > 0, signed(), signed(3, 1)),
        ],
        "numpy.clip": [call(x, -0.5, 0.5), call(x, 0.0, 1.0)],
        "numpy.select": [],
        "numpy.sort": [call(signed(5)), exact(x), exact(x, axis=0)],
        "numpy.msort": [call(signed(5))],
        "numpy.partition": [call(signed(6), 2), exact(x, 1)],
        "numpy.nan_to_num": [call(x), exact(np.array([1.0, np.nan, np.inf]))],
        "numpy.real_if_close": [call(x), exact(x + 0j)],
        "numpy.cross": [
            call(signed(3), signed(3)),
            call(signed(2, 3), signed(2, 3)),
            call(signed(2, 3), signed(3)),
            call(signed(3, 2), signed(3, 2), axis=0),
            call(signed(2, 3), signed(3, 2), -1, 0),
        ],
        "numpy.linspace": [
            call(signed(), signed(), 5),
            call(signed(3), signed(3), num=4),
            call(signed(), signed()),
        ],
        "numpy.diff": [call(x), call(x, 2), call(x, axis=0), call(signed(6), n=1)],
        "numpy.gradient": [
            call(signed(5)),
            call(signed(4, 5)),
            call(signed(4, 5), axis=0),
            call(signed(5), edge_order=1),
        ],
        "numpy.cumsum": [call(x), call(x, 0), call(x, axis=1), call(signed(4)), call(signed(0))],
        "builtins.container_take": [
            call([signed(3), signed()], 1),
            call((signed(3), signed()), 0),
            call({"a": signed(2), "b": signed()}, "a"),
        ],
        "builtins.sequence_extend_right": [
            call([signed(3)], signed(), signed(2)),
            call((signed(3), signed()), signed(2)),
        ],
        "builtins.sequence_extend_left": [
            call([signed(3)], signed(), signed(2)),
            call((signed(3), signed()), signed(2)),
        ],
        "builtins.make_sequence": [
            call(list, signed(3), signed()),
            call(tuple, signed(), signed(2)),
        ],
        "builtins._make_dict": [call(["a", "b"], [signed(3), signed()])],
        "builtins.container_untake": [
            exact(signed(3), 1, Made("extend.vspace", ([signed(2), signed(3)],))),
        ],
        # the older packages
        "core.identity": [call(x)],
        "container_types.sequence_take": [
            call([signed(3), signed()], 1),
            call((signed(3), signed()), 0),
        ],
        "container_types.dict_take": [call({"a": signed(2), "b": signed()}, "a")],
        "container_types.make_list": [call(signed(3), signed())],
        "container_types.list_take": [call([signed(3), signed()], 1)],
        "container_types.tuple_take": [call((signed(3), signed()), 0)],
        "numpy.numpy_extra.take": [call(x, place) for place in places],
        "numpy.numpy_grads.unbroadcast": [],
    }
    return outs


def vector_space() -> dict[str, list[Call]]:
    x, y = signed(3), signed(3)
    vs = Made("extend.vspace", (x,))
    zs = Made("extend.vspace", (x + 0j,))
    z, w = signed(3) + 1j * signed(3), signed(3) + 1j * signed(3)
    return {
        "core.sparse_add": [exact(vs, x, Made("core.SparseObject", (vs, add_one)))],
        "core.VSpace.add": [exact(vs, x, y), exact(zs, z, w)],
        "core.VSpace.mut_add": [exact(vs, x.copy(), y)],
        "core.VSpace.inner_prod": [exact(vs, x, y)],
        "core.VSpace.covector": [exact(vs, x), exact(zs, z)],
        "core.VSpace.scalar_mul": [exact(vs, x, 0.7)],
    }


def products() -> dict[str, list[Call]]:
    a, b = signed(3, 4), signed(4, 2)
    out = {
        "numpy.dot": [
            call(a, b),
            call(a, signed(4)),
            call(signed(3), a),
            call(signed(4), signed(4)),
            call(2.0, a),
            call(signed(2, 3, 4), b),
            call(signed(2, 3, 4), signed(2, 4, 2)),
        ],
        "numpy.matmul": [
            call(a, b),
            call(a, signed(4)),
            call(signed(3), a),
            call(signed(4), signed(4)),
            call(signed(2, 3, 4), b),
            call(signed(5, 1, 3, 4), signed(2, 4, 2)),
        ],
        "numpy.inner": [
            call(signed(4), signed(4)),
            call(a, signed(2, 4)),
            call(a, signed(4)),
            call(a, 2.0),
        ],
        "numpy.outer": [
            call(signed(3), signed(2)),
            call(signed(), signed(3)),
            call(signed(2, 2), signed(3)),
        ],
        "numpy.kron": [call(signed(2, 2), signed(3, 2)), call(signed(2, 1), signed(2, 3))],
        "numpy.tensordot": [
            call(signed(2, 3, 4), signed(3, 4, 2)),
            call(a, b, 1),
            call(signed(2), signed(3), 0),
            call(signed(2, 3, 4), signed(4, 3, 2), ([1, 2], [1, 0])),
            call(signed(2, 3), signed(3, 2), axes=[1, 0]),
        ],
        "numpy.einsum": [
            call("ij,jk->ik", a, b),
            call("ij->ji", a),
            call("ij,ij->", a, signed(3, 4)),
            call("...i,...i->...", signed(2, 3), signed(2, 3)),
            call("ii->i", signed(3, 3)),
            call("ij,j", a, signed(4)),
            call(a, [0, 1], b, [1, 2], [0, 2]),
        ],
    }
    for x, y in ((a, b), (a, signed(4)), (signed(4), signed(4)), (signed(2, 3, 4), b)):
        mx, my = Made("numpy.metadata", (x,)), Made("numpy.metadata", (y,))
        g = signed(*np.shape(np.dot(x, y))) if np.ndim(np.dot(x, y)) else np.array(signed())
        out.setdefault("numpy.numpy_vjps.dot_adjoint_0", []).append(exact(y, g, mx, my))
        out.setdefault("numpy.numpy_vjps.dot_adjoint_1", []).append(exact(x, g, mx, my))
        g = np.asarray(signed(*np.shape(np.tensordot(x, y, 1))))
        nx, ny = np.ndim(x), np.ndim(y)
        out.setdefault("numpy.numpy_vjps.tensordot_adjoint_0", []).append(exact(y, g, 1, nx, ny))
        out.setdefault("numpy.numpy_vjps.tensordot_adjoint_1", []).append(exact(x, g, 1, nx, ny))
        out.setdefault("numpy.numpy_grads.dot_adjoint_0", []).append(exact(y, g, mx, my))
        out.setdefault("numpy.numpy_grads.dot_adjoint_1", []).append(exact(x, g, mx, my))
        out.setdefault("numpy.numpy_grads.tensordot_adjoint_0", []).append(exact(y, g, 1, nx, ny))
        out.setdefault("numpy.numpy_grads.tensordot_adjoint_1", []).append(exact(x, g, 1, nx, ny))
    return out


def fourier() -> dict[str, list[Call]]:
    x = signed(4, 6)
    z = x + 1j * signed(4, 6)
    out = {}
    for name in ("fft", "ifft"):
        out[f"numpy.fft.{name}"] = [
            call(signed(5)),
            call(x, axis=0),
            call(x, 8),
            call(x, None, 0),
            call(x, norm="ortho"),
        ]
    for name in ("fft2", "ifft2", "fftn", "ifftn"):
        out[f"numpy.fft.{name}"] = [
            call(x),
            call(signed(2, 3, 4), axes=(0, 2)),
            call(x, (4, 8)),
            call(x, norm="ortho"),
        ]
    out["numpy.fft.rfft"] = [
        exact(signed(6)),
        exact(x, axis=0),
        exact(x, 8),
        exact(x, norm="ortho"),
    ]
    out["numpy.fft.rfft2"] = [
        exact(x),
        exact(signed(2, 4, 4), axes=(0, 2)),
        exact(x, (4, 8)),
        exact(x, norm="ortho"),
    ]
    out["numpy.fft.rfftn"] = [
        exact(x),
        exact(signed(2, 4, 4)),
        exact(x, norm="ortho"),
        exact(x, axes=(1, 0)),
    ]
    out["numpy.fft.irfft"] = [
        exact(np.fft.rfft(x)),
        exact(np.fft.rfft(x, axis=0), axis=0),
        exact(z[:, :4], norm="ortho"),
    ]
    out["numpy.fft.irfft2"] = [exact(np.fft.rfft2(x)), exact(np.fft.rfft2(x), norm="ortho")]
    out["numpy.fft.irfftn"] = [exact(np.fft.rfftn(x)), exact(np.fft.rfftn(x), norm="ortho")]
    out["numpy.fft.fftshift"] = [call(x), call(x, axes=0), call(signed(5))]
    out["numpy.fft.ifftshift"] = [call(x), call(x, axes=0), call(signed(5))]
    out["numpy.fft.truncate_pad"] = [call(x, (3, 8)), call(x, (4, 6))]
    return out


def linear_algebra() -> dict[str, list[Call]]:
    a, many = regular(3, 3), regular(2, 3, 3)
    norms = [
        call(signed(4)),
        call(signed(3, 4)),
        call(signed(3, 4), axis=0),
        call(signed(3, 4), 2, 1),
        call(signed(4), 3),
        call(signed(3, 4), "fro"),
        call(signed(3, 4), ord="nuc"),
        call(signed(2, 3, 4), axis=(1, 2)),
        call(signed(3, 4), ord=1, axis=0),
    ]
    return {
        "numpy.linalg.det": [call(a), call(many)],
        "numpy.linalg.slogdet": [call(a), call(many), call(-positive(3))],
        "numpy.linalg.inv": [call(a), call(many)],
        "numpy.linalg.pinv": [call(a), call(signed(4, 3)), call(signed(2, 3, 4))],
        "numpy.linalg.solve": [
            call(a, signed(3)),
            call(a, signed(3, 2)),
            call(many, signed(2, 3, 2)),
        ],
        "numpy.linalg._primitive_norm": norms,
        "numpy.linalg.norm": norms,
        "numpy.linalg.eigh": [
            exact(positive(3)),
            exact(hermitian(3)),
            exact(np.stack([positive(3), positive(3)])),
            exact(positive(3), "U"),
            exact(positive(3), UPLO="L"),
        ],
        "numpy.linalg.eig": [
            exact(positive(3)),
            exact(signed(3, 3)),
            exact(np.stack([positive(2), signed(2, 2)])),
            exact(a + 1j * signed(3, 3)),
        ],
        "numpy.linalg.cholesky": [exact(positive(3)), exact(np.stack([positive(3), positive(3)]))],
        "numpy.linalg.svd": [
            exact(signed(4, 3), full_matrices=False),
            exact(signed(3, 4), False),
            exact(signed(3, 3)),
            exact(signed(2, 3, 4), full_matrices=False),
            exact(signed(4, 3), compute_uv=False),
            exact(signed(3, 2) + 1j * signed(3, 2), full_matrices=False),
        ],
        "scipy.linalg.sqrtm": [call(positive(3))],
        "scipy.linalg.solve_triangular": [
            call(np.triu(a), signed(3)),
            call(np.tril(a), signed(3, 2), lower=True),
            call(np.triu(a), signed(3), trans=1),
            call(np.triu(a), signed(3), trans="T"),
        ],
        "scipy.linalg.solve_banded": [
            exact((1, 1), np.array([[0.0, 1, 1], [4, 4, 4], [1, 1, 0]]), signed(3)),
            exact((1, 0), np.array([[4.0, 4, 4], [1, 1, 0]]), signed(3)),
        ],
        "scipy.linalg.solve_sylvester": [
            exact(positive(3), positive(2), signed(3, 2)),
            call(positive(2), positive(2), signed(2, 2)),
        ],
        "scipy.linalg.inv": [call(a)],
        "scipy.linalg.det": [call(a)],
        "scipy.linalg.cholesky": [exact(positive(3))],
        "scipy.linalg.solve_discrete_lyapunov": [exact(0.1 * a, positive(3))],
    }


def special() -> dict[str, list[Call]]:
    out: dict[str, list[Call]] = {}
    for (
        name
    ) in "psi digamma gamma gammaln rgamma gammasgn j0 y0 j1 y1 i0 i1 erf erfc logit expit".split():
        out[f"scipy.special.{name}"] = [call(real(3, 4)), call(real()), call(real(0, 2))]
    for name in ("erfinv", "erfcinv"):
        out[f"scipy.special.{name}"] = [call(real(3)), call(real())]
    for name in "jn yn iv ive".split():
        out[f"scipy.special.{name}"] = [
            call(2, real(3)),
            call(1, real()),
            call(np.array([[0], [1]]), real(3)),
            call(real(), real(3)),
            call(real(3, 1), real(2)),
        ]
    out["scipy.special.polygamma"] = [
        call(1, real(3)),
        call(2, real()),
        call(np.array([[0], [1]]), real(3)),
        call(0, real(2)),
    ]
    for name in ("beta", "betaln"):
        out[f"scipy.special.{name}"] = [
            call(real(3), real(3)),
            call(real(), real(3)),
            call(real(3, 1), real(2)),
        ]
    for name in ("gammainc", "gammaincc"):
        out[f"scipy.special.{name}"] = [
            call(real(3), real(3)),
            call(1.5, real(3)),
            call(2.0, real()),
        ]
    out["scipy.special.betainc"] = [
        call(real(3), real(3), real(3)),
        call(1.5, 2.0, real(3)),
        call(1.5, 2.0, real()),
    ]
    out["scipy.special.multigammaln"] = [call(3.5 + real(3), 2), call(4.5, 3)]
    out["scipy.special.logsumexp"] = [
        call(signed(3, 4)),
        call(signed(3, 4), 0),
        call(signed(3, 4), axis=1, keepdims=True),
        call(signed(5), b=real(5)),
        call(signed(3, 4), 1, real(3, 4)),
        call(signed(2, 3, 4), axis=(0, 2)),
    ]
    return out


def distributions() -> dict[str, list[Call]]:
    out: dict[str, list[Call]] = {}
    x = real(3)

    def several(dist: str, names: str, calls: Callable[[], list[Call]]) -> None:
        for name in names.split():
            out[f"scipy.stats.{dist}.{name}"] = calls()

    several(
        "norm",
        "pdf cdf logpdf logcdf logsf sf",
        lambda: [
            call(x, real(3), real(3)),
            call(signed(2, 3), real(3), real()),
            call(signed()),
            call(signed(3), loc=0.2, scale=1.3),
            call(signed(0)),
            call(signed(3), 0.5),
        ],
    )
    several(
        "t",
        "pdf cdf logpdf logcdf",
        lambda: [
            call(x, 3 + real(3), real(3), real(3)),
            call(signed(2, 3), 4.0, real(3), real()),
            call(signed(), 3.5),
            call(signed(3), 5.0, loc=0.2, scale=1.3),
        ],
    )
    several(
        "beta",
        "cdf logpdf pdf",
        lambda: [
            call(x, 1 + real(3), 1 + real(3)),
            call(real(), 1.5, 2.0),
            call(x, real(2, 1) + 1, 2.0),
        ],
    )
    several(
        "gamma",
        "cdf logpdf pdf",
        lambda: [call(x, 1 + real(3)), call(real(), 1.5), call(x, 1 + real(2, 1))],
    )
    several(
        "chi2",
        "cdf logpdf pdf",
        lambda: [call(x, 3.0), call(real(), 4.0), call(x, np.array([[3.0], [4.0]]))],
    )
    several(
        "poisson",
        "cdf logpmf pmf",
        lambda: [
            call(np.array([1, 2, 3]), 1 + real(3)),
            call(2, 1.5),
            call(np.array([1, 2]), 1 + real(3, 1)),
        ],
    )
    several("dirichlet", "logpdf pdf", lambda: [call(np.array([0.2, 0.3, 0.5]), 1 + real(3))])
    several(
        "multivariate_normal",
        "logpdf pdf",
        lambda: [
            call(signed(3), signed(3), positive(3)),
            call(signed(4, 3), signed(3), positive(3)),
            call(signed(3), signed(3), positive(3), False),
        ],
    )
    out["scipy.stats.multivariate_normal.entropy"] = [
        call(signed(3), positive(3)),
        call(None, positive(2)),
    ]
    return out


def others() -> dict[str, list[Call]]:
    same = [(signed(5), signed(3)), (signed(4, 5), signed(2, 3))]
    modes = ("full", "valid")
    return {
        "scipy.signal.convolve": [
            call(a, b, mode=mode) for (a, b), mode in itertools.product(same, modes)
        ]
        + [
            call(signed(4, 5), signed(2, 3), axes=([0, 1], [0, 1])),
            call(signed(2, 4, 5), signed(2, 3), axes=([2], [1]), dot_axes=([0], [0])),
        ],
        "misc.fixed_points.fixed_point": [exact(halving, 2.0, 1.0, distance, 1e-12)],
        "scipy.integrate.odeint": [
            exact(decay, np.array([1.0, 0.5]), np.array([0.0, 0.3, 1.0]), (0.7,))
        ],
    }


def recipes() -> dict[str, list[Call]]:
    """Every key with its calls. The same numbers each time."""
    global random
    random = np.random.default_rng(11)
    table: dict[str, list[Call]] = {}
    table.update(
        unary(
            *"negative abs absolute fabs reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos "
            "arctan sinh cosh tanh arcsinh arctanh rad2deg degrees deg2rad radians square sqrt sinc real imag "
            "conj conjugate angle sign".split()
        )
    )
    table.update(unary("arccosh", low=1.2, high=2.0))
    table.update(
        binary(
            *"add multiply subtract divide true_divide maximum minimum fmax fmin logaddexp logaddexp2 mod "
            "remainder power arctan2 hypot".split()
        )
    )
    table["numpy.maximum"].append(call(np.array([1.0, 2.0]), np.array([1.0, 3.0])))
    table["numpy.power"] += [call(real(3), 3), call(real(3), 0.0), call(np.array([0.0, 1.0]), 2.0)]
    table["numpy.abs"].append(call(np.array([0.0, -1.0, 2.0])))
    table["numpy.sinc"].append(call(np.array([0.0, 0.5])))
    table["numpy.angle"].append(call(signed(3), deg=True))
    for name in ("fabs", "real", "imag", "conj", "negative"):
        table[f"numpy.{name}"].append(call(signed(4)))
    table.update(reduction("sum", "_primitive_mean", "mean", "prod"))
    table.update(reduction("_primitive_var", "_primitive_std", "var", "std", empty=False))
    for name in ("_primitive_var", "_primitive_std", "var", "std"):
        table[f"numpy.{name}"].append(call(signed(3, 4), axis=0, ddof=1))
    table.update(reduction("max", "min", "amax", "amin", empty=False))
    table["numpy.numpy_wrapper._primitive_mean"] = table.pop("numpy._primitive_mean")
    table["numpy.numpy_wrapper._primitive_var"] = table.pop("numpy._primitive_var")
    table["numpy.numpy_wrapper._primitive_std"] = table.pop("numpy._primitive_std")
    for part in (
        shapes,
        indexing,
        vector_space,
        products,
        fourier,
        linear_algebra,
        special,
        distributions,
        others,
    ):
        table.update(part())
    return table
