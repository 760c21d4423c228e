"""Functions of many kinds, each with its gradient written by hand in numpy:
the floor that `gradients.py` compares with.

`f(*params, *data)` gives a number, `f_hand` the same number and its gradients by the parameters, as
somebody would write them who cares for speed: what the forward pass has computed is used again,
updates are in place, and no operation is done twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.special

windows = np.lib.stride_tricks.sliding_window_view

# ---- images and grids ------------------------------------------------------------------


def conv2d(kernel: Any, bias: Any, images: Any) -> Any:
    """Two-dimensional convolution with channels: windows and one product; ReLU."""
    seen = windows(images, (5, 5), axis=(2, 3))
    out = np.tensordot(seen, kernel, axes=([1, 4, 5], [1, 2, 3])) + bias
    return np.sum(np.maximum(out, 0.0) ** 2)


def conv2d_hand(kernel: Any, bias: Any, images: Any) -> Any:
    seen = windows(images, (5, 5), axis=(2, 3))
    rows = seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, kernel[0].size)
    flat = kernel.reshape(len(kernel), -1)
    out = rows @ flat.T
    out += bias
    np.maximum(out, 0.0, out=out)
    value = np.dot(out.ravel(), out.ravel())
    out *= 2.0
    return value, ((out.T @ rows).reshape(kernel.shape), out.sum(axis=0))


def shifted_sum(kernel: Any, image: Any) -> Any:
    """A 5x5 filter by shifted slices."""
    h, w = image.shape[0] - 4, image.shape[1] - 4
    out = 0.0
    for i in range(5):
        for j in range(5):
            out = out + kernel[i, j] * image[i : i + h, j : j + w]
    return np.sum(np.tanh(out))


def shifted_sum_hand(kernel: Any, image: Any) -> Any:
    h, w = image.shape[0] - 4, image.shape[1] - 4
    out = np.zeros((h, w))
    for i in range(5):
        for j in range(5):
            out += kernel[i, j] * image[i : i + h, j : j + w]
    out = np.tanh(out)
    g = 1.0 - out * out
    gk, gi = np.empty_like(kernel), np.zeros_like(image)
    for i in range(5):
        for j in range(5):
            part = image[i : i + h, j : j + w]
            gk[i, j] = np.einsum("ij,ij->", g, part)
            gi[i : i + h, j : j + w] += kernel[i, j] * g
    return np.sum(out), (gk, gi)


def reaction(u: Any, rate: Any, steps: int = 10) -> Any:
    """Reaction and diffusion on a torus, with np.roll."""
    for _ in range(steps):
        near = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
        u = u + rate * (near - 4.0 * u) + 0.1 * (u - u**3)
    return np.mean(u**2)


def reaction_hand(u: Any, rate: Any, steps: int = 10) -> Any:
    kept = []
    for _ in range(steps):
        lap = np.roll(u, 1, 0) + np.roll(u, -1, 0)
        lap += np.roll(u, 1, 1)
        lap += np.roll(u, -1, 1)
        lap -= 4.0 * u
        square = u * u
        kept.append((lap, square))
        new = rate * lap
        new += u * (1.1 - 0.1 * square)
        u = new
    g = u * (2.0 / u.size)
    value = np.dot(u.ravel(), u.ravel()) / u.size
    grate = 0.0
    for lap, square in reversed(kept):
        grate += np.dot(g.ravel(), lap.ravel())
        near = np.roll(g, -1, 0) + np.roll(g, 1, 0)
        near += np.roll(g, -1, 1)
        near += np.roll(g, 1, 1)
        near *= rate
        square *= -0.3
        square += 1.1 - 4.0 * rate
        square *= g
        square += near
        g = square
    return value, (g, grate)


def burgers(u: Any, steps: int = 30) -> Any:
    """Burgers' equation, upwind, updated in place by slices."""
    u = u.copy()
    for _ in range(steps):
        u[1:] -= 0.1 * u[1:] * (u[1:] - u[:-1])
        u[0] = u[-1]
    return np.sum(u**2)


def burgers_hand(u: Any, steps: int = 30) -> Any:
    u = u.copy()
    kept = []
    for _ in range(steps):
        kept.append(u.copy())
        u[1:] -= 0.1 * u[1:] * (u[1:] - u[:-1])
        u[0] = u[-1]
    g = 2.0 * u
    for old in reversed(kept):
        g[-1] += g[0]
        g[0] = 0.0
        back = 0.1 * g[1:] * old[1:]
        g[1:] *= 1.0 - 0.1 * (2.0 * old[1:] - old[:-1])
        g[:-1] += back
    return np.dot(u, u), (g,)


def spectral_filter(x: Any, h: Any, target: Any) -> Any:
    """A filter in the frequency domain: complex numbers."""
    y = np.fft.ifft(np.fft.fft(x) * h)
    return np.sum(np.abs(y - target) ** 2)


def spectral_filter_hand(x: Any, h: Any, target: Any) -> Any:
    f = np.fft.fft(x)
    d = np.fft.ifft(f * h)
    d -= target
    value = np.vdot(d, d).real
    g = np.fft.fft(d)
    g *= 2.0 / len(x)
    gh = g * f.conj()
    g *= h.conj()
    return value, ((np.fft.ifft(g) * len(x)).real, gh)


# ---- geometry ----------------------------------------------------------------------------


def energy(x: Any) -> Any:
    """The potential of charges, over all pairs: broadcasting, norms, a mask."""
    d = x[:, None, :] - x[None, :, :]
    r = np.sqrt(np.sum(d * d, axis=-1) + 0.01)
    return np.sum(np.triu(1.0 / r, 1))


def energy_hand(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    r = np.einsum("ijk,ijk->ij", d, d)
    r += 0.01
    np.sqrt(r, out=r)
    inverse = np.triu(1.0 / r, 1)
    g = inverse / r
    g /= r
    d *= g[:, :, None]
    return np.sum(inverse), (d.sum(axis=0) - d.sum(axis=1),)


def bearings(x: Any, stations: Any, angles: Any) -> Any:
    """Positions from angles and distances: arctan2 and hypot."""
    dx, dy = x[:, 0, None] - stations[:, 0], x[:, 1, None] - stations[:, 1]
    return np.sum((np.arctan2(dy, dx) - angles) ** 2) + 0.1 * np.sum(np.hypot(dx, dy))


def bearings_hand(x: Any, stations: Any, angles: Any) -> Any:
    dx, dy = x[:, 0, None] - stations[:, 0], x[:, 1, None] - stations[:, 1]
    r = np.hypot(dx, dy)
    e = np.arctan2(dy, dx)
    e -= angles
    value = np.dot(e.ravel(), e.ravel()) + 0.1 * np.sum(r)
    e *= 2.0
    e /= r
    e /= r
    along = 0.1 / r
    g = np.empty_like(x)
    g[:, 0] = np.sum(along * dx - e * dy, axis=1)
    g[:, 1] = np.sum(along * dy + e * dx, axis=1)
    return value, (g,)


def similarity(x: Any, y: Any) -> Any:
    """Cosines between rows, with np.linalg.norm."""
    a = x / np.linalg.norm(x, axis=1, keepdims=True)
    b = y / np.linalg.norm(y, axis=1, keepdims=True)
    return np.sum((a @ b.T) ** 2)


def similarity_hand(x: Any, y: Any) -> Any:
    nx = np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
    ny = np.sqrt(np.einsum("ij,ij->i", y, y))[:, None]
    a, b = x / nx, y / ny
    s = a @ b.T
    value = np.dot(s.ravel(), s.ravel())
    s *= 2.0
    ga, gb = s @ b, s.T @ a
    ga -= a * np.einsum("ij,ij->i", ga, a)[:, None]
    gb -= b * np.einsum("ij,ij->i", gb, b)[:, None]
    ga /= nx
    gb /= ny
    return value, (ga, gb)


def clusters(centres: Any, x: Any) -> Any:
    """k-means: the least of the squared distances."""
    d = np.sum(x**2, axis=1)[:, None] - 2.0 * (x @ centres.T) + np.sum(centres**2, axis=1)
    return np.mean(np.min(d, axis=1))


def clusters_hand(centres: Any, x: Any) -> Any:
    d = x @ centres.T
    d *= -2.0
    d += np.einsum("ij,ij->i", x, x)[:, None]
    d += np.einsum("ij,ij->i", centres, centres)
    best = np.argmin(d, axis=1)
    value = np.mean(d[np.arange(len(x)), best])
    chosen = np.zeros_like(d)
    chosen[np.arange(len(x)), best] = 2.0 / len(x)
    return value, (centres * chosen.sum(axis=0)[:, None] - chosen.T @ x,)


# ---- statistics ----------------------------------------------------------------------------


def mixture(means: Any, log_scales: Any, logits: Any, x: Any) -> Any:
    """Log likelihood of a mixture of diagonal Gaussians."""
    z = (x[:, None, :] - means) / np.exp(log_scales)
    log_p = -0.5 * np.sum(z * z, axis=-1) - np.sum(log_scales, axis=-1) + logits
    top = np.max(log_p, axis=1, keepdims=True)
    return -np.mean(top[:, 0] + np.log(np.sum(np.exp(log_p - top), axis=1)))


def mixture_hand(means: Any, log_scales: Any, logits: Any, x: Any) -> Any:
    inverse = np.exp(-log_scales)
    z = x[:, None, :] - means
    z *= inverse
    p = np.einsum("ijk,ijk->ij", z, z)
    p *= -0.5
    p += logits - np.sum(log_scales, axis=-1)
    top = np.max(p, axis=1, keepdims=True)
    p -= top
    np.exp(p, out=p)
    total = np.sum(p, axis=1, keepdims=True)
    value = -np.mean(top + np.log(total))
    p /= total * -float(len(x))
    glogits = np.sum(p, axis=0)
    gmeans = np.einsum("ij,ijk->jk", p, z) * inverse
    z *= z
    gscales = np.einsum("ij,ijk->jk", p, z) - glogits[:, None]
    return value, (gmeans, gscales, glogits)


def gaussian(low: Any, mean: Any, x: Any) -> Any:
    """Log likelihood of a Gaussian by its covariance: inverse and slogdet."""
    cov = low @ low.T + 0.5 * np.eye(len(mean))
    d = x - mean
    quadratic = np.sum((d @ np.linalg.inv(cov)) * d)
    return 0.5 * quadratic + 0.5 * len(x) * np.linalg.slogdet(cov)[1]


def gaussian_hand(low: Any, mean: Any, x: Any) -> Any:
    cov = low @ low.T
    cov[np.diag_indices(len(mean))] += 0.5
    inverse = np.linalg.inv(cov)
    d = x - mean
    s = d @ inverse
    value = 0.5 * np.einsum("ij,ij->", s, d) + 0.5 * len(x) * np.linalg.slogdet(cov)[1]
    gcov = -0.5 * (s.T @ s)
    gcov += 0.5 * len(x) * inverse
    return value, (2.0 * (gcov @ low), -s.sum(axis=0))


def kalman(a: Any, q: Any, r: Any, ys: Any) -> Any:
    """A Kalman filter with two observed numbers: small matrices, np.linalg.solve."""
    n = len(a)
    h = np.eye(2, n)
    m, p, total = np.zeros(n), np.eye(n), 0.0
    for y in ys:
        m, p = a @ m, a @ p @ a.T + q
        s = h @ p @ h.T + r
        e = y - h @ m
        gain = np.linalg.solve(s, h @ p).T
        total = total + 0.5 * (e @ np.linalg.solve(s, e)) + 0.5 * np.linalg.slogdet(s)[1]
        m, p = m + gain @ e, p - gain @ (h @ p)
    return total


def kalman_hand(a: Any, q: Any, r: Any, ys: Any) -> Any:
    n = len(a)
    m, p, total = np.zeros(n), np.eye(n), 0.0
    kept = []
    for y in ys:
        m0, p0 = m, p
        m, ap = a @ m, a @ p
        p = ap @ a.T + q
        hp = p[:2]
        s = hp[:, :2] + r
        si = np.linalg.inv(s)
        e = y - m[:2]
        se = si @ e
        gain = (si @ hp).T
        total += 0.5 * (e @ se) + 0.5 * np.log(s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0])
        m = m + gain @ e
        kept.append((m0, p0, ap, hp, si, e, se, gain))
        p = p - gain @ hp
    gm, gp = np.zeros(n), np.zeros((n, n))
    ga, gq, gr = np.zeros_like(a), np.zeros_like(q), np.zeros_like(r)
    for m0, p0, ap, hp, si, e, se, gain in reversed(kept):
        ggain = np.outer(gm, e) - gp @ hp.T
        ghp = -(gain.T @ gp)
        ge = gain.T @ gm + se
        gx = si.T @ ggain.T
        ghp += gx
        gs = 0.5 * si.T - 0.5 * np.outer(se, se) - gx @ gain
        gm = gm.copy()
        gm[:2] -= ge
        ghp[:, :2] += gs
        gr += gs
        gp = gp.copy()
        gp[:2] += ghp
        gq += gp
        gap = gp @ a
        ga += gp.T @ ap + gap @ p0.T + np.outer(gm, m0)
        gp = a.T @ gap
        gm = a.T @ gm
    return total, (ga, gq, gr)


def quantiles(x: Any, w: Any) -> Any:
    """Sorting: a trimmed mean, differences of order statistics, a median."""
    s = np.sort(x * w)
    return np.mean(s[100:-100] ** 2) + np.sum(np.diff(s) ** 2) + np.median(s)


def quantiles_hand(x: Any, w: Any) -> Any:
    v = x * w
    order = np.argsort(v)
    s = v[order]
    n = len(s)
    d = np.diff(s)
    middle = s[100:-100]
    value = np.dot(middle, middle) / len(middle) + np.dot(d, d) + 0.5 * (s[n // 2 - 1] + s[n // 2])
    g = np.zeros(n)
    g[100:-100] = middle * (2.0 / len(middle))
    d *= 2.0
    g[1:] += d
    g[:-1] -= d
    g[n // 2 - 1] += 0.5
    g[n // 2] += 0.5
    gv = np.empty(n)
    gv[order] = g
    return value, (gv * w, gv * x)


def returns(w: Any, r: Any) -> Any:
    """A portfolio: cumulative products, running maxima, cumulative sums."""
    wealth = np.cumprod(1.0 + r @ w)
    drawdown = 1.0 - wealth / np.maximum.accumulate(wealth)
    return np.mean(drawdown**2) - np.log(wealth[-1]) + 1e-6 * np.sum(np.cumsum(wealth) ** 2)


def returns_hand(w: Any, r: Any) -> Any:
    step = r @ w
    step += 1.0
    wealth = np.cumprod(step)
    n = len(wealth)
    peak = np.maximum.accumulate(wealth)
    ratio = wealth / peak
    drawdown = 1.0 - ratio
    sums = np.cumsum(wealth)
    value = np.dot(drawdown, drawdown) / n - np.log(wealth[-1]) + 1e-6 * np.dot(sums, sums)
    g = np.cumsum(sums[::-1])[::-1] * 2e-6
    gr = drawdown * (-2.0 / n) / peak
    g += gr
    gr *= ratio
    at = np.maximum.accumulate(np.where(wealth == peak, np.arange(n), 0))
    g -= np.bincount(at, gr, n)
    g[-1] -= 1.0 / wealth[-1]
    g *= wealth
    gstep = np.cumsum(g[::-1])[::-1] / step
    return value, (gstep @ r,)


def robust(w: Any, x: Any, y: Any) -> Any:
    """A robust regression: where, clip, abs."""
    e = y - x @ w
    huber = np.where(np.abs(e) < 1.0, 0.5 * e**2, np.abs(e) - 0.5)
    return np.sum(huber) + np.sum(np.clip(e, -0.5, 2.0) ** 2)


def robust_hand(w: Any, x: Any, y: Any) -> Any:
    e = y - x @ w
    big = np.abs(e)
    huber = np.where(big < 1.0, 0.5 * e * e, big - 0.5)
    c = np.clip(e, -0.5, 2.0)
    value = np.sum(huber) + np.dot(c, c)
    g = np.where((e > -0.5) & (e < 2.0), 2.0 * c, 0.0)
    g += np.clip(e, -1.0, 1.0)
    return value, (-(g @ x),)


# ---- learning ------------------------------------------------------------------------------


def factors(users: Any, items: Any, i: Any, j: Any, ratings: Any) -> Any:
    """Matrix factorisation: rows gathered from two tables."""
    e = np.sum(users[i] * items[j], axis=1) - ratings
    return np.sum(e**2) + 0.01 * np.sum(users**2) + 0.01 * np.sum(items**2)


def factors_hand(users: Any, items: Any, i: Any, j: Any, ratings: Any) -> Any:
    u, v = users[i], items[j]
    e = np.einsum("ij,ij->i", u, v)
    e -= ratings
    value = np.dot(e, e) + 0.01 * (np.vdot(users, users) + np.vdot(items, items))
    e *= 2.0
    v *= e[:, None]
    u *= e[:, None]
    columns = np.arange(users.shape[1])
    gu = np.bincount((i[:, None] * len(columns) + columns).ravel(), v.ravel(), users.size)
    gv = np.bincount((j[:, None] * len(columns) + columns).ravel(), u.ravel(), items.size)
    gu, gv = gu.reshape(users.shape), gv.reshape(items.shape)
    gu += 0.02 * users
    gv += 0.02 * items
    return value, (gu, gv)


def block(w1: Any, w2: Any, gamma: Any, beta: Any, x: Any) -> Any:
    """Layer norm, a product, gelu, a product, the residual, softmax."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    normed = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    h = (normed * gamma + beta) @ w1
    a = 0.5 * h * (1.0 + np.tanh(0.79788456 * (h + 0.044715 * h**3)))
    y = x + a @ w2
    p = np.exp(y - np.max(y, axis=-1, keepdims=True))
    p = p / np.sum(p, axis=-1, keepdims=True)
    return -np.mean(np.log(p[:, 0]))


def block_hand(w1: Any, w2: Any, gamma: Any, beta: Any, x: Any) -> Any:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", centred, centred)[:, None] / x.shape[1]
    centred /= np.sqrt(spread + 1e-5)
    z = centred * gamma
    z += beta
    h = z @ w1
    square = h * h
    inner = square * 0.044715
    inner += 1.0
    inner *= h
    inner *= 0.79788456
    t = np.tanh(inner, out=inner)
    half = 0.5 * (t + 1.0)
    a = h * half
    y = a @ w2
    y += x
    y -= np.max(y, axis=-1, keepdims=True)
    np.exp(y, out=y)
    y /= np.sum(y, axis=-1, keepdims=True)
    value = -np.mean(np.log(y[:, 0]))
    y[:, 0] -= 1.0
    y /= len(x)
    gw2 = a.T @ y
    ga = y @ w2.T
    square *= 3 * 0.044715
    square += 1.0
    square *= 0.5 * 0.79788456
    square *= h
    t *= t
    np.subtract(1.0, t, out=t)
    square *= t
    square += half
    ga *= square
    gw1 = z.T @ ga
    gz = ga @ w1.T
    return value, (gw1, gw2, np.einsum("ij,ij->j", gz, centred), gz.sum(axis=0))


def small_floats(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    """A network in single precision."""
    h = np.tanh(x @ w1 + b1)
    e = h @ w2 + b2 - y
    return np.mean(e**2)


def small_floats_hand(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    h = x @ w1
    h += b1
    np.tanh(h, out=h)
    e = h @ w2
    e += b2
    e -= y
    value = np.dot(e.ravel(), e.ravel()) / e.size
    e *= np.float32(2.0 / e.size)
    gh = e @ w2.T
    h2 = h * h
    np.subtract(np.float32(1.0), h2, out=h2)
    gh *= h2
    return value, (x.T @ gh, gh.sum(axis=0), h.T @ e, e.sum(axis=0))


def states(w: Any, u: Any, xs: Any) -> Any:
    """A recurrent network: concatenation in each step, a list of states that is stacked."""
    h = np.zeros((xs.shape[1], w.shape[1]))
    kept = []
    for x in xs:
        h = np.tanh(np.concatenate([h, x], axis=1) @ w)
        kept.append(h)
    return np.mean((np.stack(kept) @ u) ** 2)


def states_hand(w: Any, u: Any, xs: Any) -> Any:
    n = w.shape[1]
    hs = np.zeros((len(xs) + 1, xs.shape[1], n))
    both = np.empty((len(xs), xs.shape[1], n + xs.shape[2]))
    both[:, :, n:] = xs
    for k in range(len(xs)):
        both[k, :, :n] = hs[k]
        np.matmul(both[k], w, out=hs[k + 1])
        np.tanh(hs[k + 1], out=hs[k + 1])
    flat = hs[1:].reshape(-1, n)
    out = flat @ u
    value = np.dot(out.ravel(), out.ravel()) / out.size
    out *= 2.0 / out.size
    gu = flat.T @ out
    ghs = (out @ u.T).reshape(hs[1:].shape)
    local = 1.0 - hs[1:] ** 2
    for k in range(len(xs) - 1, -1, -1):
        ghs[k] *= local[k]
        if k:
            ghs[k - 1] += ghs[k] @ w[:n].T
    return value, (both.reshape(-1, both.shape[2]).T @ ghs.reshape(-1, n), gu)


def structured(params: Any, x: Any, y: Any) -> Any:
    """A network whose parameters are a dict of lists, of small arrays."""
    for w, b in zip(params["weights"], params["biases"]):
        x = np.maximum(x @ w + b, 0.0)
    return np.mean((x @ params["out"] - y) ** 2)


def structured_hand(params: Any, x: Any, y: Any) -> Any:
    kept = [x]
    for w, b in zip(params["weights"], params["biases"]):
        x = x @ w
        x += b
        np.maximum(x, 0.0, out=x)
        kept.append(x)
    e = x @ params["out"] - y
    value = np.dot(e, e) / e.size
    e *= 2.0 / e.size
    grads: dict[str, Any] = {"weights": [], "biases": [], "out": e @ x}
    g = np.outer(e, params["out"])
    for k in range(len(kept) - 1, 0, -1):
        g *= kept[k] > 0.0
        grads["weights"].insert(0, kept[k - 1].T @ g)
        grads["biases"].insert(0, g.sum(axis=0))
        if k > 1:
            g = g @ params["weights"][k - 1].T
    return value, (grads,)


def batch_norm(gamma: Any, x: Any) -> Any:
    """Normalising columns by np.mean and np.std."""
    y = gamma * (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 1e-3)
    return np.sum(np.log(1.0 + np.exp(y)))


def batch_norm_hand(gamma: Any, x: Any) -> Any:
    n = len(x)
    d = x - np.mean(x, axis=0)
    std = np.sqrt(np.einsum("ij,ij->j", d, d) / n)
    scale = 1.0 / (std + 1e-3)
    unit = d * scale
    e = np.exp(unit * gamma)
    s = e + 1.0
    value = np.sum(np.log(s))
    e /= s
    ggamma = np.einsum("ij,ij->j", e, unit)
    e *= gamma
    e *= scale
    gstd = -ggamma * gamma * scale
    e += d * (gstd / (n * std))
    e -= np.mean(e, axis=0)
    return value, (ggamma, e)


def picked(w: Any, x: Any, labels: Any) -> Any:
    """Softmax regression: log-softmax, take_along_axis."""
    z = x @ w
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(np.take_along_axis(log_p, labels[:, None], axis=1))


def picked_hand(w: Any, x: Any, labels: Any) -> Any:
    z = x @ w
    z -= np.max(z, axis=1, keepdims=True)
    rows = np.arange(len(x))
    chosen = z[rows, labels]
    np.exp(z, out=z)
    total = np.sum(z, axis=1, keepdims=True)
    value = np.mean(np.log(total[:, 0]) - chosen)
    z /= total
    z[rows, labels] -= 1.0
    z /= len(x)
    return value, (x.T @ z,)


# ---- linear algebra ------------------------------------------------------------------------


def transport(cost: Any, a: Any, b: Any) -> Any:
    """Optimal transport by Sinkhorn's iteration."""
    k = np.exp(-5.0 * cost)
    v = np.ones(len(b))
    for _ in range(15):
        u = a / (k @ v)
        v = b / (k.T @ u)
    return np.sum(u[:, None] * k * v * cost)


def transport_hand(cost: Any, a: Any, b: Any) -> Any:
    k = np.exp(-5.0 * cost)
    v = np.ones(len(b))
    kept = []
    for _ in range(15):
        kv = k @ v
        u = a / kv
        before = v
        ku = u @ k
        v = b / ku
        kept.append((kv, before, ku, u, v))
    plan = k * u[:, None]
    plan *= v
    weighted = plan * cost
    gu = weighted.sum(axis=1) / u
    gv = weighted.sum(axis=0) / v
    value = np.sum(weighted)
    gk = weighted / k
    ga, gb = np.zeros_like(a), np.zeros_like(b)
    left, right = [], []
    for kv, before, ku, u, v in reversed(kept):
        gv /= ku
        gb += gv
        gv *= -v
        left.append(u)
        right.append(gv)
        gu = gu + k @ gv
        gu /= kv
        ga += gu
        gu *= -u
        left.append(gu)
        right.append(before)
        gv = gu @ k
        gu = 0.0
    gk += np.stack(left, axis=1) @ np.stack(right)
    gk *= k
    gk *= -5.0
    gk += plan
    return value, (gk, ga, gb)


def stacks(a: Any, b: Any) -> Any:
    """A stack of small systems: solve, inv, slogdet."""
    x = np.linalg.solve(a, b[..., None])[..., 0]
    return np.sum(x**2) + np.sum(np.linalg.slogdet(a)[1]) + np.sum(np.linalg.inv(a)[:, 0, 0])


def stacks_hand(a: Any, b: Any) -> Any:
    inverse = np.linalg.inv(a)
    x = np.matmul(inverse, b[..., None])[..., 0]
    value = np.sum(x * x) + np.sum(np.linalg.slogdet(a)[1]) + np.sum(inverse[:, 0, 0])
    transposed = np.swapaxes(inverse, 1, 2)
    gb = np.matmul(transposed, 2.0 * x[..., None])[..., 0]
    ga = transposed - gb[:, :, None] * x[:, None, :]
    ga -= inverse[:, 0, :, None] * inverse[:, None, :, 0]
    return value, (ga, gb)


def quadratic(x: Any, m: Any, y: Any) -> Any:
    """Quadratic forms: an Einstein sum of three operands."""
    q = np.einsum("bi,ij,bj->b", x, m, y)
    return np.sum(np.tanh(q))


def quadratic_hand(x: Any, m: Any, y: Any) -> Any:
    xm = x @ m
    q = np.tanh(np.einsum("bj,bj->b", xm, y))
    g = 1.0 - q * q
    gx, gy = y * g[:, None], xm
    gm = x.T @ gx
    gy *= g[:, None]
    return np.sum(q), (gx @ m.T, gm, gy)


def network(a: Any, b: Any, c: Any) -> Any:
    """A tensor network: tensordot, transposes."""
    ab = np.tensordot(a, b, axes=([2], [0]))
    return np.sum(np.tensordot(ab, c, axes=([1, 2], [0, 1])) ** 2)


def network_hand(a: Any, b: Any, c: Any) -> Any:
    i, j, k = a.shape
    m, n = b.shape[1:]
    ab = (a.reshape(-1, k) @ b.reshape(k, -1)).reshape(i, j, m, n)
    moved = ab.transpose(0, 3, 1, 2).reshape(i * n, j * m)
    flat = c.reshape(j * m, -1)
    z = moved @ flat
    value = np.dot(z.ravel(), z.ravel())
    z *= 2.0
    gc = (moved.T @ z).reshape(c.shape)
    gab = (z @ flat.T).reshape(i, n, j, m).transpose(0, 2, 3, 1).reshape(i * j, m * n)
    ga = (gab @ b.reshape(k, -1).T).reshape(a.shape)
    gb = (a.reshape(-1, k).T @ gab).reshape(b.shape)
    return value, (ga, gb, gc)


def circuit(angles: Any, state: Any) -> Any:
    """Rotations of a quantum state: complex matrices."""
    for k in range(len(angles)):
        c, s = np.cos(angles[k]), np.sin(angles[k])
        pairs = np.reshape(state, (1 << (k % 8), 2, -1))
        first, second = pairs[:, 0], pairs[:, 1]
        state = np.stack([c * first - 1j * s * second, c * second - 1j * s * first], axis=1)
        state = np.reshape(state, -1) * np.exp(0.1j * angles[k])
    return np.sum(np.abs(state[:128]) ** 2 * np.arange(128.0))


def circuit_hand(angles: Any, state: Any) -> Any:
    kept = []
    for k in range(len(angles)):
        c, s = np.cos(angles[k]), np.sin(angles[k])
        phase = np.exp(0.1j * angles[k])
        pairs = state.reshape(1 << (k % 8), 2, -1)
        new = np.empty_like(pairs)
        new[:, 0] = (c * phase) * pairs[:, 0] + (-1j * s * phase) * pairs[:, 1]
        new[:, 1] = (c * phase) * pairs[:, 1] + (-1j * s * phase) * pairs[:, 0]
        state = new.reshape(-1)
        kept.append((c, s, phase, pairs, state))
    weights = np.arange(128.0)
    value = np.dot(np.abs(state[:128]) ** 2, weights)
    g = np.zeros_like(state)
    g[:128] = 2.0 * weights * state[:128]
    gangles = np.zeros_like(angles)
    for k in range(len(angles) - 1, -1, -1):
        c, s, phase, pairs, state = kept[k]
        along = 0.1 * np.vdot(g, 1j * state).real
        g *= np.conj(phase)
        gp = g.reshape(pairs.shape)
        same, other = np.vdot(gp, pairs), np.vdot(gp, pairs[:, ::-1])
        gangles[k] = along + (-s * same - 1j * c * other).real
        g = (c * gp + (1j * s) * gp[:, ::-1]).reshape(-1)
    return value, (gangles,)


# ---- numbers and small arrays --------------------------------------------------------------


def horner(c: Any, x: Any) -> Any:
    """Polynomials by Horner's scheme, number by number."""
    total = 0.0
    for v in x:
        y = c[0]
        for k in range(1, len(c)):
            y = y * v + c[k]
        total = total + y * y
    return total


def horner_hand(c: Any, x: Any) -> Any:
    total, n = 0.0, len(c)
    gc = [0.0] * n
    for v in x:
        ys = [c[0]]
        for k in range(1, n):
            ys.append(ys[-1] * v + c[k])
        total += ys[-1] * ys[-1]
        g = 2.0 * ys[-1]
        for k in range(n - 1, -1, -1):
            gc[k] += g
            g = g * v
    return total, (np.array(gc),)


def orbit(a: Any, b: Any, c: Any) -> Any:
    """A recurrence of numbers with np.sin, np.exp, np.sqrt."""
    x, total = 0.3, 0.0
    for _ in range(25):
        x = np.sin(a * x) + np.exp(-b * x * x)
        total = total + np.sqrt(x * x + c)
    return total


def orbit_hand(a: Any, b: Any, c: Any) -> Any:
    x, total, kept = 0.3, 0.0, []
    for _ in range(25):
        ax, e = a * x, np.exp(-b * x * x)
        new = np.sin(ax) + e
        r = np.sqrt(new * new + c)
        total += r
        kept.append((x, ax, e, new, r))
        x = new
    ga = gb = gc = gx = 0.0
    for x, ax, e, new, r in reversed(kept):
        gx = gx + new / r
        gc += 0.5 / r
        gs, ge = gx * np.cos(ax), -gx * e
        ga += gs * x
        gb += ge * x * x
        gx = gs * a + 2.0 * ge * b * x
    return total, (ga, gb, gc)


def _prey(x: Any, y: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    return a * x - b * x * y, c * x * y - d * y


def predators(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Lotka and Volterra by Runge and Kutta, in numbers."""
    x, y, h = 1.0, 0.5, 0.1
    for _ in range(10):
        k1, l1 = _prey(x, y, a, b, c, d)
        k2, l2 = _prey(x + 0.5 * h * k1, y + 0.5 * h * l1, a, b, c, d)
        k3, l3 = _prey(x + 0.5 * h * k2, y + 0.5 * h * l2, a, b, c, d)
        k4, l4 = _prey(x + h * k3, y + h * l3, a, b, c, d)
        x = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        y = y + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    return x * x + y


def predators_hand(a: Any, b: Any, c: Any, d: Any) -> Any:
    x, y, h = 1.0, 0.5, 0.1
    kept = []
    for _ in range(10):
        k1, l1 = _prey(x, y, a, b, c, d)
        x2, y2 = x + 0.5 * h * k1, y + 0.5 * h * l1
        k2, l2 = _prey(x2, y2, a, b, c, d)
        x3, y3 = x + 0.5 * h * k2, y + 0.5 * h * l2
        k3, l3 = _prey(x3, y3, a, b, c, d)
        x4, y4 = x + h * k3, y + h * l3
        k4, l4 = _prey(x4, y4, a, b, c, d)
        kept.append((x, y, x2, y2, x3, y3, x4, y4))
        x = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        y = y + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    gx, gy, ga, gb, gc, gd = 2.0 * x, 1.0, 0.0, 0.0, 0.0, 0.0
    for now in reversed(kept):
        bx, by, px, py = gx, gy, 0.0, 0.0
        for k, weight, step in (
            (3, h / 6, h),
            (2, h / 3, h / 2),
            (1, h / 3, h / 2),
            (0, h / 6, 0.0),
        ):
            u, v = now[2 * k], now[2 * k + 1]
            gk, gl = weight * gx + px, weight * gy + py
            uv = u * v
            ga += gk * u
            gb -= gk * uv
            gc += gl * uv
            gd -= gl * v
            mixed = gl * c - gk * b
            du, dv = gk * a + mixed * v, mixed * u - gl * d
            bx += du
            by += dv
            px, py = step * du, step * dv
        gx, gy = bx, by
    return x * x + y, (ga, gb, gc, gd)


def swing(theta: Any, y0: Any) -> Any:
    """Coupled oscillators by Runge and Kutta, in arrays of eight."""
    y, h = y0, 0.05

    def f(y: Any) -> Any:
        return np.sin(theta @ y) - 0.1 * y

    for _ in range(20):
        k1 = f(y)
        k2 = f(y + 0.5 * h * k1)
        k3 = f(y + 0.5 * h * k2)
        k4 = f(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum(y**2)


def swing_hand(theta: Any, y0: Any) -> Any:
    y, h = y0, 0.05
    kept = []
    for _ in range(20):
        stage = [y]
        arguments = []
        ks = []
        for step in (0.5 * h, 0.5 * h, h, 0.0):
            z = theta @ stage[-1]
            k = np.sin(z) - 0.1 * stage[-1]
            arguments.append(z)
            ks.append(k)
            stage.append(y + step * k)
        kept.append((stage, arguments))
        y = y + h / 6.0 * (ks[0] + 2.0 * ks[1] + 2.0 * ks[2] + ks[3])
    gy, gtheta = 2.0 * y, np.zeros_like(theta)
    for stage, arguments in reversed(kept):
        back, total = 0.0, gy
        for k, weight, step in (
            (3, h / 6, h),
            (2, h / 3, h / 2),
            (1, h / 3, h / 2),
            (0, h / 6, 0.0),
        ):
            gk = weight * gy + back
            gz = gk * np.cos(arguments[k])
            gtheta += np.outer(gz, stage[k])
            dy = gz @ theta - 0.1 * gk
            total = total + dy
            back = step * dy
        gy = total
    return np.dot(y, y), (gtheta, gy)


# ---- structures --------------------------------------------------------------------------


@dataclass
class Affine:
    w: Any
    b: Any
    name: str = "affine"


class Gate(NamedTuple):
    scale: Any
    shift: Any


def leaves(model: Any, x: Any) -> Any:
    """Sixty small arrays in a dict of a list of objects and a tuple of named tuples."""
    for layer in model["layers"]:
        x = np.tanh(layer.w @ x + layer.b)
    for gate in model["gates"]:
        x = x * gate.scale + gate.shift
    return np.sum(x * x) * model["weight"]


def leaves_hand(model: Any, x: Any) -> Any:
    seen, gated = [], []
    for layer in model["layers"]:
        y = np.tanh(layer.w @ x + layer.b)
        seen.append((x, y))
        x = y
    for gate in model["gates"]:
        gated.append(x)
        x = x * gate.scale + gate.shift
    square = np.dot(x, x)
    g = x * (2.0 * model["weight"])
    gates, layers = [], []
    for gate, old in zip(reversed(model["gates"]), reversed(gated)):
        gates.append(Gate(g * old, g))
        g = g * gate.scale
    for layer, (old, y) in zip(reversed(model["layers"]), reversed(seen)):
        d = g * (1.0 - y * y)
        layers.append(Affine(d[:, None] * old, d))
        g = layer.w.T @ d
    parts = {"layers": layers[::-1], "gates": tuple(gates[::-1]), "weight": square}
    return square * model["weight"], (parts, g)


def table(values: Any, x: Any) -> Any:
    """A function given by a table: np.interp, np.diff, a penalty for roughness."""
    y = np.interp(x, np.linspace(0.0, 1.0, len(values)), values)
    return np.sum(np.sin(y)) + np.sum(np.diff(values, n=2) ** 2)


def table_hand(values: Any, x: Any) -> Any:
    grid = np.linspace(0.0, 1.0, len(values))
    at = np.clip(np.searchsorted(grid, x) - 1, 0, len(values) - 2)
    t = (x - grid[at]) / (grid[1] - grid[0])
    y = values[at] * (1.0 - t) + values[at + 1] * t
    d = np.diff(values, n=2)
    g = np.cos(y)
    gt = g * t
    g -= gt
    n = len(values)
    gv = np.bincount(at, g, n) + np.bincount(at + 1, gt, n)
    value = np.sum(np.sin(y)) + np.dot(d, d)
    d *= 2.0
    gv[2:] += d
    gv[1:-1] -= 2.0 * d
    gv[:-2] += d
    return value, (gv,)


def powers(x: Any, p: Any) -> Any:
    """Powers of arrays, logarithms, products over an axis."""
    y = x ** p[:, None]
    return np.sum(np.log1p(y)) + np.sum(np.prod(1.0 + 0.01 * x, axis=0))


def powers_hand(x: Any, p: Any) -> Any:
    y = x ** p[:, None]
    inner = 1.0 + 0.01 * x
    product = np.prod(inner, axis=0)
    value = np.sum(np.log1p(y)) + np.sum(product)
    y /= y + 1.0
    gp = np.einsum("ij,ij->i", y, np.log(x))
    y *= p[:, None]
    y /= x
    y += 0.01 * product / inner
    return value, (y, gp)


# ---- of other kinds again ----------------------------------------------------------------


def pairs(x: Any) -> Any:
    """The Lennard-Jones energy of atoms: index pairs, powers."""
    i, j = np.triu_indices(len(x), 1)
    d = x[i] - x[j]
    r2 = np.sum(d * d, axis=1)
    s6 = 1.0 / r2**3
    return 4.0 * np.sum(s6**2 - s6)


def pairs_hand(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    d = x[i] - x[j]
    r2 = np.einsum("ij,ij->i", d, d)
    inv = 1.0 / r2
    s6 = inv * inv * inv
    value = 4.0 * (np.dot(s6, s6) - np.sum(s6))
    f = (24.0 * s6 - 48.0 * s6 * s6) * inv
    d *= f[:, None]
    g = np.empty_like(x)
    for k in range(x.shape[1]):
        g[:, k] = np.bincount(i, d[:, k], len(x)) - np.bincount(j, d[:, k], len(x))
    return (value, (g,))


def truncated(x: Any, y: Any) -> Any:
    """The best approximation by a matrix of low rank: np.linalg.svd."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    a = u[:, :5] * s[:5] @ vt[:5]
    return np.sum((a - y) ** 2)


def truncated_hand(x: Any, y: Any) -> Any:
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    a = u[:, :5] * s[:5] @ vt[:5]
    e = a - y
    value = np.dot(e.ravel(), e.ravel())
    e *= 2.0
    k = len(s)
    gu = np.zeros_like(u)
    gvt = np.zeros_like(vt)
    gs = np.zeros(k)
    ev = e @ vt[:5].T
    gu[:, :5] = ev * s[:5]
    gs[:5] = np.einsum("ij,ij->j", ev, u[:, :5])
    gvt[:5] = (u[:, :5] * s[:5]).T @ e
    v, gv = (vt.T, gvt.T)
    f = s[None, :] ** 2 - s[:, None] ** 2
    f[np.diag_indices(k)] = 1.0
    f = 1.0 / f
    f[np.diag_indices(k)] = 0.0
    utgu, vtgv = (u.T @ gu, vt @ gv)
    mid = f * (utgu - utgu.T) * s + s[:, None] * (f * (vtgv - vtgv.T))
    mid[np.diag_indices(k)] += gs
    g = u @ mid @ vt
    t = gu / s
    g += (t - u @ (u.T @ t)) @ vt
    t = (gv / s).T
    g += u @ (t - t @ v @ vt)
    return (value, (g,))


def process(theta: Any, x: Any, y: Any) -> Any:
    """A Gaussian process with a Cholesky factor of scipy's."""
    d = (x[:, None] - x[None, :]) / np.exp(theta[0])
    k = np.exp(theta[1]) * np.exp(-0.5 * d**2) + np.exp(theta[2]) * np.eye(len(x))
    low = np.linalg.cholesky(k)
    al = scipy.linalg.cho_solve((low, True), y)
    return 0.5 * y @ al + np.sum(np.log(np.diag(low)))


def process_hand(theta: Any, x: Any, y: Any) -> Any:
    d = (x[:, None] - x) * np.exp(-theta[0])
    d *= d
    k0 = np.exp(-0.5 * d)
    k0 *= np.exp(theta[1])
    k = k0.copy()
    k[np.diag_indices(len(x))] += np.exp(theta[2])
    c = scipy.linalg.cho_factor(k, lower=True)
    ki = scipy.linalg.cho_solve(c, np.eye(len(x)))
    al = ki @ y
    value = 0.5 * (y @ al) + np.sum(np.log(np.diag(c[0])))
    ki -= np.outer(al, al)
    ki *= 0.5
    tr = np.trace(ki)
    ki *= k0
    return (value, (np.array([np.dot(ki.ravel(), d.ravel()), ki.sum(), tr * np.exp(theta[2])]),))


def counts(beta: Any, logr: Any, x: Any, y: Any) -> Any:
    """A negative binomial regression: scipy.special.gammaln."""
    mu = np.exp(x @ beta)
    rr = np.exp(logr)
    ll = (
        scipy.special.gammaln(y + rr)
        - scipy.special.gammaln(rr)
        - scipy.special.gammaln(y + 1)
        + rr * np.log(rr / (rr + mu))
        + y * np.log(mu / (rr + mu))
    )
    return -np.sum(ll)


def counts_hand(beta: Any, logr: Any, x: Any, y: Any) -> Any:
    eta = x @ beta
    mu = np.exp(eta)
    rr = np.exp(logr)
    s = rr + mu
    yr = y + rr
    ls = np.log(s)
    value = -(
        np.sum(scipy.special.gammaln(yr))
        - len(y) * scipy.special.gammaln(rr)
        - np.sum(scipy.special.gammaln(y + 1))
        + len(y) * rr * np.log(rr)
        + np.dot(y, eta)
        - np.dot(yr, ls)
    )
    q = yr / s
    geta = q * mu
    geta -= y
    gr = -(
        np.sum(scipy.special.digamma(yr))
        - len(y) * scipy.special.digamma(rr)
        + len(y) * (np.log(rr) + 1)
        - np.sum(ls)
        - np.sum(q)
    )
    return (value, (geta @ x, gr * rr))


def _normalised(x: Any, axis: Any) -> Any:
    t = x.max(axis=axis, keepdims=True)
    e = np.exp(x - t)
    s = e.sum(axis=axis, keepdims=True)
    return ((np.log(s) + t).squeeze(axis), e / s)


def hidden(lt: Any, le: Any, lp: Any, obs: Any) -> Any:
    """A hidden Markov model, forwards in logarithms: scipy's logsumexp."""
    lt = lt - scipy.special.logsumexp(lt, axis=1, keepdims=True)
    a = lp + le[:, obs[0]]
    for o in obs[1:]:
        a = scipy.special.logsumexp(a[:, None] + lt, axis=0) + le[:, o]
    return scipy.special.logsumexp(a)


def hidden_hand(lt0: Any, le: Any, lp: Any, obs: Any) -> Any:
    z, p = _normalised(lt0, 1)
    lt = lt0 - z[:, None]
    a = lp + le[:, obs[0]]
    kept = []
    for o in obs[1:]:
        a, w = _normalised(a[:, None] + lt, 0)
        kept.append(w)
        a = a + le[:, o]
    v, g = _normalised(a, 0)
    gl, glt = (np.zeros_like(le), np.zeros_like(lt))
    for o, w in zip(obs[:0:-1], reversed(kept)):
        gl[:, o] += g
        w *= g
        glt += w
        g = w.sum(1)
    gl[:, obs[0]] += g
    return (v, (glt - p * glt.sum(1, keepdims=True), gl, g))


def tilted(w: Any, x: Any, y: Any) -> Any:
    """A tilted loss and a quantile."""
    e = y - x @ w
    q = np.quantile(e, 0.9)
    return np.mean(np.maximum(0.3 * e, -0.7 * e)) + q**2


def tilted_hand(w: Any, x: Any, y: Any) -> Any:
    e = y - x @ w
    k = 0.9 * (len(e) - 1)
    lo = int(k)
    t = k - lo
    p = np.argpartition(e, (lo, lo + 1))
    a, b = (p[lo], p[lo + 1])
    q = e[a] * (1 - t) + e[b] * t
    pos = e > 0
    value = np.mean(np.where(pos, 0.3 * e, -0.7 * e)) + q * q
    g = np.where(pos, 0.3, -0.7) / len(e)
    g[a] += 2 * q * (1 - t)
    g[b] += 2 * q * t
    return (value, (-(g @ x),))


def _logistic(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def gates(p: Any, xs: Any) -> Any:
    """A gated recurrence over a batch; parameters in a dict."""
    h = np.zeros((xs.shape[1], p["u"].shape[1]))
    for x in xs:
        z = _logistic(x @ p["wz"] + h @ p["uz"] + p["bz"])
        rr = _logistic(x @ p["wr"] + h @ p["ur"])
        c = np.tanh(x @ p["w"] + rr * h @ p["u"])
        h = (1 - z) * h + z * c
    return np.sum(h**2)


def gates_hand(p: Any, xs: Any) -> Any:
    h = np.zeros((xs.shape[1], p["u"].shape[1]))
    kept = []
    for x in xs:
        z = _logistic(x @ p["wz"] + h @ p["uz"] + p["bz"])
        rr = _logistic(x @ p["wr"] + h @ p["ur"])
        rh = rr * h
        c = np.tanh(x @ p["w"] + rh @ p["u"])
        kept.append((x, h, z, rr, rh, c))
        h = h + z * (c - h)
    g = {k: np.zeros_like(v) for k, v in p.items()}
    value = np.vdot(h, h)
    gh = 2 * h
    for x, h, z, rr, rh, c in reversed(kept):
        gz = gh * (c - h) * z * (1 - z)
        gc = gh * z * (1 - c * c)
        gh = gh * (1 - z)
        grh = gc @ p["u"].T
        gr = grh * h * rr * (1 - rr)
        gh += grh * rr
        gh += gz @ p["uz"].T
        gh += gr @ p["ur"].T
        g["wz"] += x.T @ gz
        g["uz"] += h.T @ gz
        g["bz"] += gz.sum(0)
        g["wr"] += x.T @ gr
        g["ur"] += h.T @ gr
        g["w"] += x.T @ gc
        g["u"] += rh.T @ gc
    return (value, (g,))


def messages(h: Any, w: Any, src: Any, dst: Any) -> Any:
    """Messages along the edges of a graph: np.add.at."""
    m = np.tanh(h[src] @ w)
    agg = np.zeros_like(h)
    np.add.at(agg, dst, m)
    return np.sum((h + agg) ** 2)


def messages_hand(h: Any, w: Any, src: Any, dst: Any) -> Any:
    hs = h[src]
    m = np.tanh(hs @ w)
    k = h.shape[1]
    col = np.arange(k)

    def seg(i: Any, v: Any) -> Any:
        return np.bincount((i[:, None] * k + col).ravel(), v.ravel(), h.size).reshape(h.shape)

    out = h + seg(dst, m)
    value = np.vdot(out, out)
    out *= 2
    gm = out[dst]
    m *= m
    np.subtract(1, m, out=m)
    gm *= m
    gw = hs.T @ gm
    return (value, (out + seg(src, gm @ w.T), gw))


def heat(u: Any, k: Any) -> Any:
    """Diffusion within walls: np.pad."""
    for _ in range(10):
        p = np.pad(u, 1, mode="edge")
        u = u + k * (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4.0 * u)
    return np.sum(u**2)


def _insulated(u: Any) -> Any:
    """The differences to the neighbours, at the border to itself; it is its own adjoint."""
    lap = -4.0 * u
    lap[:-1] += u[1:]
    lap[-1] += u[-1]
    lap[1:] += u[:-1]
    lap[0] += u[0]
    lap[:, :-1] += u[:, 1:]
    lap[:, -1] += u[:, -1]
    lap[:, 1:] += u[:, :-1]
    lap[:, 0] += u[:, 0]
    return lap


def heat_hand(u: Any, k: Any) -> Any:
    laps = []
    for _ in range(10):
        lap = _insulated(u)
        laps.append(lap)
        u = u + k * lap
    g = 2.0 * u
    gk = 0.0
    for lap in reversed(laps):
        gk += np.vdot(g, lap)
        l = _insulated(g)
        l *= k
        l += g
        g = l
    return (np.dot(u.ravel(), u.ravel()), (g, gk))


def _gradient_back(g: Any) -> Any:
    o = np.zeros_like(g)
    o[2:] += 0.5 * g[1:-1]
    o[:-2] -= 0.5 * g[1:-1]
    o[1] += g[0]
    o[0] -= g[0]
    o[-1] += g[-1]
    o[-2] -= g[-1]
    return o


def variation(u: Any, f: Any) -> Any:
    """The total variation of an image: np.gradient."""
    gx, gy = np.gradient(u)
    return np.sum(np.sqrt(gx**2 + gy**2 + 0.001)) + 0.5 * np.sum((u - f) ** 2)


def variation_hand(u: Any, f: Any) -> Any:
    gx, gy = np.gradient(u)
    s = gx * gx
    s += gy * gy
    s += 0.001
    np.sqrt(s, out=s)
    e = u - f
    value = s.sum() + 0.5 * np.dot(e.ravel(), e.ravel())
    gx /= s
    gy /= s
    e += _gradient_back(gx)
    e += _gradient_back(gy.T).T
    return (value, (e,))


def substitution(u: Any, b: Any) -> Any:
    """Back substitution, filled in from below."""
    x = np.zeros_like(b)
    for i in range(len(b) - 1, -1, -1):
        x[i] = (b[i] - u[i, i + 1 :] @ x[i + 1 :]) / u[i, i]
    return np.sum(x**2)


def substitution_hand(u: Any, b: Any) -> Any:
    x = np.zeros_like(b)
    for i in range(len(b) - 1, -1, -1):
        x[i] = (b[i] - u[i, i + 1 :] @ x[i + 1 :]) / u[i, i]
    g = 2 * x
    gb = np.zeros_like(b)
    for i in range(len(b)):
        s = g[i] / u[i, i]
        gb[i] = s
        g[i + 1 :] -= s * u[i, i + 1 :]
    return (np.dot(x, x), (-np.triu(np.outer(gb, x)), gb))


def rotation(q: Any, t: Any, x: Any, y: Any) -> Any:
    """Points turned by a quaternion: a matrix of numbers."""
    q = q / np.linalg.norm(q)
    w, a, b, c = q
    R = np.array(
        [
            [1 - 2 * (b * b + c * c), 2 * (a * b - w * c), 2 * (a * c + w * b)],
            [2 * (a * b + w * c), 1 - 2 * (a * a + c * c), 2 * (b * c - w * a)],
            [2 * (a * c - w * b), 2 * (b * c + w * a), 1 - 2 * (a * a + b * b)],
        ]
    )
    return np.mean(np.sum((x @ R.T + t - y) ** 2, axis=1))


def rotation_hand(q: Any, t: Any, x: Any, y: Any) -> Any:
    nq = np.sqrt(np.dot(q, q))
    u = q / nq
    w, a, b, c = u.tolist()
    R = np.array(
        [
            [1 - 2 * (b * b + c * c), 2 * (a * b - w * c), 2 * (a * c + w * b)],
            [2 * (a * b + w * c), 1 - 2 * (a * a + c * c), 2 * (b * c - w * a)],
            [2 * (a * c - w * b), 2 * (b * c + w * a), 1 - 2 * (a * a + b * b)],
        ]
    )
    e = x @ R.T
    e += t
    e -= y
    value = np.vdot(e, e) / len(x)
    e *= 2 / len(x)
    gt = e.sum(0)
    G = (e.T @ x).tolist()
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = G
    gw = 2 * (-c * m01 + b * m02 + c * m10 - a * m12 - b * m20 + a * m21)
    ga = 2 * (b * m01 + c * m02 + b * m10 - 2 * a * m11 - w * m12 + c * m20 + w * m21 - 2 * a * m22)
    gb = 2 * (
        -2 * b * m00 + a * m01 + w * m02 + a * m10 + c * m12 - w * m20 + c * m21 - 2 * b * m22
    )
    gc = 2 * (
        -2 * c * m00 - w * m01 + a * m02 + w * m10 - 2 * c * m11 + b * m12 + a * m20 + b * m21
    )
    gu = np.array([gw, ga, gb, gc])
    return (value, ((gu - u * np.dot(u, gu)) / nq, gt))


def pendulum(theta0: Any, params: Any) -> Any:
    """A pendulum by Runge and Kutta: states of two numbers."""

    def f(s: Any) -> Any:
        return np.array([s[1], -params[0] * np.sin(s[0]) - params[1] * s[1]])

    s, h = (theta0, 0.05)
    for _ in range(30):
        k1 = f(s)
        k2 = f(s + h / 2 * k1)
        k3 = f(s + h / 2 * k2)
        k4 = f(s + h * k3)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(s**2)


def pendulum_hand(theta0: Any, params: Any) -> Any:
    a, b = theta0.tolist()
    p, q = params.tolist()
    h = 0.05
    kept = []
    for _ in range(30):
        st = []
        x, v = (a, b)
        ks = []
        for c in (h / 2, h / 2, h, 0):
            st.append((x, v))
            kx, kv = (v, -p * math.sin(x) - q * v)
            ks.append((kx, kv))
            x, v = (a + c * kx, b + c * kv)
        kept.append(st)
        a += h / 6 * (ks[0][0] + 2 * ks[1][0] + 2 * ks[2][0] + ks[3][0])
        b += h / 6 * (ks[0][1] + 2 * ks[1][1] + 2 * ks[2][1] + ks[3][1])
    ga, gb, gp, gq = (2 * a, 2 * b, 0.0, 0.0)
    for st in reversed(kept):
        ta, tb = (ga, gb)
        bx = bv = 0.0
        for k, w, c in ((3, h / 6, h), (2, h / 3, h / 2), (1, h / 3, h / 2), (0, h / 6, 0.0)):
            x, v = st[k]
            gkx, gkv = (w * ga + bx, w * gb + bv)
            gp -= gkv * math.sin(x)
            gq -= gkv * v
            dx, dv = (-gkv * p * math.cos(x), gkx - gkv * q)
            ta += dx
            tb += dv
            bx, bv = (c * dx, c * dv)
        ga, gb = (ta, tb)
    return (a * a + b * b, (np.array([ga, gb]), np.array([gp, gq])))


def cases() -> list[tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]]:
    """`(f, f_hand, parameters, data)` for each workload."""
    rng = np.random.default_rng(0)
    n, r = rng.normal, rng.random
    f4 = np.float32
    layers = {
        "weights": [n(size=(32, 32)) / 6 for _ in range(6)],
        "biases": [n(size=32) / 6 for _ in range(6)],
        "out": n(size=32),
    }
    model = {
        "layers": [Affine(n(size=(4, 4)), n(size=4)) for _ in range(20)],
        "gates": tuple([Gate(n(size=4), n(size=4)) for _ in range(10)]),
        "weight": 1.5,
    }
    shapes = {
        "wz": (10, 24),
        "uz": (24, 24),
        "bz": (24,),
        "wr": (10, 24),
        "ur": (24, 24),
        "w": (10, 24),
        "u": (24, 24),
    }
    gated = {name: n(size=shape) / 5 for name, shape in shapes.items()}
    state = n(size=256) + 1j * n(size=256)
    spectrum = n(size=4096) + 1j * n(size=4096)
    few = np.eye(4) * 0.9 + 0.03 * n(size=(4, 4))
    return [
        (conv2d, conv2d_hand, (n(size=(8, 3, 5, 5)) / 5, n(size=8)), (n(size=(4, 3, 32, 32)),)),
        (shifted_sum, shifted_sum_hand, (n(size=(5, 5)) / 5, n(size=(128, 128))), ()),
        (reaction, reaction_hand, (n(size=(96, 96)), np.float64(0.1)), ()),
        (burgers, burgers_hand, (r(2000) + 0.5,), ()),
        (spectral_filter, spectral_filter_hand, (n(size=4096), spectrum), (n(size=4096),)),
        (energy, energy_hand, (n(size=(120, 3)),), ()),
        (bearings, bearings_hand, (n(size=(300, 2)) * 5,), (n(size=(40, 2)), n(size=(300, 40)))),
        (similarity, similarity_hand, (n(size=(200, 50)), n(size=(150, 50))), ()),
        (clusters, clusters_hand, (n(size=(20, 16)),), (n(size=(2000, 16)),)),
        (mixture, mixture_hand, (n(size=(8, 16)), 0.1 * n(size=(8, 16)), n(size=8)), (n(size=(500, 16)),)),
        (gaussian, gaussian_hand, (n(size=(40, 40)) / 6, n(size=40)), (n(size=(500, 40)),)),
        (kalman, kalman_hand, (few, 0.1 * np.eye(4), 0.5 * np.eye(2)), (n(size=(20, 2)),)),
        (quantiles, quantiles_hand, (n(size=4000), n(size=4000)), ()),
        (returns, returns_hand, (r(20) / 20,), (0.01 * n(size=(2000, 20)),)),
        (robust, robust_hand, (n(size=30),), (n(size=(3000, 30)), n(size=3000))),
        (factors, factors_hand, (n(size=(500, 16)), n(size=(400, 16))), (rng.integers(500, size=8000), rng.integers(400, size=8000), n(size=8000))),
        (block, block_hand, (n(size=(64, 256)) / 8, n(size=(256, 64)) / 16, n(size=64), n(size=64)), (n(size=(128, 64)),)),
        (small_floats, small_floats_hand, tuple(a.astype(f4) for a in (n(size=(128, 256)) / 11, n(size=256), n(size=(256, 32)) / 16, n(size=32))), (n(size=(256, 128)).astype(f4), n(size=(256, 32)).astype(f4))),
        (states, states_hand, (n(size=(48, 32)) / 7, n(size=(32, 4))), (n(size=(40, 16, 16)),)),
        (structured, structured_hand, (layers,), (n(size=(100, 32)), n(size=100))),
        (batch_norm, batch_norm_hand, (n(size=64), n(size=(512, 64))), ()),
        (picked, picked_hand, (n(size=(64, 20)) / 8,), (n(size=(1000, 64)), rng.integers(20, size=1000))),
        (transport, transport_hand, (r((150, 120)), np.full(150, 1 / 150), np.full(120, 1 / 120)), ()),
        (stacks, stacks_hand, (n(size=(300, 4, 4)) + 3 * np.eye(4), n(size=(300, 4))), ()),
        (quadratic, quadratic_hand, (n(size=(400, 40)), n(size=(40, 40)) / 40, n(size=(400, 40))), ()),
        (network, network_hand, (n(size=(12, 10, 14)), n(size=(14, 9, 11)), n(size=(10, 9, 13))), ()),
        (circuit, circuit_hand, (n(size=16),), (state / np.linalg.norm(state),)),
        (horner, horner_hand, (n(size=8),), (n(size=15),)),
        (orbit, orbit_hand, (np.float64(1.3), np.float64(0.7), np.float64(0.5)), ()),
        (predators, predators_hand, (1.1, 0.4, 0.2, 0.5), ()),
        (swing, swing_hand, (n(size=(8, 8)), n(size=8)), ()),
        (table, table_hand, (n(size=200),), (r(5000),)),
        (leaves, leaves_hand, (model, n(size=4)), ()),
        (powers, powers_hand, (r((30, 500)) + 0.5, n(size=30)), ()),
        (pairs, pairs_hand, (n(size=(40, 3)) * 3,), ()),
        (truncated, truncated_hand, (n(size=(40, 30)),), (n(size=(40, 30)),)),
        (process, process_hand, (np.array([0.1, 0.2, -1.0]),), (n(size=100), n(size=100))),
        (counts, counts_hand, (0.1 * n(size=6), np.float64(0.3)), (n(size=(500, 6)), rng.poisson(2.0, 500) * 1.0)),
        (hidden, hidden_hand, (n(size=(6, 6)), n(size=(6, 10)), n(size=6)), (rng.integers(10, size=40),)),
        (tilted, tilted_hand, (n(size=8),), (n(size=(1000, 8)), n(size=1000))),
        (gates, gates_hand, (gated,), (n(size=(20, 16, 10)),)),
        (messages, messages_hand, (n(size=(100, 12)), n(size=(12, 12)) / 4), (rng.integers(100, size=600), rng.integers(100, size=600))),
        (heat, heat_hand, (n(size=(64, 64)), np.float64(0.1)), ()),
        (variation, variation_hand, (n(size=(80, 80)),), (n(size=(80, 80)),)),
        (substitution, substitution_hand, (np.triu(n(size=(20, 20))) / 5 + 2 * np.eye(20), n(size=20)), ()),
        (rotation, rotation_hand, (n(size=4), n(size=3)), (n(size=(100, 3)), n(size=(100, 3)))),
        (pendulum, pendulum_hand, (np.array([1.0, 0.2]), np.array([2.0, 0.1])), ()),
    ]  # fmt: skip
