"""What is computed: networks, points, and the reference."""

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np
from suites.networks import away_from_kinks, value_and_jacobian

import fastjac as fj
from peers import real

NETWORKS = {  # name -> widths, activation of the hidden layers, points of the batch
    "tiny": ((4, 32, 32, 2), "tanh", 10_000),
    "small": ((8, 64, 64, 8), "tanh", 10_000),
    "acas": ((5, 50, 50, 50, 50, 50, 50, 5), "relu", 10_000),
    "med": ((64, 256, 256, 64), "tanh", 100),
    "cosmo": ((6, 512, 512, 512, 512, 420), "tanh", 100),
    "wide-out": ((6, 512, 512, 512, 512, 2507), "tanh", 100),
    "one-hidden": ((3, 64, 5), "tanh", 128),
    "tangent": ((6, 32, 32, 6), "tanh", 100_000),  # strain to stress
    "three-hidden": ((8, 64, 64, 64, 8), "tanh", 10_000),
    "autoencoder": ((784, 256, 64, 256, 784), "relu", 100),
    "pendulum": (None, None, 10_000),  # the one that ships with fastjac
    **dict.fromkeys(real.NETWORKS, (None, None, 1_000)),
}
PEAK_NETWORKS = {  # for the share of the core's peak
    "8-64-64-8": ((8, 64, 64, 8), "tanh", 10_000),
    "16-128-128-16": ((16, 128, 128, 16), "tanh", 2_000),
    "64-256-256-64": ((64, 256, 256, 64), "tanh", 200),
    "64-512-512-64": ((64, 512, 512, 64), "tanh", 100),
}


@dataclass(frozen=True)
class Case:
    """A network, [(W, b, activation), ...] with a linear last layer, and its points x, (n_in,) or (n, n_in)."""

    layers: list
    x: np.ndarray
    folder: Path  # for what is compiled

    @property
    def dtype(self):
        return self.x.dtype

    @property
    def n_in(self):
        return self.layers[0][0].shape[0]

    @property
    def n_out(self):
        return self.layers[-1][0].shape[1]

    @property
    def widths(self):
        return (self.n_in, *(W.shape[1] for W, _, _ in self.layers))

    @property
    def n_weights(self):
        return sum(W.size for W, _, _ in self.layers)

    @property
    def description(self):
        """Widths, and the activations of the hidden layers."""
        names = dict.fromkeys(name for _, _, name in self.layers[:-1])
        return f"{'-'.join(map(str, self.widths))} {', '.join(names)}"

    @cached_property
    def reference(self):
        """y and J in float64, from textbook formulas."""
        y, J = value_and_jacobian(self.layers, np.atleast_2d(self.x))
        return (y, J) if self.x.ndim == 2 else (y[0], J[0])

    def empty(self):
        """Memory for y and J."""
        shape = self.x.shape[:-1] + (self.n_out,)
        return np.zeros(shape, self.dtype), np.zeros(shape + (self.n_in,), self.dtype)


def make_case(name, batch, dtype, folder, known=NETWORKS, n_points_at_most=None):
    """The case of one point, or of a batch, of a network that is known by name."""
    widths, activation, n_points = known[name]
    x = None
    if widths is not None:
        layers = make_layers(widths, activation)
    elif name == "pendulum":
        layers = bundled_layers()
    else:
        layers, x = real.load(name)
    layers = [(W.astype(dtype), b.astype(dtype), activation) for W, b, activation in layers]
    n_points = min(n_points, n_points_at_most or n_points) if batch else 1
    x = make_points(layers, n_points, dtype, x)
    return Case(layers, x if batch else x[0].copy(), folder)


def make_layers(widths, activation):
    """[(W, b, activation), ...], always the same numbers."""
    random = np.random.default_rng(sum(widths))
    names = [activation] * (len(widths) - 2) + ["identity"]
    return [
        (random.normal(0, np.sqrt(1.5 / n_in), (n_in, n_out)), random.normal(0, 0.1, n_out), name)
        for n_in, n_out, name in zip(widths, widths[1:], names)
    ]


def bundled_layers():
    with resources.as_file(resources.files("fastjac.data") / "pendulum.npz") as path:
        return [(layer.W, layer.b, layer.activation) for layer in fj.from_npz(path).layers]


def make_points(layers, n_points, dtype, x=None):
    """(n_points, n_in) points, none so near a kink of relu that rounding decides on which side it lies.

    They are drawn from a normal distribution, or from the rows of x.
    """
    random, n_drawn = np.random.default_rng(7), 2 * n_points + 10
    n_in = layers[0][0].shape[0]
    x = random.normal(size=(n_drawn, n_in)) if x is None else x[random.integers(len(x), size=n_drawn)]
    x = x.astype(dtype)
    x = x[away_from_kinks(layers, x)][:n_points]
    assert len(x) == n_points, f"expected {n_points} points away from kinks, got {len(x)}"
    return x
