"""Chains of parts as their docstrings have them, in long double, and J by complex steps.

`value` also takes a function that is applied to every number that a computer would round. With one that changes
them a little at random, the changes of the result say what rounding may do to it (Monte Carlo arithmetic:
Parker, Pierce, Eggert 2000, doi:10.1109/5992.852391), whatever the order in which it is computed.
"""

import numpy as np
from oracles import NORMS, STEP, Plain, activate
from textbook import EXTENDED

import fastjac as fj


def value(parts, a, rounded=lambda z: z):
    """F(a) of parts one after the other; `a` may be complex."""
    for part in parts:
        a = rounded(_value(part, a, rounded))
    return a


def _value(part, a, rounded):
    if isinstance(part, tuple):
        return _value(fj.Layer(*part), a, rounded)
    if isinstance(part, fj.Residual):
        return value(part.layers, a, rounded) + (a if part.skip is None else value([part.skip], a, rounded))
    if isinstance(part, fj.Concatenation):
        both = [a, value(part.layers, a, rounded)]
        return np.concatenate(both[::-1] if part.last else both, axis=-1)
    if isinstance(part, fj.Affine):
        return rounded(part.scale) * (a - rounded(part.center)) + rounded(part.shift)
    if isinstance(part, fj.RMSNorm):
        return rounded(part.affine.scale) * _normalised(a, part.epsilon, rounded)
    if isinstance(part, fj.LayerNorm):
        a = a - rounded(a.mean(axis=-1, keepdims=True))
        return rounded(part.affine.scale) * _normalised(a, part.epsilon, rounded) + rounded(part.affine.shift)
    if isinstance(part, fj.Layer):
        a = rounded(a @ rounded(part.W) + (0 if part.b is None else rounded(part.b)))
        if part.n_carried:
            own, carried = np.split(a, [-part.n_carried], axis=-1)
            return np.concatenate([_activated(part, own, rounded), carried], axis=-1)
    return _activated(part, a, rounded)


def _activated(part, h, rounded):
    if part.activation == "gelu_tanh":
        return activate(Plain(None, None, "gelu", {"approximate": "tanh"}), h)
    if part.activation not in NORMS:
        return activate(part, h)
    norm = fj.LayerNorm if part.activation == "layer_norm" else fj.RMSNorm
    return _value(norm(epsilon=part.parameters["epsilon"]), h, rounded)


def _normalised(a, epsilon, rounded):
    a = rounded(a)
    return a / rounded(np.sqrt((a**2).mean(axis=-1, keepdims=True) + epsilon))


def value_and_jacobian(parts, x, rounded=lambda z: z):
    """F(x) and J(x) of points (n_points, n_in)."""
    x = np.asarray(x, EXTENDED)
    z = value(parts, x[:, None, :] + 1j * STEP * np.eye(x.shape[1], dtype=EXTENDED), rounded)
    return z.real[:, 0], np.swapaxes(z.imag, 1, 2) / STEP


def effect_of_rounding(parts, x, unit, n_trials=8):
    """How far F(x) and J(x) move, at most, where all numbers are changed by up to `unit` times themselves.

    Returns
    -------
    e : (n_points,) array
        The largest change of any output of a point.
    B : (n_points,) array
        The largest change of any element of its J.
    """
    random = np.random.default_rng(0)

    def rounded(z):
        z = np.asarray(z)
        moved = z.real * (1 + unit * random.uniform(-1, 1, z.shape))
        return moved + 1j * (z.imag * (1 + unit * random.uniform(-1, 1, z.shape))) if np.iscomplexobj(z) else moved

    y, J = value_and_jacobian(parts, x)
    e, B = np.zeros(len(y)), np.zeros(len(y))
    for _ in range(n_trials):
        moved_y, moved_J = value_and_jacobian(parts, x, rounded)
        e = np.maximum(e, abs(moved_y - y).max(axis=1))
        B = np.maximum(B, abs(moved_J - J).max(axis=(1, 2)))
    return e, B
