"""Blocks with skips, normalisation and softmax, beside the same dense layers without them."""

import numpy as np

import fastjac as fj

SIZES = {"16-16-16": (16, 16), "64-64-64": (64, 64), "64-256-64": (64, 256)}
N_BLOCKS, N_ENDS = 4, 8


def dense(random, n_in, n_out, activation="identity"):
    return fj.Layer(random.normal(size=(n_in, n_out)) / np.sqrt(n_in), random.normal(0, 0.1, n_out), activation)


def parts(kind, n, h):
    """Four blocks between two dense layers."""
    random = np.random.default_rng(0)
    found = [dense(random, N_ENDS, n)]
    for _ in range(N_BLOCKS):
        inner = [dense(random, n, h, "silu"), dense(random, h, n)]
        found += {
            "plain": inner,
            "residual": [fj.Residual(inner)],
            "norm before": [fj.Residual([fj.LayerNorm(), *inner])],
            "norm behind": [fj.Residual(inner), fj.LayerNorm()],
            "softmax": [inner[0], inner[1], fj.Elementwise("softmax")],
        }[kind]
    return [*found, dense(random, n, N_ENDS)]


def value(parts, a):
    """The network in NumPy; `a` may be complex."""
    for part in parts:
        if isinstance(part, fj.Residual):
            a = a + value(part.layers, a)
        elif isinstance(part, fj.LayerNorm):
            a = a - a.mean(axis=-1, keepdims=True)
            a = a / np.sqrt((a**2).mean(axis=-1, keepdims=True) + part.epsilon)
        elif isinstance(part, fj.Elementwise):
            a = np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)
        else:
            h = a @ part.W + part.b
            a = h if part.activation == "identity" else h / (1 + np.exp(-h))
    return a


class Blocks:
    """Value and Jacobian; `plain` is what the others are to be compared with."""

    params = (["plain", "residual", "norm before", "norm behind", "softmax"], list(SIZES), [1, 200])
    param_names = ("kind", "block", "n_points")

    def setup(self, kind, block, n_points):
        self.net = fj.Network(parts(kind, *SIZES[block]))
        x = np.random.default_rng(1).normal(size=(n_points, N_ENDS))
        self.x = x[0] if n_points == 1 else x
        self.out = self.net.value_and_jacobian(self.x)

    def time_value_and_jacobian(self, kind, block, n_points):
        return self.net.value_and_jacobian(self.x, out=self.out)

    def reference_value_and_jacobian(self, kind, block, n_points):
        step = 1e-200
        found = parts(kind, *SIZES[block])
        directions = 1j * step * np.eye(N_ENDS)
        return value(found, self.x), np.stack([value(found, self.x + v).imag / step for v in directions], axis=-1)
