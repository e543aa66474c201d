"""The networks that are measured, and a plain NumPy route to their values and Jacobians."""

import numpy as np

import fastjac as fj

SHAPES = {
    "tiny": ((4, 32, 32, 2), "tanh"),
    "small": ((8, 64, 64, 8), "tanh"),
    "acas": ((5, 50, 50, 50, 50, 50, 50, 5), "relu"),
    "med": ((64, 256, 256, 64), "tanh"),
    "wide": ((64, 512, 512, 64), "tanh"),
    "cosmo": ((6, 512, 512, 512, 512, 420), "tanh"),
    "autoencoder": ((784, 256, 64, 256, 784), "tanh"),
    "bottleneck": ((784, 256, 16, 256, 784), "tanh"),
}

NUMPY = {  # h -> f(h), f'(h)
    "tanh": lambda h: (np.tanh(h), 1 / np.cosh(h) ** 2),
    "relu": lambda h: (np.maximum(h, 0), (h > 0).astype(h.dtype)),
    "sigmoid": lambda h: (1 / (1 + np.exp(-h)), np.exp(-h) / (1 + np.exp(-h)) ** 2),
    "silu": lambda h: (h / (1 + np.exp(-h)), (1 + np.exp(-h) + h * np.exp(-h)) / (1 + np.exp(-h)) ** 2),
    "identity": lambda h: (h, np.ones_like(h)),
}


def make_layers(name, dtype):
    """[(W, b, activation), ...] of one of `SHAPES`, the last layer linear, always the same numbers."""
    widths, activation = SHAPES[name]
    random = np.random.default_rng(sum(widths))
    layers = []
    for k, (n_in, n_out) in enumerate(zip(widths, widths[1:], strict=False), start=2):
        W = random.normal(0, np.sqrt(1.5 / n_in), (n_in, n_out)).astype(dtype)
        b = random.normal(0, 0.1, n_out).astype(dtype)
        layers.append((W, b, "identity" if k == len(widths) else activation))
    return layers


def make_network(name, dtype, **options):
    return fj.Network(make_layers(name, dtype), **options)


def make_points(name, n_points, dtype):
    """(n_points, n_in) points away from kinks; the memory has been touched."""
    n_in = SHAPES[name][0][0]
    x = np.random.default_rng(7).normal(size=(n_points + n_points // 10 + 10, n_in)).astype(dtype)
    return x[away_from_kinks(make_layers(name, dtype), x)][:n_points]


def away_from_kinks(layers, points):
    """Which points lie not so near a kink of relu that rounding decides on which side."""
    a, is_away = np.asarray(points, np.float64), np.full(len(points), True)
    for W, b, activation in layers:
        W = W.astype(np.float64)
        h = a @ W + b
        if activation == "relu":
            is_away &= (np.abs(h) > 3e-6 * (np.abs(a) @ np.abs(W) + np.abs(b))).all(axis=1)
        a = NUMPY[activation](h)[0]
    return is_away


def make_direction(shape, dtype):
    return np.random.default_rng(11).normal(size=shape).astype(dtype)


def value_and_jacobian(layers, points):
    """Textbook forward mode in float64: y (n_points, n_out), J (n_points, n_out, n_in)."""
    a = np.asarray(points, np.float64)
    J = np.eye(a.shape[1])
    for W, b, activation in layers:
        Wt = W.T.astype(np.float64)
        a, d = NUMPY[activation](a @ Wt.T + b)
        J = d[:, :, None] * (Wt @ J)
    return a, J
