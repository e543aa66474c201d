"""Independent routes to F(x) and J(x), and the bound that every result must keep.

Nothing here shares a formula with the library. `reference` runs F itself in long double on inputs
with a tiny imaginary step, one direction at a time; `reference_digits` differentiates F as a whole
in high precision. `running_bound` follows the rounding errors of a pass in working precision.
Layers are `Plain`, in the dtype of the network that is looked at.
"""

from types import MappingProxyType
from typing import NamedTuple

import mpmath
import numpy as np
from textbook import EXTENDED, GATED, ROWWISE, TEXTBOOK, Digits, Step

STEP = EXTENDED("1e-200")
HAS_EXTENDED = np.finfo(EXTENDED).nmant == 63

# Units of rounding that one evaluation of f and f' may cost: 2 and 4 ULP, each at most 2u.
K_VALUE, K_SLOPE = 4, 8


NORMS = {"rms_norm", "layer_norm"}


class Plain(NamedTuple):
    """A layer as data."""

    W: np.ndarray
    b: np.ndarray
    activation: str = "identity"
    parameters: dict = MappingProxyType({})


def plain(layers, dtype):
    """The layers with their weights rounded to a dtype."""
    return [Plain(layer.W.astype(dtype), layer.b.astype(dtype), layer.activation, dict(layer.parameters))
            for layer in layers]


def unit_roundoff(dtype):
    return EXTENDED(np.finfo(dtype).epsneg)


def activate(layer, z):
    """f of a layer on complex rows z."""
    with np.errstate(all="ignore"):
        if layer.activation in NORMS:
            z = centred(layer, z)
            return z / root_mean_square(layer, z)
        if layer.activation in ROWWISE:
            z = z - z.real.max(axis=-1, keepdims=True)
            powers = np.exp(z)
            total = powers.sum(axis=-1, keepdims=True)
            return powers / total if layer.activation == "softmax" else z - np.log(total)
        return TEXTBOOK[layer.activation](Step, z, **extended(layer.parameters))


def centred(layer, h):
    return h - h.mean(axis=-1, keepdims=True) if layer.activation == "layer_norm" else h


def root_mean_square(layer, h):
    epsilon = extended({"epsilon": 1e-5} | dict(layer.parameters))["epsilon"].astype(layer.b.dtype)
    return np.sqrt((h**2).mean(axis=-1, keepdims=True) + epsilon)


def extended(parameters):
    return {name: value if isinstance(value, str) else np.asarray(value, EXTENDED)
            for name, value in parameters.items()}


def value_and_slope(layer, h):
    """f(h) and f'(h) of a layer that acts unit by unit."""
    z = activate(layer, h + 1j * STEP)
    return z.real, z.imag / STEP


def reference(layers, x):
    """F(x) and J(x) in long double, by the complex step.

    Parameters
    ----------
    layers : sequence
    x : (n_points, n_in) array

    Returns
    -------
    y : (n_points, n_out) longdouble array
    J : (n_points, n_out, n_in) longdouble array
    """
    x = np.asarray(x, EXTENDED)
    z = x[:, None, :] + 1j * STEP * np.eye(x.shape[1], dtype=EXTENDED)
    for layer in layers:
        W, b = np.asarray(layer.W, EXTENDED), np.asarray(layer.b, EXTENDED)
        # All directions share the real part: the square of the step is below every subnormal.
        z = activate(layer, z.real[:, :1] @ W + b + 1j * (z.imag @ W))
    return z.real[:, 0].copy(), np.swapaxes(z.imag, 1, 2) / STEP


def reference_digits(layers, x, digits=50):
    """F(x) and J(x) of one point as lists of mpmath numbers, J by differences of the whole of F."""
    with mpmath.workdps(2 * digits + 20):
        step = mpmath.mpf(10) ** -digits
        x = [mpmath.mpf(float(t)) for t in x]
        columns = []
        for j in range(len(x)):
            ahead, behind = (evaluate_digits(layers, [*x[:j], x[j] + s, *x[j + 1:]]) for s in (step, -step))
            columns.append([(p - q) / (2 * step) for p, q in zip(ahead, behind, strict=True)])
        return evaluate_digits(layers, x), [list(row) for row in zip(*columns, strict=True)]


def evaluate_digits(layers, a):
    """F at a list of mpmath numbers."""
    for layer in layers:
        W, b = layer.W.astype(float), layer.b.astype(float)
        h = [mpmath.fdot(a, map(mpmath.mpf, W[:, i].tolist())) + mpmath.mpf(float(b[i]))
             for i in range(len(b))]
        if layer.activation in NORMS:
            mean = mpmath.fsum(h) / len(h) if layer.activation == "layer_norm" else 0
            h = [t - mean for t in h]
            epsilon = mpmath.mpf(float(np.asarray(layer.parameters.get("epsilon", 1e-5), layer.b.dtype)))
            root = mpmath.sqrt(mpmath.fsum(t * t for t in h) / len(h) + epsilon)
            a = [t / root for t in h]
        elif layer.activation in ROWWISE:
            total = mpmath.fsum(map(mpmath.exp, h))
            a = [mpmath.exp(t) / total if layer.activation == "softmax" else t - mpmath.log(total) for t in h]
        else:
            a = [TEXTBOOK[layer.activation](Digits, t, **unit_parameters(layer, i)) for i, t in enumerate(h)]
    return a


def unit_parameters(layer, i):
    return {name: value if isinstance(value, str) else
            mpmath.mpf(float(np.broadcast_to(value, layer.b.shape)[i]))
            for name, value in layer.parameters.items()}


def running_bound(layers, x, dtype, worst=True):
    """What rounding in `dtype` may do to F(x) and J(x), componentwise.

    With u the unit roundoff and gamma_n = n u / (1 - n u), layer by layer:

        delta = gamma_{n+1} (|W^T| |a| + |b|) + |W^T| e        error of h
        e     = max |f(h +- delta) - f(h)| + k u |a|           error of a
        B     = |D| (|W^T| B + gamma_n |W^T| G)
                + (max |f'(h +- delta) - f'(h)| + k u |f'|) |W^T| G + u |D| |W^T| G
        G     = |D| |W^T| G                                    componentwise condition

    The change of f' over h +- delta takes the place of |f''| delta: it is the same where f is
    smooth, and at a kink within delta it is the jump. Every term also has the absolute error of
    an underflow. Another order of the products has the same bound.

    With `worst=False` every sum and every f and f' counts one rounding, whatever its length: the
    errors of a real pass, which cancel in part, are a small multiple of that.

    Returns
    -------
    e : (n_points, n_out) longdouble array
    B, G : (n_points, n_out, n_in) longdouble arrays
    """
    u = unit_roundoff(dtype)
    tiny = EXTENDED(np.finfo(dtype).smallest_subnormal)
    a = np.asarray(x, EXTENDED)
    e = np.zeros_like(a)
    G = np.broadcast_to(np.eye(a.shape[1], dtype=EXTENDED), (*a.shape, a.shape[1]))
    B = np.zeros_like(G)
    for layer in layers:
        W, b = np.asarray(layer.W, EXTENDED), np.asarray(layer.b, EXTENDED)
        n, k_value, k_slope = (len(W), K_VALUE, K_SLOPE) if worst else (1, 1, 1)
        gamma, gamma_1 = (m * u / (1 - m * u) for m in (n, n + 1))
        h = a @ W + b
        delta = gamma_1 * (abs(a) @ abs(W) + abs(b)) + e @ abs(W) + (len(W) + 1) * tiny
        AG, AB = abs(W).T @ G, abs(W).T @ B
        B = AB + gamma * AG + len(W) * tiny
        if layer.activation in ROWWISE:
            a, e, B, G = _through_rowwise(layer, h, delta, B, AG, worst, u, tiny)
            continue
        a, d = value_and_slope(layer, h)
        below, above = value_and_slope(layer, h - delta), value_and_slope(layer, h + delta)
        e = np.maximum(abs(below[0] - a), abs(above[0] - a)) + k_value * u * abs(a) + tiny
        drift = np.maximum(abs(below[1] - d), abs(above[1] - d))
        size = abs(d)
        if layer.activation in GATED:
            gate = a / np.where(h == 0, 1, h)
            size = np.where(h == 0, size, abs(gate) + abs(d - gate))
        slope_error = drift + k_slope * u * size + tiny
        G = abs(d)[..., None] * AG
        B = (abs(d) + slope_error)[..., None] * B + slope_error[..., None] * AG + u * G + (len(W) + 1) * tiny
    return e, B, G


def _through_rowwise(layer, h, delta, B, AG, worst, u, tiny):
    """The step of `running_bound` over an activation whose derivative is dense."""
    n = h.shape[-1]
    n_sum = n if worst else 1
    if layer.activation in NORMS:
        eye = np.eye(n, dtype=EXTENDED)
        if layer.activation == "layer_norm":
            # The mean is taken off as if by a layer with the weight I − 1 1ᵀ/n.
            spread = eye + EXTENDED(1) / n
            delta = delta @ spread + (n_sum + 2) * u * (abs(h) @ spread)
            AG, B = spread @ AG, spread @ B + (n_sum + 4) * u * (spread @ AG)
        h = centred(layer, h)
        root = root_mean_square(layer, h)
        z = abs(h) / root
        relative = ((2 * abs(h) + delta) * delta).mean(axis=-1, keepdims=True) / root**2 + (n_sum + 8) * u
        e = relative * z + delta / root + tiny
        magnitudes = (eye + z[..., :, None] * z[..., None, :] / n) / root[..., None]
        moved = e[..., :, None] * (z + e)[..., None, :]
        error = relative[..., None] * magnitudes + (moved + moved.mT) / n / root[..., None]
        G = magnitudes @ AG
        B = (magnitudes + error) @ B + error @ AG + (n_sum + 4) * u * G + (n + 2) * tiny
        return h / root, e, B, G
    a = activate(layer, h + 0j).real
    s = activate(Plain(None, None, "softmax"), h + 0j).real
    # Relative error of s: every exponent is off by at most max delta, numerator and sum alike.
    relative = 2 * np.expm1(delta.max(axis=-1, keepdims=True)) + (n_sum + 8) * u
    scale = s if layer.activation == "softmax" else np.ones_like(s)
    e = relative * scale + 2 * u * (abs(h) + abs(a)) + tiny
    if layer.activation == "softmax":
        dense = np.eye(n, dtype=EXTENDED) * s[..., None] + s[..., :, None] * s[..., None, :]
    else:
        dense = np.eye(n, dtype=EXTENDED) + np.broadcast_to(s[..., None, :], (*s.shape, n))
    G = dense @ AG
    B = dense @ B + (2 * relative[..., None] + (n_sum + 4) * u) * G + (n + 2) * tiny
    return a, e, B, G


def numpy_reference(layers, x, dtype):
    """F(x) and J(x) of one point with NumPy products in `dtype` and f, f' rounded from long double."""
    a, J = np.asarray(x, dtype), None
    for layer in layers:
        W, b = layer.W.astype(dtype), layer.b.astype(dtype)
        h = a @ W + b
        if layer.activation in NORMS:
            wide = centred(layer, h.astype(EXTENDED))
            root = root_mean_square(layer, wide)
            a, r = (wide / root).astype(dtype), (1 / root).astype(dtype)
            step = (r * (np.eye(len(a), dtype=dtype) - np.outer(a, a) / dtype(len(a)))) @ W.T
            if layer.activation == "layer_norm":
                step = step - step.mean(axis=0)
        elif layer.activation in ROWWISE:
            s = activate(Plain(None, None, "softmax"), h.astype(EXTENDED) + 0j).real.astype(dtype)
            a = activate(layer, h.astype(EXTENDED) + 0j).real.astype(dtype)
            ones = np.ones_like(s)
            D = np.diag(s) - np.outer(s, s) if layer.activation == "softmax" else np.diag(ones) - s
            step = D @ W.T
        else:
            a, d = (t.astype(dtype) for t in value_and_slope(layer, h.astype(EXTENDED)))
            step = d[:, None] * W.T
        J = step if J is None else step @ J
    return a, J


def normwise(J, exact):
    """The Frobenius norm of the error, relative to that of the exact J; one figure per point."""
    error = np.linalg.norm((np.asarray(J, EXTENDED) - exact).astype(EXTENDED), axis=(-2, -1))
    norm = np.linalg.norm(exact, axis=(-2, -1))
    return np.where(error == 0, 0, error / np.where(norm == 0, 1, norm)).astype(float)
